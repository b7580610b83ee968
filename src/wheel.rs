//! The timer wheel: typed keys, absolute deadlines, one deadline a key. No clock and no descriptor here: the loop in `os` reads the
//! clock and arms its timerfd to what this module calls the next deadline.
//!
//! Levels of 64 slots, each slot 64 times as wide as one a level below; a slot of the lowest level is one nanosecond, so order is
//! exact. A timer stands on the level of the highest digit (base 64) in which its deadline differs from the wheel's own time, and
//! moves down as that time reaches its slot: at most once a level, whatever the number of timers.

use crate::time::Instant;
use rustc_hash::FxHashMap as HashMap;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::hash::Hash;

/// Bits of a deadline that one level looks at.
const DIGIT_BITS: u32 = 6;
/// Slots of a level: one bit each in the level's bitmap.
const SLOTS: usize = 1 << DIGIT_BITS;
/// Levels that cover all 64 bits of a deadline.
const LEVELS: usize = u64::BITS.div_ceil(DIGIT_BITS) as usize;
/// No entry: the end of a list.
const NIL: u32 = u32::MAX;

/// Where an armed timer stands.
#[derive(Clone, Copy)]
enum Place {
    /// In a slot of the wheel: level and slot.
    Slot(u8, u8),
    /// Its deadline lies before the wheel's time.
    Overdue,
}

/// One armed timer in the slab, a link of its slot's list.
struct Entry<K> {
    key: K,
    deadline: u64,
    place: Place,
    previous: u32,
    next: u32,
}

/// One level: a list a slot, and which of them are not empty.
struct Level {
    occupied: u64,
    heads: [u32; SLOTS],
}

/// What is known of the earliest deadline without looking.
#[derive(Clone, Copy)]
enum Earliest {
    Exactly(Option<u64>),
    /// The earliest timer was taken away since; nothing is due before this.
    NotBefore(u64),
}

/// A hierarchical timer wheel. A key has at most one deadline: arming it again replaces the old one, so that a stale expiry
/// cannot reach a refreshed object.
pub struct Wheel<K> {
    /// The wheel's own time: every slot before it has been emptied.
    time: u64,
    levels: Vec<Level>,
    entries: Vec<Entry<K>>,
    free: Vec<u32>,
    index: HashMap<K, u32>,
    overdue: BTreeSet<(u64, u32)>,
    earliest: Cell<Earliest>,
}

/// The digit of `time` that a level looks at.
fn digit(time: u64, level: usize) -> usize {
    ((time >> (level as u32 * DIGIT_BITS)) & (SLOTS as u64 - 1)) as usize
}

impl<K: Copy + Eq + Hash> Wheel<K> {
    /// An empty wheel; no deadline before `now` will ever be asked for.
    pub fn new(now: Instant) -> Self {
        Wheel {
            time: now.0,
            levels: (0..LEVELS)
                .map(|_| Level {
                    occupied: 0,
                    heads: [NIL; SLOTS],
                })
                .collect(),
            entries: Vec::new(),
            free: Vec::new(),
            index: HashMap::default(),
            overdue: BTreeSet::new(),
            earliest: Cell::new(Earliest::Exactly(None)),
        }
    }

    /// How many timers are armed.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// True when no timer is armed.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The deadline of `key`, when it is armed.
    pub fn deadline(&self, key: K) -> Option<Instant> {
        self.index
            .get(&key)
            .map(|&entry| Instant(self.entries[entry as usize].deadline))
    }

    /// Sets or replaces the deadline of `key`. A deadline in the past expires at the next `pop_expired`.
    pub fn arm(&mut self, key: K, deadline: Instant) {
        let entry = match self.index.get(&key) {
            Some(&entry) => {
                self.unlink(entry);
                self.entries[entry as usize].deadline = deadline.0;
                entry
            }
            None => {
                let entry = self.allocate(key, deadline.0);
                self.index.insert(key, entry);
                entry
            }
        };
        self.link(entry);
        self.earliest.set(match self.earliest.get() {
            Earliest::Exactly(None) => Earliest::Exactly(Some(deadline.0)),
            Earliest::Exactly(Some(earliest)) | Earliest::NotBefore(earliest)
                if deadline.0 <= earliest =>
            {
                Earliest::Exactly(Some(deadline.0))
            }
            known => known,
        });
    }

    /// Forgets `key`; true when it was armed.
    pub fn disarm(&mut self, key: K) -> bool {
        let Some(entry) = self.index.remove(&key) else {
            return false;
        };
        self.unlink(entry);
        self.free.push(entry);
        true
    }

    /// The earliest deadline, exactly. Looks through one slot when the earliest timer was moved or disarmed since the last call.
    pub fn next_deadline(&self) -> Option<Instant> {
        let exact = match self.earliest.get() {
            Earliest::Exactly(known) => known,
            Earliest::NotBefore(_) => self.search(),
        };
        self.earliest.set(Earliest::Exactly(exact));
        exact.map(Instant)
    }

    /// A time before which nothing is due: `next_deadline`, or earlier when finding that would need a search. `None`: no timer.
    pub fn not_before(&self) -> Option<Instant> {
        match self.earliest.get() {
            _ if self.is_empty() => None,
            Earliest::Exactly(known) => known.map(Instant),
            Earliest::NotBefore(bound) => Some(Instant(bound)),
        }
    }

    /// Takes the earliest timer whose deadline is at or before `now`, with that deadline; in order of deadlines. The caller loops
    /// until `None`, handling each before it asks for the next, so a handler that disarms a key stops its expiry.
    pub fn pop_expired(&mut self, now: Instant) -> Option<(K, Instant)> {
        if let Some(&(deadline, entry)) = self.overdue.first() {
            return (deadline <= now.0).then(|| self.take(entry));
        }
        while let Some((level, slot)) = self.first_slot() {
            let start = self.slot_start(level, slot);
            if start > now.0 {
                break;
            }
            self.time = start;
            if level == 0 {
                let entry = self.levels[0].heads[slot];
                return Some(self.take(entry));
            }
            self.cascade(level, slot);
        }
        // No slot starts at or before `now`, so no timer's level changes by this.
        self.time = self.time.max(now.0);
        None
    }

    /// The first slot that is not empty; its timers are the earliest of all.
    fn first_slot(&self) -> Option<(usize, usize)> {
        self.levels
            .iter()
            .enumerate()
            .find(|(_, level)| level.occupied != 0)
            .map(|(n, level)| (n, level.occupied.trailing_zeros() as usize))
    }

    /// The earliest deadline that belongs in a slot.
    fn slot_start(&self, level: usize, slot: usize) -> u64 {
        let shift = level as u32 * DIGIT_BITS;
        let above = self.time.checked_shr(shift + DIGIT_BITS).unwrap_or(0);
        (above.checked_shl(shift + DIGIT_BITS).unwrap_or(0)) | ((slot as u64) << shift)
    }

    /// Moves the timers of a slot that the wheel's time has reached to the levels below.
    fn cascade(&mut self, level: usize, slot: usize) {
        let mut entry = std::mem::replace(&mut self.levels[level].heads[slot], NIL);
        self.levels[level].occupied &= !(1 << slot);
        while entry != NIL {
            let next = self.entries[entry as usize].next;
            self.link(entry);
            entry = next;
        }
    }

    /// The earliest deadline, by looking.
    fn search(&self) -> Option<u64> {
        if let Some(&(deadline, _)) = self.overdue.first() {
            return Some(deadline);
        }
        let (level, slot) = self.first_slot()?;
        let mut entry = self.levels[level].heads[slot];
        let mut earliest = u64::MAX;
        while entry != NIL {
            let this = &self.entries[entry as usize];
            earliest = earliest.min(this.deadline);
            entry = this.next;
        }
        Some(earliest)
    }

    fn allocate(&mut self, key: K, deadline: u64) -> u32 {
        let entry = Entry {
            key,
            deadline,
            place: Place::Overdue,
            previous: NIL,
            next: NIL,
        };
        match self.free.pop() {
            Some(place) => {
                self.entries[place as usize] = entry;
                place
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        }
    }

    fn take(&mut self, entry: u32) -> (K, Instant) {
        let Entry { key, deadline, .. } = self.entries[entry as usize];
        self.disarm(key);
        (key, Instant(deadline))
    }

    /// Puts an entry where its deadline belongs.
    fn link(&mut self, entry: u32) {
        let deadline = self.entries[entry as usize].deadline;
        if deadline < self.time {
            self.entries[entry as usize].place = Place::Overdue;
            self.overdue.insert((deadline, entry));
            return;
        }
        let highest_difference = (deadline ^ self.time).checked_ilog2().unwrap_or(0);
        let level = (highest_difference / DIGIT_BITS) as usize;
        let slot = digit(deadline, level);
        let head = std::mem::replace(&mut self.levels[level].heads[slot], entry);
        self.levels[level].occupied |= 1 << slot;
        if head != NIL {
            self.entries[head as usize].previous = entry;
        }
        let this = &mut self.entries[entry as usize];
        this.place = Place::Slot(level as u8, slot as u8);
        this.previous = NIL;
        this.next = head;
    }

    /// Takes an entry out of its list; it stays in the slab.
    fn unlink(&mut self, entry: u32) {
        let Entry {
            deadline,
            place,
            previous,
            next,
            ..
        } = self.entries[entry as usize];
        match place {
            Place::Overdue => {
                self.overdue.remove(&(deadline, entry));
            }
            Place::Slot(level, slot) => {
                if next != NIL {
                    self.entries[next as usize].previous = previous;
                }
                if previous != NIL {
                    self.entries[previous as usize].next = next;
                } else {
                    let level = &mut self.levels[level as usize];
                    level.heads[slot as usize] = next;
                    if next == NIL {
                        level.occupied &= !(1 << slot);
                    }
                }
            }
        }
        if let Earliest::Exactly(Some(earliest)) = self.earliest.get()
            && deadline == earliest
        {
            self.earliest.set(Earliest::NotBefore(earliest));
        }
        // `disarm` has taken the key out of the index before; `arm` has not, and arms it again at once.
        if self.index.is_empty() {
            self.earliest.set(Earliest::Exactly(None));
        }
    }
}
