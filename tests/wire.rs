//! Properties of the packet codecs: what is written can be read again, and no bytes whatever do harm.

use keepalived::wire::arp::{self, Arp};
use keepalived::wire::ethernet;
use keepalived::wire::ip;
use keepalived::wire::vrrp::Fault;
use keepalived::wire::vrrp::v2::{self, Advert};
use proptest::prelude::*;
use std::net::Ipv4Addr;

fn address() -> impl Strategy<Value = Ipv4Addr> {
    any::<u32>().prop_map(Ipv4Addr::from)
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
    }
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
