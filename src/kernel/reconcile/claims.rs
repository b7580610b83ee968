//! Whose things the kernel is to have: an owner claims what it may come to hold, and then holds it or does not. What follows from
//! that is looked at elsewhere; here names are only marked.

use super::policies::HOST;
use super::{Entry, Key, Reconciler, Spot};
use crate::kernel::address::Claim;
use crate::kernel::policy::Policy;
use rustc_hash::FxHashMap as HashMap;
use std::hash::Hash;

impl<O: Copy + Eq + Hash> Reconciler<O> {
    /// Says which addresses, routes and rules `owner` may come to hold, replacing what it said before; nothing forgets the owner. What
    /// it already holds and still claims stays held; what it no longer claims is taken away if it is ours and no other owner holds
    /// it. A new claim starts out not held.
    pub fn claim_all(
        &mut self,
        owner: O,
        addresses: impl IntoIterator<Item = Claim>,
        policies: impl IntoIterator<Item = Policy>,
    ) {
        let before = self.owners.remove(&owner).unwrap_or_default();
        let mut held: HashMap<Key, bool> =
            HashMap::with_capacity_and_hasher(before.len(), Default::default());
        // In the order in which a master lays things down.
        for key in before.into_iter().rev() {
            if let Some(entry) = self.entries.get_mut(&key) {
                held.insert(key.clone(), entry.release(owner));
            }
            self.mark(&key);
        }
        let mut keys = Vec::new();
        for Claim {
            interface,
            address,
            tracked,
        } in addresses
        {
            let spot = Spot {
                interface,
                placement: address.placement,
            };
            let key = Key::Address(spot.clone());
            let index = self.known.index(&spot.interface);
            let present =
                index.filter(|index| self.known.address(*index, &spot.placement).is_some());
            let entry = self
                .entries
                .entry(key.clone())
                .or_insert_with(|| Entry::new(present));
            let claim = Some((address, tracked));
            if !entry.claim(owner, claim, held.get(&key).copied()) {
                continue;
            }
            let claimed = self.names.entry(spot.interface.clone()).or_default();
            if claimed.insert(spot.placement) {
                self.known.touch(&spot.interface);
            }
            self.mark(&key);
            keys.push(key);
        }
        for policy in policies {
            let key = Key::Policy(policy.clone());
            if !self.entries.contains_key(&key) {
                self.trace(&policy);
            }
            let entry = self
                .entries
                .entry(key.clone())
                .or_insert_with(|| Entry::new(policy.is_marked().then_some(HOST)));
            if entry.claim(owner, None, held.get(&key).copied()) {
                self.mark(&key);
                keys.push(key);
            }
        }
        if !keys.is_empty() {
            self.owners.insert(owner, keys);
        }
    }

    /// The same for an owner of addresses alone.
    pub fn claim(&mut self, owner: O, addresses: impl IntoIterator<Item = Claim>) {
        self.claim_all(owner, addresses, []);
    }

    /// From now on `owner` does, or does not, hold what it claims. Addresses come before the routes that may need them, and these
    /// before the rules that lead to them; they go the other way round.
    pub fn hold(&mut self, owner: O, held: bool) {
        let mut keys = self.owners.get(&owner).cloned().unwrap_or_default();
        if !held {
            keys.reverse();
        }
        for key in keys {
            if self
                .entries
                .get_mut(&key)
                .is_some_and(|entry| entry.hold(owner, held))
            {
                self.mark(&key);
            }
        }
    }

    /// True when `owner` holds what it claims and the kernel has all of it.
    pub fn is_placed(&self, owner: O) -> bool {
        self.owners.get(&owner).into_iter().flatten().all(|key| {
            let Some(entry) = self.entries.get(key) else {
                return false;
            };
            let present = match key {
                Key::Policy(_) => entry.present,
                Key::Address(spot) => self
                    .known
                    .index(&spot.interface)
                    .is_some_and(|index| self.known.address(index, &spot.placement).is_some()),
            };
            present && entry.is_held_by(owner)
        })
    }
}
