//! The reconciler: who wants which addresses, what the kernel has, and the requests that make the second like the first. Start,
//! reload, an address deleted by hand and an interface made anew are all the same code: something became dirty, look again.
//!
//! An address is touched only when a claim names it and it is ours: we added it, adopted it while it was wanted, or found it when
//! the claim was made (the leftover of a crash). What somebody else adds later, or anything no claim names, is left alone.

use super::address::{Address, Claim, IFA_F_DADFAILED, Placement};
use super::known::{Known, LinkChange};
use super::netlink::{Message, Received, Request};
use super::notice::Notice;
use crate::time::Instant;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

/// Requests that may be unanswered at once: each holds the kernel's rtnl lock for some ten microseconds while `sendmsg` waits.
const WINDOW: usize = 64;
/// So many times in a row an address is put back at once; after that with a growing delay.
const PATIENCE: u32 = 5;
/// The first delay after that; it doubles each time.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The longest delay.
const LONGEST_DELAY: Duration = Duration::from_secs(10);
/// An address that stayed for this long is no longer fought over.
const CALM: Duration = Duration::from_secs(30);
/// A dump that was disturbed or refused is asked for again after this long.
const DUMP_RETRY: Duration = Duration::from_millis(20);

/// Never the number of a request.
const NOT_SENT: u32 = 0;

const EEXIST: i32 = 17;
const ENODEV: i32 = 19;
const EADDRNOTAVAIL: i32 = 99;

/// Where an address belongs: interface by name, and the address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    interface: String,
    placement: Placement,
}

#[derive(Debug)]
struct Held<O> {
    owner: O,
    address: Address,
    held: bool,
}

#[derive(Debug)]
struct Entry<O> {
    claims: Vec<Held<O>>,
    /// The link on which the address is ours.
    ours: Option<u32>,
    in_flight: Option<u32>,
    /// Somebody else removed it while it was held.
    lost: bool,
    /// It has passed duplicate address detection; told.
    usable: bool,
    /// Another host has it; told.
    duplicate: bool,
    dirty: bool,
    attempts: u32,
    last_attempt: Instant,
    not_before: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Add(u32),
    Delete(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sync {
    /// Links, then addresses, have to be read.
    Needed {
        not_before: Instant,
    },
    Links(u32),
    Addresses(u32),
    Complete,
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
            entries: HashMap::new(),
            owners: HashMap::new(),
            names: HashMap::new(),
            dirty: VecDeque::new(),
            in_flight: HashMap::new(),
            retries: BTreeSet::new(),
            notices: Vec::new(),
            restored: Vec::new(),
            usable: Vec::new(),
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

    /// Says which addresses `owner` may come to hold, replacing what it said before; an empty list forgets the owner. What it
    /// already holds and still claims stays held; what it no longer claims is taken away if it is ours and no other owner holds it.
    /// A new claim starts out not held.
    pub fn claim(&mut self, owner: O, claims: impl IntoIterator<Item = Claim>) {
        let before = self.owners.remove(&owner).unwrap_or_default();
        let mut held: HashMap<Key, bool> = HashMap::with_capacity(before.len());
        for key in before {
            if let Some(entry) = self.entries.get_mut(&key) {
                held.insert(
                    key.clone(),
                    entry
                        .claims
                        .iter()
                        .any(|claim| claim.owner == owner && claim.held),
                );
                entry.claims.retain(|claim| claim.owner != owner);
            }
            self.mark(&key);
        }
        let mut keys = Vec::new();
        for Claim { interface, address } in claims {
            let key = Key {
                interface,
                placement: address.placement,
            };
            let index = self.known.index(&key.interface);
            let present =
                index.filter(|index| self.known.address(*index, &key.placement).is_some());
            let entry = self.entries.entry(key.clone()).or_insert_with(|| Entry {
                claims: Vec::new(),
                ours: present,
                in_flight: None,
                lost: false,
                usable: false,
                duplicate: false,
                dirty: false,
                attempts: 0,
                last_attempt: Instant(0),
                not_before: Instant(0),
            });
            if entry.claims.iter().any(|claim| claim.owner == owner) {
                continue;
            }
            entry.claims.push(Held {
                owner,
                address,
                held: held.get(&key).copied().unwrap_or(false),
            });
            let claimed = self.names.entry(key.interface.clone()).or_default();
            if claimed.insert(key.placement) {
                self.known.touch(&key.interface);
            }
            self.mark(&key);
            keys.push(key);
        }
        if !keys.is_empty() {
            self.owners.insert(owner, keys);
        }
    }

    /// From now on `owner` does, or does not, hold its addresses.
    pub fn hold(&mut self, owner: O, held: bool) {
        let keys = self.owners.get(&owner).cloned().unwrap_or_default();
        for key in keys {
            let mut changed = false;
            for claim in self
                .entries
                .get_mut(&key)
                .into_iter()
                .flat_map(|entry| &mut entry.claims)
            {
                if claim.owner == owner && claim.held != held {
                    claim.held = held;
                    changed = true;
                }
            }
            if changed {
                // A new intention does not wait for the end of an old fight.
                if let Some(entry) = self.entries.get_mut(&key) {
                    entry.not_before = Instant(0);
                    // Whoever holds it from now on has to be told.
                    entry.usable = false;
                }
                self.mark(&key);
            }
        }
    }

    /// True when `owner` holds its addresses and the kernel has every one of them.
    pub fn is_placed(&self, owner: O) -> bool {
        self.owners.get(&owner).into_iter().flatten().all(|key| {
            let present = self
                .known
                .index(&key.interface)
                .is_some_and(|index| self.known.address(index, &key.placement).is_some());
            let held = self
                .entries
                .get(key)
                .is_some_and(|e| e.claims.iter().any(|c| c.owner == owner && c.held));
            present && held
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
                for name in self.known.set_link(&report) {
                    self.mark_interface(&name);
                }
            }
            Message::LinkGone(index) => {
                if let Some(name) = self.known.remove_link(index) {
                    self.mark_interface(&name);
                }
            }
            Message::Address { index, address } => {
                let placement = address.placement;
                self.known.set_address(index, address);
                self.mark_at(index, placement);
            }
            Message::AddressGone { index, placement } => self.address_gone(now, index, placement),
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
            _ => self.retries.first().map(|(due, _)| *due),
        }
    }

    /// True when the kernel's state is known, everything wanted that can be placed is placed, and no answer is outstanding.
    pub fn is_settled(&self) -> bool {
        self.sync == Sync::Complete && self.dirty.is_empty() && self.in_flight.is_empty()
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

    /// The addresses that passed duplicate address detection since the last call, and who holds them.
    pub fn take_usable(&mut self) -> Vec<(O, IpAddr)> {
        std::mem::take(&mut self.usable)
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
            self.mark(&Key {
                interface: name.to_owned(),
                placement,
            });
        }
    }

    fn mark_at(&mut self, index: u32, placement: Placement) {
        if let Some(link) = self.known.link(index)
            && self
                .names
                .get(&link.name)
                .is_some_and(|claimed| claimed.contains(&placement))
        {
            let key = Key {
                interface: link.name.clone(),
                placement,
            };
            self.mark(&key);
        }
    }

    fn address_gone(&mut self, now: Instant, index: u32, placement: Placement) {
        if !self.known.remove_address(index, &placement) {
            return;
        }
        let Some(link) = self.known.link(index) else {
            return;
        };
        let key = Key {
            interface: link.name.clone(),
            placement,
        };
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        let deleting = entry
            .in_flight
            .and_then(|sequence| self.in_flight.get(&sequence))
            .is_some_and(|(_, op)| *op == Op::Delete(index));
        if !deleting && entry.ours == Some(index) && entry.claims.iter().any(|claim| claim.held) {
            entry.lost = true;
            let delay = entry.attempt(now);
            let (interface, placement) = (key.interface.clone(), key.placement);
            self.notices.push(match delay {
                Duration::ZERO => Notice::PutBack {
                    interface,
                    placement,
                },
                delay => Notice::Contested {
                    interface,
                    placement,
                    delay,
                },
            });
        }
        self.mark(&key);
    }

    fn answered(&mut self, now: Instant, sequence: u32, errno: i32) {
        if matches!(self.sync, Sync::Links(dump) | Sync::Addresses(dump) if dump == sequence) {
            self.sync = Sync::Needed {
                not_before: now + DUMP_RETRY,
            };
            return;
        }
        let Some((key, op)) = self.in_flight.remove(&sequence) else {
            return;
        };
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        entry.in_flight = None;
        match (op, errno) {
            (Op::Add(_), 0) => {
                if std::mem::take(&mut entry.lost) {
                    let holders = entry
                        .claims
                        .iter()
                        // One that is being detected is told of when that is over.
                        .filter(|claim| claim.held && !claim.address.is_detected())
                        .map(|claim| claim.owner);
                    self.restored.extend(holders);
                }
            }
            (Op::Delete(_), 0) => {}
            (Op::Add(index), EEXIST) => {
                // It is there, so its event was lost or it stands under another prefix (IPv6): only a dump can tell.
                if self.known.address(index, &key.placement).is_none() {
                    entry.attempt(now);
                    self.sync = Sync::Needed {
                        not_before: now + DUMP_RETRY,
                    };
                }
            }
            (Op::Delete(index), EADDRNOTAVAIL | ENODEV) => {
                self.known.remove_address(index, &key.placement);
            }
            (op, errno) => {
                let adding = matches!(op, Op::Add(_));
                if entry.attempts == 0 || entry.attempts == PATIENCE {
                    let (interface, placement) = (key.interface.clone(), key.placement);
                    self.notices.push(Notice::Refused {
                        adding,
                        interface,
                        placement,
                        errno,
                    });
                }
                // A refusal is not a fight: asking again at once would only be refused again.
                entry.attempt(now);
                entry.not_before = entry.not_before.max(now + FIRST_DELAY);
            }
        }
        self.mark(&key);
    }

    fn dump_done(&mut self, now: Instant, sequence: u32, errno: i32) {
        let whole = errno == 0 && !self.disturbed;
        match self.sync {
            Sync::Links(dump) | Sync::Addresses(dump) if dump == sequence && !whole => {
                self.sync = Sync::Needed {
                    not_before: now + DUMP_RETRY,
                };
            }
            Sync::Links(dump) if dump == sequence => {
                for index in self.known.unmentioned_links() {
                    if let Some(name) = self.known.remove_link(index) {
                        self.mark_interface(&name);
                    }
                }
                self.sync = Sync::Addresses(NOT_SENT);
            }
            Sync::Addresses(dump) if dump == sequence => {
                for (index, placement) in self.known.unmentioned_addresses() {
                    self.address_gone(now, index, placement);
                }
                self.sync = Sync::Complete;
                if !std::mem::replace(&mut self.leftovers_known, true) {
                    self.adopt_leftovers();
                }
            }
            _ => {}
        }
    }

    /// Whatever stands where a claim says ours will stand was ours in an earlier life.
    fn adopt_leftovers(&mut self) {
        let mut leftovers = Vec::new();
        for (key, entry) in &mut self.entries {
            let Some(index) = self.known.index(&key.interface) else {
                continue;
            };
            if entry.ours.is_none() && self.known.address(index, &key.placement).is_some() {
                entry.ours = Some(index);
                leftovers.push(key.clone());
            }
        }
        for key in leftovers {
            self.mark(&key);
        }
    }

    /// Compares what is wanted of one address with what is there.
    fn look(&mut self, now: Instant, key: &Key) -> Option<(u32, Request)> {
        let entry = self.entries.get_mut(key)?;
        entry.dirty = false;
        if entry.in_flight.is_some() {
            return None;
        }
        let here = self.known.index(&key.interface);
        let wanted = entry
            .claims
            .iter()
            .find(|claim| claim.held)
            .map(|claim| &claim.address);
        // The link we put it on may have been renamed away or be gone.
        if let Some(index) = entry.ours
            && (Some(index) != here || wanted.is_none())
        {
            if self.known.address(index, &key.placement).is_some() {
                if entry.last_attempt == Instant(0) {
                    self.notices.push(Notice::Leftover {
                        interface: key.interface.clone(),
                        placement: key.placement,
                    });
                }
                return self.send(now, key, Op::Delete(index));
            }
            entry.ours = None;
        }
        let (Some(wanted), Some(index)) = (wanted, here) else {
            if entry.claims.is_empty() {
                self.forget(key);
            }
            return None;
        };
        match self.known.address(index, &key.placement) {
            Some(present) => {
                let is_as_wanted = wanted.is_met_by(present, &key.interface);
                let usable = wanted.is_detected() && present.is_usable();
                if usable && !entry.usable {
                    let holders = entry.claims.iter().filter(|claim| claim.held);
                    let address = key.placement.address;
                    self.usable
                        .extend(holders.map(|claim| (claim.owner, address)));
                }
                entry.usable = usable;
                if present.flags & IFA_F_DADFAILED != 0 && !entry.duplicate {
                    self.notices.push(Notice::Duplicate {
                        interface: key.interface.clone(),
                        placement: key.placement,
                    });
                }
                entry.duplicate = present.flags & IFA_F_DADFAILED != 0;
                entry.ours = Some(index);
                // A kernel that keeps giving back something else is believed after a few tries.
                if is_as_wanted || entry.attempts >= PATIENCE {
                    return None;
                }
                entry.attempt(now);
                self.send(now, key, Op::Delete(index))
            }
            None => {
                entry.usable = false;
                self.send(now, key, Op::Add(index))
            }
        }
    }

    fn send(&mut self, now: Instant, key: &Key, op: Op) -> Option<(u32, Request)> {
        let sequence = self.next_sequence();
        let entry = self.entries.get_mut(key)?;
        if now < entry.not_before {
            self.retries.insert((entry.not_before, key.clone()));
            return None;
        }
        let request = match op {
            Op::Add(index) => {
                let address = entry
                    .claims
                    .iter()
                    .find(|claim| claim.held)?
                    .address
                    .clone();
                entry.ours = Some(index);
                Request::AddAddress { index, address }
            }
            Op::Delete(index) => Request::DeleteAddress {
                index,
                placement: key.placement,
            },
        };
        entry.last_attempt = now.max(Instant(1));
        entry.in_flight = Some(sequence);
        self.in_flight.insert(sequence, (key.clone(), op));
        Some((sequence, request))
    }

    fn forget(&mut self, key: &Key) {
        self.entries.remove(key);
        if let Some(claimed) = self.names.get_mut(&key.interface) {
            claimed.remove(&key.placement);
            if claimed.is_empty() {
                self.names.remove(&key.interface);
            }
        }
        self.known.touch(&key.interface);
    }
}

impl<O> Entry<O> {
    /// Counts one more attempt at something that did not last; gives how long the next has to wait.
    fn attempt(&mut self, now: Instant) -> Duration {
        if now.since(self.last_attempt) > CALM {
            self.attempts = 0;
        }
        self.attempts = self.attempts.saturating_add(1);
        let delay = match self.attempts.checked_sub(PATIENCE + 1) {
            None => Duration::ZERO,
            Some(doublings) => FIRST_DELAY
                .saturating_mul(1u32.checked_shl(doublings).unwrap_or(u32::MAX))
                .min(LONGEST_DELAY),
        };
        self.not_before = now + delay;
        delay
    }
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
