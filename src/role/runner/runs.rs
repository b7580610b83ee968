//! The programs that run: which process is whose run, and which of them are to end. Knows, does nothing.

use super::line::{self, Outcome, RunId};
use crate::os::family::Family;
use crate::os::process::{End, ProcessId};
use std::collections::HashMap;

/// A program that runs.
#[derive(Clone, Debug)]
struct Run {
    id: RunId,
    limited: bool,
    late: bool,
    /// What is to end with it.
    ending: Option<Family>,
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

    /// It is to end, with all it started. False when it has ended already.
    pub fn ends(&mut self, id: RunId) -> bool {
        let leader = self.leader(id);
        match (self.run(id), leader) {
            (Some(run), Some(leader)) => {
                run.ending.get_or_insert_with(|| Family::of(leader));
                true
            }
            _ => false,
        }
    }

    /// Its process.
    pub fn leader(&self, id: RunId) -> Option<ProcessId> {
        self.by_id.get(&id).copied()
    }

    /// What is to end with it, if it is to end.
    pub fn ending(&mut self, id: RunId) -> Option<&mut Family> {
        self.run(id)?.ending.as_mut()
    }

    /// A process has ended: whose run it was and how that went, when it was one; and what was to end with it. `failure`: it did not
    /// become the program (an errno).
    pub fn ended(
        &mut self,
        process: ProcessId,
        end: End,
        failure: Option<i32>,
    ) -> Option<(RunId, Outcome, Option<Family>)> {
        let run = self.by_process.remove(&process)?;
        self.by_id.remove(&run.id);
        let outcome = match run.late {
            true => Outcome::TimedOut,
            false => line::outcome(end, failure),
        };
        Some((run.id, outcome, run.ending))
    }

    /// A run is over whose process is no child of ours: how that went, and what was to end with it.
    pub fn left(&mut self, id: RunId) -> (Outcome, Option<Family>) {
        let process = self.by_id.remove(&id);
        let run = process.and_then(|process| {
            // The number may be another's already.
            let is_its = self.by_process.get(&process)?.id == id;
            is_its.then(|| self.by_process.remove(&process)).flatten()
        });
        match run {
            Some(run) if run.late => (Outcome::TimedOut, run.ending),
            Some(run) => (Outcome::Unknown, run.ending),
            None => (Outcome::Unknown, None),
        }
    }

    /// A process that is not waited for.
    pub fn forget(&mut self, process: ProcessId) {
        if let Some(run) = self.by_process.remove(&process) {
            self.by_id.remove(&run.id);
        }
    }

    /// All that are not left alone when the role has gone: they end with it, or must not take as long as they like.
    pub fn held(&self) -> impl Iterator<Item = RunId> {
        let runs = self.by_process.values();
        runs.filter(|run| run.limited || run.id.ends_with_role())
            .map(|run| run.id)
    }

    /// Whether there is one of these.
    pub fn is_any_held(&self) -> bool {
        self.held().next().is_some()
    }

    fn run(&mut self, id: RunId) -> Option<&mut Run> {
        self.by_process.get_mut(self.by_id.get(&id)?)
    }
}
