//! `track_group`: tells the core whether the static addresses, routes and rules that instances depend on are on this host.

use super::{Key, Phase, Shell};
use crate::config::model::{TrackGroup, TrackerKind};
use crate::time::Instant;
use crate::track::Level;
use crate::vrrp::Event;
use std::time::Duration;

/// Something may be missing for so long before it counts: what somebody removes is put back at once.
const GRACE: Duration = Duration::from_millis(500);

/// What the core was told of each group, in the order of the model.
#[derive(Default)]
pub(super) struct Statics(Vec<Watched>);

struct Watched {
    name: String,
    told: Level,
    missing_since: Option<Instant>,
}

impl Statics {
    /// Watches these groups from now on; what was told of those it had stays told.
    pub fn watch(&mut self, groups: &[TrackGroup]) {
        let mut before = std::mem::take(&mut self.0);
        self.0 = groups
            .iter()
            .map(|group| {
                let known = before.iter().position(|known| known.name == group.name);
                match known {
                    Some(place) => before.swap_remove(place),
                    None => Watched {
                        name: group.name.clone(),
                        told: Level::Unknown,
                        missing_since: None,
                    },
                }
            })
            .collect();
    }

    /// What the core has to be told, given whether all of a group is there now, and when to look again.
    fn look(
        &mut self,
        now: Instant,
        is_there: impl Fn(u32) -> bool,
    ) -> (Vec<(String, Level)>, Option<Instant>) {
        let (mut news, mut again) = (Vec::new(), None::<Instant>);
        for (place, watched) in (0..).zip(&mut self.0) {
            let level = if is_there(place) {
                watched.missing_since = None;
                Level::Up
            } else {
                let since = *watched.missing_since.get_or_insert(now);
                let due = since + GRACE;
                if now < due {
                    again = Some(again.map_or(due, |again| again.min(due)));
                    continue;
                }
                Level::Down
            };
            if watched.told != level {
                watched.told = level;
                news.push((watched.name.clone(), level));
            }
        }
        (news, again)
    }
}

impl Shell {
    /// The kernel has said something, or something has been missing for a while.
    pub(super) fn look_at_statics(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Reading | Phase::Stopping) {
            return;
        }
        let kernel = &self.kernel;
        let (news, again) = self
            .statics
            .look(now, |place| kernel.has_all_of_group(place));
        for (name, level) in news {
            let event = Event::Tracker {
                kind: TrackerKind::Statics,
                name: &name,
                level,
            };
            self.router.handle(now, event, &mut self.actions);
        }
        if let Some(again) = again {
            self.wheel.arm(Key::Statics, again);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::Holdings;

    #[test]
    fn what_is_put_back_quickly_was_never_missing() {
        let group = |name: &str| TrackGroup {
            name: name.into(),
            holdings: Holdings::default(),
        };
        let mut statics = Statics::default();
        statics.watch(&[group("A"), group("B")]);
        let start = Instant(1_000_000_000);
        let told = |name: &str, level| vec![(name.to_owned(), level)];
        // A is there, B not yet.
        let only_a = |place| place == 0;
        let due = start + GRACE;
        assert_eq!(
            statics.look(start, only_a),
            (told("A", Level::Up), Some(due))
        );
        assert_eq!(statics.look(start, |_| true), (told("B", Level::Up), None));
        // Away, and back in time.
        let later = due + GRACE;
        assert_eq!(statics.look(later, only_a), (vec![], Some(later + GRACE)));
        assert_eq!(statics.look(later + GRACE / 2, |_| true), (vec![], None));
        // Away for good, told once.
        let gone = later + GRACE;
        assert_eq!(statics.look(gone, only_a).1, Some(gone + GRACE));
        assert_eq!(
            statics.look(gone + GRACE, only_a),
            (told("B", Level::Down), None)
        );
        assert_eq!(statics.look(gone + GRACE * 2, only_a), (vec![], None));
        // A reload keeps what is known.
        statics.watch(&[group("B"), group("C")]);
        let (news, _) = statics.look(gone + GRACE * 3, |place| place == 1);
        assert_eq!(news, told("C", Level::Up));
    }
}
