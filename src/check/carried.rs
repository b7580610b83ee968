//! What virtual servers and their servers carry, summed over what each is for the kernel: a group is many services. Who reads it from the
//! kernel, and when, is the role's business.

use super::table::{Groups, Server};
use crate::config::model::{Lvs, VirtualServer};
use crate::kernel::ipvs::{Connections, Counts, DestinationKey, Reading, ServiceKey, Traffic};
use rustc_hash::FxHashMap as HashMap;

/// What was read, to be found by what is configured.
pub struct Carried<'a> {
    groups: Groups<'a>,
    services: HashMap<ServiceKey, Traffic>,
    destinations: HashMap<(ServiceKey, DestinationKey), (Connections, Traffic)>,
}

/// That of one virtual server.
pub struct Share<'a> {
    carried: &'a Carried<'a>,
    keys: Vec<ServiceKey>,
}

impl<'a> Carried<'a> {
    /// Sorts what was read.
    pub fn new(lvs: &'a Lvs, readings: &[Reading]) -> Self {
        let destinations = readings.iter().flat_map(|reading| {
            let destinations = reading.destinations.iter();
            destinations
                .map(|(key, connections, traffic)| ((reading.key, *key), (*connections, *traffic)))
        });
        Carried {
            groups: Groups::of(lvs),
            services: readings.iter().map(|it| (it.key, it.traffic)).collect(),
            destinations: destinations.collect(),
        }
    }

    /// What was read of a virtual server.
    pub fn of(&'a self, config: &VirtualServer) -> Share<'a> {
        // A group may have tens of thousands.
        let keys = match self.services.is_empty() {
            true => Vec::new(),
            false => self.groups.keys(config),
        };
        Share {
            carried: self,
            keys,
        }
    }

    /// What was read of one destination of one service.
    pub fn at(&self, place: (ServiceKey, DestinationKey)) -> Option<(Connections, Traffic)> {
        self.destinations.get(&place).copied()
    }
}

impl Share<'_> {
    /// What it carries; None: nothing was read.
    pub fn service(&self) -> Option<Traffic> {
        let read = self
            .keys
            .iter()
            .filter_map(|key| self.carried.services.get(key));
        read.copied().reduce(traffic)
    }

    /// What one of its servers carries; None: nothing was read, or the kernel does not have it.
    pub fn server(&self, server: &Server) -> Option<(Connections, Traffic)> {
        let places = self
            .keys
            .iter()
            .filter_map(|key| Some((*key, server.key(key)?)));
        let read = places.filter_map(|place| self.carried.at(place));
        read.reduce(|one, other| {
            let connections = Connections {
                active: one.0.active.saturating_add(other.0.active),
                inactive: one.0.inactive.saturating_add(other.0.inactive),
                persistent: one.0.persistent.saturating_add(other.0.persistent),
            };
            (connections, traffic(one.1, other.1))
        })
    }
}

fn traffic(one: Traffic, other: Traffic) -> Traffic {
    Traffic {
        total: counts(one.total, other.total),
        rate: counts(one.rate, other.rate),
    }
}

fn counts(one: Counts, other: Counts) -> Counts {
    Counts {
        connections: one.connections.saturating_add(other.connections),
        in_packets: one.in_packets.saturating_add(other.in_packets),
        out_packets: one.out_packets.saturating_add(other.out_packets),
        in_bytes: one.in_bytes.saturating_add(other.in_bytes),
        out_bytes: one.out_bytes.saturating_add(other.out_bytes),
    }
}
