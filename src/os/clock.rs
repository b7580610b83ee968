//! What time it is. The one clock of the loop is CLOCK_MONOTONIC: setting the host's time moves no timer.

use crate::time::Instant;

/// Now, on CLOCK_MONOTONIC: the same for every process of this host.
pub fn now() -> Instant {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes one timespec, which outlives the call; this clock cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    Instant(
        (time.tv_sec as u64)
            .saturating_mul(NANOS_PER_SEC)
            .saturating_add(time.tv_nsec as u64),
    )
}

/// Nanoseconds in a second.
pub(super) const NANOS_PER_SEC: u64 = 1_000_000_000;
