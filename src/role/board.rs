//! The board: what each VRRP instance was last seen doing, in memory shared by the parent and its VRRP children.
//!
//! The VRRP role writes it at every transition and advert; a VRRP process that replaces a dead one reads it, and carries on as
//! MASTER where the peers cannot have taken over yet. Beside the records are the numbers heard of the peers (marks.rs). Nothing else
//! passes between two VRRP processes.

mod marks;

use super::shared_records::SharedRecords;
use crate::time::Instant;
use std::io;

pub use marks::Mark;
use marks::Marks;

/// Instances that have a place on the board; those past it start anew after a crash.
pub const CAPACITY: usize = 1 << 17;
/// The identity of no instance: an empty place among others.
const NOBODY: u64 = u64::MAX;
/// Words of one record: identity, state, time, number of the last advert.
const WORDS: usize = 4;

/// What an instance was last seen doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Which instance: a hash of whatever makes it the same one after a reload (see `identity`).
    pub identity: u64,
    /// Its state, in the VRRP role's own numbering.
    pub state: u8,
    /// When it last sent (MASTER) or heard (BACKUP) an advert.
    pub advert: Instant,
    /// The number that authentication gave the last advert it sent.
    pub number: u64,
}

/// The identity of an instance: its interface, virtual router id and name.
pub fn identity(interface: &str, virtual_router_id: u8, name: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    // The same program computes and compares it, so that the hasher need not be stable across versions.
    let mut hasher = DefaultHasher::new();
    (interface, virtual_router_id, name).hash(&mut hasher);
    hasher.finish()
}

/// The board itself. Made by the parent before it forks, never replaced.
pub struct Board {
    records: SharedRecords<WORDS>,
    marks: Marks,
}

impl Board {
    /// An empty board.
    pub fn new() -> io::Result<Self> {
        Ok(Board {
            records: SharedRecords::new(CAPACITY)?,
            marks: Marks::new()?,
        })
    }

    /// Writes the record of a place; places are the writer's to give, from 0 without gaps. Only one process writes.
    pub fn write(&self, place: usize, record: Record) {
        let Record {
            identity,
            state,
            advert,
            number,
        } = record;
        let words = [identity, u64::from(state), advert.0, number];
        self.records.write(place, words);
    }

    /// Forgets the records of which `kept`, given the place and the identity, is false.
    pub fn sweep(&self, kept: impl Fn(usize, u64) -> bool) {
        let nobody = Record {
            identity: NOBODY,
            ..Record::default()
        };
        for (place, _) in self
            .records()
            .filter(|(place, record)| !kept(*place, record.identity))
        {
            self.write(place, nobody);
            self.marks.forget(place);
        }
    }

    /// Writes what was heard of a peer by the instance at this place.
    pub fn mark(&self, place: usize, mark: Mark) {
        self.marks.write(place, mark);
    }

    /// What was heard of its peers by the instance of this identity at this place.
    pub fn marks(&self, place: usize, identity: u64) -> impl Iterator<Item = Mark> {
        self.marks.of(place, identity)
    }

    /// Forgets the record of a place and all after it.
    pub fn truncate(&self, place: usize) {
        self.records.truncate(place);
    }

    /// The records that are whole, with their places.
    pub fn records(&self) -> impl Iterator<Item = (usize, Record)> {
        self.records
            .all()
            .filter(|(_, [identity, ..])| *identity != NOBODY)
            .map(|(place, [identity, state, advert, number])| {
                let record = Record {
                    identity,
                    state: state as u8,
                    advert: Instant(advert),
                    number,
                };
                (place, record)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u64) -> Record {
        Record {
            identity: n,
            state: 2,
            advert: Instant(n * 10),
            number: n * 100,
        }
    }

    #[test]
    fn what_is_written_is_read_in_order_of_places() {
        let board = Board::new().expect("memory");
        assert_eq!(board.records().count(), 0);
        for n in 0..5 {
            board.write(n, record(n as u64));
        }
        board.write(2, record(99));
        let read: Vec<_> = board.records().collect();
        assert_eq!(
            read,
            [
                (0, record(0)),
                (1, record(1)),
                (2, record(99)),
                (3, record(3)),
                (4, record(4))
            ]
        );
        board.truncate(2);
        assert_eq!(board.records().count(), 2);
        board.write(CAPACITY, record(1));
        assert_eq!(board.records().count(), 2);
    }

    #[test]
    fn who_was_swept_away_is_not_known_and_the_others_are() {
        let board = Board::new().expect("memory");
        for n in 0..4 {
            board.write(n, record(n as u64 + 1));
        }
        let mark = |identity| Mark {
            identity,
            sender: [10, 0, 0, 1].into(),
            number: 7,
        };
        (0..4).for_each(|n| board.mark(n, mark(n as u64 + 1)));
        board.sweep(|place, identity| place != 1 && identity != 3);
        let marked = |n: usize| board.marks(n, n as u64 + 1).count();
        assert_eq!([0, 1, 2, 3].map(marked), [1, 0, 0, 1]);
        let left = || board.records().map(|(place, _)| place).collect::<Vec<_>>();
        assert_eq!(left(), [0, 3]);
        board.write(1, record(9));
        assert_eq!(left(), [0, 1, 3]);
    }
}
