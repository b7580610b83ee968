//! How long a backup waits: skew time and master down interval (RFC 3768 and RFC 9568, sections 6.1). Exact in nanoseconds.

use crate::config::model::Version;
use std::time::Duration;

/// What version 2 takes the skew of, whatever its interval.
const SECOND: Duration = Duration::from_secs(1);
/// Priorities are taken from this (RFC 3768 section 6.1, Skew_Time).
const SKEW_BASE: u32 = 256;
/// The priority whose skew `state MASTER` starts with: the shortest there is.
const EAGER_PRIORITY: u8 = 255;

/// Skew_Time: (256 - priority) / 256 of a second in version 2 (RFC 3768 section 6.1), of the master's interval in version 3
/// (RFC 9568 section 6.1).
pub fn skew_time(version: Version, interval: Duration, priority: u8) -> Duration {
    let whole = match version {
        Version::V2 => SECOND,
        Version::V3 => interval,
    };
    // Divided last, so that nothing is lost; an interval too long for that has no use for nanoseconds.
    let share = SKEW_BASE - u32::from(priority);
    whole
        .checked_mul(share)
        .map_or(whole, |product| product / SKEW_BASE)
}

/// Master_Down_Interval: `adverts` (3 in the RFCs, `down_timer_adverts`) intervals and the skew time (sections 6.1). In version 3 the
/// interval is that of the master.
pub fn master_down_interval(
    version: Version,
    interval: Duration,
    adverts: u32,
    priority: u8,
) -> Duration {
    interval
        .saturating_mul(adverts)
        .saturating_add(skew_time(version, interval, priority))
}

/// How long an instance with `state MASTER` listens at start before it takes over: one interval and the smallest skew. Not in the
/// RFC; keepalived's.
pub fn eager_start_interval(version: Version, interval: Duration) -> Duration {
    master_down_interval(version, interval, 1, EAGER_PRIORITY)
}

/// How long a router that stood still listens before it claims to be MASTER: an interval, in which a MASTER speaks, and the skew,
/// so that of several that stood still the best one is first. Not in the RFC.
pub(super) fn gap_listen_interval(version: Version, interval: Duration, priority: u8) -> Duration {
    master_down_interval(version, interval, 1, priority)
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
                skew_time(Version::V2, Duration::from_secs(7), priority),
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
            let got = master_down_interval(
                Version::V2,
                Duration::from_secs(interval),
                adverts,
                priority,
            );
            assert_eq!(
                got,
                Duration::from_nanos(nanos),
                "{interval} s x {adverts}, priority {priority}"
            );
        }
        assert_eq!(
            eager_start_interval(Version::V2, Duration::from_secs(1)),
            Duration::from_nanos(1_003_906_250)
        );
    }

    #[test]
    fn nothing_overflows() {
        for version in [Version::V2, Version::V3] {
            assert_eq!(
                master_down_interval(version, Duration::MAX, 100, 1),
                Duration::MAX
            );
        }
    }

    /// RFC 9568 section 6.1: the skew is a share of the master's interval.
    #[test]
    fn version_3_is_exact() {
        // (interval ms, priority, skew ns, master down ns)
        for (interval, priority, skew, down) in [
            (1000, 100, 609_375_000, 3_609_375_000_u64),
            (100, 100, 60_937_500, 360_937_500),
            (10, 254, 78_125, 30_078_125),
            (40_950, 1, 40_790_039_062, 163_640_039_062),
        ] {
            let interval = Duration::from_millis(interval);
            let got = (
                skew_time(Version::V3, interval, priority),
                master_down_interval(Version::V3, interval, 3, priority),
            );
            let expected = (Duration::from_nanos(skew), Duration::from_nanos(down));
            assert_eq!(got, expected, "{interval:?}, priority {priority}");
        }
        assert_eq!(
            eager_start_interval(Version::V3, Duration::from_millis(100)),
            Duration::from_nanos(100_390_625)
        );
    }
}
