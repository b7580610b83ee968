//! Ethernet II framing (RFC 894): addresses and the type field; no FCS, no VLAN tags.

use super::bytes::{array, u16_at};
use std::net::Ipv6Addr;

/// A hardware address.
pub type Mac = [u8; 6];

/// All stations.
pub const BROADCAST: Mac = [0xff; 6];
/// The type field of IPv4.
pub const TYPE_IPV4: u16 = 0x0800;
/// The type field of ARP.
pub const TYPE_ARP: u16 = 0x0806;
/// The type field of IPv6.
pub const TYPE_IPV6: u16 = 0x86dd;
/// Length of the header.
pub const HEADER_LENGTH: usize = 14;

/// An Ethernet II header.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                          Destination                          |
/// +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                               |            Source             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
/// |                                                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |             Type              |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// To whom.
    pub destination: Mac,
    /// From whom.
    pub source: Mac,
    /// What follows.
    pub kind: u16,
}

impl Header {
    /// Header and payload of a frame; `None` when it is shorter than a header.
    pub fn parse(frame: &[u8]) -> Option<(Header, &[u8])> {
        let header = Header {
            destination: array(frame, 0)?,
            source: array(frame, 6)?,
            kind: u16_at(frame, 12)?,
        };
        Some((header, frame.get(HEADER_LENGTH..)?))
    }

    /// Appends the header to `frame`.
    pub fn emit(&self, frame: &mut Vec<u8>) {
        frame.extend_from_slice(&self.destination);
        frame.extend_from_slice(&self.source);
        frame.extend_from_slice(&self.kind.to_be_bytes());
    }
}

/// The hardware address of an IPv6 multicast group (RFC 2464 section 7): its low 32 bits behind 33:33.
pub fn multicast_mac_v6(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}
