//! The ledger: what the checker process knows of each virtual server and real server, which services of IPVS are its own, which servers
//! drain, and which IPVS timeouts it has to put back, in memory shared by the parent and its checker children. A process that replaces a
//! dead one reads it, so that no dead server gets traffic, no script runs again, no connection is cut and nothing is left behind.

pub mod file;
mod services;

use crate::check::kept::Kept;
use crate::kernel::ipvs::Timeouts;
use crate::os::shared::SharedWords;
use crate::time::Instant;
use std::collections::HashMap;
use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Services and servers that have a place in the ledger; those past it start anew after a crash.
const CAPACITY: usize = 1 << 19;
/// Servers that drain which have a place in the ledger; those past it go with a crash.
const DRAINS: usize = 1 << 17;
/// Words of one record: identity, and what is known.
const WORDS: usize = 2;
/// Words before the records: the timeouts.
const TIMEOUTS: usize = 2;
/// Words before those of IPVS services: the timeouts, and what drains.
const BEFORE_SERVICES: usize = TIMEOUTS + DRAINS * WORDS;
/// Words before those of virtual and real servers: IPVS services as well.
const HEAD: usize = BEFORE_SERVICES + services::WORDS;
/// Where in its word the first of two numbers is.
const HIGH_SHIFT: u32 = 32;
/// No record.
const NOBODY: u64 = 0;
/// Where in the second word the weight is.
const EXTRA_SHIFT: u32 = 32;
/// It is up.
const UP: u64 = 1;
/// There is a record, be it one that is being written.
const USED: u64 = 2;

/// Made by the parent before it forks, never replaced.
pub struct Ledger(SharedWords);

impl Ledger {
    /// An empty one.
    pub fn new() -> io::Result<Self> {
        const SIZE: NonZeroUsize = match NonZeroUsize::new(HEAD + CAPACITY * WORDS) {
            Some(size) => size,
            None => unreachable!(),
        };
        SharedWords::new(SIZE).map(Ledger)
    }

    /// Writes which timeouts there were before they were changed.
    pub fn write_timeouts(&self, before: Timeouts) {
        if let [first, second, ..] = self.0.words() {
            let pair = |high: u32, low: u32| u64::from(high) << HIGH_SHIFT | u64::from(low);
            first.store(pair(before.tcp, before.tcp_fin), Relaxed);
            second.store(u64::from(before.udp) << HIGH_SHIFT | USED, Release);
        }
    }

    /// The timeouts that were there before; none = they were not changed.
    pub fn timeouts(&self) -> Option<Timeouts> {
        let [first, second, ..] = self.0.words() else {
            return None;
        };
        // In this order: the second is written last.
        let (second, first) = (second.load(Acquire), first.load(Relaxed));
        let number = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0);
        (second & USED != 0).then(|| Timeouts {
            tcp: number(first >> HIGH_SHIFT),
            tcp_fin: number(first),
            udp: number(second >> HIGH_SHIFT),
        })
    }

    /// Writes which servers drain, by identity, with the end of their time.
    pub fn write_drains(&self, drains: &[(u64, Instant)]) {
        let drains = drains.get(..DRAINS).unwrap_or(drains);
        let mut records = self.drain_records();
        // A writer that is killed leaves some of both lists, perhaps one with the time of another, and behind a longer one what is left of
        // the one before: a server that is wanted or has gone drains for none of that.
        if let Some([name, _]) = records.clone().nth(drains.len()) {
            name.store(NOBODY, Relaxed);
        }
        for (identity, until) in drains {
            if let Some([name, end]) = records.next() {
                end.store(until.0, Release);
                name.store(*identity, Release);
            }
        }
    }

    /// Which servers drain, by identity, with the end of their time.
    pub fn drains(&self) -> impl Iterator<Item = (u64, Instant)> {
        let records = self.drain_records();
        let records = records.map(|[name, end]| (name.load(Acquire), Instant(end.load(Acquire))));
        records.take_while(|(name, _)| *name != NOBODY)
    }

    fn drain_records(&self) -> impl Iterator<Item = &[AtomicU64; WORDS]> + Clone {
        let words = self
            .0
            .words()
            .get(TIMEOUTS..BEFORE_SERVICES)
            .unwrap_or_default();
        words.as_chunks().0.iter()
    }

    fn records(&self) -> &[AtomicU64] {
        self.0.words().get(HEAD..).unwrap_or_default()
    }

    /// Writes what is known at a place; places are the writer's to give, from 0 without gaps. Only one process writes.
    pub fn write(&self, place: usize, identity: u64, kept: Kept) {
        let start = place.saturating_mul(WORDS);
        let Some([name, known]) = self.records().get(start..start.saturating_add(WORDS)) else {
            return;
        };
        // A writer that is killed here leaves a record that nobody believes.
        name.store(NOBODY, Relaxed);
        let extra = u64::from(kept.extra.cast_unsigned()) << EXTRA_SHIFT;
        let up = if kept.up { UP } else { 0 };
        known.store(extra | up | USED, Release);
        name.store(identity, Release);
    }

    /// Forgets what is at and behind a place.
    pub fn truncate(&self, place: usize) {
        for record in self.records().chunks_exact(WORDS).skip(place) {
            if let [name, known] = record {
                if known.load(Relaxed) == 0 {
                    return;
                }
                name.store(NOBODY, Relaxed);
                known.store(0, Relaxed);
            }
        }
    }

    /// All that is known, by identity.
    pub fn read(&self) -> HashMap<u64, Kept> {
        let records = self.records().chunks_exact(WORDS);
        let records = records.map(|record| match record {
            [name, known] => (name.load(Acquire), known.load(Acquire)),
            _ => (NOBODY, 0),
        });
        records
            .take_while(|(_, known)| known & USED != 0)
            .filter(|(name, _)| *name != NOBODY)
            .map(|(name, known)| {
                let extra = u32::try_from(known >> EXTRA_SHIFT).unwrap_or(0);
                let kept = Kept {
                    up: known & UP != 0,
                    extra: extra.cast_signed(),
                };
                (name, kept)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_kept_beside_the_records() {
        let ledger = Ledger::new().expect("a ledger");
        assert_eq!(ledger.timeouts(), None);
        let before = Timeouts {
            tcp: 900,
            tcp_fin: u32::MAX,
            udp: 300,
        };
        ledger.write_timeouts(before);
        assert!(ledger.read().is_empty());
        ledger.write(0, 11, Kept { up: true, extra: 0 });
        ledger.truncate(0);
        assert_eq!(ledger.timeouts(), Some(before));
    }

    #[test]
    fn servers_that_drain_are_those_that_were_written_last() {
        let ledger = Ledger::new().expect("a ledger");
        let read = || -> Vec<_> { ledger.drains().collect() };
        assert_eq!(read(), []);
        ledger.write_timeouts(Timeouts::default());
        ledger.write(0, 11, Kept { up: true, extra: 0 });
        let all = [(3, Instant(50)), (5, Instant(40)), (7, Instant(30))];
        for count in [3, 1, 2, 0, 3] {
            ledger.write_drains(&all[..count]);
            assert_eq!(read(), all[..count]);
        }
        let many: Vec<_> = (1..).map(|it| (it, Instant(it))).take(DRAINS + 1).collect();
        ledger.write_drains(&many);
        assert_eq!(read(), many[..DRAINS]);
        assert_eq!(ledger.timeouts(), Some(Timeouts::default()));
        assert_eq!(ledger.read().len(), 1);
    }

    #[test]
    fn what_was_written_is_read_and_what_was_cut_off_is_not() {
        let ledger = Ledger::new().expect("a ledger");
        let kept = |up, extra| Kept { up, extra };
        ledger.write(0, 11, kept(true, 0));
        ledger.write(1, 13, kept(false, -7));
        ledger.write(2, 15, kept(false, 0));
        ledger.write(3, 17, kept(true, i32::MAX));
        ledger.write(CAPACITY, 19, kept(true, 0));
        let expected = [
            (11, kept(true, 0)),
            (13, kept(false, -7)),
            (15, kept(false, 0)),
            (17, kept(true, i32::MAX)),
        ];
        assert_eq!(ledger.read(), HashMap::from(expected));
        ledger.truncate(1);
        assert_eq!(ledger.read(), HashMap::from([(11, kept(true, 0))]));
        ledger.truncate(0);
        assert!(ledger.read().is_empty());
    }
}
