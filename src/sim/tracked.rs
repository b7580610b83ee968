//! Scripts, files, processes and BFD sessions of a simulated node: they fail, flap, or never say a word, at random instants. What they add to a
//! priority is reckoned here once more, in another way than the router's, and compared after everything that happens.

use super::network::{Network, NodeId};
use super::node::{Input, Running};
use super::random::Random;
use super::watch::Violation;
use crate::config::model::{Tracked, TrackerKind};
use crate::time::Instant;
use crate::track::Level;
use crate::vrrp::{Event, Instance, Router, State};
use crate::wire::vrrp::PRIORITY_OWNER;

/// What there is on every node, by kind and name.
const THINGS: [(TrackerKind, &str); 4] = [
    (TrackerKind::Script, "chk"),
    (TrackerKind::File, "load"),
    (TrackerKind::Process, "web"),
    (TrackerKind::Bfd, "peer"),
];
/// Weights worth a try: none, small ones, and those that reach the ends of the range.
const WEIGHTS: [i32; 7] = [0, 20, -20, 2, -3, 253, -253];
/// Numbers that a file says.
const VALUES: [i32; 7] = [0, 0, 1, -1, 30, -30, -254];

/// What the things of a node say.
pub(super) type Levels = [Level; THINGS.len()];
/// Nobody has said anything.
pub(super) const SILENT: Levels = [Level::Unknown; THINGS.len()];

/// What all instances of a node track.
pub(super) fn random_trackers(random: &mut Random, owner: bool) -> Vec<Tracked> {
    let mut trackers = Vec::new();
    for (kind, name) in THINGS {
        let weight = pick(random, &WEIGHTS);
        let reverse = random.percent(20);
        // An owner's priority does not change.
        if random.percent(40) && (weight == 0 || !owner) {
            trackers.push(Tracked {
                kind,
                name: name.to_owned(),
                weight,
                reverse,
            });
        }
    }
    trackers
}

fn pick(random: &mut Random, of: &[i32]) -> i32 {
    let count = u64::try_from(of.len()).unwrap_or(1);
    let place = usize::try_from(random.within(0..count)).unwrap_or_default();
    of.get(place).copied().unwrap_or_default()
}

impl Network {
    /// Something on a node says something else, several times in a row perhaps.
    pub(super) fn flap(&mut self, id: NodeId, random: &mut Random) -> Result<(), Violation> {
        let count = u64::try_from(THINGS.len()).unwrap_or(1);
        let place = usize::try_from(random.within(0..count)).unwrap_or_default();
        for _ in 0..random.within(1..6) {
            let level = match THINGS.get(place) {
                Some((TrackerKind::File, _)) => Level::Value(pick(random, &VALUES)),
                _ if random.percent(50) => Level::Up,
                _ => Level::Down,
            };
            self.says(id, place, level)?;
        }
        Ok(())
    }

    /// All is well on a node.
    pub(super) fn mend_things(&mut self, id: NodeId) -> Result<(), Violation> {
        let reverse = |node: &super::node::Node, place: usize| {
            let thing = THINGS.get(place).copied();
            node.config.instances.iter().any(|instance| {
                let mut trackers = instance.trackers.iter();
                trackers.any(|t| thing == Some((t.kind, t.name.as_str())) && t.reverse)
            })
        };
        for (place, (kind, _)) in THINGS.into_iter().enumerate() {
            let reverse = reverse(&self.nodes[id], place);
            let level = match (kind, reverse) {
                (TrackerKind::File, reverse) => Level::Value(i32::from(reverse)),
                (_, true) => Level::Down,
                (_, false) => Level::Up,
            };
            self.says(id, place, level)?;
        }
        Ok(())
    }

    fn says(&mut self, id: NodeId, place: usize, level: Level) -> Result<(), Violation> {
        let node = &mut self.nodes[id];
        if let Some(known) = node.levels.get_mut(place) {
            *known = level;
        }
        match node.running {
            Running::Off => Ok(()),
            _ => self.arrive(id, Input::Tracker(place, level)),
        }
    }

    /// Tells the core what something says.
    pub(super) fn tell(&mut self, id: NodeId, place: usize, level: Level) -> Result<(), Violation> {
        let Some((kind, name)) = THINGS.get(place).copied() else {
            return Ok(());
        };
        if let Some(told) = self.nodes[id].told.get_mut(place) {
            *told = level;
        }
        self.handle(id, Event::Tracker { kind, name, level })
    }

    /// Tells the core of a process that has just begun what things say, those that have said something.
    pub(super) fn tell_all(&mut self, id: NodeId) -> Result<(), Violation> {
        for (place, level) in self.nodes[id].levels.into_iter().enumerate() {
            if level != Level::Unknown {
                self.tell(id, place, level)?;
            }
        }
        Ok(())
    }
}

/// The priority is what it should be: base and weights, held within its range. Not of an owner, who may have given way, nor of one that has not begun.
pub(super) fn check_priority(
    now: Instant,
    router: &Router,
    instance: &Instance,
    told: &Levels,
) -> Result<(), Violation> {
    let config = instance.config();
    if config.priority == PRIORITY_OWNER || instance.state() == State::Initialize {
        return Ok(());
    }
    let mut sum = i64::from(config.priority);
    for tracked in &config.tracked_interfaces {
        let up = router
            .interface_named(&tracked.interface)
            .is_some_and(|interface| interface.up);
        sum += match (tracked.weight > 0, up) {
            (true, true) | (false, false) => i64::from(tracked.weight),
            _ => 0,
        };
    }
    for tracked in &config.trackers {
        let things = THINGS.iter().zip(told);
        let mut mine = things
            .filter(|((kind, name), _)| (*kind, *name) == (tracked.kind, tracked.name.as_str()));
        let weight = if tracked.reverse {
            -i64::from(tracked.weight)
        } else {
            i64::from(tracked.weight)
        };
        sum += match mine.next().map(|(_, level)| *level) {
            Some(Level::Up) if tracked.weight > 0 => weight,
            Some(Level::Down) if tracked.weight < 0 => weight,
            Some(Level::Value(value)) => match weight * i64::from(value) {
                fault if fault < -253 => 0,
                product => product.min(253),
            },
            _ => 0,
        };
    }
    let (expected, found) = (sum.clamp(1, 254), i64::from(instance.effective_priority()));
    if expected == found {
        return Ok(());
    }
    let what = format!(
        "{} has priority {found}, not {expected}: {told:?} {:?}",
        instance.name(),
        config.trackers
    );
    Err(Violation { what, at: now })
}
