//! Is a packet welcome? The checks of RFC 3768 section 7.1, in its order, and where an accepted advert stands against us.
//!
//! Judges only; what follows is table.rs, what is counted stats.rs.

use super::instance::Derived;
use super::table::Cause;
use crate::config::model::{Authentication, VrrpInstance};
use crate::config::secret;
use crate::wire::ip;
use crate::wire::vrrp::v2::{self, Advert};
use crate::wire::vrrp::{self, PRIORITY_RESIGN};
use std::net::Ipv4Addr;

/// Why a packet was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketFault {
    /// Its TTL: not 255, so it was forwarded by a router (RFC 3768 5.2.3).
    Ttl(u8),
    /// Another version of VRRP.
    Version(u8),
    /// Not as long as its address count says.
    Length {
        /// How many bytes arrived.
        got: usize,
        /// How many it should have.
        expected: usize,
    },
    /// Its checksum does not fit.
    Checksum,
    /// Not an advertisement.
    Type(u8),
    /// Not sent to our multicast group.
    Destination(Ipv4Addr),
    /// An authentication type that does not exist.
    AuthType(u8),
    /// Another authentication type than ours.
    AuthMismatch {
        /// Theirs.
        got: u8,
        /// Ours.
        expected: u8,
    },
    /// A wrong password.
    AuthFailure,
    /// Another advertisement interval than ours, seconds.
    Interval {
        /// Theirs.
        got: u8,
        /// Ours.
        expected: u8,
    },
}

impl From<vrrp::Fault> for PacketFault {
    fn from(fault: vrrp::Fault) -> Self {
        match fault {
            vrrp::Fault::Length { got, expected } => PacketFault::Length { got, expected },
            vrrp::Fault::Version(version) => PacketFault::Version(version),
            vrrp::Fault::Type(kind) => PacketFault::Type(kind),
            vrrp::Fault::Checksum => PacketFault::Checksum,
        }
    }
}

/// What differs between the address list of an advert and ours. Told and counted, never a reason to drop (RFC 3768 7.1: MAY).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFault {
    /// Another number of addresses.
    Count {
        /// Ours.
        expected: usize,
        /// Theirs.
        got: usize,
    },
    /// One of ours is not among theirs.
    Absent(Ipv4Addr),
}

/// Judges a packet for this instance.
///
/// # Errors
/// The first fault in the order of RFC 3768 section 7.1.
pub(super) fn judge<'a>(
    config: &VrrpInstance,
    derived: &Derived,
    header: &ip::Header,
    message: &'a [u8],
) -> Result<Advert<'a>, PacketFault> {
    if header.ttl != vrrp::TTL {
        return Err(PacketFault::Ttl(header.ttl));
    }
    let advert = Advert::parse(message)?;
    if header.destination != config.multicast_group {
        return Err(PacketFault::Destination(header.destination));
    }
    let expected = match config.authentication {
        Authentication::None => v2::AUTH_NONE,
        Authentication::Pass(_) => v2::AUTH_PASS,
    };
    let got = advert.auth_type;
    if got > v2::AUTH_AH {
        return Err(PacketFault::AuthType(got));
    }
    if got != expected {
        return Err(PacketFault::AuthMismatch { got, expected });
    }
    if expected == v2::AUTH_PASS
        && !secret::equal(&advert.authentication, derived.password.expose())
    {
        return Err(PacketFault::AuthFailure);
    }
    if advert.interval != derived.interval_seconds {
        return Err(PacketFault::Interval {
            got: advert.interval,
            expected: derived.interval_seconds,
        });
    }
    Ok(advert)
}

/// Compares the address list of an advert with ours; order does not matter.
pub(super) fn compare_addresses(derived: &Derived, advert: &Advert<'_>) -> Option<AddressFault> {
    if advert.address_bytes() == derived.address_bytes {
        return None;
    }
    let (ours, theirs) = (&derived.sorted_addresses, advert.addresses());
    if theirs.len() != ours.len() {
        return Some(AddressFault::Count {
            expected: ours.len(),
            got: theirs.len(),
        });
    }
    let mut theirs: Vec<Ipv4Addr> = theirs.collect();
    theirs.sort_unstable();
    ours.iter()
        .find(|address| theirs.binary_search(address).is_err())
        .map(|absent| AddressFault::Absent(*absent))
}

/// Where an advert stands against our priority and address (RFC 3768 sections 6.4.2 and 6.4.3).
pub(super) fn standing(
    priority: u8,
    source: Ipv4Addr,
    ours: u8,
    own_source: Option<Ipv4Addr>,
    nopreempt: bool,
) -> Cause {
    if priority == PRIORITY_RESIGN {
        return Cause::HeardResign;
    }
    match priority.cmp(&ours) {
        std::cmp::Ordering::Less if nopreempt => Cause::HeardLowerNoPreempt,
        std::cmp::Ordering::Less => Cause::HeardLower,
        std::cmp::Ordering::Greater => Cause::HeardHigher,
        std::cmp::Ordering::Equal => match own_source.map(|own| source.cmp(&own)) {
            Some(std::cmp::Ordering::Less) => Cause::HeardEqualLower,
            Some(std::cmp::Ordering::Equal) => Cause::HeardEqualSelf,
            // Without an address of our own there is nothing to hold against theirs.
            Some(std::cmp::Ordering::Greater) | None => Cause::HeardEqualHigher,
        },
    }
}
