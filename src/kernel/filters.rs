//! The packet filter's reconciler: who wants which addresses unanswered, what our nftables table holds, and the batches that make the
//! second like the first. Start, reload, and a table that somebody else removed are the same code: the table is made anew, in one
//! batch, and filled. A change of state is a batch with that instance's elements alone.
//!
//! An address that is not to be answered never is: a table that is made anew has all of them from the start, and one that is no
//! longer wanted stays until the address itself is gone.
//!
//! Our own tables are never read: nobody else has a say in them, so what the kernel accepted is what stands there until it
//! reports that a part was removed.

use super::backoff::Backoff;
use super::filter::{Element, Family, FilterNotice, Set, Shape};
use super::nft::{self, Command, Message, Received};
use crate::time::Instant;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::mem;
use std::time::Duration;

/// Elements of one batch: the kernel takes about a microsecond for each, and we are held meanwhile.
const ELEMENTS_PER_BATCH: usize = 256;
/// Bytes of the addresses that come with a table, some ten thousand: a datagram is at most as long as the send buffer, which no
/// system that we know makes smaller than 208 KiB, and the rest of the batch needs room, too. More than that come later.
const ADDRESSES_WITH_TABLE: usize = 180_000;
/// A table that was refused is offered again after this long; nobody loads a kernel module within a second.
const REFUSED_DELAY: Duration = Duration::from_secs(10);

/// Tables that may stand in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tables {
    name: String,
    families: BTreeSet<Family>,
}

/// A batch under way.
#[derive(Debug)]
struct Flight {
    sequence: u32,
    change: Change,
}

#[derive(Debug)]
enum Change {
    /// The tables are made anew (or removed) with these elements in them.
    Tables(Option<Shape>, Vec<Element>),
    Elements {
        added: Vec<Element>,
        removed: Vec<Element>,
    },
}

/// See the module.
#[derive(Debug)]
pub struct Filters<O> {
    wanted: Option<Shape>,
    made: Option<Shape>,
    /// To be removed before others are made.
    old: Option<Tables>,
    owners: HashMap<O, Vec<Element>>,
    /// Every element that somebody wants, with the number of those who do.
    counts: HashMap<Element, usize>,
    there: HashSet<Element>,
    dirty: BTreeSet<Element>,
    /// Nobody wants them any more, but their addresses may still be there.
    late: BTreeSet<Element>,
    in_flight: Option<Flight>,
    /// A part of what was made is gone.
    damaged: bool,
    /// The table is offered without the rules about virtual MAC interfaces.
    reduced: bool,
    /// Why, as long as it is not known whether that helps.
    reduced_for: Option<i32>,
    /// It is not taken; told.
    refused: bool,
    backoff: Backoff,
    sequence: u32,
    notices: Vec<FilterNotice>,
}

impl<O: Copy + Eq + Hash> Default for Filters<O> {
    fn default() -> Self {
        Filters {
            wanted: None,
            made: None,
            old: None,
            owners: HashMap::new(),
            counts: HashMap::new(),
            there: HashSet::new(),
            dirty: BTreeSet::new(),
            late: BTreeSet::new(),
            in_flight: None,
            damaged: false,
            reduced: false,
            reduced_for: None,
            refused: false,
            backoff: Backoff::default(),
            sequence: 0,
            notices: Vec::new(),
        }
    }
}

impl<O: Copy + Eq + Hash> Filters<O> {
    /// Tables of this name may be there already, left by an earlier run.
    pub fn expect_leftovers(&mut self, table: &str) {
        self.old = Some(Tables {
            name: table.to_owned(),
            families: [Family::Ip, Family::Ip6].into(),
        });
    }

    /// How the tables shall look from now on; none = there shall be none.
    pub fn want(&mut self, shape: Option<Shape>) {
        if self.wanted != shape {
            self.wanted = shape;
            // Another table is another question.
            (self.reduced, self.reduced_for, self.refused) = (false, None, false);
            self.backoff = Backoff::default();
        }
    }

    /// From now on `owner` wants these elements and no others.
    pub fn hold(&mut self, owner: O, elements: Vec<Element>) {
        let before = self.owners.remove(&owner).unwrap_or_default();
        for element in &elements {
            let count = self.counts.entry(element.clone()).or_insert(0);
            *count = count.saturating_add(1);
            self.dirty.insert(element.clone());
        }
        for element in before {
            if let Some(count) = self.counts.get_mut(&element) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.counts.remove(&element);
                }
            }
            self.dirty.insert(element);
        }
        if !elements.is_empty() {
            self.owners.insert(owner, elements);
        }
    }

    /// The batch to send now, with its number. Nothing comes back while the answer to the last one is outstanding.
    /// `addresses_settled` says that addresses which had to go are gone: only then goes what kept them silent.
    pub fn batch(&mut self, now: Instant, addresses_settled: bool) -> Option<(u32, Vec<u8>)> {
        if self.in_flight.is_some() || now < self.backoff.not_before {
            return None;
        }
        if addresses_settled {
            self.dirty.append(&mut self.late);
        }
        let (commands, change) = if self.is_to_be_made() {
            self.backoff.last_attempt = now;
            self.make()
        } else {
            self.change(addresses_settled)?
        };
        self.sequence = self.sequence.wrapping_add(1).max(1);
        let sequence = self.sequence;
        self.in_flight = Some(Flight { sequence, change });
        Some((sequence, nft::batch(sequence, &commands)))
    }

    /// Takes in one message of the kernel. Removals that our own batches caused are not to be told.
    pub fn handle(&mut self, now: Instant, received: Received) {
        match received.message {
            Message::Answer(errno) => {
                if let Some(flight) = self
                    .in_flight
                    .take_if(|flight| flight.sequence == received.sequence)
                {
                    self.answered(now, flight.change, errno);
                }
            }
            Message::Removed { family, table } => {
                let ours = self
                    .made
                    .as_ref()
                    .is_some_and(|made| made.table == table && made.families().contains(&family));
                // One removal is told in many messages.
                if ours && !self.damaged {
                    self.damaged = true;
                    self.backoff.attempt(now);
                    self.notices.push(FilterNotice::PutBack { table });
                }
            }
            Message::Overrun => self.doubt(),
            Message::Other => {}
        }
    }

    /// Messages were lost: nothing is known of the tables any more.
    pub fn doubt(&mut self) {
        self.in_flight = None;
        self.damaged = true;
    }

    /// When `batch` has to be asked again though nothing arrived.
    pub fn next_retry(&self) -> Option<Instant> {
        let waits = self.in_flight.is_none() && self.has_work();
        waits.then_some(self.backoff.not_before)
    }

    /// True when there may be a batch to send now.
    pub fn is_ready(&self, now: Instant) -> bool {
        self.in_flight.is_none() && self.has_work() && now >= self.backoff.not_before
    }

    /// True when there are elements that wait for addresses to be gone.
    pub fn has_late(&self) -> bool {
        !self.late.is_empty()
    }

    /// True when nothing is under way, and nothing to be done now.
    pub fn is_settled(&self, now: Instant) -> bool {
        self.in_flight.is_none() && !self.is_ready(now)
    }

    /// True when there are tables to be looked after.
    pub fn is_needed(&self) -> bool {
        self.wanted.is_some()
    }

    /// True when the kernel has our tables, or there shall be none.
    pub fn is_in_place(&self) -> bool {
        !self.is_to_be_made()
    }

    /// What there is to say since the last call.
    pub fn take_notices(&mut self) -> Vec<FilterNotice> {
        mem::take(&mut self.notices)
    }

    fn has_work(&self) -> bool {
        self.is_to_be_made() || !self.dirty.is_empty()
    }

    fn is_to_be_made(&self) -> bool {
        self.damaged || self.old.is_some() || self.made != self.target()
    }

    /// What is wanted, as far as the kernel can do it.
    fn target(&self) -> Option<Shape> {
        let mut target = self.wanted.clone()?;
        if self.reduced {
            target.sets.retain(|set| !set.is_of_vmacs());
        }
        Some(target).filter(|target| !target.sets.is_empty())
    }

    fn make(&mut self) -> (Vec<Command>, Change) {
        let target = self.target();
        let before = self.made.as_ref().map(|made| Tables {
            name: made.table.clone(),
            families: made.families(),
        });
        let mut commands = Vec::new();
        for tables in self.old.iter().chain(&before) {
            commands.extend(nft::remove_tables(
                &tables.name,
                tables.families.iter().copied(),
            ));
        }
        let mut elements = Vec::new();
        if let Some(shape) = &target {
            commands.extend(nft::make_tables(shape));
            let known: HashSet<&Element> = self.counts.keys().chain(&self.late).collect();
            let fitting = known.into_iter().filter(|element| fits(shape, element));
            let (addresses, others): (Vec<_>, Vec<_>) =
                fitting.partition(|element| !element.set().is_of_vmacs());
            let mut room = ADDRESSES_WITH_TABLE;
            let addresses = addresses.into_iter().take_while(|element| {
                let left = room.checked_sub(nft::element_length(element));
                room = left.unwrap_or(0);
                left.is_some()
            });
            elements.extend(addresses.cloned());
            elements.extend(others.into_iter().take(ELEMENTS_PER_BATCH).cloned());
            commands.extend(nft::add_elements(&shape.table, &elements));
        }
        (commands, Change::Tables(target, elements))
    }

    fn change(&mut self, addresses_settled: bool) -> Option<(Vec<Command>, Change)> {
        let shape = self.made.as_ref();
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        while added.len() + removed.len() < ELEMENTS_PER_BATCH {
            let Some(element) = self.dirty.pop_first() else {
                break;
            };
            let wanted = self.counts.contains_key(&element)
                && shape.is_some_and(|shape| fits(shape, &element));
            match (wanted, self.there.contains(&element)) {
                (true, false) => added.push(element),
                (false, true) if !addresses_settled && !element.set().is_of_vmacs() => {
                    self.late.insert(element);
                }
                (false, true) => removed.push(element),
                _ => {}
            }
        }
        if added.is_empty() && removed.is_empty() {
            return None;
        }
        let table = &shape?.table;
        // A map takes a new value for a key only when the old one is gone.
        let mut commands = nft::delete_elements(table, &removed);
        commands.extend(nft::add_elements(table, &added));
        Some((commands, Change::Elements { added, removed }))
    }

    fn answered(&mut self, now: Instant, change: Change, errno: i32) {
        match (change, errno) {
            (Change::Tables(made, elements), 0) => {
                self.made = made;
                self.old = None;
                self.damaged = false;
                self.there = elements.into_iter().collect();
                self.dirty = self.counts.keys().cloned().collect();
                self.tell_accepted();
            }
            (Change::Tables(target, _), errno) => self.refused(now, target, errno),
            (Change::Elements { added, removed }, 0) => {
                for element in &removed {
                    self.there.remove(element);
                }
                self.there.extend(added);
            }
            // What stands there is not what we think.
            (Change::Elements { .. }, _) => {
                self.damaged = true;
                self.backoff.attempt(now);
            }
        }
    }

    fn tell_accepted(&mut self) {
        let refused = mem::take(&mut self.refused);
        let reduced_for = self.reduced_for.take();
        let Some(shape) = &self.made else { return };
        let table = shape.table.clone();
        if refused {
            let table = table.clone();
            self.notices.push(FilterNotice::Accepted { table });
        }
        if let Some(errno) = reduced_for {
            self.notices.push(FilterNotice::Reduced { table, errno });
        }
    }

    fn refused(&mut self, now: Instant, target: Option<Shape>, errno: i32) {
        let Some(shape) = target else {
            // Without nftables there is no table of ours either.
            (self.made, self.old, self.damaged) = (None, None, false);
            self.there.clear();
            return;
        };
        let table = shape.table;
        if shape.sets.iter().any(|set| set.is_of_vmacs()) {
            self.reduced = true;
            if self.target().is_some() {
                self.reduced_for = Some(errno);
            } else {
                self.notices.push(FilterNotice::Reduced { table, errno });
            }
            return;
        }
        // By then the kernel may have learned the other rules too.
        (self.reduced, self.reduced_for) = (false, None);
        self.backoff.wait(now, REFUSED_DELAY);
        if !mem::replace(&mut self.refused, true) {
            self.notices.push(FilterNotice::Refused { table, errno });
        }
    }
}

/// Whether a table of this shape has the set that an element belongs to.
fn fits(shape: &Shape, element: &Element) -> bool {
    let set: Set = element.set();
    shape.sets.contains(&set)
}

#[cfg(test)]
#[path = "filters_tests.rs"]
mod tests;
