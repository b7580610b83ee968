//! The simulated world: nodes (node.rs) with interfaces on one or more segments, packets that take time, get lost or come twice.
//! Every step checks the invariants of watch.rs. What can befall a node is in mishaps.rs.

use super::node::{Input, Node, Plug, Running, link_local, sources};
use super::random::Random;
use super::settings::NAMES;
use super::tally::Tally;
use super::tracked::{SILENT, check_priority};
use super::watch::{Violation, Watch};
use crate::config::model::Vrrp;
use crate::notify::{Kind, What};
use crate::time::Instant;
use crate::vrrp::{Action, Actions, Event, Instance, Interface, Router, State, UNBOUND};
use crate::wheel::Wheel;
use crate::wire::destination;
use crate::wire::vrrp::PRIORITY_OWNER;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// A node, by the order of `Network::add_node`.
pub type NodeId = usize;

/// A segment that nodes have an interface on: "eth0" on the first, "eth1" on the second.
pub type SegmentId = usize;

/// The kernel index of "eth0".
const FIRST_INTERFACE: u32 = 2;
/// As many packets wait for a node that does not read; the rest is lost, as in a socket buffer.
const SOCKET_BUFFER: usize = 64;
/// The world begins here, not at zero: nothing may depend on that.
const ORIGIN: Instant = Instant(1_000_000_000_000);

/// What the segment does to packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Lost, in a hundred.
    pub loss_percent: u64,
    /// Delivered twice, in a hundred.
    pub duplicate_percent: u64,
    /// The shortest and the longest way.
    pub delay: (Duration, Duration),
}

/// Arrival, order of sending, receiver, on which segment, packet.
type InFlight = (Instant, u64, NodeId, SegmentId, Vec<u8>);

/// The world.
pub struct Network {
    pub(super) now: Instant,
    pub(super) nodes: Vec<Node>,
    conditions: Conditions,
    /// Who does not hear whom, on which segment: the sender first.
    deaf: BTreeSet<(NodeId, NodeId, SegmentId)>,
    random: Random,
    in_flight: BinaryHeap<Reverse<InFlight>>,
    sent: u64,
    log: Vec<(Instant, NodeId, String)>,
    pub(super) tally: Tally,
}

impl Network {
    /// An empty world; what happens to packets follows from the seed.
    pub fn new(seed: u64, conditions: Conditions) -> Self {
        Network {
            now: ORIGIN,
            nodes: Vec::new(),
            conditions,
            deaf: BTreeSet::new(),
            random: Random::new(seed),
            in_flight: BinaryHeap::new(),
            sent: 0,
            log: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Adds a node that is switched off, with an interface on as many segments as it has addresses.
    pub fn add_node(&mut self, config: Vrrp, addresses: &[Ipv4Addr]) -> NodeId {
        let plug = |(index, address): (u32, &Ipv4Addr)| {
            let [.., segment, last] = address.octets();
            let interface = Interface {
                index,
                name: format!("eth{}", index.saturating_sub(FIRST_INTERFACE)),
                up: true,
                mac: [2, 0, 0, 0, segment, last],
                mtu: 1500,
                primary_v4: Some(*address),
                link_local: Some(link_local(*address)),
                sources: sources(*address),
            };
            Plug {
                interface,
                address: *address,
                side: 0,
            }
        };
        self.nodes.push(Node {
            router: Router::new(&config, false),
            config,
            plugs: (FIRST_INTERFACE..).zip(addresses).map(plug).collect(),
            paused_at: self.now,
            wheel: Wheel::new(self.now),
            running: Running::Off,
            inbox: VecDeque::new(),
            holds: BTreeSet::new(),
            records: BTreeMap::new(),
            watch: Watch::default(),
            levels: SILENT,
            told: SILENT,
        });
        self.nodes.len() - 1
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// No node yet.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// What the nodes said, in order.
    pub fn log(&self) -> &[(Instant, NodeId, String)] {
        &self.log
    }

    /// A node's core, to look at.
    pub fn router(&self, node: NodeId) -> &Router {
        &self.nodes[node].router
    }

    /// A node's configuration.
    pub fn config(&self, node: NodeId) -> &Vrrp {
        &self.nodes[node].config
    }

    /// Whether a node runs (a paused one does not).
    pub fn is_running(&self, node: NodeId) -> bool {
        self.nodes[node].running == Running::Yes
    }

    /// The nodes where the instance of this name is MASTER; one that is switched off has none.
    pub fn masters(&self, instance: &str) -> Vec<NodeId> {
        let is_master = |node: &Node| {
            node.running != Running::Off
                && node
                    .router
                    .find(instance)
                    .is_some_and(|instance| instance.state() == State::Master)
        };
        (0..self.nodes.len())
            .filter(|id| is_master(&self.nodes[*id]))
            .collect()
    }

    /// Changes what the segment does to packets.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// Puts a node on one side of a partition of a segment: only nodes of the same side hear each other.
    pub fn set_side(&mut self, node: NodeId, segment: SegmentId, side: u8) {
        self.nodes[node].plugs[segment].side = side;
    }

    /// Cuts the way from one node to another, or mends it; the way back is another one.
    pub fn set_hears(&mut self, from: NodeId, to: NodeId, segment: SegmentId, hears: bool) {
        if hears {
            self.deaf.remove(&(from, to, segment));
        } else {
            self.deaf.insert((from, to, segment));
        }
    }

    /// Every way is there again.
    pub fn mend_all(&mut self) {
        self.deaf.clear();
    }

    /// How many segments a node has an interface on.
    pub fn segments(&self, node: NodeId) -> usize {
        self.nodes[node].plugs.len()
    }

    /// Lets the time pass until `until`, doing everything that is due in between, in order.
    ///
    /// # Errors
    /// The first invariant that did not hold.
    pub fn run_until(&mut self, until: Instant) -> Result<(), Violation> {
        while let Some(next) = self.next_event().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            while let Some(Reverse((at, ..))) = self.in_flight.peek()
                && *at <= self.now
                && let Some(Reverse((_, _, to, segment, packet))) = self.in_flight.pop()
            {
                self.arrive(to, Input::Packet(segment, packet))?;
            }
            for node in 0..self.nodes.len() {
                self.expire(node)?;
            }
        }
        self.now = until;
        Ok(())
    }

    /// Lets so much time pass.
    ///
    /// # Errors
    /// The first invariant that did not hold.
    pub fn run_for(&mut self, time: Duration) -> Result<(), Violation> {
        self.run_until(self.now + time)
    }

    fn next_event(&self) -> Option<Instant> {
        let running = self
            .nodes
            .iter()
            .filter(|node| node.running == Running::Yes);
        let timers = running.filter_map(|node| node.wheel.next_deadline());
        timers
            .chain(self.in_flight.peek().map(|Reverse((at, ..))| *at))
            .min()
    }

    pub(super) fn begin(&mut self, id: NodeId) -> Result<(), Violation> {
        for segment in 0..self.nodes[id].plugs.len() {
            let interface = self.nodes[id].plugs[segment].interface.clone();
            self.handle(id, Event::Interface(&interface))?;
        }
        self.nodes[id].told = SILENT;
        self.handle(id, Event::Start)?;
        self.tell_all(id)
    }

    pub(super) fn arrive(&mut self, id: NodeId, input: Input) -> Result<(), Violation> {
        let node = &mut self.nodes[id];
        match node.running {
            Running::Yes => self.take(id, &input),
            Running::Paused => {
                let is_packet = matches!(input, Input::Packet(..));
                if node.inbox.len() < SOCKET_BUFFER || !is_packet {
                    node.inbox.push_back(input);
                }
                Ok(())
            }
            Running::Off => Ok(()),
        }
    }

    pub(super) fn take(&mut self, id: NodeId, input: &Input) -> Result<(), Violation> {
        match input {
            Input::Interface(interface) => {
                self.nodes[id].watch.excuse();
                self.handle(id, Event::Interface(interface))
            }
            Input::Tracker(place, level) => self.tell(id, *place, *level),
            Input::Packet(segment, bytes) => {
                let now = self.now;
                let node = &mut self.nodes[id];
                let interface = &node.plugs[*segment].interface;
                if !interface.up {
                    return Ok(());
                }
                let mut unbound = false;
                for instance in node.router.instances() {
                    let config = instance.config();
                    let at_its_address = !config.is_bound() && config.source == destination(bytes);
                    unbound |= at_its_address;
                    if config.interface == interface.name || at_its_address {
                        let own = config.source.or(interface.source(config.family()));
                        let held_back = node.watch.hears(now, instance, own, bytes);
                        self.tally.held_back += u64::from(held_back);
                    }
                }
                let interface = interface.index;
                self.handle(id, Event::Packet { interface, bytes })?;
                // The kernel gives a packet to every socket that it could be for.
                if unbound {
                    let interface = UNBOUND;
                    self.handle(id, Event::Packet { interface, bytes })?;
                }
                Ok(())
            }
        }
    }

    pub(super) fn expire(&mut self, id: NodeId) -> Result<(), Violation> {
        while self.nodes[id].running == Running::Yes
            && let Some((key, deadline)) = self.nodes[id].wheel.pop_expired(self.now)
        {
            self.handle(id, Event::Timer { key, deadline })?;
        }
        Ok(())
    }

    pub(super) fn handle(&mut self, id: NodeId, event: Event<'_>) -> Result<(), Violation> {
        let mut actions = Actions::new();
        self.nodes[id].router.handle(self.now, event, &mut actions);
        for action in actions {
            self.perform(id, action)?;
        }
        let node = &self.nodes[id];
        for instance in node.router.instances() {
            node.watch
                .settled(self.now, instance, node.holds.contains(&instance.id()))?;
            check_priority(self.now, &node.router, instance, &node.told)?;
        }
        for group in node.router.groups() {
            let members = group.members().iter();
            let states: Vec<State> = members
                .filter_map(|member| node.router.instance(*member))
                .map(Instance::state)
                .collect();
            if states.iter().any(|state| *state != group.state()) {
                return Err(Violation {
                    what: format!(
                        "group {} is {}, its members are {states:?}",
                        group.name(),
                        group.state()
                    ),
                    at: self.now,
                });
            }
        }
        Ok(())
    }

    fn perform(&mut self, id: NodeId, action: Action) -> Result<(), Violation> {
        let now = self.now;
        let node = &mut self.nodes[id];
        match action {
            Action::Arm(key, at) => node.wheel.arm(key, at),
            Action::Disarm(key) => {
                node.wheel.disarm(key);
            }
            Action::HoldAddresses(instance, true) => {
                node.holds.insert(instance);
            }
            Action::HoldAddresses(instance, false) => {
                node.holds.remove(&instance);
            }
            Action::Record(instance, record) => {
                node.records.insert(instance, record);
            }
            // Nobody authenticates by numbers here.
            Action::Mark(..) => {}
            Action::Notify(event, _) => {
                self.count_change(id, event.kind, &event.name, event.what);
                let node = &mut self.nodes[id];
                if let (Kind::Instance, Some(to)) = (event.kind, state(event.what))
                    && let Some(instance) = node.router.find(&event.name)
                {
                    node.watch.changed(now, instance, to)?;
                }
            }
            Action::Tell(notice) => self.log.push((now, id, notice.to_string())),
            Action::SendFrame { frame, .. } => node.check_announcement(now, &frame)?,
            Action::SendAdvert {
                instance,
                interface,
                packets,
                ..
            } => {
                if let Some(instance) = node.router.instance(instance) {
                    node.watch.sent(now, instance)?;
                    node.watch.reaches(now, instance, packets.as_slice())?;
                    if instance.config().transport.unicast.is_some() {
                        self.tally.unicast_sent += packets.as_slice().len() as u64;
                    }
                }
                for packet in packets.as_slice() {
                    // Interfaces are numbered without gaps; without one, the network of the peer's address is the way.
                    let segment = match interface {
                        UNBOUND => self.segment_of(destination(packet)),
                        bound => usize::try_from(bound.saturating_sub(FIRST_INTERFACE)).ok(),
                    };
                    self.transmit(id, segment.unwrap_or(0), packet);
                }
            }
        }
        Ok(())
    }

    /// Counts a change of state that is about to be told.
    fn count_change(&mut self, id: NodeId, kind: Kind, name: &str, what: What) {
        let router = &self.nodes[id].router;
        if state(what).is_none() {
            return;
        }
        match kind {
            Kind::Group => {
                let mut groups = router.groups();
                let moved = groups.any(|group| group.name() == name && group.members().len() > 1);
                self.tally.groups_moved += u64::from(moved);
            }
            Kind::Instance => {
                let owner = router
                    .find(name)
                    .is_some_and(|instance| instance.effective_priority() == PRIORITY_OWNER);
                let took = what == What::Master
                    && owner
                    && self.masters(name).iter().any(|master| *master != id);
                self.tally.owners_took_over += u64::from(took);
            }
        }
    }

    /// The segment on which some node has this address.
    fn segment_of(&self, address: Option<IpAddr>) -> Option<SegmentId> {
        let plugs = self
            .nodes
            .iter()
            .flat_map(|node| node.plugs.iter().enumerate());
        let mut owners = plugs.filter(|(_, plug)| {
            address.is_some_and(|address| sources(plug.address).contains(&address))
        });
        owners.next().map(|(segment, _)| segment)
    }

    fn transmit(&mut self, from: NodeId, segment: SegmentId, packet: &[u8]) {
        let side = self.nodes[from].plugs[segment].side;
        if !self.nodes[from].plugs[segment].interface.up {
            return;
        }
        for to in 0..self.nodes.len() {
            let plug = self.nodes[to].plugs.get(segment);
            if to == from
                || !plug.is_some_and(|plug| {
                    plug.side == side && plug.interface.up && plug.is_addressed(packet)
                })
            {
                continue;
            }
            let deaf = self.deaf.contains(&(from, to, segment));
            if deaf && !self.deaf.contains(&(to, from, segment)) {
                let masters = NAMES.get(segment).map(|name| self.masters(name));
                let rivals =
                    masters.is_some_and(|masters| [from, to].iter().all(|id| masters.contains(id)));
                self.tally.one_way_rivals += u64::from(rivals);
            }
            if deaf || self.random.percent(self.conditions.loss_percent) {
                continue;
            }
            let copies = if self.random.percent(self.conditions.duplicate_percent) {
                2
            } else {
                1
            };
            for _ in 0..copies {
                let (shortest, longest) = self.conditions.delay;
                let arrival = self.now + self.random.duration(shortest..longest);
                self.sent += 1;
                self.in_flight
                    .push(Reverse((arrival, self.sent, to, segment, packet.to_vec())));
            }
        }
    }
}

/// The state that is told, if it is one.
fn state(what: What) -> Option<State> {
    match what {
        What::Master => Some(State::Master),
        What::Backup => Some(State::Backup),
        What::Fault => Some(State::Fault),
        What::Stop | What::Deleted => Some(State::Initialize),
        What::MasterRxLowerPri | What::MasterPriority | What::BackupPriority => None,
    }
}
