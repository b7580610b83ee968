//! The highest number heard of each peer, as authentication counts: what the next process needs to tell an old advert from a new one.
//! Addresses and numbers, no keys. Beside the records, as few instances need it.

use crate::os::shared::SharedWords;
use std::array::from_fn;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::fence;

/// Instances whose marks have a place, and peers of each; of those past it old adverts may be believed once more after a crash. All of
/// it is locked in memory where the processes are.
const PLACES: usize = 1 << 13;
const PEERS: usize = 8;
/// Words of one mark: sequence, identity of the instance, the sender's address in two, number.
const WORDS: usize = 5;

type Slot = [AtomicU64; WORDS];

/// What was heard of a peer of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Which instance, as in its record.
    pub identity: u64,
    /// The peer.
    pub sender: IpAddr,
    /// The highest number heard of it.
    pub number: u64,
}

/// All marks.
pub(super) struct Marks(SharedWords);

impl Marks {
    pub fn new() -> io::Result<Self> {
        const SIZE: NonZeroUsize = match NonZeroUsize::new(PLACES * PEERS * WORDS) {
            Some(size) => size,
            None => unreachable!(),
        };
        SharedWords::new(SIZE).map(Marks)
    }

    /// Keeps a mark of the instance at this place. Only one process writes.
    pub fn write(&self, place: usize, mark: Mark) {
        let slots = self.slots(place);
        let held = |slot: &&Slot| read(slot).is_none_or(|held| held.identity != mark.identity);
        let same = slots.iter().find(|slot| {
            read(slot)
                .is_some_and(|held| (held.identity, held.sender) == (mark.identity, mark.sender))
        });
        let Some(slot) = same.or_else(|| slots.iter().find(held)) else {
            return;
        };
        let [sequence, identity, high, low, number] = slot;
        // As a record is written: what a writer left half-way is believed by nobody.
        let odd = sequence.load(Relaxed) | 1;
        sequence.store(odd, Relaxed);
        fence(Release);
        let bits = to_v6(mark.sender).to_bits();
        identity.store(mark.identity, Relaxed);
        high.store((bits >> u64::BITS) as u64, Relaxed);
        low.store(bits as u64, Relaxed);
        number.store(mark.number, Relaxed);
        sequence.store(odd.wrapping_add(1).max(2), Release);
    }

    /// The marks of the instance of this identity at this place.
    pub fn of(&self, place: usize, identity: u64) -> impl Iterator<Item = Mark> {
        let marks = self.slots(place).iter().filter_map(read);
        marks.filter(move |mark| mark.identity == identity)
    }

    /// Forgets the marks of a place.
    pub fn forget(&self, place: usize) {
        for [sequence, ..] in self.slots(place) {
            sequence.store(0, Relaxed);
        }
    }

    fn slots(&self, place: usize) -> &[Slot] {
        let length = PEERS * WORDS;
        let start = place.saturating_mul(length);
        let words = self.0.words().get(start..start.saturating_add(length));
        words.unwrap_or_default().as_chunks().0
    }
}

/// A mark that is there and whole.
fn read(slot: &Slot) -> Option<Mark> {
    let [sequence, words @ ..] = slot;
    let before = sequence.load(Acquire);
    let [identity, high, low, number]: [u64; WORDS - 1] =
        from_fn(|word| words.get(word).map_or(0, |word| word.load(Relaxed)));
    fence(Acquire);
    let whole = before != 0 && before % 2 == 0 && sequence.load(Relaxed) == before;
    let address = Ipv6Addr::from_bits(u128::from(high) << u64::BITS | u128::from(low));
    whole.then(|| Mark {
        identity,
        sender: address.to_canonical(),
        number,
    })
}

fn to_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(identity: u64, sender: &str, number: u64) -> Mark {
        Mark {
            identity,
            sender: sender.parse().expect("an address"),
            number,
        }
    }

    fn of(marks: &Marks, place: usize, identity: u64) -> Vec<Mark> {
        marks.of(place, identity).collect()
    }

    #[test]
    fn each_peer_has_its_own_and_another_instance_none_of_them() {
        let marks = Marks::new().expect("memory");
        marks.write(3, mark(1, "10.0.0.1", 5));
        marks.write(3, mark(1, "fe80::1", u64::MAX));
        marks.write(3, mark(1, "10.0.0.1", 6));
        let held = [mark(1, "10.0.0.1", 6), mark(1, "fe80::1", u64::MAX)];
        assert_eq!(of(&marks, 3, 1), held);
        assert_eq!((of(&marks, 3, 2), of(&marks, 2, 1)), (vec![], vec![]));
        marks.write(3, mark(2, "10.0.0.1", 1));
        assert_eq!(of(&marks, 3, 2), [mark(2, "10.0.0.1", 1)]);
        assert_eq!(of(&marks, 3, 1), held[1..], "its place was taken");
        marks.forget(3);
        assert_eq!((of(&marks, 3, 1), of(&marks, 3, 2)), (vec![], vec![]));
    }

    #[test]
    fn there_is_a_bound_and_half_a_mark_is_none() {
        let marks = Marks::new().expect("memory");
        for n in 0..=PEERS {
            marks.write(0, mark(1, &format!("10.0.0.{n}"), 1));
        }
        assert_eq!(of(&marks, 0, 1).len(), PEERS);
        assert_eq!(of(&marks, 1, 1), [], "nor does it flow over");
        marks.slots(0)[0][0].store(5, Relaxed);
        assert_eq!(of(&marks, 0, 1).len(), PEERS - 1);
        marks.write(PLACES - 1, mark(1, "10.0.0.1", 1));
        marks.write(PLACES, mark(2, "10.0.0.1", 1));
        marks.write(usize::MAX, mark(2, "10.0.0.1", 1));
        assert_eq!(of(&marks, PLACES - 1, 1).len(), 1);
        assert_eq!(of(&marks, PLACES, 2), []);
    }
}
