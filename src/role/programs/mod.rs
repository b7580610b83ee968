//! What a role has the user's programs do, and what it writes to their FIFOs: never waiting for either. The parts know no role: what
//! a run was for, and what its end means, is for the role to say.
//!
//! `Programs` is all of it, as a role holds it. `runner` is the line to the process that runs programs, `notify` has the programs of
//! events run in order, `fifo` writes lines, `watched` knows the files and processes that the runner looks at, `mail` has mail sent.
//! A role's tokens and timer keys have a place for those of this room, so that one loop serves them all.

mod fifo;
mod mail;
mod notify;
mod runner;
#[cfg(test)]
mod tests;
mod watched;

pub use fifo::Part;
pub use watched::Word;

use super::runner::{Answer, Outcome, Received, Request, RunId};
use crate::config::model::{self, Command, Global, NetlinkBuffer, TrackFile, TrackProcess};
use crate::notify::Event;
use crate::notify::fifo::Line;
use crate::notify::mail::{Counts, Mail};
use crate::notify::programs::Program;
use crate::os::poll::Loop;
use crate::os::process::ProcessId;
use crate::report::FifoState;
use crate::time::Instant;
use crate::track::census::WatchId;
use crate::track::file::Files;
use crate::track::process::Processes;
use crate::wheel::Wheel;
use fifo::Fifos;
use log::warn;
use mail::Mailer;
use notify::Notifier;
use runner::Runner;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;
use watched::Watched;

/// How long a role that ends waits for programs that are told of the end.
pub const PROGRAMS_LIMIT: Duration = Duration::from_secs(1);

/// So much longer, at most, it waits for a runner that has no room for all that is to be told.
const HURRY_LIMIT: Duration = Duration::from_secs(2);

/// And so long the rest of the end may take, before the parent kills the role.
const END_TAKES: Duration = Duration::from_millis(500);

/// When a runner that had no room is asked again.
const RETRY: Duration = Duration::from_millis(20);

/// A descriptor of this room, in the loop of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The runner has something to say: `Programs::hear`.
    Runner,
    /// A FIFO has room again: `Programs::writable`.
    Fifo,
}

/// A timer of this room, in the wheel of a role: `Programs::expired`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Another runner may be tried.
    Runner,
    /// A sign of life of the runner is looked for.
    Life,
    /// A program has run for long.
    Slow(u64),
    /// A delay of a process that is tracked is over.
    Process(WatchId),
    /// The runner may have room again: looked after in every turn.
    Room,
}

/// What a descriptor is to a role.
pub trait Token: Copy + PartialEq + From<Source> {}
impl<T: Copy + PartialEq + From<Source>> Token for T {}

/// What a timer is for to a role.
pub trait Key: Copy + Eq + Hash + From<Timer> {}
impl<K: Copy + Eq + Hash + From<Timer>> Key for K {}

/// What a role has to hear of.
#[derive(Debug)]
pub enum News {
    /// A script takes longer than it may; it is being ended, and `Ended` follows.
    Late(u64),
    /// A script is over.
    Ended(u64, Outcome),
    /// Something that is watched says something else.
    Word(Word),
    /// Who ran the scripts is gone: of those under way only the ones that have begun (`Programs::has_begun`) are told of when they end.
    Lost,
}

/// What a look at what the runner says has led to.
#[derive(Debug)]
pub enum Heard {
    /// This, and there may be more.
    News(News),
    /// Something that does not concern the role, and there may be more.
    Other,
    /// Nothing (now).
    Nothing,
}

/// All that a role has to do with programs.
#[derive(Default)]
pub struct Programs {
    runner: Runner,
    notifier: Notifier,
    fifos: Fifos,
    mailer: Mailer,
    watched: Watched,
    /// The processes of tracked scripts that have begun, by their run.
    scripts: HashMap<u64, ProcessId>,
    /// The role ends, and waits for room so long.
    hurries_until: Option<Instant>,
}

impl Programs {
    /// Takes over the settings of mail.
    pub fn configure_mail(&mut self, global: &Global) {
        self.mailer.configure(global);
    }

    /// Sees from now on that there is a runner; or, when nothing is to be run, does not replace the one there is.
    pub fn need_runner<T: Token, K: Key>(
        &mut self,
        needed: bool,
        now: Instant,
        events: &mut Loop<T>,
        wheel: &mut Wheel<K>,
    ) {
        self.runner.need(needed, now, events, wheel);
    }

    /// Makes the FIFOs those of the configuration, and has them read by whom it says.
    pub fn configure_fifos<T: Token>(
        &mut self,
        wanted: &[model::Fifo],
        part: impl Fn(&model::Fifo) -> Part,
        events: &mut Loop<T>,
    ) {
        self.fifos.configure(wanted, part, events, &mut self.runner);
    }

    /// Leaves the FIFOs that another process writes to as well to it: this one goes, and the daemon goes on.
    pub fn leave_fifos(&mut self) {
        self.fifos.leave_shared();
    }

    /// Watches these files from now on; `next_word` tells what is known at once. `begins`: the daemon starts.
    pub fn watch_files(&mut self, files: &[TrackFile], begins: bool) {
        self.watched
            .configure_files(files, begins, &mut self.runner);
    }

    /// Watches these processes from now on; so much may wait to be read where the kernel tells of them.
    pub fn watch_processes<K: Key>(
        &mut self,
        processes: &[TrackProcess],
        buffer: Option<NetlinkBuffer>,
        wheel: &mut Wheel<K>,
    ) {
        self.watched
            .configure_processes(processes, buffer, &mut self.runner, wheel);
    }

    /// Runs a script, and ends it with everything it started when it takes longer than `limit`. No other that runs has the same number.
    ///
    /// # Errors
    /// It cannot be run: how it ended.
    pub fn run_script(
        &mut self,
        run: u64,
        command: &Command,
        limit: Duration,
    ) -> Result<(), Outcome> {
        self.runner.ask(&Request::Run {
            id: RunId::Script(run),
            command: command.clone(),
            limit: Some(limit),
        })
    }

    /// Whether a script that was run has begun and is not over, as far as is known.
    pub fn has_begun(&self, run: u64) -> bool {
        self.scripts.contains_key(&run)
    }

    /// Ends a script, of which nobody wants to know any more.
    pub fn end_script(&mut self, run: u64) {
        // Where nobody can be told and nobody will, there is none.
        let _ = self.runner.ask(&Request::End(RunId::Script(run)));
    }

    /// Has programs of one owner run, in this order and after those of earlier events.
    pub fn notify<K: Key>(
        &mut self,
        now: Instant,
        programs: impl IntoIterator<Item = Program>,
        wheel: &mut Wheel<K>,
    ) {
        self.notifier.tell(now, programs, &mut self.runner, wheel);
    }

    /// Writes a line to the FIFOs, now or when there is room. Without one nobody needs its wording.
    pub fn write(&mut self, line: impl FnOnce() -> Line) {
        if !self.fifos.is_empty() {
            self.fifos.tell(&line());
        }
    }

    /// Mails what happened to an instance or a group, unless the last mail about it said the same.
    pub fn mail_event(&mut self, event: &Event) {
        self.mailer.tell_event(event);
    }

    /// Mails anything else.
    pub fn mail(&mut self, mail: Mail) {
        self.mailer.tell(mail);
    }

    /// A FIFO has room.
    pub fn writable(&mut self) {
        self.fifos.writable();
    }

    /// The next thing that the runner says: one at a time, as a flood of them must not keep the role from what else it has to do.
    pub fn hear<T: Token, K: Key>(
        &mut self,
        now: Instant,
        events: &mut Loop<T>,
        wheel: &mut Wheel<K>,
    ) -> Heard {
        if let Some(word) = self.next_word() {
            return Heard::News(News::Word(word));
        }
        let runner = &mut self.runner;
        match runner.receive(events) {
            Received::Packet(answer) => match answer {
                Answer::Late(RunId::Script(run)) => return Heard::News(News::Late(run)),
                Answer::Ended(RunId::Script(run), outcome) => {
                    self.scripts.remove(&run);
                    return Heard::News(News::Ended(run, outcome));
                }
                Answer::Ended(RunId::Notify(run), outcome) => {
                    self.notifier.ended(now, run, outcome, runner, wheel);
                }
                Answer::Ended(RunId::Reader(run), outcome) => {
                    self.fifos.reader_ended(run, outcome, runner);
                }
                Answer::Began(id, process) => {
                    let process = ProcessId::from_ne_bytes(process);
                    match id {
                        RunId::Notify(run) => self.notifier.began(now, run, process),
                        RunId::Reader(run) => self.fifos.reader_began(run, process),
                        RunId::Script(run) => _ = self.scripts.insert(run, process),
                    }
                }
                Answer::Late(RunId::Notify(_) | RunId::Reader(_)) => {}
                Answer::File(id, reading) => self.watched.found(id, reading, runner),
                Answer::Process(counted) => self.watched.counted(now, counted, runner, wheel),
                Answer::Mail(notice) => self.mailer.heard(&notice),
                Answer::Left(left) => self.mailer.left(left),
                Answer::Sending(id) => self.mailer.sending(id),
                Answer::Alive => {}
            },
            Received::Nothing => return Heard::Nothing,
            Received::Gone => {
                self.runner_lost(now, events, wheel);
                return Heard::News(News::Lost);
            }
        }
        Heard::Other
    }

    /// Another takes its place, if there is something to be done, and gets all that this one has not done.
    fn runner_lost<T: Token, K: Key>(
        &mut self,
        now: Instant,
        events: &mut Loop<T>,
        wheel: &mut Wheel<K>,
    ) {
        self.mailer.lost();
        let needed = self.runner.is_needed() || !self.is_done();
        let next = match needed {
            true => "starting another",
            false => "nothing is left to be done",
        };
        warn!("The process that runs programs has ended: {next}");
        self.runner.need(needed, now, events, wheel);
        self.notifier.lost(now, &mut self.runner, wheel);
        self.fifos.lost(&mut self.runner);
        // Each is run again when its last run has ended.
        let runner = &mut self.runner;
        self.scripts.retain(|run, process| {
            let id = RunId::Script(*run);
            let adopted = runner.adopt(id, *process, None);
            adopted.and_then(|()| runner.ask(&Request::End(id))).is_ok()
        });
        // Behind all the others: a file that the last one hung at holds up this one, too.
        self.watched.lost(&mut self.runner, wheel);
    }

    /// A child of this process has ended: what the runner has said, if it is that, is heard, and another takes its place.
    pub fn child_ended(&mut self) {
        self.runner.child_ended();
    }

    /// What something that is watched says, if that is not told yet.
    pub fn next_word(&mut self) -> Option<Word> {
        self.watched.next_word()
    }

    /// A timer of this room has expired; `next_word` tells what came of it.
    pub fn expired<T: Token, K: Key>(
        &mut self,
        now: Instant,
        timer: Timer,
        events: &mut Loop<T>,
        wheel: &mut Wheel<K>,
    ) {
        match timer {
            Timer::Runner => self.runner.replace(now, events, wheel),
            Timer::Life => self.runner.look_for_life(now, wheel),
            Timer::Slow(run) => self.notifier.slow(now, run, &mut self.runner, wheel),
            Timer::Process(id) => {
                self.watched.process_due(now, id, &mut self.runner, wheel);
            }
            Timer::Room => {}
        }
    }

    /// What is done a small piece a turn; true when there is more for the next.
    pub fn follow_up<T: Token, K: Key>(
        &mut self,
        now: Instant,
        events: &mut Loop<T>,
        wheel: &mut Wheel<K>,
    ) -> bool {
        self.runner.reap();
        self.runner.send_waiting();
        self.mailer.hand_over(&mut self.runner);
        let has_more = self.runner.is_behind() || !self.mailer.is_done();
        if has_more && !self.runner.is_there() && !self.runner.is_needed() {
            // It has gone while nobody needed it, and now somebody does.
            self.runner.need(true, now, events, wheel);
        }
        let has_room = self.runner.has_room();
        if has_more && !has_room && self.runner.is_there() {
            wheel.arm(Timer::Room.into(), now + RETRY);
        }
        has_more && has_room
    }

    /// The role ends: readers of FIFOs are ended, what is told goes on until `is_done`.
    pub fn stop<T: Token, K: Key>(
        &mut self,
        now: Instant,
        events: &mut Loop<T>,
        wheel: &mut Wheel<K>,
    ) {
        self.fifos.close(events, &mut self.runner);
        self.need_runner(false, now, events, wheel);
    }

    /// Whether all that are told have heard.
    pub fn is_done(&self) -> bool {
        self.notifier.is_done() && self.mailer.is_done() && !self.runner.is_behind()
    }

    /// The role can wait for programs no longer: what is still to be told is told now, if not in order. When to ask again, as the
    /// runner has no room for all of it yet; None: it has everything, or takes no more. `child_wait_time` is what the parent waits.
    pub fn hurry<K: Key>(
        &mut self,
        now: Instant,
        child_wait_time: Duration,
        wheel: &mut Wheel<K>,
    ) -> Option<Instant> {
        let left = child_wait_time.saturating_sub(PROGRAMS_LIMIT + END_TAKES);
        let until = self.hurries_until.unwrap_or(now + left.min(HURRY_LIMIT));
        if self.hurries_until.replace(until).is_none() && !self.notifier.is_done() {
            warn!("Some notify scripts have not ended in time");
            self.notifier.flush(now, &mut self.runner, wheel);
        }
        if !self.runner.is_behind() && self.mailer.is_done() {
            return None;
        }
        if (self.runner.is_there() || self.runner.is_needed()) && now < until {
            return Some(now + RETRY);
        }
        warn!(
            "The process that runs programs and sends mail takes no more: {} requests and {} mails are left out",
            self.runner.behind(),
            self.mailer.unsent()
        );
        None
    }

    /// The files that are watched.
    pub fn files(&self) -> &Files {
        self.watched.files()
    }

    /// The processes that are watched.
    pub fn processes(&self) -> &Processes {
        self.watched.processes()
    }

    /// The FIFOs as they are.
    pub fn fifo_states(&self) -> Vec<FifoState<'_>> {
        self.fifos.states()
    }

    /// What became of mail.
    pub fn mail_counts(&self) -> Counts {
        self.mailer.counts()
    }
}
