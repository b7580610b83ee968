//! Tests of the sessions: rows.rs one session against crafted packets, whose.rs which one is meant, wired.rs two of them with a link
//! between, under virtual time.

mod rows;
mod whose;
mod wired;

use super::{Action, Event, Known, Notice, Resume, Said, Session, SessionId, Sessions, TimerKey};
use crate::config::model::BfdInstance;
use crate::sim::Random;
use crate::time::Instant;
use crate::wheel::Wheel;
use crate::wire::bfd::{Diagnostic, LENGTH, Packet, State};
use std::net::IpAddr;
use std::time::Duration;

/// A session of which only the neighbour is given, and with IPv6 what RFC 5881 asks for.
pub(super) fn instance(name: &str, neighbor: &str) -> BfdInstance {
    BfdInstance {
        ttl: 255,
        ..BfdInstance::new(name, neighbor.parse().expect("an address"))
    }
}

/// A process: the core, its timers, and what it has done.
pub(super) struct Node {
    pub sessions: Sessions,
    pub wheel: Wheel<TimerKey>,
    pub random: Random,
    pub sent: Vec<(SessionId, Packet)>,
    pub said: Vec<Notice>,
    pub other: Vec<Action>,
    /// What the next process would find.
    pub known: Known,
    /// The time that it was last told: it never goes back.
    now: Instant,
}

impl Node {
    pub fn new(now: Instant, seed: u64) -> Self {
        Node {
            sessions: Sessions::default(),
            wheel: Wheel::new(now),
            random: Random::new(seed),
            sent: Vec::new(),
            said: Vec::new(),
            other: Vec::new(),
            known: Known::new(),
            now,
        }
    }

    pub fn handle(&mut self, now: Instant, event: Event<'_>) {
        let now = self.now.max(now);
        self.now = now;
        let mut actions = Vec::new();
        let random = &mut || self.random.number();
        self.sessions.handle(now, event, random, &mut actions);
        for action in actions {
            match action {
                Action::Send { session, bytes, .. } => {
                    let packet = Packet::parse(&bytes).expect("our own packet");
                    self.sent.push((session, packet));
                }
                Action::Arm(key, at) => self.wheel.arm(key, at),
                Action::Disarm(key) => drop(self.wheel.disarm(key)),
                Action::Tell(notice) => self.said.push(notice),
                Action::Record(id) => {
                    let session = self.sessions.session(id);
                    if let Some(session) = session.filter(|it| it.is_settled()) {
                        // By way of the words in which it is kept.
                        let words = session.resume().words();
                        let resume = Resume::from_words(words).expect("as it was written");
                        let name = session.config().name.clone();
                        self.known.insert(name, (session.state(), resume));
                    }
                    self.other.push(Action::Record(id));
                }
                other => self.other.push(other),
            }
        }
    }

    pub fn configure(&mut self, now: Instant, instances: &[BfdInstance]) {
        let known = Known::new();
        let event = Event::Configure {
            instances,
            known: &known,
        };
        self.handle(now, event);
    }

    /// Lets time pass up to `now`.
    pub fn run(&mut self, now: Instant) {
        while let Some((key, due)) = self.wheel.pop_expired(now) {
            self.handle(due, Event::Timer(key));
        }
    }

    pub fn hear(&mut self, now: Instant, source: &str, ttl: u8, packet: &Packet) {
        self.hear_at(now, source, None, ttl, packet);
    }

    /// The same, of a packet that went to this address of ours.
    pub fn hear_at(
        &mut self,
        now: Instant,
        source: &str,
        destination: Option<IpAddr>,
        ttl: u8,
        packet: &Packet,
    ) {
        let source: IpAddr = source.parse().expect("an address");
        let bytes: [u8; LENGTH] = packet.emit();
        let event = Event::Packet {
            source,
            destination,
            ttl: Some(ttl),
            multihop: false,
            bytes: &bytes,
        };
        self.handle(now, event);
    }

    /// The session at place 0.
    pub fn first(&self) -> &Session {
        self.sessions.session(0).expect("a session")
    }

    pub fn said_of_first(&self) -> Vec<&Said> {
        let said = self.said.iter().filter_map(|notice| match notice {
            Notice::Session { said, .. } => Some(said),
            _ => None,
        });
        said.collect()
    }
}

pub(super) fn at(millis: u64) -> Instant {
    Instant(millis * 1_000_000)
}

/// What the neighbour of `to` says.
pub(super) fn reply(to: &Session, state: State) -> Packet {
    Packet {
        diagnostic: Diagnostic::None,
        state,
        poll: false,
        fin: false,
        independent: false,
        demand: false,
        multiplier: std::num::NonZeroU8::new(3).expect("not 0"),
        my_discriminator: std::num::NonZeroU32::new(77).expect("not 0"),
        your_discriminator: Some(to.discriminator()),
        desired_min_tx: 20_000,
        required_min_rx: 20_000,
        required_min_echo_rx: 0,
    }
}
