//! The highest sequence number heard of each sender. Only senders that know the key get a mark, and no more of them than a group
//! can have.

use crate::time::Instant;
use std::net::IpAddr;

/// Senders remembered; past that the one longest silent is forgotten. A group has a handful.
const SENDERS: usize = 64;

/// Marks of one kind.
#[derive(Debug)]
pub(super) struct Marks<T>(Vec<(IpAddr, T, Instant)>);

impl<T> Default for Marks<T> {
    fn default() -> Self {
        Marks(Vec::new())
    }
}

impl<T: Copy> Marks<T> {
    /// The mark of a sender, if it has one.
    pub fn get(&self, sender: IpAddr) -> Option<T> {
        let mut marks = self.0.iter();
        marks
            .find(|(known, ..)| *known == sender)
            .map(|(_, mark, _)| *mark)
    }

    /// Sets it.
    pub fn set(&mut self, sender: IpAddr, mark: T, now: Instant) {
        let known = self.0.iter().position(|(known, ..)| *known == sender);
        let oldest = || {
            let marks = self.0.iter().enumerate();
            marks
                .min_by_key(|(_, (.., at))| *at)
                .map(|(place, _)| place)
        };
        let place = match known {
            None if self.0.len() >= SENDERS => oldest(),
            known => known,
        };
        let mark = (sender, mark, now);
        match place.and_then(|place| self.0.get_mut(place)) {
            Some(place) => *place = mark,
            None => self.0.push(mark),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Marks, SENDERS};
    use crate::time::Instant;
    use std::net::IpAddr;

    #[test]
    fn the_one_longest_silent_makes_room() {
        let sender = |n: usize| IpAddr::from([10, 0, 0, u8::try_from(n).expect("few")]);
        let mut marks = Marks::default();
        for n in 0..SENDERS {
            marks.set(sender(n), n, Instant(n as u64));
        }
        marks.set(sender(0), 100, Instant(200));
        marks.set(sender(SENDERS), 101, Instant(201));
        assert_eq!(marks.get(sender(0)), Some(100));
        assert_eq!(marks.get(sender(1)), None);
        assert_eq!(marks.get(sender(2)), Some(2));
        assert_eq!(marks.get(sender(SENDERS)), Some(101));
        assert_eq!(marks.0.len(), SENDERS);
    }
}
