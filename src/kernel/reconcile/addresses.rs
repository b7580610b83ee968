//! What of an address is wanted and what is there: what follows when they differ, and when one goes that is ours.

use super::sync::Sync;
use super::{DUMP_RETRY, EADDRNOTAVAIL, EEXIST, ENODEV, Key, Op, Reconciler, Spot};
use crate::kernel::address::{IFA_F_DADFAILED, Placement};
use crate::kernel::backoff::{FIRST_DELAY, PATIENCE};
use crate::kernel::netlink::Request;
use crate::kernel::notice::Notice;
use crate::kernel::policy::Trace;
use crate::time::Instant;
use std::hash::Hash;
use std::time::Duration;

impl<O: Copy + Eq + Hash> Reconciler<O> {
    /// Where an address on this link belongs that somebody claims there.
    pub(super) fn claimed_spot(&self, index: u32, placement: Placement) -> Option<Spot> {
        let link = self.known.link(index)?;
        let claimed = self.names.get(&link.name)?;
        claimed.contains(&placement).then(|| Spot {
            interface: link.name.clone(),
            placement,
        })
    }

    /// Takes in the answer to a request about an address.
    pub(super) fn address_answered(&mut self, now: Instant, spot: Spot, op: Op, errno: i32) {
        let key = Key::Address(spot.clone());
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        entry.in_flight = None;
        match (op, errno) {
            (Op::Add(index), 0) => {
                entry.unheard = self.known.address(index, &spot.placement).is_none();
            }
            (Op::Delete(_), 0) => entry.unheard = false,
            (Op::Add(index), EEXIST) => {
                // It is there, so its event was lost or it stands under another prefix (IPv6): only a dump can tell.
                if self.known.address(index, &spot.placement).is_none() {
                    entry.backoff.attempt(now);
                    self.sync = Sync::Needed {
                        not_before: now + DUMP_RETRY,
                    };
                }
            }
            (Op::Delete(index), EADDRNOTAVAIL | ENODEV) => {
                entry.unheard = false;
                let claimed = self.claimed_spot(index, spot.placement).is_some();
                self.known.remove_address(index, &spot.placement, claimed);
            }
            (op, errno) => {
                let adding = matches!(op, Op::Add(_));
                let first = if adding {
                    !std::mem::replace(&mut entry.refused, true)
                } else {
                    entry.backoff.attempts == 0
                };
                if first {
                    let Spot {
                        interface,
                        placement,
                    } = spot;
                    if adding {
                        let holders = entry.holders().map(|owner| (owner, placement.address));
                        self.unavailable.extend(holders);
                    }
                    self.notices.push(Notice::Refused {
                        adding,
                        interface,
                        placement,
                        errno,
                    });
                }
                // A refusal is not a fight: asking again at once would only be refused again.
                entry.backoff.attempt(now);
                entry.backoff.wait(now, FIRST_DELAY);
            }
        }
        self.mark(&key);
    }

    pub(super) fn address_gone(&mut self, now: Instant, index: u32, placement: Placement) {
        let spot = self.claimed_spot(index, placement);
        if !self.known.remove_address(index, &placement, spot.is_some()) {
            return;
        }
        self.doubt(&Trace::Source(placement.address));
        let Some(spot) = spot else {
            return;
        };
        let interface = spot.interface.clone();
        let key = Key::Address(spot);
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        let deleting = entry.in_flight == Some(Op::Delete(index));
        let taken = !deleting && entry.ours == Some(index) && entry.is_wanted();
        if taken && !entry.is_tracked() {
            entry.abandoned = true;
        } else if taken {
            entry.lost = true;
            let delay = entry.backoff.attempt(now);
            self.notices.push(match delay {
                Duration::ZERO => Notice::PutBack {
                    interface,
                    placement,
                },
                delay => Notice::Contested {
                    interface,
                    placement,
                    delay,
                },
            });
        }
        self.mark(&key);
    }

    pub(super) fn look_at_address(
        &mut self,
        now: Instant,
        key: &Key,
        spot: &Spot,
    ) -> Option<(u32, Request)> {
        let entry = self.entries.get_mut(key)?;
        let here = self.known.index(&spot.interface);
        let wanted = entry.wanted_address().cloned();
        // The link we put it on may have been renamed away or be gone.
        if let Some(index) = entry.ours
            && (Some(index) != here || wanted.is_none())
        {
            if entry.unheard || self.known.address(index, &spot.placement).is_some() {
                if std::mem::take(&mut entry.leftover) {
                    self.notices.push(Notice::Leftover {
                        interface: spot.interface.clone(),
                        placement: spot.placement,
                    });
                }
                return self.delete_address(now, key, spot, index);
            }
            entry.ours = None;
        }
        let (Some(wanted), Some(index)) = (wanted, here) else {
            if !entry.is_claimed() {
                self.forget_address(key, spot);
            }
            return None;
        };
        match self.known.address(index, &spot.placement) {
            Some(present) => {
                entry.unheard = false;
                let is_as_wanted = wanted.is_met_by(present, &spot.interface);
                let usable = wanted.is_detected() && present.is_usable();
                let relented = std::mem::take(&mut entry.refused) && !wanted.is_detected();
                if usable && !entry.usable || relented {
                    let address = spot.placement.address;
                    let holders = entry.holders().map(|owner| (owner, address));
                    self.usable.extend(holders);
                }
                entry.usable = usable;
                if present.flags & IFA_F_DADFAILED != 0 && !entry.duplicate {
                    self.notices.push(Notice::Duplicate {
                        interface: spot.interface.clone(),
                        placement: spot.placement,
                    });
                }
                entry.duplicate = present.flags & IFA_F_DADFAILED != 0;
                (entry.ours, entry.leftover) = (Some(index), false);
                // A kernel that keeps giving back something else is believed after a few tries.
                if is_as_wanted || entry.backoff.attempts >= PATIENCE {
                    // One that is being detected is told of when that is over.
                    if std::mem::take(&mut entry.lost) && !wanted.is_detected() {
                        self.restored.extend(entry.holders());
                    }
                    return None;
                }
                entry.backoff.attempt(now);
                self.delete_address(now, key, spot, index)
            }
            None if entry.abandoned => None,
            None => {
                entry.usable = false;
                let address = wanted;
                let sent = self.send(
                    now,
                    key,
                    Op::Add(index),
                    Request::AddAddress { index, address },
                )?;
                self.entries.get_mut(key)?.ours = Some(index);
                Some(sent)
            }
        }
    }

    pub(super) fn delete_address(
        &mut self,
        now: Instant,
        key: &Key,
        spot: &Spot,
        index: u32,
    ) -> Option<(u32, Request)> {
        let placement = spot.placement;
        self.send(
            now,
            key,
            Op::Delete(index),
            Request::DeleteAddress { index, placement },
        )
    }

    pub(super) fn forget_address(&mut self, key: &Key, spot: &Spot) {
        self.entries.remove(key);
        if let Some(claimed) = self.names.get_mut(&spot.interface) {
            claimed.remove(&spot.placement);
            if claimed.is_empty() {
                self.names.remove(&spot.interface);
            }
        }
        self.known.touch(&spot.interface);
    }
}
