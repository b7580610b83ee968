//! How often a line may be said: so that whoever sends garbage, or a peer that is away, cannot fill the log.

use crate::quiet::Limit;
use crate::time::Instant;
use crate::vrrp::receive::PacketFault;

/// What lines are limited by: one of each per instance and quiet time.
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

/// One limit for each topic.
#[derive(Debug, Default)]
pub(in crate::vrrp) struct Limiter {
    said: Vec<(Topic, Limit)>,
}

impl Limiter {
    /// How many lines of this topic were kept back before, if one may be said now.
    pub fn allow(&mut self, topic: Topic, now: Instant) -> Option<u32> {
        if let Some((_, limit)) = self.said.iter_mut().find(|(known, _)| *known == topic) {
            return limit.allow(now);
        }
        let mut limit = Limit::default();
        let first = limit.allow(now);
        self.said.push((topic, limit));
        first
    }
}
