//! The programs that run: which process is whose run, and which of them are to end. Knows, does nothing.

use super::line::{Outcome, RunId};
use crate::os::family::Member;
use crate::os::process::{End, ProcessId};
use std::collections::HashMap;

/// A program that runs.
#[derive(Clone, Debug)]
struct Run {
    id: RunId,
    limited: bool,
    late: bool,
    /// What it had started when it was asked to end.
    ending: Option<Vec<Member>>,
}

/// All of them, by their process and by their number.
#[derive(Debug, Default)]
pub(super) struct Runs {
    by_process: HashMap<ProcessId, Run>,
    by_id: HashMap<RunId, ProcessId>,
}

impl Runs {
    /// A program was started; `limited` when it must not take as long as it likes.
    pub fn began(&mut self, id: RunId, process: ProcessId, limited: bool) {
        self.by_id.insert(id, process);
        self.by_process.insert(
            process,
            Run {
                id,
                limited,
                late: false,
                ending: None,
            },
        );
    }

    /// It takes too long.
    pub fn is_late(&mut self, id: RunId) {
        if let Some(run) = self.run(id) {
            run.late = true;
        }
    }

    /// It is to end, with these.
    pub fn ends(&mut self, id: RunId, family: Vec<Member>) {
        if let Some(run) = self.run(id) {
            run.ending = Some(family);
        }
    }

    /// Its process.
    pub fn leader(&self, id: RunId) -> Option<ProcessId> {
        self.by_id.get(&id).copied()
    }

    /// With which others this process was to end, if it was.
    pub fn ending(&self, process: ProcessId) -> Option<&[Member]> {
        self.by_process.get(&process)?.ending.as_deref()
    }

    /// A process has ended: whose run it was and how that went, when it was one.
    pub fn ended(&mut self, process: ProcessId, end: End) -> Option<(RunId, Outcome)> {
        let run = self.by_process.remove(&process)?;
        self.by_id.remove(&run.id);
        let outcome = match end {
            _ if run.late => Outcome::TimedOut,
            End::Status(status) => Outcome::Exited(status),
            End::Signal(signal) => Outcome::Killed(signal),
        };
        Some((run.id, outcome))
    }

    /// A process that is not waited for.
    pub fn forget(&mut self, process: ProcessId) {
        if let Some(run) = self.by_process.remove(&process) {
            self.by_id.remove(&run.id);
        }
    }

    /// All that must not take as long as they like.
    pub fn limited(&self) -> impl Iterator<Item = RunId> {
        self.by_process
            .values()
            .filter(|run| run.limited)
            .map(|run| run.id)
    }

    /// Whether there is one of these.
    pub fn is_any_limited(&self) -> bool {
        self.limited().next().is_some()
    }

    fn run(&mut self, id: RunId) -> Option<&mut Run> {
        self.by_process.get_mut(self.by_id.get(&id)?)
    }
}
