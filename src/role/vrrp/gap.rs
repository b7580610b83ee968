//! Gaps that the loop's clock does not count: a host that was suspended, or a virtual machine that was paused and whose wall clock was
//! set right afterwards. CLOCK_MONOTONIC stands still meanwhile, so no timer is late; the clocks that go on, or that somebody sets, tell.
//! What follows from a gap is the core's. A process that alone stood still finds its timers late, which needs no other clock.

use crate::os::clock::Clocks;
use std::time::Duration;

/// Steps of the wall clock that are smaller are no gaps: nobody takes over in such a time but with the shortest intervals, and a clock
/// may be set right by so much at any time.
const GAP_MIN: Duration = Duration::from_millis(100);

/// How far the other clocks are ahead of the loop's, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ahead {
    boot: i128,
    wall: i128,
}

/// What was seen last.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    ahead: Option<Ahead>,
}

impl Gaps {
    /// The gap since the last look, if there was one. A wall clock that is set forward may mean one, too: listening for a moment does
    /// no harm.
    pub fn look(&mut self, clocks: Clocks) -> Option<Duration> {
        let steady = i128::from(clocks.steady.0);
        let nanos = |wall: Duration| i128::try_from(wall.as_nanos()).unwrap_or(i128::MAX);
        let ahead = Ahead {
            boot: i128::from(clocks.boot.0).saturating_sub(steady),
            wall: nanos(clocks.wall).saturating_sub(steady),
        };
        let before = self.ahead.replace(ahead)?;
        let moved = ahead.boot.saturating_sub(before.boot);
        let moved = moved.max(ahead.wall.saturating_sub(before.wall));
        let gap = Duration::from_nanos(u64::try_from(moved).unwrap_or(0));
        (gap >= GAP_MIN).then_some(gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Instant;

    #[test]
    fn what_the_clocks_say() {
        const SECOND: u64 = 1_000_000_000;
        let mut gaps = Gaps::default();
        // Seconds of the loop's clock, the one that counts suspension and the wall's; the gap in milliseconds.
        for (steady, boot, wall, gap) in [
            (10.0, 10.0, 1000.0, None),
            (11.0, 11.0, 1001.0, None),
            // Late, but nothing that was not counted.
            (19.0, 19.0, 1009.0, None),
            // Slewed, and a small step.
            (20.0, 20.0, 1010.05, None),
            // Suspended for 5 s; the wall clock is right at once, or it is not.
            (21.0, 26.0, 1016.05, Some(5000)),
            (22.0, 32.0, 1017.05, Some(5000)),
            // Paused for 30 s and set right.
            (23.0, 33.0, 1048.05, Some(30_000)),
            // Set back, and forward again.
            (24.0, 34.0, 900.0, None),
            (25.0, 35.0, 901.125, Some(125)),
        ] {
            let nanos = |seconds: f64| Instant((seconds * SECOND as f64) as u64);
            let clocks = Clocks {
                steady: nanos(steady),
                boot: nanos(boot),
                wall: Duration::from_secs_f64(wall),
            };
            let seen = gaps.look(clocks).map(|gap| gap.as_millis());
            assert_eq!(seen, gap, "at {steady}");
        }
    }
}
