//! Frames as keepalived 2.4.3 puts them on the wire (tests/golden/*.hex, captured on a bridge): ours are the same, byte for byte.
//! The settings are those of tests/golden/*.conf.

use keepalived::config::model::{LinkKind, Vrrp};
use keepalived::config::source::Memory;
use keepalived::config::world::Imagined;
use keepalived::config::{Options, load};
use keepalived::time::{Instant, Wall};
use keepalived::vrrp::{Action, Event, Interface, Router, TimerKey};
use keepalived::wheel::Wheel;
use keepalived::wire::ethernet::{self, Header, TYPE_IPV4, TYPE_IPV6};
use keepalived::wire::ndisc::{FLAG_OVERRIDE, NeighbourAdvertisement};
use keepalived::wire::vrrp::hmac::{self, Sequence};
use keepalived::wire::vrrp::v2::{AUTH_AH, Advert};
use keepalived::wire::vrrp::v3::{self, Coverage};
use keepalived::wire::vrrp::{Family, MULTICAST_GROUP6};
use keepalived::wire::{ah, arp::Arp, destination, ip, ipv6};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const MAC: ethernet::Mac = [0x02, 0, 0, 0x01, 0, 0];
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 1);
const VIP: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 51);
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 1, 1);
const VIPS6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x200, 0, 0x33),
    Ipv6Addr::new(0xfd00, 0x200, 0, 0, 0, 0, 0, 0x33),
];
/// Bursts are of five packets for each address, five seconds apart.
const BURST: usize = 5;

fn text_of(name: &str) -> String {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The frames of a file: a comment line before each, then offset and bytes.
fn golden(name: &str) -> Vec<Vec<u8>> {
    let mut frames: Vec<Vec<u8>> = Vec::new();
    for line in text_of(&format!("{name}.hex")).lines() {
        if line.starts_with('#') {
            frames.push(Vec::new());
        } else if let Some(frame) = frames.last_mut() {
            frame.extend(
                line.split_whitespace()
                    .skip(1)
                    .map(|byte| u8::from_str_radix(byte, 16).expect("two hex digits")),
            );
        }
    }
    assert!(!frames.is_empty(), "{name} has no frame");
    frames
}

/// What a recorded configuration means.
fn config(name: &str) -> Vrrp {
    let options = Options {
        path: "k.conf".into(),
        ..Options::default()
    };
    let files = Memory::default().with("k.conf", text_of(&format!("{name}.conf")));
    let loaded = load(&options, &files, &Imagined::generous());
    let said: Vec<_> = loaded.diagnostics.iter().map(|d| &d.message).collect();
    assert!(said.is_empty(), "{name}: {said:?}");
    loaded.model.vrrp
}

/// The interface it runs on, and the link it makes upon that.
fn interfaces(vrrp: &Vrrp) -> Vec<Interface> {
    let e0 = Interface {
        index: 2,
        name: "e0".to_owned(),
        up: true,
        mac: MAC,
        mtu: 1500,
        primary_v4: Some(ADDRESS),
        link_local: Some(LINK_LOCAL),
        sources: Vec::new(),
    };
    let links = vrrp
        .instances
        .iter()
        .flat_map(|instance| instance.vmac.links());
    let made = (3..).zip(links).map(|(index, link)| {
        let LinkKind::Macvlan { mac } = link.kind else {
            panic!("a virtual MAC: {link:?}")
        };
        Interface {
            index,
            name: link.name.clone(),
            mac,
            primary_v4: None,
            link_local: None,
            ..e0.clone()
        }
    });
    made.chain([e0.clone()]).collect()
}

/// What a node that is alone sends: (adverts, gratuitous ARPs with their times), all as Ethernet frames.
struct Alone {
    router: Router,
    wheel: Wheel<TimerKey>,
    now: Instant,
    interfaces: Vec<Interface>,
    adverts: Vec<Vec<u8>>,
    garps: Vec<(Instant, Vec<u8>)>,
}

impl Alone {
    fn new(name: &str) -> Self {
        let now = Instant(1);
        let vrrp = config(name);
        let mut alone = Alone {
            router: Router::new(&vrrp, false),
            wheel: Wheel::new(now),
            now,
            interfaces: interfaces(&vrrp),
            adverts: Vec::new(),
            garps: Vec::new(),
        };
        for interface in alone.interfaces.clone() {
            alone.event(Event::Interface(&interface));
        }
        alone.event(Event::Start);
        alone
    }

    fn event(&mut self, event: Event<'_>) {
        let mut actions = Vec::new();
        self.router.handle(self.now, event, &mut actions);
        for action in actions {
            match action {
                Action::Arm(key, at) => self.wheel.arm(key, at),
                Action::Disarm(key) => {
                    assert!(self.wheel.deadline(key).is_none() || self.wheel.disarm(key))
                }
                Action::SendFrame { frame, .. } => self.garps.push((self.now, frame)),
                Action::SendAdvert {
                    packets, interface, ..
                } => {
                    let [packet] = packets.as_slice() else {
                        panic!("one packet to the group, not {packets:?}")
                    };
                    let mut frame = Vec::new();
                    let destination = destination(packet).expect("an IP packet");
                    let (multicast, kind) = match destination {
                        IpAddr::V4(group) => {
                            // RFC 1112 section 6.4.
                            let [_, b, c, d] = group.octets();
                            ([0x01, 0x00, 0x5e, b & 0x7f, c, d], TYPE_IPV4)
                        }
                        IpAddr::V6(group) => (ethernet::multicast_mac_v6(group), TYPE_IPV6),
                    };
                    let mut interfaces = self.interfaces.iter();
                    let from = interfaces.find(|known| known.index == interface);
                    Header {
                        destination: multicast,
                        source: from.expect("an interface it was told of").mac,
                        kind,
                    }
                    .emit(&mut frame);
                    frame.extend(packet);
                    self.adverts.push(frame);
                }
                _ => {}
            }
        }
    }

    fn until_adverts(&mut self, count: usize) {
        while self.adverts.len() < count {
            self.now = self
                .wheel
                .next_deadline()
                .expect("a node that is alone has always something to do");
            while let Some((key, deadline)) = self.wheel.pop_expired(self.now) {
                self.event(Event::Timer { key, deadline });
            }
        }
    }
}

/// Byte for byte, but for the flow label, which the kernel draws for keepalived and we leave at zero.
fn same_frames(name: &str, kind: &str) {
    let mut alone = Alone::new(name);
    let adverts: Vec<_> = golden(name).into_iter().map(unlabelled).collect();
    let farewell: Vec<_> = golden(&format!("{name}-prio0"))
        .into_iter()
        .map(unlabelled)
        .collect();
    let (_, packet) = Header::parse(&farewell[0]).expect("an Ethernet header");
    // Its identification says how many adverts came before it.
    let before = ip::Header::parse(packet).map_or(2, |(header, _)| usize::from(header.id) - 1);

    alone.until_adverts(before);
    assert_eq!(alone.adverts[..adverts.len()], adverts, "{name}");

    alone.event(Event::Stop);
    assert_eq!(alone.adverts.last(), farewell.last(), "{name}-prio0");

    let mut alone = Alone::new(name);
    let burst = golden(&format!("{name}-{kind}"));
    while alone.garps.len() < burst.len() {
        alone.until_adverts(alone.adverts.len() + 1);
    }
    let frames: Vec<&Vec<u8>> = alone.garps.iter().map(|(_, frame)| frame).collect();
    assert_eq!(frames, burst.iter().collect::<Vec<_>>(), "{name}-{kind}");
    let seconds: Vec<u64> = alone
        .garps
        .iter()
        .map(|(at, _)| at.since(alone.garps[0].0).as_secs())
        .collect();
    let half = burst.len() / 2;
    assert_eq!(half % BURST, 0, "{name}-{kind}");
    let expected = [vec![0; half], vec![5; half]].concat();
    assert_eq!(seconds, expected, "{name}-{kind}: when");
}

#[test]
fn v2_without_authentication() {
    same_frames("v2-noauth", "garp-burst");
}

#[test]
fn v2_with_a_password() {
    same_frames("v2-pass", "garp-burst");
}

#[test]
fn v2_with_an_authentication_header() {
    same_frames("v2-ah", "garp-burst");
}

#[test]
fn v3_over_ipv4() {
    same_frames("v3-ipv4", "garp-burst");
}

#[test]
fn v3_over_ipv4_ten_times_a_second() {
    same_frames("v3-ipv4-100ms", "garp-burst");
}

#[test]
fn v3_over_ipv6() {
    same_frames("v3-ipv6", "na-burst");
}

/// Adverts and gratuitous packets alike come from the virtual MAC.
#[test]
fn v3_with_a_virtual_mac() {
    same_frames("v3-ipv4-vmac", "garp-burst");
    same_frames("v3-ipv6-vmac", "na-burst");
}

/// Adverts come from the interface's own MAC, gratuitous packets from the virtual one.
#[test]
fn v3_with_a_virtual_mac_and_adverts_from_its_base() {
    same_frames("v3-ipv4-vmac-xmit-base", "garp-burst");
}

/// The frame with a flow label of zero.
fn unlabelled(mut frame: Vec<u8>) -> Vec<u8> {
    if frame[12..14] == TYPE_IPV6.to_be_bytes() {
        frame[15] &= 0xf0;
        frame[16..18].fill(0);
    }
    frame
}

/// The parsers read what keepalived sends, and make the same bytes of it again.
#[test]
fn golden_frames_survive_reading_and_writing() {
    for name in ["v2-noauth", "v2-pass", "v2-noauth-prio0", "v2-pass-prio0"] {
        for frame in golden(name) {
            let (ethernet, packet) = Header::parse(&frame).expect(name);
            let (ip, message) = ip::Header::parse(packet).expect(name);
            let advert = Advert::parse(message).expect(name);
            assert_eq!(advert.addresses().collect::<Vec<_>>(), [VIP], "{name}");
            assert_eq!((ip.source, ip.tos, ip.ttl), (ADDRESS, 0xc0, 255), "{name}");
            let mut again = Vec::new();
            ethernet.emit(&mut again);
            again.extend(ip.emit(&advert.emit()));
            assert_eq!(again, frame, "{name}");
        }
    }
    for frame in golden("v2-noauth-garp-burst") {
        let (ethernet, packet) = Header::parse(&frame).expect("an Ethernet header");
        let arp = Arp::parse(packet).expect("an ARP packet");
        assert_eq!(
            (arp.sender_ip, arp.target_ip, arp.sender_mac),
            (VIP, VIP, MAC)
        );
        let mut again = Vec::new();
        ethernet.emit(&mut again);
        arp.emit(&mut again);
        assert_eq!(again, frame);
    }
}

/// The same with an authentication header, which is genuine under the recorded password and no other.
#[test]
fn golden_frames_with_an_authentication_header_survive_reading_and_writing() {
    for name in ["v2-ah", "v2-ah-prio0"] {
        for frame in golden(name) {
            let (ethernet, packet) = Header::parse(&frame).expect(name);
            let sealed = ah::Sealed::parse(packet).expect(name);
            assert_eq!(sealed.spi, u32::from(ADDRESS), "{name}");
            assert!(sealed.is_genuine(b"s3cr3t"), "{name}");
            assert!(!sealed.is_genuine(b"s3cr3s"), "{name}");
            let advert = Advert::parse(sealed.message).expect(name);
            assert_eq!(advert.auth_type, AUTH_AH, "{name}");
            let mut again = Vec::new();
            ethernet.emit(&mut again);
            let (header, message) = (&sealed.header, advert.emit());
            again.extend(ah::seal(header, sealed.sequence, &message, b"s3cr3t"));
            assert_eq!(again, frame, "{name}");
        }
    }
}

/// The keys of tests/golden/hmac-*.conf, by number.
fn hmac_key(id: u8) -> Vec<u8> {
    match id {
        1 => (0..32).collect(),
        7 => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345".to_vec(),
        other => panic!("no key {other}"),
    }
}

/// Source, destination and message of a frame.
fn message(frame: &[u8]) -> (IpAddr, IpAddr, &[u8]) {
    let (_, packet) = Header::parse(frame).expect("an Ethernet header");
    if let Ok((header, message)) = ipv6::Header::parse(packet) {
        return (header.source.into(), header.destination.into(), message);
    }
    let (header, message) = ip::Header::parse(packet).expect("an IP header");
    (header.source.into(), header.destination.into(), message)
}

/// Signed adverts are genuine under their key, and signed again they are the same, byte for byte, checksum included.
#[test]
fn golden_frames_with_a_trailer_survive_reading_and_signing() {
    for (name, key_id) in [("hmac-v2", 1), ("hmac-v3-ipv4", 7), ("hmac-v3-ipv6", 1)] {
        for frame in [golden(name), golden(&format!("{name}-prio0"))].concat() {
            let (source, destination, whole) = message(&frame);
            let (bare, trailer) = hmac::split(whole, Family::of(source));
            let (vrid, bare_again) = match bare[0] >> 4 {
                2 => {
                    let advert = Advert::parse(bare).expect(name);
                    (advert.vrid, advert.emit())
                }
                _ => {
                    let parsed = v3::Advert::parse_before(bare, trailer, source, destination);
                    let (advert, coverage) = parsed.expect(name);
                    (advert.vrid, advert.emit(source, destination, coverage))
                }
            };
            let trailer = hmac::Trailer::parse(trailer).expect(name);
            assert_eq!((vrid, trailer.key_id), (51, key_id), "{name}");
            let key = hmac_key(key_id);
            assert!(trailer.is_genuine(bare, source, &key), "{name}");
            let again = hmac::Trailer::sign(bare, source, key_id, &key, trailer.sequence);
            assert_eq!(
                again.append(bare_again, source, destination),
                whole,
                "{name}"
            );
        }
    }
}

/// A node whose clock stands where that of the recorded one stood sends the same frames.
#[test]
fn signed_adverts_are_those_of_keepalived() {
    for name in ["hmac-v2", "hmac-v3-ipv4", "hmac-v3-ipv6"] {
        let mut alone = Alone::new(name);
        for (at, frame) in golden(name).into_iter().map(unlabelled).enumerate() {
            let (source, _, whole) = message(&frame);
            let (_, trailer) = hmac::split(whole, Family::of(source));
            let Sequence(number) = hmac::Trailer::parse(trailer).expect(name).sequence;
            // The first nanosecond of its fraction.
            let fraction = ((number & 0xffff_ffff) * 1_000_000_000).div_ceil(1 << 32);
            let wall = Wall((number >> 32) * 1_000_000_000 + fraction);
            let due = alone.wheel.next_deadline().expect("the next advert");
            alone.router.set_wall(due, wall);
            alone.until_adverts(at + 1);
            assert_eq!(alone.adverts[at], frame, "{name}");
        }
    }
}

/// The same of version 3.
#[test]
fn golden_frames_of_version_3_survive_reading_and_writing() {
    for (name, interval) in [
        ("v3-ipv4", 100),
        ("v3-ipv4-prio0", 100),
        ("v3-ipv4-100ms", 10),
        ("v3-ipv4-100ms-prio0", 10),
    ] {
        for frame in golden(name) {
            let (ethernet, packet) = Header::parse(&frame).expect(name);
            let (header, message) = ip::Header::parse(packet).expect(name);
            let ends = (header.source.into(), header.destination.into());
            let (advert, coverage) = v3::Advert::parse(message, ends.0, ends.1).expect(name);
            assert_eq!(coverage, Coverage::PseudoHeader, "{name}");
            assert_eq!(advert.interval, interval, "{name}");
            assert_eq!(advert.addresses().collect::<Vec<_>>(), [IpAddr::V4(VIP)]);
            let mut again = Vec::new();
            ethernet.emit(&mut again);
            again.extend(header.emit(&advert.emit(ends.0, ends.1, coverage)));
            assert_eq!(again, frame, "{name}");
        }
    }
    for name in ["v3-ipv6", "v3-ipv6-prio0"] {
        for frame in golden(name) {
            let (ethernet, packet) = Header::parse(&frame).expect(name);
            let (header, message) = ipv6::Header::parse(packet).expect(name);
            assert_eq!(
                (header.source, header.destination),
                (LINK_LOCAL, MULTICAST_GROUP6)
            );
            assert_eq!(
                (header.traffic_class, header.hop_limit),
                (0xc0, 255),
                "{name}"
            );
            let ends = (header.source.into(), header.destination.into());
            let (advert, coverage) = v3::Advert::parse(message, ends.0, ends.1).expect(name);
            assert_eq!(
                advert.addresses().collect::<Vec<_>>(),
                VIPS6.map(IpAddr::V6)
            );
            let mut again = Vec::new();
            ethernet.emit(&mut again);
            again.extend(header.emit(&advert.emit(ends.0, ends.1, coverage)));
            assert_eq!(again, frame, "{name}");
        }
    }
    for frame in golden("v3-ipv6-na-burst") {
        let (ethernet, packet) = Header::parse(&frame).expect("an Ethernet header");
        let (_, told) = NeighbourAdvertisement::parse(packet).expect("a neighbour advertisement");
        assert!(VIPS6.contains(&told.target));
        assert_eq!((told.mac, told.flags), (MAC, FLAG_OVERRIDE));
        let mut again = Vec::new();
        ethernet.emit(&mut again);
        again.extend(told.emit());
        assert_eq!(again, frame);
    }
}
