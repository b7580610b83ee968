//! The reconciler: who wants which addresses, routes and rules, what the kernel has, and the requests that make the second like the
//! first. Start, reload, an address deleted by hand and an interface made anew are all the same code: something became dirty, look
//! again. Here are the claims, the requests under way and the addresses; `entry` counts attempts, `sync` reads the kernel's state,
//! `policies` is what differs for routes and rules.
//!
//! An address is touched only when a claim names it and it is ours: we added it, adopted it while it was wanted, or found it when
//! the claim was made (the leftover of a crash). What somebody else adds later, or anything no claim names, is left alone.

mod addresses;
mod entry;
mod links;
mod policies;
mod sync;

use super::address::{Address, Claim, Placement};
use super::backoff::{FIRST_DELAY, PATIENCE};
use super::known::{Known, Link, LinkChange};
use super::netlink::{Message, Received, Request};
use super::notice::Notice;
use super::policy::{Policy, Trace};
use crate::time::Instant;
use entry::Entry;
use policies::HOST;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use std::collections::{BTreeSet, VecDeque};
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;
use sync::Sync;

pub use links::{Saved, Tuning};

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
    in_flight: HashMap<u32, (Key, Op)>,
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
            in_flight: HashMap::default(),
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

    /// Says which addresses, routes and rules `owner` may come to hold, replacing what it said before; nothing forgets the owner. What
    /// it already holds and still claims stays held; what it no longer claims is taken away if it is ours and no other owner holds
    /// it. A new claim starts out not held.
    pub fn claim_all(
        &mut self,
        owner: O,
        addresses: impl IntoIterator<Item = Claim>,
        policies: impl IntoIterator<Item = Policy>,
    ) {
        let before = self.owners.remove(&owner).unwrap_or_default();
        let mut held: HashMap<Key, bool> =
            HashMap::with_capacity_and_hasher(before.len(), Default::default());
        // In the order in which a master lays things down.
        for key in before.into_iter().rev() {
            if let Some(entry) = self.entries.get_mut(&key) {
                held.insert(key.clone(), entry.release(owner));
            }
            self.mark(&key);
        }
        let mut keys = Vec::new();
        for Claim {
            interface,
            address,
            tracked,
        } in addresses
        {
            let spot = Spot {
                interface,
                placement: address.placement,
            };
            let key = Key::Address(spot.clone());
            let index = self.known.index(&spot.interface);
            let present =
                index.filter(|index| self.known.address(*index, &spot.placement).is_some());
            let entry = self
                .entries
                .entry(key.clone())
                .or_insert_with(|| Entry::new(present));
            let claim = Some((address, tracked));
            if !entry.claim(owner, claim, held.get(&key).copied()) {
                continue;
            }
            let claimed = self.names.entry(spot.interface.clone()).or_default();
            if claimed.insert(spot.placement) {
                self.known.touch(&spot.interface);
            }
            self.mark(&key);
            keys.push(key);
        }
        for policy in policies {
            let key = Key::Policy(policy.clone());
            if !self.entries.contains_key(&key) {
                self.trace(&policy);
            }
            let entry = self
                .entries
                .entry(key.clone())
                .or_insert_with(|| Entry::new(policy.is_marked().then_some(HOST)));
            if entry.claim(owner, None, held.get(&key).copied()) {
                self.mark(&key);
                keys.push(key);
            }
        }
        if !keys.is_empty() {
            self.owners.insert(owner, keys);
        }
    }

    /// The same for an owner of addresses alone.
    pub fn claim(&mut self, owner: O, addresses: impl IntoIterator<Item = Claim>) {
        self.claim_all(owner, addresses, []);
    }

    /// From now on `owner` does, or does not, hold what it claims. Addresses come before the routes that may need them, and these
    /// before the rules that lead to them; they go the other way round.
    pub fn hold(&mut self, owner: O, held: bool) {
        let mut keys = self.owners.get(&owner).cloned().unwrap_or_default();
        if !held {
            keys.reverse();
        }
        for key in keys {
            if self
                .entries
                .get_mut(&key)
                .is_some_and(|entry| entry.hold(owner, held))
            {
                self.mark(&key);
            }
        }
    }

    /// True when `owner` holds what it claims and the kernel has all of it.
    pub fn is_placed(&self, owner: O) -> bool {
        self.owners.get(&owner).into_iter().flatten().all(|key| {
            let Some(entry) = self.entries.get(key) else {
                return false;
            };
            let present = match key {
                Key::Policy(_) => entry.present,
                Key::Address(spot) => self
                    .known
                    .index(&spot.interface)
                    .is_some_and(|index| self.known.address(index, &spot.placement).is_some()),
            };
            present && entry.is_held_by(owner)
        })
    }

    /// Messages were lost (ENOBUFS): forget what is under way and read everything anew, not before the given moment.
    pub fn resync(&mut self, not_before: Instant) {
        self.notices.push(Notice::Overrun);
        let keys: Vec<Key> = self.in_flight.drain().map(|(_, (key, _))| key).collect();
        for key in keys {
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
                let placement = address.placement;
                if self.known.set_address(index, address) {
                    self.ask_again();
                }
                self.mark_at(index, placement);
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
        let Some((key, op)) = self.in_flight.remove(&sequence) else {
            return;
        };
        let spot = match &key {
            Key::Address(spot) => spot.clone(),
            Key::Policy(policy) => return self.policy_answered(now, policy.clone(), op, errno),
        };
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        entry.in_flight = None;
        match (op, errno) {
            (Op::Add(_), 0) => {
                if std::mem::take(&mut entry.lost) {
                    // One that is being detected is told of when that is over.
                    if !entry.wanted_address().is_some_and(Address::is_detected) {
                        self.restored.extend(entry.holders());
                    }
                }
            }
            (Op::Delete(_), 0) => {}
            (Op::Add(index), EEXIST) => {
                // It is there, so its event was lost or it stands under another prefix (IPv6): only a dump can tell.
                if self.known.address(index, &spot.placement).is_none() {
                    entry.backoff.attempt(now);
                    self.sync = Sync::Needed {
                        not_before: now + DUMP_RETRY,
                    };
                }
            }
            (Op::Delete(index), EADDRNOTAVAIL | ENODEV) => {
                self.known.remove_address(index, &spot.placement);
            }
            (op, errno) => {
                let adding = matches!(op, Op::Add(_));
                let first = if adding {
                    !std::mem::replace(&mut entry.refused, true)
                } else {
                    entry.backoff.attempts == 0
                };
                if first {
                    let Spot {
                        interface,
                        placement,
                    } = spot;
                    if adding {
                        let holders = entry.holders().map(|owner| (owner, placement.address));
                        self.unavailable.extend(holders);
                    }
                    self.notices.push(Notice::Refused {
                        adding,
                        interface,
                        placement,
                        errno,
                    });
                }
                // A refusal is not a fight: asking again at once would only be refused again.
                entry.backoff.attempt(now);
                entry.backoff.wait(now, FIRST_DELAY);
            }
        }
        self.mark(&key);
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
        self.entries.get_mut(key)?.in_flight = Some(sequence);
        self.in_flight.insert(sequence, (key.clone(), op));
        Some((sequence, request))
    }
}

#[cfg(test)]
mod tests;
