//! All sessions of the process, and which of them an event is for (RFC 5880 section 6.3). Another configuration is in reload.rs.

use super::notice::Notice;
use super::session::Session;
use super::{Action, Context, Event, SessionId, TimerKey};
use crate::quiet::Limit;
use crate::time::Instant;
use crate::wire::bfd::Packet;
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;

/// The sessions.
#[derive(Default)]
pub struct Sessions {
    pub(super) slots: Vec<Option<Session>>,
    pub(super) free: Vec<SessionId>,
    pub(super) by_discriminator: FxHashMap<NonZeroU32, SessionId>,
    /// By the neighbour's address and whether it is multihop. There is more than one where they differ in `source_ip`.
    pub(super) by_neighbor: FxHashMap<(IpAddr, bool), Vec<SessionId>>,
    pub(super) by_name: FxHashMap<String, SessionId>,
    malformed: Limit,
    strangers: Limit,
}

impl Sessions {
    /// The session at a place.
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.slots.get(id)?.as_ref()
    }

    /// All of them, with their places.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(id, slot)| Some((id, slot.as_ref()?)))
    }

    /// How many places there are, the empty ones too.
    pub fn places(&self) -> usize {
        self.slots.len()
    }

    /// Takes in what has happened. `random` gives numbers that nobody outside can foresee.
    pub fn handle(
        &mut self,
        now: Instant,
        event: Event<'_>,
        random: &mut dyn FnMut() -> u64,
        actions: &mut Vec<Action>,
    ) {
        let cx = &mut Context {
            now,
            random,
            actions,
        };
        match event {
            Event::Configure { instances, known } => self.configure(instances, known, cx),
            Event::Packet {
                source,
                destination,
                ttl,
                multihop,
                bytes,
            } => {
                let came = Came {
                    source,
                    destination,
                    multihop,
                };
                self.hear(&came, ttl, bytes, cx);
            }
            Event::Timer(TimerKey::Transmit(id)) => self.with(id, |it| it.transmit(cx)),
            Event::Timer(TimerKey::Detect(id)) => self.with(id, |it| it.expire(cx)),
            Event::Bound { session, port } => self.with(session, |it| it.bound(port, cx)),
            Event::Sent { session, error } => self.with(session, |it| it.sent(error, cx)),
            // What those who follow sessions know stays as it is: they stop, too.
            Event::Stop => {
                for session in self.slots.iter_mut().flatten() {
                    session.shut_down(cx);
                }
                self.forget();
            }
        }
    }

    fn forget(&mut self) {
        *self = Sessions::default();
    }

    fn with(&mut self, id: SessionId, act: impl FnOnce(&mut Session)) {
        if let Some(session) = self.slots.get_mut(id).and_then(Option::as_mut) {
            act(session);
        }
    }

    /// A datagram (section 6.8.6).
    fn hear(&mut self, came: &Came, ttl: Option<u8>, bytes: &[u8], cx: &mut Context<'_>) {
        let source = came.source;
        let packet = match Packet::parse(bytes) {
            Ok(packet) => packet,
            Err(fault) => {
                if let Some(suppressed) = self.malformed.allow(cx.now) {
                    cx.actions.push(Action::Tell(Notice::Malformed {
                        source,
                        fault,
                        suppressed,
                    }));
                }
                return;
            }
        };
        let found = match packet.your_discriminator {
            Some(discriminator) => self.by_discriminator.get(&discriminator).copied(),
            None => self.between(came),
        };
        let session = found
            .and_then(|id| self.slots.get_mut(id)?.as_mut())
            .filter(|session| session.config().multihop == came.multihop);
        let Some(session) = session else {
            if let Some(suppressed) = self.strangers.allow(cx.now) {
                cx.actions.push(Action::Tell(Notice::Stranger {
                    source,
                    discriminator: packet.your_discriminator,
                    suppressed,
                }));
            }
            return;
        };
        if came.destination == Some(source) {
            return session.hear_itself(source, cx);
        }
        if session.admits(source, ttl, cx) {
            session.hear(&packet, cx);
        }
    }

    /// The session between these two: the one that speaks from this address, or from any; a neighbour's only one, whatever the address.
    fn between(&self, came: &Came) -> Option<SessionId> {
        let all = self.by_neighbor.get(&(came.source, came.multihop))?;
        let speaks_from = |id: &&SessionId, source| {
            let session = self.session(**id);
            session.is_some_and(|session| session.config().source == source)
        };
        let found = all.iter().find(|id| speaks_from(id, came.destination));
        let found = found.or_else(|| all.iter().find(|id| speaks_from(id, None)));
        match (found, &all[..]) {
            (Some(id), _) | (None, [id]) => Some(*id),
            _ => None,
        }
    }
}

/// How a datagram came.
struct Came {
    source: IpAddr,
    destination: Option<IpAddr>,
    multihop: bool,
}
