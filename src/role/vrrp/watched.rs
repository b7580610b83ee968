//! The files that are tracked: what they say goes to the router.

use super::Shell;
use super::programs::Word;
use crate::config::model::TrackerKind;
use crate::time::Instant;
use crate::track::file::{FileId, Reading};
use crate::vrrp::Event;

impl Shell {
    /// Watches the files of the configuration from now on.
    pub(super) fn configure_watched(&mut self, now: Instant, begins: bool) {
        let files = &self.model.vrrp.files;
        let words = self
            .watched
            .configure(now, files, begins, &self.runner, &mut self.wheel);
        self.pass_on(now, words);
    }

    /// What a file was found to say.
    pub(super) fn file_found(&mut self, now: Instant, id: FileId, reading: Reading) {
        let words = self.watched.found(id, reading);
        self.pass_on(now, words);
    }

    fn pass_on(&mut self, now: Instant, words: Vec<Word>) {
        for (name, level) in words {
            let event = Event::Tracker {
                kind: TrackerKind::File,
                name: &name,
                level,
            };
            self.router.handle(now, event, &mut self.actions);
        }
        self.perform(now);
    }
}
