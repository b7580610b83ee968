//! What a role has the user's programs do, and what it writes to their FIFOs: never waiting for either. The parts know no role: what
//! a run was for, and what its end means, is for the role to say.
//!
//! `runner` is the line to the process that runs programs, `notify` has the programs of events run in order, `fifo` writes lines,
//! `watched` knows the files and processes that the runner looks at, `mail` has mail sent.
//! A role's tokens and timer keys have a place for those of this room, so that one loop serves them all.

mod fifo;
mod mail;
mod notify;
mod runner;
mod watched;

pub use fifo::{Fifos, Part};
pub use mail::Mailer;
pub use notify::Notifier;
pub use runner::Runner;
pub use watched::Watched;

use crate::track::census::WatchId;
use std::hash::Hash;

/// A descriptor of this room, in the loop of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The runner has something to say: `Runner::receive`.
    Runner,
    /// A FIFO has room again: `Fifos::writable`.
    Fifo,
}

/// A timer of this room, in the wheel of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Another runner may be tried: `Runner::replace`.
    Runner,
    /// A program has run for long: `Notifier::slow`.
    Slow(u64),
    /// A delay of a process that is tracked is over: `Watched::process_due`.
    Process(WatchId),
    /// The runner may be told again what it is to watch: `Watched::send`.
    Watched,
    /// The runner may have room for mail again.
    Mail,
}

/// What a descriptor is to a role.
pub trait Token: Copy + PartialEq + From<Source> {}
impl<T: Copy + PartialEq + From<Source>> Token for T {}

/// What a timer is for to a role.
pub trait Key: Copy + Eq + Hash + From<Timer> {}
impl<K: Copy + Eq + Hash + From<Timer>> Key for K {}
