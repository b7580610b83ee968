//! Group 2: the state diagram (RFC 3768 section 6.4, RFC 9568 section 6.4).

use std::net::IpAddr;
use std::time::Duration;

use super::Item;
use crate::support::bench::{Bench, SLACK, Setting, answers};
use crate::support::packet::{Advert, Kind, Seen};
use crate::support::wire::{Frame, election_bound};
use crate::support::{millis, secs, wait_for, wait_until};

pub const ITEMS: [Item; 7] = [
    ("2_1_initialize_state", initialize),
    ("2_2_packets_in_backup_state", packets_in_backup),
    ("2_3_master_down_in_backup_state", master_down_in_backup),
    ("2_4_adverts_in_backup_state", adverts_in_backup),
    ("2_5_packets_in_master_state", packets_in_master),
    ("2_6_shutdown_in_master_state", shutdown_in_master),
    ("2_7_adverts_in_master_state", adverts_in_master),
];

const PRIORITY: u8 = 100;

fn plain(kind: Kind) -> Setting {
    Setting::plain(kind, PRIORITY)
}

/// The address that a frame announces: gratuitous ARP, or unsolicited neighbour advertisement with the override flag.
fn announced(frame: &Frame) -> Option<IpAddr> {
    const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
    const ICMPV6: u8 = 58;
    const OVERRIDE: u8 = 0x20;
    const SOLICITED: u8 = 0x40;
    let v6 = || {
        let ip = frame.bytes.get(14..)?;
        let message = ip.get(40..64)?;
        let is = frame.bytes[12..14] == [0x86, 0xdd]
            && ip[6] == ICMPV6
            && message[0] == NEIGHBOUR_ADVERTISEMENT
            && message[4] & (OVERRIDE | SOLICITED) == OVERRIDE;
        let target: [u8; 16] = message[8..24].try_into().ok()?;
        is.then(|| IpAddr::from(target))
    };
    frame.gratuitous().map(IpAddr::V4).or_else(v6)
}

/// The router says that it is master and only then that the addresses are its own, each of them.
#[track_caller]
fn announces(bench: &Bench, mark: usize) {
    let all = || {
        bench
            .world
            .capture
            .frames_since(mark)
            .into_iter()
            .filter(|frame| frame.node == 0)
    };
    let mut expected = bench.addresses();
    expected.sort();
    wait_until("every address is announced", SLACK, || {
        let mut seen: Vec<IpAddr> = all().filter_map(|frame| announced(&frame)).collect();
        seen.sort();
        seen.dedup();
        expected.iter().all(|address| seen.contains(address))
    });
    let first_advert = all()
        .find_map(|frame| Seen::of(&frame))
        .expect("an advert")
        .at;
    let first =
        all().find(|frame| announced(frame).is_some_and(|address| expected.contains(&address)));
    assert!(
        first_advert <= first.expect("just seen").at,
        "the advert comes first"
    );
}

/// An owner (priority 255) is master at once; any other router is silent for a Master_Down_Interval.
fn initialize(kind: Kind) {
    let slow = |priority| Setting {
        priority,
        tenths: 10,
        lines: "",
    };
    let (bench, since) = Bench::start(kind, slow(255));
    let first = bench.next_advert(0);
    assert_eq!(first.advert.priority, 255);
    let waited = first.at - since;
    assert!(
        waited < bench.master_down(255),
        "an owner waited {waited:?}"
    );
    bench.becomes_master();
    announces(&bench, 0);
    drop(bench);

    let (bench, since) = Bench::start(kind, slow(PRIORITY));
    let first = bench.next_advert(0);
    let waited = first.at - since;
    assert!(
        waited >= bench.master_down(PRIORITY),
        "a router that owns nothing waited {waited:?}"
    );
}

/// A Backup does not say whose the address is, and takes no packet sent to it.
fn packets_in_backup(kind: Kind) {
    let bench = Bench::backup(kind, plain(kind));
    reach(&bench, kind);
    let mark = bench.world.capture.mark();
    let better = bench.right(200);
    for _ in 0..4 {
        better.send(bench.station());
        assert!(
            !answers(bench.station(), bench.vip()),
            "a Backup answers for the address"
        );
    }
    let claims = bench.world.capture.frames_since(mark);
    let claim = claims
        .iter()
        .find(|frame| frame.node == 0 && tells(frame, bench.vip()));
    assert!(
        claim.is_none(),
        "a Backup tells its own hardware address: {claim:?}"
    );

    let mac = bench.router().run(&["cat", "/sys/class/net/eth0/address"]);
    let vip = bench.vip().to_string();
    bench.station().run(&[
        "ip",
        "neigh",
        "replace",
        &vip,
        "lladdr",
        mac.trim(),
        "dev",
        "eth0",
    ]);
    for _ in 0..4 {
        better.send(bench.station());
        assert!(
            !answers(bench.station(), bench.vip()),
            "a Backup takes the address's packets"
        );
    }
}

/// The station has a route to the virtual address.
fn reach(bench: &Bench, kind: Kind) {
    let length = if kind == Kind::V6 { 128 } else { 32 };
    let network = format!("{}/{length}", bench.vip());
    bench
        .station()
        .run(&["ip", "route", "add", &network, "dev", "eth0"]);
}

/// Whether a frame tells where `address` is: an ARP reply or a neighbour advertisement.
fn tells(frame: &Frame, address: IpAddr) -> bool {
    const REPLY: [u8; 2] = [0, 2];
    let octets = match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(_) => return announced(frame) == Some(address),
    };
    let arp = frame.bytes.get(14..42);
    frame.bytes[12..14] == [8, 6]
        && arp.is_some_and(|arp| arp[6..8] == REPLY && arp[14..18] == octets)
}

/// The master is heard no more: the Backup announces itself and the addresses.
fn master_down_in_backup(kind: Kind) {
    let bench = Bench::backup(kind, plain(kind));
    let last = bench.send(&bench.right(200));
    let mark = bench.world.capture.mark();
    let first = bench.takes_over(last, bench.master_down(PRIORITY), &[]);
    assert_eq!(first.advert.priority, PRIORITY);
    announces(&bench, mark);
}

/// Adverts that a Backup hears: a resignation shortens its wait to the skew; a better or an equal one begins it anew; a worse one
/// does not, unless the router does not preempt.
fn adverts_in_backup(kind: Kind) {
    let bench = Bench::backup(kind, plain(kind));
    bench.hold(&bench.right(PRIORITY));
    let resigned = bench.send(&bench.right(0));
    bench.takes_over(resigned, bench.skew(PRIORITY), &[]);
    bench.send(&bench.right(200));
    bench.becomes_backup();
    let last = bench.send(&bench.right(200));
    bench.takes_over(
        last,
        bench.master_down(PRIORITY),
        &[bench.right(PRIORITY - 1)],
    );
    drop(bench);

    let bench = Bench::backup(
        kind,
        Setting {
            lines: "nopreempt",
            ..plain(kind)
        },
    );
    let last = bench.hold(&bench.right(PRIORITY - 1));
    bench.takes_over(last, bench.master_down(PRIORITY), &[]);
}

/// A Master says whose the address is and takes the packets sent to it.
fn packets_in_master(kind: Kind) {
    let bench = Bench::master(kind, plain(kind));
    reach(&bench, kind);
    wait_until("the Master answers for the address", secs(10), || {
        answers(bench.station(), bench.vip())
    });
    let vip = bench.vip().to_string();
    let known = bench
        .station()
        .run(&["ip", "neigh", "show", &vip, "dev", "eth0"]);
    let mac = bench.router().run(&["cat", "/sys/class/net/eth0/address"]);
    assert!(known.contains(mac.trim()), "{known}");
}

/// A Master that is stopped resigns with priority 0 and has none of the addresses any more.
fn shutdown_in_master(kind: Kind) {
    let bench = Bench::master(kind, plain(kind));
    let mark = bench.world.capture.mark();
    bench.router().stop();
    let last = wait_for("a resignation", secs(5), || {
        bench
            .adverts(mark)
            .into_iter()
            .find(|seen| seen.advert.priority == 0)
    });
    assert_eq!(last.advert.addresses, bench.addresses());
    for address in bench.addresses() {
        assert!(!bench.router().holds(&address.to_string()));
    }
    std::thread::sleep(bench.interval * 2);
    assert_eq!(
        bench.adverts(mark).last().map(|seen| seen.at),
        Some(last.at),
        "it is the last"
    );
}

/// Adverts that a Master hears: a resignation is answered at once; a better one, or an equal one from a higher address, ends its
/// rule; no other does.
fn adverts_in_master(kind: Kind) {
    // With long pauses an answer cannot be mistaken for the next advert.
    const LONG: Duration = secs(3);
    let (bench, _) = Bench::start(
        kind,
        Setting {
            priority: 255,
            tenths: 30,
            lines: "",
        },
    );
    bench.becomes_master();
    let before = bench.next_advert(bench.world.capture.mark());
    let resigned = bench.send(&bench.right(0));
    let answer = wait_for("an answer", LONG, || {
        bench.adverts(0).into_iter().find(|seen| seen.at > resigned)
    });
    assert!(
        answer.at - before.at < LONG - SLACK,
        "a resignation is answered at once"
    );
    drop(bench);

    let bench = Bench::master(kind, plain(kind));
    let from = |above, priority| Advert {
        source: bench.beside(above),
        ..bench.right(priority)
    };
    bench.stays_master(&[
        from(true, PRIORITY - 1),
        from(false, PRIORITY - 1),
        from(false, PRIORITY),
        from(true, 0),
    ]);
    for ender in [from(false, PRIORITY + 1), from(true, PRIORITY)] {
        let sent = bench.send(&ender);
        bench.becomes_backup();
        std::thread::sleep(millis(50));
        let mark = bench.world.capture.mark();
        bench.hold(&ender);
        assert!(
            bench.adverts(mark).is_empty(),
            "a Backup is silent, since {sent:?}"
        );
        wait_until("it is master again", election_bound(), || bench.is_master());
    }
}
