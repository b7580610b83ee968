//! Checks that talk to servers: one connection a check, from the moment it is due to its verdict. What is said over it is
//! `check::kinds`' to choose, and how it is said and heard, `flight`'s.

use super::waiting::Waiting;
use super::{Key, Source, ping};
use crate::check::CheckId;
use crate::check::dialogue::{Failure, Verdict};
use crate::check::kinds::{Chance, Kinds};
use crate::check::ping::Carrier;
use crate::config::model::{self, Connection, Tls};
use crate::os::check_socket::{Origin, Refusal, Transport};
use crate::os::poll::{Loop, Ready};
use crate::os::{clock, random};
use crate::role::flight::{Flight, READ_SIZE};
use crate::time::{Instant, Wall};
use crate::wheel::Wheel;
use log::warn;
use rustc_hash::FxHashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// What a kind of check goes over.
fn transport(kind: &model::Dialogue, echoes: Carrier) -> Transport {
    match kind {
        model::Dialogue::Tcp | model::Dialogue::Smtp(_) | model::Dialogue::Web(_) => {
            Transport::Stream
        }
        model::Dialogue::Udp(_) | model::Dialogue::Dns(_) => Transport::Datagram,
        model::Dialogue::Ping => match echoes {
            Carrier::Datagram => Transport::Echo,
            Carrier::Raw => Transport::RawEcho,
        },
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

/// What a connection has found.
pub(super) struct Over {
    pub check: CheckId,
    pub verdict: Verdict,
    /// When the certificate ends that the server has shown.
    pub certificate_end: Option<Wall>,
}

/// A connection and the check that it is for.
struct Held {
    check: CheckId,
    flight: Flight,
}

impl Held {
    fn over(self, verdict: Verdict) -> Over {
        Over {
            check: self.check,
            verdict,
            certificate_end: self.flight.dialogue().certificate_end(),
        }
    }
}

/// All connections.
pub(super) struct Connections {
    flights: Vec<Option<Held>>,
    kinds: Kinds,
    free: Vec<u32>,
    by_check: FxHashMap<CheckId, u32>,
    /// Checks for which there was no room.
    waiting: Waiting,
    /// How many there may be at once now, and at the most.
    most: usize,
    ceiling: usize,
    buffer: Vec<u8>,
    /// It was said that this host cannot make connections as asked for.
    said: bool,
}

impl Connections {
    /// None yet, and so many at once.
    pub fn new(most: usize) -> Self {
        Connections {
            flights: Vec::new(),
            kinds: Kinds::default(),
            free: Vec::new(),
            by_check: FxHashMap::default(),
            waiting: Waiting::default(),
            most,
            ceiling: most,
            buffer: vec![0; READ_SIZE],
            said: false,
        }
    }

    /// Takes up another configuration, for the connections that begin from now on; `tls` if that has changed.
    pub fn configure(&mut self, tls: Option<&Tls>) {
        self.kinds.configure(tls);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.by_check.len()
    }

    /// A check waits until there is room.
    pub fn wait(&mut self, check: CheckId, deadline: Instant) {
        self.waiting.push(check, deadline);
    }

    /// How many checks wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The next check that waited, if there is room.
    pub fn next_waiting(&mut self) -> Option<(CheckId, Instant)> {
        if self.count() >= self.most {
            return None;
        }
        self.waiting.pop()
    }

    /// Whether any waits while nothing is under way that would make room.
    pub fn is_stuck(&self) -> bool {
        self.count() == 0 && self.waiting.len() > 0
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
        let port = wish.connection.port.unwrap_or(0);
        let to = SocketAddr::new(wish.connection.address, port);
        let from = wish.connection.source.as_deref();
        let from = from.map_or_else(Origin::default, |from| Origin {
            address: from.address,
            port: from.port,
            interface: from.interface.as_deref(),
            mark: from.mark,
        });
        let page = usize::from(wish.page);
        let chance = Chance {
            random: random::number(),
            now: clock::wall_time(),
        };
        let dialogue = self.kinds.begin(wish.kind, wish.connection, page, chance);
        let dialogue = match dialogue {
            Ok(dialogue) => dialogue,
            Err(failure) => return Outcome::Over(Err(failure)),
        };
        let over = transport(wish.kind, self.kinds.echoes);
        let flight = match Flight::begin(over, (to, from), dialogue, wish.limit, now) {
            Ok((_, Some(verdict))) => return Outcome::Over(verdict),
            Ok((flight, None)) => flight,
            Err(Refusal::Theirs(error)) => {
                let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
                return Outcome::Over(Err(Failure::NotConnected(errno)));
            }
            Err(Refusal::Ours(error)) => {
                return match ping::other_carrier(over, &error) {
                    Some(other) => {
                        self.kinds.echoes = other;
                        match other {
                            Carrier::Raw => self.begin(now, wish, events, wheel),
                            // Both are refused: whoever allows the first finds it tried at the next check.
                            Carrier::Datagram => self.cannot(&error, to),
                        }
                    }
                    None => self.cannot(&error, to),
                };
            }
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.flights.push(None);
            u32::try_from(self.flights.len() - 1).unwrap_or(u32::MAX)
        });
        if let Err(error) = events.add(flight.socket(), Source::Check(slot), flight.want()) {
            self.free.push(slot);
            return self.cannot(&error, to);
        }
        wheel.arm(Key::Limit(slot), flight.deadline(now));
        self.by_check.insert(wish.check, slot);
        if let Some(place) = self.flights.get_mut(slot as usize) {
            let check = wish.check;
            *place = Some(Held { check, flight });
        }
        Outcome::Begun
    }

    fn cannot(&mut self, error: &io::Error, to: SocketAddr) -> Outcome {
        if let Some(libc::EMFILE | libc::ENFILE) = error.raw_os_error() {
            // So many it is, then, until some have ended well.
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

    /// A connection is ready for something. What it has found, if that is the end of it.
    pub fn ready(
        &mut self,
        now: Instant,
        slot: u32,
        event: Ready<Source>,
        events: &mut Loop<Source>,
        wheel: &mut Wheel<Key>,
    ) -> Option<Over> {
        let Held { flight, .. } = self.flights.get_mut(slot as usize)?.as_mut()?;
        let seen = flight.ready(now, &event, &mut self.buffer);
        if seen.heard {
            wheel.arm(Key::Limit(slot), flight.deadline(now));
        }
        if let Some(verdict) = seen.verdict {
            let held = self.end(slot, events, wheel)?;
            return Some(held.over(verdict));
        }
        if seen.more {
            events.again(Ready {
                writable: false,
                ..event
            });
        }
        None
    }

    /// The time of a connection is over. What it has found.
    pub fn expired(
        &mut self,
        slot: u32,
        events: &mut Loop<Source>,
        wheel: &mut Wheel<Key>,
    ) -> Option<Over> {
        let Held { flight, .. } = self.flights.get_mut(slot as usize)?.as_mut()?;
        let verdict = flight.expired();
        let held = self.end(slot, events, wheel)?;
        Some(held.over(verdict))
    }

    /// Nobody wants to know any more.
    pub fn abandon(&mut self, check: CheckId, events: &mut Loop<Source>, wheel: &mut Wheel<Key>) {
        if let Some(&slot) = self.by_check.get(&check) {
            self.end(slot, events, wheel);
        }
        self.waiting.abandon(check);
    }

    fn end(
        &mut self,
        slot: u32,
        events: &mut Loop<Source>,
        wheel: &mut Wheel<Key>,
    ) -> Option<Held> {
        let held = self.flights.get_mut(slot as usize)?.take()?;
        wheel.disarm(Key::Limit(slot));
        let _ = events.remove(held.flight.socket());
        self.by_check.remove(&held.check);
        self.free.push(slot);
        self.most = self.most.saturating_add(1).min(self.ceiling);
        Some(held)
    }
}
