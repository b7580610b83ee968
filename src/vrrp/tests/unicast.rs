//! Unicast: whom an instance listens to, what it sends to each peer, and that peers may come and go. What keeps it from running, and
//! which instance is meant, is in `standing`.

mod standing;

use super::*;
use crate::config::model::{OldChecksum, Unicast, UnicastPeer};
use crate::wire::ipv6;
use crate::wire::vrrp::Family;
use crate::wire::vrrp::v3::Coverage;
use std::net::Ipv6Addr;

const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 0, 9, 9);
const OWN6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 5);
const HIGHER6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 9);

fn peer(address: impl Into<IpAddr>) -> UnicastPeer {
    UnicastPeer {
        address: address.into(),
        min_ttl: 0,
        max_ttl: 255,
    }
}

fn to(peers: &[UnicastPeer]) -> Unicast {
    Unicast {
        peers: peers.to_vec(),
        ttl: 255,
        check_source: false,
        old_checksum: OldChecksum::Learned,
    }
}

/// With the peers LOWER and HIGHER.
fn two_peers(config: &mut VrrpInstance) {
    config.transport.unicast = Some(to(&[peer(LOWER), peer(HIGHER)]));
}

fn three(config: &mut VrrpInstance) {
    two_peers(config);
    config.version = Version::V3;
}

fn changed(config: &mut VrrpInstance) -> &mut Unicast {
    config.transport.unicast.as_mut().expect("unicast")
}

fn header(source: Ipv4Addr, destination: Ipv4Addr, ttl: u8) -> ip::Header {
    ip::Header {
        tos: ip::TOS_NETWORK_CONTROL,
        id: 1,
        ttl,
        protocol: ip::PROTOCOL_VRRP,
        source,
        destination,
    }
}

fn from_to(source: Ipv4Addr, destination: Ipv4Addr, ttl: u8, priority: u8) -> Vec<u8> {
    let message = Advert::new(51, priority, 1, &VIP.octets()).emit();
    header(source, destination, ttl).emit(&message)
}

/// Of version 3; its checksum names `named` as destination.
fn three_from(source: Ipv4Addr, named: Ipv4Addr, priority: u8) -> Vec<u8> {
    let addresses = VIP.octets();
    let advert = v3::Advert::new(Family::V4, 51, priority, 100, &addresses);
    let message = advert.emit(source.into(), named.into(), Coverage::PseudoHeader);
    header(source, OWN, 255).emit(&message)
}

fn sent(bench: &Bench) -> Vec<Vec<u8>> {
    let mut adverts = bench.actions.iter().filter_map(|action| match action {
        Action::SendAdvert { packets, .. } => Some(packets.as_slice().to_vec()),
        _ => None,
    });
    adverts.next_back().unwrap_or_default()
}

/// Where it was sent, and how far it may go.
fn ends(bench: &Bench) -> Vec<(IpAddr, u8)> {
    let sent = sent(bench);
    let ends = |packet: &Vec<u8>| {
        let (envelope, _) = Envelope::open(packet).expect("our own packet");
        (envelope.destination, envelope.hops)
    };
    sent.iter().map(ends).collect()
}

#[test]
fn one_advert_goes_to_every_peer() {
    let bench = Bench::master(two_peers);
    assert_eq!(bench.instance().stats().advert_sent, 1);
    let mut bench = bench;
    bench.timer(TimerKey::Advert(0));
    assert_eq!(bench.done(), ["advert 100", "advert in 1s"]);
    assert_eq!(ends(&bench), [(LOWER.into(), 255), (HIGHER.into(), 255)]);
    assert_eq!(bench.instance().stats().advert_sent, 2, "one advert");
    let ids: Vec<u16> = sent(&bench)
        .iter()
        .map(|packet| ip::Header::parse(packet).expect("our own").0.id)
        .collect();
    assert_eq!(ids, [2, 2], "RFC 791: unique for a source and destination");
    bench.event(Event::Stop);
    assert_eq!(bench.done()[2..], ["advert 0", "drop", "now STOP"]);
    assert_eq!(ends(&bench), [(LOWER.into(), 255), (HIGHER.into(), 255)]);
}

#[test]
fn unicast_ttl_is_sent() {
    let mut bench = Bench::master(|c| {
        two_peers(c);
        changed(c).ttl = 7;
    });
    bench.timer(TimerKey::Advert(0));
    assert_eq!(ends(&bench), [(LOWER.into(), 7), (HIGHER.into(), 7)]);
}

#[test]
fn nobody_sends_to_himself() {
    let mut bench =
        Bench::master(|c| c.transport.unicast = Some(to(&[peer(LOWER), peer(OWN), peer(HIGHER)])));
    bench.timer(TimerKey::Advert(0));
    assert_eq!(ends(&bench), [(LOWER.into(), 255), (HIGHER.into(), 255)]);
}

/// Who is heard, with and without `check_unicast_src` and bounds at the peers.
#[test]
fn whom_it_listens_to() {
    let bounded = |c: &mut VrrpInstance| {
        two_peers(c);
        let unicast = changed(c);
        unicast.check_source = true;
        unicast.peers = vec![
            UnicastPeer {
                min_ttl: 253,
                max_ttl: 254,
                ..peer(LOWER)
            },
            peer(HIGHER),
        ];
    };
    let checking = |c: &mut VrrpInstance| {
        two_peers(c);
        changed(c).check_source = true;
    };
    type Change = fn(&mut VrrpInstance);
    type Counter = fn(&Stats) -> u64;
    /// What, how it is configured, from where, to where, TTL, and what is wrong with it.
    type Row = (
        &'static str,
        Change,
        Ipv4Addr,
        Ipv4Addr,
        u8,
        Option<(Counter, String)>,
    );
    let ttl: Counter = |stats| stats.ip_ttl_err;
    let stranger: Counter = |stats| stats.unicast_source_err;
    let destination: Counter = |stats| stats.destination_err;
    let not_a_peer = "(VI_1) unicast source address 10.0.9.9 not a unicast peer";
    let grouped = "(VI_1) advert from 10.0.0.1 was multicast to 224.0.0.18, but this instance is one of unicast: use unicast_peer on \
                   both, or on neither";
    #[rustfmt::skip]
    let rows: Vec<Row> = vec![
        ("a peer",                     two_peers, LOWER,    OWN,   255, None),
        ("a peer far away",            two_peers, LOWER,    OWN,   3,   None),
        ("anybody, unchecked",         two_peers, STRANGER, OWN,   255, None),
        ("to a second address of us",  two_peers, LOWER,    VIP,   255, None),
        ("multicast to unicast",       two_peers, LOWER,    GROUP, 255, Some((destination, grouped.into()))),
        ("a peer, checked",            checking,  HIGHER,   OWN,   1,   None),
        ("anybody, checked",           checking,  STRANGER, OWN,   255, Some((stranger, not_a_peer.into()))),
        ("within the bounds",          bounded,   LOWER,    OWN,   253, None),
        ("at their other end",         bounded,   LOWER,    OWN,   254, None),
        ("no bounds at this peer",     bounded,   HIGHER,   OWN,   1,   None),
        ("too far",                    bounded,   LOWER,    OWN,   252,
            Some((ttl, "(VI_1) invalid TTL/HL from 10.0.0.1. Received 252 and expect 253 to 254".into()))),
        ("too near",                   bounded,   LOWER,    OWN,   255,
            Some((ttl, "(VI_1) invalid TTL/HL from 10.0.0.1. Received 255 and expect 253 to 254".into()))),
        ("unicast to multicast",       |_| {},    LOWER,    OWN,   255,
            Some((destination, "(VI_1) advert from 10.0.0.1 was unicast to 10.0.0.5, but this instance is one of multicast: use \
                                unicast_peer on both, or on neither".into()))),
    ];
    for (what, change, source, destination, hops, fault) in rows {
        let mut bench = Bench::new(change);
        bench
            .wait(SECOND)
            .packet(&from_to(source, destination, hops, 200));
        match fault {
            None => assert_eq!(bench.done(), ["down in 3.609375s"], "{what}"),
            Some((counter, line)) => {
                assert_eq!(bench.done(), Vec::<String>::new(), "{what}");
                assert_eq!(bench.told(), [line], "{what}");
                assert_eq!(counter(bench.instance().stats()), 1, "{what}");
                bench.packet(&from_to(source, destination, hops, 200));
                assert_eq!(bench.told(), Vec::<String>::new(), "{what}: told once");
            }
        }
    }
}

/// 6.4.3: of equal priorities the higher source address wins; ours is what we send from, not the primary address.
#[test]
fn a_tie_is_broken_by_the_source_that_is_sent() {
    let with_source = |source: Ipv4Addr| {
        move |c: &mut VrrpInstance| {
            two_peers(c);
            c.source = Some(source.into());
        }
    };
    let tie = |source: Ipv4Addr, theirs: Ipv4Addr| {
        let mut bench = Bench::master(with_source(source));
        bench.packet(&from_to(theirs, source, 255, 100));
        bench.state()
    };
    let between = Ipv4Addr::new(10, 0, 0, 7);
    assert_eq!(tie(between, HIGHER), State::Backup);
    assert_eq!(tie(between, LOWER), State::Master);
    assert_eq!(
        tie(STRANGER, HIGHER),
        State::Master,
        "10.0.9.9 is above 10.0.0.9, the primary 10.0.0.5 is not"
    );
}

/// Version 3 checksums name the destination, so that each peer gets its own.
#[test]
fn version_3_checksums_fit_each_peer() {
    for coverage in [Coverage::PseudoHeader, Coverage::Message] {
        let mut bench = Bench::master(|c| {
            three(c);
            c.checksum_as_v2 = coverage == Coverage::Message;
        });
        bench.timer(TimerKey::Advert(0));
        for packet in sent(&bench) {
            let (envelope, message) = Envelope::open(&packet).expect("our own");
            let parsed = v3::Advert::parse(message, envelope.source, envelope.destination);
            assert_eq!(parsed.map(|(_, covers)| covers), Ok(coverage));
        }
    }
}

/// keepalived before 1.3.7 computed its checksums as if unicast adverts went to the group.
#[test]
fn old_checksums() {
    // (setting, old ones accepted, then sent to that peer, sent to the other)
    for (setting, accepted, to_lower, to_higher) in [
        (OldChecksum::Learned, true, GROUP, HIGHER),
        (OldChecksum::Always, true, GROUP, GROUP),
        (OldChecksum::Never, false, LOWER, HIGHER),
    ] {
        let mut bench = Bench::new(|c| {
            three(c);
            changed(c).old_checksum = setting;
        });
        bench.packet(&three_from(LOWER, GROUP, 200));
        let expected: &[&str] = if accepted {
            &["down in 3.609375s"]
        } else {
            &[]
        };
        assert_eq!(bench.done(), expected, "{setting:?}");
        assert_eq!(
            bench.instance().stats().checksum_err,
            u64::from(!accepted),
            "{setting:?}"
        );
        bench.packet(&three_from(STRANGER, GROUP, 200));
        bench.wait(SECOND * 4).timer(TimerKey::MasterDown(0));
        let named = [to_lower, to_higher];
        for (packet, named) in sent(&bench).iter().zip(named) {
            let (envelope, message) = Envelope::open(packet).expect("our own");
            let parsed = v3::Advert::parse(message, envelope.source, named.into());
            assert!(parsed.is_ok(), "{setting:?} to {}", envelope.destination);
        }
        if setting == OldChecksum::Learned {
            bench.packet(&three_from(LOWER, OWN, 50));
            bench.wait(SECOND).timer(TimerKey::Advert(0));
            let packets = sent(&bench);
            let (envelope, message) = Envelope::open(&packets[0]).expect("our own");
            let parsed = v3::Advert::parse(message, envelope.source, LOWER.into());
            assert!(parsed.is_ok(), "it was brought up to date");
        }
    }
    let mut bench = Bench::new(|c| c.version = Version::V3);
    bench.packet(&three_from(LOWER, GROUP, 200));
    assert_eq!(
        bench.instance().stats().checksum_err,
        1,
        "an instance of multicast knows no such thing"
    );
}

/// Old checksums were never those of IPv6.
#[test]
fn over_ipv6_from_a_global_address() {
    for version in [Version::V2, Version::V3] {
        let mut bench = Bench::master(|c| {
            c.version = version;
            c.multicast_group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12).into();
            c.source = Some(OWN6.into());
            c.virtual_addresses = vec![VirtualAddress::new(HIGHER6.into(), 128)];
            c.transport.unicast = Some(to(&[peer(HIGHER6)]));
            changed(c).old_checksum = OldChecksum::Always;
        });
        bench.timer(TimerKey::Advert(0));
        assert_eq!(ends(&bench), [(HIGHER6.into(), 255)], "{version:?}");
        // Its own answer with the ends exchanged is one of the same priority from a higher address.
        let packets = sent(&bench);
        let (_, message) = ipv6::Header::parse(&packets[0]).expect("our own");
        let answer = ipv6::Header {
            traffic_class: 0,
            flow_label: 0,
            next_header: ip::PROTOCOL_VRRP,
            hop_limit: 3,
            source: HIGHER6,
            destination: OWN6,
        };
        bench.packet(&answer.emit(message));
        assert_eq!(bench.state(), State::Backup, "{version:?}");
    }
}

fn received(bench: &Bench) -> Vec<(String, u64)> {
    let all = bench.router.instances();
    all.map(|one| (one.name().to_owned(), one.stats().advert_rcvd))
        .collect()
}

#[test]
fn peers_that_come_and_go_disturb_nobody() {
    let with = |peers: &[UnicastPeer]| {
        let mut config = config();
        config.transport.unicast = Some(to(peers));
        config
    };
    let mut bench = Bench::master(two_peers);
    bench.reload(vec![with(&[peer(HIGHER), peer(STRANGER)])]);
    assert_eq!(
        bench.done(),
        ["advert 100", "advert in 1s"],
        "the new one is told at once"
    );
    assert_eq!(ends(&bench), [(HIGHER.into(), 255), (STRANGER.into(), 255)]);
    bench.reload(vec![with(&[peer(HIGHER), peer(STRANGER)])]);
    assert_eq!(bench.done(), Vec::<String>::new());

    let mut bench = Bench::new(two_peers);
    bench.wait(SECOND);
    bench.reload(vec![with(&[peer(HIGHER)])]);
    assert_eq!(
        bench.done(),
        ["down in 2.609375s"],
        "a backup waits on as it did"
    );

    let mut bench = Bench::master(two_peers);
    bench.reload(vec![config()]);
    assert!(
        bench.done().contains(&"now FAULT".to_owned()),
        "who hears multicast does not hear unicast: another router"
    );
}

#[test]
fn one_failing_peer_is_named_and_seldom() {
    const EHOSTUNREACH: i32 = 113;
    let mut bench = Bench::master(two_peers);
    let mut fail = |destination: Ipv4Addr| {
        bench.event(Event::SendFailed {
            instance: 0,
            destination: Some(destination.into()),
            error: EHOSTUNREACH,
        });
        bench.told()
    };
    assert_eq!(
        fail(LOWER),
        ["(VI_1) advert could not be sent to 10.0.0.1: No route to host (os error 113)"]
    );
    assert_eq!(fail(LOWER), Vec::<String>::new());
    assert_eq!(fail(HIGHER), Vec::<String>::new());
    assert_eq!(bench.instance().stats().advert_send_failed, 3);
    assert_eq!(bench.state(), State::Master);
}
