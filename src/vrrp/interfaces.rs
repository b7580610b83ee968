//! The interfaces the shell has told of, and whether an instance can run on one. A snapshot: fitness is always computed anew
//! from it and never counted up and down, so that no order of events can leave an instance stuck in FAULT.

use super::Interface;
use crate::config::model::VrrpInstance;
use std::collections::HashMap;

/// Why an instance cannot run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unfit {
    /// There is no interface of that name.
    pub missing: bool,
    /// The interface is down or has no carrier (not with `dont_track_primary`).
    pub down: bool,
    /// The interface has no IPv4 address to send from, and no `mcast_src_ip` says which.
    pub no_address: bool,
}

impl Unfit {
    /// No reason: it can run.
    pub fn is_none(&self) -> bool {
        *self == Unfit::default()
    }
}

/// All interfaces.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    by_index: HashMap<u32, Interface>,
    by_name: HashMap<String, u32>,
}

impl Interfaces {
    /// Learns an interface. The names whose meaning changed: the new one, and the old one after a renaming. Empty when nothing did.
    pub fn learn(&mut self, interface: &Interface) -> Vec<String> {
        let before = self.by_index.get(&interface.index);
        if before == Some(interface) && self.by_name.get(&interface.name) == Some(&interface.index)
        {
            return Vec::new();
        }
        let mut changed = vec![interface.name.clone()];
        if let Some(before) = before
            && before.name != interface.name
        {
            changed.push(before.name.clone());
            if self.by_name.get(&before.name) == Some(&interface.index) {
                self.by_name.remove(&before.name);
            }
        }
        self.by_name.insert(interface.name.clone(), interface.index);
        self.by_index.insert(interface.index, interface.clone());
        changed
    }

    /// Forgets an interface. The name whose meaning changed, if any.
    pub fn forget(&mut self, index: u32) -> Option<String> {
        let gone = self.by_index.remove(&index)?;
        // An interface that was made anew under the same name may be known already.
        if self.by_name.get(&gone.name) != Some(&index) {
            return None;
        }
        self.by_name.remove(&gone.name);
        Some(gone.name)
    }

    pub fn named(&self, name: &str) -> Option<&Interface> {
        self.by_name
            .get(name)
            .and_then(|index| self.by_index.get(index))
    }

    pub fn numbered(&self, index: u32) -> Option<&Interface> {
        self.by_index.get(&index)
    }

    /// What keeps an instance of this configuration from running.
    pub fn unfit(&self, config: &VrrpInstance) -> Unfit {
        match self.named(&config.interface) {
            None => Unfit {
                missing: true,
                ..Unfit::default()
            },
            Some(interface) => Unfit {
                missing: false,
                down: !interface.up && !config.dont_track_primary,
                no_address: interface.primary_v4.is_none() && config.source.is_none(),
            },
        }
    }
}
