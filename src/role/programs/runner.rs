//! A role's side of the runner, the process that runs programs for it: started when something is to be run, replaced when it dies or
//! hangs, asked and heard.

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
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::Duration;

/// A runner that dies is replaced at once, unless it has lived for less than this: then after so long.
const RETRY: Duration = Duration::from_secs(1);

/// How often signs of life are looked for: a disk may take its time.
const WATCH: Duration = Duration::from_secs(10);

/// So many looks in vain, and it hangs. One alone may come of a host that stood still as a whole.
const MOST_IN_VAIN: u32 = 2;

/// So many that cannot be ended are done without: where they hang, the next one would, too.
const MOST_LEAVING: usize = 4;

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
            }
            | Request::AreYouAlive => Kind::OfNow,
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
    /// Looks for a sign of life since there was one.
    in_vain: u32,
    /// Processes that were runners, until they have ended. Who hangs there finds that this one has not gone (`runner::Announcement`).
    leaving: Vec<Line>,
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
                Ok(line) => {
                    (self.line, self.in_vain) = (Some(line), 0);
                    wheel.arm(Timer::Life.into(), now + WATCH);
                }
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

    /// Kills one that has given no sign of life for long, and does without it when that does not end it: it is heard out then, as one
    /// that has ended. Asks for the next sign.
    pub fn look_for_life<K: Key>(&mut self, now: Instant, wheel: &mut Wheel<K>) {
        let Some(line) = &self.line else {
            return;
        };
        wheel.arm(Timer::Life.into(), now + WATCH);
        if self.in_vain == 0 {
            // One that takes nothing gives no sign either.
            let _ = self.ask(&Request::AreYouAlive);
        } else if let Some(process) = line.process {
            match self.in_vain.cmp(&MOST_IN_VAIN) {
                Ordering::Less => {}
                Ordering::Equal => {
                    error!("The process that runs programs does nothing any more: killing it");
                    let _ = process::kill_now(process);
                }
                Ordering::Greater if self.leaving.len() < MOST_LEAVING => {
                    error!("The process that runs programs cannot be killed: doing without it");
                    line.end.hear_out();
                }
                Ordering::Greater => {}
            }
        }
        self.in_vain = self.in_vain.saturating_add(1);
    }

    /// Takes leave of runners that have ended.
    pub fn reap(&mut self) {
        let is_there = |line: &Line| line.process.is_some_and(|it| !process::has_ended(it));
        self.leaving.retain(is_there);
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
        match received {
            Received::Nothing => {}
            Received::Packet(_) => self.in_vain = 0,
            Received::Gone => {
                let _ = events.remove(&line.end);
                self.leaving.extend(self.line.take());
                self.waiting.clear();
                self.lost_at = family::ticks();
            }
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
    use std::os::unix::process::ExitStatusExt;
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

    /// One that no signal ends, as far as can be seen from here: nobody has taken leave of it.
    #[test]
    fn one_that_gives_no_sign_of_life_is_killed_and_then_done_without() {
        let child = std::process::Command::new("/bin/sleep").arg("1000").spawn();
        let mut child = child.expect("a process");
        let (mut runner, mut theirs) = Runner::to_nobody(Instant(0));
        runner.line.as_mut().expect("a line").process = child.id().try_into().ok();
        let mut events: Loop<Source> = Loop::new().expect("a loop");
        let mut wheel: Wheel<Timer> = Wheel::new(Instant(0));
        for _ in 0..=MOST_IN_VAIN {
            runner.look_for_life(Instant(0), &mut wheel);
            assert_eq!(theirs.receive(), Received::Packet(Request::AreYouAlive));
            theirs.send(&Answer::Alive).expect("room");
            runner.look_for_life(Instant(0), &mut wheel);
            assert_eq!(theirs.receive(), Received::Nothing, "it is asked already");
            assert_eq!(runner.receive(&mut events), Received::Packet(Answer::Alive));
        }
        assert!(child.try_wait().expect("a child").is_none(), "it lives");
        for _ in 0..=MOST_IN_VAIN {
            runner.look_for_life(Instant(0), &mut wheel);
        }
        assert_eq!(runner.receive(&mut events), Received::Nothing);
        runner.look_for_life(Instant(0), &mut wheel);
        assert_eq!(runner.receive(&mut events), Received::Gone);
        assert!(!runner.is_there());
        let late = theirs.send(&Answer::Alive).expect_err("nobody hears it");
        assert_ne!(late.kind(), ErrorKind::WouldBlock);
        let status = child.wait().expect("a child");
        assert_eq!(status.signal(), Some(libc::SIGKILL));
        runner.reap();
        assert!(runner.leaving.is_empty());
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
