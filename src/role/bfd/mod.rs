//! The BFD process: packets and the time in, the core of the sessions, packets and the session board out. No decision about a session
//! is made here.
//!
//! A turn of the loop has an order: all packets are heard before timers are believed, so that a process that was halted does not
//! declare neighbours lost whose packets wait unread; orders of the parent come last.

mod orders;
mod sockets;

use super::control::Answer;
use super::dumps::Dumps;
use super::sessions::SessionRecord;
use super::{Exit, Role, RoleContext};
use crate::bfd::{Action, Event, Known, Resume, SessionId, Sessions, Severity, TimerKey};
use crate::logging;
use crate::os::poll::{Loop, Ready, Want};
use crate::os::{clock, descriptors, memory, random};
use crate::time::Instant;
use crate::wheel::Wheel;
use crate::wire::bfd::State;
use log::{debug, error, info, warn};
use sockets::{Ear, Sockets};
use std::collections::VecDeque;
use std::io;

/// Packets heard by each listener in one turn: more than a socket lets wait, so that only a flood makes timers run before all are heard.
const PACKETS_PER_TURN: usize = 16 * 1024;
/// Room for a datagram: what is longer than a packet can be is cut off, and what it says of its length is wrong then.
const PACKET_MAX: usize = 256;

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// A socket that hears; in each turn all of them are asked.
    Listener,
    Parent,
    Signals,
    Log,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Core(TimerKey),
    /// The socket of a session is to be opened again.
    Open(SessionId),
    /// So are those that hear.
    Listen,
}

struct Shell {
    context: RoleContext,
    events: Loop<Source>,
    wheel: Wheel<Key>,
    sockets: Sockets,
    sessions: Sessions,
    /// What the core wants done.
    actions: VecDeque<Action>,
    /// Where the core puts it.
    fresh: Vec<Action>,
    /// The board says something that those who read it do not know.
    untold: bool,
    dumps: Dumps,
    exit: Option<Exit>,
}

/// Runs until told to stop.
pub fn run(context: RoleContext) -> Exit {
    match Shell::new(context) {
        Ok(mut shell) => shell.run(),
        Err(error) => {
            error!("The BFD process cannot go on: {error}");
            Exit::Internal
        }
    }
}

impl Shell {
    fn new(context: RoleContext) -> io::Result<Self> {
        let mut events = Loop::new()?;
        events.add(&context.parent, Source::Parent, Want::Read)?;
        events.add(&context.signals, Source::Signals, Want::Read)?;
        // Each session has a socket.
        if let Err(error) = descriptors::raise() {
            warn!("Cannot raise the limit of open files: {error}");
        }
        Ok(Shell {
            context,
            events,
            wheel: Wheel::new(clock::now()),
            sockets: Sockets::default(),
            sessions: Sessions::default(),
            actions: VecDeque::new(),
            fresh: Vec::new(),
            untold: false,
            dumps: Dumps::default(),
            exit: None,
        })
    }

    fn run(&mut self) -> Exit {
        let now = clock::now();
        let known = match self.context.resume {
            true => self.left(),
            false => Known::new(),
        };
        self.configure(now, &known);
        self.context.sessions.truncate(self.sessions.places());
        self.untold = true;
        self.ring();
        memory::give_back();
        self.context.parent.answer(Answer::Started);
        let mut ready = Vec::new();
        loop {
            logging::pump(&mut self.events, Source::Log);
            if let Err(error) = self.events.wait(&self.wheel, &mut ready) {
                error!("Cannot wait for events: {error}");
                return Exit::Internal;
            }
            self.turn(&ready);
            if let Some(exit) = self.exit {
                logging::finish();
                return exit;
            }
        }
    }

    /// What the process before this one left.
    fn left(&self) -> Known {
        let records = self.context.sessions.records();
        let known = records.filter_map(|record| {
            let resume = Resume::from_words(record.resume)?;
            Some((record.name, (record.state, resume)))
        });
        known.collect()
    }

    /// Goes over to the sessions of the model.
    fn configure(&mut self, now: Instant, known: &Known) {
        let model = self.context.model.clone();
        // Before anything is sent: the answer may come at once.
        self.handle(
            now,
            Event::Configure {
                instances: &model.bfd,
                known,
            },
        );
        let (events, wheel) = (&mut self.events, &mut self.wheel);
        self.sockets.listen(now, &self.sessions, events, wheel);
        self.perform(now);
    }

    fn turn(&mut self, ready: &[Ready<Source>]) {
        self.hear();
        self.expire();
        self.ring();
        for event in ready {
            match event.token {
                // Heard already.
                Source::Listener => {}
                Source::Parent => self.obey(),
                Source::Signals => {
                    if self.context.terminated() {
                        self.stop();
                    }
                }
                Source::Log => logging::writable(&mut self.events),
            }
        }
        self.ring();
        self.dumps.reap();
        self.context.parent.alive(clock::now());
    }

    /// All packets that wait.
    fn hear(&mut self) {
        for ear in Ear::ALL {
            self.hear_by(ear);
        }
    }

    /// Those of one listener: a flood there leaves time for the others.
    fn hear_by(&mut self, ear: Ear) {
        let mut buffer = [0; PACKET_MAX];
        for _ in 0..PACKETS_PER_TURN {
            let Some(heard) = self.sockets.receive(ear, &mut buffer) else {
                return;
            };
            let now = clock::now();
            let event = Event::Packet {
                source: heard.source,
                destination: heard.destination,
                ttl: heard.ttl,
                multihop: ear.multihop,
                bytes: buffer.get(..heard.length).unwrap_or_default(),
            };
            self.handle(now, event);
            self.perform(now);
        }
        self.events.soon();
    }

    /// All timers that are due.
    fn expire(&mut self) {
        let now = clock::now();
        let mut first_due = None;
        while let Some((key, deadline)) = self.wheel.pop_expired(now) {
            match key {
                Key::Core(key) => {
                    first_due.get_or_insert(deadline);
                    self.handle(now, Event::Timer(key));
                }
                Key::Open(id) => self.open(now, id),
                Key::Listen => {
                    let (events, wheel) = (&mut self.events, &mut self.wheel);
                    self.sockets.listen(now, &self.sessions, events, wheel);
                }
            }
            self.perform(now);
        }
        if let Some(due) = first_due {
            self.context.scheduler.late(now.since(due));
        }
    }

    fn handle(&mut self, now: Instant, event: Event<'_>) {
        self.sessions
            .handle(now, event, &mut random::number, &mut self.fresh);
        self.actions.extend(self.fresh.drain(..));
    }

    /// Does what the core wants done, in order, and what comes of that.
    fn perform(&mut self, now: Instant) {
        while let Some(action) = self.actions.pop_front() {
            match action {
                Action::Open(id) => self.open(now, id),
                Action::Close(id) => self.sockets.close(id, &mut self.wheel),
                Action::Send { session, to, bytes } => {
                    let error = self.sockets.send(session, to, &bytes);
                    self.handle(now, Event::Sent { session, error });
                }
                Action::Arm(key, at) => self.wheel.arm(Key::Core(key), at),
                Action::Disarm(key) => drop(self.wheel.disarm(Key::Core(key))),
                Action::Record(id) => self.record(id),
                Action::Tell(notice) => match notice.severity() {
                    Severity::Warning => warn!("{notice}"),
                    Severity::Info => info!("{notice}"),
                    Severity::Detail => debug!("{notice}"),
                },
            }
        }
    }

    fn open(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.session(id) else {
            return;
        };
        let wheel = &mut self.wheel;
        if let Some(port) = self.sockets.open(now, id, session, wheel) {
            self.handle(now, Event::Bound { session: id, port });
        }
    }

    /// Writes what is known of a session where others find it.
    fn record(&mut self, id: SessionId) {
        let empty = || SessionRecord {
            name: String::new(),
            state: State::AdminDown,
            resume: Default::default(),
        };
        let session = self.sessions.session(id);
        let session = session.filter(|session| session.is_settled());
        let record = session.map_or_else(empty, |session| SessionRecord {
            name: session.config().name.clone(),
            state: session.state(),
            resume: session.resume().words(),
        });
        self.context.sessions.write(id, &record);
        self.untold = true;
    }

    /// Wakes those who follow sessions.
    fn ring(&mut self) {
        if std::mem::take(&mut self.untold) {
            self.context.sessions.ring(Role::Vrrp);
            self.context.sessions.ring(Role::Checker);
        }
    }
}
