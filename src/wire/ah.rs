//! The IP authentication header (RFC 2402) as keepalived puts it before VRRP version 2 over IPv4: HMAC-MD5-96 (RFC 2403) under
//! the password, the sender's address for an SPI (RFC 2338 section 5.3.6.3, draft-ietf-vrrp-ipsecah-spec-00 section 3.2).
//!
//! Which sequence numbers are welcome is for `vrrp::auth` to say.

use super::bytes::{array, u8_at, u32_at};
use super::ip::{self, PROTOCOL_AH, PROTOCOL_VRRP};
use super::mac;
use md5::Md5;
use std::net::Ipv4Addr;

/// Length of the header with its 96-bit value.
pub const HEADER_LENGTH: usize = 24;
/// Length of the integrity check value (RFC 2403 section 2).
pub const ICV_LENGTH: usize = 12;
/// Length of the header in 32-bit words, less two (RFC 2402 section 2.2).
const PAYLOAD_LENGTH: u8 = 4;
/// Where the integrity check value begins.
const ICV_AT: usize = HEADER_LENGTH - ICV_LENGTH;
/// Bytes of an IPv4 header that routers change and no digest covers: type of service, flags and fragment offset, checksum
/// (RFC 2402 section 3.3.3.1.1.1).
const MUTABLE: [usize; 5] = [1, 6, 7, 10, 11];
/// Another: the time to live. keepalived covers it in packets to a group, where it has to arrive as 255.
const TTL: usize = 8;

/// What is wrong with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No IPv4 packet.
    Ip(ip::Fault),
    /// No authentication header in it, but this protocol.
    Protocol(u8),
    /// Shorter than the header, or the header says that it has another length.
    Length,
    /// The header is followed by this protocol instead of VRRP.
    NextHeader(u8),
}

/// A packet with an authentication header, not yet known to be genuine.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Next = 112    | Length = 4    |          RESERVED = 0         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |         Security Parameters Index = source address            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Sequence Number Field                      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                                                               |
/// +             Authentication Data: HMAC-MD5-96                  +
/// |                                                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed<'a> {
    /// The IPv4 header.
    pub header: ip::Header,
    /// Who the sender says that it is: with keepalived, its address.
    pub spi: u32,
    /// Counts the packets of a sender.
    pub sequence: u32,
    /// The VRRP message.
    pub message: &'a [u8],
    ip_header: &'a [u8],
    /// The authentication header but for its last field.
    head: &'a [u8],
    icv: [u8; ICV_LENGTH],
}

impl<'a> Sealed<'a> {
    /// Reads a whole IPv4 packet.
    ///
    /// # Errors
    /// A `Fault` when it has no authentication header of the one form that is sent before VRRP.
    pub fn parse(packet: &'a [u8]) -> Result<Self, Fault> {
        let (header, payload) = ip::Header::parse(packet).map_err(Fault::Ip)?;
        if header.protocol != PROTOCOL_AH {
            return Err(Fault::Protocol(header.protocol));
        }
        let next = u8_at(payload, 0).ok_or(Fault::Length)?;
        if u8_at(payload, 1) != Some(PAYLOAD_LENGTH) {
            return Err(Fault::Length);
        }
        let read = || -> Option<Self> {
            let (ip_header, _) = packet.split_at_checked(ip::header_length(packet)?)?;
            let (ah, message) = payload.split_at_checked(HEADER_LENGTH)?;
            Some(Sealed {
                header,
                spi: u32_at(ah, 4)?,
                sequence: u32_at(ah, 8)?,
                message,
                ip_header,
                head: ah.get(..ICV_AT)?,
                icv: array(ah, ICV_AT)?,
            })
        };
        let sealed = read().ok_or(Fault::Length)?;
        if next != PROTOCOL_VRRP {
            return Err(Fault::NextHeader(next));
        }
        Ok(sealed)
    }

    /// Whether somebody who knows the key sent exactly this. Zeros at the end of the key do not count, so that it is all the same
    /// whether a short password is padded.
    pub fn is_genuine(&self, key: &[u8]) -> bool {
        let destination = self.header.destination;
        let digest = digest(key, self.ip_header, destination, self.head, self.message);
        mac::begins_with(&digest, &self.icv)
    }
}

/// The whole packet around a VRRP message: IP header (whose `protocol` does not count), authentication header, message.
pub fn seal(header: &ip::Header, sequence: u32, message: &[u8], key: &[u8]) -> Vec<u8> {
    let header = ip::Header {
        protocol: PROTOCOL_AH,
        ..*header
    };
    let spi = header.source.octets();
    let head = [
        &[PROTOCOL_VRRP, PAYLOAD_LENGTH, 0, 0],
        &spi[..],
        &sequence.to_be_bytes(),
    ]
    .concat();
    let mut packet = header.emit(&[&head, &[0; ICV_LENGTH][..], message].concat());
    let ip_header = packet.get(..ip::HEADER_LENGTH).unwrap_or_default();
    let digest = digest(key, ip_header, header.destination, &head, message);
    let room = packet.iter_mut().skip(ip::HEADER_LENGTH + ICV_AT);
    for (to, from) in room.zip(digest).take(ICV_LENGTH) {
        *to = from;
    }
    packet
}

/// What the check value is the beginning of (RFC 2402 section 3.3.3).
fn digest(
    key: &[u8],
    ip_header: &[u8],
    destination: Ipv4Addr,
    head: &[u8],
    message: &[u8],
) -> [u8; 16] {
    let mut ip_header = ip_header.to_vec();
    let ttl = (!destination.is_multicast()).then_some(TTL);
    for at in MUTABLE.into_iter().chain(ttl) {
        if let Some(byte) = ip_header.get_mut(at) {
            *byte = 0;
        }
    }
    mac::digest::<Md5>(key, &[&ip_header, head, &[0; ICV_LENGTH], message]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"s3cr3t";

    fn header(destination: [u8; 4]) -> ip::Header {
        ip::Header {
            tos: ip::TOS_NETWORK_CONTROL,
            id: 7,
            ttl: 255,
            protocol: PROTOCOL_VRRP,
            source: Ipv4Addr::new(10, 0, 0, 1),
            destination: destination.into(),
        }
    }

    /// The packet with another byte and an IP header checksum that fits.
    fn changed(packet: &[u8], at: usize, to: u8) -> Vec<u8> {
        let mut packet = packet.to_vec();
        packet[at] = to;
        packet[10..12].fill(0);
        let sum = crate::wire::checksum::checksum(&[&packet[..ip::HEADER_LENGTH]]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet
    }

    #[test]
    fn what_is_sealed_is_genuine_and_padding_does_not_count() {
        let mut packet = seal(&header([224, 0, 0, 18]), 9, b"message", KEY);
        packet.extend([0xee; 6]);
        let sealed = Sealed::parse(&packet).expect("ours");
        assert_eq!((sealed.sequence, sealed.spi), (9, 0x0a00_0001));
        assert_eq!(sealed.message, b"message");
        assert!(sealed.is_genuine(KEY));
        assert!(!sealed.is_genuine(b"s3cr3u"));
    }

    /// RFC 2402 section 3.3.3: everything is covered but what routers may change.
    #[test]
    fn every_byte_is_covered_but_the_mutable_ones() {
        for destination in [[224, 0, 0, 18], [10, 0, 0, 2]] {
            let packet = seal(&header(destination), 9, b"message", KEY);
            let uncovered: Vec<usize> = (0..packet.len())
                .filter(|at| {
                    let packet = changed(&packet, *at, packet[*at] ^ 0x80);
                    Sealed::parse(&packet).is_ok_and(|sealed| sealed.is_genuine(KEY))
                })
                .collect();
            // The checksum is mended by `changed`. Of the flags only "do not fragment" may be set in a whole packet.
            let expected = match destination {
                [224, ..] => vec![1, 6, 10, 11],
                _ => vec![1, 6, 8, 10, 11],
            };
            assert_eq!(uncovered, expected, "to {destination:?}");
        }
    }

    #[test]
    fn what_is_no_authentication_header_before_vrrp_is_named() {
        let packet = seal(&header([224, 0, 0, 18]), 1, b"m", KEY);
        let at = |at: usize, to: u8| Sealed::parse(&changed(&packet, at, to)).map(|_| ());
        assert_eq!(at(9, 112), Err(Fault::Protocol(112)));
        assert_eq!(at(20, 89), Err(Fault::NextHeader(89)));
        assert_eq!(at(21, 3), Err(Fault::Length));
        assert_eq!(Sealed::parse(b""), Err(Fault::Ip(ip::Fault::Length)));
        let short = header([224, 0, 0, 18]);
        let short = ip::Header {
            protocol: PROTOCOL_AH,
            ..short
        }
        .emit(&packet[20..43]);
        assert_eq!(Sealed::parse(&short), Err(Fault::Length));
    }
}
