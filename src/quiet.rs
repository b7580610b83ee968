//! How often a line of the log may be said of which anybody may make us say something.

use crate::time::Instant;
use std::fmt;
use std::time::Duration;

/// The least time between two lines of one topic.
const QUIET: Duration = Duration::from_secs(60);

/// Remembers when something was said, so that whoever sends garbage, or a peer that is away, cannot fill the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limit {
    last: Option<Instant>,
    suppressed: u32,
}

impl Limit {
    /// How many lines were kept back before, if one may be said now.
    pub fn allow(&mut self, now: Instant) -> Option<u32> {
        if self.last.is_some_and(|last| now.since(last) < QUIET) {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

/// What every such line ends with when others were left out.
pub fn more(f: &mut fmt::Formatter<'_>, suppressed: u32) -> fmt::Result {
    if suppressed > 0 {
        write!(
            f,
            " ({suppressed} more like this since the last such message)"
        )?;
    }
    Ok(())
}
