//! Checks that talk to servers: one connection a check, from the moment it is due to its verdict. What is said over it is a `Dialogue`'s;
//! `begin` is the one place that knows which kind of check has which.

use super::{Key, Source};
use crate::check::CheckId;
use crate::check::dialogue::{Dialogue, Failure, Step, Verdict};
use crate::config::model::{self, Connection};
use crate::os::check_socket::{CheckSocket, Origin, Progress, Refusal, Transport};
use crate::os::poll::{Loop, Ready, Want};
use crate::time::Instant;
use crate::wheel::Wheel;
use log::warn;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

/// Bytes read at once; one datagram is not longer.
const READ_SIZE: usize = 64 * 1024;
/// Reads from one connection in one turn: a server that talks without end must not delay the checks of others.
const READS_PER_TURN: usize = 8;
/// A server may take the time for an answer so many times in all, whatever it says meanwhile.
const ANSWERS_MAX: u32 = 10;

/// Makes what talks to a server for one check of this kind. `page` is the place of the page of those that have several.
///
/// None: this kind of check is not done yet.
fn begin(kind: &model::Dialogue, _page: u16) -> Option<(Transport, Box<dyn Dialogue>)> {
    match kind {
        model::Dialogue::Tcp => Some((Transport::Stream, Box::new(Accepted))),
        model::Dialogue::Ping
        | model::Dialogue::Smtp(_)
        | model::Dialogue::Udp(_)
        | model::Dialogue::Dns(_)
        | model::Dialogue::Web(_) => None,
    }
}

/// Whether checks of this kind are done.
pub(super) fn is_done(kind: &model::Dialogue) -> bool {
    begin(kind, 0).is_some()
}

/// `TCP_CHECK`: that the connection is accepted is enough.
struct Accepted;

impl Dialogue for Accepted {
    fn opened(&mut self, _: &mut Vec<u8>) -> Step {
        Step::Done(Ok(()))
    }
    fn received(&mut self, _: &[u8], _: &mut Vec<u8>) -> Step {
        Step::Done(Ok(()))
    }
    fn ended(&mut self) -> Verdict {
        Ok(())
    }
}

/// A check that wants a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish<'m> {
    pub check: CheckId,
    pub page: u16,
    pub connection: &'m Connection,
    pub kind: &'m model::Dialogue,
    /// For the connection, and for each answer.
    pub limit: Duration,
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is under way.
    Begun,
    /// It is over.
    Over(Verdict),
    /// There is no room for another connection now: to be wished again when one has ended.
    NoRoom,
    /// This host could not even try: it says nothing about the server.
    NotDone,
}

/// A connection.
struct Flight {
    check: CheckId,
    socket: CheckSocket,
    dialogue: Box<dyn Dialogue>,
    transport: Transport,
    connected: bool,
    /// What is still to be sent.
    out: Vec<u8>,
    limit: Duration,
    /// It is over then, whatever is said.
    last: Instant,
}

/// All connections.
pub(super) struct Connections {
    flights: Vec<Option<Flight>>,
    free: Vec<u32>,
    by_check: FxHashMap<CheckId, u32>,
    /// Checks for which there was no room, with when they were due.
    waiting: VecDeque<(CheckId, Instant)>,
    most: usize,
    buffer: Vec<u8>,
    /// It was said that this host cannot make connections as asked for.
    said: bool,
}

impl Connections {
    /// None yet, and so many at once.
    pub fn new(most: usize) -> Self {
        Connections {
            flights: Vec::new(),
            free: Vec::new(),
            by_check: FxHashMap::default(),
            waiting: VecDeque::new(),
            most,
            buffer: vec![0; READ_SIZE],
            said: false,
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.by_check.len()
    }

    /// A check waits until there is room.
    pub fn wait(&mut self, check: CheckId, deadline: Instant) {
        self.waiting.push_back((check, deadline));
    }

    /// The next check that waited, if there is room.
    pub fn next_waiting(&mut self) -> Option<(CheckId, Instant)> {
        if self.count() >= self.most {
            return None;
        }
        self.waiting.pop_front()
    }

    /// Whether any waits while nothing is under way that would make room.
    pub fn is_stuck(&self) -> bool {
        self.count() == 0 && !self.waiting.is_empty()
    }

    /// Connects for a check.
    pub fn begin(
        &mut self,
        now: Instant,
        wish: Wish<'_>,
        events: &mut Loop<Source>,
        wheel: &mut Wheel<Key>,
    ) -> Outcome {
        if self.count() >= self.most {
            return Outcome::NoRoom;
        }
        let Some((transport, dialogue)) = begin(wish.kind, wish.page) else {
            return Outcome::NotDone;
        };
        let port = wish.connection.port.unwrap_or(0);
        let to = SocketAddr::new(wish.connection.address, port);
        let from = wish.connection.source.as_deref();
        let from = from.map_or_else(Origin::default, |from| Origin {
            address: from.address,
            port: from.port,
            interface: from.interface.as_deref(),
            mark: from.mark,
        });
        let (socket, progress) = match CheckSocket::connect(transport, to, from) {
            Ok(begun) => begun,
            Err(Refusal::Theirs(error)) => {
                let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
                return Outcome::Over(Err(Failure::NotConnected(errno)));
            }
            Err(Refusal::Ours(error)) => return self.cannot(&error, to),
        };
        let mut flight = Flight {
            check: wish.check,
            socket,
            dialogue,
            transport,
            connected: false,
            out: Vec::new(),
            limit: wish.limit,
            last: now + wish.limit,
        };
        if progress == Progress::Connected
            && let Some(verdict) = flight.opened(now)
        {
            return Outcome::Over(verdict);
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.flights.push(None);
            u32::try_from(self.flights.len() - 1).unwrap_or(u32::MAX)
        });
        let want = if flight.connected && flight.out.is_empty() {
            Want::Read
        } else {
            Want::ReadWrite
        };
        if let Err(error) = events.add(&flight.socket, Source::Check(slot), want) {
            self.free.push(slot);
            return self.cannot(&error, to);
        }
        wheel.arm(Key::Limit(slot), now + wish.limit);
        self.by_check.insert(wish.check, slot);
        if let Some(place) = self.flights.get_mut(slot as usize) {
            *place = Some(flight);
        }
        Outcome::Begun
    }

    fn cannot(&mut self, error: &io::Error, to: SocketAddr) -> Outcome {
        if let Some(libc::EMFILE | libc::ENFILE) = error.raw_os_error() {
            // So many it is, then.
            self.most = self.count().max(1);
            return Outcome::NoRoom;
        }
        if !std::mem::replace(&mut self.said, true) {
            warn!(
                "Cannot make a connection to {to} for a check ({error}): the check is left out this time; said once"
            );
        }
        Outcome::NotDone
    }

    /// A connection is ready for something. Its check and the verdict, if that is the end of it.
    pub fn ready(
        &mut self,
        now: Instant,
        slot: u32,
        event: Ready<Source>,
        events: &mut Loop<Source>,
        wheel: &mut Wheel<Key>,
    ) -> Option<(CheckId, Verdict)> {
        let flight = self.flights.get_mut(slot as usize)?.as_mut()?;
        let (check, was_connected) = (flight.check, flight.connected);
        let mut verdict = None;
        if !flight.connected {
            verdict = match flight.socket.failure() {
                Some(errno) => Some(Err(Failure::NotConnected(errno))),
                None if event.writable => flight.opened(now),
                None => None,
            };
        } else if event.writable {
            verdict = flight.send();
        }
        let mut more = false;
        if verdict.is_none() && flight.connected && event.readable {
            (verdict, more) = flight.hear(&mut self.buffer);
        }
        if let Some(verdict) = verdict {
            self.end(slot, events, wheel);
            return Some((check, verdict));
        }
        if more {
            events.again(Ready {
                writable: false,
                ..event
            });
        }
        if flight.connected && (event.readable || !was_connected) {
            // Something was said: the time for an answer begins anew.
            wheel.arm(Key::Limit(slot), flight.last.min(now + flight.limit));
        }
        None
    }

    /// The time of a connection is over. Its check and the verdict.
    pub fn expired(
        &mut self,
        slot: u32,
        events: &mut Loop<Source>,
        wheel: &mut Wheel<Key>,
    ) -> Option<(CheckId, Verdict)> {
        let flight = self.flights.get_mut(slot as usize)?.as_mut()?;
        let check = flight.check;
        let verdict = match flight.connected {
            true => flight.dialogue.timed_out(),
            false => Err(Failure::ConnectTimeout),
        };
        self.end(slot, events, wheel);
        Some((check, verdict))
    }

    /// Nobody wants to know any more.
    pub fn abandon(&mut self, check: CheckId, events: &mut Loop<Source>, wheel: &mut Wheel<Key>) {
        if let Some(&slot) = self.by_check.get(&check) {
            self.end(slot, events, wheel);
        }
        if !self.waiting.is_empty() {
            self.waiting.retain(|(waiting, _)| *waiting != check);
        }
    }

    fn end(&mut self, slot: u32, events: &mut Loop<Source>, wheel: &mut Wheel<Key>) {
        let flight = self.flights.get_mut(slot as usize).and_then(Option::take);
        if let Some(flight) = flight {
            wheel.disarm(Key::Limit(slot));
            let _ = events.remove(&flight.socket);
            self.by_check.remove(&flight.check);
            self.free.push(slot);
        }
    }
}

impl Flight {
    /// The connection stands.
    fn opened(&mut self, now: Instant) -> Option<Verdict> {
        self.connected = true;
        self.last = now + self.limit * ANSWERS_MAX;
        match self.dialogue.opened(&mut self.out) {
            Step::Done(verdict) => Some(verdict),
            Step::GoOn => self.send(),
        }
    }

    fn send(&mut self) -> Option<Verdict> {
        while !self.out.is_empty() {
            match self.socket.write(&self.out) {
                Ok(sent) => drop(self.out.drain(..sent.min(self.out.len()))),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Some(Err(broken(&error))),
            }
        }
        None
    }

    /// Reads what is there; whether there may be more.
    fn hear(&mut self, buffer: &mut [u8]) -> (Option<Verdict>, bool) {
        for _ in 0..READS_PER_TURN {
            let length = match self.socket.read(buffer) {
                Ok(0) if self.transport == Transport::Stream => {
                    return (Some(self.dialogue.ended()), false);
                }
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return (None, false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return (Some(Err(broken(&error))), false),
            };
            let bytes = buffer.get(..length).unwrap_or_default();
            if let Step::Done(verdict) = self.dialogue.received(bytes, &mut self.out) {
                return (Some(verdict), false);
            }
            if let Some(verdict) = self.send() {
                return (Some(verdict), false);
            }
        }
        (None, true)
    }
}

fn broken(error: &io::Error) -> Failure {
    Failure::Broken(error.raw_os_error().unwrap_or(libc::EIO))
}
