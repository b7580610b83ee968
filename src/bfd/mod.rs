//! BFD (RFC 5880, asynchronous mode): packets and timers in, actions out. Knows no socket, clock or file.
//!
//! `Sessions` (sessions.rs, reload.rs) holds every session of the process and finds the one that a packet is for. `Session`
//! (session.rs) is one of them: its configuration and, apart from it, what runs. table.rs is the state machine of section 6.2 as one
//! table, interval.rs the arithmetic of sections 6.8.2 to 6.8.4 and 6.8.7, resume.rs what a process leaves to the one that replaces
//! it. Every log line is a value of notice.rs, which alone knows the words. RFC 5881 and 5883 are ports and the rule for received
//! TTLs. There is no authentication, no echo function, and no demand mode of our own; a neighbour may use it.
//!
//! What the shell owes the core: events one at a time with a time that never goes back; packets drained from the sockets before
//! timers are popped, so that a process that was stopped for a while hears the neighbours before it believes that they are gone;
//! actions performed in order.

mod interval;
mod notice;
mod reload;
mod resume;
mod session;
mod sessions;
mod table;

#[cfg(test)]
mod tests;

pub use notice::{Notice, Said, Severity};
pub use resume::{RESUME_WORDS, Resume};
pub use session::{Remote, Session};
pub use sessions::Sessions;

use crate::config::model::BfdInstance;
use crate::time::Instant;
use crate::wire::bfd::{LENGTH, State};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

/// A session, by its place. Stable for as long as a session of that name with that neighbour is configured, across reloads too; a
/// place that became free is given to another.
pub type SessionId = usize;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKey {
    /// The next periodic packet of a session (RFC 5880 section 6.8.7).
    Transmit(SessionId),
    /// Its detection time is over (section 6.8.4).
    Detect(SessionId),
}

/// What a process that died left: for each name the state and the rest of what was recorded.
pub type Known = HashMap<String, (State, Resume)>;

/// What happens to the core.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The sessions that there shall be: at start, and at each reload. One that did not change is not touched at all.
    Configure {
        /// All of them. Names are unique, and so are neighbours, or pairs of neighbour and source.
        instances: &'a [BfdInstance],
        /// Whom to go on from.
        known: &'a Known,
    },
    /// A datagram arrived.
    Packet {
        /// Who sent it.
        source: IpAddr,
        /// To which address of this host; `None` when the kernel did not tell.
        destination: Option<IpAddr>,
        /// TTL or hop limit; `None` when the kernel did not tell.
        ttl: Option<u8>,
        /// It came to the port for multihop sessions.
        multihop: bool,
        /// What is in it.
        bytes: &'a [u8],
    },
    /// A timer of the wheel expired.
    Timer(TimerKey),
    /// Its socket is bound to this port.
    Bound {
        /// Whose.
        session: SessionId,
        /// Which.
        port: u16,
    },
    /// How sending the last packet of a session went: the errno when it could not be sent.
    Sent {
        /// Whose.
        session: SessionId,
        /// Why not.
        error: Option<i32>,
    },
    /// The daemon stops.
    Stop,
}

/// What the core wants done. Plain values; the shell performs them in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make a socket for a session, in the place of the one that it has: its addresses are in `Sessions::session(id).config()`; the
    /// port that it had, if it had one, is to be asked for first.
    Open(SessionId),
    /// The socket is not needed any more.
    Close(SessionId),
    /// Send a packet. Its session may be gone by now.
    Send {
        /// Whose.
        session: SessionId,
        /// Where to.
        to: SocketAddr,
        /// What.
        bytes: [u8; LENGTH],
    },
    /// Set or replace a timer.
    Arm(TimerKey, Instant),
    /// Forget a timer.
    Disarm(TimerKey),
    /// Keep `Sessions::session(id)` where the next BFD process and those who follow the session find it; when it is `None` or not yet
    /// settled, its place is empty.
    Record(SessionId),
    /// Say something in the log (wording in notice.rs).
    Tell(Notice),
}

/// What a session works with while something happens.
struct Context<'a> {
    now: Instant,
    /// Numbers that nobody outside can foresee.
    random: &'a mut dyn FnMut() -> u64,
    actions: &'a mut Vec<Action>,
}
