//! Any packet of version 3, over IPv4 and IPv6, to its decoder and to an instance: nothing may panic, what is read is written back as
//! it was, and what the instance heeds is what the decoder accepts.
//!
//! Input: which family and what is put right before it is heard, then a VRRP message.
#![no_main]

use keepalived::config::model::{Authentication, Version};
use keepalived::wire::checksum::{checksum, pseudo_header};
use keepalived::wire::vrrp::Family;
use keepalived::wire::vrrp::v3::{Advert, Coverage};
use keepalived::wire::{ip, ipv6};
use keepalived_fuzz::{GROUP, GROUP6, Listener, VRID, instance};
use libfuzzer_sys::fuzz_target;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const PEER6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9);

fuzz_target!(|data: &[u8]| {
    let Some((what, message)) = data.split_first() else {
        return;
    };
    let ipv6 = what & 1 == 1;
    let ends: (IpAddr, IpAddr) = if ipv6 {
        (PEER6.into(), GROUP6.into())
    } else {
        (PEER.into(), GROUP.into())
    };
    let mut message = message.to_vec();
    if let Some(id) = message.get_mut(1).filter(|_| what & 2 == 2) {
        *id = VRID;
    }
    if what & 4 == 4 && message.len() >= 8 {
        // As long as its count says, and a checksum that fits.
        let width = Family::of(ends.0).address_length();
        message.resize(8 + usize::from(message[3]) * width, 0);
        let pseudo = match what & 8 {
            0 => pseudo_header(ends.0, ends.1, ip::PROTOCOL_VRRP, message.len()),
            _ => Vec::new(),
        };
        message[6..8].fill(0);
        let sum = checksum(&[&pseudo, &message]).to_be_bytes();
        message[6..8].copy_from_slice(&sum);
    }
    let parsed = Advert::parse(&message, ends.0, ends.1);
    if let Ok((advert, coverage)) = parsed {
        assert_eq!(advert.emit(ends.0, ends.1, coverage), message);
        assert_eq!(advert.addresses().count(), usize::from(message[3]));
        assert!(!ipv6 || coverage == Coverage::PseudoHeader);
    }
    let mut listener = Listener::new(instance(Version::V3, ipv6, Authentication::None));
    let packet = if ipv6 {
        let (source, destination) = (PEER6, GROUP6);
        let next_header = ip::PROTOCOL_VRRP;
        ipv6::Header {
            traffic_class: 0xc0,
            flow_label: 0,
            next_header,
            hop_limit: 255,
            source,
            destination,
        }
        .emit(&message)
    } else {
        let (source, destination) = (PEER, GROUP);
        let protocol = ip::PROTOCOL_VRRP;
        ip::Header {
            tos: 0xc0,
            id: 1,
            ttl: 255,
            protocol,
            source,
            destination,
        }
        .emit(&message)
    };
    let welcome = listener.hears(&packet);
    let expected = parsed.is_ok_and(|(advert, _)| advert.vrid == VRID && advert.interval > 0);
    assert_eq!(welcome, expected);
});
