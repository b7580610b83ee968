//! What time it is. The one clock of the loop is CLOCK_MONOTONIC: setting the host's time moves no timer.

use crate::time::{Instant, LocalTime, Wall};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now, on CLOCK_MONOTONIC: the same for every process of this host.
pub fn now() -> Instant {
    read(libc::CLOCK_MONOTONIC)
}

fn read(clock: libc::clockid_t) -> Instant {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes one timespec, which outlives the call; the clocks asked for here cannot fail.
    unsafe { libc::clock_gettime(clock, &mut time) };
    Instant(
        (time.tv_sec as u64)
            .saturating_mul(NANOS_PER_SEC)
            .saturating_add(time.tv_nsec as u64),
    )
}

/// What the clocks of this host say at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// CLOCK_MONOTONIC, which stands still while the host is suspended.
    pub steady: Instant,
    /// CLOCK_BOOTTIME, which does not.
    pub boot: Instant,
    /// The wall clock, as time since 1970.
    pub wall: Duration,
}

/// Reading the clocks takes far less than this, unless something comes between.
const ONE_MOMENT: Duration = Duration::from_millis(1);

/// All clocks; `None` when the process had to wait between one and the next, so that they do not say the same moment.
pub fn clocks() -> Option<Clocks> {
    let steady = now();
    let clocks = Clocks {
        steady,
        boot: read(libc::CLOCK_BOOTTIME),
        wall: wall(),
    };
    (now().since(steady) < ONE_MOMENT).then_some(clocks)
}

/// The wall clock, as time since 1970.
pub fn wall() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// The same, for the cores.
pub fn wall_time() -> Wall {
    Wall(u64::try_from(wall().as_nanos()).unwrap_or(u64::MAX))
}

/// Seconds since 1970.
pub fn unix_time() -> i64 {
    // The whole seconds alone are had for much less.
    // SAFETY: asks for no copy of the result.
    unsafe { libc::time(std::ptr::null_mut()) }
}

/// A time of the wall clock in the host's time zone. The first call reads the zone's file: make it before anything is urgent.
pub fn local_time(unix: i64) -> LocalTime {
    // SAFETY: all-zero is a valid `tm` (its zone pointer may be null); the call fills it in and keeps no pointer to it.
    let broken_down = unsafe {
        let mut broken_down: libc::tm = std::mem::zeroed();
        libc::localtime_r(&unix, &mut broken_down);
        broken_down
    };
    LocalTime {
        unix,
        year: broken_down.tm_year.saturating_add(TM_YEAR),
        month: broken_down.tm_mon.clamp(0, 11) as usize,
        day: broken_down.tm_mday as u8,
        weekday: broken_down.tm_wday.clamp(0, 6) as usize,
        hour: broken_down.tm_hour as u8,
        minute: broken_down.tm_min as u8,
        second: broken_down.tm_sec as u8,
        east: i32::try_from(broken_down.tm_gmtoff / SECONDS_PER_MINUTE).unwrap_or_default(),
    }
}

/// The date at a second since 1970, in the host's time zone or UTC: year, month (1..=12), day.
pub fn date(unix: i64, utc: bool) -> (i32, u8, u8) {
    // SAFETY: as in `local_time`; `gmtime_r` does the same.
    let broken_down = unsafe {
        let mut broken_down: libc::tm = std::mem::zeroed();
        if utc {
            libc::gmtime_r(&unix, &mut broken_down);
        } else {
            libc::localtime_r(&unix, &mut broken_down);
        }
        broken_down
    };
    let month = broken_down.tm_mon.clamp(0, 11).saturating_add(1);
    (
        broken_down.tm_year.saturating_add(TM_YEAR),
        month as u8,
        broken_down.tm_mday as u8,
    )
}

const SECONDS_PER_MINUTE: libc::c_long = 60;
/// Year 0 of `struct tm`.
const TM_YEAR: i32 = 1900;

/// A date and a time of day as people write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CivilTime {
    /// Year, month (1..=12), day.
    pub date: (i32, u8, u8),
    /// Hour, minute, second.
    pub time: (u8, u8, u8),
    /// Not the host's time zone.
    pub utc: bool,
}

impl CivilTime {
    /// So many days later, in seconds since 1970. `None`: there is no such day.
    pub fn unix(self, days: i32) -> Option<i64> {
        let ((year, month, day), (hour, minute, second)) = (self.date, self.time);
        // SAFETY: all-zero is a valid `tm`; both calls read and rewrite it, and keep no pointer to it.
        let (unix, broken_down) = unsafe {
            let mut broken_down: libc::tm = std::mem::zeroed();
            broken_down.tm_year = year.checked_sub(TM_YEAR)?;
            broken_down.tm_mon = i32::from(month).checked_sub(1)?;
            broken_down.tm_mday = i32::from(day).checked_add(days)?;
            broken_down.tm_hour = hour.into();
            broken_down.tm_min = minute.into();
            broken_down.tm_sec = second.into();
            // Whether summer time holds is for the zone to say.
            broken_down.tm_isdst = -1;
            let unix = if self.utc {
                libc::timegm(&mut broken_down)
            } else {
                libc::mktime(&mut broken_down)
            };
            (unix, broken_down)
        };
        // A day that does not exist was made into another one.
        let exists = days != 0 || broken_down.tm_mday == i32::from(day);
        exists.then_some(unix)
    }
}

/// Nanoseconds in a second.
pub(super) const NANOS_PER_SEC: u64 = 1_000_000_000;
