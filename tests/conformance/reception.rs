//! Group 4: adverts that are wrong in one field, and the fields of those that the router sends (RFC 3768 sections 5 and 7.1, RFC 9568
//! sections 5 and 7.1).

use super::Item;
use crate::support::bench::{Bench, Setting, VRID};
use crate::support::packet::{Advert, Kind};

pub const ITEMS: [Item; 8] = [
    ("4_1_invalid_ttl", invalid_ttl),
    ("4_2_invalid_version", invalid_version),
    ("4_3_incomplete_packet", incomplete),
    ("4_4_invalid_checksum", invalid_checksum),
    ("4_5_invalid_vrid", invalid_vrid),
    ("4_8_unknown_type", unknown_type),
    ("4_9_proper_transmission", proper_transmission),
    ("4_9_virtual_mac", virtual_mac),
];

/// Version 3 has no authentication, and learns the interval (3_3).
pub const VERSION_2: [(&str, fn()); 2] = [
    ("4_6_invalid_authentication", invalid_authentication),
    ("4_7_invalid_interval", invalid_interval),
];

const PRIORITY: u8 = 100;

/// Makes a wrong advert of a right one.
type Wrong = fn(Advert) -> Advert;

/// Wrong adverts neither hold a Backup back nor end a Master's rule; the right one does both.
fn discarded(kind: Kind, lines: &'static str, dress: Wrong, wrong: &[Wrong]) {
    let bench = bench_of(kind, lines, dress);
    let right = dress(bench.right(200));
    let wrong: Vec<Advert> = wrong.iter().map(|wrong| wrong(right.clone())).collect();
    let last = bench.send(&right);
    bench.takes_over(last, bench.master_down(PRIORITY), &wrong);
    bench.stays_master(&wrong);
    bench.send(&right);
    bench.becomes_backup();
}

/// A router held back by right adverts.
fn bench_of(kind: Kind, lines: &'static str, dress: Wrong) -> Bench {
    let (bench, _) = Bench::start(
        kind,
        Setting {
            lines,
            ..Setting::plain(kind, PRIORITY)
        },
    );
    bench.listens();
    bench.hold(&dress(bench.right(200)));
    bench
}

fn as_it_is(advert: Advert) -> Advert {
    advert
}

fn invalid_ttl(kind: Kind) {
    discarded(
        kind,
        "",
        as_it_is,
        &[
            |right| Advert { hops: 254, ..right },
            |right| Advert { hops: 64, ..right },
            |right| Advert { hops: 1, ..right },
        ],
    );
}

fn invalid_version(kind: Kind) {
    discarded(
        kind,
        "",
        as_it_is,
        &[
            |right| Advert {
                version_type: 0x01,
                ..right
            },
            |right| Advert {
                version_type: 0x11,
                ..right
            },
            |right| Advert {
                version_type: 0x41,
                ..right
            },
            |right| Advert {
                version_type: 0xf1,
                ..right
            },
            // The other version that there is.
            |right| Advert {
                version_type: right.version_type ^ 0x10,
                ..right
            },
        ],
    );
}

fn incomplete(kind: Kind) {
    discarded(
        kind,
        "",
        as_it_is,
        &[
            |right| Advert { cut: 1, ..right },
            |right| Advert { cut: 4, ..right },
            |right| Advert { cut: 9, ..right },
            |right| Advert {
                count: right.count + 5,
                ..right
            },
        ],
    );
}

fn invalid_checksum(kind: Kind) {
    discarded(
        kind,
        "",
        as_it_is,
        &[
            |right| Advert {
                checksum_error: 1,
                ..right
            },
            |right| Advert {
                checksum_error: 0x8000,
                ..right
            },
        ],
    );
}

fn invalid_vrid(kind: Kind) {
    discarded(
        kind,
        "",
        as_it_is,
        &[
            |right| Advert { vrid: 0, ..right },
            |right| Advert { vrid: 255, ..right },
            |right| Advert {
                vrid: right.vrid + 1,
                ..right
            },
        ],
    );
}

fn unknown_type(kind: Kind) {
    discarded(
        kind,
        "",
        as_it_is,
        &[
            |right| Advert {
                version_type: right.version_type & 0xf0,
                ..right
            },
            |right| Advert {
                version_type: right.version_type & 0xf0 | 2,
                ..right
            },
            |right| Advert {
                version_type: right.version_type | 0x0f,
                ..right
            },
        ],
    );
}

fn invalid_authentication() {
    const PASSWORD: [u8; 8] = *b"s3cr3t\0\0";
    discarded(
        Kind::V2,
        "",
        as_it_is,
        &[
            |right| Advert {
                auth_type: 1,
                auth: PASSWORD,
                ..right
            },
            |right| Advert {
                auth_type: 3,
                ..right
            },
        ],
    );
    discarded(
        Kind::V2,
        "authentication {\n auth_type PASS\n auth_pass s3cr3t\n }",
        |right| Advert {
            auth_type: 1,
            auth: PASSWORD,
            ..right
        },
        &[
            |right| Advert {
                auth: [0; 8],
                ..right
            },
            |right| Advert {
                auth: *b"s3cr3t!\0",
                ..right
            },
            |right| Advert {
                auth_type: 0,
                ..right
            },
            |right| Advert {
                auth_type: 2,
                ..right
            },
            |right| Advert {
                auth_type: 200,
                ..right
            },
        ],
    );
}

fn invalid_interval() {
    discarded(
        Kind::V2,
        "",
        as_it_is,
        &[
            |right| Advert {
                interval: right.interval + 1,
                ..right
            },
            |right| Advert {
                interval: 0,
                ..right
            },
            |right| Advert {
                interval: 255,
                ..right
            },
        ],
    );
}

/// Every field of the router's adverts.
fn proper_transmission(kind: Kind) {
    let bench = Bench::master(kind, Setting::plain(kind, PRIORITY));
    let mark = bench.world.capture.mark();
    let seen = bench.next_advert(mark);
    let right = Advert {
        source: bench.router_address(),
        ..bench.right(PRIORITY)
    };
    assert_eq!(seen.advert, right);
    assert_eq!(seen.destination_mac, kind.group_mac());
}

/// The same from the virtual router's own hardware address, which keepalived gives it only if asked to.
fn virtual_mac(kind: Kind) {
    let lines = "use_vmac";
    let bench = Bench::master(
        kind,
        Setting {
            lines,
            ..Setting::plain(kind, PRIORITY)
        },
    );
    let mark = bench.world.capture.mark();
    let seen = bench.next_advert(mark);
    assert_eq!(seen.source_mac, kind.virtual_mac(VRID));
    assert_eq!(seen.destination_mac, kind.group_mac());
    let right = Advert {
        source: seen.advert.source,
        ..bench.right(PRIORITY)
    };
    assert_eq!(seen.advert, right);
}
