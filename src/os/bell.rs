//! A bell between two processes: one rings it, the other, which waits for it in its loop, hears that there is something new. What is new
//! it finds in memory that they share.

use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

/// An eventfd. Made before a fork, and inherited by both.
pub struct Bell(EventFd);

impl Bell {
    /// One that has not been rung.
    pub fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        Ok(Bell(EventFd::from_value_and_flags(0, flags)?))
    }

    /// Wakes whoever listens, or whoever will.
    pub fn ring(&self) {
        // It is only refused where it has been rung 2^64 times and nobody came.
        let _ = self.0.write(1);
    }

    /// Has been heard; to be called before what is new is looked at.
    pub fn answer(&self) {
        let mut count = [0; size_of::<u64>()];
        let _ = nix::unistd::read(self.0.as_fd(), &mut count);
    }
}

impl AsRawFd for Bell {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}
