//! Settings of links that we find and did not make: what they have to be at least while somebody needs it. What they were before is
//! kept in `Saved`, and put back when nobody needs it any more and nobody else has changed it. Not here: how a change is asked for.

use crate::kernel::link::{LinkUpdate, Nature, Setting};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the base of a link needs that bears addresses of IPv4: else it would answer for the virtual address with its own MAC, and ask in its name.
pub(super) const SETTINGS_BASE: [Tuning; 3] = [
    Tuning {
        setting: Setting::ArpFilter,
        at_least: 1,
    },
    Tuning {
        setting: Setting::ArpIgnore,
        at_least: 1,
    },
    Tuning {
        setting: Setting::ArpAnnounce,
        at_least: 2,
    },
];

/// A setting that a link needs which is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Which.
    pub setting: Setting,
    /// Its least value.
    pub at_least: u32,
}

/// What a setting was before we changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// What it was.
    pub before: u32,
    /// What we made of it.
    pub now: u32,
}

/// Everything about such settings that is wanted, and what they were.
#[derive(Debug, Default)]
pub(super) struct Tunings {
    wanted: HashMap<String, Vec<Tuning>>,
    /// Settings that every link needs which is not ours.
    everywhere: Vec<Tuning>,
    saved: BTreeMap<(String, Setting), Saved>,
    saved_changed: bool,
    /// Links whose watchers are to be told that something is new about them.
    announced: BTreeSet<String>,
}

impl Tunings {
    /// Replaces what is wanted, and adds the names of links to look at; true when that is all of them.
    pub fn want(
        &mut self,
        wanted: impl Iterator<Item = (String, Tuning)>,
        everywhere: Vec<Tuning>,
        dirty: &mut BTreeSet<String>,
    ) -> bool {
        dirty.extend(self.wanted.drain().map(|(name, _)| name));
        for (name, tuning) in wanted {
            self.wanted.entry(name).or_default().push(tuning);
        }
        dirty.extend(self.names());
        let changed = self.everywhere != everywhere;
        self.everywhere = everywhere;
        changed
    }

    /// The links that have to have something that others need not.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.wanted.keys().cloned()
    }

    /// Whether something is, or was, wanted of a link of this name.
    pub fn concerns(&self, name: &str) -> bool {
        let mut saved = self.saved.range((name.to_owned(), Setting::RpFilter)..);
        !self.everywhere.is_empty()
            || self.wanted.contains_key(name)
            || saved.next().is_some_and(|((of, _), _)| of == name)
    }

    /// What an earlier process changed and did not put back; adds the names of links to look at.
    pub fn recall(
        &mut self,
        saved: impl IntoIterator<Item = ((String, Setting), Saved)>,
        dirty: &mut BTreeSet<String>,
    ) {
        for (key, saved) in saved {
            dirty.insert(key.0.clone());
            self.saved.insert(key, saved);
        }
    }

    /// What settings were before we changed them; nothing when that is as it was at the last call.
    pub fn take_saved(&mut self) -> Option<Vec<((String, Setting), Saved)>> {
        std::mem::take(&mut self.saved_changed).then(|| self.saved.clone().into_iter().collect())
    }

    /// Those who watch this link are to be told that something is new about it.
    pub fn announce(&mut self, name: String) {
        self.announced.insert(name);
    }

    /// A link went away: one that is made anew begins with what the kernel gives to all.
    pub fn forget(&mut self, name: &str) {
        let before = self.saved.len();
        self.saved.retain(|(of, _), _| of != name);
        self.saved_changed |= before != self.saved.len();
    }

    /// What has to be different about a link: what is wanted is made so, what is not is put back.
    pub fn look(&mut self, name: &str, nature: &Nature) -> Option<LinkUpdate> {
        let own = self.wanted.get(name).into_iter().flatten();
        let mut least: BTreeMap<Setting, u32> = BTreeMap::new();
        for tuning in own.chain(&self.everywhere) {
            let value = least.entry(tuning.setting).or_default();
            *value = tuning.at_least.max(*value);
        }
        let mut settings = Vec::new();
        for setting in Setting::ALL {
            let Some(is) = nature.setting(setting) else {
                continue;
            };
            let key = (name.to_owned(), setting);
            match (least.get(&setting), self.saved.get(&key).copied()) {
                (Some(&least), saved) if is < least => {
                    let before = saved.map_or(is, |saved| saved.before);
                    self.saved.insert(key, Saved { before, now: least });
                    self.saved_changed = true;
                    settings.push((setting, least));
                }
                (None, Some(saved)) => {
                    self.saved.remove(&key);
                    self.saved_changed = true;
                    if is == saved.now {
                        settings.push((setting, saved.before));
                    }
                }
                _ => {}
            }
        }
        // Of a group that is set the kernel tells, whether it is new or not.
        let group = self.announced.remove(name).then_some(nature.group);
        let update = LinkUpdate {
            group,
            settings,
            ..LinkUpdate::default()
        };
        (!update.is_empty()).then_some(update)
    }
}

#[cfg(test)]
#[path = "tunings_tests.rs"]
mod tests;
