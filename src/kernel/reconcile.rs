//! The reconciler: who wants which addresses, routes and rules, what the kernel has, and the requests that make the second like the
//! first. Start, reload, an address deleted by hand and an interface made anew are all the same code: something became dirty, look
//! again. Here are the requests under way and what becomes of messages; `claims` says who wants what, `entry` counts attempts, `sync`
//! reads the kernel's state, `addresses`, `policies` (routes and rules), `links` and `tunings` are what differs between those.
//!
//! An address is touched only when a claim names it and it is ours: we added it, adopted it while it was wanted, or found it when
//! the claim was made (the leftover of a crash). What somebody else adds later, or anything no claim names, is left alone.

mod addresses;
mod claims;
mod entry;
mod links;
mod policies;
mod sync;
mod tunings;

use super::address::Placement;
use super::known::{Known, Link, LinkChange};
use super::netlink::{Message, Received, Request};
use super::notice::Notice;
use super::policy::{Policy, Trace};
use crate::time::Instant;
use entry::Entry;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use std::collections::{BTreeSet, VecDeque};
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;
use sync::Sync;

pub use tunings::{Saved, Tuning};

/// Requests that may be unanswered at once: each holds the kernel's rtnl lock for some ten microseconds while `sendmsg` waits.
const WINDOW: usize = 64;
/// A dump that was disturbed or refused is asked for again after this long.
const DUMP_RETRY: Duration = Duration::from_millis(20);

/// Never the number of a request.
const NOT_SENT: u32 = 0;

const EEXIST: i32 = 17;
const ENODEV: i32 = 19;
const EADDRNOTAVAIL: i32 = 99;

/// Where an address belongs: interface by name, and the address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Spot {
    interface: String,
    placement: Placement,
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Key {
    Address(Spot),
    Policy(Policy),
}

/// A request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Add(u32),
    Delete(u32),
}

/// See the module.
#[derive(Debug)]
pub struct Reconciler<O> {
    known: Known,
    entries: HashMap<Key, Entry<O>>,
    owners: HashMap<O, Vec<Key>>,
    names: HashMap<String, HashSet<Placement>>,
    dirty: VecDeque<Key>,
    /// In the order in which they were sent, which is the one in which the kernel carries them out.
    in_flight: VecDeque<(u32, Key, Op)>,
    retries: BTreeSet<(Instant, Key)>,
    notices: Vec<Notice>,
    restored: Vec<O>,
    usable: Vec<(O, IpAddr)>,
    unavailable: Vec<(O, IpAddr)>,
    traces: HashMap<Trace, HashSet<Policy>>,
    /// Routes and rules that the kernel refused for now.
    refused: HashSet<Policy>,
    links: links::Links,
    /// Nothing is asked for yet but links.
    links_only: bool,
    sequence: u32,
    sync: Sync,
    disturbed: bool,
    leftovers_known: bool,
}

impl<O: Copy + Eq + Hash> Default for Reconciler<O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<O: Copy + Eq + Hash> Reconciler<O> {
    /// Knows nothing and wants nothing; the first requests are the dumps.
    pub fn new() -> Self {
        Reconciler {
            known: Known::default(),
            entries: HashMap::default(),
            owners: HashMap::default(),
            names: HashMap::default(),
            dirty: VecDeque::new(),
            in_flight: VecDeque::new(),
            retries: BTreeSet::new(),
            notices: Vec::new(),
            restored: Vec::new(),
            usable: Vec::new(),
            unavailable: Vec::new(),
            traces: HashMap::default(),
            refused: HashSet::default(),
            links: links::Links::default(),
            links_only: false,
            sequence: 0,
            sync: Sync::Needed {
                not_before: Instant(0),
            },
            disturbed: false,
            leftovers_known: false,
        }
    }

    /// What the kernel has.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// These addresses are to be told of where they are on a link (`LinkState::watched`), and no others.
    pub fn watch(&mut self, addresses: BTreeSet<IpAddr>) {
        self.known.watch(addresses);
    }

    /// Messages were lost (ENOBUFS): forget what is under way and read everything anew, not before the given moment.
    pub fn resync(&mut self, not_before: Instant) {
        self.notices.push(Notice::Overrun);
        for (_, key, _) in std::mem::take(&mut self.in_flight) {
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.in_flight = None;
            }
            self.mark(&key);
        }
        self.doubt_all();
        self.forget_link_requests();
        self.sync = Sync::Needed { not_before };
    }

    /// Takes in one message of the kernel.
    pub fn handle(&mut self, now: Instant, received: Received) {
        let Received {
            sequence,
            interrupted,
            message,
            ..
        } = received;
        self.disturbed |= interrupted;
        match message {
            Message::Link(report) => {
                let enabled =
                    |known: &Known| known.link(report.index).is_some_and(Link::is_enabled);
                let before = enabled(&self.known);
                let moved = self.known.set_link(&report);
                for name in &moved {
                    self.mark_interface(name);
                    self.links.mark(name);
                }
                if let Some(link) = self.known.link(report.index) {
                    self.links.mark(&link.name);
                }
                if enabled(&self.known) && !(before && moved.is_empty()) {
                    self.link_enabled(report.index);
                }
            }
            Message::LinkGone(index) => {
                if let Some(name) = self.known.remove_link(index) {
                    self.mark_interface(&name);
                    self.link_gone(now, index, &name);
                }
            }
            Message::Address { index, address } => {
                let spot = self.claimed_spot(index, address.placement);
                if self.known.set_address(index, address, spot.is_some()) {
                    self.ask_again();
                }
                if let Some(spot) = spot {
                    self.mark(&Key::Address(spot));
                }
            }
            Message::AddressGone { index, placement } => self.address_gone(now, index, placement),
            Message::PolicyGone(trace) => self.policy_gone(now, &trace),
            Message::Ack(errno) => self.answered(now, sequence, errno),
            Message::Done(errno) => self.dump_done(now, sequence, errno),
            Message::Overrun => self.resync(now),
            Message::Other => {}
        }
    }

    /// The requests to send now, with their sequence numbers, `limit` at most. Nothing comes back while the answers to earlier
    /// ones fill the window, or while the kernel's state is being read.
    pub fn requests(&mut self, now: Instant, limit: usize) -> Vec<(u32, Request)> {
        let mut requests = Vec::new();
        if let Sync::Needed { not_before } = self.sync {
            if now >= not_before {
                self.known.begin_dump();
                self.disturbed = false;
                let sequence = self.next_sequence();
                self.sync = Sync::Links(sequence);
                requests.push((sequence, Request::DumpLinks));
            }
            return requests;
        }
        if self.sync == Sync::Addresses(NOT_SENT) {
            let sequence = self.next_sequence();
            self.sync = Sync::Addresses(sequence);
            requests.push((sequence, Request::DumpAddresses));
        }
        if self.sync != Sync::Complete {
            return requests;
        }
        self.link_requests(now, limit, &mut requests);
        if self.links_only {
            return requests;
        }
        while let Some((due, key)) = self.retries.first().cloned()
            && due <= now
        {
            self.retries.remove(&(due, key.clone()));
            self.mark(&key);
        }
        while requests.len() < limit && self.in_flight.len() < WINDOW {
            let Some(key) = self.dirty.pop_front() else {
                break;
            };
            if let Some(request) = self.look(now, &key) {
                requests.push(request);
            }
        }
        requests
    }

    /// When `requests` has to be asked again though nothing arrived.
    pub fn next_retry(&self) -> Option<Instant> {
        match self.sync {
            Sync::Needed { not_before } => Some(not_before),
            _ => {
                let retries = self.retries.first().map(|(due, _)| *due);
                retries.into_iter().chain(self.links.next_retry()).min()
            }
        }
    }

    /// True when the kernel's state is known, everything wanted that can be placed is placed, and no answer is outstanding.
    pub fn is_settled(&self) -> bool {
        self.sync == Sync::Complete
            && self.dirty.is_empty()
            && self.in_flight.is_empty()
            && self.links.is_settled()
    }

    /// True when the kernel was asked for something that it has not answered.
    pub fn awaits_answers(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// True once the kernel's state has been read.
    pub fn is_synchronised(&self) -> bool {
        self.sync == Sync::Complete
    }

    /// What changed on links since the last call.
    pub fn take_link_changes(&mut self) -> Vec<LinkChange> {
        if self.sync != Sync::Complete {
            return Vec::new();
        }
        let names = &self.names;
        self.known.take_changes(|name, placement| {
            names
                .get(name)
                .is_some_and(|claimed| claimed.contains(placement))
        })
    }

    /// What there is to say since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// The owners for whom an address that somebody else had removed was put back since the last call.
    pub fn take_restored(&mut self) -> HashSet<O> {
        self.restored.drain(..).collect()
    }

    /// The addresses that passed duplicate address detection since the last call, or were added though they had been refused, and
    /// who holds them.
    pub fn take_usable(&mut self) -> Vec<(O, IpAddr)> {
        std::mem::take(&mut self.usable)
    }

    /// The addresses that the kernel has refused to add since the last call, and who should hold them. Each is told once: it is asked
    /// for again now and then, and told of by `take_usable` when it is there.
    pub fn take_unavailable(&mut self) -> Vec<(O, IpAddr)> {
        std::mem::take(&mut self.unavailable)
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.sequence
    }

    fn mark(&mut self, key: &Key) {
        if let Some(entry) = self.entries.get_mut(key)
            && !entry.dirty
            && entry.in_flight.is_none()
        {
            entry.dirty = true;
            self.dirty.push_back(key.clone());
        }
    }

    fn mark_interface(&mut self, name: &str) {
        let placements: Vec<Placement> = self
            .names
            .get(name)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        for placement in placements {
            self.mark(&Key::Address(Spot {
                interface: name.to_owned(),
                placement,
            }));
        }
    }

    fn answered(&mut self, now: Instant, sequence: u32, errno: i32) {
        if matches!(self.sync, Sync::Links(dump) | Sync::Addresses(dump) if dump == sequence) {
            self.sync = Sync::Needed {
                not_before: now + DUMP_RETRY,
            };
            return;
        }
        if self.link_answered(now, sequence, errno) {
            return;
        }
        let mut sent = self.in_flight.iter();
        let Some(place) = sent.position(|(number, ..)| *number == sequence) else {
            return;
        };
        // What was asked for before and is not answered went well: of that the kernel is not always asked to tell.
        for (number, key, op) in self.in_flight.drain(..=place).collect::<Vec<_>>() {
            let errno = if number == sequence { errno } else { 0 };
            match key {
                Key::Address(spot) => self.address_answered(now, spot, op, errno),
                Key::Policy(policy) => self.policy_answered(now, policy, op, errno),
            }
        }
    }

    /// Compares what is wanted with what is there.
    fn look(&mut self, now: Instant, key: &Key) -> Option<(u32, Request)> {
        let entry = self.entries.get_mut(key)?;
        entry.dirty = false;
        if entry.in_flight.is_some() {
            return None;
        }
        match key {
            Key::Address(spot) => self.look_at_address(now, key, spot),
            Key::Policy(policy) => self.look_at_policy(now, key, policy),
        }
    }

    /// Gives a request its number and notes that it is under way, unless it has to wait.
    fn send(
        &mut self,
        now: Instant,
        key: &Key,
        op: Op,
        request: Request,
    ) -> Option<(u32, Request)> {
        let entry = self.entries.get_mut(key)?;
        if now < entry.backoff.not_before {
            self.retries.insert((entry.backoff.not_before, key.clone()));
            return None;
        }
        entry.backoff.last_attempt = now.max(Instant(1));
        let sequence = self.next_sequence();
        self.entries.get_mut(key)?.in_flight = Some(op);
        self.in_flight.push_back((sequence, key.clone(), op));
        Some((sequence, request))
    }
}

#[cfg(test)]
mod tests;
