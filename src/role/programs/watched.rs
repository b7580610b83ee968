//! What the runner watches for a role: files with numbers. Its core says which and what they mean, the runner reads them, and whoever
//! tracks one hears what it says.

use super::{Key, Runner, Timer};
use crate::config::model::TrackFile;
use crate::role::runner::{FileRequest, Outcome, Request};
use crate::time::Instant;
use crate::track::Level;
use crate::track::file::{Action, FileId, Files, Reading};
use crate::wheel::Wheel;
use log::{info, warn};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// When a runner that could not be told is told again.
const RETRY: Duration = Duration::from_millis(100);

/// What something says from now on, by its name in the configuration.
pub type Word = (Rc<str>, Level);

/// All that is watched.
#[derive(Default)]
pub struct Watched {
    files: Files,
    /// What the runner has no room for now: thousands of files are many words at once.
    waiting: VecDeque<Request>,
}

impl Watched {
    /// The files.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Takes over a configuration. `begins`: the daemon starts.
    pub fn configure<K: Key>(
        &mut self,
        now: Instant,
        files: &[TrackFile],
        begins: bool,
        runner: &Runner,
        wheel: &mut Wheel<K>,
    ) -> Vec<Word> {
        let mut actions = Vec::new();
        self.files.configure(files, begins, &mut actions);
        let words = self.perform(actions);
        self.send(now, runner, wheel);
        words
    }

    /// What a file was found to say.
    pub fn found(&mut self, id: FileId, reading: Reading) -> Vec<Word> {
        let mut actions = Vec::new();
        self.files.found(id, reading, &mut actions);
        self.perform(actions)
    }

    /// The runner is gone; another one is told everything anew.
    pub fn lost<K: Key>(&mut self, now: Instant, runner: &Runner, wheel: &mut Wheel<K>) {
        self.waiting.clear();
        let mut actions = Vec::new();
        self.files.lost(&mut actions);
        self.perform(actions);
        self.send(now, runner, wheel);
    }

    /// Tells the runner what waits.
    pub fn send<K: Key>(&mut self, now: Instant, runner: &Runner, wheel: &mut Wheel<K>) {
        while let Some(request) = self.waiting.front() {
            match runner.ask(request) {
                // It has no room, or is just being replaced.
                Err(Outcome::NotStarted(libc::EAGAIN | libc::ESRCH)) => {
                    wheel.arm(Timer::Watched.into(), now + RETRY);
                    return;
                }
                Err(outcome) => {
                    warn!("The process that watches files {outcome}: {request:?}");
                    self.waiting.pop_front();
                }
                Ok(()) => drop(self.waiting.pop_front()),
            }
        }
    }

    fn perform(&mut self, actions: Vec<Action>) -> Vec<Word> {
        let mut words = Vec::new();
        for action in actions {
            match action {
                Action::Watch { id, path, init } => {
                    let request = Request::File(id, FileRequest::Watch(path, init));
                    self.waiting.push_back(request);
                }
                Action::Forget(id) => {
                    self.waiting
                        .push_back(Request::File(id, FileRequest::Forget));
                }
                Action::Level { name, level } => words.push((name, level)),
                Action::Tell(notice) if notice.is_fault() => warn!("{notice}"),
                Action::Tell(notice) => info!("{notice}"),
            }
        }
        words
    }
}
