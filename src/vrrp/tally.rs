//! What all that an instance tracks amounts to: its sum, and which of it has failed. Each line's share follows from the snapshots of
//! trackers.rs and interfaces.rs alone; here is kept what was last computed of each, so that a change costs the same whether an
//! instance tracks one thing or thousands, and the whole is at any time what adding up anew gives.

use std::collections::BTreeSet;

/// What one line that tracks something does to its instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    /// What it adds to the priority.
    pub adds: i32,
    /// It keeps the instance from running.
    pub fails: bool,
    /// It is not known yet whether it does.
    pub awaited: bool,
}

#[cfg(test)]
thread_local! {
    /// How many shares were computed in this thread: that is what a change may cost.
    pub(super) static WEIGHED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl Share {
    pub fn new(adds: i32, fails: bool, awaited: bool) -> Self {
        #[cfg(test)]
        WEIGHED.set(WEIGHED.get() + 1);
        Share {
            adds,
            fails,
            awaited,
        }
    }
}

/// The shares of lines, by their place in the configuration.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    shares: Vec<Share>,
    sum: i64,
    failed: BTreeSet<usize>,
    awaited: usize,
}

impl Tally {
    /// The share of the line at `place` is this from now on.
    pub fn set(&mut self, place: usize, share: Share) {
        let Some(known) = self.shares.get_mut(place) else {
            return;
        };
        let before = std::mem::replace(known, share);
        self.sum += i64::from(share.adds) - i64::from(before.adds);
        self.awaited += usize::from(share.awaited);
        self.awaited -= usize::from(before.awaited);
        if share.fails {
            self.failed.insert(place);
        } else {
            self.failed.remove(&place);
        }
    }

    /// What all add to the priority.
    pub fn sum(&self) -> i64 {
        self.sum
    }

    /// The places of those that keep the instance from running, in order.
    pub fn failed(&self) -> impl Iterator<Item = usize> {
        self.failed.iter().copied()
    }

    /// Whether any keeps the instance from running.
    pub fn any_fails(&self) -> bool {
        !self.failed.is_empty()
    }

    /// Whether of any it is not known yet.
    pub fn any_is_awaited(&self) -> bool {
        self.awaited > 0
    }
}

/// Adds up anew.
impl FromIterator<Share> for Tally {
    fn from_iter<I: IntoIterator<Item = Share>>(shares: I) -> Self {
        let shares = Vec::from_iter(shares);
        let places = shares.iter().enumerate();
        Tally {
            sum: shares.iter().map(|share| i64::from(share.adds)).sum(),
            failed: places
                .filter(|(_, share)| share.fails)
                .map(|(place, _)| place)
                .collect(),
            awaited: shares.iter().filter(|share| share.awaited).count(),
            shares,
        }
    }
}
