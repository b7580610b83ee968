//! What the world outside adds to a priority: scripts that are run, files that are read, processes that are counted, BFD sessions; what they say,
//! and when. Pure: a time and what happened in, what is to be done out.

pub mod census;
#[cfg(test)]
mod census_tests;
pub mod file;
#[cfg(test)]
mod file_tests;
pub mod process;
#[cfg(test)]
mod process_tests;
pub mod script;
#[cfg(test)]
mod script_tests;
pub mod session;

use std::fmt;

/// What something that is tracked says now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Nothing yet.
    Unknown,
    /// It is as it should be.
    Up,
    /// It is not.
    Down,
    /// A number, of a file: zero is as it should be.
    Value(i32),
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Level::Unknown => f.write_str("Unknown"),
            Level::Up => f.write_str("Up"),
            Level::Down => f.write_str("Down"),
            Level::Value(value) => value.fmt(f),
        }
    }
}
