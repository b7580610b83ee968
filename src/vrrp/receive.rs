//! Is a packet welcome? The checks of RFC 3768 and RFC 9568, sections 7.1, in their order, and where an accepted advert stands against us.
//!
//! Judges only; what follows is table.rs, what is counted stats.rs.

use super::auth::{self, Proof};
use super::instance::Derived;
use super::table::Cause;
use crate::config::model::{Authentication, OldChecksum, Version, VrrpInstance};
use crate::time::Wall;
use crate::wire::vrrp::hmac;
use crate::wire::vrrp::v3::{self, CENTISECOND, Coverage};
use crate::wire::vrrp::{self, Family, PRIORITY_RESIGN, v2};
use crate::wire::{ah, ip, ipv6};
use std::net::IpAddr;
use std::time::Duration;

/// Why a packet was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketFault {
    /// Its TTL: not 255, so it was forwarded by a router (RFC 3768 5.2.3); or out of the bounds of a unicast peer.
    Ttl {
        /// As it arrived.
        got: u8,
        /// The lowest that is right.
        least: u8,
        /// The highest.
        most: u8,
    },
    /// Another version of VRRP.
    Version {
        /// Theirs.
        got: u8,
        /// Ours.
        expected: u8,
    },
    /// Not as long as its address count says.
    Length {
        /// How many bytes arrived.
        got: usize,
        /// How many it should have.
        expected: usize,
    },
    /// Its checksum does not fit; which version's.
    Checksum(u8),
    /// Not an advertisement.
    Type(u8),
    /// Not sent to our multicast group.
    Destination(IpAddr),
    /// Sent to a group, but we are one of unicast.
    Multicast(IpAddr),
    /// Sent by nobody that is a peer (`check_unicast_src`).
    Stranger,
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
    /// An authentication header that was not made with our password, or none.
    AhFailure,
    /// An authentication header whose sequence number its sender has used before.
    AhReplay {
        /// Its number.
        got: u32,
        /// The last one of that sender.
        seen: u32,
    },
    /// No trailer, where one is enforced (`auth_hmac`).
    HmacMissing,
    /// A trailer of another length or format.
    HmacMalformed,
    /// Signed with a key that we do not have; its number.
    HmacUnknownKey(u8),
    /// Not signed with our key of this number, or changed since.
    HmacInvalid(u8),
    /// Signed at another time than ours.
    HmacStale {
        /// How far away.
        skew: Duration,
        /// How far it may be.
        window: Duration,
    },
    /// Signed, but not later than the last one of that sender.
    HmacReplay,
    /// Another advertisement interval than ours, seconds.
    Interval {
        /// Theirs.
        got: u8,
        /// Ours.
        expected: u8,
    },
    /// An interval of zero: whoever believed it would take over at once.
    NoInterval,
}

impl PacketFault {
    /// What is wrong with a message for an instance of this version.
    fn of(fault: vrrp::Fault, expected: u8) -> Self {
        match fault {
            vrrp::Fault::Length { got, expected } => PacketFault::Length { got, expected },
            vrrp::Fault::Version(got) => PacketFault::Version { got, expected },
            vrrp::Fault::Type(kind) => PacketFault::Type(kind),
            vrrp::Fault::Checksum => PacketFault::Checksum(expected),
        }
    }
}

/// What the network says of a packet, IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Envelope<'a> {
    /// From whom.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// Time to live, or hop limit.
    pub hops: u8,
    /// The packet again, when its message came in an authentication header.
    pub sealed: Option<ah::Sealed<'a>>,
}

impl<'a> Envelope<'a> {
    /// The envelope of a whole IP packet, and its VRRP message; `None` when it cannot be one.
    pub fn open(packet: &'a [u8]) -> Option<(Self, &'a [u8])> {
        if let Ok((header, message)) = ipv6::Header::parse(packet) {
            let envelope = Envelope {
                source: IpAddr::V6(header.source),
                destination: IpAddr::V6(header.destination),
                hops: header.hop_limit,
                sealed: None,
            };
            return (header.next_header == ip::PROTOCOL_VRRP).then_some((envelope, message));
        }
        let (header, payload) = ip::Header::parse(packet).ok()?;
        let sealed = ah::Sealed::parse(packet).ok();
        let envelope = Envelope {
            source: IpAddr::V4(header.source),
            destination: IpAddr::V4(header.destination),
            hops: header.ttl,
            sealed,
        };
        let message = match sealed {
            Some(sealed) => sealed.message,
            None if header.protocol == ip::PROTOCOL_VRRP => payload,
            None => return None,
        };
        Some((envelope, message))
    }
}

/// An advert that is welcome, whatever its version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard<'a> {
    /// 0 = resigning.
    pub priority: u8,
    /// The sender's advertisement interval.
    pub interval: Duration,
    /// The virtual addresses as they stand in the packet.
    pub addresses: &'a [u8],
    /// What a version 3 checksum covers.
    pub coverage: Option<Coverage>,
    /// The checksum is right only as if the advert had been sent to the group (`old_unicast_checksum`).
    pub as_to_group: bool,
    /// What it is numbered by.
    pub proof: Proof,
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
    Absent(IpAddr),
}

/// Judges a packet for this instance.
///
/// # Errors
/// The first fault in the order of RFC 3768 (or RFC 9568) section 7.1.
pub(super) fn judge<'a>(
    config: &VrrpInstance,
    derived: &Derived,
    envelope: &Envelope<'_>,
    message: &'a [u8],
    wall: Wall,
) -> Result<Heard<'a>, PacketFault> {
    match &config.transport.unicast {
        Some(unicast) => derived.peers.admit(unicast, envelope)?,
        None if envelope.hops != vrrp::TTL => {
            return Err(PacketFault::Ttl {
                got: envelope.hops,
                least: vrrp::TTL,
                most: vrrp::TTL,
            });
        }
        None => {}
    }
    let (message, trailer) = match config.authentication {
        Authentication::Hmac(_) => hmac::split(message, config.family()),
        // Whoever knows no trailers finds the message too long.
        _ => (message, &[][..]),
    };
    let heard = match config.version {
        Version::V2 => judge_v2(config, derived, envelope, message, trailer),
        Version::V3 => judge_v3(config, envelope, message, trailer),
    }?;
    match heard.proof {
        Proof::None => Ok(Heard {
            proof: auth::check_trailer(config, envelope.source, message, trailer, wall)?,
            ..heard
        }),
        _ => Ok(heard),
    }
}

fn judge_v2<'a>(
    config: &VrrpInstance,
    derived: &Derived,
    envelope: &Envelope<'_>,
    message: &'a [u8],
    trailer: &[u8],
) -> Result<Heard<'a>, PacketFault> {
    let advert = match (envelope.source, envelope.destination) {
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            v2::Advert::parse_ipv6_before(message, trailer, source, destination)
        }
        _ => v2::Advert::parse(message),
    }
    .map_err(|fault| PacketFault::of(fault, v2::VERSION))?;
    addressed(config, envelope)?;
    let proof = auth::check_v2(config, derived, envelope, &advert)?;
    if advert.interval != derived.interval_seconds {
        return Err(PacketFault::Interval {
            got: advert.interval,
            expected: derived.interval_seconds,
        });
    }
    Ok(Heard {
        priority: advert.priority,
        interval: config.advert_interval,
        addresses: advert.address_bytes(),
        coverage: None,
        as_to_group: false,
        proof,
    })
}

fn judge_v3<'a>(
    config: &VrrpInstance,
    envelope: &Envelope<'_>,
    message: &'a [u8],
    trailer: &[u8],
) -> Result<Heard<'a>, PacketFault> {
    let source = envelope.source;
    let parse = |destination| v3::Advert::parse_before(message, trailer, source, destination);
    let mut as_to_group = false;
    let (advert, coverage) = parse(envelope.destination)
        .or_else(|fault| {
            as_to_group = fault == vrrp::Fault::Checksum && knows_old_checksum(config);
            match parse(config.multicast_group) {
                Ok(parsed) if as_to_group => Ok(parsed),
                _ => Err(fault),
            }
        })
        .map_err(|fault| PacketFault::of(fault, v3::VERSION))?;
    addressed(config, envelope)?;
    if envelope.sealed.is_some() {
        // Version 3 knows no authentication header (RFC 9568 section 9).
        return Err(PacketFault::AuthMismatch {
            got: v2::AUTH_AH,
            expected: v2::AUTH_NONE,
        });
    }
    if advert.interval == 0 {
        return Err(PacketFault::NoInterval);
    }
    Ok(Heard {
        priority: advert.priority,
        interval: CENTISECOND * u32::from(advert.interval),
        addresses: advert.address_bytes(),
        coverage: Some(coverage),
        as_to_group,
        proof: Proof::None,
    })
}

/// Whether a checksum of keepalived before 1.3.7 can be one of a peer's.
fn knows_old_checksum(config: &VrrpInstance) -> bool {
    let unicast = config.transport.unicast.as_ref();
    config.family() == Family::V4
        && unicast.is_some_and(|unicast| unicast.old_checksum != OldChecksum::Never)
}

/// Was it sent to our group? Whom unicast adverts come from was asked first.
fn addressed(config: &VrrpInstance, envelope: &Envelope<'_>) -> Result<(), PacketFault> {
    if config.transport.unicast.is_some() || envelope.destination == config.multicast_group {
        Ok(())
    } else {
        Err(PacketFault::Destination(envelope.destination))
    }
}

/// Compares the address list of an advert with ours; order does not matter.
pub(super) fn compare_addresses(
    config: &VrrpInstance,
    derived: &Derived,
    theirs: &[u8],
) -> Option<AddressFault> {
    if theirs == derived.address_bytes {
        return None;
    }
    let ours = &derived.sorted_addresses;
    let mut theirs: Vec<IpAddr> = config.family().addresses(theirs).collect();
    if theirs.len() != ours.len() {
        return Some(AddressFault::Count {
            expected: ours.len(),
            got: theirs.len(),
        });
    }
    theirs.sort_unstable();
    ours.iter()
        .find(|address| theirs.binary_search(address).is_err())
        .map(|absent| AddressFault::Absent(*absent))
}

/// Where an advert stands against our priority and address (sections 6.4.2 and 6.4.3).
pub(super) fn standing(
    priority: u8,
    source: IpAddr,
    ours: u8,
    own_source: Option<IpAddr>,
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
