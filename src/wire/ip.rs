//! The IPv4 header (RFC 791): parse and emit, no options made, options skipped.

use super::bytes::{ipv4_at, u8_at, u16_at};
use super::checksum::checksum;
use std::net::Ipv4Addr;

/// Protocol number of VRRP (RFC 3768 section 5.2.4).
pub const PROTOCOL_VRRP: u8 = 112;
/// Protocol number of the authentication header (RFC 2402 section 2).
pub const PROTOCOL_AH: u8 = 51;
/// Protocol number of ICMP (RFC 792).
pub const PROTOCOL_ICMP: u8 = 1;
/// Length of a header without options.
pub const HEADER_LENGTH: usize = 20;
/// Where the destination stands.
pub(super) const DESTINATION: usize = 16;
/// Type of service of network control traffic (DSCP CS6).
pub const TOS_NETWORK_CONTROL: u8 = 0xc0;
/// More-fragments flag and fragment offset.
const FRAGMENT: u16 = 0x3fff;

/// What is wrong with an IPv4 packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Fewer bytes than the header or its length fields promise.
    Length,
    /// Not version 4.
    Version(u8),
    /// The header checksum does not fit.
    Checksum,
    /// A fragment: what a socket hands over is always whole.
    Fragment,
}

/// An IPv4 header.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |Version|  IHL  |Type of Service|          Total Length         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |         Identification        |Flags|      Fragment Offset    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Time to Live |    Protocol   |         Header Checksum       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                       Source Address                          |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Destination Address                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Type of service.
    pub tos: u8,
    /// Identification.
    pub id: u16,
    /// Time to live.
    pub ttl: u8,
    /// What follows.
    pub protocol: u8,
    /// From whom.
    pub source: Ipv4Addr,
    /// To whom.
    pub destination: Ipv4Addr,
}

impl Header {
    /// Header and payload of a packet. Bytes past the total length (Ethernet padding) are left out of the payload.
    ///
    /// # Errors
    /// A `Fault` when the packet is short, no IPv4, damaged or a fragment.
    pub fn parse(packet: &[u8]) -> Result<(Header, &[u8]), Fault> {
        let first = u8_at(packet, 0).ok_or(Fault::Length)?;
        if first >> 4 != 4 {
            return Err(Fault::Version(first >> 4));
        }
        let header_length = header_length(packet).ok_or(Fault::Length)?;
        let total_length = usize::from(u16_at(packet, 2).ok_or(Fault::Length)?);
        if header_length < HEADER_LENGTH {
            return Err(Fault::Length);
        }
        let payload = packet
            .get(header_length..total_length)
            .ok_or(Fault::Length)?;
        let header = packet.get(..header_length).ok_or(Fault::Length)?;
        if checksum(&[header]) != 0 {
            return Err(Fault::Checksum);
        }
        let field = || -> Option<(Header, u16)> {
            let parsed = Header {
                tos: u8_at(header, 1)?,
                id: u16_at(header, 4)?,
                ttl: u8_at(header, 8)?,
                protocol: u8_at(header, 9)?,
                source: ipv4_at(header, 12)?,
                destination: ipv4_at(header, DESTINATION)?,
            };
            Some((parsed, u16_at(header, 6)?))
        };
        let (parsed, flags) = field().ok_or(Fault::Length)?;
        if flags & FRAGMENT != 0 {
            return Err(Fault::Fragment);
        }
        Ok((parsed, payload))
    }

    /// The whole packet around `payload`, without options, unfragmented, fragmentation allowed. A payload that cannot fit into
    /// one packet (over 65,515 bytes) is cut.
    pub fn emit(&self, payload: &[u8]) -> Vec<u8> {
        let room = usize::from(u16::MAX) - HEADER_LENGTH;
        let payload = payload.get(..room).unwrap_or(payload);
        let total_length = u16::try_from(HEADER_LENGTH + payload.len()).unwrap_or(u16::MAX);
        let mut header = Vec::with_capacity(HEADER_LENGTH + payload.len());
        header.extend_from_slice(&[0x45, self.tos]);
        header.extend_from_slice(&total_length.to_be_bytes());
        header.extend_from_slice(&self.id.to_be_bytes());
        header.extend_from_slice(&[0, 0, self.ttl, self.protocol]);
        let (source, destination) = (self.source.octets(), self.destination.octets());
        let sum = checksum(&[&header, &source, &destination]);
        header.extend_from_slice(&sum.to_be_bytes());
        header.extend_from_slice(&source);
        header.extend_from_slice(&destination);
        header.extend_from_slice(payload);
        header
    }
}

/// How many bytes the header of a packet says that it has, options included.
pub(super) fn header_length(packet: &[u8]) -> Option<usize> {
    u8_at(packet, 0).map(|first| usize::from(first & 0x0f) * 4)
}

/// The identification after `id`: counts up and skips zero, which some stacks take for "none".
pub fn next_id(id: u16) -> u16 {
    id.checked_add(1).unwrap_or(1)
}
