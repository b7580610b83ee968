//! VRRP version 3 (RFC 9568 section 5) for IPv4 and IPv6: the advertisement, and what its checksum covers.

use super::{Family, Fault, TYPE_ADVERTISEMENT};
use crate::wire::bytes::{u8_at, u16_at};
use crate::wire::checksum::{checksum, pseudo_header};
use crate::wire::ip::PROTOCOL_VRRP;
use std::net::IpAddr;
use std::time::Duration;

/// The version number.
pub const VERSION: u8 = 3;
/// Length of the fixed part.
pub const HEADER_LENGTH: usize = 8;
/// The interval has 12 bits (RFC 9568 section 5.2.7).
pub const INTERVAL_MAX: u16 = 0x0fff;
/// The unit of the interval.
pub const CENTISECOND: Duration = Duration::from_millis(10);

/// What a checksum was computed over. RFC 9568 section 5.2.8 says the message and, for IPv6 alone, a pseudo-header; RFC 5798 was
/// read as asking for one with IPv4, too, and keepalived sends it unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Addresses and length as well.
    PseudoHeader,
    /// The VRRP message alone.
    Message,
}

/// An advertisement.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |Version| Type  | Virtual Rtr ID|   Priority    |IPvX Addr Count|
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |Reserve| Max Advertise Interval|          Checksum             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                       IPvX Address(es)                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advert<'a> {
    /// Virtual router ID, 1..=255; 0 is no valid one but can arrive.
    pub vrid: u8,
    /// 255 = owner, 0 = resigning.
    pub priority: u8,
    /// Four bits that are sent as zero and ignored on receipt (RFC 9568 section 5.2.6).
    pub reserved: u8,
    /// Max Advertise Interval in centiseconds, 12 bits.
    pub interval: u16,
    family: Family,
    addresses: &'a [u8],
}

impl<'a> Advert<'a> {
    /// An advert about `addresses` of this family, as `address_bytes` makes them; addresses past the 255th are left out.
    pub fn new(family: Family, vrid: u8, priority: u8, interval: u16, addresses: &'a [u8]) -> Self {
        Advert {
            vrid,
            priority,
            reserved: 0,
            interval: interval.min(INTERVAL_MAX),
            family,
            addresses: family.whole(addresses),
        }
    }

    /// Reads a message that came from `source` to `destination`, in the order of RFC 9568 section 7.1: version, length, checksum;
    /// then type. Says also what the checksum covers.
    ///
    /// # Errors
    /// A `Fault` when the message is damaged or no advertisement of this version.
    pub fn parse(
        message: &'a [u8],
        source: IpAddr,
        destination: IpAddr,
    ) -> Result<(Self, Coverage), Fault> {
        Self::parse_before(message, &[], source, destination)
    }

    /// The same of a message with a trailer behind it (`super::hmac`), which the checksum covers over IPv6 alone.
    ///
    /// # Errors
    /// As `parse`.
    pub fn parse_before(
        message: &'a [u8],
        trailer: &[u8],
        source: IpAddr,
        destination: IpAddr,
    ) -> Result<(Self, Coverage), Fault> {
        let short = Fault::Length {
            got: message.len(),
            expected: HEADER_LENGTH,
        };
        let first = u8_at(message, 0).ok_or(short)?;
        if first >> 4 != VERSION {
            return Err(Fault::Version(first >> 4));
        }
        let family = Family::of(source);
        let count = usize::from(u8_at(message, 3).ok_or(short)?);
        let expected = HEADER_LENGTH + count * family.address_length();
        if message.len() != expected {
            return Err(Fault::Length {
                got: message.len(),
                expected,
            });
        }
        let coverage = match source {
            IpAddr::V4(_) => coverage(message, &[], source, destination),
            IpAddr::V6(_) => coverage(message, trailer, source, destination),
        }
        .ok_or(Fault::Checksum)?;
        if first & 0x0f != TYPE_ADVERTISEMENT {
            return Err(Fault::Type(first & 0x0f));
        }
        let read = || -> Option<Self> {
            let word = u16_at(message, 4)?;
            Some(Advert {
                vrid: u8_at(message, 1)?,
                priority: u8_at(message, 2)?,
                // Four bits fit.
                reserved: (word >> 12) as u8,
                interval: word & INTERVAL_MAX,
                family,
                addresses: message.get(HEADER_LENGTH..)?,
            })
        };
        read().map(|advert| (advert, coverage)).ok_or(short)
    }

    /// The message, checksum included; the addresses are those of the packet it will travel in.
    pub fn emit(&self, source: IpAddr, destination: IpAddr, coverage: Coverage) -> Vec<u8> {
        // `new` and `parse` both hold the count to what fits.
        let count = self.addresses.len() / self.family.address_length();
        let mut message = Vec::with_capacity(HEADER_LENGTH + self.addresses.len());
        message.extend_from_slice(&[
            VERSION << 4 | TYPE_ADVERTISEMENT,
            self.vrid,
            self.priority,
            u8::try_from(count).unwrap_or(u8::MAX),
        ]);
        let word = u16::from(self.reserved) << 12 | self.interval & INTERVAL_MAX;
        message.extend_from_slice(&word.to_be_bytes());
        let length = HEADER_LENGTH + self.addresses.len();
        let pseudo = match coverage {
            Coverage::PseudoHeader => pseudo_header(source, destination, PROTOCOL_VRRP, length),
            Coverage::Message => Vec::new(),
        };
        let sum = checksum(&[&pseudo, &message, self.addresses]);
        message.extend_from_slice(&sum.to_be_bytes());
        message.extend_from_slice(self.addresses);
        message
    }

    /// The virtual addresses, in the order of the packet.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + use<'a> {
        self.family.addresses(self.addresses)
    }

    /// The virtual addresses as they stand in the packet.
    pub fn address_bytes(&self) -> &'a [u8] {
        self.addresses
    }
}

/// What the checksum of a whole message covers; `None` when it fits nothing.
fn coverage(
    message: &[u8],
    trailer: &[u8],
    source: IpAddr,
    destination: IpAddr,
) -> Option<Coverage> {
    let length = message.len() + trailer.len();
    let pseudo = pseudo_header(source, destination, PROTOCOL_VRRP, length);
    if !pseudo.is_empty() && checksum(&[&pseudo, message, trailer]) == 0 {
        Some(Coverage::PseudoHeader)
    } else {
        (source.is_ipv4() && checksum(&[message]) == 0).then_some(Coverage::Message)
    }
}
