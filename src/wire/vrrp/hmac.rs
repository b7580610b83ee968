//! The trailer that proves who sent an advert and when (`auth_hmac` of keepalived 2.4.2 and later, draft-cassen-vrrp-auth-hmac):
//! HMAC-SHA256, truncated, and a time-based sequence number; for versions 2 and 3, IPv4 and IPv6, groups and peers alike.
//!
//! The format is what keepalived 2.4.3 was seen to send (tests/golden/hmac-*.hex), each of its bits pinned by those frames: the
//! trailer follows the message, in version 2 its authentication data too. The digest covers a pseudo-header (IP version, VRRP version,
//! virtual router ID, zero, the source in 16 bytes, an IPv4 address first and then zeros), the message with its checksum taken
//! as zero, and the trailer with its digest taken as zero. The checksum of the message covers the trailer over IPv6, as the
//! kernel computes it there for keepalived, and does not over IPv4. Assumed, as no frame shows it: the two reserved bytes are ignored
//! on receipt, but covered. Which sequence numbers are welcome is for `vrrp::auth` to say.

use super::{Family, v2, v3};
use crate::time::Wall;
use crate::wire::bytes::{array, u8_at};
use crate::wire::checksum::{checksum, pseudo_header};
use crate::wire::ip::PROTOCOL_VRRP;
use crate::wire::mac;
use sha2::Sha256;
use std::net::IpAddr;
use std::time::Duration;

/// Length of a trailer.
pub const LENGTH: usize = 28;
/// Length of the truncated digest.
pub const TAG_LENGTH: usize = 16;
/// How long a key may be, in bytes: half of it counts against a quantum computer, and one over a block would be hashed first.
pub const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 32..=mac::KEY_MAX;
/// What a trailer begins with.
const FORMAT: u8 = 1;
/// Where the digest begins.
const TAG_AT: usize = LENGTH - TAG_LENGTH;
/// Where the checksum of a VRRP message stands, whatever its version.
const CHECKSUM: std::ops::Range<usize> = 6..8;
/// Bits of a sequence number below its seconds.
const SECOND_BITS: u32 = 32;
/// Bits below its fraction of a second: a counter of what is sent within one.
const COUNTER_BITS: u32 = 16;

/// When an advert was made, and which of those of the same instant it is: 32 bits of seconds since 1970, 16 of a fraction, 16 of a
/// counter. On a circle (RFC 1982), so that nothing happens when the seconds wrap in 2106.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The first one of an instant.
    pub fn at(wall: Wall) -> Self {
        let time = u128::from(wall.0) << SECOND_BITS;
        // The seconds lose what is above 32 bits.
        let time = (time / Duration::from_secs(1).as_nanos()) as u64;
        Sequence(time >> COUNTER_BITS << COUNTER_BITS)
    }

    /// The next one, which is of the same instant but for a very quick sender.
    pub fn next(self) -> Self {
        Sequence(self.0.wrapping_add(1))
    }

    /// Whether it comes after another.
    pub fn is_later(self, than: Sequence) -> bool {
        (1..=u64::MAX / 2).contains(&self.0.wrapping_sub(than.0))
    }

    /// How far two are apart in time, whichever is the earlier.
    pub fn distance(self, other: Sequence) -> Duration {
        let distance = self.0.wrapping_sub(other.0).cast_signed().unsigned_abs();
        let nanos = (u128::from(distance) * Duration::from_secs(1).as_nanos()) >> SECOND_BITS;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// What stands behind a message.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Format = 1  |     Key ID    |          Reserved = 0         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                   Seconds since 1970, UTC                     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |      Fraction of a second     |            Counter            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                                                               |
/// +                                                               +
/// |                      HMAC-SHA256, its                         |
/// +                       first 128 bits                          +
/// |                                                               |
/// +                                                               +
/// |                                                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Which key, 1..=255; 0 is no valid one but can arrive.
    pub key_id: u8,
    /// When it was made.
    pub sequence: Sequence,
    /// All before the digest.
    head: [u8; TAG_AT],
    tag: [u8; TAG_LENGTH],
}

impl Trailer {
    /// Reads a trailer; `None` when it has another length or format.
    pub fn parse(trailer: &[u8]) -> Option<Self> {
        let known = trailer.len() == LENGTH && u8_at(trailer, 0)? == FORMAT;
        known.then_some(Trailer {
            key_id: u8_at(trailer, 1)?,
            sequence: Sequence(array(trailer, 4).map(u64::from_be_bytes)?),
            head: array(trailer, 0)?,
            tag: array(trailer, TAG_AT)?,
        })
    }

    /// Makes the trailer of a message from `source`, whose checksum does not count.
    pub fn sign(
        message: &[u8],
        source: IpAddr,
        key_id: u8,
        key: &[u8],
        sequence: Sequence,
    ) -> Self {
        let mut head = [0; TAG_AT];
        let fields = [FORMAT, key_id, 0, 0];
        for (to, from) in head
            .iter_mut()
            .zip(fields.into_iter().chain(sequence.0.to_be_bytes()))
        {
            *to = from;
        }
        let mut tag = [0; TAG_LENGTH];
        for (to, from) in tag.iter_mut().zip(digest(message, source, &head, key)) {
            *to = from;
        }
        Trailer {
            key_id,
            sequence,
            head,
            tag,
        }
    }

    /// Whether somebody who knows the key sent exactly this message from this address.
    pub fn is_genuine(&self, message: &[u8], source: IpAddr, key: &[u8]) -> bool {
        mac::begins_with(&digest(message, source, &self.head, key), &self.tag)
    }

    /// The message with this trailer, its checksum as it has to be for a packet with these addresses.
    pub fn append(&self, mut message: Vec<u8>, source: IpAddr, destination: IpAddr) -> Vec<u8> {
        message.extend_from_slice(&self.head);
        message.extend_from_slice(&self.tag);
        if source.is_ipv6() {
            let pseudo = pseudo_header(source, destination, PROTOCOL_VRRP, message.len());
            let field = message.get_mut(CHECKSUM).unwrap_or_default();
            field.fill(0);
            let sum = checksum(&[&pseudo, &message]).to_be_bytes();
            if let Some(field) = message.get_mut(CHECKSUM) {
                field.copy_from_slice(&sum);
            }
        }
        message
    }
}

/// The digest over a message from `source` and the part of its trailer before the digest.
fn digest(message: &[u8], source: IpAddr, head: &[u8; TAG_AT], key: &[u8]) -> [u8; 32] {
    let version = u8_at(message, 0).unwrap_or_default() >> 4;
    let vrid = u8_at(message, 1).unwrap_or_default();
    let mut pseudo = [0; 20];
    let (family, octets) = match source {
        IpAddr::V4(source) => (4, &source.octets()[..]),
        IpAddr::V6(source) => (6, &source.octets()[..]),
    };
    let fields = [family, version, vrid, 0];
    for (to, from) in pseudo.iter_mut().zip(fields.iter().chain(octets)) {
        *to = *from;
    }
    let before = message.get(..CHECKSUM.start).unwrap_or(message);
    let behind = message.get(CHECKSUM.end..).unwrap_or_default();
    let parts = [&pseudo[..], before, &[0, 0], behind, head, &[0; TAG_LENGTH]];
    mac::digest::<Sha256>(key, &parts).into()
}

/// The message of a packet and what stands behind it, by what the count of its addresses says; all of it is the message when there is
/// nothing behind it, or too little of it.
pub fn split(message: &[u8], family: Family) -> (&[u8], &[u8]) {
    let read = || -> Option<usize> {
        let addresses = usize::from(u8_at(message, 3)?) * family.address_length();
        let fixed = match (u8_at(message, 0)? >> 4, family) {
            (v2::VERSION, Family::V4) => v2::HEADER_LENGTH + v2::AUTHENTICATION_LENGTH,
            (v2::VERSION, Family::V6) => v2::HEADER_LENGTH,
            (v3::VERSION, _) => v3::HEADER_LENGTH,
            _ => return None,
        };
        Some(fixed + addresses)
    };
    read()
        .and_then(|length| message.split_at_checked(length))
        .unwrap_or((message, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const KEY: [u8; 32] = [7; 32];

    fn message() -> Vec<u8> {
        v2::Advert::new(51, 100, 1, &[10, 0, 0, 9]).emit()
    }

    #[test]
    fn what_is_signed_is_genuine_and_everything_counts_but_the_checksum() {
        let message = message();
        let trailer = Trailer::sign(&message, SOURCE, 3, &KEY, Sequence(5));
        assert!(trailer.is_genuine(&message, SOURCE, &KEY));
        assert!(!trailer.is_genuine(&message, Ipv4Addr::new(10, 0, 0, 2).into(), &KEY));
        assert!(!trailer.is_genuine(&message, SOURCE, &[8; 32]));
        let sent = trailer.append(message.clone(), SOURCE, SOURCE);
        for at in 0..sent.len() {
            let mut changed = sent.clone();
            changed[at] ^= 1;
            let (message, trailer) = changed.split_at(message.len());
            let genuine = Trailer::parse(trailer)
                .is_some_and(|trailer| trailer.is_genuine(message, SOURCE, &KEY));
            assert_eq!(genuine, CHECKSUM.contains(&at), "byte {at}");
        }
    }

    #[test]
    fn a_trailer_of_another_length_or_format_is_none() {
        let message = message();
        let trailer = Trailer::sign(&message, SOURCE, 3, &KEY, Sequence(5));
        let sent = trailer.append(message.clone(), SOURCE, SOURCE);
        let (before, bytes) = split(&sent, Family::V4);
        assert_eq!(
            (before, Trailer::parse(bytes)),
            (&message[..], Some(trailer))
        );
        assert_eq!(Trailer::parse(&bytes[1..]), None);
        let mut other = bytes.to_vec();
        other[0] = 2;
        assert_eq!(Trailer::parse(&other), None);
        assert_eq!(split(&message, Family::V4), (&message[..], &[][..]));
        assert_eq!(split(&message[..9], Family::V4), (&message[..9], &[][..]));
    }

    #[test]
    fn numbers_follow_the_clock_and_go_on_round_the_circle() {
        let at = |seconds, nanos| Sequence::at(Wall(seconds * 1_000_000_000 + nanos));
        assert_eq!(at(1, 0), Sequence(1 << 32));
        assert_eq!(at(1, 500_000_000), Sequence(1 << 32 | 0x8000 << 16));
        let last_second = u64::from(u32::MAX);
        assert!(at(last_second + 1, 0).is_later(at(last_second, 999_999_999)));
        assert!(!at(last_second, 0).is_later(at(last_second + 1, 0)));
        assert!(at(1, 0).next().is_later(at(1, 0)));
        assert!(!at(1, 0).is_later(at(1, 0)));
        let (early, late) = (at(last_second, 0), at(last_second + 3, 250_000_000));
        let apart = Duration::from_millis(3250);
        assert_eq!((early.distance(late), late.distance(early)), (apart, apart));
    }
}
