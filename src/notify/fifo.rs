//! The lines of a notify FIFO that wait while nobody reads.
//!
//! A reader that comes late gets everything in order. When more waits than is kept, the oldest line that a later state of the same
//! owner has made old is given up, so that the last state of each is never lost.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

/// Lines that may wait; more when there are more owners than that, whose last states are all kept.
const WAITING_MAX: usize = 4096;

/// What is written to a FIFO, at once or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whose state it tells, so that it makes an earlier one old; `None`: no state, and the first to be given up.
    pub state_of: Option<Rc<str>>,
    /// With its end of line.
    pub text: Rc<str>,
}

/// What waits for a reader. A line costs the same however many wait.
#[derive(Debug, Default)]
pub struct Backlog {
    /// In the order in which they came.
    lines: BTreeMap<u64, Line>,
    /// The last state of each that waits.
    last: HashMap<Rc<str>, u64>,
    /// Those that may be given up.
    old: BTreeSet<u64>,
    number: u64,
    lost: u64,
}

impl Backlog {
    /// Takes another line in. True when one had to be given up for it.
    pub fn push(&mut self, line: Line) -> bool {
        let full = self.lines.len() >= WAITING_MAX;
        let oldest = full.then(|| self.old.pop_first()).flatten();
        if let Some(oldest) = oldest {
            self.lines.remove(&oldest);
            self.lost = self.lost.saturating_add(1);
        }
        self.number += 1;
        match &line.state_of {
            Some(owner) => self
                .old
                .extend(self.last.insert(owner.clone(), self.number)),
            None => drop(self.old.insert(self.number)),
        }
        self.lines.insert(self.number, line);
        oldest.is_some()
    }

    /// The next line to be written.
    pub fn front(&self) -> Option<&Line> {
        self.lines.first_key_value().map(|(_, line)| line)
    }

    /// It was written.
    pub fn written(&mut self) {
        let Some((number, line)) = self.lines.pop_first() else {
            return;
        };
        self.old.remove(&number);
        if let Some(owner) = line.state_of
            && let Entry::Occupied(last) = self.last.entry(owner)
            && *last.get() == number
        {
            last.remove();
        }
    }

    /// How many lines wait.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// How many lines were given up.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(name: &str, state: &str) -> Line {
        Line {
            state_of: Some(name.into()),
            text: format!("{name} {state}\n").into(),
        }
    }

    fn front(backlog: &Backlog) -> Option<&str> {
        backlog.front().map(|line| line.text.as_ref())
    }

    #[test]
    fn the_last_state_of_each_is_kept_whatever_happens() {
        let mut backlog = Backlog::default();
        backlog.push(state("rare", "FAULT"));
        for flap in 0..WAITING_MAX * 3 {
            backlog.push(state("flapping", ["MASTER", "BACKUP"][flap % 2]));
        }
        assert_eq!(front(&backlog), Some("rare FAULT\n"));
        assert_eq!(backlog.lines.len(), WAITING_MAX);
        let (_, newest) = backlog.lines.last_key_value().expect("lines");
        assert_eq!(&*newest.text, "flapping BACKUP\n");
        assert_eq!(backlog.lost(), WAITING_MAX as u64 * 2 + 1);
        for single in 0..WAITING_MAX * 2 {
            backlog.push(state(&single.to_string(), "BACKUP"));
        }
        assert_eq!(front(&backlog), Some("rare FAULT\n"));
        assert_eq!(
            backlog.lines.len(),
            WAITING_MAX * 2 + 2,
            "the last state of each"
        );
        while backlog.front().is_some() {
            backlog.written();
        }
        assert!(backlog.last.is_empty() && backlog.old.is_empty());
    }

    #[test]
    fn what_is_no_state_is_given_up_first_and_order_is_kept() {
        let mut backlog = Backlog::default();
        for number in 0..WAITING_MAX {
            backlog.push(Line {
                state_of: None,
                text: number.to_string().into(),
            });
        }
        assert!(backlog.push(state("A", "MASTER")));
        assert!(backlog.push(state("B", "MASTER")));
        assert_eq!(front(&backlog), Some("2"));
        let mut seen = Vec::new();
        while let Some(line) = backlog.front() {
            seen.push(line.text.clone());
            backlog.written();
        }
        assert_eq!(seen.len(), WAITING_MAX);
        assert_eq!(
            seen[WAITING_MAX - 3..]
                .iter()
                .map(|text| &**text)
                .collect::<Vec<_>>(),
            ["4095", "A MASTER\n", "B MASTER\n"]
        );
    }
}
