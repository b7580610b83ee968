//! Another configuration for a router that runs: instances are matched by name, and one that did not change is not touched.

use super::instance::Instance;
use super::router::Router;
use super::unicast::Lanes;
use super::{Actions, InstanceId};
use crate::config::model::{Vrrp, VrrpInstance};
use crate::time::Instant;
use rustc_hash::FxHashMap;
use std::collections::HashSet;
use std::net::IpAddr;

impl Router {
    /// Goes over to another configuration. The removed resign first, so that an address that moves to another instance is free.
    pub(super) fn reload(&mut self, now: Instant, config: &Vrrp, actions: &mut Actions) {
        self.trackers.forget_others(config);
        let kept: HashSet<&str> = config
            .instances
            .iter()
            .map(|instance| instance.name.as_str())
            .collect();
        let removed: Vec<InstanceId> = self
            .instances()
            .filter(|instance| !kept.contains(instance.name()))
            .map(Instance::id)
            .collect();
        for &id in &removed {
            self.with(now, id, actions, |instance, context| {
                instance.remove(context);
                instance.tell_removed(context);
            });
            let slot = usize::try_from(id)
                .ok()
                .and_then(|at| self.slots.get_mut(at));
            if let Some(gone) = slot.and_then(Option::take) {
                self.by_name.remove(gone.name());
            }
        }
        let mut changed = Vec::new();
        for instance in &config.instances {
            match self.find(&instance.name) {
                None => drop(self.insert(instance.clone())),
                Some(known) if known.config() != instance => changed.push((known.id(), instance)),
                Some(_) => {}
            }
        }
        // Not sooner: what the shell still has to do for a removed instance must not meet another in its place.
        self.free.extend(removed);
        // Before anything is sent: a packet finds its instance by the new configuration.
        for (id, config) in changed {
            self.with(now, id, actions, |instance, context| {
                instance.reconfigure(config.clone(), context)
            });
        }
        self.index_networks();
        self.index_groups(config);
        self.interfaces.set_delays(&config.link_delays);
        self.garp.set_groups(&config.garp_groups);
        debug_assert!(self.is_added_up());
        if !self.started {
            return;
        }
        let (new, kept): (Vec<InstanceId>, Vec<InstanceId>) = self
            .instances()
            .map(Instance::id)
            .partition(|id| !self.instance(*id).is_some_and(Instance::has_begun));
        self.refit_all(now, &kept, actions);
        self.start(now, &new, actions);
    }

    /// Whether all that instances track is added up as it is known: always.
    pub(super) fn is_added_up(&self) -> bool {
        self.instances()
            .all(|instance| instance.is_added_up(&self.interfaces, &self.trackers))
    }

    /// Gives an instance a place: a free one, or a new one.
    pub(super) fn insert(&mut self, config: VrrpInstance) -> InstanceId {
        // More than u32::MAX instances do not fit into memory.
        let next = || InstanceId::try_from(self.slots.len()).unwrap_or(InstanceId::MAX);
        let id = self.free.pop().unwrap_or_else(next);
        self.by_name.insert(config.name.clone(), id);
        let mut instance = Instance::new(id, config);
        instance.tally(&self.interfaces, &self.trackers);
        let instance = Some(instance);
        match usize::try_from(id)
            .ok()
            .and_then(|at| self.slots.get_mut(at))
        {
            Some(slot) => *slot = instance,
            None => self.slots.push(instance),
        }
        id
    }

    /// Who is concerned by which interface, and by what else, computed anew.
    pub(super) fn index_networks(&mut self) {
        let mut networks = std::mem::take(&mut self.networks);
        networks.clear();
        let mut unbound: FxHashMap<IpAddr, Lanes> = FxHashMap::default();
        let mut unbound_watchers = Vec::new();
        let mut trackers = std::mem::take(&mut self.trackers);
        trackers.clear_watchers();
        for instance in self.instances() {
            let config = instance.config();
            match config.source {
                Some(source) if !config.is_bound() => {
                    unbound
                        .entry(source)
                        .or_default()
                        .add(instance.id(), config);
                    if config.transport.track_source {
                        unbound_watchers.push(instance.id());
                    }
                }
                _ => {
                    let network = networks.entry(config.wire().to_owned()).or_default();
                    network.lanes.add(instance.id(), config);
                }
            }
            for (place, tracked) in config.trackers.iter().enumerate() {
                trackers.watch(tracked, (instance.id(), place));
            }
            for (place, tracked) in config.tracked_interfaces.iter().enumerate() {
                let network = networks.entry(tracked.interface.clone()).or_default();
                network.watchers.push((instance.id(), place));
            }
            for interface in instance.needs() {
                let network = networks.entry(interface.to_owned()).or_default();
                network.dependents.push(instance.id());
            }
            for interface in instance.announces_on() {
                networks
                    .entry(interface.to_owned())
                    .or_default()
                    .guests
                    .push(instance.id());
            }
        }
        self.networks = networks;
        self.unbound = unbound;
        self.unbound_watchers = unbound_watchers;
        self.trackers = trackers;
    }
}
