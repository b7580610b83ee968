//! Packets as bytes: parse and emit, no I/O, no state.
//!
//! One file per protocol. Every parser takes untrusted bytes, reads them through checked accessors only, allocates nothing and
//! returns a named fault instead of panicking; every emitter makes what its parser accepts. Whether a well-formed packet is
//! welcome is for `vrrp` to say. smtp.rs reads a stream and not packets: it keeps what has arrived, within bounds.

pub mod ah;
pub mod arp;
pub mod bfd;
pub mod bytes;
pub mod checksum;
pub mod ethernet;
pub mod ip;
pub mod ipv6;
pub mod mac;
pub mod ndisc;
pub mod process_event;
pub mod smtp;
pub mod vrrp;

use std::net::IpAddr;

/// Where a whole IPv4 or IPv6 packet goes, by its header.
pub fn destination(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => bytes::ipv4_at(packet, ip::DESTINATION).map(IpAddr::V4),
        6 => bytes::ipv6_at(packet, ipv6::DESTINATION).map(IpAddr::V6),
        _ => None,
    }
}
