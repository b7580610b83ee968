//! Checks for which there was no room, in the order of their coming. Any of them may be wanted no more, among tens of thousands: its place
//! in the line is then skipped, not looked for.

use crate::check::CheckId;
use crate::time::Instant;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// See the module.
#[derive(Default)]
pub(super) struct Waiting {
    line: VecDeque<(CheckId, Instant)>,
    /// Those that really wait, with when they were due.
    wanted: FxHashMap<CheckId, Instant>,
}

impl Waiting {
    /// A check that was due at `deadline` waits. One that is not abandoned waits once.
    pub fn push(&mut self, check: CheckId, deadline: Instant) {
        self.line.push_back((check, deadline));
        self.wanted.insert(check, deadline);
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.wanted.len()
    }

    /// The one that came first waits no more.
    pub fn pop(&mut self) -> Option<(CheckId, Instant)> {
        while let Some((check, deadline)) = self.line.pop_front() {
            if self.wanted.get(&check) == Some(&deadline) {
                self.wanted.remove(&check);
                return Some((check, deadline));
            }
        }
        None
    }

    /// A check waits no more, if it did.
    pub fn abandon(&mut self, check: CheckId) {
        self.wanted.remove(&check);
        if self.wanted.is_empty() {
            self.line.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_abandoned_is_passed_over() {
        let [one, two, three] = [1, 2, 3].map(CheckId::numbered);
        let (early, late) = (Instant(1), Instant(2));
        let mut waiting = Waiting::default();
        for (check, deadline) in [(one, early), (two, early), (three, early)] {
            waiting.push(check, deadline);
        }
        waiting.abandon(one);
        waiting.abandon(one);
        assert_eq!(waiting.len(), 2);
        // Its number is given to another check.
        waiting.push(one, late);
        let mut rest = Vec::new();
        while let Some(next) = waiting.pop() {
            rest.push(next);
        }
        assert_eq!(rest, [(two, early), (three, early), (one, late)]);
        assert_eq!(waiting.len(), 0);
        waiting.push(two, early);
        waiting.abandon(two);
        assert_eq!((waiting.pop(), waiting.line.len()), (None, 0));
    }

    #[test]
    fn each_is_abandoned_in_no_time() {
        // A quadratic line would stand here for minutes.
        const MANY: u32 = 200_000;
        let mut waiting = Waiting::default();
        for check in 0..MANY {
            waiting.push(CheckId::numbered(check), Instant(1));
        }
        for check in (1..MANY).rev() {
            waiting.abandon(CheckId::numbered(check));
        }
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting.pop(), Some((CheckId::numbered(0), Instant(1))));
    }
}
