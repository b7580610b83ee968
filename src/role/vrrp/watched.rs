//! The files and processes that are tracked: what they say goes to the router.

use super::Shell;
use crate::role::runner::Counted;
use crate::time::Instant;
use crate::track::census::WatchId;
use crate::track::file::{FileId, Reading};
use crate::vrrp::Event;

impl Shell {
    /// Watches the files and processes of the configuration from now on.
    pub(super) fn configure_watched(&mut self, now: Instant, begins: bool) {
        let (vrrp, buffers) = (&self.model.vrrp, &self.model.global.buffers);
        let (runner, wheel) = (&self.runner, &mut self.wheel);
        let watched = &mut self.watched;
        watched.configure_files(now, &vrrp.files, begins, runner, wheel);
        watched.configure_processes(now, &vrrp.processes, buffers.processes, runner, wheel);
        self.pass_on(now);
    }

    /// What a file was found to say.
    pub(super) fn file_found(&mut self, now: Instant, id: FileId, reading: Reading) {
        self.watched.found(id, reading);
        self.pass_on(now);
    }

    /// What was found out about processes.
    pub(super) fn processes_counted(&mut self, now: Instant, counted: Counted) {
        self.watched.counted(now, counted, &mut self.wheel);
        self.pass_on(now);
    }

    /// A delay of a process is over.
    pub(super) fn process_due(&mut self, now: Instant, id: WatchId) {
        self.watched.process_due(now, id, &mut self.wheel);
        self.pass_on(now);
    }

    fn pass_on(&mut self, now: Instant) {
        for word in self.watched.take_words() {
            let event = Event::Tracker {
                kind: word.kind,
                name: &word.name,
                level: word.level,
            };
            self.router.handle(now, event, &mut self.actions);
        }
        self.perform(now);
    }
}
