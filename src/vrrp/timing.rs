//! How long a backup waits: skew time and master down interval (RFC 3768 section 6.1). Exact in nanoseconds.

use std::time::Duration;

/// 1/256 s, the unit of skew.
const SKEW_UNIT: Duration = Duration::from_nanos(1_000_000_000 / 256);
/// Priorities are taken from this (RFC 3768 section 6.1, Skew_Time).
const SKEW_BASE: u32 = 256;
/// The priority whose skew `state MASTER` starts with: the shortest there is.
const EAGER_PRIORITY: u8 = 255;

/// Skew_Time: (256 - priority) / 256 seconds (RFC 3768 section 6.1).
pub fn skew_time(priority: u8) -> Duration {
    SKEW_UNIT * (SKEW_BASE - u32::from(priority))
}

/// Master_Down_Interval: `adverts` (3 in the RFC, `down_timer_adverts`) intervals and the skew time (RFC 3768 section 6.1).
pub fn master_down_interval(interval: Duration, adverts: u32, priority: u8) -> Duration {
    interval
        .saturating_mul(adverts)
        .saturating_add(skew_time(priority))
}

/// How long an instance with `state MASTER` listens at start before it takes over: one interval and the smallest skew. Not in the
/// RFC; keepalived's.
pub fn eager_start_interval(interval: Duration) -> Duration {
    master_down_interval(interval, 1, EAGER_PRIORITY)
}

/// How long a router that stood still listens before it claims to be MASTER: an interval, in which a MASTER speaks, and the skew,
/// so that of several that stood still the best one is first. Not in the RFC.
pub(super) fn gap_listen_interval(interval: Duration, priority: u8) -> Duration {
    master_down_interval(interval, 1, priority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skew_is_exact() {
        for (priority, nanos) in [
            (0, 1_000_000_000),
            (1, 996_093_750),
            (100, 609_375_000),
            (254, 7_812_500),
            (255, 3_906_250),
        ] {
            assert_eq!(
                skew_time(priority),
                Duration::from_nanos(nanos),
                "priority {priority}"
            );
        }
    }

    #[test]
    fn master_down_is_exact() {
        // (interval s, adverts, priority, nanoseconds)
        for (interval, adverts, priority, nanos) in [
            (1, 3, 100, 3_609_375_000),
            (1, 3, 200, 3_218_750_000),
            (5, 3, 100, 15_609_375_000),
            (1, 2, 255, 2_003_906_250),
        ] {
            let got = master_down_interval(Duration::from_secs(interval), adverts, priority);
            assert_eq!(
                got,
                Duration::from_nanos(nanos),
                "{interval} s x {adverts}, priority {priority}"
            );
        }
        assert_eq!(
            eager_start_interval(Duration::from_secs(1)),
            Duration::from_nanos(1_003_906_250)
        );
    }

    #[test]
    fn nothing_overflows() {
        assert_eq!(master_down_interval(Duration::MAX, 100, 1), Duration::MAX);
    }
}
