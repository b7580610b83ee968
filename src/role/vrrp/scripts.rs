//! The scripts that are tracked: the runner runs them, their core says when, and the router hears what they say.

use super::{Key, Phase, Shell, Source};
use crate::config::model::TrackerKind;
use crate::os::clock;
use crate::os::poll::{Loop, Want};
use crate::os::process::{self, ProcessId};
use crate::role::runner::{self, Answer, Received, Request, ToRunner};
use crate::time::Instant;
use crate::track::script::{Action, Outcome, Said, Scripts};
use crate::vrrp::Event;
use log::{error, info, warn};
use std::io;
use std::time::Duration;

/// A runner that dies is replaced at once, unless it has lived for less than this: then after so long.
const RUNNER_RETRY: Duration = Duration::from_secs(1);

/// The core of the scripts, and the process that runs them.
#[derive(Default)]
pub(super) struct Programs {
    pub(super) scripts: Scripts,
    runner: Option<Runner>,
    /// When a runner was last started.
    tried: Option<Instant>,
    /// Processes that were runners, until they have ended.
    leaving: Vec<ProcessId>,
}

struct Runner {
    process: ProcessId,
    line: ToRunner,
}

impl Programs {
    /// Makes sure that there is a runner when one is needed, and none otherwise.
    pub fn fit(&mut self, events: &mut Loop<Source>, needed: bool, now: Instant) {
        match (&self.runner, needed) {
            (Some(_), false) => self.dismiss(events),
            (None, true) => {
                self.tried = Some(now);
                match start(events) {
                    Ok(runner) => self.runner = Some(runner),
                    Err(error) => error!("Cannot start the process that runs scripts: {error}"),
                }
            }
            _ => {}
        }
    }

    fn dismiss(&mut self, events: &mut Loop<Source>) {
        if let Some(Runner { process, line }) = self.runner.take() {
            let _ = events.remove(&line);
            self.leaving.push(process);
        }
    }

    /// Whether a runner may be started now.
    fn may_try(&self, now: Instant) -> bool {
        self.tried
            .is_none_or(|tried| now.since(tried) >= RUNNER_RETRY)
    }

    /// Takes leave of runners that have ended.
    pub fn reap(&mut self) {
        self.leaving.retain(|runner| !process::has_ended(*runner));
    }

    fn ask(&self, request: &Request) -> io::Result<()> {
        match &self.runner {
            Some(runner) => runner.line.send(request),
            None => Err(io::Error::from_raw_os_error(libc::ESRCH)),
        }
    }
}

fn start(events: &mut Loop<Source>) -> io::Result<Runner> {
    let (process, line) = runner::start()?;
    events.add(&line, Source::Runner, Want::Read)?;
    Ok(Runner { process, line })
}

impl Shell {
    /// Runs the scripts of the configuration from now on, those that it had already undisturbed.
    pub(super) fn configure_scripts(&mut self, now: Instant) {
        let scripts = &self.model.vrrp.scripts;
        self.programs
            .fit(&mut self.events, !scripts.is_empty(), now);
        let mut actions = Vec::new();
        self.programs.scripts.configure(now, scripts, &mut actions);
        self.perform_for_scripts(now, actions);
    }

    /// A script's time has come.
    pub(super) fn script_due(&mut self, now: Instant, id: u32, deadline: Instant) {
        if self.phase == Phase::Stopping {
            return;
        }
        let mut actions = Vec::new();
        self.programs.scripts.due(now, id, deadline, &mut actions);
        self.perform_for_scripts(now, actions);
    }

    /// The runner has something to say.
    pub(super) fn listen_to_runner(&mut self) {
        let now = clock::now();
        let mut actions = Vec::new();
        while let Some(runner) = &mut self.programs.runner {
            match runner.line.receive() {
                Received::Packet(Answer::Late(run)) => {
                    self.programs.scripts.late(run, &mut actions)
                }
                Received::Packet(Answer::Ended(run, outcome)) => {
                    self.programs.scripts.ended(run, outcome, &mut actions);
                }
                Received::Nothing => break,
                Received::Gone => {
                    warn!("The process that runs scripts has ended: starting another");
                    self.programs.scripts.lost();
                    self.programs.dismiss(&mut self.events);
                    self.replace_runner(now);
                }
            }
        }
        self.perform_for_scripts(now, actions);
    }

    /// Starts a runner in the place of one that has ended, now or later.
    pub(super) fn replace_runner(&mut self, now: Instant) {
        let needed = self.phase != Phase::Stopping && !self.model.vrrp.scripts.is_empty();
        if needed && self.programs.may_try(now) {
            self.programs.fit(&mut self.events, needed, now);
        }
        if needed && self.programs.runner.is_none() {
            self.wheel.arm(Key::Runner, now + RUNNER_RETRY);
        }
    }

    fn perform_for_scripts(&mut self, now: Instant, mut actions: Vec<Action>) {
        // What cannot be run leads to more.
        while !actions.is_empty() {
            for action in std::mem::take(&mut actions) {
                match action {
                    Action::Run { run, config } => {
                        let request = Request::Run {
                            id: run,
                            command: config.command.clone(),
                            limit: Some(config.timeout),
                        };
                        if let Err(error) = self.programs.ask(&request) {
                            let errno = error.raw_os_error().unwrap_or(libc::E2BIG);
                            let outcome = Outcome::NotStarted(errno);
                            self.programs.scripts.ended(run, outcome, &mut actions);
                        }
                    }
                    // One that cannot be told ends the program as it ends itself.
                    Action::End(run) => drop(self.programs.ask(&Request::End(run))),
                    Action::Arm(id, at) => self.wheel.arm(Key::Script(id), at),
                    Action::Disarm(id) => drop(self.wheel.disarm(Key::Script(id))),
                    Action::Level { name, level } => {
                        let event = Event::Tracker {
                            kind: TrackerKind::Script,
                            name: &name,
                            level,
                        };
                        self.router.handle(now, event, &mut self.actions);
                    }
                    Action::Tell(notice) => match notice.said {
                        Said::Failed(_) | Said::Overrun => warn!("{notice}"),
                        Said::Succeeded | Said::Now(_) => info!("{notice}"),
                    },
                }
            }
        }
        self.perform(now);
    }
}
