//! What scripts and the like say, as the shell has told it: a snapshot, from which what keeps an instance from running and what adds
//! to its priority is always computed anew, as from that of the interfaces.

use super::InstanceId;
use crate::config::model::{Tracked, TrackerKind};
use crate::track::Level;
use std::collections::HashMap;

/// All that is tracked besides interfaces, and by whom.
#[derive(Debug, Default)]
pub(super) struct Trackers {
    levels: HashMap<TrackerKind, HashMap<String, Level>>,
    watchers: HashMap<TrackerKind, HashMap<String, Vec<InstanceId>>>,
}

impl Trackers {
    /// Learns what something says; those who track it have to look anew.
    pub fn learn(&mut self, kind: TrackerKind, name: &str, level: Level) -> Vec<InstanceId> {
        let levels = self.levels.entry(kind).or_default();
        if levels.insert(name.to_owned(), level) == Some(level) {
            return Vec::new();
        }
        let watchers = self.watchers.get(&kind).and_then(|named| named.get(name));
        watchers.cloned().unwrap_or_default()
    }

    /// Forgets who tracks what; `watch` tells it anew.
    pub fn clear_watchers(&mut self) {
        self.watchers.clear();
    }

    /// An instance tracks this.
    pub fn watch(&mut self, tracked: &Tracked, instance: InstanceId) {
        let named = self.watchers.entry(tracked.kind).or_default();
        named
            .entry(tracked.name.clone())
            .or_default()
            .push(instance);
    }

    /// What it says.
    pub fn level(&self, tracked: &Tracked) -> Level {
        let level = self
            .levels
            .get(&tracked.kind)
            .and_then(|named| named.get(&tracked.name));
        level.copied().unwrap_or(Level::Unknown)
    }

    /// Whether it keeps an instance from running.
    pub fn fails(&self, tracked: &Tracked) -> bool {
        let bad = if tracked.reverse {
            Level::Up
        } else {
            Level::Down
        };
        tracked.weight == 0 && self.level(tracked) == bad
    }

    /// Whether an instance cannot know yet if it can run.
    pub fn is_awaited(&self, tracked: &Tracked) -> bool {
        tracked.weight == 0 && self.level(tracked) == Level::Unknown
    }

    /// What it adds to a priority now.
    pub fn contribution(&self, tracked: &Tracked) -> i32 {
        let deciding = if tracked.weight > 0 {
            Level::Up
        } else {
            Level::Down
        };
        match (self.level(tracked) == deciding, tracked.reverse) {
            (false, _) => 0,
            (true, false) => tracked.weight,
            (true, true) => -tracked.weight,
        }
    }
}
