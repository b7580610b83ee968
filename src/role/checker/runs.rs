//! The programs of checks and notifiers: what the runner is asked for, and what it says.

use super::Shell;
use crate::check::CheckId;
use crate::check::dialogue::Failure;
use crate::config::model::{Probe, ScriptProbe};
use crate::os::clock;
use crate::role::programs::Runner;
use crate::role::runner::{Answer, Outcome, Received, Request, RunId};
use crate::time::Instant;
use crate::track::Level;
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// `misc_dynamic`: an exit status from this up is a weight.
const STATUS_WEIGHT: i32 = 2;

/// The programs that run for checks.
#[derive(Default)]
pub(super) struct Runs {
    by_run: FxHashMap<u64, CheckId>,
    by_check: FxHashMap<CheckId, u64>,
    runs: u64,
}

impl Runs {
    fn begin(&mut self, check: CheckId) -> u64 {
        self.runs += 1;
        self.by_run.insert(self.runs, check);
        self.by_check.insert(check, self.runs);
        self.runs
    }

    /// A run is over, or has taken too long: its check, once.
    fn over(&mut self, run: u64) -> Option<CheckId> {
        let check = self.by_run.remove(&run)?;
        self.by_check.remove(&check);
        Some(check)
    }

    /// Nobody wants to know any more: the program is ended.
    pub fn abandon(&mut self, check: CheckId, runner: &Runner) {
        if let Some(run) = self.by_check.remove(&check) {
            self.by_run.remove(&run);
            // One that cannot be told ends the program as it ends itself.
            let _ = runner.ask(&Request::End(RunId::Script(run)));
        }
    }

    /// Nobody will tell how the programs under way end: their checks.
    fn lost(&mut self) -> Vec<CheckId> {
        self.by_run.clear();
        self.by_check.drain().map(|(check, _)| check).collect()
    }
}

impl Shell {
    /// Has the runner ready, if anything is configured that it has to run.
    pub(super) fn prepare_runner(&mut self) {
        let lvs = &self.model.lvs;
        let mails = self.model.global.mail.outlet().is_some();
        let needed = mails && !lvs.virtual_servers.is_empty()
            || !lvs.files.is_empty()
            || lvs.fifos.iter().any(|fifo| fifo.reader.is_some())
            || lvs.virtual_servers.iter().any(|service| {
                service.quorum_up.is_some()
                    || service.quorum_down.is_some()
                    || service.real_servers.iter().any(|server| {
                        let extra = server.extra.as_deref();
                        let is_script = |probe: &Probe| matches!(probe, Probe::Script(_));
                        extra.is_some_and(|it| it.notify_up.is_some() || it.notify_down.is_some())
                            || server.checkers.iter().any(|it| is_script(&it.probe))
                    })
            });
        self.runner
            .need(needed, clock::now(), &mut self.events, &mut self.wheel);
    }

    /// Runs the program of a check.
    pub(super) fn run_script(&mut self, now: Instant, check: CheckId, script: &ScriptProbe) {
        let run = self.runs.begin(check);
        let request = Request::Run {
            id: RunId::Script(run),
            command: script.command.clone(),
            limit: Some(script.timeout),
        };
        if let Err(outcome) = self.runner.ask(&request) {
            self.script_ended(now, run, outcome);
        }
    }

    fn script_ended(&mut self, now: Instant, run: u64, outcome: Outcome) {
        let Some(check) = self.runs.over(run) else {
            return;
        };
        let at = self.director.check(check).map(|check| check.at());
        let found = at.and_then(|at| at.find(&self.model.lvs));
        let Some((_, _, checker)) = found else {
            return;
        };
        let dynamic = matches!(&checker.probe, Probe::Script(script) if script.dynamic);
        let (verdict, weight) = match outcome {
            Outcome::Exited(0) if dynamic => (Ok(()), self.configured_weight(check)),
            Outcome::Exited(0) => (Ok(()), None),
            Outcome::Exited(status) if dynamic && status >= STATUS_WEIGHT => {
                (Ok(()), u32::try_from(status - STATUS_WEIGHT).ok())
            }
            Outcome::TimedOut => (Err(Failure::NoAnswer), None),
            outcome => (Err(Failure::Unexpected(outcome.to_string())), None),
        };
        self.ended(now, check, verdict, weight);
    }

    fn configured_weight(&self, check: CheckId) -> Option<u32> {
        let at = self.director.check(check)?.at();
        let (_, server, _) = at.find(&self.model.lvs)?;
        Some(server.weight)
    }

    /// Follows the files of the configuration from now on. `begins`: the daemon starts.
    pub(super) fn configure_files(&mut self, now: Instant, begins: bool) {
        let model = self.model.clone();
        self.file_checks.clear();
        for (name, check) in self.director.file_checks(&model.lvs) {
            self.file_checks
                .entry(name.clone())
                .or_default()
                .push(check);
        }
        let (files, runner) = (&model.lvs.files, &self.runner);
        self.watched
            .configure_files(now, files, begins, runner, &mut self.wheel);
        self.pass_on(now);
        // What is new may follow a file that was read long ago.
        let known = self.watched.files().iter();
        let known: Vec<(Rc<str>, i32)> = known
            .filter_map(|file| Some((file.config().name.as_str().into(), file.value()?)))
            .collect();
        for (name, value) in known {
            self.file_says(now, &name, value);
        }
    }

    fn pass_on(&mut self, now: Instant) {
        for word in self.watched.take_words() {
            if let Level::Value(value) = word.level {
                self.file_says(now, &word.name, value);
            }
        }
    }

    fn file_says(&mut self, now: Instant, name: &str, value: i32) {
        let lvs = &self.model.lvs;
        for check in self.file_checks.get(name).into_iter().flatten() {
            self.director
                .file_says(now, lvs, *check, value, &mut self.actions);
        }
        self.perform(now);
    }

    /// The runner has something to say.
    pub(super) fn listen_to_runner(&mut self) {
        let now = clock::now();
        loop {
            let received = self.runner.receive(now, &mut self.events, &mut self.wheel);
            match received {
                Received::Packet(Answer::Late(RunId::Script(run))) => {
                    self.script_ended(now, run, Outcome::TimedOut);
                }
                Received::Packet(Answer::Late(_)) => {}
                Received::Packet(Answer::Ended(RunId::Script(run), outcome)) => {
                    self.script_ended(now, run, outcome);
                }
                Received::Packet(Answer::Ended(RunId::Notify(run), outcome)) => {
                    self.notifier
                        .ended(now, run, outcome, &self.runner, &mut self.wheel);
                }
                Received::Packet(Answer::Ended(RunId::Reader(run), outcome)) => {
                    self.fifos.reader_ended(run, outcome);
                }
                Received::Packet(Answer::Mail(notice)) => self.mailer.heard(&notice),
                Received::Packet(Answer::File(id, reading)) => {
                    self.watched.found(id, reading);
                    self.pass_on(now);
                }
                // No processes are counted here.
                Received::Packet(Answer::Process(_)) => {}
                Received::Nothing => return,
                Received::Gone => {
                    self.notifier.lost(now, &self.runner, &mut self.wheel);
                    self.watched.lost(now, &self.runner, &mut self.wheel);
                    for check in self.runs.lost() {
                        self.postpone(now, check);
                    }
                }
            }
        }
    }
}
