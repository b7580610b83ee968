//! What must hold at every instant of a simulation, whatever the network does to it.

use crate::time::Instant;
use crate::vrrp::{Cause, Instance, InstanceId, State, master_down_interval};
use crate::wire::vrrp::v2;
use crate::wire::vrrp::v3::{self, CENTISECOND};
use crate::wire::vrrp::{MULTICAST_GROUP4, PRIORITY_OWNER, PRIORITY_RESIGN};
use crate::wire::{destination, ip, ipv6};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
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

/// Where version 3 over IPv4 goes in every scenario that multicasts.
const GROUP: IpAddr = IpAddr::V4(MULTICAST_GROUP4);

/// Lateness that a router takes for having stood still.
const NOTICED: Duration = Duration::from_millis(100);

/// What a node has done and heard of one instance, as seen from outside.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// What the world was told last.
    state: Option<State>,
    last_advert: Option<Instant>,
    /// The last advert that obliged it to stay BACKUP.
    last_obeyed: Option<Instant>,
    /// The interval it said, in version 3.
    obeyed_interval: Option<Duration>,
    resign_heard: bool,
    /// Since when it hears only a MASTER of lower priority, which `preempt_delay` makes it leave alone.
    lower_since: Option<Instant>,
    /// When it went on after it had stood still for longer than its master down interval.
    woke: Option<(Instant, Duration)>,
    /// It could not run in between, or an operator changed it.
    excused: bool,
}

impl Seen {
    /// How long silence has to last after the last advert that was obeyed: version 3 counts by the interval that it said.
    fn wait(&self, instance: &Instance) -> Duration {
        let config = instance.config();
        master_down_interval(
            config.version,
            self.obeyed_interval.unwrap_or(config.advert_interval),
            config.down_timer_adverts,
            instance.effective_priority(),
        )
    }
}

/// Source, destination and message of a packet.
fn open(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    match ipv6::Header::parse(packet) {
        Ok((header, message)) => Some((header.source.into(), header.destination.into(), message)),
        Err(_) => {
            let (header, message) = ip::Header::parse(packet).ok()?;
            Some((header.source.into(), header.destination.into(), message))
        }
    }
}

/// What an observer reads of an advert.
struct Advert {
    source: IpAddr,
    vrid: u8,
    priority: u8,
    /// In version 3.
    interval: Option<Duration>,
}

impl Advert {
    fn read(packet: &[u8]) -> Option<Advert> {
        let (source, destination, message) = open(packet)?;
        if let Ok(advert) = v2::Advert::parse(message) {
            return Some(Advert {
                source,
                vrid: advert.vrid,
                priority: advert.priority,
                interval: None,
            });
        }
        // Old checksums of unicast name the group.
        let (advert, _) = v3::Advert::parse(message, source, destination)
            .or_else(|_| v3::Advert::parse(message, source, GROUP))
            .ok()?;
        Some(Advert {
            source,
            vrid: advert.vrid,
            priority: advert.priority,
            interval: Some(CENTISECOND * u32::from(advert.interval)),
        })
    }
}

/// The observer of one node.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: HashMap<InstanceId, Seen>,
}

impl Watch {
    /// A packet is about to be given to this instance. Returns whether nothing but its `preempt_delay` makes it heed that.
    pub fn hears(
        &mut self,
        now: Instant,
        instance: &Instance,
        own: Option<IpAddr>,
        packet: &[u8],
    ) -> bool {
        let Some(advert) = Advert::read(packet) else {
            return false;
        };
        let seen = self.seen.entry(instance.id()).or_default();
        if instance.state() != State::Backup
            || advert.vrid != instance.config().virtual_router_id
            || own == Some(advert.source)
        {
            return false;
        }
        let delay = instance.config().preempt_delay;
        if advert.priority == PRIORITY_RESIGN {
            seen.resign_heard = true;
            seen.lower_since = None;
            return false;
        }
        let lower = !instance.config().nopreempt && advert.priority < instance.effective_priority();
        let held_back = lower && now.since(*seen.lower_since.get_or_insert(now)) < delay;
        if !lower {
            seen.lower_since = None;
        }
        if held_back || !lower {
            seen.last_obeyed = Some(now);
            seen.obeyed_interval = advert.interval;
            seen.resign_heard = false;
        }
        held_back
    }

    /// The node goes on after it stood still for so long.
    pub fn woke(&mut self, now: Instant, slept: Duration, instance: &Instance) {
        if slept > instance.master_down_interval() + NOTICED {
            self.seen.entry(instance.id()).or_default().woke =
                Some((now, instance.master_interval()));
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

    /// An advert has these packets: one to the group, or one to each peer but ourselves.
    pub fn reaches(
        &self,
        now: Instant,
        instance: &Instance,
        packets: &[Vec<u8>],
    ) -> Result<(), Violation> {
        let config = instance.config();
        let sent: Vec<Option<IpAddr>> = packets.iter().map(|packet| destination(packet)).collect();
        let own = packets.first().and_then(|packet| open(packet));
        let own = own.map(|(source, ..)| source);
        let expected: Vec<Option<IpAddr>> = match &config.transport.unicast {
            None => vec![Some(config.multicast_group)],
            Some(unicast) => {
                let peers = unicast.peers.iter().map(|peer| Some(peer.address));
                peers.filter(|peer| *peer != own).collect()
            }
        };
        if sent == expected {
            return Ok(());
        }
        let what = format!("{} sent to {sent:?}, not to {expected:?}", config.name);
        Err(Violation { what, at: now })
    }

    /// An instance changed its state.
    pub fn changed(
        &mut self,
        now: Instant,
        instance: &Instance,
        to: State,
    ) -> Result<(), Violation> {
        let seen = self.seen.entry(instance.id()).or_default();
        let from = seen.state.replace(to).unwrap_or(State::Initialize);
        let mut result = Ok(());
        if (from, to, instance.last_cause())
            == (State::Backup, State::Master, Some(Cause::MasterDown))
            && !seen.resign_heard
            && !seen.excused
            && instance.config().priority != PRIORITY_OWNER
            && let Some(heard) = seen.last_obeyed
            && let wait = seen.wait(instance)
            && now.since(heard) < wait
        {
            result = Err(Violation {
                what: format!(
                    "{} took over {:?} after an advert it had to obey (nopreempt: {}), not {:?}",
                    instance.name(),
                    now.since(heard),
                    instance.config().nopreempt,
                    wait
                ),
                at: now,
            });
        }
        if (from, to, instance.last_cause())
            == (State::Backup, State::Master, Some(Cause::MasterDown))
            && !seen.resign_heard
            && instance.config().priority != PRIORITY_OWNER
            && let Some((woke, interval)) = seen.woke
            && now.since(woke) < interval
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
            seen.lower_since = None;
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
