//! Points in time as the cores see them: nanoseconds of CLOCK_MONOTONIC, handed in by the shell or by the simulation; and what the
//! host's clock says, which only what is told to other hosts depends on.
//!
//! `std::time::Instant` cannot be made from a number, so it cannot run under virtual time or be kept in memory shared by two
//! processes; this one can.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time, in nanoseconds since an arbitrary origin (boot, or the start of a simulation).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Instant(pub u64);

impl Instant {
    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, d: Duration) -> Instant {
        Instant(
            self.0
                .saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, d: Duration) -> Instant {
        Instant(
            self.0
                .saturating_sub(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:09}",
            self.0 / 1_000_000_000,
            self.0 % 1_000_000_000
        )
    }
}

/// The host's clock: nanoseconds since 1970, UTC. It may be wrong, and be set forward and back; no timer depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wall(pub u64);

/// How far the host's clock is ahead of `Instant`: what makes one of the other until the clock is set again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WallOffset(i64);

impl WallOffset {
    /// From both clocks, read together.
    pub fn between(now: Instant, wall: Wall) -> Self {
        let offset = i128::from(wall.0) - i128::from(now.0);
        WallOffset(i64::try_from(offset).unwrap_or_default())
    }

    /// What the host's clock says at a point in time.
    pub fn at(self, now: Instant) -> Wall {
        Wall(now.0.saturating_add_signed(self.0))
    }
}

/// The wall clock, broken down in local time: for people to read, never to compute with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Seconds since 1970 that this was made from.
    pub unix: i64,
    /// As in 2026.
    pub year: i32,
    /// 0..=11.
    pub month: usize,
    /// 1..=31.
    pub day: u8,
    /// 0 = Sunday.
    pub weekday: usize,
    /// 0..=23.
    pub hour: u8,
    /// 0..=59.
    pub minute: u8,
    /// 0..=60.
    pub second: u8,
    /// How far it is ahead of UTC, in minutes.
    pub east: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_s_clock_is_found_again() {
        for (now, wall) in [(5, 7_000_000_000_000_000_000), (7_000, 3), (0, 0)] {
            let offset = WallOffset::between(Instant(now), Wall(wall));
            assert_eq!(offset.at(Instant(now)), Wall(wall));
            assert_eq!(offset.at(Instant(now + 10)), Wall(wall + 10));
        }
    }
}
