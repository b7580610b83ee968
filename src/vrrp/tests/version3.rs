//! Version 3 (RFC 9568), over IPv4 and IPv6: what differs from version 2, and that the two do not mix. Also version 2 over IPv6.

use super::*;
use crate::wire::ipv6;
use crate::wire::ndisc::NeighbourAdvertisement;
use crate::wire::vrrp::v3::Coverage;
use crate::wire::vrrp::{Family, address_bytes, hmac, ipv6_addresses_max};
use std::net::Ipv6Addr;

const INTERVAL: Duration = Duration::from_millis(100);
const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
const OWN6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 5);
const LOWER6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const HIGHER6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9);
const VIP6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x100);

fn three(config: &mut VrrpInstance) {
    config.version = Version::V3;
    config.advert_interval = INTERVAL;
}

fn six(config: &mut VrrpInstance) {
    three(config);
    config.multicast_group = GROUP6.into();
    config.virtual_addresses = vec![vip6(VIP6, VirtualAddress::NODAD)];
}

fn vip6(address: Ipv6Addr, flags: u32) -> VirtualAddress {
    VirtualAddress {
        flags,
        ..VirtualAddress::new(address.into(), 128)
    }
}

fn eth0_six() -> Interface {
    Interface {
        link_local: Some(OWN6),
        ..eth0()
    }
}

/// A bench whose interface has both kinds of addresses.
fn started(change: impl FnOnce(&mut VrrpInstance)) -> Bench {
    let mut bench = Bench::unstarted(change);
    bench.event(Event::Interface(&eth0_six()));
    bench.event(Event::Start);
    bench
}

fn mastered(change: impl FnOnce(&mut VrrpInstance)) -> Bench {
    let mut bench = started(change);
    bench.wait(SECOND * 10).timer(TimerKey::MasterDown(0));
    assert_eq!(bench.state(), State::Master);
    bench
}

fn of(priority: u8, centiseconds: u16) -> v3::Advert<'static> {
    const ADDRESSES: [u8; 4] = VIP.octets();
    v3::Advert::new(Family::V4, 51, priority, centiseconds, &ADDRESSES)
}

fn over_v4(source: Ipv4Addr, advert: &v3::Advert<'_>, coverage: Coverage) -> Vec<u8> {
    let header = ip::Header {
        tos: ip::TOS_NETWORK_CONTROL,
        id: 1,
        ttl: 255,
        protocol: ip::PROTOCOL_VRRP,
        source,
        destination: GROUP,
    };
    header.emit(&advert.emit(source.into(), GROUP.into(), coverage))
}

fn over_v6(source: Ipv6Addr, hop_limit: u8, message: &[u8]) -> Vec<u8> {
    let header = ipv6::Header {
        traffic_class: 0xc0,
        flow_label: 0xcdd03,
        next_header: ip::PROTOCOL_VRRP,
        hop_limit,
        source,
        destination: GROUP6,
    };
    header.emit(message)
}

fn six_from(source: Ipv6Addr, priority: u8) -> Vec<u8> {
    let addresses = VIP6.octets();
    let advert = v3::Advert::new(Family::V6, 51, priority, 10, &addresses);
    let message = advert.emit(source.into(), GROUP6.into(), Coverage::PseudoHeader);
    over_v6(source, 255, &message)
}

fn sent(bench: &Bench) -> &[u8] {
    let packets = bench.actions.iter().filter_map(|action| match action {
        Action::SendAdvert { packets, .. } => packets.as_slice().first().map(Vec::as_slice),
        _ => None,
    });
    let packets: Vec<_> = packets.collect();
    packets.first().copied().expect("an advert was sent")
}

/// 6.4.2 (420): "Set Active_Adver_Interval to Max Advertise Interval contained in the ADVERTISEMENT", and wait by it.
#[test]
fn a_backup_learns_the_interval_of_its_master_6_4_2() {
    // (what, centiseconds of the master, priority, what is armed)
    for (what, interval, priority, armed) in [
        ("the same interval", 10, 200, "down in 360.9375ms"),
        ("a slower master", 100, 200, "down in 3.609375s"),
        ("a faster one", 1, 200, "down in 36.09375ms"),
        ("the slowest there is", 4095, 100, "down in 147.803906249s"),
        (
            "resigning: by the interval known before",
            100,
            0,
            "down in 60.9375ms",
        ),
    ] {
        let mut bench = Bench::new(three);
        let packet = over_v4(HIGHER, &of(priority, interval), Coverage::PseudoHeader);
        let armed = if interval == 4095 {
            let cs = Duration::from_millis(40_950);
            format!(
                "down in {:?}",
                crate::vrrp::master_down_interval(Version::V3, cs, 3, 100)
            )
        } else {
            armed.to_owned()
        };
        assert_eq!(bench.packet(&packet).done(), [armed], "{what}");
    }
    let mut bench = Bench::new(three);
    bench.packet(&over_v4(HIGHER, &of(200, 100), Coverage::PseudoHeader));
    assert!(
        bench.told().iter().any(|line| line
            == "(VI_1) master 10.0.0.9 sends every 1000 ms, we every 100 ms: waiting by its interval"),
        "{:?}",
        bench.told()
    );
    // Discarded adverts teach nothing.
    bench.packet(&over_v4(LOWER, &of(50, 5), Coverage::PseudoHeader));
    assert_eq!(bench.instance().master_interval(), SECOND);
    // A resignation is answered after a share of the master's interval.
    bench.packet(&over_v4(HIGHER, &of(0, 100), Coverage::PseudoHeader));
    assert_eq!(bench.done(), ["down in 609.375ms"]);
    // As MASTER our own interval counts again.
    bench.wait(SECOND).timer(TimerKey::MasterDown(0));
    assert_eq!(bench.instance().master_interval(), INTERVAL);
    assert!(bench.done().contains(&"advert in 100ms".to_owned()));
}

/// 6.4.3 (755): stepping down waits by the interval of the new master.
#[test]
fn a_master_that_steps_down_learns_as_well_6_4_3() {
    let mut bench = Bench::master(three);
    bench.packet(&over_v4(HIGHER, &of(200, 20), Coverage::PseudoHeader));
    assert!(
        bench.done().contains(&"down in 721.875ms".to_owned()),
        "{:?}",
        bench.done()
    );
    assert_eq!(bench.state(), State::Backup);
}

#[test]
fn an_eager_start_waits_one_interval() {
    let mut bench = Bench::unstarted(|config| {
        three(config);
        config.initial_state = InitialState::Master;
    });
    bench.event(Event::Interface(&eth0())).event(Event::Start);
    assert_eq!(bench.done(), ["down in 100.390625ms", "now BACKUP"]);
}

/// 7.1, and that the other version is dropped and counted.
#[test]
fn bad_packets_7_1() {
    type Counter = fn(&Stats) -> u64;
    let good = over_v4(HIGHER, &of(200, 10), Coverage::PseudoHeader);
    let mut damaged = good.clone();
    *damaged.last_mut().expect("a byte") ^= 1;
    let rows: [(&str, Vec<u8>, Counter, &str); 3] = [
        (
            "version 2",
            advert(HIGHER, 200),
            |s| s.version_err,
            "(VI_1) wrong VRRP version from 10.0.0.9. Received 2 and expect 3",
        ),
        (
            "checksum",
            damaged,
            |s| s.checksum_err,
            "(VI_1) Invalid VRRPv3 checksum from 10.0.0.9",
        ),
        (
            "an interval of zero",
            over_v4(HIGHER, &of(200, 0), Coverage::PseudoHeader),
            |s| s.advert_interval_err,
            "(VI_1) advert from 10.0.0.9 has an advertisement interval of zero",
        ),
    ];
    for (what, bytes, counter, line) in rows {
        let mut bench = Bench::new(three);
        assert_eq!(bench.packet(&bytes).done(), Vec::<String>::new(), "{what}");
        assert_eq!(bench.told(), [line], "{what}");
        assert_eq!(counter(bench.instance().stats()), 1, "{what}");
        assert_eq!(bench.instance().stats().advert_rcvd, 0, "{what}");
    }
    let mut bench = Bench::new(|_| {});
    bench.packet(&good);
    assert_eq!(
        bench.told(),
        ["(VI_1) wrong VRRP version from 10.0.0.9. Received 3 and expect 2"]
    );
}

/// 5.2.8: both checksums of IPv4 are understood, whatever ours is, and a difference is told once.
#[test]
fn checksums_with_and_without_the_pseudo_header() {
    for ours in [Coverage::PseudoHeader, Coverage::Message] {
        for theirs in [Coverage::PseudoHeader, Coverage::Message] {
            let mut bench = Bench::new(|config| {
                three(config);
                config.checksum_as_v2 = ours == Coverage::Message;
            });
            let packet = over_v4(HIGHER, &of(200, 10), theirs);
            bench.packet(&packet);
            assert_eq!(bench.done(), ["down in 360.9375ms"], "{ours:?} {theirs:?}");
            let told = bench.told().concat().contains("both are accepted");
            assert_eq!(told, ours != theirs, "{ours:?} {theirs:?}");
            assert!(bench.packet(&packet).told().is_empty(), "told once");
            bench.wait(SECOND).timer(TimerKey::MasterDown(0));
            let (_, message) = ip::Header::parse(sent(&bench)).expect("our own packet");
            let (_, sent) = v3::Advert::parse(message, OWN.into(), GROUP.into()).expect("our own");
            assert_eq!(sent, ours);
        }
    }
}

/// IPv6 goes the same ways through the same table.
#[test]
fn over_ipv6() {
    let mut bench = mastered(six);
    let (header, message) = ipv6::Header::parse(sent(&bench)).expect("an IPv6 packet");
    assert_eq!(
        (
            header.source,
            header.destination,
            header.hop_limit,
            header.traffic_class
        ),
        (OWN6, GROUP6, 255, 0xc0)
    );
    let (advert, coverage) =
        v3::Advert::parse(message, OWN6.into(), GROUP6.into()).expect("version 3");
    assert_eq!(
        (advert.priority, advert.interval, coverage),
        (100, 10, Coverage::PseudoHeader)
    );
    assert_eq!(advert.addresses().collect::<Vec<_>>(), [IpAddr::V6(VIP6)]);
    let announced: Vec<_> = bench
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::SendFrame { frame, .. } => NeighbourAdvertisement::parse(&frame[14..]),
            _ => None,
        })
        .map(|(_, told)| told.target)
        .collect();
    assert_eq!(announced, [VIP6; 5]);
    assert!(bench.told().contains(
        &"(VI_1) Sending/queueing Unsolicited Neighbour Adverts on eth0 for fe80::100".to_owned()
    ));

    // 6.4.3: equal priority, the higher address wins.
    assert!(bench.packet(&six_from(LOWER6, 100)).state() == State::Master);
    assert!(bench.packet(&six_from(HIGHER6, 100)).state() == State::Backup);
    // 7.1: the hop limit; and IPv4 has nothing to say here, whatever its VRID.
    let before = bench.instance().stats().advert_rcvd;
    let mut routed = six_from(HIGHER6, 200);
    routed[7] = 254;
    bench.packet(&routed);
    assert_eq!(
        bench.told(),
        ["(VI_1) invalid TTL/HL from fe80::9. Received 254 and expect 255"]
    );
    bench.packet(&over_v4(HIGHER, &of(200, 10), Coverage::PseudoHeader));
    assert_eq!(bench.router.stats().unknown_vrid, 1);
    assert_eq!(bench.instance().stats().advert_rcvd, before);
}

/// The source is the link-local address; while there is none (or it is tentative, which the shell does not tell) nothing is sent.
#[test]
fn without_a_link_local_address_there_is_fault() {
    let mut bench = Bench::unstarted(six);
    bench.event(Event::Interface(&eth0())).event(Event::Start);
    assert_eq!(bench.state(), State::Fault);
    assert!(
        bench
            .told()
            .concat()
            .contains("entering FAULT state (no IPv6 link local address for interface)")
    );
    bench.event(Event::Interface(&eth0_six()));
    assert_eq!(bench.done(), ["down in 360.9375ms", "now BACKUP"]);
}

/// `-nodad`: what undergoes duplicate address detection is announced when it has passed it, and not before.
#[test]
fn a_tentative_address_is_not_announced() {
    let other = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
    let targets = |bench: &Bench| -> Vec<Ipv6Addr> {
        let frames = bench.actions.iter().filter_map(|action| match action {
            Action::SendFrame { frame, .. } => NeighbourAdvertisement::parse(&frame[14..]),
            _ => None,
        });
        let mut targets: Vec<_> = frames.map(|(_, told)| told.target).collect();
        targets.dedup();
        targets
    };
    let mut bench = mastered(|config| {
        six(config);
        config.virtual_addresses.push(vip6(other, 0));
    });
    assert_eq!(targets(&bench), [VIP6]);
    bench.event(Event::AddressUsable {
        instance: 0,
        address: other.into(),
    });
    assert_eq!(targets(&bench), [other]);
    // A reload that adds one waits for that one alone.
    let third = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 3);
    let mut config = bench.instance().config().clone();
    config.virtual_addresses.push(vip6(third, 0));
    bench.wait(SECOND).reload(vec![config]);
    assert!(targets(&bench).contains(&other) && !targets(&bench).contains(&third));
    bench.wait(SECOND * 5).timer(TimerKey::Garp(0));
    assert!(
        targets(&bench).contains(&other),
        "and with every later burst"
    );
}

/// Outside the RFC: version 2 over IPv6, without the authentication bytes.
#[test]
fn version_2_over_ipv6() {
    let two = |config: &mut VrrpInstance| {
        six(config);
        config.version = Version::V2;
        config.advert_interval = SECOND;
    };
    let bench = mastered(two);
    let (_, message) = ipv6::Header::parse(sent(&bench)).expect("an IPv6 packet");
    assert_eq!(message.len(), v2::HEADER_LENGTH + 16);
    let advert = v2::Advert::parse_ipv6(message, OWN6, GROUP6).expect("version 2");
    assert_eq!((advert.priority, advert.interval), (100, 1));
    let mut bench = started(two);
    let addresses = VIP6.octets();
    let theirs = v2::Advert::new_ipv6(51, 200, 1, &addresses).emit_ipv6(HIGHER6, GROUP6);
    bench.packet(&over_v6(HIGHER6, 255, &theirs));
    assert_eq!(bench.done(), ["down in 3.609375s"]);
}

/// Two families may share a virtual router ID on one interface (RFC 9568 section 5.2.3).
#[test]
fn families_are_told_apart() {
    let mut first = config();
    three(&mut first);
    let mut second = config();
    six(&mut second);
    second.name = "VI_6".to_owned();
    let mut bench = Bench::new(|_| {});
    bench.reload(vec![first, second]);
    bench.event(Event::Interface(&eth0_six()));
    bench.packet(&six_from(HIGHER6, 200));
    bench.packet(&over_v4(HIGHER, &of(200, 10), Coverage::Message));
    for name in ["VI_1", "VI_6"] {
        let heard = bench.router.find(name).expect(name).stats().advert_rcvd;
        assert_eq!(heard, 1, "{name}");
    }
}

/// An advert over IPv6 is never longer than an Ethernet frame.
#[test]
fn as_many_ipv6_addresses_as_fit() {
    let bench = mastered(|config| {
        six(config);
        config.virtual_addresses = (0..120)
            .map(|host| {
                vip6(
                    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 1, host),
                    VirtualAddress::NODAD,
                )
            })
            .collect();
    });
    assert_eq!(sent(&bench).len(), 1488);
    let all = bench.instance().config().virtual_addresses.iter();
    let bytes = address_bytes(all.map(|line| line.address));
    assert_eq!(sent(&bench).get(48..), bytes.get(..90 * 16));
    assert_eq!(
        (ipv6_addresses_max(0), ipv6_addresses_max(hmac::LENGTH)),
        (90, 89)
    );
}
