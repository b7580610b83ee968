//! One virtual router: what is configured and, apart from it, what runs; and what can happen to it.
//!
//! hear.rs ranks what others say, steps.rs does what table.rs says follows, peers.rs sends to and learns
//! from unicast peers, change.rs takes another configuration. Does not know
//! other instances (router.rs does) and words nothing (notice.rs does).

mod change;
mod derived;
mod gap;
mod hear;
mod peers;
mod steps;

pub(super) use derived::Derived;

use super::auth::Guard;
use super::garp::{Pacer, Schedule};
use super::group::GroupId;
use super::interfaces::{Interfaces, Unfit};
use super::notice::{Limiter, Notice, Said, Topic};
use super::stats::Stats;
use super::table::{Cause, State};
use super::timing::master_down_interval;
use super::trackers::Trackers;
use super::{Action, Actions, InstanceId, TimerKey};
use crate::config::model::VrrpInstance;
use crate::notify::{self, Kind, What};
use crate::time::{Instant, Wall, WallOffset};
use crate::wire::vrrp::PRIORITY_OWNER;
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

    pub(super) fn stats_mut(&mut self) -> &mut Stats {
        &mut self.stats
    }

    // ---- what happens

    /// Looks anew at the interfaces and the rest that is tracked: what keeps it from running by itself, and what they add to its priority. Does not change
    /// the state; `start` or `fit` has to follow.
    pub(super) fn look(&mut self, context: &mut Context<'_>) {
        let from = self.effective_priority();
        self.survey(context);
        let to = self.effective_priority();
        if from == to || self.state == State::Initialize {
            return;
        }
        self.tell_priority(from, to, context);
        if self.state == State::Backup {
            self.rearm_master_down(context);
        }
    }

    fn survey(&mut self, context: &Context<'_>) {
        let trackers = &self.config.trackers;
        self.own_unfit = Unfit {
            tracker: trackers
                .iter()
                .any(|tracked| context.trackers.fails(tracked)),
            // Whoever runs, or takes over from a process that did, goes on until something is known to have failed.
            waiting: self.state == State::Initialize
                && self.resume.is_none()
                && trackers
                    .iter()
                    .any(|tracked| context.trackers.is_awaited(tracked)),
            ..context.interfaces.unfit(&self.config)
        };
        let others = trackers
            .iter()
            .map(|tracked| i64::from(context.trackers.contribution(tracked)));
        self.tracked_weight = self
            .config
            .tracked_interfaces
            .iter()
            .map(|tracked| i64::from(context.interfaces.contribution(tracked)))
            .chain(others)
            .sum();
    }

    /// Whether only something that is not known yet keeps it from running, as of the last look.
    pub(super) fn waits(&self) -> bool {
        self.own_unfit
            == Unfit {
                waiting: true,
                ..Unfit::default()
            }
    }

    /// Whether nothing keeps it from running by itself, as of the last look.
    pub(super) fn is_able(&self) -> bool {
        self.own_unfit.is_none()
    }

    /// Begins by itself (RFC 3768 6.4.1), after a look.
    pub(super) fn start(&mut self, context: &mut Context<'_>) {
        if self.waits() {
            return;
        }
        let cause = if !self.is_able() {
            Cause::StartUnfit
        } else if self.can_resume(context.now) {
            Cause::ResumeMaster
        } else if self.config.priority == PRIORITY_OWNER {
            Cause::StartOwner
        } else {
            Cause::Start
        };
        self.begin(cause, context);
    }

    /// Begins as its sync group does, if it has not begun.
    pub(super) fn start_in_group(&mut self, cause: Cause, context: &mut Context<'_>) {
        self.begin(cause, context);
        if self.state == State::Backup {
            self.hurry_owner(context);
        }
    }

    fn begin(&mut self, cause: Cause, context: &mut Context<'_>) {
        if self.state != State::Initialize {
            return;
        }
        self.unfit = Unfit {
            group: cause == Cause::StartUnfit && self.own_unfit.is_none(),
            ..self.own_unfit
        };
        if let (Cause::ResumeMaster, Some(record)) = (cause, self.resume) {
            self.ip_id = record.ip_id;
            self.guard.resume(&self.config, record.sequence);
        }
        self.apply(cause, context);
        self.resume = None;
    }

    /// Whether the process before this one left it as MASTER, and nobody can have taken over since.
    pub(super) fn can_resume(&self, now: Instant) -> bool {
        self.resume.is_some_and(|record| {
            // Later than this another may have taken over: listen first.
            let silence = now.since(record.advert_due - self.config.advert_interval);
            let bound = self
                .config
                .advert_interval
                .saturating_mul(self.config.down_timer_adverts);
            record.state == State::Master && silence < bound
        })
    }

    /// Lets the state follow what the last look found; `group_fault`: somebody in its sync group cannot run.
    pub(super) fn fit(&mut self, group_fault: bool, context: &mut Context<'_>) {
        if self.state == State::Initialize {
            return;
        }
        let unfit = Unfit {
            group: group_fault && self.own_unfit.is_none(),
            ..self.own_unfit
        };
        let before = std::mem::replace(&mut self.unfit, unfit);
        match (before.is_none(), self.unfit.is_none()) {
            (true, false) => self.apply(Cause::BecameUnfit, context),
            (false, true) if self.config.priority == PRIORITY_OWNER && self.group.is_none() => {
                self.apply(Cause::BecameFitOwner, context)
            }
            (false, true) => {
                self.apply(Cause::BecameFit, context);
                self.hurry_owner(context);
            }
            _ => {}
        }
    }

    /// An owner does not listen (RFC 3768 6.4.1); one in a group may have to wait for the others.
    fn hurry_owner(&mut self, context: &mut Context<'_>) {
        if self.effective_priority() == PRIORITY_OWNER {
            context
                .actions
                .push(Action::Arm(TimerKey::MasterDown(self.id), context.now));
        }
    }

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

    fn notice(&self, said: Said) -> Action {
        Action::Tell(Notice::Instance {
            name: self.name.clone(),
            said,
        })
    }

    fn tell(&self, said: Said, context: &mut Context<'_>) {
        context.actions.push(self.notice(said));
    }

    /// Says that its priority changed.
    fn tell_priority(&self, from: u8, to: u8, context: &mut Context<'_>) {
        self.tell(Said::Priority { from, to }, context);
        match self.state {
            _ if !self.config.notify.priority_changes => {}
            State::Master => self.notify(What::MasterPriority, context),
            State::Backup => self.notify(What::BackupPriority, context),
            State::Initialize | State::Fault => {}
        }
    }

    /// Has the world told.
    fn notify(&self, what: What, context: &mut Context<'_>) {
        let event = notify::Event {
            kind: Kind::Instance,
            name: self.name.clone(),
            what,
            priority: self.effective_priority(),
        };
        let whom = self.derived.notify.clone();
        context.actions.push(Action::Notify(event, whom));
    }

    /// What the world is told of its state.
    fn state_told(&self) -> What {
        match self.state {
            State::Master => What::Master,
            State::Backup => What::Backup,
            State::Fault => What::Fault,
            State::Initialize if !self.removed => What::Stop,
            State::Initialize if self.config.notify.tells_deleted => What::Deleted,
            State::Initialize => What::Fault,
        }
    }

    pub(super) fn tell_limited(
        &mut self,
        topic: Topic,
        context: &mut Context<'_>,
        said: impl FnOnce(u32) -> Said,
    ) {
        if let Some(suppressed) = self.limiter.allow(topic, context.now) {
            self.tell(said(suppressed), context);
        }
    }

    /// Says something at most once in a while, without counting what was left out.
    fn tell_once(&mut self, topic: Topic, context: &mut Context<'_>, said: Said) {
        if self.limiter.allow(topic, context.now).is_some() {
            self.tell(said, context);
        }
    }

    pub(super) fn tell_removed(&self, context: &mut Context<'_>) {
        self.tell(Said::Removed, context);
    }

    fn tell_unfit(&self, context: &mut Context<'_>) {
        if self.unfit.group {
            self.tell(Said::FaultGroup, context);
        }
        if self.unfit.tracked {
            let failed: Vec<Said> = context
                .interfaces
                .failed(&self.config)
                .map(|tracked| Said::FaultTracked {
                    interface: tracked.interface.clone(),
                    up: tracked.reverse,
                })
                .collect();
            for said in failed {
                self.tell(said, context);
            }
        }
        for tracked in self
            .config
            .trackers
            .iter()
            .filter(|tracked| context.trackers.fails(tracked))
        {
            let said = Said::FaultTracker {
                kind: tracked.kind,
                name: tracked.name.clone(),
                reverse: tracked.reverse,
            };
            context.actions.push(self.notice(said));
        }
        if self.unfit.missing {
            for name in context.interfaces.missing(&self.config) {
                self.tell(Said::FaultMissing(name), context);
            }
        }
        if self.unfit.down {
            for name in context.interfaces.down(&self.config) {
                self.tell(Said::FaultDown(name), context);
            }
        }
        if self.unfit.no_address {
            self.tell(Said::FaultNoAddress(self.config.family()), context);
        }
        if let Some(source) = self.config.source.filter(|_| self.unfit.no_source) {
            self.tell(Said::FaultNoSource(source), context);
        }
        if self.unfit.no_peers {
            self.tell(Said::FaultNoPeers, context);
        }
    }

    /// The name the log uses.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The interfaces, other than the one of its adverts, that it cannot run without or that change its priority.
    pub(super) fn watches(&self) -> impl Iterator<Item = &str> {
        let tracked = self.config.tracked_interfaces.iter();
        let own = self.config.interfaces();
        own.filter(|name| *name != self.config.wire())
            .chain(tracked.map(|tracked| tracked.interface.as_str()))
    }

    /// The interfaces that its addresses are announced on.
    pub(super) fn announces_on(&self) -> impl Iterator<Item = &str> {
        self.derived
            .announced
            .iter()
            .map(|announced| announced.interface.as_str())
    }
}
