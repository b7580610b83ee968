//! The reconciler against a kernel of our own that answers as Linux does: tables of single stories, then random histories.

mod history;
mod holding;
mod links;
mod made;
mod others;
mod policies;
mod transport;

use super::*;
use crate::config::model::{LinkKind, NextHop, Prefix, Route, VirtualLink};
use crate::kernel::Address;
use crate::kernel::address::Claim;
use crate::kernel::backoff::LONGEST_DELAY;
use crate::kernel::link::{Kind, LinkUpdate, Nature};
use crate::kernel::netlink::LinkReport;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

const UP: u32 = 0x1_0043;

const IFF_UP: u32 = 1;
const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// A link as this kernel has it.
#[derive(Clone, Debug)]
struct There {
    name: String,
    nature: Nature,
    flags: u32,
    mac: [u8; 6],
    mtu: u32,
}

impl There {
    fn report(&self, index: u32) -> LinkReport {
        LinkReport {
            index,
            nature: self.nature.clone(),
            name: Some(self.name.clone()),
            flags: self.flags,
            mac: Some(self.mac),
            mtu: Some(self.mtu),
            hardware: 1,
        }
    }
}

/// Links, addresses, and the messages the reconciler has not read yet.
#[derive(Debug, Default)]
struct Kernel {
    links: BTreeMap<u32, There>,
    addresses: BTreeMap<(u32, Placement), Address>,
    policies: BTreeSet<Policy>,
    unread: VecDeque<Received>,
    writes: usize,
    refuse: Option<i32>,
}

impl Kernel {
    fn say(&mut self, sequence: u32, message: Message) {
        self.unread.push_back(Received {
            sequence,
            part_of_dump: false,
            interrupted: false,
            message,
        });
    }
    fn tell(&mut self, index: u32) {
        if let Some(there) = self.links.get(&index) {
            let report = there.report(index);
            self.say(0, Message::Link(report));
        }
    }
    /// A link of the host appears, or gets another name.
    fn link(&mut self, index: u32, name: &str) {
        let there = There {
            name: name.to_owned(),
            nature: Nature::new(Kind::Other),
            flags: UP,
            mac: MAC,
            mtu: 1500,
        };
        let there = self.links.entry(index).or_insert(there);
        name.clone_into(&mut there.name);
        self.tell(index);
    }
    /// The index of the link of this name.
    fn named(&self, name: &str) -> Option<u32> {
        let mut links = self.links.iter();
        links.find_map(|(index, there)| (there.name == name).then_some(*index))
    }
    fn unlink(&mut self, index: u32) {
        let gone: Vec<_> = self
            .addresses
            .keys()
            .filter(|(i, _)| *i == index)
            .copied()
            .collect();
        for (index, placement) in gone {
            self.delete(index, placement);
        }
        let upon = |there: &There| there.nature.base == Some(index);
        let upon = self.links.iter().filter(|(_, there)| upon(there));
        for index in upon.map(|(index, _)| *index).collect::<Vec<_>>() {
            self.unlink(index);
        }
        if self.links.remove(&index).is_some() {
            self.say(0, Message::LinkGone(index));
        }
    }
    fn add(&mut self, index: u32, mut address: Address) {
        address.flags |= 0x80;
        if let Some(there) = self.links.get(&index) {
            address.label.get_or_insert(there.name.clone());
            self.addresses
                .insert((index, address.placement), address.clone());
            self.say(0, Message::Address { index, address });
        }
    }
    fn delete(&mut self, index: u32, placement: Placement) {
        if self.addresses.remove(&(index, placement)).is_some() {
            self.say(0, Message::AddressGone { index, placement });
        }
    }
    fn perform(&mut self, sequence: u32, request: Request) {
        let errno = match request {
            Request::DumpLinks => {
                for (index, there) in self.links.clone() {
                    self.say(sequence, Message::Link(there.report(index)));
                }
                return self.say(sequence, Message::Done(0));
            }
            Request::DumpAddresses => {
                for ((index, _), address) in self.addresses.clone() {
                    self.say(sequence, Message::Address { index, address });
                }
                return self.say(sequence, Message::Done(0));
            }
            _ if self.refuse.is_some() => self.refuse.unwrap_or(0),
            Request::NewLink { link, base, group } => self.make(&link, base, group),
            Request::SetLink { index, update } => self.change(index, &update),
            Request::DeleteLink { index } => {
                let there = self.links.contains_key(&index);
                self.unlink(index);
                if there { 0 } else { ENODEV }
            }
            Request::AddAddress { index, address } => {
                self.writes += 1;
                if !self.links.contains_key(&index) {
                    ENODEV
                } else if self.addresses.contains_key(&(index, address.placement)) {
                    EEXIST
                } else {
                    self.add(index, address);
                    0
                }
            }
            Request::Policy {
                policy, add: true, ..
            } => {
                self.writes += 1;
                if self.policies.insert(policy) {
                    0
                } else {
                    EEXIST
                }
            }
            Request::Policy {
                policy, add: false, ..
            } => {
                let gone = self.policies.remove(&policy);
                if gone {
                    self.writes += 1;
                    let trace = policy.traces().remove(0);
                    self.say(0, Message::PolicyGone(trace));
                }
                if gone { 0 } else { ESRCH }
            }
            Request::DeleteAddress { index, placement } => {
                self.writes += 1;
                match self.addresses.contains_key(&(index, placement)) {
                    true => self.delete(index, placement),
                    false => return self.say(sequence, Message::Ack(EADDRNOTAVAIL)),
                }
                0
            }
        };
        self.say(sequence, Message::Ack(errno));
    }
    fn make(&mut self, link: &VirtualLink, base: u32, group: u32) -> i32 {
        if self.named(&link.name).is_some() {
            return EEXIST;
        }
        let Some(below) = self.links.get(&base) else {
            return ENODEV;
        };
        let there = There {
            name: link.name.clone(),
            nature: Nature::made(link, base, group),
            flags: UP & !IFF_UP,
            mtu: below.mtu,
            mac: match link.kind {
                LinkKind::Macvlan { mac } => mac,
                LinkKind::Ipvlan { .. } => below.mac,
            },
        };
        let index = self.links.keys().next_back().map_or(1, |last| last + 1);
        self.links.insert(index, there);
        self.tell(index);
        0
    }
    fn change(&mut self, index: u32, update: &LinkUpdate) -> i32 {
        let Some(there) = self.links.get_mut(&index) else {
            return ENODEV;
        };
        there.nature.updated(update);
        there.nature.group = update.group.unwrap_or(there.nature.group);
        if let Some(master) = update.master {
            there.nature.master = Some(master).filter(|master| *master != 0);
        }
        if update.up {
            there.flags |= IFF_UP;
        }
        there.mtu = update.mtu.unwrap_or(there.mtu);
        // Of settings it does not tell.
        if update.up || update.mtu.is_some() || update.group.is_some() || update.master.is_some() {
            self.tell(index);
        }
        0
    }
    fn has(&self, index: u32, text: &str) -> bool {
        self.addresses
            .contains_key(&(index, address(text).placement))
    }
}

const ESRCH: i32 = 3;

/// A route over eth0, of our protocol.
fn route(destination: &str) -> Policy {
    Policy::Route(Rc::new(Route {
        ipv6: false,
        kind: 1,
        destination: Prefix {
            address: destination.parse().unwrap(),
            length: 24,
        },
        from: None,
        hop: NextHop {
            interface: Some("eth0".into()),
            ..NextHop::default()
        },
        hops: Vec::new(),
        source: None,
        table: 254,
        vrf: None,
        metric: None,
        protocol: 18,
        scope: None,
        tos: 0,
        metrics: Vec::new(),
        locked: 0,
        congestion: None,
        expires: None,
        preference: None,
        ttl_propagate: None,
        insertion: Default::default(),
        tracked: true,
    }))
}

struct World {
    now: Instant,
    kernel: Kernel,
    reconciler: Reconciler<u32>,
}

fn address(text: &str) -> Address {
    let (address, prefix) = text.split_once('/').expect("with a prefix");
    Address::new(address.parse().unwrap(), prefix.parse().unwrap())
}

fn claim(interface: &str, text: &str) -> Claim {
    Claim {
        interface: interface.into(),
        address: address(text),
        tracked: true,
    }
}

impl World {
    fn new(build: impl FnOnce(&mut Kernel)) -> Self {
        let mut kernel = Kernel::default();
        build(&mut kernel);
        kernel.unread.clear();
        World {
            now: Instant(1_000_000_000),
            kernel,
            reconciler: Reconciler::new(),
        }
    }
    fn read(&mut self, count: usize) {
        for _ in 0..count {
            let Some(message) = self.kernel.unread.pop_front() else {
                break;
            };
            self.reconciler.handle(self.now, message);
        }
    }
    fn send(&mut self, limit: usize) -> usize {
        let requests = self.reconciler.requests(self.now, limit);
        let count = requests.len();
        for (place, (sequence, request)) in (1..).zip(requests) {
            let quiet = matches!(
                request,
                Request::AddAddress { .. } | Request::DeleteAddress { .. }
            ) && place < count;
            self.kernel.perform(sequence, request);
            // As `encode_all` asks it to: of an address's success it tells only when that was the last request.
            let unread = &mut self.kernel.unread;
            let is_success = |last: &Received| last.message == Message::Ack(0);
            if quiet && unread.back().is_some_and(is_success) {
                unread.pop_back();
            }
        }
        count
    }
    /// Until nothing is left to do at this moment; panics when that never comes.
    fn settle(&mut self) {
        for _ in 0..100_000 {
            self.read(usize::MAX);
            if self.send(usize::MAX) == 0 && self.kernel.unread.is_empty() {
                return;
            }
        }
        panic!("never comes to rest: {:?}", self.reconciler);
    }
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        while let Some(next) = self.reconciler.next_retry().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.settle();
        }
        self.now = end;
    }
}

fn two_links(kernel: &mut Kernel) {
    kernel.link(2, "eth0");
    kernel.link(3, "eth1");
    kernel.add(2, address("172.18.0.11/16"));
}
