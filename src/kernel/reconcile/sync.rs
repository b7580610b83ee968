//! Reading the kernel's state: links, then addresses, again whenever something was lost or a dump was disturbed. What was there
//! before us where a claim stands was ours in an earlier life.

use super::{DUMP_RETRY, Key, NOT_SENT, Reconciler};
use crate::time::Instant;
use std::hash::Hash;

/// How far the reading has come; numbers are those of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sync {
    /// Links, then addresses, have to be read.
    Needed {
        not_before: Instant,
    },
    Links(u32),
    Addresses(u32),
    Complete,
}

impl<O: Copy + Eq + Hash> Reconciler<O> {
    pub(super) fn dump_done(&mut self, now: Instant, sequence: u32, errno: i32) {
        let whole = errno == 0 && !self.disturbed;
        match self.sync {
            Sync::Links(dump) | Sync::Addresses(dump) if dump == sequence && !whole => {
                self.sync = Sync::Needed {
                    not_before: now + DUMP_RETRY,
                };
            }
            Sync::Links(dump) if dump == sequence => {
                for index in self.known.unmentioned_links() {
                    if let Some(name) = self.known.remove_link(index) {
                        self.mark_interface(&name);
                        self.link_gone(now, index, &name);
                    }
                }
                self.sync = Sync::Addresses(NOT_SENT);
            }
            Sync::Addresses(dump) if dump == sequence => {
                for (index, placement) in self.known.unmentioned_addresses() {
                    self.address_gone(now, index, placement);
                }
                self.sync = Sync::Complete;
                if !std::mem::replace(&mut self.leftovers_known, true) {
                    self.adopt_leftovers();
                }
            }
            _ => {}
        }
    }

    /// Whatever stands where a claim says ours will stand was ours in an earlier life.
    fn adopt_leftovers(&mut self) {
        let mut leftovers = Vec::new();
        for (key, entry) in &mut self.entries {
            let Key::Address(spot) = key else {
                continue;
            };
            let Some(index) = self.known.index(&spot.interface) else {
                continue;
            };
            if entry.ours.is_none() && self.known.address(index, &spot.placement).is_some() {
                (entry.ours, entry.leftover) = (Some(index), true);
                leftovers.push(key.clone());
            }
        }
        for key in leftovers {
            self.mark(&key);
        }
    }
}
