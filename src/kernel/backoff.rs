//! How often something had to be done again, and how long the next attempt waits: the patience with whoever undoes it.

use crate::time::Instant;
use std::time::Duration;

/// So many times in a row something is put back at once; after that with a growing delay.
pub(super) const PATIENCE: u32 = 5;
/// The first delay after that; it doubles each time.
pub(super) const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The longest delay.
pub(super) const LONGEST_DELAY: Duration = Duration::from_secs(10);
/// What stayed for this long is no longer fought over.
const CALM: Duration = Duration::from_secs(30);

/// Attempts at one thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Backoff {
    /// How many in a row did not last.
    pub attempts: u32,
    /// When the last one was made.
    pub last_attempt: Instant,
    /// When the next one may be.
    pub not_before: Instant,
}

impl Backoff {
    /// Counts one more attempt at something that did not last; gives how long the next has to wait.
    pub fn attempt(&mut self, now: Instant) -> Duration {
        if now.since(self.last_attempt) > CALM {
            self.attempts = 0;
        }
        self.attempts = self.attempts.saturating_add(1);
        let delay = match self.attempts.checked_sub(PATIENCE + 1) {
            None => Duration::ZERO,
            Some(doublings) => FIRST_DELAY
                .saturating_mul(1u32.checked_shl(doublings).unwrap_or(u32::MAX))
                .min(LONGEST_DELAY),
        };
        self.not_before = now + delay;
        delay
    }

    /// The next attempt waits at least so long.
    pub fn wait(&mut self, now: Instant, least: Duration) {
        self.not_before = self.not_before.max(now + least);
    }
}
