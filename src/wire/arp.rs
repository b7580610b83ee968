//! Address resolution over Ethernet (RFC 826): the gratuitous announcement of an IPv4 address.

use super::bytes::{array, ipv4_at, u8_at, u16_at};
use super::ethernet::{self, BROADCAST, Mac, TYPE_ARP, TYPE_IPV4};
use std::net::Ipv4Addr;

/// Hardware type of Ethernet.
const HARDWARE_ETHERNET: u16 = 1;
/// Opcode of a request.
pub const REQUEST: u16 = 1;
/// Length of an ARP packet for Ethernet and IPv4.
const LENGTH: usize = 28;

/// An ARP packet for Ethernet and IPv4.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |      Hardware type = 1        |    Protocol type = 0x0800     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Hw length = 6 | Pr length = 4 |            Opcode             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                     Sender hardware address                   |
/// +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                               |    Sender protocol address    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |    (Sender protocol address)  |    Target hardware address    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
/// |                                                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Target protocol address                    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// `REQUEST`, or 2 for a reply.
    pub opcode: u16,
    /// Who speaks.
    pub sender_mac: Mac,
    /// The address it speaks for.
    pub sender_ip: Ipv4Addr,
    /// Who is meant.
    pub target_mac: Mac,
    /// The address that is asked for or told about.
    pub target_ip: Ipv4Addr,
}

impl Arp {
    /// Reads an ARP packet (what follows the Ethernet header; padding is tolerated). `None` when it is short or not for Ethernet
    /// and IPv4.
    pub fn parse(packet: &[u8]) -> Option<Arp> {
        let lengths = (u8_at(packet, 4)?, u8_at(packet, 5)?);
        if u16_at(packet, 0)? != HARDWARE_ETHERNET
            || u16_at(packet, 2)? != TYPE_IPV4
            || lengths != (6, 4)
        {
            return None;
        }
        Some(Arp {
            opcode: u16_at(packet, 6)?,
            sender_mac: array(packet, 8)?,
            sender_ip: ipv4_at(packet, 14)?,
            target_mac: array(packet, 18)?,
            target_ip: ipv4_at(packet, 24)?,
        })
    }

    /// Appends the packet to `frame`.
    pub fn emit(&self, frame: &mut Vec<u8>) {
        frame.extend_from_slice(&HARDWARE_ETHERNET.to_be_bytes());
        frame.extend_from_slice(&TYPE_IPV4.to_be_bytes());
        frame.extend_from_slice(&[6, 4]);
        frame.extend_from_slice(&self.opcode.to_be_bytes());
        frame.extend_from_slice(&self.sender_mac);
        frame.extend_from_slice(&self.sender_ip.octets());
        frame.extend_from_slice(&self.target_mac);
        frame.extend_from_slice(&self.target_ip.octets());
    }
}

/// The whole frame of a gratuitous ARP: a broadcast request of `address` for itself (RFC 5227 section 3, RFC 3768 6.4.2). Its
/// target hardware address is the broadcast address, as keepalived sends it.
pub fn gratuitous(mac: Mac, address: Ipv4Addr) -> Vec<u8> {
    let mut frame = Vec::with_capacity(ethernet::HEADER_LENGTH + LENGTH);
    ethernet::Header {
        destination: BROADCAST,
        source: mac,
        kind: TYPE_ARP,
    }
    .emit(&mut frame);
    Arp {
        opcode: REQUEST,
        sender_mac: mac,
        sender_ip: address,
        target_mac: BROADCAST,
        target_ip: address,
    }
    .emit(&mut frame);
    frame
}
