//! Every virtual router of the process: finds the one an event is for, in constant time, and keeps what they share.

use super::auth::Mark;
use super::garp::Pacer;
use super::group::Group;
use super::instance::{Context, Instance, Record};
use super::interfaces::{Debounce, Interfaces};
use super::notice::{Limiter, Notice, Said, Topic};
use super::receive::Envelope;
use super::stats::RouterStats;
use super::trackers::{Trackers, Watcher};
use super::unicast::Lanes;
use super::{Action, Actions, Event, InstanceId, Interface, TimerKey, UNBOUND};
use crate::config::model::{Tracked, TrackedInterface, Vrrp};
use crate::time::{Instant, Wall, WallOffset};
use crate::track::Level;
use crate::wire::vrrp;
use rustc_hash::FxHashMap as HashMap;
use std::net::IpAddr;

/// Who is concerned by an interface.
#[derive(Debug, Default)]
pub(super) struct Network {
    /// The instances that run on it, by the packets that are for them.
    pub lanes: Lanes,
    /// The instances that have addresses on it, whether or not they run on it.
    pub guests: Vec<InstanceId>,
    /// The instances that cannot run without it, though their adverts go elsewhere.
    pub dependents: Vec<InstanceId>,
    /// The instances that track it.
    pub watchers: Vec<Watcher>,
}

/// All virtual routers of the process.
#[derive(Debug, Default)]
pub struct Router {
    pub(super) slots: Vec<Option<Instance>>,
    /// Empty slots.
    pub(super) free: Vec<InstanceId>,
    pub(super) by_name: HashMap<String, InstanceId>,
    pub(super) groups: Vec<Group>,
    pub(super) networks: HashMap<String, Network>,
    /// The instances that run on no interface in particular, by their source address.
    pub(super) unbound: HashMap<IpAddr, Lanes>,
    /// Those of them that cannot run without that address.
    pub(super) unbound_watchers: Vec<InstanceId>,
    pub(super) interfaces: Interfaces,
    pub(super) trackers: Trackers,
    pub(super) garp: Pacer,
    pub(super) started: bool,
    keeps_addresses: bool,
    pub(super) log_unknown_vrids: bool,
    pub(super) wall_offset: WallOffset,
    limiter: Limiter,
    stats: RouterStats,
}

impl Router {
    /// The virtual routers of a configuration, none of them started: tell the interfaces, then `Event::Start`.
    pub fn new(config: &Vrrp, log_unknown_vrids: bool) -> Self {
        let mut router = Router {
            log_unknown_vrids,
            ..Router::default()
        };
        for instance in &config.instances {
            router.insert(instance.clone());
        }
        router.index_networks();
        router.index_groups(config);
        router.interfaces.set_delays(&config.link_delays);
        router.garp.set_groups(&config.garp_groups);
        router
    }

    /// From now on whoever stops being MASTER leaves its addresses, routes and rules where they are, or not: the daemon is about to
    /// stop, and was told so (`--dont-release-vrrp`).
    pub fn keep_addresses(&mut self, keep: bool) {
        self.keeps_addresses = keep;
    }

    /// Says what a process before this one recorded of an instance; call it before `Event::Start`. One that was MASTER until a
    /// moment ago goes on as MASTER with an advert at once; its addresses are taken to be on the host still.
    pub fn resume(&mut self, instance: InstanceId, record: Record) {
        if let Some(instance) = self.instance_mut(instance) {
            instance.set_resume(record);
        }
    }

    /// Says what the process before this one had heard of the peers of an instance.
    pub fn remember(&mut self, instance: InstanceId, marks: &[Mark]) {
        if let Some(instance) = self.instance_mut(instance) {
            instance.remember(marks);
        }
    }

    /// An instance.
    pub fn instance(&self, id: InstanceId) -> Option<&Instance> {
        self.slots.get(usize::try_from(id).ok()?)?.as_ref()
    }

    /// An instance by its name in the file.
    pub fn find(&self, name: &str) -> Option<&Instance> {
        self.by_name.get(name).and_then(|id| self.instance(*id))
    }

    /// All instances, by place.
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.slots.iter().flatten()
    }

    /// What is known of an interface.
    pub fn interface(&self, index: u32) -> Option<&Interface> {
        self.interfaces.numbered(index)
    }

    /// What is known of an interface.
    pub fn interface_named(&self, name: &str) -> Option<&Interface> {
        self.interfaces.named(name)
    }

    /// What a tracked interface adds to a priority now; nothing without weight.
    pub fn contribution(&self, tracked: &TrackedInterface) -> i32 {
        self.interfaces.share(tracked).adds
    }

    /// What a tracked script or the like says, and adds to a priority now.
    pub fn tracked(&self, tracked: &Tracked) -> (Level, i32) {
        (
            self.trackers.level(tracked),
            self.trackers.share(tracked).adds,
        )
    }

    /// Counters of packets that belong to no instance.
    pub fn stats(&self) -> RouterStats {
        self.stats
    }

    /// Counts from zero again, everywhere.
    pub fn clear_stats(&mut self) {
        self.stats = RouterStats::default();
        self.slots
            .iter_mut()
            .flatten()
            .for_each(Instance::clear_stats);
    }

    /// Says what the host's clock stands at, now and until it is told again. Signed adverts (`auth_hmac`) tell the time and are judged
    /// by it; nothing else depends on it.
    pub fn set_wall(&mut self, now: Instant, wall: Wall) {
        self.wall_offset = WallOffset::between(now, wall);
    }

    /// Takes one event at the time `now`, which never goes back, and appends what is to be done to `actions`.
    pub fn handle(&mut self, now: Instant, event: Event<'_>, actions: &mut Actions) {
        match event {
            Event::Start => {
                self.started = true;
                let all: Vec<InstanceId> = self.instances().map(Instance::id).collect();
                self.start(now, &all, actions);
            }
            Event::Packet { interface, bytes } => self.packet(now, interface, bytes, actions),
            Event::Timer { key, deadline } => self.timer(now, key, deadline, actions),
            Event::Interface(interface) => self.learn(now, interface, actions),
            Event::InterfaceGone { index } => {
                self.garp.forget(index, actions);
                if self.interfaces.settled(index).is_some() {
                    actions.push(Action::Disarm(TimerKey::LinkDelay(index)));
                }
                if let Some(name) = self.interfaces.forget(index) {
                    self.refit(now, &name, actions);
                }
                self.refit_unbound(now, actions);
            }
            Event::Tracker { kind, name, level } => {
                let watchers = self.trackers.learn(kind, name, level);
                for &(id, place) in &watchers {
                    self.with(now, id, actions, |instance, context| {
                        instance.weigh_tracker(place, context.trackers)
                    });
                }
                let watchers: Vec<InstanceId> = watchers.into_iter().map(|(id, _)| id).collect();
                self.refit_all(now, &watchers, actions);
            }
            Event::SendFailed {
                instance,
                destination,
                error,
            } => self.with(now, instance, actions, |instance, context| {
                let stats = instance.stats_mut();
                stats.advert_send_failed = stats.advert_send_failed.saturating_add(1);
                instance.tell_limited(Topic::SendFailed, context, |suppressed| Said::SendFailed {
                    destination,
                    error,
                    suppressed,
                });
            }),
            Event::AddressesRestored { instance } => {
                self.with(now, instance, actions, Instance::announce_again)
            }
            Event::AddressUnavailable { instance, address } => {
                self.with(now, instance, actions, |instance, _| {
                    instance.withhold(address)
                })
            }
            Event::AddressUsable { instance, address } => {
                self.with(now, instance, actions, |instance, context| {
                    instance.announce_usable(address, context)
                })
            }
            Event::Reload {
                vrrp,
                log_unknown_vrids,
            } => {
                self.log_unknown_vrids = log_unknown_vrids;
                self.reload(now, vrrp, actions);
            }
            Event::StoodStill { gap } => self.each(now, actions, |instance, context| {
                instance.stood_still(gap, context)
            }),
            Event::Stop => {
                self.started = false;
                self.each(now, actions, Instance::shutdown);
                for group in 0..self.groups.len() {
                    self.settle(now, group, actions);
                }
            }
        }
    }

    fn packet(&mut self, now: Instant, interface: u32, bytes: &[u8], actions: &mut Actions) {
        let Some((envelope, message)) = Envelope::open(bytes) else {
            self.stats.unreadable = self.stats.unreadable.saturating_add(1);
            return;
        };
        let Some(vrid) = vrrp::peek_vrid(message) else {
            self.stats.unreadable = self.stats.unreadable.saturating_add(1);
            return;
        };
        match self.find_lane(interface, vrid, &envelope) {
            Some(id) => {
                self.with_group(now, id, actions, |instance, context| {
                    instance.packet(&envelope, message, context)
                });
            }
            // Sockets of interfaces hear what is for instances without one, and the other way round.
            None if interface == UNBOUND || self.unbound.contains_key(&envelope.destination) => {}
            None => self.unknown_vrid(now, interface, vrid, envelope.source, actions),
        }
    }

    /// The instance that a packet is for.
    fn find_lane(&self, interface: u32, vrid: u8, envelope: &Envelope) -> Option<InstanceId> {
        let lanes = if interface == UNBOUND {
            self.unbound.get(&envelope.destination)?
        } else {
            let unbound = self.unbound.get(&envelope.destination);
            if unbound.is_some_and(|lanes| lanes.expects(vrid, envelope)) {
                return None;
            }
            let name = &self.interfaces.numbered(interface)?.name;
            &self.networks.get(name)?.lanes
        };
        lanes.find(vrid, envelope)
    }

    fn unknown_vrid(
        &mut self,
        now: Instant,
        interface: u32,
        vrid: u8,
        source: IpAddr,
        actions: &mut Actions,
    ) {
        self.stats.unknown_vrid = self.stats.unknown_vrid.saturating_add(1);
        if !self.log_unknown_vrids {
            return;
        }
        if let Some(suppressed) = self.limiter.allow(Topic::UnknownVrid, now) {
            let interface = self
                .interfaces
                .numbered(interface)
                .map_or_else(|| interface.to_string(), |known| known.name.clone());
            actions.push(Action::Tell(Notice::UnknownVrid {
                vrid,
                interface,
                source,
                suppressed,
            }));
        }
    }

    fn timer(&mut self, now: Instant, key: TimerKey, deadline: Instant, actions: &mut Actions) {
        match key {
            TimerKey::Advert(id) => self.with_group(now, id, actions, |instance, context| {
                instance.advert_due(deadline, context)
            }),
            TimerKey::MasterDown(id) => {
                let mut wants = false;
                self.with(now, id, actions, |instance, context| {
                    wants = instance.master_down(deadline, context);
                });
                match self.instance(id).and_then(Instance::group) {
                    _ if !wants => {}
                    Some(group) => self.wants_master(now, group, id, actions),
                    None => self.with(now, id, actions, Instance::take_over),
                }
            }
            TimerKey::LinkDelay(index) => {
                if let Some(interface) = self.interfaces.settled(index) {
                    self.believe(now, &interface, actions);
                }
            }
            TimerKey::Garp(id) => self.with(now, id, actions, Instance::garp_due),
            TimerKey::GarpQueue(index) => {
                if let Some(interface) = self.interfaces.numbered(index) {
                    self.garp.run(now, interface, actions);
                }
            }
        }
    }

    /// Hears of an interface; whether it is up is believed at once or after a while.
    fn learn(&mut self, now: Instant, interface: &Interface, actions: &mut Actions) {
        let (believed, timer) = self.interfaces.debounce(now, interface);
        match timer {
            Debounce::None => {}
            Debounce::Arm(at) => {
                actions.push(Action::Arm(TimerKey::LinkDelay(interface.index), at))
            }
            Debounce::Disarm => actions.push(Action::Disarm(TimerKey::LinkDelay(interface.index))),
        }
        self.believe(now, &believed, actions);
    }

    fn believe(&mut self, now: Instant, interface: &Interface, actions: &mut Actions) {
        let was_up = self
            .interfaces
            .named(&interface.name)
            .is_some_and(|known| known.up);
        let sources = self
            .interfaces
            .numbered(interface.index)
            .map_or(&[][..], |known| &known.sources);
        let moved = sources != interface.sources;
        for name in self.interfaces.learn(interface) {
            self.refit(now, &name, actions);
        }
        if moved {
            self.refit_unbound(now, actions);
        }
        if interface.up && !was_up && self.started {
            // Switches forget who is where when a link goes down. Whoever became MASTER by this has announced itself already.
            let guests = self
                .networks
                .get(&interface.name)
                .map(|network| network.guests.clone())
                .unwrap_or_default();
            for id in guests {
                self.with(now, id, actions, |instance, context| {
                    if instance.last_transition() != Some(now) {
                        instance.announce_again(context);
                    }
                });
            }
        }
    }

    /// Lets the instances that an interface concerns look anew.
    fn refit(&mut self, now: Instant, name: &str, actions: &mut Actions) {
        let Some(network) = self.networks.get(name) else {
            return;
        };
        let mut concerned: Vec<InstanceId> = network.lanes.instances().collect();
        concerned.extend(&network.dependents);
        for (id, place) in network.watchers.clone() {
            concerned.push(id);
            self.with(now, id, actions, |instance, context| {
                instance.weigh_interface(place, context.interfaces)
            });
        }
        concerned.sort_unstable();
        concerned.dedup();
        self.refit_all(now, &concerned, actions);
    }

    /// Lets those look anew that need an address wherever it is.
    fn refit_unbound(&mut self, now: Instant, actions: &mut Actions) {
        let watchers = self.unbound_watchers.clone();
        self.refit_all(now, &watchers, actions);
    }

    /// Lets instances look anew, and the groups of those that have one, each once. Those that wait to begin may do so now.
    pub(super) fn refit_all(&mut self, now: Instant, ids: &[InstanceId], actions: &mut Actions) {
        let begun = |id: &InstanceId| self.instance(*id).is_some_and(Instance::has_begun);
        let (ids, waiting): (Vec<InstanceId>, Vec<InstanceId>) = match self.started {
            true => ids.iter().copied().partition(begun),
            false => (ids.to_vec(), Vec::new()),
        };
        let mut groups = Vec::new();
        for id in ids {
            self.with(now, id, actions, |instance, context| {
                instance.look(context);
                match instance.group() {
                    Some(group) => groups.push(group),
                    None => instance.fit(false, context),
                }
            });
        }
        groups.sort_unstable();
        groups.dedup();
        for group in groups {
            self.settle(now, group, actions);
        }
        if !waiting.is_empty() {
            self.start(now, &waiting, actions);
        }
    }

    /// Lets one instance do something, and its group follow where that leads it.
    fn with_group(
        &mut self,
        now: Instant,
        id: InstanceId,
        actions: &mut Actions,
        act: impl FnOnce(&mut Instance, &mut Context<'_>),
    ) {
        let (mut moved, mut contradicted, mut group) = (false, false, None);
        self.with(now, id, actions, |instance, context| {
            let before = (instance.state(), instance.last_contradiction());
            act(instance, context);
            group = instance.group();
            moved = before.0 != instance.state();
            contradicted = before.1 != instance.last_contradiction();
        });
        let Some(group) = group else { return };
        if moved {
            self.settle(now, group, actions);
        }
        if contradicted {
            self.announce_group(now, group, id, actions);
        }
    }

    pub(super) fn instance_mut(&mut self, id: InstanceId) -> Option<&mut Instance> {
        self.slots.get_mut(usize::try_from(id).ok()?)?.as_mut()
    }

    /// Lets one instance do something; nothing when there is none of that place.
    pub(super) fn with(
        &mut self,
        now: Instant,
        id: InstanceId,
        actions: &mut Actions,
        act: impl FnOnce(&mut Instance, &mut Context<'_>),
    ) {
        let slot = usize::try_from(id)
            .ok()
            .and_then(|at| self.slots.get_mut(at));
        if let Some(Some(instance)) = slot {
            act(
                instance,
                &mut Context {
                    now,
                    wall_offset: self.wall_offset,
                    interfaces: &self.interfaces,
                    trackers: &self.trackers,
                    garp: &mut self.garp,
                    keeps_addresses: self.keeps_addresses,
                    actions,
                },
            );
        }
    }

    fn each(
        &mut self,
        now: Instant,
        actions: &mut Actions,
        act: impl Fn(&mut Instance, &mut Context<'_>),
    ) {
        let mut context = Context {
            now,
            wall_offset: self.wall_offset,
            interfaces: &self.interfaces,
            trackers: &self.trackers,
            garp: &mut self.garp,
            keeps_addresses: self.keeps_addresses,
            actions,
        };
        for instance in self.slots.iter_mut().flatten() {
            act(instance, &mut context);
        }
    }
}
