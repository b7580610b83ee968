//! The ledger: what the checker process knows of each virtual server and real server, in memory shared by the parent and its checker
//! children. A process that replaces a dead one reads it, so that no dead server gets traffic and no script runs again.

use crate::check::kept::Kept;
use crate::os::shared::SharedWords;
use std::collections::HashMap;
use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Services and servers that have a place in the ledger; those past it start anew after a crash.
const CAPACITY: usize = 1 << 19;
/// Words of one record: identity, and what is known.
const WORDS: usize = 2;
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
        const SIZE: NonZeroUsize = match NonZeroUsize::new(CAPACITY * WORDS) {
            Some(size) => size,
            None => unreachable!(),
        };
        SharedWords::new(SIZE).map(Ledger)
    }

    /// Writes what is known at a place; places are the writer's to give, from 0 without gaps. Only one process writes.
    pub fn write(&self, place: usize, identity: u64, kept: Kept) {
        let start = place.saturating_mul(WORDS);
        let Some([name, known]) = self.0.words().get(start..start.saturating_add(WORDS)) else {
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
        for record in self.0.words().chunks_exact(WORDS).skip(place) {
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
        let records = self.0.words().chunks_exact(WORDS);
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
