//! `vrrp_script`: when each is run, and what its runs say of it. Starting and ending programs is the runner's; what a failure does to
//! a priority is the router's.
//!
//! The next run is due an interval after the last was, whatever it took. One that has not ended by then is left alone: at most one
//! run of a script at a time.

use super::Level;
use crate::config::model::Script as Config;
use crate::time::Instant;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::rc::Rc;

/// A script, by its place among all; stable for as long as one of that name is configured.
pub type ScriptId = u32;
/// One run of a script; no other run has the same number.
pub type RunId = u64;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// With this exit status.
    Exited(i32),
    /// By a signal that was not ours.
    Killed(i32),
    /// It could not be started: the errno.
    NotStarted(i32),
    /// It took longer than it may, and was ended.
    TimedOut,
    /// It has ended; who ran it, and would know how, was gone before.
    Unknown,
}

impl Outcome {
    /// Whether the run was a success.
    pub fn is_success(self) -> bool {
        self == Outcome::Exited(0)
    }

    /// Whether the run says something about what it looked at. Where nobody could be asked to run it (`ESRCH`), or this host has no
    /// room for another process or descriptor, it does not: what was said last stands.
    pub fn is_verdict(self) -> bool {
        !matches!(
            self,
            Outcome::NotStarted(
                libc::ESRCH | libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE
            ) | Outcome::Unknown
        )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Exited(status) => write!(f, "exited with status {status}"),
            Outcome::Killed(signal) => write!(f, "was ended by signal {signal}"),
            Outcome::NotStarted(errno) => write!(
                f,
                "could not be started: {}",
                std::io::Error::from_raw_os_error(*errno)
            ),
            Outcome::TimedOut => f.write_str("timed out"),
            Outcome::Unknown => f.write_str("has ended, nobody knows how: it outlived who ran it"),
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Run it, and tell how that ended.
    Run {
        /// This run.
        run: RunId,
        /// What, and for how long at most.
        config: Rc<Config>,
    },
    /// End a run that is no longer wanted.
    End(RunId),
    /// It is due then.
    Arm(ScriptId, Instant),
    /// It is no longer there.
    Disarm(ScriptId),
    /// This is what it says from now on.
    Level {
        /// Its name.
        name: Rc<str>,
        /// What it says.
        level: Level,
    },
    /// Say this in the log.
    Tell(Notice),
}

/// A log line about a script. `Display` words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its name.
    pub script: Rc<str>,
    /// What is said.
    pub said: Said,
}

/// What can be said of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Its runs succeed again, or its first did.
    Succeeded,
    /// Its runs fail; how the last one did.
    Failed(Outcome),
    /// A run ended otherwise than the one before.
    Now(Outcome),
    /// The last run has not ended, so that none was started.
    Overrun,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.script;
        match self.said {
            Said::Succeeded => write!(f, "VRRP_Script({name}) succeeded"),
            Said::Failed(Outcome::TimedOut) => write!(f, "VRRP_Script({name}) timed_out"),
            Said::Failed(outcome) => write!(f, "VRRP_Script({name}) failed ({outcome})"),
            Said::Now(Outcome::Exited(status)) => {
                write!(f, "Script `{name}` now returning {status}")
            }
            Said::Now(outcome) => write!(f, "Script `{name}` {outcome}"),
            Said::Overrun => write!(
                f,
                "Track script {name} is already running, expect idle - skipping run"
            ),
        }
    }
}

/// One script: what is configured and, apart from it, what runs.
#[derive(Debug)]
pub struct Script {
    name: Rc<str>,
    config: Rc<Config>,
    level: Level,
    /// Successes in a row while down, failures in a row while up.
    contrary: u32,
    run: Option<RunId>,
    last: Option<Outcome>,
    due: Instant,
    /// Whether the last run that was due was left out.
    overrun: bool,
    overruns: u64,
}

impl Script {
    /// What is configured.
    pub fn config(&self) -> &Config {
        &self.config
    }
    /// What it says.
    pub fn level(&self) -> Level {
        self.level
    }
    /// How its last run ended.
    pub fn last(&self) -> Option<Outcome> {
        self.last
    }
    /// How many of its last results in a row spoke against what it says.
    pub fn contrary(&self) -> u32 {
        self.contrary
    }
    /// When its next run is due.
    pub fn due(&self) -> Instant {
        self.due
    }
    /// Whether it runs now.
    pub fn is_running(&self) -> bool {
        self.run.is_some()
    }
    /// How many runs were left out because the one before had not ended.
    pub fn overruns(&self) -> u64 {
        self.overruns
    }
}

/// All scripts.
#[derive(Debug, Default)]
pub struct Scripts {
    slots: Vec<Option<Script>>,
    /// Empty slots.
    free: BTreeSet<ScriptId>,
    by_name: HashMap<Rc<str>, ScriptId>,
    by_run: HashMap<RunId, ScriptId>,
    runs: RunId,
}

impl Scripts {
    /// All scripts.
    pub fn iter(&self) -> impl Iterator<Item = &Script> {
        self.slots.iter().flatten()
    }

    /// One by its name in the file.
    pub fn find(&self, name: &str) -> Option<&Script> {
        let id = usize::try_from(*self.by_name.get(name)?).ok()?;
        self.slots.get(id)?.as_ref()
    }

    /// Takes over a configuration: the first, or another. One that did not change goes on undisturbed; one that did says what it said
    /// until its new command has run. `running`: begin at once.
    pub fn configure(&mut self, now: Instant, scripts: &[Config], actions: &mut Vec<Action>) {
        let mut before = std::mem::take(&mut self.by_name);
        for (place, config) in scripts.iter().enumerate() {
            let id = before.remove(config.name.as_str());
            let known = id.and_then(|id| self.slots.get_mut(usize::try_from(id).ok()?)?.as_mut());
            match (id, known) {
                (Some(id), Some(script)) => {
                    self.by_name.insert(script.name.clone(), id);
                    if *script.config == *config {
                        continue;
                    }
                    actions.extend(script.run.take().map(Action::End));
                    script.config = Rc::new(config.clone());
                    self.run(now, id, now, actions);
                }
                _ => self.begin(now, config, share(place, scripts.len()), actions),
            }
        }
        for (_, id) in before {
            let slot = usize::try_from(id)
                .ok()
                .and_then(|at| self.slots.get_mut(at));
            if let Some(gone) = slot.and_then(Option::take) {
                self.free.insert(id);
                actions.push(Action::Disarm(id));
                actions.extend(gone.run.map(Action::End));
            }
        }
    }

    /// A new script: its first run at once, as an instance may wait for it; the second after a share of the interval, so that hundreds
    /// of scripts do not run at the same moments for ever.
    fn begin(&mut self, now: Instant, config: &Config, share: f64, actions: &mut Vec<Action>) {
        let name: Rc<str> = config.name.as_str().into();
        let level = if config.init_fail {
            Level::Down
        } else {
            Level::Unknown
        };
        let script = Script {
            name: name.clone(),
            config: Rc::new(config.clone()),
            level,
            contrary: 0,
            run: None,
            last: None,
            due: now,
            overrun: false,
            overruns: 0,
        };
        // More than ScriptId::MAX scripts do not fit into memory.
        let next = || ScriptId::try_from(self.slots.len()).unwrap_or(ScriptId::MAX);
        let id = self.free.pop_first().unwrap_or_else(next);
        match usize::try_from(id)
            .ok()
            .and_then(|at| self.slots.get_mut(at))
        {
            Some(slot) => *slot = Some(script),
            None => self.slots.push(Some(script)),
        }
        self.by_name.insert(name.clone(), id);
        actions.push(Action::Level { name, level });
        self.run(now, id, now, actions);
        let second = now + config.interval.mul_f64(share);
        if let Some(script) = self.script(id) {
            script.due = second;
            actions.push(Action::Arm(id, second));
        }
    }

    /// Its time has come; it was due at `deadline`.
    pub fn due(
        &mut self,
        now: Instant,
        id: ScriptId,
        deadline: Instant,
        actions: &mut Vec<Action>,
    ) {
        let Some(script) = self.script(id) else {
            return;
        };
        if script.run.is_none() {
            script.overrun = false;
            return self.run(now, id, deadline, actions);
        }
        script.overruns = script.overruns.saturating_add(1);
        script.schedule(now, id, deadline, actions);
        if !std::mem::replace(&mut script.overrun, true) {
            let notice = script.notice(Said::Overrun);
            actions.push(notice);
        }
    }

    fn run(&mut self, now: Instant, id: ScriptId, due: Instant, actions: &mut Vec<Action>) {
        self.runs += 1;
        let run = self.runs;
        let Some(script) = self.script(id) else {
            return;
        };
        script.run = Some(run);
        script.schedule(now, id, due, actions);
        let config = script.config.clone();
        actions.push(Action::Run { run, config });
        self.by_run.insert(run, id);
    }

    /// A run takes longer than it may: that is its outcome, though it has not ended.
    pub fn late(&mut self, run: RunId, actions: &mut Vec<Action>) {
        if let Some(script) = self.running(run) {
            script.judge(Outcome::TimedOut, actions);
        }
    }

    /// A run has ended.
    pub fn ended(&mut self, run: RunId, outcome: Outcome, actions: &mut Vec<Action>) {
        if let Some(script) = self.running(run) {
            script.run = None;
            match outcome {
                // Judged when it was late.
                Outcome::TimedOut => {}
                outcome if outcome.is_verdict() => script.judge(outcome, actions),
                // That nobody runs programs is said where it is found.
                Outcome::NotStarted(libc::ESRCH) => {}
                outcome => actions.push(script.notice(Said::Now(outcome))),
            }
        }
        self.by_run.remove(&run);
    }

    /// Who ran them is gone. What the scripts said last stands; the runs that go on without it are waited for, the others are over.
    pub fn lost(&mut self, goes_on: impl Fn(RunId) -> bool) {
        self.by_run.retain(|run, _| goes_on(*run));
        for script in self.slots.iter_mut().flatten() {
            script.run = script.run.filter(|run| goes_on(*run));
        }
    }

    fn script(&mut self, id: ScriptId) -> Option<&mut Script> {
        self.slots.get_mut(usize::try_from(id).ok()?)?.as_mut()
    }

    /// The script whose present run this is; none of one that was changed or removed meanwhile.
    fn running(&mut self, run: RunId) -> Option<&mut Script> {
        let id = *self.by_run.get(&run)?;
        self.script(id).filter(|script| script.run == Some(run))
    }
}

impl Script {
    fn schedule(&mut self, now: Instant, id: ScriptId, due: Instant, actions: &mut Vec<Action>) {
        let next = due + self.config.interval;
        // Who slept through a whole interval begins anew.
        self.due = if next > now {
            next
        } else {
            now + self.config.interval
        };
        actions.push(Action::Arm(id, self.due));
    }

    /// What a run says of it: the first decides alone, later ones as `rise` and `fall` say.
    fn judge(&mut self, outcome: Outcome, actions: &mut Vec<Action>) {
        let before = self.last.replace(outcome);
        let success = outcome.is_success();
        if before != Some(outcome) && (before.is_some() || !success) {
            actions.push(self.notice(Said::Now(outcome)));
        }
        let needed = match (before, self.level, success) {
            (None, ..) | (_, Level::Unknown | Level::Value(_), _) => 1,
            (_, Level::Up, false) => self.config.fall,
            (_, Level::Down, true) => self.config.rise,
            (_, Level::Up, true) | (_, Level::Down, false) => {
                self.contrary = 0;
                return;
            }
        };
        self.contrary = self.contrary.saturating_add(1);
        if self.contrary < needed {
            return;
        }
        self.contrary = 0;
        self.level = if success { Level::Up } else { Level::Down };
        let said = if success {
            Said::Succeeded
        } else {
            Said::Failed(outcome)
        };
        actions.push(self.notice(said));
        actions.push(Action::Level {
            name: self.name.clone(),
            level: self.level,
        });
    }

    fn notice(&self, said: Said) -> Action {
        Action::Tell(Notice {
            script: self.name.clone(),
            said,
        })
    }
}

/// Where in the interval the runs of one of many are due.
fn share(place: usize, count: usize) -> f64 {
    (place + 1) as f64 / count.max(1) as f64
}
