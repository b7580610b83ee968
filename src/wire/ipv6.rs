//! The IPv6 header (RFC 8200 section 3): parse and emit. Extension headers are no part of it; a VRRP advert has none.

use super::bytes::{ipv6_at, u8_at, u16_at, u32_at};
use std::net::Ipv6Addr;

/// Length of the header.
pub const HEADER_LENGTH: usize = 40;
/// Where the destination stands.
pub(super) const DESTINATION: usize = 24;
/// Where the payload length stands.
const PAYLOAD_LENGTH: usize = 4;
/// The lower 20 bits of the first word are the flow label.
const TRAFFIC_CLASS_SHIFT: u32 = 20;

/// What is wrong with an IPv6 packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Fewer bytes than the header or its length field promise.
    Length,
    /// Not version 6.
    Version(u8),
}

/// An IPv6 header.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |Version| Traffic Class |           Flow Label                  |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |         Payload Length        |  Next Header  |   Hop Limit   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                      Source Address (128)                     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                   Destination Address (128)                   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Traffic class.
    pub traffic_class: u8,
    /// Flow label, 20 bits; those above are left out.
    pub flow_label: u32,
    /// What follows.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// From whom.
    pub source: Ipv6Addr,
    /// To whom.
    pub destination: Ipv6Addr,
}

impl Header {
    /// Header and payload of a packet. Bytes past the payload length (Ethernet padding) are left out.
    ///
    /// # Errors
    /// A `Fault` when the packet is short or no IPv6.
    pub fn parse(packet: &[u8]) -> Result<(Header, &[u8]), Fault> {
        let first = u32_at(packet, 0).ok_or(Fault::Length)?;
        let version = packet.first().map_or(0, |byte| byte >> 4);
        if version != 6 {
            return Err(Fault::Version(version));
        }
        let length = usize::from(u16_at(packet, PAYLOAD_LENGTH).ok_or(Fault::Length)?);
        let fields = || -> Option<Header> {
            Some(Header {
                // Eight bits fit.
                traffic_class: (first >> TRAFFIC_CLASS_SHIFT) as u8,
                flow_label: first & ((1 << TRAFFIC_CLASS_SHIFT) - 1),
                next_header: u8_at(packet, 6)?,
                hop_limit: u8_at(packet, 7)?,
                source: ipv6_at(packet, 8)?,
                destination: ipv6_at(packet, DESTINATION)?,
            })
        };
        let header = fields().ok_or(Fault::Length)?;
        let payload = packet
            .get(HEADER_LENGTH..HEADER_LENGTH + length)
            .ok_or(Fault::Length)?;
        Ok((header, payload))
    }

    /// The header in front of a payload of `length` bytes, 65,535 at most.
    pub fn emit_head(&self, length: usize) -> [u8; HEADER_LENGTH] {
        const VERSION: u32 = 6 << 28;
        let first = VERSION
            | u32::from(self.traffic_class) << TRAFFIC_CLASS_SHIFT
            | self.flow_label & ((1 << TRAFFIC_CLASS_SHIFT) - 1);
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        let fields: [&[u8]; 5] = [
            &first.to_be_bytes(),
            &length.to_be_bytes(),
            &[self.next_header, self.hop_limit],
            &self.source.octets(),
            &self.destination.octets(),
        ];
        let mut head = [0; HEADER_LENGTH];
        for (to, from) in head.iter_mut().zip(fields.iter().copied().flatten()) {
            *to = *from;
        }
        head
    }

    /// The whole packet around `payload`. What cannot fit into one packet (past 65,535 bytes) is cut.
    pub fn emit(&self, payload: &[u8]) -> Vec<u8> {
        let payload = payload.get(..usize::from(u16::MAX)).unwrap_or(payload);
        let mut packet = Vec::with_capacity(HEADER_LENGTH + payload.len());
        packet.extend_from_slice(&self.emit_head(payload.len()));
        packet.extend_from_slice(payload);
        packet
    }
}
