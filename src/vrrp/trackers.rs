//! What scripts, files and the like say, as the shell has told it: a snapshot, from which follows what keeps an instance from running and
//! what adds to its priority, as from that of the interfaces.

use super::InstanceId;
use super::tally::Share;
use crate::config::model::{Tracked, TrackerKind, Vrrp};
use crate::track::Level;
use std::collections::{HashMap, HashSet};

/// A number times its weight that is no more than this keeps an instance from running.
const FAILS: i32 = -254;
/// The most that a file adds to a priority.
const MOST: i32 = 253;

/// An instance that tracks something, and the place of the line that says so in its configuration.
pub(super) type Watcher = (InstanceId, usize);

/// All that is tracked besides interfaces, and by whom.
#[derive(Debug, Default)]
pub(super) struct Trackers {
    levels: HashMap<TrackerKind, HashMap<String, Level>>,
    watchers: HashMap<TrackerKind, HashMap<String, Vec<Watcher>>>,
}

impl Trackers {
    /// Learns what something says; those who track it have to weigh it anew.
    pub fn learn(&mut self, kind: TrackerKind, name: &str, level: Level) -> Vec<Watcher> {
        let levels = self.levels.entry(kind).or_default();
        let before = levels.insert(name.to_owned(), level);
        if before.unwrap_or(Level::Unknown) == level {
            return Vec::new();
        }
        let watchers = self.watchers.get(&kind).and_then(|named| named.get(name));
        watchers.cloned().unwrap_or_default()
    }

    /// Forgets what was said by things that are gone from the configuration: one of that name that comes later says it for itself.
    pub fn forget_others(&mut self, config: &Vrrp) {
        let scripts = config.scripts.iter().map(|script| &script.name);
        let scripts = scripts.map(|name| (TrackerKind::Script, name));
        let files = config.files.iter().map(|file| &file.name);
        let files = files.map(|name| (TrackerKind::File, name));
        let processes = config.processes.iter().map(|process| &process.name);
        let processes = processes.map(|name| (TrackerKind::Process, name));
        let groups = config.track_groups.iter().map(|group| &group.name);
        let groups = groups.map(|name| (TrackerKind::Statics, name));
        let lines = config.instances.iter().flat_map(|it| &it.trackers);
        let lines = lines.map(|line| (line.kind, &line.name));
        let there: HashSet<(TrackerKind, &String)> = scripts
            .chain(files)
            .chain(processes)
            .chain(groups)
            .chain(lines)
            .collect();
        for (kind, levels) in &mut self.levels {
            levels.retain(|name, _| there.contains(&(*kind, name)));
        }
    }

    /// Forgets who tracks what; `watch` tells it anew.
    pub fn clear_watchers(&mut self) {
        self.watchers.clear();
    }

    /// An instance tracks this.
    pub fn watch(&mut self, tracked: &Tracked, watcher: Watcher) {
        let named = self.watchers.entry(tracked.kind).or_default();
        named.entry(tracked.name.clone()).or_default().push(watcher);
    }

    /// What it says.
    pub fn level(&self, tracked: &Tracked) -> Level {
        let level = self
            .levels
            .get(&tracked.kind)
            .and_then(|named| named.get(&tracked.name));
        level.copied().unwrap_or(Level::Unknown)
    }

    /// What it does to an instance now.
    pub fn share(&self, tracked: &Tracked) -> Share {
        let level = self.level(tracked);
        let awaited = tracked.weight == 0 && level == Level::Unknown;
        Share::new(contribution(tracked, level), fails(tracked, level), awaited)
    }
}

/// Whether what says this keeps an instance from running.
fn fails(tracked: &Tracked, level: Level) -> bool {
    match (level, tracked.weight) {
        (Level::Value(value), 0) => (value != 0) != tracked.reverse,
        (Level::Value(value), weight) => product(value, weight, tracked.reverse) <= FAILS,
        (level, 0) => {
            let bad = if tracked.reverse {
                Level::Up
            } else {
                Level::Down
            };
            level == bad
        }
        _ => false,
    }
}

/// What it adds to a priority.
fn contribution(tracked: &Tracked, level: Level) -> i32 {
    if let Level::Value(value) = level {
        let product = product(value, tracked.weight, tracked.reverse);
        // What is a fault weighs nothing.
        return if product <= FAILS { 0 } else { product };
    }
    let deciding = if tracked.weight > 0 {
        Level::Up
    } else {
        Level::Down
    };
    match (level == deciding, tracked.reverse) {
        (false, _) => 0,
        (true, false) => tracked.weight,
        (true, true) => -tracked.weight,
    }
}

/// What the number in a file amounts to.
fn product(value: i32, weight: i32, reverse: bool) -> i32 {
    let product = i64::from(value) * i64::from(weight);
    let product = if reverse { -product } else { product };
    let clamped = product.clamp(FAILS.into(), MOST.into());
    i32::try_from(clamped).unwrap_or_default()
}
