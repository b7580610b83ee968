//! Records in memory that processes share: one writes them, any other reads each as a whole or not at all. What they say is told in
//! board.rs and sessions.rs.

use crate::os::shared::SharedWords;
use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, fence};

/// Places for records of `N` words each. Before each of them is its sequence: odd while it is written, 0 where there is none, and else the
/// number of its last write among all of them, which the first word counts: no two of them are alike.
pub(super) struct SharedRecords<const N: usize>(SharedWords);

impl<const N: usize> SharedRecords<N> {
    /// Words of a record with its sequence.
    const STRIDE: usize = N + 1;

    /// So many places, all of them empty.
    pub fn new(places: usize) -> io::Result<Self> {
        let words = places.checked_mul(Self::STRIDE).filter(|words| *words > 0);
        let words = words.and_then(|words| NonZeroUsize::MIN.checked_add(words));
        let words = words.ok_or(io::ErrorKind::InvalidInput)?;
        SharedWords::new(words).map(SharedRecords)
    }

    /// Writes the record of a place. Only one process writes.
    pub fn write(&self, place: usize, record: [u64; N]) {
        let (Some(count), Some((sequence, words))) = (self.0.words().first(), self.slot(place))
        else {
            return;
        };
        // Odd while it is being written: a writer that is killed here leaves a record that nobody believes.
        let odd = count.load(Relaxed) | 1;
        let even = odd.wrapping_add(1).max(2);
        count.store(even, Relaxed);
        sequence.store(odd, Relaxed);
        fence(Release);
        for (word, value) in words.iter().zip(record) {
            word.store(value, Relaxed);
        }
        sequence.store(even, Release);
    }

    /// The record of a place, if there is one and it is whole.
    pub fn read(&self, place: usize) -> Option<[u64; N]> {
        self.read_with_sequence(place).map(|(_, record)| record)
    }

    fn read_with_sequence(&self, place: usize) -> Option<(u64, [u64; N])> {
        let (sequence, words) = self.slot(place)?;
        let before = sequence.load(Acquire);
        let record = words.each_ref().map(|word| word.load(Relaxed));
        fence(Acquire);
        let whole = before != 0 && before % 2 == 0 && sequence.load(Relaxed) == before;
        whole.then_some((before, record))
    }

    /// The whole ones of those that were written without gaps from place 0, with their places.
    pub fn all(&self) -> impl Iterator<Item = (usize, [u64; N])> {
        let sequences = self.sequences();
        sequences.filter_map(|(place, _)| Some((place, self.read(place)?)))
    }

    /// Those of them that were written since the last time that `seen` was given here. Others cost next to nothing.
    pub fn news(&self, seen: &mut Seen) -> impl Iterator<Item = (usize, [u64; N])> {
        self.sequences().filter_map(|(place, sequence)| {
            if seen.0.len() <= place {
                seen.0.resize(place + 1, 0);
            }
            let known = seen.0.get_mut(place).filter(|known| **known != sequence)?;
            let (sequence, record) = self.read_with_sequence(place)?;
            *known = sequence;
            Some((place, record))
        })
    }

    /// The places that have something, with their sequences, up to the first that has not.
    fn sequences(&self) -> impl Iterator<Item = (usize, u64)> {
        let all = (0..).map_while(|place| Some((place, self.slot(place)?.0.load(Relaxed))));
        all.take_while(|(_, sequence)| *sequence != 0)
    }

    /// Forgets the record of a place; whether there was one.
    pub fn forget(&self, place: usize) -> bool {
        self.slot(place)
            .is_some_and(|(sequence, _)| sequence.swap(0, Relaxed) != 0)
    }

    /// Forgets the record of a place and all behind it.
    pub fn truncate(&self, place: usize) {
        (place..).find(|place| !self.forget(*place));
    }

    fn slot(&self, place: usize) -> Option<(&AtomicU64, &[AtomicU64; N])> {
        let start = place.checked_mul(Self::STRIDE)?.checked_add(1)?;
        let (sequence, words) = self.0.words().get(start..)?.split_first()?;
        Some((sequence, words.first_chunk()?))
    }

    /// What a writer leaves that is killed half-way.
    #[cfg(test)]
    pub fn tear(&self, place: usize) {
        let (sequence, _) = self.slot(place).expect("a place");
        sequence.fetch_or(1, Relaxed);
    }
}

/// Which records a reader has seen, as they were then.
#[derive(Default)]
pub(super) struct Seen(Vec<u64>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_in_order_of_places() {
        let records = SharedRecords::<2>::new(4).expect("memory");
        let all = || records.all().collect::<Vec<_>>();
        assert_eq!(all(), []);
        for n in 0..5 {
            records.write(n as usize, [n, n * 10]);
        }
        records.write(2, [9, 9]);
        let written = [(0, [0, 0]), (1, [1, 10]), (2, [9, 9]), (3, [3, 30])];
        assert_eq!(all(), written);
        assert_eq!(records.read(4), None, "there is no such place");
        records.write(usize::MAX, [1, 1]);
        records.truncate(2);
        assert_eq!(all(), written[..2]);
        records.truncate(4);
        assert!(SharedRecords::<2>::new(0).is_err());
        assert!(SharedRecords::<2>::new(usize::MAX).is_err());
    }

    #[test]
    fn what_was_seen_is_no_news() {
        let records = SharedRecords::<1>::new(4).expect("memory");
        let mut seen = Seen::default();
        let mut news = || records.news(&mut seen).collect::<Vec<_>>();
        assert_eq!(news(), []);
        records.write(0, [1]);
        records.write(1, [2]);
        assert_eq!(news(), [(0, [1]), (1, [2])]);
        assert_eq!(news(), []);
        records.write(1, [2]);
        assert_eq!(news(), [(1, [2])], "written anew");
        records.tear(0);
        assert_eq!(news(), [], "not now");
        records.write(0, [3]);
        assert_eq!(news(), [(0, [3])]);
        // One that takes the place of another was never seen.
        records.truncate(0);
        records.write(0, [4]);
        assert_eq!(news(), [(0, [4])]);
        assert_eq!(records.news(&mut Seen::default()).count(), 1);
    }

    #[test]
    fn a_record_whose_writer_died_half_way_is_skipped() {
        let records = SharedRecords::<1>::new(2).expect("memory");
        records.write(0, [1]);
        records.write(1, [2]);
        records.tear(0);
        assert_eq!(records.all().collect::<Vec<_>>(), [(1, [2])]);
        assert_eq!(records.read(0), None);
        records.write(0, [3]);
        assert_eq!(records.all().count(), 2);
    }
}
