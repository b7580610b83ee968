//! Timerfds. One wakes each loop: epoll's own time-out is in whole milliseconds and rounds up. Another may be shared by two processes,
//! of which one puts it off and the other is woken when it does not. A third goes by the wall clock.

use super::check;
use super::clock::NANOS_PER_SEC;
use crate::time::Instant;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// A one-shot timer on CLOCK_MONOTONIC with absolute expiry.
pub struct Timer(OwnedFd);

impl Timer {
    /// One that is stopped.
    pub fn new() -> io::Result<Self> {
        Timer::of(libc::CLOCK_MONOTONIC)
    }

    fn of(clock: libc::clockid_t) -> io::Result<Self> {
        // SAFETY: no pointers; a descriptor that is not -1 is ours alone.
        unsafe {
            let fd = check(libc::timerfd_create(
                clock,
                libc::TFD_NONBLOCK | libc::TFD_CLOEXEC,
            ))?;
            Ok(Timer(OwnedFd::from_raw_fd(fd)))
        }
    }

    /// Expires at `deadline`, at once when that has passed; `None` stops it. Never needs to be read: setting it forgets an expiry.
    pub fn set(&self, deadline: Option<Instant>) -> io::Result<()> {
        // An expiry of zero means "stop" to the kernel, and a count of seconds past i64 is refused.
        let nanos = deadline.map_or(0, |deadline| deadline.0.clamp(1, i64::MAX as u64));
        let value = libc::itimerspec {
            it_interval: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: libc::timespec {
                tv_sec: (nanos / NANOS_PER_SEC) as libc::time_t,
                tv_nsec: (nanos % NANOS_PER_SEC) as libc::c_long,
            },
        };
        // SAFETY: `value` outlives the call, and the old value is not asked for.
        check(unsafe {
            libc::timerfd_settime(
                self.0.as_raw_fd(),
                libc::TFD_TIMER_ABSTIME,
                &value,
                std::ptr::null_mut(),
            )
        })?;
        Ok(())
    }

    /// Another descriptor of the same timer, for another process: both set the one, and hear of its expiry.
    pub fn share(&self) -> io::Result<Self> {
        self.0.try_clone().map(Timer)
    }

    /// Whether it has expired since it was last set, or since this was last asked.
    pub fn has_expired(&self) -> bool {
        let mut expiries = [0; size_of::<u64>()];
        matches!(nix::unistd::read(&self.0, &mut expiries), Ok(length) if length == expiries.len())
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// A one-shot timer for a date and a time of day: it follows the wall clock when that is set.
pub struct WallTimer(Timer);

impl WallTimer {
    /// Not set.
    pub fn new() -> io::Result<Self> {
        Timer::of(libc::CLOCK_REALTIME).map(WallTimer)
    }

    /// Expires at this second since 1970; `None` stops it, and forgets an expiry.
    pub fn set(&self, at: Option<i64>) -> io::Result<()> {
        let nanos = |at: i64| u64::try_from(at).unwrap_or(0).saturating_mul(NANOS_PER_SEC);
        self.0.set(at.map(|at| Instant(nanos(at))))
    }
}

impl AsRawFd for WallTimer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::clock;
    use std::time::Duration;

    #[test]
    fn whoever_shares_a_timer_puts_it_off_for_the_other() {
        let ours = Timer::new().expect("a timer");
        let theirs = ours.share().expect("the same timer");
        assert!(!ours.has_expired());
        ours.set(Some(Instant(1))).expect("set");
        theirs
            .set(Some(clock::now() + Duration::from_secs(3600)))
            .expect("put off");
        assert!(!ours.has_expired());
        theirs.set(Some(Instant(1))).expect("set");
        assert!(ours.has_expired());
        assert!(!ours.has_expired(), "told once");
    }
}
