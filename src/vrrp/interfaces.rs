//! The interfaces the shell has told of, and whether an instance can run on one. A snapshot: fitness always follows from it
//! and never from a count of events, so that no order of these can leave an instance stuck in FAULT.

use super::Interface;
use super::tally::Share;
use crate::config::model::LinkDelay;
use crate::config::model::{TrackedInterface, VrrpInstance};
use crate::time::Instant;
use crate::wire::vrrp::Family;
use rustc_hash::FxHashMap as HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Why an instance cannot run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unfit {
    /// There is no interface of that name.
    pub missing: bool,
    /// The interface is down or has no carrier (not with `dont_track_primary`).
    pub down: bool,
    /// The interface has no IPv4 (or no usable link-local IPv6) address to send from, and no `mcast_src_ip` says which.
    pub no_address: bool,
    /// The source address that `track_src_ip` watches is not on this host.
    pub no_source: bool,
    /// A unicast instance has no peers (`unicast_fault_no_peer`).
    pub no_peers: bool,
    /// An interface of `track_interface` without weight is not as it has to be.
    pub tracked: bool,
    /// Something else that it tracks without weight has failed.
    pub tracker: bool,
    /// It is not known yet whether something that it tracks without weight has failed.
    pub waiting: bool,
    /// Another member of the sync group cannot run.
    pub group: bool,
}

impl Unfit {
    /// No reason: it can run.
    pub fn is_none(&self) -> bool {
        *self == Unfit::default()
    }
}

impl Interface {
    /// The address that adverts of this family are sent from.
    pub fn source(&self, family: Family) -> Option<IpAddr> {
        match family {
            Family::V4 => self.primary_v4.map(IpAddr::V4),
            Family::V6 => self.link_local.map(IpAddr::V6),
        }
    }
}

/// All interfaces.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    by_index: HashMap<u32, Interface>,
    by_name: HashMap<String, u32>,
    /// How long an interface has to be down, or up, to count as such.
    delays: HashMap<String, (Duration, Duration)>,
    /// Interfaces as they are, that do not count as such yet.
    unsettled: HashMap<u32, Interface>,
}

/// What to do with the timer of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Debounce {
    /// Nothing.
    None,
    /// Ask again then.
    Arm(Instant),
    /// It is no longer needed.
    Disarm,
}

impl Interfaces {
    /// Learns an interface. The names whose meaning changed: the new one, and the old one after a renaming. Empty when nothing did.
    pub fn learn(&mut self, interface: &Interface) -> Vec<String> {
        let before = self.by_index.get(&interface.index);
        if before == Some(interface) && self.by_name.get(&interface.name) == Some(&interface.index)
        {
            return Vec::new();
        }
        let mut changed = vec![interface.name.clone()];
        if let Some(before) = before
            && before.name != interface.name
        {
            changed.push(before.name.clone());
            if self.by_name.get(&before.name) == Some(&interface.index) {
                self.by_name.remove(&before.name);
            }
        }
        self.by_name.insert(interface.name.clone(), interface.index);
        self.by_index.insert(interface.index, interface.clone());
        changed
    }

    /// Takes over `interface_up_down_delays`. What waits, waits as long as it was told to.
    pub fn set_delays(&mut self, delays: &[LinkDelay]) {
        self.delays = delays
            .iter()
            .map(|delay| (delay.interface.clone(), (delay.down, delay.up)))
            .collect();
    }

    /// The interface as it is to be believed now: one that went down or up counts as it was until it has been so for long enough.
    pub fn debounce(&mut self, now: Instant, interface: &Interface) -> (Interface, Debounce) {
        let believed_up = self
            .by_index
            .get(&interface.index)
            .filter(|known| known.name == interface.name)
            .map(|known| known.up);
        let delay = match (self.delays.get(&interface.name), interface.up) {
            (Some((down, _)), false) => *down,
            (Some((_, up)), true) => *up,
            (None, _) => Duration::ZERO,
        };
        let waiting = self.unsettled.remove(&interface.index);
        match believed_up {
            Some(up) if up != interface.up && (waiting.is_some() || !delay.is_zero()) => {
                let timer = match waiting {
                    Some(_) => Debounce::None,
                    None => Debounce::Arm(now + delay),
                };
                self.unsettled.insert(interface.index, interface.clone());
                let believed = Interface {
                    up,
                    ..interface.clone()
                };
                (believed, timer)
            }
            _ if waiting.is_some() => (interface.clone(), Debounce::Disarm),
            _ => (interface.clone(), Debounce::None),
        }
    }

    /// The interface that has now been as it is for long enough.
    pub fn settled(&mut self, index: u32) -> Option<Interface> {
        self.unsettled.remove(&index)
    }

    /// Forgets an interface. The name whose meaning changed, if any.
    pub fn forget(&mut self, index: u32) -> Option<String> {
        let gone = self.by_index.remove(&index)?;
        // An interface that was made anew under the same name may be known already.
        if self.by_name.get(&gone.name) != Some(&index) {
            return None;
        }
        self.by_name.remove(&gone.name);
        Some(gone.name)
    }

    pub fn named(&self, name: &str) -> Option<&Interface> {
        self.by_name
            .get(name)
            .and_then(|index| self.by_index.get(index))
    }

    pub fn numbered(&self, index: u32) -> Option<&Interface> {
        self.by_index.get(&index)
    }

    /// What keeps an instance of this configuration from running, apart from what it tracks.
    pub fn unfit(&self, config: &VrrpInstance) -> Unfit {
        let common = Unfit {
            no_source: self.lacks_source(config),
            no_peers: config
                .transport
                .unicast
                .as_ref()
                .is_some_and(|unicast| unicast.peers.is_empty()),
            ..Unfit::default()
        };
        if self.missing(config).next().is_some() {
            return Unfit {
                missing: true,
                no_source: false,
                ..common
            };
        }
        Unfit {
            down: !config.dont_track_primary && self.down(config).next().is_some(),
            no_address: config.source.is_none()
                && self
                    .named(config.sender())
                    .is_some_and(|interface| interface.source(config.family()).is_none()),
            ..common
        }
    }

    /// The interfaces of an instance that are not there.
    pub fn missing(&self, config: &VrrpInstance) -> impl Iterator<Item = String> {
        let own = config.interfaces();
        own.filter(|name| self.named(name).is_none())
            .map(str::to_owned)
    }

    /// The interfaces of an instance that are down.
    pub fn down(&self, config: &VrrpInstance) -> impl Iterator<Item = String> {
        let is_down = |name: &&str| self.named(name).is_some_and(|interface| !interface.up);
        config.interfaces().filter(is_down).map(str::to_owned)
    }

    /// Whether the source address that `track_src_ip` watches is missing: on the interface, or without one on all.
    fn lacks_source(&self, config: &VrrpInstance) -> bool {
        let Some(source) = config.source.filter(|_| config.transport.track_source) else {
            return false;
        };
        let has = |interface: &Interface| interface.sources.binary_search(&source).is_ok();
        if config.is_bound() {
            !self.named(config.sender()).is_some_and(has)
        } else {
            !self.by_index.values().any(has)
        }
    }

    /// What a tracked interface does to an instance now.
    pub fn share(&self, tracked: &TrackedInterface) -> Share {
        let interface = self.named(&tracked.interface);
        let up = interface.is_some_and(|interface| interface.up);
        let counts = if tracked.weight > 0 { up } else { !up };
        let adds = match (counts, tracked.reverse) {
            (false, _) => 0,
            (true, false) => tracked.weight,
            (true, true) => -tracked.weight,
        };
        let fails = tracked.weight == 0 && up == tracked.reverse;
        Share::new(adds, fails, false)
    }
}
