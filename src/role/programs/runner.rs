//! A role's side of the runner, the process that runs programs for it: started when something is to be run, replaced when it dies, asked
//! and heard.

use super::{Key, Source, Timer, Token};
use crate::os::poll::{Loop, Want};
use crate::os::process::{self, ProcessId};
use crate::role::runner::{self, Answer, Outcome, Received, Request, RunId, ToRunner, pack};
use crate::time::Instant;
use crate::wheel::Wheel;
use log::{error, warn};
use std::collections::VecDeque;
use std::time::Duration;

/// A runner that dies is replaced at once, unless it has lived for less than this: then after so long.
const RETRY: Duration = Duration::from_secs(1);

/// More runs cannot wait for room.
const WAITING_MAX: usize = 64 * 1024;

/// What becomes of a request when the runner it was to be sent to is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Another gets it: nobody would ask for it again.
    Lasting,
    /// Who asked for it asks the next one anew for all there is.
    State,
    /// It is over: it comes again at its time.
    OfNow,
}

impl Kind {
    fn of(request: &Request) -> Self {
        match request {
            Request::Run { id, .. } | Request::End(id) => match id {
                RunId::Notify(_) | RunId::Reader(_) => Kind::Lasting,
                RunId::Script(_) => Kind::OfNow,
            },
            Request::File(..) | Request::Process(_) | Request::Mail(..) | Request::Outlet(_) => {
                Kind::State
            }
        }
    }
}

/// The line to the runner, if there is one.
#[derive(Default)]
pub struct Runner {
    line: Option<(ProcessId, ToRunner)>,
    /// What it has no room for now, packed, in order.
    waiting: VecDeque<(Kind, Vec<u8>)>,
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

    /// Asks it for something, now or when it has room: thousands of instances may have something to be run at the same moment.
    ///
    /// # Errors
    /// There is none, the request is too long, or it takes none for long: how a run that was asked for ended.
    pub fn ask(&mut self, request: &Request) -> Result<(), Outcome> {
        let packed = pack(request).map_err(|_| Outcome::NotStarted(libc::E2BIG))?;
        if self.has_room() && self.send(&packed) {
            return Ok(());
        }
        let kind = Kind::of(request);
        if self.line.is_none() && (!self.needed || kind == Kind::OfNow) {
            return Err(Outcome::NotStarted(libc::ESRCH));
        }
        if kind != Kind::State && self.waiting.len() >= WAITING_MAX {
            return Err(Outcome::NotStarted(libc::EAGAIN));
        }
        self.waiting.push_back((kind, packed));
        Ok(())
    }

    /// Sends what there was no room for.
    pub fn send_waiting(&mut self) {
        while let Some((_, packed)) = self.waiting.front() {
            if !self.send(packed) {
                return;
            }
            self.waiting.pop_front();
        }
    }

    /// Whether something waits for room.
    pub fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// How many requests do.
    pub fn behind(&self) -> usize {
        self.waiting.len()
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        self.line.is_some()
    }

    /// Whether there is one, and it takes at once what it is asked for, as far as is known.
    pub fn has_room(&self) -> bool {
        self.line.is_some() && self.waiting.is_empty()
    }

    /// Sends this; false: not now. One that has gone says so where it is heard.
    fn send(&self, packed: &[u8]) -> bool {
        let line = self.line.as_ref();
        line.is_some_and(|(_, line)| line.send_packed(packed).is_ok())
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
            self.waiting.retain(|(kind, _)| *kind == Kind::Lasting);
            self.replace(now, events, wheel);
        }
        received
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::runner::pair;

    /// More than the kernel takes for one that does not read.
    const MANY: u64 = 5_000;

    fn notify(run: u64) -> Request {
        Request::End(RunId::Notify(run))
    }

    #[test]
    fn what_there_is_no_room_for_is_sent_in_order_when_there_is() {
        let (line, mut reader) = pair::<Request, Answer>().expect("a line");
        let mut runner = Runner {
            line: Some((0, line)),
            needed: true,
            ..Runner::default()
        };
        for run in 0..MANY {
            assert_eq!(runner.ask(&notify(run)), Ok(()));
        }
        assert!(runner.is_behind() && !runner.has_room());
        let mut next = 0;
        while next < MANY {
            let before = next;
            while let Received::Packet(request) = reader.receive() {
                assert_eq!(request, notify(next));
                next += 1;
            }
            assert!(next > before, "nothing is sent");
            runner.send_waiting();
        }
        assert!(runner.has_room());
    }

    #[test]
    fn without_one_only_what_nobody_would_ask_for_again_waits() {
        let mut runner = Runner::default();
        assert!(runner.ask(&notify(1)).is_err(), "there will be none");
        runner.needed = true;
        assert_eq!(runner.ask(&notify(1)), Ok(()));
        let script = Request::End(RunId::Script(1));
        assert_eq!(
            runner.ask(&script),
            Err(Outcome::NotStarted(libc::ESRCH)),
            "it is run at its time"
        );
        runner.send_waiting();
        assert!(runner.is_behind());
    }
}
