//! The programs that are run for events: their core says which and when, the runner runs them.

use super::{Key, Runner, Timer};
use crate::notify::programs::{Action, Program, Programs};
use crate::os::process::ProcessId;
use crate::role::runner::{Outcome, Request, RunId};
use crate::time::Instant;
use crate::wheel::Wheel;
use log::{debug, warn};
use std::collections::HashMap;

/// What is run, and what waits.
#[derive(Default)]
pub struct Notifier {
    programs: Programs,
    /// The processes of those that have begun.
    begun: HashMap<u64, ProcessId>,
}

impl Notifier {
    /// Has programs of one owner run, in this order and after those of earlier events.
    pub fn tell<K: Key>(
        &mut self,
        now: Instant,
        programs: impl IntoIterator<Item = Program>,
        runner: &mut Runner,
        wheel: &mut Wheel<K>,
    ) {
        let mut actions = Vec::new();
        self.programs.tell(now, programs, &mut actions);
        self.perform(now, actions, runner, wheel);
    }

    /// A program (`RunId::Notify`) has begun.
    pub fn began(&mut self, now: Instant, run: u64, process: ProcessId) {
        self.programs.began(now, run);
        self.begun.insert(run, process);
    }

    /// A program (`RunId::Notify`) has ended.
    pub fn ended<K: Key>(
        &mut self,
        now: Instant,
        run: u64,
        outcome: Outcome,
        runner: &mut Runner,
        wheel: &mut Wheel<K>,
    ) {
        self.begun.remove(&run);
        let mut actions = Vec::new();
        self.programs.ended(now, run, outcome, &mut actions);
        self.perform(now, actions, runner, wheel);
    }

    /// A program has run for long.
    pub fn slow<K: Key>(
        &mut self,
        now: Instant,
        run: u64,
        runner: &mut Runner,
        wheel: &mut Wheel<K>,
    ) {
        let mut actions = Vec::new();
        self.programs.slow(now, run, &mut actions);
        self.perform(now, actions, runner, wheel);
    }

    /// The runner is gone: another sees to what it began, and to what it did not.
    pub fn lost<K: Key>(&mut self, now: Instant, runner: &mut Runner, wheel: &mut Wheel<K>) {
        let mut actions = Vec::new();
        self.programs.lost(now, &mut actions);
        self.perform(now, actions, runner, wheel);
    }

    /// The daemon ends and can wait no longer: what is still to be told is told now, if not in order.
    pub fn flush<K: Key>(&mut self, now: Instant, runner: &mut Runner, wheel: &mut Wheel<K>) {
        let mut actions = Vec::new();
        self.programs.flush(now, &mut actions);
        self.perform(now, actions, runner, wheel);
    }

    /// Whether every program that was told of something has ended.
    pub fn is_done(&self) -> bool {
        !self.programs.is_any_running()
    }

    fn perform<K: Key>(
        &mut self,
        now: Instant,
        mut actions: Vec<Action>,
        runner: &mut Runner,
        wheel: &mut Wheel<K>,
    ) {
        // What cannot be run leads to more.
        while !actions.is_empty() {
            for action in std::mem::take(&mut actions) {
                match action {
                    Action::Run {
                        run,
                        command,
                        limit,
                    } => {
                        let id = RunId::Notify(run);
                        let request = Request::Run { id, command, limit };
                        if let Err(outcome) = runner.ask(&request) {
                            self.programs.ended(now, run, outcome, &mut actions);
                        }
                    }
                    Action::Adopt { run, until } => {
                        let id = RunId::Notify(run);
                        let process = self.begun.get(&run);
                        if process.is_none_or(|pid| runner.adopt(id, *pid, until).is_err()) {
                            self.programs
                                .ended(now, run, Outcome::Unknown, &mut actions);
                        }
                    }
                    Action::Arm(run, at) => wheel.arm(Timer::Slow(run).into(), at),
                    Action::Disarm(run) => drop(wheel.disarm(Timer::Slow(run).into())),
                    Action::Tell(notice) if notice.is_good() => debug!("{notice}"),
                    Action::Tell(notice) => warn!("{notice}"),
                }
            }
        }
    }
}
