//! Properties of the packet codecs: what is written can be read again, and no bytes whatever do harm.

use keepalived::wire::arp::{self, Arp};
use keepalived::wire::ethernet;
use keepalived::wire::ip;
use keepalived::wire::ipv6;
use keepalived::wire::ndisc::{self, NeighbourAdvertisement};
use keepalived::wire::vrrp::v2::{self, Advert};
use keepalived::wire::vrrp::v3::{self, Coverage};
use keepalived::wire::vrrp::{Family, Fault, address_bytes};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fn address() -> impl Strategy<Value = Ipv4Addr> {
    any::<u32>().prop_map(Ipv4Addr::from)
}

fn address_v6() -> impl Strategy<Value = Ipv6Addr> {
    any::<u128>().prop_map(Ipv6Addr::from)
}

/// Source and destination of a packet of one family.
fn ends() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    prop_oneof![
        (address(), address()).prop_map(|(a, b)| (IpAddr::V4(a), IpAddr::V4(b))),
        (address_v6(), address_v6()).prop_map(|(a, b)| (IpAddr::V6(a), IpAddr::V6(b))),
    ]
}

prop_compose! {
    fn header()(tos: u8, id: u16, ttl: u8, protocol: u8, source in address(), destination in address()) -> ip::Header {
        ip::Header { tos, id, ttl, protocol, source, destination }
    }
}

proptest! {
    #[test]
    fn ip_round_trip(header in header(), payload in prop::collection::vec(any::<u8>(), 0..1500), padding in 0usize..60) {
        let mut packet = header.emit(&payload);
        // Ethernet pads short frames: total length decides.
        packet.extend(std::iter::repeat_n(0xee, padding));
        prop_assert_eq!(ip::Header::parse(&packet), Ok((header, payload.as_slice())));
    }

    #[test]
    fn advert_round_trip(
        vrid: u8, priority: u8, interval: u8,
        addresses in prop::collection::vec(address(), 0..=255),
        password in prop::option::of(prop::collection::vec(any::<u8>(), 0..20)),
    ) {
        let bytes = v2::address_bytes(addresses.iter().copied());
        let mut advert = Advert::new(vrid, priority, interval, &bytes);
        if let Some(password) = &password {
            advert = advert.with_password(password);
        }
        let message = advert.emit();
        prop_assert_eq!(message.len(), v2::HEADER_LENGTH + 4 * addresses.len() + v2::AUTHENTICATION_LENGTH);
        let parsed = Advert::parse(&message);
        prop_assert_eq!(parsed, Ok(advert));
        prop_assert_eq!(advert.addresses().collect::<Vec<_>>(), addresses);
    }

    #[test]
    fn ipv6_round_trip(
        traffic_class: u8, flow_label in 0u32..1 << 20, next_header: u8, hop_limit: u8,
        source in address_v6(), destination in address_v6(),
        payload in prop::collection::vec(any::<u8>(), 0..1500), padding in 0usize..60,
    ) {
        let header = ipv6::Header { traffic_class, flow_label, next_header, hop_limit, source, destination };
        let mut packet = header.emit(&payload);
        packet.extend(std::iter::repeat_n(0xee, padding));
        prop_assert_eq!(ipv6::Header::parse(&packet), Ok((header, payload.as_slice())));
        let short = packet.get(..39 + payload.len()).unwrap_or_default();
        prop_assert_eq!(ipv6::Header::parse(short), Err(ipv6::Fault::Length));
    }

    #[test]
    fn v3_round_trip(
        ends in ends(), vrid: u8, priority: u8, interval in 0..=v3::INTERVAL_MAX, plain: bool,
        numbers in prop::collection::vec(any::<u128>(), 0..=255),
    ) {
        let family = Family::of(ends.0);
        let addresses: Vec<IpAddr> = numbers
            .iter()
            .map(|number| match family {
                Family::V4 => IpAddr::V4(Ipv4Addr::from(*number as u32)),
                Family::V6 => IpAddr::V6(Ipv6Addr::from(*number)),
            })
            .collect();
        let bytes = address_bytes(addresses.iter().copied());
        let advert = v3::Advert::new(family, vrid, priority, interval, &bytes);
        let coverage = match family {
            Family::V4 if plain => Coverage::Message,
            _ => Coverage::PseudoHeader,
        };
        let message = advert.emit(ends.0, ends.1, coverage);
        prop_assert_eq!(message.len(), v3::HEADER_LENGTH + family.address_length() * addresses.len());
        let (parsed, covered) = v3::Advert::parse(&message, ends.0, ends.1).expect("our own message");
        prop_assert_eq!(parsed, advert);
        prop_assert_eq!(parsed.addresses().collect::<Vec<_>>(), addresses);
        // The sum of a pseudo-header may happen to be nothing; then both are right.
        prop_assert!(covered == coverage || covered == Coverage::PseudoHeader);
        prop_assert!(v2::Advert::parse(&message) == Err(Fault::Version(3)));
    }

    #[test]
    fn v2_over_ipv6_round_trip(source in address_v6(), destination in address_v6(), vrid: u8, priority: u8, interval: u8, vip in address_v6()) {
        let bytes = vip.octets();
        let advert = Advert::new_ipv6(vrid, priority, interval, &bytes);
        let message = advert.emit_ipv6(source, destination);
        prop_assert_eq!(message.len(), v2::HEADER_LENGTH + 16);
        prop_assert_eq!(Advert::parse_ipv6(&message, source, destination), Ok(advert));
        let mut changed = message.clone();
        changed[2] ^= 1;
        prop_assert_eq!(Advert::parse_ipv6(&changed, source, destination), Err(Fault::Checksum));
    }

    #[test]
    fn one_changed_byte_of_v3_is_seen(at in 0usize..16, change in 1u8..) {
        let ends = (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18)));
        let advert = v3::Advert::new(Family::V4, 51, 100, 100, &[10, 0, 0, 100, 10, 0, 0, 101]);
        let mut message = advert.emit(ends.0, ends.1, Coverage::PseudoHeader);
        message[at] ^= change;
        prop_assert!(v3::Advert::parse(&message, ends.0, ends.1).is_err());
    }

    #[test]
    fn neighbour_advertisement_round_trip(flags: u8, target in address_v6(), mac: [u8; 6], at in 0usize..72, change in 1u8..) {
        let told = NeighbourAdvertisement { flags, target, mac };
        let packet = told.emit();
        let (header, read) = NeighbourAdvertisement::parse(&packet).expect("our own packet");
        prop_assert_eq!(read, told);
        prop_assert_eq!((header.source, header.destination), (target, ndisc::ALL_NODES));
        let mut changed = packet.clone();
        changed[at] ^= change;
        // Traffic class and flow label are nobody's business.
        prop_assert!((1..4).contains(&at) || at == 0 && change < 16 || NeighbourAdvertisement::parse(&changed).is_none());
        let frame = ndisc::unsolicited(mac, target);
        let (ethernet, packet) = ethernet::Header::parse(&frame).expect("a whole header");
        prop_assert_eq!((ethernet.source, ethernet.destination), (mac, [0x33, 0x33, 0, 0, 0, 1]));
        let (_, read) = NeighbourAdvertisement::parse(packet).expect("a whole packet");
        prop_assert_eq!((read.flags, read.target, read.mac), (ndisc::FLAG_OVERRIDE, target, mac));
    }

    #[test]
    fn too_many_addresses_are_left_out(count in 256usize..400) {
        let bytes = vec![7; count * 4];
        let advert = Advert::new(1, 100, 1, &bytes);
        prop_assert_eq!(advert.addresses().len(), v2::MAX_ADDRESSES);
        let message = advert.emit();
        prop_assert_eq!(Advert::parse(&message), Ok(advert));
    }

    /// One's complement sums cannot tell 0000 from ffff, and nothing else of a single byte escapes them.
    #[test]
    fn one_changed_byte_is_seen(priority: u8, at in 0usize..24, change in 1u8..) {
        let bytes = [10, 0, 0, 100, 10, 0, 0, 101];
        let mut message = Advert::new(51, priority, 1, &bytes).emit();
        message[at] ^= change;
        prop_assert!(Advert::parse(&message).is_err());
    }

    #[test]
    fn a_cut_message_is_seen(cut in 0usize..20) {
        let message = Advert::new(51, 100, 1, &[10, 0, 0, 100]).emit();
        let got = message.get(..cut).unwrap_or_default();
        let refused = matches!(Advert::parse(got), Err(Fault::Length { .. }));
        prop_assert!(refused);
    }

    #[test]
    fn arp_round_trip(opcode: u16, sender_mac: [u8; 6], sender_ip in address(), target_mac: [u8; 6], target_ip in address()) {
        let packet = Arp { opcode, sender_mac, sender_ip, target_mac, target_ip };
        let mut bytes = Vec::new();
        packet.emit(&mut bytes);
        prop_assert_eq!(Arp::parse(&bytes), Some(packet));
        prop_assert_eq!(Arp::parse(bytes.get(..27).unwrap_or_default()), None);
    }

    #[test]
    fn a_gratuitous_arp_speaks_for_its_address(mac: [u8; 6], address in address()) {
        let frame = arp::gratuitous(mac, address);
        let (header, packet) = ethernet::Header::parse(&frame).expect("a whole header");
        prop_assert_eq!((header.source, header.destination), (mac, ethernet::BROADCAST));
        let arp = Arp::parse(packet).expect("a whole packet");
        prop_assert_eq!((arp.sender_mac, arp.sender_ip, arp.target_ip), (mac, address, address));
    }

    /// Whatever can be read is written back as it was.
    #[test]
    fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(advert) = Advert::parse(&bytes) {
            prop_assert_eq!(advert.emit(), bytes.clone());
        }
        if let Some((header, rest)) = ethernet::Header::parse(&bytes) {
            let mut again = Vec::new();
            header.emit(&mut again);
            again.extend_from_slice(rest);
            prop_assert_eq!(&again, &bytes);
        }
        if let Ok((_, payload)) = ip::Header::parse(&bytes) {
            prop_assert!(payload.len() <= bytes.len());
        }
        let _ = Arp::parse(&bytes);
        let _ = NeighbourAdvertisement::parse(&bytes);
        if let Ok((header, rest)) = ipv6::Header::parse(&bytes) {
            prop_assert_eq!(header.emit(rest), bytes.get(..40 + rest.len()).unwrap_or_default());
        }
        let (source, destination) = (Ipv6Addr::LOCALHOST, ndisc::ALL_NODES);
        for (source, destination) in [
            (IpAddr::V6(source), IpAddr::V6(destination)),
            (Ipv4Addr::LOCALHOST.into(), Ipv4Addr::BROADCAST.into()),
        ] {
            if let Ok((advert, coverage)) = v3::Advert::parse(&bytes, source, destination) {
                prop_assert_eq!(advert.emit(source, destination, coverage), bytes.clone());
            }
        }
        if let Ok(advert) = Advert::parse_ipv6(&bytes, source, destination) {
            prop_assert_eq!(advert.emit_ipv6(source, destination), bytes);
        }
    }
}

/// RFC 9568 section 7.1, in its order: version, length, checksum; then type.
#[test]
fn v3_faults_are_told_apart() {
    let ends = (
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
        IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18)),
    );
    let advert = v3::Advert::new(Family::V4, 51, 100, 100, &[10, 0, 0, 100]);
    let changed = |at: usize, value: u8| {
        let mut message = advert.emit(ends.0, ends.1, Coverage::Message);
        message[at] = value;
        message[6..8].fill(0);
        let sum = keepalived::wire::checksum::checksum(&[&message]);
        message[6..8].copy_from_slice(&sum.to_be_bytes());
        message
    };
    let fault = |bytes: &[u8]| v3::Advert::parse(bytes, ends.0, ends.1).unwrap_err();
    assert_eq!(fault(&changed(0, 0x21)), Fault::Version(2));
    assert_eq!(fault(&changed(0, 0x32)), Fault::Type(2));
    assert_eq!(
        fault(&changed(3, 2)),
        Fault::Length {
            got: 12,
            expected: 16
        }
    );
    assert_eq!(
        fault(&[0x31, 51]),
        Fault::Length {
            got: 2,
            expected: 8
        }
    );
    let mut bad = changed(0, 0x31);
    bad[6] ^= 1;
    assert_eq!(fault(&bad), Fault::Checksum);
    // Reserved bits are ignored (5.2.6).
    let message = changed(4, 0xa0);
    let (read, _) = v3::Advert::parse(&message, ends.0, ends.1).expect("reserved bits");
    assert_eq!((read.reserved, read.interval), (0xa, 100));
    // IPv6 has one checksum only (5.2.8).
    let six = (
        IpAddr::V6(Ipv6Addr::LOCALHOST),
        IpAddr::V6(ndisc::ALL_NODES),
    );
    let vip = Ipv6Addr::LOCALHOST.octets();
    let plain =
        v3::Advert::new(Family::V6, 51, 100, 100, &vip).emit(six.0, six.1, Coverage::Message);
    assert_eq!(
        v3::Advert::parse(&plain, six.0, six.1),
        Err(Fault::Checksum)
    );
}

/// (what is wrong, bytes, fault); each is the header of a good packet with one thing changed, its checksum mended.
#[test]
fn ip_faults_are_told_apart() {
    let good = ip::Header {
        tos: 0,
        id: 1,
        ttl: 255,
        protocol: 112,
        source: Ipv4Addr::LOCALHOST,
        destination: Ipv4Addr::new(224, 0, 0, 18),
    };
    let packet = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.emit(&[1, 2, 3, 4]);
        change(&mut bytes);
        bytes
    };
    let mend = |bytes: &mut Vec<u8>| {
        bytes[10..12].fill(0);
        let sum = keepalived::wire::checksum::checksum(&[&bytes[..20]]);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    };
    let set = |at: usize, value: u8| {
        packet(&|bytes| {
            bytes[at] = value;
            mend(bytes);
        })
    };
    for (what, bytes, fault) in [
        ("empty", Vec::new(), ip::Fault::Length),
        ("IPv6", set(0, 0x65), ip::Fault::Version(6)),
        ("header under 20 bytes", set(0, 0x44), ip::Fault::Length),
        (
            "header longer than the packet",
            set(0, 0x4f),
            ip::Fault::Length,
        ),
        ("total length beyond the end", set(3, 25), ip::Fault::Length),
        (
            "total length within the header",
            set(3, 19),
            ip::Fault::Length,
        ),
        (
            "checksum",
            packet(&|bytes| bytes[8] = 1),
            ip::Fault::Checksum,
        ),
        ("more fragments", set(6, 0x20), ip::Fault::Fragment),
        ("a later fragment", set(7, 1), ip::Fault::Fragment),
    ] {
        assert_eq!(ip::Header::parse(&bytes), Err(fault), "{what}");
    }
    assert!(
        ip::Header::parse(&set(6, 0x40)).is_ok(),
        "don't fragment is no fragment"
    );
}
