//! One virtual router: what is configured and, apart from it, what runs; and what can happen to it.
//!
//! hear.rs ranks what others say, steps.rs does what table.rs says follows, peers.rs sends to and learns
//! from unicast peers, change.rs takes another configuration. Does not know
//! other instances (router.rs does) and words nothing (notice.rs does).

mod change;
mod derived;
mod fitness;
mod gap;
mod hear;
mod peers;
mod steps;
mod told;

pub(super) use derived::Derived;

use super::auth::{Guard, Mark};
use super::garp::{Pacer, Schedule};
use super::group::GroupId;
use super::interfaces::{Interfaces, Unfit};
use super::notice::{Limiter, Said};
use super::stats::Stats;
use super::table::{Cause, State};
use super::timing::master_down_interval;
use super::trackers::Trackers;
use super::{Action, Actions, InstanceId, TimerKey};
use crate::config::model::VrrpInstance;
use crate::time::{Instant, Wall, WallOffset};
use crate::wire::vrrp::PRIORITY_OWNER;
use fitness::Tallies;
use gap::LATE;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// The priority an owner falls back to when another owner will not go away.
const PRIORITY_YIELDED: u8 = 254;
/// The range of the priority of a router that is no owner (RFC 3768 section 5.3.4).
const PRIORITIES: std::ops::RangeInclusive<i64> = 1..=254;

/// What the next process needs to know of an instance to go on in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its state.
    pub state: State,
    /// When a MASTER would send its next advert.
    pub advert_due: Instant,
    /// IP identification of the last advert.
    pub ip_id: u16,
    /// The number that authentication gave the last advert.
    pub sequence: u64,
}

/// Another router that claims priority 255 like us.
#[derive(Clone, Copy, Debug)]
struct Rival {
    adverts: u32,
    last: Instant,
    /// From then on we give way; set when patience is over.
    yield_at: Option<Instant>,
}

/// What an instance needs from around it while it handles something.
pub(super) struct Context<'a> {
    pub now: Instant,
    pub wall_offset: WallOffset,
    pub interfaces: &'a Interfaces,
    pub trackers: &'a Trackers,
    pub garp: &'a mut Pacer,
    /// Whoever stops being MASTER leaves its addresses where they are.
    pub keeps_addresses: bool,
    pub actions: &'a mut Actions,
}

impl Context<'_> {
    /// What the host's clock says now.
    pub fn wall(&self) -> Wall {
        self.wall_offset.at(self.now)
    }
}

/// A virtual router.
#[derive(Debug)]
pub struct Instance {
    id: InstanceId,
    name: Rc<str>,
    config: Rc<VrrpInstance>,
    derived: Derived,

    state: State,
    group: Option<GroupId>,
    /// Why it cannot run, as far as its state follows from it.
    unfit: Unfit,
    /// Why it could not run by itself, as of the last look.
    own_unfit: Unfit,
    /// What it tracks, as it is known now.
    tallies: Tallies,
    /// What all that is tracked adds to the priority, as of the last look.
    tracked_weight: i64,
    /// When its Master_Down_Timer last fired: it waits for the others of its group.
    wants_master: Option<Instant>,
    /// When a MASTER of lower priority has been left alone for long enough.
    preempt_at: Option<Instant>,
    /// Gave way to a rival owner.
    yielded: bool,
    rival: Option<Rival>,
    guard: Guard,
    ip_id: u16,
    advert_due: Instant,
    /// When Master_Down_Timer was last set to Master_Down_Interval; it has not when it counts something else.
    listening_since: Option<Instant>,
    last_transition: Option<Instant>,
    last_cause: Option<Cause>,
    master: Option<(IpAddr, u8)>,
    /// The interval of the master we listen to, as version 3 learns it (Active_Adver_Interval, RFC 9568 section 6.1).
    learned_interval: Option<Duration>,
    last_source: Option<IpAddr>,
    /// The peers that were heard to compute checksums as keepalived before 1.3.7.
    old_peers: BTreeSet<IpAddr>,
    last_answer: Option<Instant>,
    last_answer_garp: Option<Instant>,
    announcing: Schedule,
    /// Not to be announced yet: their duplicate address detection is not over.
    detecting: BTreeSet<IpAddr>,
    /// Addresses that the kernel refuses; shared with what is about to be announced.
    refused: Rc<RefCell<BTreeSet<IpAddr>>>,
    /// Held by queued gratuitous ARPs; false when they are no longer wanted.
    announcing_wanted: Rc<Cell<bool>>,
    /// It is just being removed.
    removed: bool,
    resume: Option<Record>,
    stats: Stats,
    limiter: Limiter,
}

impl Instance {
    pub(super) fn new(id: InstanceId, config: VrrpInstance) -> Self {
        Instance {
            id,
            name: config.name.as_str().into(),
            derived: Derived::new(&config),
            config: Rc::new(config),
            state: State::Initialize,
            group: None,
            unfit: Unfit::default(),
            own_unfit: Unfit::default(),
            tallies: Tallies::default(),
            tracked_weight: 0,
            wants_master: None,
            preempt_at: None,
            yielded: false,
            rival: None,
            guard: Guard::default(),
            ip_id: 0,
            advert_due: Instant::default(),
            listening_since: None,
            last_transition: None,
            last_cause: None,
            master: None,
            learned_interval: None,
            last_source: None,
            old_peers: BTreeSet::new(),
            last_answer: None,
            last_answer_garp: None,
            announcing: Schedule::default(),
            detecting: BTreeSet::new(),
            refused: Rc::default(),
            announcing_wanted: Rc::new(Cell::new(false)),
            removed: false,
            resume: None,
            stats: Stats::default(),
            limiter: Limiter::default(),
        }
    }

    /// Its place in the router.
    pub fn id(&self) -> InstanceId {
        self.id
    }
    /// What was configured.
    pub fn config(&self) -> &VrrpInstance {
        &self.config
    }
    /// Where it is.
    pub fn state(&self) -> State {
        self.state
    }
    pub(super) fn has_begun(&self) -> bool {
        self.state != State::Initialize
    }
    /// Why it is in FAULT.
    pub fn unfit(&self) -> Unfit {
        self.unfit
    }
    /// The priority that counts now.
    pub fn effective_priority(&self) -> u8 {
        if self.yielded {
            return PRIORITY_YIELDED;
        }
        if self.config.priority == PRIORITY_OWNER {
            return PRIORITY_OWNER;
        }
        let sum = i64::from(self.config.priority).saturating_add(self.tracked_weight);
        // Within the range of a byte by now.
        u8::try_from(sum.clamp(*PRIORITIES.start(), *PRIORITIES.end())).unwrap_or(PRIORITY_YIELDED)
    }
    /// When a MASTER of lower priority has been left alone for long enough (`preempt_delay`), while that is so.
    pub fn preempt_at(&self) -> Option<Instant> {
        self.preempt_at
    }
    /// Whether it would be MASTER, if its sync group were not to be asked.
    pub fn wants_master(&self) -> bool {
        self.wants_master.is_some()
    }
    /// The same; a wish that was not renewed in time is from before a gap, and nobody listened since.
    pub(super) fn still_wants_master(&self, now: Instant) -> bool {
        self.wants_master
            .is_some_and(|at| now.since(at) < self.master_down_interval() + LATE)
    }
    /// When it last announced its addresses because of another MASTER.
    pub(super) fn last_contradiction(&self) -> Option<Instant> {
        self.last_answer_garp
    }
    pub(super) fn group(&self) -> Option<GroupId> {
        self.group
    }
    pub(super) fn set_group(&mut self, group: Option<GroupId>) {
        self.group = group;
    }
    /// Master_Down_Interval of this instance now.
    pub fn master_down_interval(&self) -> Duration {
        master_down_interval(
            self.config.version,
            self.master_interval(),
            self.config.down_timer_adverts,
            self.effective_priority(),
        )
    }

    /// How often the master sends, as far as is known: our own interval until version 3 learns another (RFC 9568 section 6.4.2).
    pub fn master_interval(&self) -> Duration {
        self.learned_interval.unwrap_or(self.config.advert_interval)
    }

    /// When the state last changed.
    pub fn last_transition(&self) -> Option<Instant> {
        self.last_transition
    }
    /// What made the state last change.
    pub fn last_cause(&self) -> Option<Cause> {
        self.last_cause
    }
    /// Address and priority of the master last heard; our own are not told here.
    pub fn master(&self) -> Option<(IpAddr, u8)> {
        self.master
    }
    /// Counters since the start, or since they were cleared.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }
    /// Counts from zero again.
    pub fn clear_stats(&mut self) {
        self.stats = Stats::default();
    }
    /// What the next process needs to know.
    pub fn record(&self) -> Record {
        Record {
            state: self.state,
            advert_due: self.advert_due,
            ip_id: self.ip_id,
            sequence: self.guard.sequence(&self.config),
        }
    }

    pub(super) fn set_resume(&mut self, record: Record) {
        self.resume = Some(record);
    }

    pub(super) fn remember(&mut self, marks: &[Mark]) {
        for mark in marks {
            self.guard.remember(&self.config, *mark);
        }
    }

    pub(super) fn stats_mut(&mut self) -> &mut Stats {
        &mut self.stats
    }

    // ---- what happens

    /// Steps down because another of its sync group did.
    pub(super) fn follow_to_backup(&mut self, context: &mut Context<'_>) {
        self.apply(Cause::GroupSteppedDown, context);
    }

    /// Resigns, as its configuration is no longer there.
    pub(super) fn remove(&mut self, context: &mut Context<'_>) {
        self.removed = true;
        self.shutdown(context);
        self.removed = false;
    }

    /// Resigns.
    pub(super) fn shutdown(&mut self, context: &mut Context<'_>) {
        self.apply(Cause::Shutdown, context);
    }

    /// Adver_Timer fired (RFC 3768 6.4.3); it was due at `deadline`.
    pub(super) fn advert_due(&mut self, deadline: Instant, context: &mut Context<'_>) {
        if self.state == State::Master {
            let late = context.now.since(deadline);
            let adverts = self.config.down_timer_adverts.saturating_sub(1);
            let interval = self.config.advert_interval;
            if let Some(best_rival) = self.config.timer_expired_backup
                && late >= master_down_interval(self.config.version, interval, adverts, best_rival)
            {
                self.apply(Cause::Overslept, context);
                return;
            }
            let usurpable = self.usurpable();
            if self.listens_first(TimerKey::Advert(self.id), deadline, usurpable, context) {
                return;
            }
        }
        self.advert_due = deadline;
        self.apply(Cause::AdvertDue, context);
    }

    /// Master_Down_Timer fired (RFC 3768 6.4.2): true when nothing speaks against being MASTER.
    pub(super) fn master_down(&mut self, deadline: Instant, context: &mut Context<'_>) -> bool {
        if self.state == State::Backup {
            if self.listens_first(TimerKey::MasterDown(self.id), deadline, LATE, context) {
                self.wants_master = None;
                return false;
            }
            if self.wants_master.is_none() {
                self.tell(Said::AdvertTimeout, context);
            }
            self.wants_master = Some(context.now);
            if self.group.is_some() {
                let again = context.now + self.master_down_interval();
                let key = TimerKey::MasterDown(self.id);
                context.actions.push(Action::Arm(key, again));
            }
        }
        true
    }

    /// Becomes MASTER, as nobody else is.
    pub(super) fn take_over(&mut self, context: &mut Context<'_>) {
        if self.state == State::Backup {
            // The rival is gone.
            self.set_yielded(false, context);
            if self.group.is_some() {
                let key = TimerKey::MasterDown(self.id);
                context.actions.push(Action::Disarm(key));
            }
        }
        self.apply(Cause::MasterDown, context);
    }

    /// The timer of gratuitous ARPs fired.
    pub(super) fn garp_due(&mut self, context: &mut Context<'_>) {
        if self.state != State::Master {
            return;
        }
        let due = self.announcing.take_due(context.now, &self.config.garp);
        self.queue_garps(due.rounds, context);
        if due.extra && due.rounds == 0 {
            self.queue_extra_garps(context);
        }
        self.arm_garp(context);
    }

    /// Announces the addresses again, outside the schedule.
    pub(super) fn announce_again(&mut self, context: &mut Context<'_>) {
        if self.state == State::Master {
            self.queue_garps(self.config.garp.master_repeat, context);
        }
    }

    /// The kernel refuses an address: it is not announced.
    pub(super) fn withhold(&mut self, address: IpAddr) {
        if self.state == State::Master {
            self.refused.borrow_mut().insert(address);
        }
    }

    /// Duplicate address detection is over for an address, or the kernel refuses it no longer: announces it.
    pub(super) fn announce_usable(&mut self, address: IpAddr, context: &mut Context<'_>) {
        self.detecting.remove(&address);
        let refused = self.refused.borrow_mut().remove(&address);
        if self.state != State::Master {
            return;
        }
        for announced in &self.derived.announced {
            if announced.detected.contains(&address)
                || refused && announced.addresses.contains(&address)
            {
                let rounds = self.config.garp.master_repeat;
                self.queue_on(&announced.interface, [address].into(), rounds, context);
            }
        }
    }

    /// The interface's source of adverts, if it has one.
    fn source(&self, context: &Context<'_>) -> Option<IpAddr> {
        self.config.source.or_else(|| {
            context
                .interfaces
                .named(self.config.sender())
                .and_then(|interface| interface.source(self.config.family()))
        })
    }

    /// The name the log uses.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The interfaces, other than the one of its adverts, that it cannot run without.
    pub(super) fn needs(&self) -> impl Iterator<Item = &str> {
        let own = self.config.interfaces();
        own.filter(|name| *name != self.config.wire())
    }

    /// The interfaces that its addresses are announced on.
    pub(super) fn announces_on(&self) -> impl Iterator<Item = &str> {
        self.derived
            .announced
            .iter()
            .map(|announced| announced.interface.as_str())
    }
}
