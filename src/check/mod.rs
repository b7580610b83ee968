//! The checkers' cores: when a real server is checked, what is said to it, and what its answers mean for the service before it.
//!
//! `dialogue` is what every kind of check that talks to a server implements, one file a kind: bytes in, bytes and a verdict out. What
//! connects is not here but in `role::checker`. `schedule` says when a check is done and when what it finds counts, `service` is one
//! virtual server at work, `director` all of them; `configure` takes over another configuration, `notice` words what is said.

pub mod carried;
pub mod claims;
mod configure;
pub mod dialogue;
pub mod director;
pub mod dns;
pub mod expiry;
pub mod http;
pub mod kept;
pub mod kinds;
pub mod marks;
pub mod notice;
pub mod ping;
pub mod presence;
pub mod schedule;
pub mod service;
pub mod smtp;
pub mod table;
#[cfg(test)]
mod tests;
pub mod tls;
pub mod udp;

use crate::time::Instant;
use std::time::Duration;

/// A check, for as long as it is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CheckId(u32);

impl CheckId {
    fn at(index: usize) -> Self {
        CheckId(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// For the tests of others.
    #[cfg(test)]
    pub(crate) fn numbered(number: u32) -> Self {
        CheckId(number)
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The kernel is to have this destination with this weight, or (None) not to have it.
    Destination {
        /// Place of the service in the model.
        service: usize,
        /// Which of its destinations.
        place: service::Place,
        /// 0..=2147483647.
        weight: Option<u32>,
    },
    /// The kernel is to have all destinations of the service at this place of the model as `Service::wanted` has them, and no others.
    Service(usize),
    /// This server of the service is configured no more; the kernel keeps it for its connections, for so long at most (None: as the
    /// daemon-wide setting says). What is wanted of the service follows.
    Drain {
        /// Place of the service in the model.
        service: usize,
        /// The server as it was.
        server: table::Server,
        /// `drain_timeout`.
        limit: Option<Duration>,
    },
    /// The check is due then.
    Arm(CheckId, Instant),
    /// It is not.
    Disarm(CheckId),
    /// What is under way for it is no longer wanted.
    Abandon(CheckId),
    /// What is known of this service (server: None) or of one of its servers has changed: `Director::kept`.
    Keep {
        /// Place of the service in the model.
        service: usize,
        /// Place of the server.
        server: Option<usize>,
    },
    /// Tell the world.
    Tell(Box<notice::Told>),
    /// Say this in the log.
    Say(notice::Notice),
}
