//! The programs that are run for events: those of one owner (an instance, a group, a server) one after the other, so that what they
//! leave behind is what happened last; those of different ones side by side.
//!
//! One that takes long and has no limit of its own holds the next one up for a while only. When more waits than that, states that are already history are left
//! out, never the last.

use crate::config::model::Command;
use crate::time::Instant;
use crate::track::script::{Outcome, RunId};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// A program that has run for so long does not hold up the next one any more.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Programs of one owner that may wait; past that, those of old states are left out.
const WAITING_MAX: usize = 16;

/// To whom something happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Of which kind: names are unique among those of one kind.
    pub kind: &'static str,
    /// As in the log.
    pub name: Rc<str>,
}

/// A program, and what it is run for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// To whom it happened.
    pub owner: Owner,
    /// What happened.
    pub what: &'static str,
    /// It is a state, which makes earlier ones history; what is none is told once when it waits more than once.
    pub is_state: bool,
    /// What is run.
    pub command: Command,
    /// How long it may take; the next one waits for it then until it has ended, however long that is.
    pub limit: Option<Duration>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Run it, and tell how that ended.
    Run {
        /// This run; no other has the same number.
        run: RunId,
        /// What.
        command: Command,
        /// How long it may take.
        limit: Option<Duration>,
    },
    /// This one began and goes on, though who ran it is gone: tell when it ends.
    Adopt {
        /// Which.
        run: RunId,
        /// When it has taken as long as it may, counted from where it began.
        until: Option<Instant>,
    },
    /// Say when it has run for `PATIENCE`.
    Arm(RunId, Instant),
    /// That is no longer needed.
    Disarm(RunId),
    /// Say this in the log.
    Tell(Notice),
}

/// A log line about a program. `Display` words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It has ended.
    Ended {
        /// Whose it is.
        name: Rc<str>,
        /// For what it was run.
        what: &'static str,
        /// How it ended.
        outcome: Outcome,
    },
    /// It takes long, and others no longer wait for it.
    Slow {
        /// Whose it is.
        name: Rc<str>,
        /// For what it was run.
        what: &'static str,
    },
    /// Programs for states that are history were left out.
    LeftOut {
        /// Whose.
        name: Rc<str>,
    },
}

impl Notice {
    /// Whether it is nothing to worry about.
    pub fn is_good(&self) -> bool {
        matches!(self, Notice::Ended { outcome, .. } if outcome.is_success())
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Ended {
                name,
                what,
                outcome,
            } => write!(f, "({name}) notify script for {} {outcome}", what),
            Notice::Slow { name, what } => write!(
                f,
                "({name}) notify script for {} has run for {} seconds: the next one no longer waits for it",
                what,
                PATIENCE.as_secs()
            ),
            Notice::LeftOut { name } => write!(
                f,
                "({name}) notify scripts are slower than what happens: states that are over are left out"
            ),
        }
    }
}

#[derive(Debug)]
struct Waiting {
    what: &'static str,
    /// Which event it is for, if that was a state.
    state: Option<u64>,
    command: Command,
    limit: Option<Duration>,
}

#[derive(Debug, Default)]
struct Lane {
    /// Holds up those that wait.
    run: Option<RunId>,
    waiting: VecDeque<Waiting>,
}

impl Lane {
    /// Leaves out states that are history; false when there are none.
    fn leave_out(&mut self) -> bool {
        let before = self.waiting.len();
        let last = self
            .waiting
            .iter()
            .filter_map(|waiting| waiting.state)
            .max();
        self.waiting
            .retain(|waiting| waiting.state.is_none() || waiting.state == last);
        self.waiting.len() < before
    }
}

#[derive(Debug)]
struct Running {
    owner: Owner,
    what: &'static str,
    command: Command,
    limit: Option<Duration>,
    began: Option<Instant>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Programs {
    lanes: HashMap<Owner, Lane>,
    /// In the order in which they were to begin.
    running: BTreeMap<RunId, Running>,
    runs: RunId,
    events: u64,
}

impl Programs {
    /// Runs programs when their turn comes; those of one event, all of one owner, in this order.
    pub fn tell(
        &mut self,
        now: Instant,
        programs: impl IntoIterator<Item = Program>,
        actions: &mut Vec<Action>,
    ) {
        self.events += 1;
        let event = self.events;
        for Program {
            owner,
            what,
            is_state,
            command,
            limit,
        } in programs
        {
            let lane = self.lanes.entry(owner.clone()).or_default();
            let told_already = !is_state && lane.waiting.iter().any(|waiting| waiting.what == what);
            if told_already {
                continue;
            }
            lane.waiting.push_back(Waiting {
                what,
                state: is_state.then_some(event),
                command,
                limit,
            });
            if lane.waiting.len() > WAITING_MAX && lane.leave_out() {
                let name = owner.name.clone();
                actions.push(Action::Tell(Notice::LeftOut { name }));
            }
            self.advance(now, &owner, actions);
        }
    }

    /// A program is under way from now on. One that was adopted goes on as what it was.
    pub fn began(&mut self, now: Instant, run: RunId) {
        if let Some(running) = self.running.get_mut(&run) {
            running.began.get_or_insert(now);
        }
    }

    /// A program has ended.
    pub fn ended(&mut self, now: Instant, run: RunId, outcome: Outcome, actions: &mut Vec<Action>) {
        let Some(Running { owner, what, .. }) = self.running.remove(&run) else {
            return;
        };
        let name = owner.name.clone();
        actions.push(Action::Tell(Notice::Ended {
            name,
            what,
            outcome,
        }));
        if self.let_go(&owner, run) {
            actions.push(Action::Disarm(run));
            self.advance(now, &owner, actions);
        }
    }

    /// A program has run for `PATIENCE`.
    pub fn slow(&mut self, now: Instant, run: RunId, actions: &mut Vec<Action>) {
        let Some(Running { owner, what, .. }) = self.running.get(&run) else {
            return;
        };
        let (owner, what) = (owner.clone(), *what);
        if self.let_go(&owner, run) {
            let name = owner.name.clone();
            actions.push(Action::Tell(Notice::Slow { name, what }));
            self.advance(now, &owner, actions);
        }
    }

    /// Who ran the programs under way is gone. Those that had begun go on without it; the others are run again. Whoever waits for
    /// them waits on.
    pub fn lost(&mut self, now: Instant, actions: &mut Vec<Action>) {
        for (run, running) in &self.running {
            let (run, limit) = (*run, running.limit);
            if let Some(began) = running.began {
                let until = limit.map(|limit| began + limit);
                actions.push(Action::Adopt { run, until });
                continue;
            }
            actions.push(Action::Run {
                run,
                command: running.command.clone(),
                limit,
            });
            let lane = self.lanes.get(&running.owner);
            if limit.is_none() && lane.is_some_and(|lane| lane.run == Some(run)) {
                actions.push(Action::Arm(run, now + PATIENCE));
            }
        }
    }

    /// Runs everything that waits, at once: the daemon ends.
    pub fn flush(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let owners: Vec<Owner> = self.lanes.keys().cloned().collect();
        for owner in owners {
            while self
                .lanes
                .get(&owner)
                .is_some_and(|lane| !lane.waiting.is_empty())
            {
                if let Some(lane) = self.lanes.get_mut(&owner) {
                    lane.run = None;
                }
                self.advance(now, &owner, actions);
            }
        }
    }

    /// Whether any is under way.
    pub fn is_any_running(&self) -> bool {
        !self.running.is_empty()
    }

    fn let_go(&mut self, owner: &Owner, run: RunId) -> bool {
        let lane = self.lanes.get_mut(owner);
        lane.is_some_and(|lane| lane.run.take_if(|held| *held == run).is_some())
    }

    /// Runs the next one of an owner, if none holds it up.
    fn advance(&mut self, now: Instant, owner: &Owner, actions: &mut Vec<Action>) {
        let Some(lane) = self.lanes.get_mut(owner) else {
            return;
        };
        if lane.run.is_some() {
            return;
        }
        let Some(Waiting {
            what,
            command,
            limit,
            ..
        }) = lane.waiting.pop_front()
        else {
            self.lanes.remove(owner);
            return;
        };
        self.runs += 1;
        let run = self.runs;
        lane.run = Some(run);
        let owner = owner.clone();
        let running = Running {
            owner,
            what,
            command: command.clone(),
            limit,
            began: None,
        };
        self.running.insert(run, running);
        actions.push(Action::Run {
            run,
            command,
            limit,
        });
        if limit.is_none() {
            actions.push(Action::Arm(run, now + PATIENCE));
        }
    }
}
