//! The intervals of a session (RFC 5880 sections 6.8.2 to 6.8.4 and 6.8.7): which ones count while the neighbour has not confirmed a
//! change, jitter, detection time. Microseconds, as on the wire.

use std::time::Duration;

/// The slowest that a session that is not Up may announce (section 6.8.3), in microseconds.
pub(super) const SLOW: u32 = 1_000_000;
/// Part of an interval that jitter takes away at most, and at least when one lost packet is too many (section 6.8.7), in percent.
const JITTER_MAX: u64 = 25;
const JITTER_MIN_OF_ONE: u64 = 10;

/// In microseconds; what is longer than can be said is the longest that can.
pub(super) fn micros(interval: Duration) -> u32 {
    u32::try_from(interval.as_micros()).unwrap_or(u32::MAX)
}

/// As a duration.
pub(super) fn duration(micros: u32) -> Duration {
    Duration::from_micros(micros.into())
}

/// An interval that the neighbour is told, and the one that is acted on until it has confirmed that it heard it (section 6.8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    /// Said in every packet.
    pub told: u32,
    /// Acted on.
    pub used: u32,
}

impl Interval {
    /// One that is known to both.
    pub fn settled(micros: u32) -> Self {
        Interval {
            told: micros,
            used: micros,
        }
    }

    /// Changes it; true when there is something to be told. `cautious` chooses what is acted on until it is confirmed: sending is not
    /// slowed down sooner, and the neighbour is not expected to be faster.
    pub fn change(&mut self, micros: u32, cautious: impl Fn(u32, u32) -> u32) -> bool {
        let changed = self.told != micros;
        self.told = micros;
        self.used = cautious(self.used, micros);
        changed
    }

    /// The neighbour knows.
    pub fn settle(&mut self) {
        self.used = self.told;
    }
}

/// How long to wait for the next packet: less than the interval by up to a quarter, so that neighbours do not fall into step; by a
/// tenth at least when the neighbour gives up after one interval (section 6.8.7).
pub(super) fn jittered(interval: Duration, multiplier: u8, random: u64) -> Duration {
    let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
    let percent = |percent: u64| (nanos / 100).saturating_mul(percent);
    let least = if multiplier == 1 {
        percent(JITTER_MIN_OF_ONE)
    } else {
        0
    };
    let span = percent(JITTER_MAX).saturating_sub(least).saturating_add(1);
    let less = least.saturating_add(random % span);
    Duration::from_nanos(nanos.saturating_sub(less))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_takes_away_what_it_may() {
        for interval in [0, 1, 99, 10_000, 4_294_967_295].map(duration) {
            for (multiplier, least, most) in [(1, 75, 90), (2, 75, 100), (255, 75, 100)] {
                for random in [0, 1, 7, 1 << 40, u64::MAX - 1, u64::MAX] {
                    let wait = jittered(interval, multiplier, random);
                    // Whole hundredths of a nanosecond are lost.
                    let slack = Duration::from_nanos(100);
                    assert!(
                        wait + slack >= interval * least / 100,
                        "{wait:?} {interval:?}"
                    );
                    assert!(
                        wait <= interval * most / 100 + slack,
                        "{wait:?} {interval:?}"
                    );
                }
            }
        }
        let waits: Vec<_> = (0..1000)
            .map(|n| jittered(duration(100), 3, n * 37))
            .collect();
        assert!(waits.iter().any(|wait| *wait > Duration::from_micros(98)));
        assert!(waits.iter().any(|wait| *wait < Duration::from_micros(77)));
    }

    #[test]
    fn a_change_is_acted_on_when_it_does_no_harm() {
        // (before, to, what sending acts on, what detection acts on)
        for (before, to, sends, detects) in [
            (100, 50, 50, 100),
            (100, 200, 100, 200),
            (100, 100, 100, 100),
        ] {
            let mut sending = Interval::settled(before);
            assert_eq!(sending.change(to, u32::min), before != to);
            assert_eq!((sending.told, sending.used), (to, sends));
            let mut detection = Interval::settled(before);
            assert_eq!(detection.change(to, u32::max), before != to);
            assert_eq!((detection.told, detection.used), (to, detects));
            detection.settle();
            assert_eq!(detection, Interval::settled(to));
        }
    }
}
