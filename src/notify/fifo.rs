//! The lines of a notify FIFO, and those that wait while nobody reads.
//!
//! A reader that comes late gets everything in order. When more waits than is kept, the oldest line that a later state of the same
//! instance or group has made old is given up, so that the last state of each is never lost.

use super::{Event, Kind};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// Lines that may wait; more when there are more instances and groups than that, whose last states are all kept.
const WAITING_MAX: usize = 4096;

/// As it stands in a FIFO, with its end of line.
pub fn line(event: &Event) -> String {
    format!(
        "{} \"{}\" {} {}\n",
        event.kind.word(),
        event.name,
        event.what.word(),
        event.priority
    )
}

/// What waits for a reader.
#[derive(Debug, Default)]
pub struct Backlog {
    events: VecDeque<Event>,
    /// How many states of an instance or a group wait.
    states: HashMap<(Kind, Rc<str>), usize>,
    lost: u64,
}

impl Backlog {
    /// Takes another line in. True when one had to be given up for it.
    pub fn push(&mut self, event: Event) -> bool {
        if event.what.is_state() {
            *self
                .states
                .entry((event.kind, event.name.clone()))
                .or_default() += 1;
        }
        let old = (self.events.len() >= WAITING_MAX)
            .then(|| self.events.iter().position(|event| self.is_old(event)))
            .flatten();
        if let Some(old) = old.and_then(|place| self.events.remove(place)) {
            self.forget(&old);
            self.lost = self.lost.saturating_add(1);
        }
        self.events.push_back(event);
        old.is_some()
    }

    /// Whether another line has made it history.
    fn is_old(&self, event: &Event) -> bool {
        let states = self.states.get(&(event.kind, event.name.clone()));
        !event.what.is_state() || states.is_some_and(|states| *states > 1)
    }

    fn forget(&mut self, event: &Event) {
        if event.what.is_state()
            && let Entry::Occupied(mut states) = self.states.entry((event.kind, event.name.clone()))
        {
            *states.get_mut() -= 1;
            if *states.get() == 0 {
                states.remove();
            }
        }
    }

    /// The next line to be written.
    pub fn front(&self) -> Option<String> {
        self.events.front().map(line)
    }

    /// It was written.
    pub fn written(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.forget(&event);
        }
    }

    /// How many lines were given up.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::{Kind, What};

    fn event(name: &str, what: What) -> Event {
        Event {
            kind: Kind::Instance,
            name: name.into(),
            what,
            priority: 100,
        }
    }

    #[test]
    fn lines_are_keepaliveds() {
        assert_eq!(
            line(&event("VI_1", What::Master)),
            "INSTANCE \"VI_1\" MASTER 100\n"
        );
        let group = Event {
            kind: Kind::Group,
            priority: 0,
            ..event("G", What::Stop)
        };
        assert_eq!(line(&group), "GROUP \"G\" STOP 0\n");
        assert_eq!(
            line(&event("VI_1", What::MasterRxLowerPri)),
            "INSTANCE \"VI_1\" MASTER_RX_LOWER_PRI 100\n"
        );
    }

    #[test]
    fn the_last_state_of_each_is_kept_whatever_happens() {
        let mut backlog = Backlog::default();
        backlog.push(event("rare", What::Fault));
        for flap in 0..WAITING_MAX * 3 {
            let what = if flap % 2 == 0 {
                What::Master
            } else {
                What::Backup
            };
            backlog.push(event("flapping", what));
        }
        assert_eq!(
            backlog.front().as_deref(),
            Some("INSTANCE \"rare\" FAULT 100\n")
        );
        assert_eq!(backlog.events.len(), WAITING_MAX);
        assert_eq!(
            backlog.events.back().map(|last| last.what),
            Some(What::Backup)
        );
        assert_eq!(backlog.lost(), WAITING_MAX as u64 * 2 + 1);
        for single in 0..WAITING_MAX * 2 {
            backlog.push(event(&single.to_string(), What::Backup));
        }
        assert_eq!(
            backlog.front().as_deref(),
            Some("INSTANCE \"rare\" FAULT 100\n")
        );
        assert_eq!(
            backlog.events.len(),
            WAITING_MAX * 2 + 2,
            "the last state of each"
        );
        while backlog.front().is_some() {
            backlog.written();
        }
        assert!(backlog.states.is_empty());
    }
}
