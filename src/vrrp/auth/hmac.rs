//! `auth_hmac`: which signed adverts are fresh and new, and how ours are numbered, whatever the host's clock does.
//!
//! The clock may be set. Ours jumps ahead and back again: with `anti_replay time` the numbers start from the clock again once the last
//! one is further ahead than peers would believe (keepalived 2.4.3); within the window, and always with `monotonic`, they count on.
//! That of a peer does: its mark, further ahead than it could send now, no longer counts.

use super::Proof;
use super::marks::Marks;
use crate::config::model::{AuthHmac, Freshness, HmacMode};
use crate::time::{Instant, Wall};
use crate::vrrp::receive::PacketFault;
use crate::wire::vrrp::hmac::{Sequence, Trailer};
use std::net::IpAddr;

/// Checks the trailer of a message, which is empty where there is none, but for whether it is a copy. What costs least comes first: a
/// flood of old copies is not worth a digest each.
///
/// # Errors
/// A `PacketFault` when it is not what this configuration asks for.
pub(in crate::vrrp) fn check(
    config: &AuthHmac,
    source: IpAddr,
    message: &[u8],
    trailer: &[u8],
    wall: Wall,
) -> Result<Proof, PacketFault> {
    if trailer.is_empty() {
        return match config.mode {
            HmacMode::Enforce => Err(PacketFault::HmacMissing),
            HmacMode::Permissive | HmacMode::ReceiveOnly => Ok(Proof::Unsigned),
        };
    }
    let trailer = Trailer::parse(trailer).ok_or(PacketFault::HmacMalformed)?;
    let key_id = trailer.key_id;
    let key = config
        .keys
        .get(&key_id)
        .ok_or(PacketFault::HmacUnknownKey(key_id))?;
    let skew = trailer.sequence.distance(Sequence::at(wall));
    if let Freshness::Time(window) = config.freshness
        && skew > window
    {
        return Err(PacketFault::HmacStale { skew, window });
    }
    if !trailer.is_genuine(message, source, key.expose()) {
        return Err(PacketFault::HmacInvalid(key_id));
    }
    Ok(Proof::Hmac(trailer.sequence))
}

/// The sequence numbers of an instance's trailers.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    last: Option<Sequence>,
    heard: Marks<Sequence>,
}

impl Numbers {
    /// The last one sent.
    pub fn last(&self) -> Option<Sequence> {
        self.last
    }

    /// Goes on from what another process sent last.
    pub fn resume(&mut self, last: Sequence) {
        self.last = Some(last);
    }

    /// Takes over what another process heard.
    pub fn remember(&mut self, sender: IpAddr, number: Sequence) {
        self.heard.set(sender, number, Instant::default());
    }

    /// Numbers the next advert.
    pub fn number(&mut self, freshness: Freshness, own: IpAddr, now: Instant, wall: Wall) {
        let clock = Sequence::at(wall);
        let next = match self.last {
            Some(last) if !clock.is_later(last) && !is_stranded(freshness, last, clock) => {
                last.next()
            }
            _ => clock,
        };
        self.last = Some(next);
        // What comes back is a replay, too.
        self.heard.set(own, next, now);
    }

    /// Takes note of a genuine advert, if it is not a copy of one before it.
    pub fn admit(
        &mut self,
        freshness: Freshness,
        sender: IpAddr,
        sequence: Sequence,
        now: Instant,
        wall: Wall,
    ) -> Result<(), PacketFault> {
        if let Some(seen) = self.heard.get(sender)
            && !sequence.is_later(seen)
            && !is_stranded(freshness, seen, Sequence::at(wall))
        {
            return Err(PacketFault::HmacReplay);
        }
        self.heard.set(sender, sequence, now);
        Ok(())
    }
}

/// Whether a number is of a time that nobody would believe now. Such a number can order only adverts that are stale anyway.
fn is_stranded(freshness: Freshness, number: Sequence, clock: Sequence) -> bool {
    match freshness {
        Freshness::Time(window) => number.distance(clock) > window,
        Freshness::Monotonic => false,
    }
}
