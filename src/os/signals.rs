//! Signals as events of the loop: a handler writes to a socket pair that the loop reads.
//!
//! Made after every fork anew, never shared across one: a child drops its parent's and makes its own before it lets signals through
//! (`process::fork` holds them back until then).

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The signals this process listens to.
pub struct Signals(SignalDelivery<UnixStream, SignalOnly>);

impl Signals {
    /// Listens to these from now on.
    pub fn new(signals: &[i32]) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        write.set_nonblocking(true)?;
        SignalDelivery::with_pipe(read, write, SignalOnly, signals).map(Signals)
    }

    /// The signals that arrived since the last call, each once.
    pub fn pending(&mut self) -> impl Iterator<Item = i32> {
        self.0.pending()
    }
}

impl AsRawFd for Signals {
    fn as_raw_fd(&self) -> RawFd {
        self.0.get_read().as_raw_fd()
    }
}

/// A signal that is a warning: the process ends by it when it comes again before the loop has heard of the first (`Signals` tells
/// the loop, if it listens to it). A loop that still turns is never ended so.
#[derive(Debug)]
pub struct Warning(Arc<AtomicBool>);

impl Warning {
    /// From now on.
    pub fn new(signal: i32) -> io::Result<Self> {
        let unheard = Arc::new(AtomicBool::new(false));
        // In this order: the first signal finds nothing unheard.
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&unheard))?;
        signal_hook::flag::register(signal, Arc::clone(&unheard))?;
        Ok(Warning(unheard))
    }

    /// The loop has heard of it.
    pub fn heard(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The end of children as an event, for a process that holds all signals back for good: it was forked from one whose handlers are
/// still in place, and has no use for them.
pub struct ChildrenEnded(SignalFd);

impl ChildrenEnded {
    /// Listens from now on.
    pub fn new() -> io::Result<Self> {
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGCHLD);
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(ChildrenEnded(SignalFd::with_flags(&signals, flags)?))
    }

    /// Takes note of all that was told.
    pub fn clear(&mut self) {
        while let Ok(Some(_)) = self.0.read_signal() {}
    }
}

impl AsRawFd for ChildrenEnded {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
