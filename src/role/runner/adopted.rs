//! Programs that a runner before this one began: they are no children of ours, so that nobody tells when they end. They are looked at.

use super::line::{Answer, Orphan, Outcome, RunId};
use super::{Key, LOOK_INTERVAL, Runner};
use crate::os::clock;
use crate::os::family::Member;
use crate::time::Instant;

impl Runner {
    /// Sees from now on that the end of this one is told.
    pub(super) fn adopt(&mut self, id: RunId, orphan: Orphan, until: Option<Instant>) {
        let Orphan { process, at } = orphan;
        match Member::leading(process, at) {
            Some(leader) => {
                self.began(id, process, until);
                self.adopted.push((id, leader));
                self.look_later();
            }
            None => self.answers.push_back(Answer::Ended(id, Outcome::Unknown)),
        }
    }

    /// Looks which of them have ended.
    pub(super) fn look_at_adopted(&mut self) {
        let ended = self
            .adopted
            .extract_if(.., |(_, leader)| !leader.is_there());
        for (id, _) in ended.collect::<Vec<_>>() {
            let (outcome, family) = self.runs.left(id);
            self.over(id, outcome, family);
        }
        self.look_later();
    }

    fn look_later(&mut self) {
        if !self.adopted.is_empty() && self.wheel.deadline(Key::Adopted).is_none() {
            self.wheel.arm(Key::Adopted, clock::now() + LOOK_INTERVAL);
        }
    }
}
