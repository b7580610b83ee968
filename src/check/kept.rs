//! What a process that replaces a dead one has to know of each service and server, so that nothing flaps: whether it was up, and what its
//! checks added to its weight. Where that is kept is the role's.

use super::director::Director;
use crate::config::model::{Lvs, Protocol, RealServer, Service, VirtualServer};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What was known of a service or a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// A server was up, a service had its quorum.
    pub up: bool,
    /// What checks added to the weight of a server.
    pub extra: i32,
}

/// What is known of services and servers that are new to this process, by identity.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// What another process has kept.
    pub kept: HashMap<u64, Kept>,
    /// That was a daemon which has stopped since: the world is told what it is told at every start.
    pub has_stopped: bool,
}

impl Past {
    pub(super) fn of(&self, identity: u64) -> Option<Kept> {
        self.kept.get(&identity).copied()
    }
}

/// What makes a virtual server the same one after a reload.
pub fn key(config: &VirtualServer) -> (&Service, Option<Protocol>) {
    (&config.service, config.protocol)
}

/// What tells a service from all others. The same program makes and compares it; never 0.
pub fn service_identity(config: &VirtualServer) -> u64 {
    let mut hasher = DefaultHasher::new();
    key(config).hash(&mut hasher);
    hasher.finish() | 1
}

/// What tells a server from all others.
pub fn server_identity(config: &VirtualServer, server: &RealServer) -> u64 {
    let mut hasher = DefaultHasher::new();
    let key = (service_identity(config), server.address, server.port);
    key.hash(&mut hasher);
    hasher.finish() | 1
}

impl Director {
    /// What is to be kept of a service, or of one of its servers, with its identity.
    pub fn kept(&self, lvs: &Lvs, service: usize, server: Option<usize>) -> Option<(u64, Kept)> {
        let (config, state) = (
            lvs.virtual_servers.get(service)?,
            self.services.get(service)?,
        );
        let Some(place) = server else {
            let kept = Kept {
                up: state.has_quorum(),
                extra: 0,
            };
            return Some((service_identity(config), kept));
        };
        let (server, state) = (config.real_servers.get(place)?, state.servers.get(place)?);
        let kept = Kept {
            up: state.is_up(),
            extra: i32::try_from(state.extra).unwrap_or(0),
        };
        Some((server_identity(config, server), kept))
    }
}
