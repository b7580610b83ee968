//! What must hold at every instant of a simulation, whatever the network does to it.

use crate::time::Instant;
use crate::vrrp::{Cause, Instance, InstanceId, State};
use crate::wire::ip;
use crate::wire::vrrp::v2::Advert;
use crate::wire::vrrp::{PRIORITY_OWNER, PRIORITY_RESIGN};
use std::collections::HashMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

/// What did not hold, where and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which rule, and what was seen instead.
    pub what: String,
    /// When, in virtual time.
    pub at: Instant,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}: {}", self.at, self.what)
    }
}

/// Lateness that a router takes for having stood still.
const NOTICED: Duration = Duration::from_millis(100);

/// What a node has done and heard of one instance, as seen from outside.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    last_advert: Option<Instant>,
    /// The last advert that obliged it to stay BACKUP.
    last_obeyed: Option<Instant>,
    resign_heard: bool,
    /// When it went on after it had stood still for longer than its master down interval.
    woke: Option<Instant>,
    /// It could not run in between, or an operator changed it.
    excused: bool,
}

/// The observer of one node.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: HashMap<InstanceId, Seen>,
}

impl Watch {
    /// A packet is about to be given to this instance.
    pub fn hears(
        &mut self,
        now: Instant,
        instance: &Instance,
        own: Option<Ipv4Addr>,
        packet: &[u8],
    ) {
        let Ok((header, message)) = ip::Header::parse(packet) else {
            return;
        };
        let Ok(advert) = Advert::parse(message) else {
            return;
        };
        let seen = self.seen.entry(instance.id()).or_default();
        if instance.state() != State::Backup
            || advert.vrid != instance.config().virtual_router_id
            || own == Some(header.source)
        {
            return;
        }
        if advert.priority == PRIORITY_RESIGN {
            seen.resign_heard = true;
        } else if instance.config().nopreempt || advert.priority >= instance.effective_priority() {
            seen.last_obeyed = Some(now);
            seen.resign_heard = false;
        }
    }

    /// The node goes on after it stood still for so long.
    pub fn woke(&mut self, now: Instant, slept: Duration, instance: &Instance) {
        if slept > instance.master_down_interval() + NOTICED {
            self.seen.entry(instance.id()).or_default().woke = Some(now);
        }
    }

    /// An advert was sent.
    pub fn sent(&mut self, now: Instant, instance: &Instance) -> Result<(), Violation> {
        let interval = instance.config().advert_interval;
        let seen = self.seen.entry(instance.id()).or_default();
        let excused = std::mem::take(&mut seen.excused);
        let before = seen.last_advert.replace(now);
        match before {
            Some(before)
                if !excused
                    && instance.state() == State::Master
                    && now.since(before) > interval =>
            {
                Err(Violation {
                    what: format!(
                        "{} was MASTER and silent for {:?}, its interval is {interval:?}",
                        instance.name(),
                        now.since(before)
                    ),
                    at: now,
                })
            }
            _ => Ok(()),
        }
    }

    /// An instance changed its state.
    pub fn changed(
        &mut self,
        now: Instant,
        instance: &Instance,
        from: State,
        to: State,
    ) -> Result<(), Violation> {
        let seen = self.seen.entry(instance.id()).or_default();
        let mut result = Ok(());
        if (from, to, instance.last_cause())
            == (State::Backup, State::Master, Some(Cause::MasterDown))
            && !seen.resign_heard
            && !seen.excused
            && instance.config().priority != PRIORITY_OWNER
            && let Some(heard) = seen.last_obeyed
            && now.since(heard) < instance.master_down_interval()
        {
            result = Err(Violation {
                what: format!(
                    "{} took over {:?} after an advert it had to obey (nopreempt: {}), not {:?}",
                    instance.name(),
                    now.since(heard),
                    instance.config().nopreempt,
                    instance.master_down_interval()
                ),
                at: now,
            });
        }
        if (from, to, instance.last_cause())
            == (State::Backup, State::Master, Some(Cause::MasterDown))
            && !seen.resign_heard
            && instance.config().priority != PRIORITY_OWNER
            && let Some(woke) = seen.woke
            && now.since(woke) < instance.config().advert_interval
        {
            let what = format!(
                "{} took over {:?} after it stood still: it has to listen for an interval",
                instance.name(),
                now.since(woke)
            );
            result = Err(Violation { what, at: now });
        }
        if to != State::Backup || from != State::Master {
            seen.last_obeyed = None;
            seen.resign_heard = false;
        }
        if to != State::Master {
            seen.last_advert = None;
        }
        result
    }

    /// After everything that an event made to be done: the addresses are where the state says, and a MASTER is not late.
    pub fn settled(&self, now: Instant, instance: &Instance, holds: bool) -> Result<(), Violation> {
        let master = instance.state() == State::Master;
        if holds != master {
            let what = format!(
                "{} is {} and {} its addresses",
                instance.name(),
                instance.state(),
                if holds { "holds" } else { "lacks" }
            );
            return Err(Violation { what, at: now });
        }
        if let Some(seen) = self.seen.get(&instance.id())
            && master
            && !seen.excused
            && seen
                .last_advert
                .is_none_or(|last| now.since(last) > instance.config().advert_interval)
        {
            let what = format!(
                "{} is MASTER and last spoke at {:?}",
                instance.name(),
                seen.last_advert
            );
            return Err(Violation { what, at: now });
        }
        Ok(())
    }

    /// Nothing is to be held against the node for the next advert and takeover: it was stopped, replaced or reconfigured.
    pub fn excuse(&mut self) {
        for seen in self.seen.values_mut() {
            seen.excused = true;
            seen.last_obeyed = None;
        }
    }

    /// The node starts from nothing.
    pub fn forget(&mut self) {
        self.seen.clear();
    }
}
