//! Neighbour discovery for IPv6 (RFC 4861): the unsolicited neighbour advertisement, IPv6's gratuitous ARP.

use super::bytes::{array, ipv6_at, u8_at, u32_at};
use super::checksum::{checksum, pseudo_header};
use super::ethernet::{self, Mac, TYPE_IPV6};
use super::ipv6;
use std::net::{IpAddr, Ipv6Addr};

/// Next header value of ICMPv6.
pub const NEXT_HEADER_ICMPV6: u8 = 58;
/// ICMPv6 type of a neighbour advertisement.
const TYPE_NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// Option type of the target link-layer address (RFC 4861 section 4.6.1), and its length in units of 8 bytes.
const OPTION_TARGET_LINK_LAYER: [u8; 2] = [2, 1];
/// Neighbour discovery is believed from the link alone (RFC 4861 section 7.1.2).
const HOP_LIMIT: u8 = 255;
/// All nodes of the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Length of the ICMPv6 message with its one option.
const LENGTH: usize = 32;

/// Override flag: what is cached of the target is to be replaced.
pub const FLAG_OVERRIDE: u8 = 0x20;

/// A neighbour advertisement with its target link-layer address (RFC 4861 section 4.4).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Type = 136  |    Code = 0   |           Checksum            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |R|S|O|                     Reserved                            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                      Target Address (128)                     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Option type 2 |   Length = 1  |   Target link-layer address   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
/// |                                                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighbourAdvertisement {
    /// `FLAG_*`.
    pub flags: u8,
    /// The address that is told about.
    pub target: Ipv6Addr,
    /// Where it is.
    pub mac: Mac,
}

impl NeighbourAdvertisement {
    /// Reads an IPv6 packet. `None` when it holds no neighbour advertisement that this module could have made, or a damaged one.
    pub fn parse(packet: &[u8]) -> Option<(ipv6::Header, NeighbourAdvertisement)> {
        let (header, message) = ipv6::Header::parse(packet).ok()?;
        let pseudo = pseudo_header(
            IpAddr::V6(header.source),
            IpAddr::V6(header.destination),
            NEXT_HEADER_ICMPV6,
            message.len(),
        );
        let right = header.next_header == NEXT_HEADER_ICMPV6
            && header.hop_limit == HOP_LIMIT
            && message.len() == LENGTH
            && array(message, 0)? == [TYPE_NEIGHBOUR_ADVERTISEMENT, 0]
            && u32_at(message, 4)? & 0x00ff_ffff == 0
            && array(message, 24)? == OPTION_TARGET_LINK_LAYER
            && checksum(&[&pseudo, message]) == 0;
        right.then_some(())?;
        Some((
            header,
            NeighbourAdvertisement {
                flags: u8_at(message, 4)?,
                target: ipv6_at(message, 8)?,
                mac: array(message, 26)?,
            },
        ))
    }

    /// The IPv6 packet, from the target itself to all nodes.
    pub fn emit(&self) -> Vec<u8> {
        let pseudo = pseudo_header(
            IpAddr::V6(self.target),
            IpAddr::V6(ALL_NODES),
            NEXT_HEADER_ICMPV6,
            LENGTH,
        );
        let body: [&[u8]; 4] = [
            &[self.flags, 0, 0, 0],
            &self.target.octets(),
            &OPTION_TARGET_LINK_LAYER,
            &self.mac,
        ];
        let body = body.concat();
        let head = [TYPE_NEIGHBOUR_ADVERTISEMENT, 0];
        let sum = checksum(&[&pseudo, &head, &body]);
        let mut message = Vec::with_capacity(LENGTH);
        message.extend_from_slice(&head);
        message.extend_from_slice(&sum.to_be_bytes());
        message.extend_from_slice(&body);
        ipv6::Header {
            traffic_class: 0,
            flow_label: 0,
            next_header: NEXT_HEADER_ICMPV6,
            hop_limit: HOP_LIMIT,
            source: self.target,
            destination: ALL_NODES,
        }
        .emit(&message)
    }
}

/// The whole frame of an unsolicited neighbour advertisement (RFC 4861 section 7.2.6, RFC 9568 section 6.4.1): to all nodes, with
/// the override flag, from the address itself, as keepalived sends it. The router flag is not set: the host may not forward.
pub fn unsolicited(mac: Mac, address: Ipv6Addr) -> Vec<u8> {
    let mut frame = Vec::with_capacity(ethernet::HEADER_LENGTH + ipv6::HEADER_LENGTH + LENGTH);
    ethernet::Header {
        destination: ethernet::multicast_mac_v6(ALL_NODES),
        source: mac,
        kind: TYPE_IPV6,
    }
    .emit(&mut frame);
    let advertisement = NeighbourAdvertisement {
        flags: FLAG_OVERRIDE,
        target: address,
        mac,
    };
    frame.extend(advertisement.emit());
    frame
}
