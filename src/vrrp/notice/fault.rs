//! Why packets were dropped, in words: the part of the log that tells an administrator which of two routers is set up wrongly.

use crate::vrrp::receive::PacketFault;
use std::fmt;
use std::net::IpAddr;

/// Words a fault of a packet that was dropped.
pub(super) fn word_fault(
    name: &str,
    source: IpAddr,
    vrid: u8,
    fault: &PacketFault,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    match fault {
        PacketFault::Ttl { got, least, most } if least == most => write!(
            f,
            "({name}) invalid TTL/HL from {source}. Received {got} and expect {most}"
        ),
        PacketFault::Ttl { got, least, most } => write!(
            f,
            "({name}) invalid TTL/HL from {source}. Received {got} and expect {least} to {most}"
        ),
        PacketFault::Stranger => {
            write!(
                f,
                "({name}) unicast source address {source} not a unicast peer"
            )
        }
        PacketFault::Multicast(group) => write!(
            f,
            "({name}) advert from {source} was multicast to {group}, but this instance is one of unicast: use unicast_peer on both, \
             or on neither"
        ),
        PacketFault::Destination(destination) if !destination.is_multicast() => write!(
            f,
            "({name}) advert from {source} was unicast to {destination}, but this instance is one of multicast: use unicast_peer on \
             both, or on neither"
        ),
        PacketFault::Version { got, expected } => {
            write!(
                f,
                "({name}) wrong VRRP version from {source}. Received {got} and expect {expected}"
            )
        }
        PacketFault::Length { got, expected } => {
            write!(
                f,
                "({name}) wrong packet length from {source}. Received {got} bytes and expect {expected}"
            )
        }
        PacketFault::Checksum(version) => {
            write!(f, "({name}) Invalid VRRPv{version} checksum from {source}")
        }
        PacketFault::Type(kind) => write!(
            f,
            "({name}) Invalid packet type from {source}. Received {kind} and expect 1"
        ),
        PacketFault::Destination(destination) => {
            write!(
                f,
                "({name}) advert from {source} was sent to {destination}, which is not our multicast group"
            )
        }
        PacketFault::AuthType(kind) => write!(f, "({name}) Invalid auth type {kind} from {source}"),
        PacketFault::AuthMismatch { got, expected } => {
            write!(
                f,
                "({name}) received a {got} auth from {source}, expecting {expected}!"
            )
        }
        PacketFault::AuthFailure => write!(f, "({name}) received an invalid passwd from {source}!"),
        PacketFault::AhFailure => write!(
            f,
            "({name}) IPSEC-AH : invalid IPSEC HMAC-MD5 value from {source}: another auth_pass, or changed on its way"
        ),
        PacketFault::AhReplay { got, seen } => write!(
            f,
            "({name}) IPSEC-AH : sequence number {got} already processed: {source} has sent {seen}, so this is a copy of an advert"
        ),
        PacketFault::HmacMissing => write!(
            f,
            "({name}) advert from {source} is not signed (auth_hmac), which mode enforce asks for"
        ),
        PacketFault::HmacMalformed => write!(
            f,
            "({name}) advert from {source} has a malformed auth_hmac trailer: is it of another version of keepalived?"
        ),
        PacketFault::HmacUnknownKey(key) => write!(
            f,
            "({name}) advert from {source} is signed with key {key}, which is not in our auth_hmac block"
        ),
        PacketFault::HmacInvalid(key) => write!(
            f,
            "({name}) invalid HMAC in advert from {source}: its key {key} is another one, or somebody forged it"
        ),
        PacketFault::HmacStale { skew, window } => write!(
            f,
            "({name}) stale advert from {source}, signed {:.1} s away from our clock, {} s are allowed: an old copy, or the clocks differ",
            skew.as_secs_f64(),
            window.as_secs()
        ),
        PacketFault::HmacReplay => write!(
            f,
            "({name}) signed advert from {source} is not newer than the one before: a replay?"
        ),
        PacketFault::NoInterval => write!(
            f,
            "({name}) advert from {source} has an advertisement interval of zero"
        ),
        PacketFault::Interval { got, expected } => write!(
            f,
            "({name}) advertisement interval mismatch with {source}: theirs {got} s, ours {expected} s. Its adverts are ignored, so \
             both may become MASTER of VRID {vrid}: set the same advert_int on both"
        ),
    }
}
