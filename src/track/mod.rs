//! What the world outside adds to a priority: scripts that are run, what they say, and when. Pure: a time and what happened in, what
//! is to be done out.

pub mod script;
#[cfg(test)]
mod script_tests;

/// What something that is tracked says now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Nothing yet.
    Unknown,
    /// It is as it should be.
    Up,
    /// It is not.
    Down,
}
