//! The sockets of the BFD process: one that hears for each family and port that some session needs, one that speaks for each session.
//! What cannot be opened now is tried again.

use super::{Key, Source};
use crate::bfd::{Session, SessionId, Sessions};
use crate::config::model::BfdInstance;
use crate::os::bfd_socket::{Heard, Listener, Speaker};
use crate::os::poll::{Loop, Want};
use crate::os::{clock, random};
use crate::quiet::Limit;
use crate::time::Instant;
use crate::wheel::Wheel;
use crate::wire::bfd::{PORT, PORT_MULTIHOP, SOURCE_PORTS};
use crate::wire::vrrp::Family;
use log::{error, info};
use rustc_hash::FxHashMap;
use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// When what could not be opened is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What a listener hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ear {
    family: Family,
    pub multihop: bool,
}

impl Ear {
    /// All there are.
    pub(super) const ALL: [Ear; 4] = [
        Ear::new(Family::V4, false),
        Ear::new(Family::V6, false),
        Ear::new(Family::V4, true),
        Ear::new(Family::V6, true),
    ];

    const fn new(family: Family, multihop: bool) -> Self {
        Ear { family, multihop }
    }

    fn of(config: &BfdInstance) -> Self {
        Ear::new(Family::of(config.neighbor), config.multihop)
    }

    fn port(self) -> u16 {
        match self.multihop {
            true => PORT_MULTIHOP,
            false => PORT,
        }
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Sockets {
    listeners: [Option<Listener>; Ear::ALL.len()],
    /// It has been said that they cannot be opened.
    deaf: bool,
    /// Of receiving.
    failures: Limit,
    /// Of each session, or why there is none.
    speakers: FxHashMap<SessionId, Result<Speaker, i32>>,
    ports: HashSet<u16>,
}

impl Sockets {
    /// Opens the listeners that sessions need, and closes the others.
    pub fn listen(
        &mut self,
        now: Instant,
        sessions: &Sessions,
        events: &mut Loop<Source>,
        wheel: &mut Wheel<Key>,
    ) {
        let mut failed = false;
        for (ear, listener) in Ear::ALL.into_iter().zip(&mut self.listeners) {
            let wanted = sessions
                .sessions()
                .any(|(_, session)| Ear::of(session.config()) == ear);
            match (wanted, &listener) {
                (false, Some(old)) => {
                    let _ = events.remove(old);
                    *listener = None;
                }
                (true, None) => match open(ear, events) {
                    Ok(new) => {
                        *listener = Some(new);
                        if self.deaf {
                            info!("BFD packets to port {} can be heard now", ear.port());
                        }
                    }
                    Err(error) => {
                        failed = true;
                        if !self.deaf {
                            error!(
                                "Cannot hear BFD packets to port {}: {error}; trying again (does another program speak BFD?)",
                                ear.port()
                            );
                        }
                    }
                },
                _ => {}
            }
        }
        self.deaf = failed;
        if failed {
            wheel.arm(Key::Listen, now + RETRY);
        }
    }

    /// The next datagram that was heard there.
    pub fn receive(&mut self, ear: Ear, buffer: &mut [u8]) -> Option<Heard> {
        let place = Ear::ALL.iter().position(|known| *known == ear)?;
        match self.listeners.get_mut(place)?.as_mut()?.receive(buffer) {
            Ok(heard) => heard,
            // What is wrong with one datagram says nothing of the next turn's.
            Err(error) => {
                if let Some(suppressed) = self.failures.allow(clock::now()) {
                    error!(
                        "Cannot receive BFD packets to port {} ({suppressed} failures before): {error}",
                        ear.port()
                    );
                }
                None
            }
        }
    }

    /// Opens the socket of a session, in the place of the one that it has; the port that it is bound to.
    pub fn open(
        &mut self,
        now: Instant,
        id: SessionId,
        session: &Session,
        wheel: &mut Wheel<Key>,
    ) -> Option<u16> {
        self.close(id, wheel);
        let spread = u64::from(SOURCE_PORTS.end() - SOURCE_PORTS.start()) + 1;
        let any = || (random::number() % spread) as u16 + SOURCE_PORTS.start();
        let config = session.config();
        let opened = Speaker::open(
            Family::of(config.neighbor),
            config.source,
            config.ttl,
            session.port().unwrap_or_else(any),
            |port| self.ports.contains(&port),
        );
        let port = opened.as_ref().ok().map(Speaker::port);
        match port {
            Some(port) => drop(self.ports.insert(port)),
            None => wheel.arm(Key::Open(id), now + RETRY),
        }
        let errno = |error: io::Error| error.raw_os_error().unwrap_or(libc::EIO);
        self.speakers.insert(id, opened.map_err(errno));
        port
    }

    /// Closes the socket of a session.
    pub fn close(&mut self, id: SessionId, wheel: &mut Wheel<Key>) {
        wheel.disarm(Key::Open(id));
        if let Some(Ok(old)) = self.speakers.remove(&id) {
            self.ports.remove(&old.port());
        }
    }

    /// Sends a packet of a session; the errno when it cannot be sent.
    pub fn send(&self, id: SessionId, to: SocketAddr, bytes: &[u8]) -> Option<i32> {
        match self.speakers.get(&id)? {
            Ok(speaker) => speaker.send(to, bytes).err(),
            Err(errno) => Some(*errno),
        }
    }
}

fn open(ear: Ear, events: &mut Loop<Source>) -> io::Result<Listener> {
    let listener = Listener::open(ear.family, ear.port())?;
    events.add(&listener, Source::Listener, Want::Read)?;
    Ok(listener)
}
