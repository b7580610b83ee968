//! A role's side of the runner, the process that runs programs for it: started when something is to be run, replaced when it dies, asked
//! and heard.

use super::{Key, Source, Timer, Token};
use crate::os::family;
use crate::os::poll::{Loop, Want};
use crate::os::process::{self, ProcessId};
use crate::role::runner::{
    self, Answer, Orphan, Outcome, Received, Request, RunId, ToRunner, pack, pair,
};
use crate::time::Instant;
use crate::wheel::Wheel;
use log::error;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::Duration;

/// A runner that dies is replaced at once, unless it has lived for less than this: then after so long.
const RETRY: Duration = Duration::from_secs(1);

/// More runs cannot wait for room.
const WAITING_MAX: usize = 64 * 1024;

/// What may become of a request while there is no runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It waits, and of these only so many: `WAITING_MAX`.
    Run,
    /// It waits: there are as many as are configured.
    State,
    /// It is over: it comes again at its time.
    OfNow,
}

impl Kind {
    fn of(request: &Request) -> Self {
        match request {
            Request::Run {
                id: RunId::Script(_),
                ..
            } => Kind::OfNow,
            Request::Run { .. } | Request::End(_) | Request::Adopt(..) => Kind::Run,
            Request::File(..) | Request::Process(_) | Request::Mail(..) | Request::Outlet(_) => {
                Kind::State
            }
        }
    }
}

/// The line to a process, until all that it has said is heard.
struct Line {
    /// None: it has ended.
    process: Option<ProcessId>,
    end: ToRunner,
}

/// The line to the runner, if there is one.
#[derive(Default)]
pub struct Runner {
    line: Option<Line>,
    /// What it has no room for now, packed, in order. When it is lost, so is this: who asked asks the next one for all that matters.
    waiting: VecDeque<Vec<u8>>,
    /// No packet is longer; known when the first is sent.
    longest: Option<usize>,
    /// When the last one was found to be gone (`os::family::ticks`).
    lost_at: u64,
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
            let started = runner::start().and_then(|(process, end)| {
                events.add(&end, Source::Runner.into(), Want::Read)?;
                let process = Some(process);
                Ok(Line { process, end })
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

    /// A child of this process has ended. If it is the runner it is heard out, though a program that it was about to start may hold
    /// its end of the line for long.
    pub fn child_ended(&mut self) {
        if let Some(line) = &mut self.line
            && line.process.take_if(|it| process::has_ended(*it)).is_some()
        {
            line.end.hear_out();
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
        let kind = Kind::of(request);
        let longest = self.longest();
        let packed = pack(request).ok().filter(|packed| packed.len() <= longest);
        let Some(packed) = packed else {
            // What is asked for again and again says so itself, and not each time.
            if kind != Kind::OfNow {
                error!(
                    "Cannot {request}: with all its words it is longer than the {longest} bytes that the kernel passes on at once (net.core.wmem_max)"
                );
            }
            return Err(Outcome::NotStarted(libc::E2BIG));
        };
        if self.has_room() && self.send(&packed) {
            return Ok(());
        }
        if self.line.is_none() && (!self.needed || kind == Kind::OfNow) {
            return Err(Outcome::NotStarted(libc::ESRCH));
        }
        if kind != Kind::State && self.waiting.len() >= WAITING_MAX {
            return Err(Outcome::NotStarted(libc::EAGAIN));
        }
        self.waiting.push_back(packed);
        Ok(())
    }

    /// All lines of this host are alike: one that is there, or one for the purpose.
    fn longest(&mut self) -> usize {
        *self.longest.get_or_insert_with(|| match &self.line {
            Some(line) => line.end.longest(),
            None => pair::<Request, Answer>().map_or(0, |(line, _)| line.longest()),
        })
    }

    /// Has the next runner see to what the lost one began.
    ///
    /// # Errors
    /// As of `ask`.
    pub fn adopt(
        &mut self,
        id: RunId,
        process: ProcessId,
        until: Option<Instant>,
    ) -> Result<(), Outcome> {
        let at = self.lost_at;
        self.ask(&Request::Adopt(id, Orphan { process, at }, until))
    }

    /// Sends what there was no room for.
    pub fn send_waiting(&mut self) {
        while let Some(packed) = self.waiting.front() {
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
        let Some(line) = &self.line else {
            return false;
        };
        match line.end.send_packed(packed) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::ArgumentListTooLong => {
                // Found above, unless the limit was lowered meanwhile: it must not hold up what comes behind it.
                error!("The process that runs programs cannot be asked for something: {error}");
                true
            }
            Err(_) => false,
        }
    }

    /// Whether one is started in the place of one that is lost.
    pub fn is_needed(&self) -> bool {
        self.needed
    }

    /// What it says next. When it is gone (`Received::Gone`, once), so is all that waited for it, and `replace` starts another.
    pub fn receive<T: Token>(&mut self, events: &mut Loop<T>) -> Received<Answer> {
        let Some(line) = &mut self.line else {
            return Received::Nothing;
        };
        let received = line.end.receive();
        if received == Received::Gone
            && let Some(Line { process, end }) = self.line.take()
        {
            let _ = events.remove(&end);
            self.leaving.extend(process);
            self.waiting.clear();
            self.lost_at = family::ticks();
        }
        received
    }
}

#[cfg(test)]
impl Line {
    fn to_nobody(end: ToRunner) -> Line {
        let process = None;
        Line { process, end }
    }
}

#[cfg(test)]
impl Runner {
    /// With a line to a process that is none, and its end of it. None takes its place at once.
    pub fn to_nobody(now: Instant) -> (Runner, runner::ToRole) {
        let (line, theirs) = pair().expect("a line");
        let runner = Runner {
            line: Some(Line::to_nobody(line)),
            tried: Some(now),
            ..Runner::default()
        };
        (runner, theirs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::Command;
    use crate::config::world::Account;
    use std::path::PathBuf;

    /// More than the kernel takes for one that does not read.
    const MANY: u64 = 5_000;

    fn notify(run: u64) -> Request {
        Request::End(RunId::Notify(run))
    }

    /// With so many bytes of words.
    fn run(id: RunId, length: usize) -> Request {
        Request::Run {
            id,
            command: Command {
                program: "/bin/true".into(),
                arguments: vec![vec![b'x'; length]],
                account: Account::ROOT,
                groups: Vec::new(),
                directory: PathBuf::new(),
            },
            limit: None,
        }
    }

    #[test]
    fn what_there_is_no_room_for_is_sent_in_order_when_there_is() {
        let (line, mut reader) = pair::<Request, Answer>().expect("a line");
        let mut runner = Runner {
            line: Some(Line::to_nobody(line)),
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
        assert_eq!(runner.ask(&Request::End(RunId::Script(1))), Ok(()));
        assert_eq!(
            runner.ask(&run(RunId::Script(1), 0)),
            Err(Outcome::NotStarted(libc::ESRCH)),
            "it is run at its time"
        );
        runner.send_waiting();
        assert!(runner.is_behind());
    }

    #[test]
    fn what_is_too_long_is_refused_and_holds_nothing_up() {
        let (line, mut reader) = pair::<Request, Answer>().expect("a line");
        let longest = line.longest();
        let mut runner = Runner {
            line: Some(Line::to_nobody(line)),
            needed: true,
            ..Runner::default()
        };
        let refused = Err(Outcome::NotStarted(libc::E2BIG));
        let fits = run(RunId::Notify(2), longest - 100);
        assert_eq!(runner.ask(&run(RunId::Notify(1), longest)), refused);
        assert_eq!(runner.ask(&fits), Ok(()));
        assert_eq!(runner.ask(&notify(3)), Ok(()));
        // The limit was lowered after it was looked at.
        runner.longest = Some(usize::MAX);
        runner.waiting.push_back(vec![0; longest * 8]);
        assert_eq!(runner.ask(&notify(4)), Ok(()));
        runner.send_waiting();
        for expected in [fits, notify(3), notify(4)] {
            assert_eq!(reader.receive(), Received::Packet(expected));
        }
    }
}
