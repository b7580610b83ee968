//! How often a line may be said: so that whoever sends garbage, or a peer that is away, cannot fill the log.

use crate::time::Instant;
use crate::vrrp::receive::PacketFault;
use std::time::Duration;

/// What lines are limited by: one of each per instance and `QUIET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::vrrp) enum Topic {
    Packet(std::mem::Discriminant<PacketFault>),
    Addresses,
    Lower,
    OwnAddress,
    RivalOwner,
    SendFailed,
    UnknownVrid,
    Interval,
    Coverage,
    Unsigned,
    Skew,
    OldChecksum,
}

/// The least time between two lines of one topic.
const QUIET: Duration = Duration::from_secs(60);

/// Remembers what was said when, so that whoever sends garbage cannot fill the log.
#[derive(Debug, Default)]
pub(in crate::vrrp) struct Limiter {
    said: Vec<(Topic, Instant, u32)>,
}

impl Limiter {
    /// How many lines of this topic were kept back before, if one may be said now.
    pub fn allow(&mut self, topic: Topic, now: Instant) -> Option<u32> {
        match self.said.iter_mut().find(|(known, ..)| *known == topic) {
            None => {
                self.said.push((topic, now, 0));
                Some(0)
            }
            Some((_, last, suppressed)) if now.since(*last) >= QUIET => {
                *last = now;
                Some(std::mem::take(suppressed))
            }
            Some((.., suppressed)) => {
                *suppressed = suppressed.saturating_add(1);
                None
            }
        }
    }
}
