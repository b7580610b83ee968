//! VRRP messages. Here lives what all versions share: the first two bytes, address lists and the kinds of fault; `v2` has RFC 3768,
//! `v3` RFC 9568, `hmac` the trailer that either may have.

pub mod hmac;
pub mod v2;
pub mod v3;

use super::bytes::u8_at;
use super::ipv6;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The only packet type there is (RFC 9568 section 5.2.2).
pub const TYPE_ADVERTISEMENT: u8 = 1;
/// The time to live or hop limit every advert must arrive with: proof that no router forwarded it (RFC 9568 section 5.1.1.3).
pub const TTL: u8 = 255;
/// The priority of the router that owns the virtual addresses (RFC 9568 section 5.2.4).
pub const PRIORITY_OWNER: u8 = 255;
/// The priority of a master that resigns (RFC 9568 section 5.2.4).
pub const PRIORITY_RESIGN: u8 = 0;
/// Where adverts go over IPv4 (RFC 9568 section 5.1.1.2).
pub const MULTICAST_GROUP4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// Where adverts go over IPv6 (RFC 9568 section 5.1.2.2).
pub const MULTICAST_GROUP6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
/// As many addresses as the count field can say.
pub const MAX_ADDRESSES: usize = 255;

/// As many IPv6 addresses fit into an advert with so many bytes behind it: over IPv6 it is never fragmented, so that it has to fit
/// into an Ethernet frame of 1500 bytes.
pub const fn ipv6_addresses_max(trailer: usize) -> usize {
    const MTU: usize = 1500;
    (MTU - ipv6::HEADER_LENGTH - v3::HEADER_LENGTH - trailer) / 16
}

/// Whose addresses a virtual router has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv6() {
            Family::V6
        } else {
            Family::V4
        }
    }

    /// Bytes of an address in an advert.
    pub fn address_length(self) -> usize {
        match self {
            Family::V4 => 4,
            Family::V6 => 16,
        }
    }

    /// The addresses of a list as it stands in an advert; a rest that is no whole address is left out.
    pub fn addresses(self, list: &[u8]) -> impl Iterator<Item = IpAddr> + use<'_> {
        list.chunks_exact(self.address_length())
            .filter_map(|bytes| match <[u8; 4]>::try_from(bytes) {
                Ok(octets) => Some(IpAddr::from(octets)),
                Err(_) => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
            })
    }

    /// As much of a list as an advert can hold.
    fn whole(self, list: &[u8]) -> &[u8] {
        let whole = list.len() - list.len() % self.address_length();
        list.get(..whole.min(MAX_ADDRESSES * self.address_length()))
            .unwrap_or_default()
    }
}

/// Addresses in the form in which they stand in an advert.
pub fn address_bytes(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for address in addresses {
        match address {
            IpAddr::V4(address) => bytes.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => bytes.extend_from_slice(&address.octets()),
        }
    }
    bytes
}

/// What is wrong with a VRRP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not as long as its address count says; bytes there, bytes needed.
    Length {
        /// How many bytes arrived.
        got: usize,
        /// How many the message should have.
        expected: usize,
    },
    /// Another version of the protocol.
    Version(u8),
    /// Not an advertisement.
    Type(u8),
    /// The checksum does not fit.
    Checksum,
}

/// The virtual router a message is about, whatever its version: read before anything is known to be right.
pub fn peek_vrid(message: &[u8]) -> Option<u8> {
    u8_at(message, 1)
}
