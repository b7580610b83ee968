//! A role's side of the runner, the process that runs programs for it: started when something is to be run, replaced when it dies, asked
//! and heard.

use super::{Key, Source, Timer, Token};
use crate::os::poll::{Loop, Want};
use crate::os::process::{self, ProcessId};
use crate::role::runner::{self, Answer, Outcome, Received, Request, ToRunner};
use crate::time::Instant;
use crate::wheel::Wheel;
use log::{error, warn};
use std::io;
use std::time::Duration;

/// A runner that dies is replaced at once, unless it has lived for less than this: then after so long.
const RETRY: Duration = Duration::from_secs(1);

/// A request is longer than the line to the runner takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// The line to the runner, if there is one.
#[derive(Default)]
pub struct Runner {
    line: Option<(ProcessId, ToRunner)>,
    /// There is something to be run.
    needed: bool,
    /// When one was last started.
    tried: Option<Instant>,
    /// Processes that were runners, until they have ended.
    leaving: Vec<ProcessId>,
}

impl Runner {
    /// Sees from now on that there is a runner, or (the role ends, or has nothing to run) does not replace the one there is.
    pub fn need<T: Token, K: Key>(
        &mut self,
        needed: bool,
        now: Instant,
        events: &mut Loop<T>,
        wheel: &mut Wheel<K>,
    ) {
        self.needed = needed;
        if self.line.is_none() {
            self.replace(now, events, wheel);
        }
    }

    /// Starts a runner in the place of one that has ended, now or later.
    pub fn replace<T: Token, K: Key>(
        &mut self,
        now: Instant,
        events: &mut Loop<T>,
        wheel: &mut Wheel<K>,
    ) {
        if !self.needed || self.line.is_some() {
            return;
        }
        if self.tried.is_none_or(|tried| now.since(tried) >= RETRY) {
            self.tried = Some(now);
            let started = runner::start().and_then(|(process, line)| {
                events.add(&line, Source::Runner.into(), Want::Read)?;
                Ok((process, line))
            });
            match started {
                Ok(line) => self.line = Some(line),
                Err(error) => error!("Cannot start the process that runs programs: {error}"),
            }
        }
        if self.line.is_none() {
            wheel.arm(Timer::Runner.into(), now + RETRY);
        }
    }

    /// Takes leave of runners that have ended.
    pub fn reap(&mut self) {
        self.leaving.retain(|runner| !process::has_ended(*runner));
    }

    /// Asks it for something.
    ///
    /// # Errors
    /// There is none, it does not read what it is told, or the request is too long: how a run that was asked for ended.
    pub fn ask(&self, request: &Request) -> Result<(), Outcome> {
        let asked = match &self.line {
            Some((_, line)) => line.send(request),
            None => Err(io::Error::from_raw_os_error(libc::ESRCH)),
        };
        asked.map_err(|error| Outcome::NotStarted(error.raw_os_error().unwrap_or(libc::E2BIG)))
    }

    /// Asks it for something that can wait; false: it is to be asked again, as it has no room, or another is just taking its place.
    ///
    /// # Errors
    /// The request is too long, and always will be.
    pub fn ask_in_time(&self, request: &Request) -> Result<bool, TooLong> {
        match self.ask(request) {
            Ok(()) => Ok(true),
            Err(Outcome::NotStarted(libc::E2BIG | libc::EMSGSIZE)) => Err(TooLong),
            Err(_) => Ok(false),
        }
    }

    /// What it says next. When it is gone another takes its place, and nobody will tell how the runs under way end.
    pub fn receive<T: Token, K: Key>(
        &mut self,
        now: Instant,
        events: &mut Loop<T>,
        wheel: &mut Wheel<K>,
    ) -> Received<Answer> {
        let Some((_, line)) = &mut self.line else {
            return Received::Nothing;
        };
        let received = line.receive();
        if received == Received::Gone
            && let Some((process, line)) = self.line.take()
        {
            warn!("The process that runs programs has ended: starting another");
            let _ = events.remove(&line);
            self.leaving.push(process);
            self.replace(now, events, wheel);
        }
        received
    }
}
