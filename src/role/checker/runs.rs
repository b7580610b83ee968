//! The programs of checks and notifiers: what the runner is asked for, and what it says.

use super::{Shell, Source};
use crate::check::CheckId;
use crate::check::dialogue::Failure;
use crate::config::model::{Probe, ScriptProbe};
use crate::os::clock;
use crate::os::poll::Ready;
use crate::role::programs::{Heard, News, Programs, Word};
use crate::role::runner::Outcome;
use crate::time::Instant;
use crate::track::Level;
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// `misc_dynamic`: an exit status from this up is a weight.
const STATUS_WEIGHT: i32 = 2;

/// What the runner says is heard so much of in one turn: what is due comes between.
const HEARD_PER_TURN: usize = 32;

/// A program that runs for a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    run: u64,
    /// It has taken too long, which was its verdict, and is being ended.
    is_late: bool,
    /// The check has come due again, and waits for the end.
    is_owed: bool,
}

/// The programs that run for checks: one at a time for each, also where one that hangs at a dead disk cannot be ended.
#[derive(Default)]
pub(super) struct Runs {
    by_run: FxHashMap<u64, CheckId>,
    by_check: FxHashMap<CheckId, Run>,
    runs: u64,
}

impl Runs {
    /// Another run; None: the last one has not ended, and the check is owed one.
    fn begin(&mut self, check: CheckId) -> Option<u64> {
        if let Some(run) = self.by_check.get_mut(&check) {
            run.is_owed = true;
            return None;
        }
        self.runs += 1;
        let run = Run {
            run: self.runs,
            is_late: false,
            is_owed: false,
        };
        self.by_run.insert(self.runs, check);
        self.by_check.insert(check, run);
        Some(self.runs)
    }

    /// A run has taken too long: its check, once.
    fn late(&mut self, run: u64) -> Option<CheckId> {
        let check = self.by_run.get(&run)?;
        let run = self.by_check.get_mut(check)?;
        (!std::mem::replace(&mut run.is_late, true)).then_some(*check)
    }

    /// A run is over.
    fn ended(&mut self, run: u64) -> Option<(CheckId, Run)> {
        let check = self.by_run.remove(&run)?;
        Some((check, self.by_check.remove(&check)?))
    }

    /// Nobody wants to know any more: the program is ended.
    pub fn abandon(&mut self, check: CheckId, programs: &mut Programs) {
        if let Some(Run { run, .. }) = self.by_check.remove(&check) {
            self.by_run.remove(&run);
            programs.end_script(run);
        }
    }

    /// Who ran them is gone: the checks that wait for those which do not go on without it.
    fn lost(&mut self, goes_on: impl Fn(u64) -> bool) -> Vec<CheckId> {
        self.by_run.retain(|run, _| goes_on(*run));
        let over = self.by_check.extract_if(|_, run| !goes_on(run.run));
        let waited_for = over.filter(|(_, run)| !run.is_late || run.is_owed);
        waited_for.map(|(check, _)| check).collect()
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
        let (events, wheel) = (&mut self.events, &mut self.wheel);
        self.programs
            .need_runner(needed, clock::now(), events, wheel);
    }

    /// Runs the program of a check.
    pub(super) fn run_script(&mut self, now: Instant, check: CheckId, script: &ScriptProbe) {
        let Some(run) = self.runs.begin(check) else {
            return;
        };
        let (command, limit) = (&script.command, script.timeout);
        if let Err(outcome) = self.programs.run_script(run, command, limit) {
            self.script_ended(now, run, outcome);
        }
    }

    fn script_ended(&mut self, now: Instant, run: u64, outcome: Outcome) {
        match self.runs.ended(run) {
            Some((check, Run { is_owed: true, .. })) => self.run_again(now, check),
            Some((_, Run { is_late: true, .. })) | None => {}
            Some((check, _)) => self.script_found(now, check, outcome),
        }
    }

    /// Runs the program that a check is owed.
    fn run_again(&mut self, now: Instant, check: CheckId) {
        let model = self.model.clone();
        let at = self.director.check(check).map(|check| check.at());
        if let Some((_, _, checker)) = at.and_then(|at| at.find(&model.lvs))
            && let Probe::Script(script) = &checker.probe
            && !self.stopping
        {
            self.run_script(now, check, script);
        }
    }

    /// What a run says of a server.
    fn script_found(&mut self, now: Instant, check: CheckId, outcome: Outcome) {
        let at = self.director.check(check).map(|check| check.at());
        let found = at.and_then(|at| at.find(&self.model.lvs));
        let Some((_, _, checker)) = found else {
            return;
        };
        if !outcome.is_verdict() {
            return self.postpone(now, check);
        }
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
        self.programs.watch_files(&model.lvs.files, begins);
        while let Some(word) = self.programs.next_word() {
            self.pass_on(now, &word);
        }
        // What is new may follow a file that was read long ago.
        let known = self.programs.files().iter();
        let known: Vec<(Rc<str>, i32)> = known
            .filter_map(|file| Some((file.config().name.as_str().into(), file.value()?)))
            .collect();
        for (name, value) in known {
            self.file_says(now, &name, value);
        }
    }

    fn pass_on(&mut self, now: Instant, word: &Word) {
        if let Level::Value(value) = word.level {
            self.file_says(now, &word.name, value);
        }
    }

    fn file_says(&mut self, now: Instant, name: &str, value: i32) {
        if self.stopping {
            return;
        }
        let lvs = &self.model.lvs;
        for check in self.file_checks.get(name).into_iter().flatten() {
            self.director
                .file_says(now, lvs, *check, value, &mut self.actions);
        }
        self.perform(now);
    }

    /// The runner has something to say.
    pub(super) fn hear_of_programs(&mut self, event: Ready<Source>) {
        let now = clock::now();
        for _ in 0..HEARD_PER_TURN {
            let news = match self.programs.hear(now, &mut self.events, &mut self.wheel) {
                Heard::Nothing => return,
                Heard::Other => continue,
                Heard::News(news) => news,
            };
            match news {
                News::Late(run) => {
                    if let Some(check) = self.runs.late(run) {
                        self.script_found(now, check, Outcome::TimedOut);
                    }
                }
                News::Ended(run, outcome) => self.script_ended(now, run, outcome),
                News::Word(word) => self.pass_on(now, &word),
                News::Lost => {
                    for check in self.runs.lost(|run| self.programs.has_begun(run)) {
                        self.postpone(now, check);
                    }
                }
            }
        }
        self.events.again(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_at_a_time_though_one_that_is_late_has_not_ended() {
        let [one, two] = [1, 2].map(CheckId::numbered);
        let mut runs = Runs::default();
        let begun = (runs.begin(one), runs.begin(two));
        assert_eq!(begun, (Some(1), Some(2)));
        assert_eq!(runs.late(1), Some(one));
        assert_eq!((runs.late(1), runs.late(7)), (None, None));
        assert_eq!(runs.begin(one), None);
        let owed = Run {
            run: 1,
            is_late: true,
            is_owed: true,
        };
        assert_eq!(runs.ended(1), Some((one, owed)));
        assert_eq!(runs.ended(1), None);
        assert_eq!(runs.begin(one), Some(3));
        // Another runner knows nothing of them: who waits is told, who has heard a verdict is due at its time.
        assert_eq!(runs.late(3), Some(one));
        assert_eq!(runs.lost(|run| run == 2), []);
        assert_eq!(runs.begin(one), Some(4));
        runs.late(4);
        assert_eq!(runs.begin(one), None);
        let mut lost = runs.lost(|_| false);
        lost.sort_by_key(|check| *check == two);
        assert_eq!(lost, [one, two]);
        assert!(runs.by_run.is_empty() && runs.by_check.is_empty());
    }
}
