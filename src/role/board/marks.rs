//! The highest number heard of each peer, as authentication counts: what the next process needs to tell an old advert from a new one.
//! Addresses and numbers, no keys. Beside the records, as few instances need it.

use crate::role::shared_records::SharedRecords;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;

/// Instances whose marks have a place, and peers of each; of those past it old adverts may be believed once more after a crash. All of
/// it is locked in memory where the processes are.
const PLACES: usize = 1 << 13;
const PEERS: usize = 8;
/// Words of one mark: identity of the instance, the sender's address in two, number.
const WORDS: usize = 4;

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
pub(super) struct Marks(SharedRecords<WORDS>);

impl Marks {
    pub fn new() -> io::Result<Self> {
        SharedRecords::new(PLACES * PEERS).map(Marks)
    }

    /// Keeps a mark of the instance at this place. Only one process writes.
    pub fn write(&self, place: usize, mark: Mark) {
        let mut slots = slots(place);
        let same = slots.clone().find(|slot| {
            self.read(*slot)
                .is_some_and(|held| (held.identity, held.sender) == (mark.identity, mark.sender))
        });
        let free = |slot: &usize| {
            let held = self.read(*slot);
            held.is_none_or(|held| held.identity != mark.identity)
        };
        if let Some(slot) = same.or_else(|| slots.find(free)) {
            let bits = to_v6(mark.sender).to_bits();
            let (high, low) = ((bits >> u64::BITS) as u64, bits as u64);
            let words = [mark.identity, high, low, mark.number];
            self.0.write(slot, words);
        }
    }

    /// The marks of the instance of this identity at this place.
    pub fn of(&self, place: usize, identity: u64) -> impl Iterator<Item = Mark> {
        let marks = slots(place).filter_map(|slot| self.read(slot));
        marks.filter(move |mark| mark.identity == identity)
    }

    /// Forgets the marks of a place.
    pub fn forget(&self, place: usize) {
        for slot in slots(place) {
            self.0.forget(slot);
        }
    }

    fn read(&self, slot: usize) -> Option<Mark> {
        let [identity, high, low, number] = self.0.read(slot)?;
        let address = Ipv6Addr::from_bits(u128::from(high) << u64::BITS | u128::from(low));
        Some(Mark {
            identity,
            sender: address.to_canonical(),
            number,
        })
    }
}

/// Where the marks of a place are.
fn slots(place: usize) -> Range<usize> {
    let start = place.saturating_mul(PEERS);
    start..start.saturating_add(PEERS)
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
        marks.0.tear(0);
        assert_eq!(of(&marks, 0, 1).len(), PEERS - 1);
        marks.write(PLACES - 1, mark(1, "10.0.0.1", 1));
        marks.write(PLACES, mark(2, "10.0.0.1", 1));
        marks.write(usize::MAX, mark(2, "10.0.0.1", 1));
        assert_eq!(of(&marks, PLACES - 1, 1).len(), 1);
        assert_eq!(of(&marks, PLACES, 2), []);
    }
}
