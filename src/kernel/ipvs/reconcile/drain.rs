//! Destinations that drain: wanted no more, but they stay with weight 0 until the connections that they have are over, or their time is.
//! The kernel does not tell when a connection ends, so their services are read every second.
//!
//! A connection is there while the kernel counts it as active: for TCP that is one that neither side has begun to close.
//!
//! A process that replaces a dead one is told which destinations drained, and knows them again when it reads them.

use super::{Destination, DestinationKey, Known, Notice, Reconciler, ServiceKey};
use crate::time::Instant;
use rustc_hash::FxHashMap as HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// How often it is looked whether the connections are over.
const LOOK: Duration = Duration::from_secs(1);

/// What is known of one that drains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Drain {
    until: Instant,
    /// The connections that it had when it was read last.
    left: Option<u32>,
}

/// Those that drain.
#[derive(Debug, Default)]
pub(super) struct Drains {
    services: HashMap<ServiceKey, HashMap<DestinationKey, Drain>>,
    next: Instant,
    /// Began since somebody was told. Those that are wanted again by then never drained.
    begun: Vec<(ServiceKey, DestinationKey)>,
    /// What another process has left is not what there is now.
    unkept: bool,
    /// Those that drained when another process died, by identity.
    inherited: HashMap<u64, Instant>,
}

/// What tells a destination from all others. Only the same program makes the same: no other is told; never 0.
fn identity(service: &ServiceKey, server: &DestinationKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    (service, server).hash(&mut hasher);
    hasher.finish() | 1
}

impl Drains {
    pub fn is_draining(&self, key: &ServiceKey, server: &DestinationKey) -> bool {
        self.services
            .get(key)
            .is_some_and(|servers| servers.contains_key(server))
    }

    /// Whether any destination of a service drains.
    pub fn has_any(&self, key: &ServiceKey) -> bool {
        self.services.contains_key(key)
    }

    /// When it is looked at them next.
    pub fn next_due(&self) -> Option<Instant> {
        (!self.services.is_empty()).then_some(self.next)
    }

    /// It drains no more, for whatever reason.
    pub fn forget(&mut self, key: &ServiceKey, server: &DestinationKey) {
        self.take(key, server);
    }

    /// A service is wanted no more.
    pub fn forget_service(&mut self, key: &ServiceKey) {
        self.take_service(key);
    }

    fn take_service(&mut self, key: &ServiceKey) -> Option<HashMap<DestinationKey, Drain>> {
        let servers = self.services.remove(key)?;
        // Else the next look at them comes soon enough.
        self.unkept |= self.services.is_empty();
        Some(servers)
    }

    fn take(&mut self, key: &ServiceKey, server: &DestinationKey) -> Option<Drain> {
        let servers = self.services.get_mut(key)?;
        let drain = servers.remove(server);
        if servers.is_empty() {
            self.take_service(key);
        }
        drain
    }

    fn begin(&mut self, now: Instant, key: ServiceKey, server: DestinationKey, until: Instant) {
        if self.services.is_empty() {
            self.next = now + LOOK;
        }
        self.unkept = true;
        match self.services.entry(key).or_default().entry(server) {
            Entry::Occupied(mut there) => there.get_mut().until = until.max(there.get().until),
            Entry::Vacant(place) => {
                place.insert(Drain { until, left: None });
                self.begun.push((key, server));
            }
        }
    }

    /// A destination that is not wanted was there before us: whether it is one that drains.
    pub fn resume(&mut self, now: Instant, key: ServiceKey, server: DestinationKey) -> bool {
        let until = self.inherited.remove(&identity(&key, &server));
        if let Some(until) = until {
            self.begin(now, key, server, until);
        }
        until.is_some()
    }

    /// Those that have begun since the last call and go on.
    pub fn take_begun(&mut self, now: Instant) -> impl Iterator<Item = Notice> {
        let begun = std::mem::take(&mut self.begun).into_iter();
        begun.filter_map(move |(key, server)| {
            let drain = self.services.get(&key)?.get(&server)?;
            Some(Notice::Draining(key, server, drain.until.since(now)))
        })
    }

    /// A destination was read: whether that was the end of its connections.
    pub fn is_over(
        &mut self,
        key: &ServiceKey,
        server: &DestinationKey,
        told: Option<&Destination>,
        active: u32,
    ) -> bool {
        let servers = self.services.get_mut(key);
        let Some(drain) = servers.and_then(|servers| servers.get_mut(server)) else {
            return false;
        };
        drain.left = Some(active);
        // Before it has that weight, others may come.
        active == 0 && told.is_some_and(|told| told.weight == 0)
    }
}

impl Reconciler {
    /// This destination is wanted no more, but for its connections, and for so long at most. One that is not there is just not wanted;
    /// of several times the longest counts.
    pub fn drain(
        &mut self,
        now: Instant,
        service: &ServiceKey,
        key: DestinationKey,
        limit: Duration,
    ) {
        let Some(slot) = self.slots.get_mut(service).filter(|it| it.wanted.is_some()) else {
            return;
        };
        let Some(place) = slot.destinations.get_mut(&key) else {
            return;
        };
        let there = match place.known {
            Known::Present(known) => place.wanted.or(known),
            Known::Absent => None,
        };
        place.wanted = there.map(|there| Destination { weight: 0, ..there });
        if there.is_some() {
            self.drains.begin(now, *service, key, now + limit);
        }
        self.mark_destination(*service, key);
    }

    /// Those that drain, with the end of their time.
    pub fn draining(&self) -> impl Iterator<Item = (ServiceKey, DestinationKey, Instant)> {
        let services = self.drains.services.iter();
        services.flat_map(|(key, servers)| {
            let servers = servers.iter();
            servers.map(|(server, drain)| (*key, *server, drain.until))
        })
    }

    /// Those to be left to a process that replaces this one, by identity, with the end of their time; None: nothing new.
    pub fn drains_to_keep(&mut self) -> Option<Vec<(u64, Instant)>> {
        let draining = self.draining();
        let ours = draining.map(|(key, server, until)| (identity(&key, &server), until));
        // Those that were not read yet may still be found.
        let inherited = self.drains.inherited.iter();
        let all = ours.chain(inherited.map(|(identity, until)| (*identity, *until)));
        let all = self.drains.unkept.then(|| all.collect());
        self.drains.unkept = false;
        all
    }

    /// These are what a process that died left to be kept.
    pub fn inherit_drains(&mut self, left: impl Iterator<Item = (u64, Instant)>) {
        self.drains.inherited = left.collect();
    }

    /// Whether this destination is wanted, and not only until its connections are over.
    pub fn is_wanted(&self, service: &ServiceKey, key: &DestinationKey) -> bool {
        let slot = self.slots.get(service);
        let place = slot.and_then(|slot| slot.destinations.get(key));
        place.is_some_and(|place| place.wanted.is_some()) && !self.drains.is_draining(service, key)
    }

    /// Ends those whose time is over, and has the others read.
    pub(super) fn look_at_drains(&mut self, now: Instant) {
        if self.drains.next_due().is_none_or(|due| due > now) {
            return;
        }
        self.drains.next = now + LOOK;
        // Those that end one by one are kept a look too long: nobody finds them in the kernel.
        self.drains.unkept = true;
        self.drains.inherited.retain(|_, until| *until > now);
        let over: Vec<_> = self
            .draining()
            .filter(|(.., until)| *until <= now)
            .collect();
        for (key, server, _) in over {
            self.drained(key, server);
        }
        // Else the last round is still under way.
        if !self.has_unread() {
            let services: Vec<ServiceKey> = self.drains.services.keys().copied().collect();
            services.into_iter().for_each(|key| self.read_soon(key));
        }
    }

    /// It has drained, or has had its time.
    pub(super) fn drained(&mut self, service: ServiceKey, server: DestinationKey) {
        let Some(drain) = self.drains.take(&service, &server) else {
            return;
        };
        let left = drain.left;
        self.notices.push(Notice::Drained {
            service,
            server,
            left,
        });
        self.want_destination(&service, server, None);
        self.end_retired(service);
    }

    /// A service has gone, and its destinations with it.
    pub(super) fn drains_are_gone(&mut self, key: &ServiceKey) {
        let gone = self.drains.take_service(key);
        for server in gone.into_iter().flatten().map(|(server, _)| server) {
            self.want_destination(key, server, None);
        }
    }
}
