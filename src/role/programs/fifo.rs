//! The FIFOs that hear of everything: opened, written to without ever waiting for a reader, and read by the script that is configured.

use super::{Runner, Source, Token};
use crate::config::model::Fifo as Config;
use crate::notify::fifo::{Backlog, Line};
use crate::os::fifo::Fifo;
use crate::os::poll::{Loop, Want};
use crate::os::process::ProcessId;
use crate::report::FifoState;
use crate::role::runner::{Outcome, Request, RunId};
use log::{error, warn};
use std::collections::HashMap;
use std::io::{self, ErrorKind};

/// How a process stands to a FIFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It starts the script, and takes the FIFO away if it or one that follows made it.
    Leads,
    /// The same, and it takes it away in any case: the process that made it is gone.
    Inherits,
    /// It only writes: another process leads.
    Follows,
}

/// All of them.
#[derive(Default)]
pub struct Fifos {
    open: Vec<Open>,
    readers: u64,
    /// The processes of readers that have begun, by their run; also of those that are to end and have not.
    begun: HashMap<u64, ProcessId>,
}

/// A FIFO that is open, what waits for it, and who reads it.
struct Open {
    config: Config,
    part: Part,
    fifo: Fifo,
    backlog: Backlog,
    /// Whether it was said that lines are given up.
    told: bool,
    reader: Option<u64>,
}

impl Open {
    fn new<T: Token>(config: &Config, part: Part, events: &mut Loop<T>) -> io::Result<Self> {
        let keeps = part != Part::Follows;
        let mut fifo = Fifo::open(&config.path, config.owner, keeps)?;
        if part == Part::Inherits {
            fifo.inherit();
        }
        events.add(&fifo, Source::Fifo.into(), Want::Write)?;
        Ok(Open {
            config: config.clone(),
            part,
            fifo,
            backlog: Backlog::default(),
            told: false,
            reader: None,
        })
    }

    /// Writes what there is room for.
    fn write(&mut self) {
        while let Some(line) = self.backlog.front() {
            match self.fifo.write(line.text.as_bytes()) {
                Ok(()) => self.backlog.written(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    error!("Cannot write to {}: {error}", self.config.path.display());
                    self.backlog.written();
                }
            }
        }
        self.told = false;
    }

    /// Has it read, unless it is. `readers` numbers them.
    fn start_reader(&mut self, readers: &mut u64, runner: &mut Runner) {
        let Some(command) = &self.config.reader else {
            return;
        };
        if self.reader.is_some() || self.part == Part::Follows {
            return;
        }
        *readers += 1;
        let request = Request::Run {
            id: RunId::Reader(*readers),
            command: command.clone(),
            limit: None,
        };
        match runner.ask(&request) {
            Ok(()) => self.reader = Some(*readers),
            Err(outcome) => self.tell_reader(outcome),
        }
    }

    fn end_reader(&mut self, runner: &mut Runner) {
        if let Some(reader) = self.reader.take() {
            // One that cannot be told is not there any more.
            let _ = runner.ask(&Request::End(RunId::Reader(reader)));
        }
    }

    fn tell_reader(&self, outcome: Outcome) {
        warn!(
            "The script that reads {} {outcome}",
            self.config.path.display()
        );
    }

    /// What could not be written is given back.
    fn close<T: Token>(mut self, events: &mut Loop<T>, runner: &mut Runner) -> Backlog {
        self.write();
        self.end_reader(runner);
        let _ = events.remove(&self.fifo);
        if self.part != Part::Follows {
            self.fifo.remove();
        }
        self.backlog
    }
}

impl Fifos {
    /// Makes them those of the configuration, and has them read by whom it says; one that did not change goes on undisturbed.
    pub fn configure<T: Token>(
        &mut self,
        wanted: &[Config],
        part: impl Fn(&Config) -> Part,
        events: &mut Loop<T>,
        runner: &mut Runner,
    ) {
        let mut before = std::mem::take(&mut self.open);
        for config in wanted {
            let part = part(config);
            let known = before.iter().position(|open| {
                (&open.config.path, open.config.owner) == (&config.path, config.owner)
            });
            let opened = match known.map(|place| before.swap_remove(place)) {
                Some(open) if open.fifo.is_there() => Ok(open),
                // Somebody has taken it away, or put another into its place: who opens that reads what nobody has read.
                Some(gone) => Open::new(config, part, events).map(|mut open| {
                    open.backlog = gone.close(events, runner);
                    open.write();
                    open
                }),
                None => Open::new(config, part, events),
            };
            let mut open = match opened {
                Ok(open) => open,
                Err(error) => {
                    error!("Cannot open the FIFO {}: {error}", config.path.display());
                    continue;
                }
            };
            if open.config.reader != config.reader || part == Part::Follows {
                open.end_reader(runner);
            }
            if part == Part::Follows {
                open.fifo.leave();
            }
            open.config.clone_from(config);
            open.part = part;
            open.start_reader(&mut self.readers, runner);
            self.open.push(open);
        }
        for gone in before {
            gone.close(events, runner);
        }
    }

    /// A script that reads one (`RunId::Reader`) has begun.
    pub fn reader_began(&mut self, run: u64, process: ProcessId) {
        self.begun.insert(run, process);
    }

    /// A script that reads one has ended. One that was lost with its runner is started again; one that ended by itself is not.
    pub fn reader_ended(&mut self, run: u64, outcome: Outcome, runner: &mut Runner) {
        self.begun.remove(&run);
        let reader = self.open.iter_mut().find(|open| open.reader == Some(run));
        if let Some(open) = reader {
            open.reader = None;
            open.tell_reader(outcome);
            if outcome == Outcome::Unknown {
                open.start_reader(&mut self.readers, runner);
            }
        }
    }

    /// The runner is gone: another sees to the scripts that it had begun, which go on, and starts the others. So there is one each.
    pub fn lost(&mut self, runner: &mut Runner) {
        for (run, process) in self.begun.clone() {
            let id = RunId::Reader(run);
            let adopted = runner.adopt(id, process, None);
            if !self.open.iter().any(|open| open.reader == Some(run)) {
                let _ = runner.ask(&Request::End(id));
            }
            if adopted.is_err() {
                self.reader_ended(run, Outcome::Unknown, runner);
            }
        }
        for open in &mut self.open {
            open.reader = open.reader.filter(|run| self.begun.contains_key(run));
            open.start_reader(&mut self.readers, runner);
        }
    }

    /// As they are, for the report.
    pub fn states(&self) -> Vec<FifoState<'_>> {
        let states = self.open.iter().map(|open| FifoState {
            config: &open.config,
            is_read: open.reader.is_some(),
            waiting: open.backlog.len(),
            lost: open.backlog.lost(),
        });
        states.collect()
    }

    /// Whether there are none: nobody needs a line's wording.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Writes a line to all of them, now or when there is room.
    pub fn tell(&mut self, line: &Line) {
        for open in &mut self.open {
            if open.backlog.push(line.clone()) && !std::mem::replace(&mut open.told, true) {
                warn!(
                    "Nobody reads {}: states that are over are given up",
                    open.config.path.display()
                );
            }
            open.write();
        }
    }

    /// There is room again somewhere.
    pub fn writable(&mut self) {
        self.open.iter_mut().for_each(Open::write);
    }

    /// This process goes and the daemon goes on: what another process writes to as well is its own from now on.
    pub fn leave_shared(&mut self) {
        for open in self.open.iter_mut().filter(|open| open.config.shared) {
            open.part = Part::Follows;
            open.fifo.leave();
        }
    }

    /// Takes them away: the daemon ends.
    pub fn close<T: Token>(&mut self, events: &mut Loop<T>, runner: &mut Runner) {
        for open in std::mem::take(&mut self.open) {
            open.close(events, runner);
        }
    }
}
