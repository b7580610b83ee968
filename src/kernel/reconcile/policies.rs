//! What differs for routes and rules: whether one is there is known from answers and events alone, never from a dump.
//!
//! IPv4 routes vanish without a word when their link goes down or their source address goes away, so such an event makes doubtful
//! what it may have taken along: it is asked for again, and the kernel says whether it was there.

use super::{EEXIST, Key, Op, Reconciler, Request};
use crate::kernel::Notice;
use crate::kernel::backoff::{FIRST_DELAY, PATIENCE};
use crate::kernel::policy::{Policy, Trace};
use crate::kernel::policy_netlink::body;
use crate::time::Instant;
use std::hash::Hash;

/// Stands for the link of what belongs to no link.
pub(super) const HOST: u32 = 0;

const ENOENT: i32 = 2;
const ESRCH: i32 = 3;
const ENODEV: i32 = 19;
const ENETDOWN: i32 = 100;
const ENETUNREACH: i32 = 101;

impl<O: Copy + Eq + Hash> Reconciler<O> {
    /// Notes by what a route or a rule will be found again.
    pub(super) fn trace(&mut self, policy: &Policy) {
        for trace in policy.traces() {
            self.traces.entry(trace).or_default().insert(policy.clone());
        }
    }

    fn forget_policy(&mut self, key: &Key, policy: &Policy) {
        self.entries.remove(key);
        self.refused.remove(policy);
        for trace in policy.traces() {
            if let Some(found) = self.traces.get_mut(&trace) {
                found.remove(policy);
                if found.is_empty() {
                    self.traces.remove(&trace);
                }
            }
        }
    }

    fn traced(&self, trace: &Trace) -> Vec<Policy> {
        self.traces
            .get(trace)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// Whatever this concerns may be gone; what is not tracked would not be put back then.
    pub(super) fn doubt(&mut self, trace: &Trace) {
        for policy in self.traced(trace) {
            if !policy.is_tracked() {
                continue;
            }
            let key = Key::Policy(policy);
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.present = false;
                entry.backoff.not_before = Instant(0);
            }
            self.mark(&key);
        }
    }

    /// Events were lost: everything may be gone.
    pub(super) fn doubt_all(&mut self) {
        let keys: Vec<Key> = self.entries.keys().cloned().collect();
        for key in keys {
            if let (Key::Policy(policy), Some(entry)) = (&key, self.entries.get_mut(&key))
                && policy.is_tracked()
            {
                entry.present = false;
                self.mark(&key);
            }
        }
    }

    /// A link is up, or has a new name: routes over it can be there now, and those that were before are gone.
    pub(super) fn link_enabled(&mut self, index: u32) {
        let name = self.known.link(index).map(|link| link.name.clone());
        self.doubt(&Trace::Link(name));
        self.doubt(&Trace::Link(None));
        self.ask_again();
    }

    /// Something changed that may make the kernel accept what it refused.
    pub(super) fn ask_again(&mut self) {
        for policy in std::mem::take(&mut self.refused) {
            let key = Key::Policy(policy);
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.backoff.not_before = Instant(0);
            }
            self.mark(&key);
        }
    }

    /// The kernel says that a route or a rule went away; whether it was one of ours shows when ours is asked for.
    pub(super) fn policy_gone(&mut self, now: Instant, trace: &Trace) {
        for policy in self.traced(trace) {
            let tracked = policy.is_tracked();
            let key = Key::Policy(policy);
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            if entry.in_flight.is_some() || !entry.present || !tracked {
                continue;
            }
            entry.present = false;
            if entry.is_wanted() {
                entry.lost = true;
                let delay = entry.backoff.attempt(now);
                if !delay.is_zero()
                    && let Key::Policy(policy) = &key
                {
                    let policy = policy.clone();
                    self.notices.push(Notice::PolicyContested { policy, delay });
                }
            }
            self.mark(&key);
        }
    }

    pub(super) fn look_at_policy(
        &mut self,
        now: Instant,
        key: &Key,
        policy: &Policy,
    ) -> Option<(u32, Request)> {
        let entry = self.entries.get_mut(key)?;
        let add = entry.is_wanted();
        if add && entry.present {
            return None;
        }
        if !add && entry.ours.is_none() {
            if !entry.is_claimed() {
                self.forget_policy(key, policy);
            }
            return None;
        }
        let Some(body) = body(policy, &self.known) else {
            // With its link the kernel forgets it; when one of that name comes, it is looked at again.
            entry.present = false;
            if !add {
                entry.ours = None;
                self.mark(key);
            }
            return None;
        };
        let op = if add { Op::Add(HOST) } else { Op::Delete(HOST) };
        let policy = policy.clone();
        self.send(now, key, op, Request::Policy { policy, add, body })
    }

    pub(super) fn policy_answered(&mut self, now: Instant, policy: Policy, op: Op, errno: i32) {
        let key = Key::Policy(policy.clone());
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        entry.in_flight = None;
        match (op, errno) {
            (Op::Add(_), 0) => {
                entry.present = true;
                entry.ours = Some(HOST);
                if std::mem::take(&mut entry.lost) {
                    self.notices.push(Notice::PolicyPutBack { policy });
                }
            }
            (Op::Add(_), EEXIST) => {
                entry.present = true;
                entry.lost = false;
            }
            (Op::Delete(_), 0) => {
                // Never added in this life.
                if entry.ours.take().is_some() && !std::mem::take(&mut entry.present) {
                    self.leftover(&key, policy);
                }
            }
            (Op::Delete(_), ESRCH | ENOENT | ENODEV) => {
                entry.ours = None;
                entry.present = false;
            }
            (op, errno) => {
                let adding = matches!(op, Op::Add(_));
                entry.lost = false;
                let told = entry.backoff.attempts;
                entry.backoff.attempt(now);
                entry.backoff.wait(now, FIRST_DELAY);
                if adding {
                    self.refused.insert(policy.clone());
                }
                // That a network is not there yet, or no more, is said when it lasts.
                let passing = matches!(errno, ENETDOWN | ENETUNREACH | ENODEV);
                if told == PATIENCE || told == 0 && !passing {
                    self.notices.push(Notice::PolicyRefused {
                        adding,
                        policy,
                        errno,
                    });
                }
            }
        }
        self.mark(&key);
    }

    fn leftover(&mut self, key: &Key, policy: Policy) {
        let added = self
            .entries
            .get(key)
            .is_some_and(|entry| entry.backoff.attempts > 0);
        if !added {
            self.notices.push(Notice::PolicyLeftover { policy });
        }
    }
}
