//! `vrrp_track_process`: how many processes there are of each kind, and whether that is as it should be. Counting is the runner's
//! (`census`); what a verdict does to a priority is the router's.
//!
//! A number that moved upwards past a limit counts after `fork_delay`, one that moved downwards after `terminate_delay`, unless it has
//! moved back by then. What was never counted before counts at once.

use super::Level;
use super::census::WatchId;
use crate::config::model::{ProcessMatch, TrackProcess};
use crate::time::Instant;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::rc::Rc;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Count these processes, and tell how many there are.
    Watch {
        /// For whom.
        id: WatchId,
        /// Which.
        matching: ProcessMatch,
        /// The least and the greatest number with which all is well: crossing them is told at once.
        quorum: (u32, u32),
    },
    /// It is of no interest any more.
    Forget(WatchId),
    /// A delay is over then.
    Arm(WatchId, Instant),
    /// There is no delay any more.
    Disarm(WatchId),
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

/// A log line about processes. `Display` words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Their name in the configuration.
    pub name: Rc<str>,
    /// How many there are.
    pub count: u32,
    /// Whether that is as it should be.
    pub quorate: bool,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.quorate { "gained" } else { "lost" };
        write!(
            f,
            "Quorum {what} for tracked process {}: {} running",
            self.name, self.count
        )
    }
}

/// One kind of processes: what is configured and, apart from it, what runs.
#[derive(Debug)]
pub struct Process {
    name: Rc<str>,
    config: TrackProcess,
    count: Option<u32>,
    level: Level,
    /// What it will say, and when, unless something changes.
    pending: Option<Pending>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    at: Instant,
    /// Because there are more of them now.
    rising: bool,
}

impl Process {
    /// What is configured.
    pub fn config(&self) -> &TrackProcess {
        &self.config
    }
    /// How many there are, once they were counted.
    pub fn count(&self) -> Option<u32> {
        self.count
    }
    /// What it says.
    pub fn level(&self) -> Level {
        self.level
    }
    /// Whether `fork_delay` is under way.
    pub fn is_fork_delayed(&self) -> bool {
        self.pending.is_some_and(|pending| pending.rising)
    }
    /// Whether `terminate_delay` is under way.
    pub fn is_terminate_delayed(&self) -> bool {
        self.pending.is_some_and(|pending| !pending.rising)
    }

    fn judge(&self) -> Option<Level> {
        let (least, most) = self.config.quorum;
        self.count.map(|count| {
            if (least..=most).contains(&count) {
                Level::Up
            } else {
                Level::Down
            }
        })
    }

    /// Says what the number means now.
    fn settle(&mut self, actions: &mut Vec<Action>) {
        self.pending = None;
        let (Some(level), Some(count)) = (self.judge(), self.count) else {
            return;
        };
        let before = std::mem::replace(&mut self.level, level);
        if before == level {
            return;
        }
        let quorate = level == Level::Up;
        if before != Level::Unknown || !quorate {
            actions.push(Action::Tell(Notice {
                name: self.name.clone(),
                count,
                quorate,
            }));
        }
        actions.push(Action::Level {
            name: self.name.clone(),
            level,
        });
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Processes {
    processes: BTreeMap<WatchId, Process>,
    by_name: HashMap<Rc<str>, WatchId>,
    last: WatchId,
}

impl Processes {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        self.processes.values()
    }

    /// Takes over a configuration: the first, or another. What did not change is not touched; what did says what it said until it has
    /// been counted anew.
    pub fn configure(&mut self, processes: &[TrackProcess], actions: &mut Vec<Action>) {
        let mut before = std::mem::take(&mut self.by_name);
        for config in processes {
            let known = before
                .remove(config.name.as_str())
                .and_then(|id| Some((id, self.processes.remove(&id)?)));
            let (name, level) = match known {
                Some((id, process)) if process.config == *config => {
                    self.by_name.insert(process.name.clone(), id);
                    self.processes.insert(id, process);
                    continue;
                }
                Some((id, process)) => {
                    forget(id, &process, actions);
                    (process.name, process.level)
                }
                None => {
                    let name: Rc<str> = config.name.as_str().into();
                    actions.push(Action::Level {
                        name: name.clone(),
                        level: Level::Unknown,
                    });
                    (name, Level::Unknown)
                }
            };
            self.last += 1;
            let process = Process {
                name: name.clone(),
                config: config.clone(),
                count: None,
                level,
                pending: None,
            };
            actions.push(process.watch(self.last));
            self.by_name.insert(name, self.last);
            self.processes.insert(self.last, process);
        }
        for id in before.into_values() {
            if let Some(process) = self.processes.remove(&id) {
                forget(id, &process, actions);
            }
        }
    }

    /// So many there are now.
    pub fn counted(&mut self, now: Instant, id: WatchId, count: u32, actions: &mut Vec<Action>) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let before = process.count.replace(count);
        let changes = process.judge() != Some(process.level);
        if process.pending.is_some() {
            if !changes {
                process.pending = None;
                actions.push(Action::Disarm(id));
            }
            return;
        }
        let rising = before.is_some_and(|before| count > before);
        let delay = match before {
            Some(_) if rising => process.config.fork_delay,
            Some(_) => process.config.terminate_delay,
            None => std::time::Duration::ZERO,
        };
        if changes && !delay.is_zero() {
            let at = now + delay;
            process.pending = Some(Pending { at, rising });
            actions.push(Action::Arm(id, at));
        } else {
            process.settle(actions);
        }
    }

    /// A delay is over.
    pub fn due(&mut self, now: Instant, id: WatchId, actions: &mut Vec<Action>) {
        if let Some(process) = self.processes.get_mut(&id)
            && process.pending.is_some_and(|pending| pending.at <= now)
        {
            process.settle(actions);
        }
    }

    /// Nobody counts any more; whoever does from now on has to be told what. What was said last stands.
    pub fn lost(&mut self, actions: &mut Vec<Action>) {
        actions.extend(
            self.processes
                .iter()
                .map(|(id, process)| process.watch(*id)),
        );
    }
}

impl Process {
    fn watch(&self, id: WatchId) -> Action {
        Action::Watch {
            id,
            matching: self.config.matching.clone(),
            quorum: self.config.quorum,
        }
    }
}

fn forget(id: WatchId, process: &Process, actions: &mut Vec<Action>) {
    if process.pending.is_some() {
        actions.push(Action::Disarm(id));
    }
    actions.push(Action::Forget(id));
}
