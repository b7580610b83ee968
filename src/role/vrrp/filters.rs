//! The packet filter's side of the VRRP role: the nftables socket and the reconciler behind it. Which addresses are not answered is the
//! configuration's to say, when is the core's; the order in a turn is mod.rs's.

use super::Source;
use crate::config::model::{Firewall, LinkKind, Model, VirtualAddress, VirtualLink, VrrpInstance};
use crate::kernel::Known;
use crate::kernel::filter::{self, Element, Place, Set, Shape};
use crate::os::poll::{Loop, Want};
use crate::role::nftables::{Nftables, not_sent};
use crate::time::Instant;
use crate::vrrp::{InstanceId, Router};
use log::warn;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;

/// For whom there are elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Holder {
    /// The addresses of an instance that is MASTER.
    Addresses(InstanceId),
    /// The virtual MACs, whatever their instances do; by place among them.
    Link(usize),
}

/// Our tables and what is to be in them.
#[derive(Default)]
pub(super) struct Filters {
    /// None while there is nothing to filter: other people's changes of nftables would wake us.
    socket: Option<Nftables>,
    reconciler: crate::kernel::Filters<Holder>,
    firewall: Firewall,
    /// MASTERs whose addresses are not answered.
    holding: HashSet<InstanceId>,
    /// Instances that were MASTER in the life of a process before, until it is known what they are now.
    presumed: HashSet<InstanceId>,
    /// Virtual MACs.
    links: Vec<VirtualLink>,
    /// Whose elements have to be looked at anew when an interface changes.
    places: HashMap<String, BTreeSet<Holder>>,
}

impl Filters {
    /// Begins with a configuration: makes the tables it needs, and removes what an earlier run has left.
    pub fn begin(&mut self, model: &Model, known: &Known) {
        // Two daemons share a host by names of their own, and then the tables of the other are none of our business.
        if shape(model).is_some() || model.global.instance.is_none() {
            let table = &model.global.firewall.table;
            self.reconciler.expect_leftovers(table);
        }
        self.configure(model, known);
    }

    /// What a process before this one kept silent stays so until `settle` tells that it need not.
    pub fn presume(&mut self, id: InstanceId, config: &VrrpInstance, known: &Known) {
        self.hold(id, config, known);
        self.presumed.insert(id);
    }

    /// All instances have begun.
    pub fn settle(&mut self) {
        for id in std::mem::take(&mut self.presumed) {
            self.release(id);
        }
    }

    /// Goes over to another configuration.
    pub fn reload(&mut self, model: &Model, router: &Router, known: &Known) {
        self.configure(model, known);
        for id in self.holding.clone() {
            if let Some(instance) = router.instance(id) {
                self.hold(id, instance.config(), known);
            }
        }
    }

    fn configure(&mut self, model: &Model, known: &Known) {
        self.firewall = model.global.firewall.clone();
        self.reconciler.want(shape(model));
        self.places.clear();
        let before = self.links.len();
        self.links = virtual_macs(model).cloned().collect();
        for place in 0..before.max(self.links.len()) {
            self.guide(place, known);
        }
    }

    /// Keeps the addresses of an instance from answering, when its configuration says so.
    pub fn hold(&mut self, id: InstanceId, config: &VrrpInstance, known: &Known) {
        self.presumed.remove(&id);
        self.holding.insert(id);
        let elements = if config.answers() {
            Vec::new()
        } else {
            self.elements(id, config, known)
        };
        self.reconciler.hold(Holder::Addresses(id), elements);
    }

    /// The addresses of an instance need no filter once they are gone.
    pub fn release(&mut self, id: InstanceId) {
        if self.holding.remove(&id) {
            self.reconciler.hold(Holder::Addresses(id), Vec::new());
        }
    }

    /// An interface appeared, changed or went away.
    pub fn interface_changed(&mut self, name: &str, router: &Router, known: &Known) {
        let Some(concerned) = self.places.remove(name) else {
            return;
        };
        for holder in concerned {
            match holder {
                Holder::Link(place) => self.guide(place, known),
                Holder::Addresses(id) if self.holding.contains(&id) => {
                    if let Some(instance) = router.instance(id) {
                        self.hold(id, instance.config(), known);
                    }
                }
                Holder::Addresses(_) => {}
            }
        }
    }

    /// Sees to it that the multicast messages of a virtual MAC leave by its base.
    fn guide(&mut self, place: usize, known: &Known) {
        let holder = Holder::Link(place);
        let mut elements = Vec::new();
        if let Some(link) = self.links.get(place) {
            for name in [&link.name, &link.base] {
                let holders = self.places.entry(name.clone()).or_default();
                holders.insert(holder);
            }
            if let (Some(vmac), Some(base)) = (known.index(&link.name), known.index(&link.base)) {
                elements = guidance(link, vmac, base);
            }
        }
        self.reconciler.hold(holder, elements);
    }

    /// The daemon stops: the tables go.
    pub fn end(&mut self) {
        self.reconciler.want(None);
    }

    /// Reads what has come; true when there may be more.
    pub fn receive(&mut self, now: Instant) -> bool {
        let reconciler = &mut self.reconciler;
        let socket = self.socket.as_mut();
        socket.is_some_and(|socket| socket.receive(|told| reconciler.handle(now, told)))
    }

    /// Does one batch of what is to be done now; true when another can follow. `addresses_settled` says that those which had to go are
    /// gone: only then what kept them silent goes.
    pub fn send(
        &mut self,
        events: &mut Loop<Source>,
        now: Instant,
        addresses_settled: bool,
    ) -> bool {
        if let Some((sequence, bytes)) = self.reconciler.batch(now, addresses_settled) {
            let sent = self.socket(events).and_then(|socket| socket.send(&bytes));
            match sent {
                // The kernel has carried it out, so the answer is there.
                Ok(()) => {
                    self.receive(now);
                }
                Err(error) => self.reconciler.handle(now, not_sent(sequence, &error)),
            }
        }
        if !self.reconciler.is_needed() && self.reconciler.is_settled(now) {
            self.close(events);
        }
        self.reconciler.is_ready(now)
    }

    /// True when there is something that waits for addresses to be gone.
    pub fn has_leaving(&self) -> bool {
        self.reconciler.has_late()
    }

    /// When there is something to do though nothing happens.
    pub fn next_retry(&self) -> Option<Instant> {
        self.reconciler.next_retry()
    }

    /// True when what is to be filtered is filtered.
    pub fn is_in_place(&self) -> bool {
        self.reconciler.is_in_place()
    }

    /// Logs what the reconciler has to say.
    pub fn tell(&mut self) {
        for notice in self.reconciler.take_notices() {
            warn!("{notice}");
        }
    }

    fn socket(&mut self, events: &mut Loop<Source>) -> io::Result<&Nftables> {
        match &mut self.socket {
            Some(socket) => Ok(socket),
            none => {
                let socket = Nftables::open()?;
                events.add(&socket, Source::Filter, Want::Read)?;
                Ok(none.insert(socket))
            }
        }
    }

    fn close(&mut self, events: &mut Loop<Source>) {
        if let Some(socket) = self.socket.take() {
            // One that cannot be removed is not waited for either.
            let _ = events.remove(&socket);
        }
    }

    fn elements(&mut self, id: InstanceId, config: &VrrpInstance, known: &Known) -> Vec<Element> {
        let mut elements = Vec::new();
        for line in lines(config) {
            let interface = line.interface.as_deref().unwrap_or(config.home());
            let place = if by_name(config, &self.firewall) {
                Some(Place::Name(interface))
            } else {
                known.index(interface).map(Place::Index)
            };
            if is_link_local(line) && !by_name(config, &self.firewall) {
                let holders = self.places.entry(interface.to_owned()).or_default();
                holders.insert(Holder::Addresses(id));
            }
            elements.extend(filter::unanswered(line.address, place));
        }
        elements
    }
}

fn lines(config: &VrrpInstance) -> impl Iterator<Item = &VirtualAddress> {
    let in_advert = config.virtual_addresses.iter();
    in_advert.chain(&config.holdings.addresses)
}

fn is_link_local(line: &VirtualAddress) -> bool {
    matches!(line.address, std::net::IpAddr::V6(address) if address.is_unicast_link_local())
}

/// An instance that runs on though its interface is down may see it made anew, with another index.
fn by_name(config: &VrrpInstance, firewall: &Firewall) -> bool {
    config.dont_track_primary && !firewall.by_index
}

/// The links of the instances that have a MAC of their own.
fn virtual_macs(model: &Model) -> impl Iterator<Item = &VirtualLink> {
    let instances = model.vrrp.instances.iter();
    instances
        .flat_map(|config| config.vmac.links())
        .filter(|link| matches!(link.kind, LinkKind::Macvlan { .. }))
}

/// What a virtual MAC needs of the filter, by its index and that of its base.
fn guidance(link: &VirtualLink, vmac: u32, base: u32) -> Vec<Element> {
    let mut elements = Vec::new();
    if !link.for_ipv6 {
        elements.push(Element::Igmp(vmac, base));
    }
    if link.has_ipv6 {
        elements.extend([Element::Mld(vmac, base), Element::Quiet(vmac)]);
    }
    elements
}

/// The tables that a configuration needs; none when it filters nothing.
fn shape(model: &Model) -> Option<Shape> {
    let global = &model.global;
    let firewall = &global.firewall;
    let mut sets = BTreeSet::new();
    for config in model.vrrp.instances.iter().filter(|it| !it.answers()) {
        let place = match by_name(config, firewall) {
            true => Place::Name(""),
            false => Place::Index(0),
        };
        let elements =
            lines(config).filter_map(|line| filter::unanswered(line.address, Some(place)));
        sets.extend(elements.map(|element| element.set()));
    }
    let guided = virtual_macs(model).flat_map(|link| guidance(link, 0, 0));
    sets.extend(guided.map(|element| element.set()));
    if global.disable_local_igmp {
        // There is nothing to be led elsewhere.
        sets.remove(&Set::Igmp);
    }
    (!sets.is_empty()).then(|| Shape {
        table: firewall.table.clone(),
        priority: firewall.priority,
        counters: firewall.counters,
        outbound: firewall.outbound,
        sets,
    })
}
