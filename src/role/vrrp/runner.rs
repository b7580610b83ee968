//! The process that runs the user's programs for this one: started when something is to be run, replaced when it dies, asked and heard.

use super::{Key, Phase, Shell, Source};
use crate::os::clock;
use crate::os::poll::{Loop, Want};
use crate::os::process::{self, ProcessId};
use crate::role::runner::{self, Answer, Received, Request, RunId, ToRunner};
use crate::time::Instant;
use log::{error, warn};
use std::io;
use std::time::Duration;

/// A runner that dies is replaced at once, unless it has lived for less than this: then after so long.
const RETRY: Duration = Duration::from_secs(1);

/// The line to the runner, if there is one.
#[derive(Default)]
pub(super) struct Runner {
    line: Option<(ProcessId, ToRunner)>,
    /// When one was last started.
    tried: Option<Instant>,
    /// Processes that were runners, until they have ended.
    leaving: Vec<ProcessId>,
}

impl Runner {
    /// Makes sure that there is a runner.
    pub fn start(&mut self, events: &mut Loop<Source>, now: Instant) {
        if self.line.is_some() {
            return;
        }
        self.tried = Some(now);
        let started = runner::start().and_then(|(process, line)| {
            events.add(&line, Source::Runner, Want::Read)?;
            Ok((process, line))
        });
        match started {
            Ok(line) => self.line = Some(line),
            Err(error) => error!("Cannot start the process that runs programs: {error}"),
        }
    }

    fn dismiss(&mut self, events: &mut Loop<Source>) {
        if let Some((process, line)) = self.line.take() {
            let _ = events.remove(&line);
            self.leaving.push(process);
        }
    }

    /// Takes leave of runners that have ended.
    pub fn reap(&mut self) {
        self.leaving.retain(|runner| !process::has_ended(*runner));
    }

    /// Asks it for something.
    ///
    /// # Errors
    /// There is none, it does not read what it is told, or the request is too long.
    pub fn ask(&self, request: &Request) -> io::Result<()> {
        match &self.line {
            Some((_, line)) => line.send(request),
            None => Err(io::Error::from_raw_os_error(libc::ESRCH)),
        }
    }

    fn receive(&mut self) -> Received<Answer> {
        match &mut self.line {
            Some((_, line)) => line.receive(),
            None => Received::Nothing,
        }
    }
}

impl Shell {
    /// The runner has something to say.
    pub(super) fn listen_to_runner(&mut self) {
        let now = clock::now();
        loop {
            match self.runner.receive() {
                Received::Packet(Answer::Late(RunId::Script(run))) => self.script_late(now, run),
                Received::Packet(Answer::Ended(RunId::Script(run), outcome)) => {
                    self.script_ended(now, run, outcome);
                }
                Received::Packet(Answer::Ended(id, outcome)) => {
                    self.program_ended(now, id, outcome)
                }
                Received::Packet(Answer::Late(_)) => {}
                Received::Nothing => return,
                Received::Gone => {
                    warn!("The process that runs programs has ended: starting another");
                    self.runner.dismiss(&mut self.events);
                    self.replace_runner(now);
                    self.scripts.lost();
                    self.programs_lost(now);
                }
            }
        }
    }

    /// Starts a runner in the place of one that has ended, now or later.
    pub(super) fn replace_runner(&mut self, now: Instant) {
        if self.phase == Phase::Stopping || !self.needs_runner() {
            return;
        }
        if self
            .runner
            .tried
            .is_none_or(|tried| now.since(tried) >= RETRY)
        {
            self.runner.start(&mut self.events, now);
        }
        if self.runner.line.is_none() {
            self.wheel.arm(Key::Runner, now + RETRY);
        }
    }
}
