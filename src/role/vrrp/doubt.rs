//! Which timers are not believed yet: while packets wait unread at an interface, a master on it that seems silent may have spoken. A
//! pure rule; who reads packets and pops timers is turn.rs.

use crate::time::Instant;
use crate::vrrp::InstanceId;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// A master that seems silent is given so much longer. Not longer, or a flood would keep a dead one in office; and counted from when the
/// timer was first doubted, as a process that stood still finds it late.
const PATIENCE: Duration = Duration::from_millis(50);

/// What is doubted.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// Interfaces where packets wait unread, by kernel index.
    unread: BTreeSet<u32>,
    /// Since when the silence of an instance's master is doubted.
    since: HashMap<InstanceId, Instant>,
}

impl Doubts {
    /// Begins a turn: nothing waits unread, as far as is known.
    pub fn begin(&mut self) {
        self.unread.clear();
    }

    /// Packets wait unread at an interface.
    pub fn unread(&mut self, interface: u32) {
        self.unread.insert(interface);
    }

    /// All that waited was read: what was doubted before is settled, one way or the other.
    pub fn settle(&mut self) {
        if self.unread.is_empty() {
            self.since.clear();
        }
    }

    /// Whether the silence that an instance's Master_Down_Timer tells of is not to be believed now. `interface` gives where it listens,
    /// and is asked only while something is unread.
    pub fn doubts(
        &mut self,
        now: Instant,
        id: InstanceId,
        interface: impl FnOnce() -> Option<u32>,
    ) -> bool {
        if self.unread.is_empty() || !interface().is_some_and(|index| self.unread.contains(&index))
        {
            return false;
        }
        let since = *self.since.entry(id).or_insert(now);
        now.since(since) < PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: u32 = 3;
    const ELSEWHERE: u32 = 4;
    const ID: InstanceId = 7;

    /// Where packets are unread, milliseconds since the start, whether the timer is doubted then: one line a turn.
    #[test]
    fn a_silence_is_doubted_while_its_interface_has_unread_packets_and_not_for_long() {
        let flood = [Some(HERE), Some(ELSEWHERE)];
        for (what, turns) in [
            ("nothing is unread", &[([None, None], 0, false)][..]),
            ("unread elsewhere", &[([None, Some(ELSEWHERE)], 0, false)]),
            (
                "read at last, and the timer is not yet replaced",
                &[([Some(HERE), None], 0, true), ([None, None], 1, false)],
            ),
            (
                "a flood does not keep a dead master in office",
                &[
                    (flood, 0, true),
                    (flood, 49, true),
                    (flood, 50, false),
                    (flood, 60, false),
                ],
            ),
            (
                "read in between: another doubt",
                &[
                    (flood, 0, true),
                    ([None, None], 20, false),
                    (flood, 60, true),
                    (flood, 109, true),
                    (flood, 110, false),
                ],
            ),
        ] {
            let mut doubts = Doubts::default();
            for (unread, at, doubted) in turns {
                doubts.begin();
                unread
                    .iter()
                    .flatten()
                    .for_each(|index| doubts.unread(*index));
                doubts.settle();
                let now = Instant(1_000_000_000) + Duration::from_millis(*at);
                assert_eq!(
                    doubts.doubts(now, ID, || Some(HERE)),
                    *doubted,
                    "{what}, at {at} ms"
                );
            }
        }
    }

    #[test]
    fn every_instance_is_doubted_by_itself() {
        let mut doubts = Doubts::default();
        doubts.unread(HERE);
        let start = Instant(1_000_000_000);
        assert!(doubts.doubts(start, ID, || Some(HERE)));
        let later = start + PATIENCE;
        assert!(!doubts.doubts(later, ID, || Some(HERE)));
        assert!(doubts.doubts(later, ID + 1, || Some(HERE)));
        assert!(!doubts.doubts(later, ID + 2, || None), "it listens nowhere");
    }
}
