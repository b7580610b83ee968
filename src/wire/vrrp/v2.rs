//! VRRP version 2 (RFC 3768 section 5): the advertisement with its authentication trailer; and as keepalived sends it over IPv6, which
//! the RFC does not know: without that trailer, its checksum over a pseudo-header.
//!
//! RFC 3768 took authentication out but left its fields; types 1 and 2 are those of RFC 2338 section 5.3.6.

use super::{Family, Fault, TYPE_ADVERTISEMENT};
use crate::wire::bytes::{array, u8_at};
use crate::wire::checksum::{checksum, pseudo_header};
use crate::wire::ip::PROTOCOL_VRRP;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The version number.
pub const VERSION: u8 = 2;
/// Length of the fixed part.
pub const HEADER_LENGTH: usize = 8;
/// Length of the authentication data, which are always there.
pub const AUTHENTICATION_LENGTH: usize = 8;
pub use super::MAX_ADDRESSES;

/// Authentication type 0 (RFC 3768 section 5.3.6).
pub const AUTH_NONE: u8 = 0;
/// Authentication type 1: a clear-text password (RFC 2338 section 5.3.6.2).
pub const AUTH_PASS: u8 = 1;
/// Authentication type 2: IP authentication header (RFC 2338 section 5.3.6.3).
pub const AUTH_AH: u8 = 2;

/// An advertisement.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |Version|  Type | Virtual Rtr ID|   Priority    | Count IP Addrs|
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Auth Type   |   Adver Int   |          Checksum             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         IP Address (1)                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                            .                                  |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         IP Address (n)                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                     Authentication Data (1)                   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                     Authentication Data (2)                   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Advert<'a> {
    /// Virtual router ID, 1..=255; 0 is no valid one but can arrive.
    pub vrid: u8,
    /// 255 = owner, 0 = resigning.
    pub priority: u8,
    /// `AUTH_NONE`, `AUTH_PASS`, `AUTH_AH` or anything else that arrived.
    pub auth_type: u8,
    /// Advertisement interval in seconds.
    pub interval: u8,
    /// The virtual addresses, 4 bytes each, in the order of the packet.
    addresses: &'a [u8],
    /// Authentication data: the password, zero padded, with `AUTH_PASS`.
    pub authentication: [u8; AUTHENTICATION_LENGTH],
}

impl std::fmt::Debug for Advert<'_> {
    // A password must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Advert")
            .field("vrid", &self.vrid)
            .field("priority", &self.priority)
            .field("auth_type", &self.auth_type)
            .field("interval", &self.interval)
            .field("addresses", &self.addresses().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl<'a> Advert<'a> {
    /// An advert about `addresses` (4 bytes each, as `address_bytes` makes them); addresses past the 255th are left out.
    pub fn new(vrid: u8, priority: u8, interval: u8, addresses: &'a [u8]) -> Self {
        Advert::of(Family::V4, vrid, priority, interval, addresses)
    }

    /// The same with IPv6 addresses, 16 bytes each.
    pub fn new_ipv6(vrid: u8, priority: u8, interval: u8, addresses: &'a [u8]) -> Self {
        Advert::of(Family::V6, vrid, priority, interval, addresses)
    }

    fn of(family: Family, vrid: u8, priority: u8, interval: u8, addresses: &'a [u8]) -> Self {
        Advert {
            vrid,
            priority,
            auth_type: AUTH_NONE,
            interval,
            addresses: family.whole(addresses),
            authentication: [0; AUTHENTICATION_LENGTH],
        }
    }

    /// The same advert with a password: at most 8 bytes of it, zero padded.
    pub fn with_password(mut self, password: &[u8]) -> Self {
        self.auth_type = AUTH_PASS;
        self.authentication = pad_password(password);
        self
    }

    /// Reads a message (what follows the IP header), in the order of RFC 3768 section 7.1: version, length, checksum; then type.
    ///
    /// # Errors
    /// A `Fault` when the message is damaged or no advertisement of this version.
    pub fn parse(message: &'a [u8]) -> Result<Self, Fault> {
        let smallest = HEADER_LENGTH + AUTHENTICATION_LENGTH;
        let short = Fault::Length {
            got: message.len(),
            expected: smallest,
        };
        let first = u8_at(message, 0).ok_or(short)?;
        if first >> 4 != VERSION {
            return Err(Fault::Version(first >> 4));
        }
        let count = usize::from(u8_at(message, 3).ok_or(short)?);
        let expected = smallest + count * 4;
        if message.len() != expected {
            return Err(Fault::Length {
                got: message.len(),
                expected,
            });
        }
        if checksum(&[message]) != 0 {
            return Err(Fault::Checksum);
        }
        if first & 0x0f != TYPE_ADVERTISEMENT {
            return Err(Fault::Type(first & 0x0f));
        }
        let trailer = HEADER_LENGTH + count * 4;
        let read = || -> Option<Self> {
            Some(Advert {
                vrid: u8_at(message, 1)?,
                priority: u8_at(message, 2)?,
                auth_type: u8_at(message, 4)?,
                interval: u8_at(message, 5)?,
                addresses: message.get(HEADER_LENGTH..trailer)?,
                authentication: array(message, trailer)?,
            })
        };
        read().ok_or(short)
    }

    /// Reads a message that came over IPv6.
    ///
    /// # Errors
    /// As `parse`.
    pub fn parse_ipv6(
        message: &'a [u8],
        source: Ipv6Addr,
        destination: Ipv6Addr,
    ) -> Result<Self, Fault> {
        Self::parse_ipv6_before(message, &[], source, destination)
    }

    /// The same of a message with a trailer behind it (`super::hmac`), which the checksum covers.
    ///
    /// # Errors
    /// As `parse`.
    pub fn parse_ipv6_before(
        message: &'a [u8],
        trailer: &[u8],
        source: Ipv6Addr,
        destination: Ipv6Addr,
    ) -> Result<Self, Fault> {
        let short = Fault::Length {
            got: message.len(),
            expected: HEADER_LENGTH,
        };
        let first = u8_at(message, 0).ok_or(short)?;
        if first >> 4 != VERSION {
            return Err(Fault::Version(first >> 4));
        }
        let count = usize::from(u8_at(message, 3).ok_or(short)?);
        let expected = HEADER_LENGTH + count * Family::V6.address_length();
        if message.len() != expected {
            return Err(Fault::Length {
                got: message.len(),
                expected,
            });
        }
        let (source, destination) = (IpAddr::V6(source), IpAddr::V6(destination));
        let length = message.len() + trailer.len();
        let pseudo = pseudo_header(source, destination, PROTOCOL_VRRP, length);
        if checksum(&[&pseudo, message, trailer]) != 0 {
            return Err(Fault::Checksum);
        }
        if first & 0x0f != TYPE_ADVERTISEMENT {
            return Err(Fault::Type(first & 0x0f));
        }
        let read = || -> Option<Self> {
            Some(Advert {
                vrid: u8_at(message, 1)?,
                priority: u8_at(message, 2)?,
                auth_type: u8_at(message, 4)?,
                interval: u8_at(message, 5)?,
                addresses: message.get(HEADER_LENGTH..)?,
                authentication: [0; AUTHENTICATION_LENGTH],
            })
        };
        read().ok_or(short)
    }

    /// The message of an advert with IPv6 addresses, checksum included, for a packet with these addresses.
    pub fn emit_ipv6(&self, source: Ipv6Addr, destination: Ipv6Addr) -> Vec<u8> {
        let count = self.addresses.len() / Family::V6.address_length();
        let mut message = vec![
            VERSION << 4 | TYPE_ADVERTISEMENT,
            self.vrid,
            self.priority,
            u8::try_from(count).unwrap_or(u8::MAX),
            self.auth_type,
            self.interval,
        ];
        let (source, destination) = (IpAddr::V6(source), IpAddr::V6(destination));
        let length = HEADER_LENGTH + self.addresses.len();
        let pseudo = pseudo_header(source, destination, PROTOCOL_VRRP, length);
        let sum = checksum(&[&pseudo, &message, self.addresses]);
        message.extend_from_slice(&sum.to_be_bytes());
        message.extend_from_slice(self.addresses);
        message
    }

    /// The message, checksum included.
    pub fn emit(&self) -> Vec<u8> {
        // `new` and `parse` both hold the count to what fits.
        let count = u8::try_from(self.addresses.len() / 4).unwrap_or(u8::MAX);
        let mut message =
            Vec::with_capacity(HEADER_LENGTH + self.addresses.len() + AUTHENTICATION_LENGTH);
        message.extend_from_slice(&[
            VERSION << 4 | TYPE_ADVERTISEMENT,
            self.vrid,
            self.priority,
            count,
        ]);
        message.extend_from_slice(&[self.auth_type, self.interval]);
        let sum = checksum(&[&message, self.addresses, &self.authentication]);
        message.extend_from_slice(&sum.to_be_bytes());
        message.extend_from_slice(self.addresses);
        message.extend_from_slice(&self.authentication);
        message
    }

    /// The virtual addresses, in the order of the packet.
    pub fn addresses(&self) -> impl ExactSizeIterator<Item = Ipv4Addr> + use<'a> {
        let (whole, _) = self.addresses.as_chunks::<4>();
        whole.iter().map(|octets| Ipv4Addr::from(*octets))
    }

    /// The virtual addresses as they stand in the packet.
    pub fn address_bytes(&self) -> &'a [u8] {
        self.addresses
    }
}

/// Addresses in the form `Advert::new` takes.
pub fn address_bytes(addresses: impl IntoIterator<Item = Ipv4Addr>) -> Vec<u8> {
    addresses
        .into_iter()
        .flat_map(|address| address.octets())
        .collect()
}

/// A password as it stands in the trailer: its first 8 bytes, zero padded (RFC 2338 section 5.3.6.2).
pub fn pad_password(password: &[u8]) -> [u8; AUTHENTICATION_LENGTH] {
    let mut padded = [0; AUTHENTICATION_LENGTH];
    for (to, from) in padded.iter_mut().zip(password) {
        *to = *from;
    }
    padded
}
