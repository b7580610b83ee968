//! Telling the world: programs through the runner, FIFOs by ourselves, and never waiting for either.

use super::{Key, Shell, Source};
use crate::config::model::{Fifo as FifoConfig, Notify};
use crate::notify::fifo::Backlog;
use crate::notify::programs::{Action, Programs};
use crate::notify::{Event, Kind, What};
use crate::os::clock;
use crate::os::fifo::Fifo;
use crate::os::poll::{Loop, Want};
use crate::role::runner::{Outcome, Request, RunId};
use crate::time::Instant;
use crate::vrrp::State;
use log::{error, warn};
use std::io::ErrorKind;
use std::rc::Rc;

/// Whom to tell.
#[derive(Default)]
pub(super) struct Audience {
    pub(super) programs: Programs,
    fifos: Vec<Open>,
    readers: u64,
}

/// A FIFO that is open, what waits for it, and who reads it.
struct Open {
    config: FifoConfig,
    fifo: Fifo,
    backlog: Backlog,
    /// Whether it was said that lines are given up.
    told: bool,
    reader: Option<u64>,
}

impl Open {
    /// Writes what there is room for.
    fn write(&mut self) {
        while let Some(line) = self.backlog.front() {
            match self.fifo.write(line.as_bytes()) {
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
}

impl Audience {
    fn tell_fifos(&mut self, event: &Event) {
        for open in &mut self.fifos {
            if open.backlog.push(event.clone()) && !std::mem::replace(&mut open.told, true) {
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
        self.fifos.iter_mut().for_each(Open::write);
    }
}

impl Shell {
    /// Whether anything is configured that the runner has to run.
    pub(super) fn needs_runner(&self) -> bool {
        let vrrp = &self.model.vrrp;
        !vrrp.scripts.is_empty()
            || vrrp.fifos.iter().any(|fifo| fifo.reader.is_some())
            || vrrp
                .instances
                .iter()
                .any(|instance| instance.notify.runs_programs())
            || vrrp
                .sync_groups
                .iter()
                .any(|group| group.notify.runs_programs())
    }

    /// Starts the runner, if it is needed.
    pub(super) fn prepare_runner(&mut self) {
        if self.needs_runner() {
            self.runner.start(&mut self.events, clock::now());
        }
    }

    /// Whether every program that was told of something has ended.
    pub(super) fn has_told(&self) -> bool {
        !self.audience.programs.is_any_running()
    }

    /// Has the programs of an event run, and writes it to the FIFOs.
    pub(super) fn notify(&mut self, now: Instant, event: &Event, whom: &Notify) {
        self.audience.tell_fifos(event);
        if !whom.runs_programs() {
            return;
        }
        let mut actions = Vec::new();
        self.audience.programs.tell(now, event, whom, &mut actions);
        self.perform_for_programs(now, actions);
    }

    /// A program that was run for an event, or that reads a FIFO, has ended.
    pub(super) fn program_ended(&mut self, now: Instant, id: RunId, outcome: Outcome) {
        let mut actions = Vec::new();
        match id {
            RunId::Notify(run) => self
                .audience
                .programs
                .ended(now, run, outcome, &mut actions),
            RunId::Reader(run) => {
                let reader = self
                    .audience
                    .fifos
                    .iter_mut()
                    .find(|open| open.reader == Some(run));
                if let Some(open) = reader {
                    open.reader = None;
                    warn!(
                        "The script that reads {} {outcome}",
                        open.config.path.display()
                    );
                }
            }
            RunId::Script(_) => {}
        }
        self.perform_for_programs(now, actions);
    }

    /// A program has run for long.
    pub(super) fn program_is_slow(&mut self, now: Instant, run: u64) {
        let mut actions = Vec::new();
        self.audience.programs.slow(now, run, &mut actions);
        self.perform_for_programs(now, actions);
    }

    /// Nobody will tell how programs end.
    pub(super) fn programs_lost(&mut self, now: Instant) {
        let mut actions = Vec::new();
        self.audience.programs.lost(now, &mut actions);
        self.perform_for_programs(now, actions);
        // The readers went on, as programs without a limit do when their runner ends.
    }

    /// The daemon ends and can wait no longer: what is still to be told is told now, if not in order.
    pub(super) fn tell_the_rest(&mut self, now: Instant) {
        let mut actions = Vec::new();
        self.audience.programs.flush(now, &mut actions);
        self.perform_for_programs(now, actions);
    }

    fn perform_for_programs(&mut self, now: Instant, mut actions: Vec<Action>) {
        while !actions.is_empty() {
            for action in std::mem::take(&mut actions) {
                match action {
                    Action::Run { run, command } => {
                        let id = RunId::Notify(run);
                        let request = Request::Run {
                            id,
                            command,
                            limit: None,
                        };
                        if let Err(error) = self.runner.ask(&request) {
                            let errno = error.raw_os_error().unwrap_or(libc::E2BIG);
                            let outcome = Outcome::NotStarted(errno);
                            self.audience
                                .programs
                                .ended(now, run, outcome, &mut actions);
                        }
                    }
                    Action::Arm(run, at) => self.wheel.arm(Key::Slow(run), at),
                    Action::Disarm(run) => drop(self.wheel.disarm(Key::Slow(run))),
                    Action::Tell(notice) => warn!("{notice}"),
                }
            }
        }
    }

    /// Makes the FIFOs those of the configuration, and has them read by whom it says.
    pub(super) fn configure_fifos(&mut self) {
        let wanted = self.model.vrrp.fifos.clone();
        let mut before = std::mem::take(&mut self.audience.fifos);
        for config in wanted {
            let known = before.iter().position(|open| {
                (&open.config.path, open.config.owner) == (&config.path, config.owner)
            });
            let open = match known {
                Some(place) => Some(before.swap_remove(place)),
                None => open(&mut self.events, &config, self.context.resume),
            };
            let Some(mut open) = open else { continue };
            if open.config.reader != config.reader {
                self.end_reader(&mut open);
            }
            if open.reader.is_none()
                && let Some(command) = config.reader.clone()
            {
                self.audience.readers += 1;
                let reader = self.audience.readers;
                let request = Request::Run {
                    id: RunId::Reader(reader),
                    command,
                    limit: None,
                };
                match self.runner.ask(&request) {
                    Ok(()) => open.reader = Some(reader),
                    Err(error) => {
                        error!(
                            "Cannot start the script that reads {}: {error}",
                            config.path.display()
                        );
                    }
                }
            }
            open.config = config;
            self.audience.fifos.push(open);
        }
        for mut gone in before {
            self.close(&mut gone);
            gone.fifo.remove();
        }
    }

    fn end_reader(&self, open: &mut Open) {
        if let Some(reader) = open.reader.take() {
            // One that cannot be told is not there any more.
            let _ = self.runner.ask(&Request::End(RunId::Reader(reader)));
        }
    }

    fn close(&mut self, open: &mut Open) {
        open.write();
        self.end_reader(open);
        let _ = self.events.remove(&open.fifo);
    }

    /// Takes the FIFOs away: the daemon ends.
    pub(super) fn close_fifos(&mut self) {
        for mut open in std::mem::take(&mut self.audience.fifos) {
            self.close(&mut open);
            open.fifo.remove();
        }
    }

    /// Writes the state of everything to the FIFOs, as `fifo_write_vrrp_states_on_reload` says.
    pub(super) fn tell_all_states(&mut self) {
        let instances = self.router.instances().map(|instance| {
            let name: Rc<str> = instance.name().into();
            (
                Kind::Instance,
                name,
                instance.state(),
                instance.effective_priority(),
            )
        });
        let groups = self.router.groups().map(|group| {
            let name: Rc<str> = group.name().into();
            (Kind::Group, name, group.state(), 0)
        });
        for (kind, name, state, priority) in groups.chain(instances) {
            let what = match state {
                State::Master => What::Master,
                State::Backup => What::Backup,
                State::Fault => What::Fault,
                State::Initialize => continue,
            };
            self.audience.tell_fifos(&Event {
                kind,
                name,
                what,
                priority,
            });
        }
    }
}

fn open(events: &mut Loop<Source>, config: &FifoConfig, resume: bool) -> Option<Open> {
    let opened = Fifo::open(&config.path, config.owner).and_then(|mut fifo| {
        if resume {
            fifo.inherit();
        }
        events.add(&fifo, Source::Fifo, Want::Write)?;
        Ok(fifo)
    });
    match opened {
        Ok(fifo) => Some(Open {
            config: FifoConfig {
                reader: None,
                ..config.clone()
            },
            fifo,
            backlog: Backlog::default(),
            told: false,
            reader: None,
        }),
        Err(error) => {
            error!("Cannot open the FIFO {}: {error}", config.path.display());
            None
        }
    }
}
