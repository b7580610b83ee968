//! Counts processes for the role: by what the kernel tells of them, or where it tells nothing by looking at all of them every now and
//! then. Reading a command line may take as long as a disk does. What the numbers mean is not known here.

use super::line::{Answer, Counted, ProcessRequest, Request};
use super::{Key, LOOK_INTERVAL, Runner, Source as Descriptor};
use crate::config::model::{NetlinkBuffer, ProcessMatch};
use crate::os::netlink::{Netlink, Received};
use crate::os::poll::{Ready, Want};
use crate::os::{clock, processes};
use crate::time::Instant;
use crate::track::census::{Census, Pid, WatchId, name_in_stat};
use crate::wire::process_event::{self, Event};
use std::collections::HashSet;
use std::io;
use std::time::Duration;

/// How many messages of the kernel are read in one turn: programs have to be started and ended meanwhile.
const MESSAGES_PER_TURN: usize = 256;
/// Looking at all processes may take one part in so many of the time.
const LOOK_SHARE: u32 = 20;

/// How it is known what becomes of processes.
#[derive(Default)]
enum Source {
    /// Nobody has asked yet.
    #[default]
    None,
    /// The kernel was asked to tell, and has not said yes.
    Asked(Netlink),
    /// It tells.
    Told(Netlink),
    /// It does not: they are looked at.
    Looked,
}

/// All processes that are counted.
#[derive(Default)]
pub(super) struct Processes {
    census: Census,
    source: Source,
    buffer: Option<NetlinkBuffer>,
    /// All processes have to be looked at: somebody wants more of them counted, events were lost, or some could not be looked at.
    is_stale: bool,
    /// How long that took last, and when it was done.
    look_took: Duration,
    looked: Option<Instant>,
}

impl Processes {
    /// Counts for this, too.
    pub fn watch(&mut self, id: WatchId, matching: ProcessMatch, quorum: (u32, u32)) {
        self.census.watch(id, matching, quorum);
        self.is_stale = true;
    }

    /// Counts for it no more.
    pub fn forget(&mut self, id: WatchId) {
        self.census.forget(id);
    }

    /// So much may wait to be read at the socket of events.
    pub fn set_buffer(&mut self, buffer: Option<NetlinkBuffer>) {
        self.buffer = buffer;
        if let Source::Asked(socket) | Source::Told(socket) = &self.source {
            size(socket, buffer);
        }
    }

    /// The socket of events, once there is one.
    pub fn socket(&self) -> Option<&Netlink> {
        match &self.source {
            Source::Asked(socket) | Source::Told(socket) => Some(socket),
            Source::None | Source::Looked => None,
        }
    }

    /// Whether the kernel has to be asked to tell of processes.
    pub fn is_to_ask(&self) -> bool {
        matches!(self.source, Source::None) && !self.census.is_empty()
    }

    /// Asks it.
    pub fn ask(&mut self) -> io::Result<()> {
        let socket = processes::events(process_event::GROUP)?;
        size(&socket, self.buffer);
        socket.send(&process_event::request(true))?;
        self.source = Source::Asked(socket);
        Ok(())
    }

    /// Whether the kernel has not answered yet.
    pub fn is_asking(&self) -> bool {
        matches!(self.source, Source::Asked(_))
    }

    /// The kernel does not tell of processes: from now on they are looked at.
    pub fn give_up(&mut self, error: &io::Error) -> Answer {
        self.source = Source::Looked;
        self.is_stale = true;
        let errno = error.raw_os_error().unwrap_or_default();
        Answer::Process(Counted::Looked(errno))
    }

    /// Whether processes have to be looked at every now and then, as nobody tells of them.
    fn is_looking(&self) -> bool {
        matches!(self.source, Source::Looked) && !self.census.is_empty()
    }

    /// Whether processes have to be looked at later.
    pub fn is_to_look_later(&self) -> bool {
        self.is_looking() || self.is_to_look()
    }

    /// All processes are to be looked at.
    pub fn look_soon(&mut self) {
        self.is_stale = true;
    }

    /// Takes what the kernel tells. True: there may be more.
    ///
    /// # Errors
    /// It turns out that it does not.
    pub fn read(&mut self) -> io::Result<bool> {
        for _ in 0..MESSAGES_PER_TURN {
            let (Source::Asked(socket) | Source::Told(socket)) = &mut self.source else {
                return Ok(false);
            };
            let events: Vec<Event> = match socket.receive()? {
                Received::Messages(bytes) => process_event::events(bytes).collect(),
                Received::Overrun => {
                    self.is_stale = true;
                    continue;
                }
                Received::Nothing => return Ok(false),
            };
            for event in events {
                self.take(event)?;
            }
        }
        Ok(true)
    }

    fn take(&mut self, event: Event) -> io::Result<()> {
        match event {
            // Others that listen are answered where we hear it, too.
            Event::Acknowledged(errno) if self.is_asking() => {
                if errno != 0 {
                    return Err(io::Error::from_raw_os_error(errno));
                }
                if let Source::Asked(socket) = std::mem::take(&mut self.source) {
                    self.source = Source::Told(socket);
                }
                // What changed before nobody has told.
                self.is_stale = true;
            }
            Event::Acknowledged(_) => {}
            Event::Forked { parent, child } => self.census.forked(parent, child),
            Event::Changed(pid) => match self.look_at(pid) {
                Ok(_) => {}
                Err(_) => self.is_stale = true,
            },
            Event::Ended(pid) => self.census.ended(pid),
        }
        Ok(())
    }

    /// Whether it is there. What cannot be known stays as it was.
    fn look_at(&mut self, pid: Pid) -> io::Result<bool> {
        let stat = processes::stat(pid)?.unwrap_or_default();
        let Some(name) = name_in_stat(&stat) else {
            self.census.ended(pid);
            return Ok(false);
        };
        let line = match self.census.needs_command_lines() {
            true => processes::command_line(pid)?.unwrap_or_default(),
            false => Vec::new(),
        };
        self.census.seen(pid, name, &line);
        Ok(true)
    }

    /// Looks at all processes. Those that cannot be looked at are taken for what they were, and looked at again.
    fn look_at_all(&mut self) {
        let begun = clock::now();
        let mut alive = HashSet::new();
        let found = processes::all().map(|all| {
            for pid in all {
                let look = self.look_at(pid);
                self.is_stale |= look.is_err();
                if look.unwrap_or(true) {
                    alive.insert(pid);
                }
            }
        });
        match found {
            Ok(()) => self.census.retain(&alive),
            Err(_) => self.is_stale = true,
        }
        let now = clock::now();
        self.look_took = now.since(begun);
        self.looked = Some(now);
    }

    /// Whether all processes may be looked at again: a host with very many, or one where events are lost all the time, is not looked at
    /// all the time.
    fn may_look(&self, now: Instant) -> bool {
        self.looked
            .is_none_or(|looked| now >= looked + self.look_took.saturating_mul(LOOK_SHARE))
    }

    /// The numbers that have changed: those that decide something, or all.
    pub fn news(&mut self, all: bool) -> Vec<Answer> {
        if self.is_to_look() && self.may_look(clock::now()) {
            self.is_stale = false;
            self.look_at_all();
        }
        let news = self.census.news(all).into_iter();
        news.map(|(id, count)| Answer::Process(Counted::Count(id, count)))
            .collect()
    }

    /// Whether all processes are to be looked at as soon as that may be.
    fn is_to_look(&self) -> bool {
        self.is_stale && !self.census.is_empty()
    }

    /// When all processes are looked at again, if they are.
    pub fn look_interval(&self) -> Duration {
        LOOK_INTERVAL.max(self.look_took.saturating_mul(LOOK_SHARE))
    }

    /// Whether some number has changed that was not told.
    pub fn has_news(&self) -> bool {
        self.census.has_news()
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        // Older kernels go on telling nobody when a listener just closes its socket.
        if let Some(socket) = self.socket() {
            let _ = socket.send(&process_event::request(false));
        }
    }
}

impl Runner {
    /// Sees that the kernel tells of processes, or that they are looked at; and tells what has changed.
    pub(super) fn watch_processes(&mut self) {
        if self.processes.is_to_ask() {
            let asked = self.processes.ask().and_then(|()| {
                // Asked just now.
                let socket = self.processes.socket().ok_or(io::ErrorKind::NotConnected)?;
                self.events.add(socket, Descriptor::Processes, Want::Read)
            });
            match asked {
                Ok(()) => self.wheel.arm(Key::Processes, clock::now() + LOOK_INTERVAL),
                Err(error) => self.hear_no_more(&error),
            }
        }
        // With many that are to be counted the processes are looked at once.
        let next = self.requests.front();
        if !matches!(next, Some(Request::Process(ProcessRequest::Watch(..)))) {
            self.answers.extend(self.processes.news(false));
        }
        if self.processes.is_to_look_later() && self.wheel.deadline(Key::Processes).is_none() {
            let next = clock::now() + self.processes.look_interval();
            self.wheel.arm(Key::Processes, next);
        }
        if self.processes.has_news() && self.wheel.deadline(Key::Counts).is_none() {
            self.wheel.arm(Key::Counts, clock::now() + LOOK_INTERVAL);
        }
    }

    /// The kernel has something to say of processes.
    pub(super) fn hear_of_processes(&mut self, event: Ready<Descriptor>) {
        match self.processes.read() {
            Ok(true) => self.events.again(event),
            Ok(false) => {}
            Err(error) => self.hear_no_more(&error),
        }
    }

    /// The kernel does not tell of processes.
    fn hear_no_more(&mut self, error: &io::Error) {
        if let Some(socket) = self.processes.socket() {
            let _ = self.events.remove(socket);
        }
        let answer = self.processes.give_up(error);
        self.answers.push_back(answer);
    }

    /// Looks at all processes, or waits for an answer of the kernel no longer.
    pub(super) fn look_at_processes(&mut self) {
        if self.processes.is_asking() {
            self.hear_no_more(&io::Error::from_raw_os_error(libc::ETIMEDOUT));
        } else if self.processes.is_looking() {
            self.processes.look_soon();
        }
        self.watch_processes();
    }

    /// Tells all numbers that have changed.
    pub(super) fn tell_counts(&mut self) {
        self.answers.extend(self.processes.news(true));
    }
}

/// A socket that is smaller than asked for loses events sooner, and then all processes are looked at.
fn size(socket: &Netlink, buffer: Option<NetlinkBuffer>) {
    if let Some(buffer) = buffer {
        let bytes = usize::try_from(buffer.bytes).unwrap_or(usize::MAX);
        let _ = socket.resize(bytes, buffer.force);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where events are lost all the time, or thousands of trackers come one after the other, other things are done in between.
    #[test]
    fn not_all_the_time_is_spent_with_looking_at_all() {
        let mut processes = Processes::default();
        let nobody = || ProcessMatch::Name(b"no such process".to_vec());
        processes.watch(1, nobody(), (1, 1));
        let [Answer::Process(Counted::Count(1, 0))] = processes.news(false)[..] else {
            panic!("the first look is at once");
        };
        assert!(!processes.is_to_look_later());
        // As if it had taken so long, and were over now.
        let took = Duration::from_secs(3600);
        processes.look_took = took;
        processes.watch(2, nobody(), (1, 1));
        let looked = processes.looked.expect("looked");
        processes.news(false);
        assert!(processes.is_to_look_later(), "it is owed");
        assert_eq!(processes.looked, Some(looked));
        assert!(!processes.may_look(looked + took * (LOOK_SHARE - 1)));
        assert!(processes.may_look(looked + took * LOOK_SHARE));
        processes.look_took = Duration::ZERO;
        processes.news(false);
        assert!(!processes.is_to_look_later());
    }
}
