//! What a BFD process leaves to the one that replaces it: enough to go on as Up before the neighbour misses anything.

use super::session::Session;
use crate::wire::bfd::State;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::num::{NonZeroU8, NonZeroU32};

/// Words that it takes where it is kept.
pub const RESUME_WORDS: usize = 4;

/// What the neighbour knows of us, and we of it. Intervals in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Which neighbour it is: see `neighbor_hash`.
    pub(super) neighbor: u32,
    /// My Discriminator.
    pub(super) discriminator: NonZeroU32,
    /// Your Discriminator, when it is known.
    pub(super) remote_discriminator: Option<NonZeroU32>,
    /// Its Desired Min TX Interval.
    pub(super) remote_min_tx: u32,
    /// Its Required Min RX Interval.
    pub(super) remote_min_rx: u32,
    /// Its Detect Mult.
    pub(super) remote_multiplier: NonZeroU8,
    /// It is in demand mode.
    pub(super) remote_demand: bool,
    /// The Desired Min TX Interval that counts.
    pub(super) min_tx: u32,
    /// The Required Min RX Interval that counts.
    pub(super) min_rx: u32,
    /// The port of our socket; 0 = none.
    pub(super) port: u16,
}

/// A short name of a neighbour: what was left for another is not to be believed.
pub(super) fn neighbor_hash(neighbor: IpAddr, multihop: bool) -> u32 {
    // The same program computes and compares it, so that the hasher need not be stable across versions.
    let mut hasher = DefaultHasher::new();
    (neighbor, multihop).hash(&mut hasher);
    let hash = hasher.finish();
    (hash ^ (hash >> u32::BITS)) as u32
}

impl Resume {
    /// Of a session that runs.
    pub(super) fn of(session: &Session) -> Self {
        let (config, remote) = (session.config(), session.remote());
        Resume {
            neighbor: neighbor_hash(config.neighbor, config.multihop),
            discriminator: session.discriminator(),
            remote_discriminator: remote.discriminator,
            remote_min_tx: remote.min_tx,
            remote_min_rx: remote.min_rx,
            remote_multiplier: remote.multiplier,
            remote_demand: remote.demand,
            min_tx: session.used_min_tx(),
            min_rx: session.used_min_rx(),
            port: session.port().unwrap_or(0),
        }
    }

    /// As it is kept.
    pub fn words(&self) -> [u64; RESUME_WORDS] {
        let remote = self.remote_discriminator.map_or(0, NonZeroU32::get);
        let rest = u32::from(self.port) << 16
            | u32::from(self.remote_multiplier.get()) << 8
            | u32::from(self.remote_demand);
        [
            pair(self.discriminator.get(), remote),
            pair(self.remote_min_tx, self.remote_min_rx),
            pair(self.min_tx, self.min_rx),
            pair(self.neighbor, rest),
        ]
    }

    /// From where it is kept; `None` when there is nothing.
    pub fn from_words(words: [u64; RESUME_WORDS]) -> Option<Self> {
        let [
            (discriminator, remote),
            (remote_min_tx, remote_min_rx),
            (min_tx, min_rx),
            (neighbor, rest),
        ] = words.map(|word| ((word >> u32::BITS) as u32, word as u32));
        Some(Resume {
            neighbor,
            discriminator: NonZeroU32::new(discriminator)?,
            remote_discriminator: NonZeroU32::new(remote),
            remote_min_tx,
            remote_min_rx,
            remote_multiplier: NonZeroU8::new((rest >> 8) as u8)?,
            remote_demand: rest & 1 != 0,
            min_tx,
            min_rx,
            port: (rest >> 16) as u16,
        })
    }

    /// Whether a session that was recorded like this is still Up for its neighbour, if it was a moment ago.
    pub(super) fn goes_on(&self, state: State) -> bool {
        state == State::Up && self.remote_discriminator.is_some()
    }
}

fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << u32::BITS | u64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_read_as_it_was_written(words: [u64; RESUME_WORDS], demand: bool) {
            let mut words = words;
            // Bits that mean nothing.
            words[3] = words[3] & !0xff | u64::from(demand);
            if let Some(resume) = Resume::from_words(words) {
                prop_assert_eq!(resume.words(), words);
            }
        }
    }

    #[test]
    fn an_empty_place_says_nothing() {
        assert_eq!(Resume::from_words([0; RESUME_WORDS]), None);
    }
}
