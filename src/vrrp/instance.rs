//! One virtual router: what is configured, what runs, and how each step of table.rs is done.
//!
//! Does not know other instances (router.rs does) and words nothing (notice.rs does).

use super::garp::{Job, Pacer, Schedule};
use super::interfaces::{Interfaces, Unfit};
use super::notice::{Limiter, Notice, Said, Topic};
use super::receive::{compare_addresses, judge, standing};
use super::stats::Stats;
use super::table::{Cause, State, Step, follows};
use super::timing::{eager_start_interval, master_down_interval, skew_time};
use super::{Action, Actions, InstanceId, TimerKey};
use crate::config::model::{Authentication, InitialState, VrrpInstance};
use crate::config::secret::Secret;
use crate::time::Instant;
use crate::wire::ip;
use crate::wire::vrrp::v2::{self, Advert};
use crate::wire::vrrp::{PRIORITY_OWNER, PRIORITY_RESIGN, TTL};
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

/// The priority an owner falls back to when another owner will not go away.
const PRIORITY_YIELDED: u8 = 254;
/// So many adverts of a rival owner are heard out before anything is done.
const RIVAL_PATIENCE_ADVERTS: u32 = 2;
/// A lower-priority master is answered at most so often in an interval, however many packets it sends.
const ANSWERS_PER_INTERVAL: u32 = 10;

/// What the next process needs to know of an instance to go on in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its state.
    pub state: State,
    /// When a MASTER would send its next advert.
    pub advert_due: Instant,
    /// IP identification of the last advert.
    pub ip_id: u16,
}

/// What follows from the configuration alone, computed once.
#[derive(Debug)]
pub(super) struct Derived {
    /// Virtual IPv4 addresses as they stand in an advert.
    pub address_bytes: Vec<u8>,
    /// The same, sorted.
    pub sorted_addresses: Vec<Ipv4Addr>,
    /// The interval as it stands in an advert.
    pub interval_seconds: u8,
    /// The password as it stands in an advert.
    pub password: Secret,
    /// What to announce on which interface.
    pub announced: Vec<(String, Rc<[Ipv4Addr]>)>,
}

impl Derived {
    fn new(config: &VrrpInstance) -> Self {
        let v4 = |address: IpAddr| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        };
        let addresses = config
            .virtual_addresses
            .iter()
            .filter_map(|virtual_address| v4(virtual_address.address));
        let addresses: Vec<Ipv4Addr> = addresses.take(v2::MAX_ADDRESSES).collect();
        let mut sorted_addresses = addresses.clone();
        sorted_addresses.sort_unstable();
        let mut announced: Vec<(String, Vec<Ipv4Addr>)> = Vec::new();
        for virtual_address in &config.virtual_addresses {
            let Some(address) = v4(virtual_address.address) else {
                continue;
            };
            let interface = virtual_address
                .interface
                .as_ref()
                .unwrap_or(&config.interface);
            match announced.iter_mut().find(|(name, _)| name == interface) {
                Some((_, list)) => list.push(address),
                None => announced.push((interface.clone(), vec![address])),
            }
        }
        Derived {
            address_bytes: v2::address_bytes(addresses),
            sorted_addresses,
            interval_seconds: u8::try_from(config.advert_interval.as_secs())
                .unwrap_or(u8::MAX)
                .max(1),
            password: match &config.authentication {
                Authentication::None => Secret::default(),
                Authentication::Pass(password) => Secret::new(v2::pad_password(password.expose())),
            },
            announced: announced
                .into_iter()
                .map(|(name, list)| (name, list.into()))
                .collect(),
        }
    }
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
    pub interfaces: &'a Interfaces,
    pub garp: &'a mut Pacer,
    pub actions: &'a mut Actions,
}

/// A virtual router.
#[derive(Debug)]
pub struct Instance {
    id: InstanceId,
    name: Rc<str>,
    config: Rc<VrrpInstance>,
    derived: Derived,

    state: State,
    unfit: Unfit,
    /// Gave way to a rival owner.
    yielded: bool,
    rival: Option<Rival>,
    ip_id: u16,
    advert_due: Instant,
    /// When Master_Down_Timer was last set to Master_Down_Interval; it has not when it counts something else.
    listening_since: Option<Instant>,
    last_transition: Option<Instant>,
    last_cause: Option<Cause>,
    master: Option<(Ipv4Addr, u8)>,
    last_source: Option<Ipv4Addr>,
    last_answer: Option<Instant>,
    last_answer_garp: Option<Instant>,
    announcing: Schedule,
    /// Held by queued gratuitous ARPs; false when they are no longer wanted.
    announcing_wanted: Rc<Cell<bool>>,
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
            unfit: Unfit::default(),
            yielded: false,
            rival: None,
            ip_id: 0,
            advert_due: Instant::default(),
            listening_since: None,
            last_transition: None,
            last_cause: None,
            master: None,
            last_source: None,
            last_answer: None,
            last_answer_garp: None,
            announcing: Schedule::default(),
            announcing_wanted: Rc::new(Cell::new(false)),
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
    /// Why it is in FAULT.
    pub fn unfit(&self) -> Unfit {
        self.unfit
    }
    /// The priority that counts now.
    pub fn effective_priority(&self) -> u8 {
        if self.yielded {
            PRIORITY_YIELDED
        } else {
            self.config.priority
        }
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
    pub fn master(&self) -> Option<(Ipv4Addr, u8)> {
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
        }
    }

    pub(super) fn set_resume(&mut self, record: Record) {
        self.resume = Some(record);
    }

    pub(super) fn stats_mut(&mut self) -> &mut Stats {
        &mut self.stats
    }

    // ---- what happens

    /// Begins (RFC 3768 6.4.1).
    pub(super) fn start(&mut self, context: &mut Context<'_>) {
        if self.state != State::Initialize {
            return;
        }
        self.unfit = context.interfaces.unfit(&self.config);
        let resumed = self.resume.filter(|record| {
            // Later than this another may have taken over: listen first.
            let silence = context
                .now
                .since(record.advert_due - self.config.advert_interval);
            record.state == State::Master
                && silence
                    < self
                        .config
                        .advert_interval
                        .saturating_mul(self.config.down_timer_adverts)
        });
        let cause = match resumed {
            _ if !self.unfit.is_none() => Cause::StartUnfit,
            Some(record) => {
                self.ip_id = record.ip_id;
                Cause::ResumeMaster
            }
            None if self.config.priority == PRIORITY_OWNER => Cause::StartOwner,
            None => Cause::Start,
        };
        self.apply(cause, context);
        self.resume = None;
    }

    /// Looks anew whether it can run, after something about its interface changed.
    pub(super) fn refit(&mut self, context: &mut Context<'_>) {
        if self.state == State::Initialize {
            return;
        }
        let before = std::mem::replace(&mut self.unfit, context.interfaces.unfit(&self.config));
        match (before.is_none(), self.unfit.is_none()) {
            (true, false) => self.apply(Cause::BecameUnfit, context),
            (false, true) if self.config.priority == PRIORITY_OWNER => {
                self.apply(Cause::BecameFitOwner, context)
            }
            (false, true) => self.apply(Cause::BecameFit, context),
            _ => {}
        }
    }

    /// Resigns.
    pub(super) fn shutdown(&mut self, context: &mut Context<'_>) {
        self.apply(Cause::Shutdown, context);
    }

    /// Adver_Timer fired (RFC 3768 6.4.3); it was due at `deadline`.
    pub(super) fn advert_due(&mut self, deadline: Instant, context: &mut Context<'_>) {
        self.advert_due = deadline;
        self.apply(Cause::AdvertDue, context);
    }

    /// Master_Down_Timer fired (RFC 3768 6.4.2).
    pub(super) fn master_down(&mut self, context: &mut Context<'_>) {
        if self.state == State::Backup {
            self.tell(Said::AdvertTimeout, context);
            // The rival is gone.
            self.set_yielded(false, context);
        }
        self.apply(Cause::MasterDown, context);
    }

    /// The timer of gratuitous ARPs fired.
    pub(super) fn garp_due(&mut self, context: &mut Context<'_>) {
        if self.state != State::Master {
            return;
        }
        let rounds = self.announcing.take_due(context.now, &self.config.garp);
        self.queue_garps(rounds, context);
        self.arm_garp(context);
    }

    /// Announces the addresses again, outside the schedule.
    pub(super) fn announce_again(&mut self, context: &mut Context<'_>) {
        if self.state == State::Master {
            self.queue_garps(self.config.garp.master_repeat, context);
        }
    }

    /// A packet for this instance (RFC 3768 7.1).
    pub(super) fn packet(
        &mut self,
        header: &ip::Header,
        message: &[u8],
        context: &mut Context<'_>,
    ) {
        let vrid = self.config.virtual_router_id;
        let source = header.source;
        let advert = match judge(&self.config, &self.derived, header, message) {
            Ok(advert) => advert,
            Err(fault) => {
                self.stats.count_fault(&fault);
                self.tell_limited(
                    Topic::Packet(std::mem::discriminant(&fault)),
                    context,
                    |suppressed| Said::BadPacket {
                        source,
                        fault,
                        vrid,
                        suppressed,
                    },
                );
                return;
            }
        };
        self.stats.advert_rcvd = self.stats.advert_rcvd.saturating_add(1);
        if matches!(self.state, State::Initialize | State::Fault) {
            return;
        }
        let same_master = self.master.is_some_and(|(master, _)| master == source);
        if !(self.config.skip_check_adv_addr && same_master)
            && let Some(fault) = compare_addresses(&self.derived, &advert)
        {
            self.stats.addr_list_err = self.stats.addr_list_err.saturating_add(1);
            self.tell_limited(Topic::Addresses, context, |suppressed| Said::Addresses {
                source,
                fault,
                vrid,
                suppressed,
            });
        }
        let cause = self.rank(&advert, source, context);
        self.heard(cause, &advert, source, context);
        self.apply(cause, context);
    }

    /// The interface's source of adverts, if it has one.
    fn source(&self, context: &Context<'_>) -> Option<Ipv4Addr> {
        self.config.source.or_else(|| {
            context
                .interfaces
                .named(&self.config.interface)
                .and_then(|interface| interface.primary_v4)
        })
    }

    /// Where an advert stands against us.
    fn rank(&mut self, advert: &Advert<'_>, source: Ipv4Addr, context: &mut Context<'_>) -> Cause {
        let own = self.source(context).or(self.last_source);
        let owners =
            self.effective_priority() == PRIORITY_OWNER && advert.priority == PRIORITY_OWNER;
        if self.state == State::Master && owners && own != Some(source) {
            // Of two owners the one with the lower address stays; the other hears it out and gives way.
            if own.is_none_or(|own| source > own) || !self.rival_outlasts(context.now) {
                return Cause::HeardRivalOwner;
            }
            self.set_yielded(true, context);
        }
        standing(
            advert.priority,
            source,
            self.effective_priority(),
            own,
            self.config.nopreempt,
        )
    }

    /// Counts another advert of a rival owner; true when it was given two adverts and 1.2 intervals to go away and did not.
    fn rival_outlasts(&mut self, now: Instant) -> bool {
        let interval = self.config.advert_interval;
        let rival = match self.rival {
            Some(rival)
                if now.since(rival.last)
                    < interval.saturating_mul(self.config.down_timer_adverts) =>
            {
                rival
            }
            _ => Rival {
                adverts: 0,
                last: now,
                yield_at: None,
            },
        };
        let adverts = rival.adverts.saturating_add(1);
        // 1.2 times the interval: v2 has but one for both.
        let patience = interval.saturating_add(interval / 5);
        let yield_at = rival
            .yield_at
            .or_else(|| (adverts >= RIVAL_PATIENCE_ADVERTS).then(|| now + patience));
        self.rival = Some(Rival {
            adverts,
            last: now,
            yield_at,
        });
        yield_at.is_some_and(|at| now >= at)
    }

    fn set_yielded(&mut self, yielded: bool, context: &mut Context<'_>) {
        let from = self.effective_priority();
        self.yielded = yielded && self.config.priority == PRIORITY_OWNER;
        self.rival = None;
        let to = self.effective_priority();
        if from != to {
            self.tell(Said::Priority { from, to }, context);
        }
    }

    /// What an accepted advert leaves behind besides a change of state: counters, the master's name, log lines.
    fn heard(
        &mut self,
        cause: Cause,
        advert: &Advert<'_>,
        source: Ipv4Addr,
        context: &mut Context<'_>,
    ) {
        let (priority, ours) = (advert.priority, self.effective_priority());
        match (self.state, cause) {
            (_, Cause::HeardResign) => {
                self.stats.pri_zero_rcvd = self.stats.pri_zero_rcvd.saturating_add(1);
                if self.state == State::Backup {
                    self.tell(Said::HeardResign, context);
                }
            }
            (State::Master, Cause::HeardHigher) => self.tell(
                Said::HeardHigher {
                    source,
                    priority,
                    ours,
                },
                context,
            ),
            (State::Master, Cause::HeardEqualHigher) => {
                self.tell(Said::HeardEqualHigher { source, priority }, context)
            }
            (
                State::Master,
                Cause::HeardLower | Cause::HeardLowerNoPreempt | Cause::HeardEqualLower,
            )
            | (State::Backup, Cause::HeardLower) => {
                self.tell_limited(Topic::Lower, context, |suppressed| Said::HeardLower {
                    source,
                    priority,
                    ours,
                    suppressed,
                });
            }
            (State::Master, Cause::HeardEqualSelf) => {
                self.tell_limited(Topic::OwnAddress, context, |suppressed| Said::HeardSelf {
                    source,
                    suppressed,
                });
            }
            (State::Master, Cause::HeardRivalOwner) => {
                self.tell_limited(Topic::RivalOwner, context, |suppressed| {
                    Said::HeardRivalOwner { source, suppressed }
                });
            }
            _ => {}
        }
        let follows_it = match self.state {
            State::Backup => cause != Cause::HeardResign && cause != Cause::HeardLower,
            State::Master => matches!(cause, Cause::HeardHigher | Cause::HeardEqualHigher),
            State::Initialize | State::Fault => false,
        };
        if follows_it {
            let before = self
                .master
                .replace((source, priority))
                .map(|(before, _)| before);
            if before != Some(source) {
                self.tell(
                    Said::MasterIs {
                        before,
                        now: source,
                    },
                    context,
                );
            }
        }
    }

    // ---- the state machine at work

    fn apply(&mut self, cause: Cause, context: &mut Context<'_>) {
        let Some((steps, next)) = follows(self.state, cause) else {
            self.tell(
                Said::Unexpected {
                    state: self.state,
                    cause,
                },
                context,
            );
            return;
        };
        let from = self.state;
        let sent = self.stats.advert_sent;
        if next == State::Fault && from != State::Fault {
            self.tell_unfit(context);
        }
        for step in steps {
            self.perform(*step, context);
        }
        self.state = next;
        if from != next {
            self.last_transition = Some(context.now);
            self.last_cause = Some(cause);
            if next == State::Master {
                self.master = None;
                self.stats.become_master = self.stats.become_master.saturating_add(1);
            } else if from == State::Master {
                self.stats.release_master = self.stats.release_master.saturating_add(1);
            }
            match (next, cause) {
                (State::Initialize, _) => {}
                (_, Cause::ResumeMaster) => self.tell(Said::Resumed, context),
                _ => self.tell(
                    Said::Entering {
                        state: next,
                        init: from == State::Initialize && next != State::Master,
                    },
                    context,
                ),
            }
        }
        if from != next || sent != self.stats.advert_sent {
            context.actions.push(Action::Record(self.id, self.record()));
        }
        if from != next {
            context.actions.push(Action::Changed {
                instance: self.id,
                from,
                to: next,
            });
        }
    }

    fn perform(&mut self, step: Step, context: &mut Context<'_>) {
        match step {
            Step::Advert => self.send_advert(self.effective_priority(), context),
            Step::Resign => self.resign(context),
            Step::LastWord => {
                if self.config.higher_prio_send_advert {
                    self.send_advert(self.effective_priority(), context);
                }
            }
            Step::ArmAdvert => self.arm_advert(context.now + self.config.advert_interval, context),
            Step::NextAdvert => {
                // From when it was due, so that lateness does not add up; from now when a whole interval was slept through.
                let next = self.advert_due + self.config.advert_interval;
                let next = if next > context.now {
                    next
                } else {
                    context.now + self.config.advert_interval
                };
                self.arm_advert(next, context);
            }
            Step::ArmMasterDown => {
                self.listening_since = Some(context.now);
                context.actions.push(Action::Arm(
                    TimerKey::MasterDown(self.id),
                    context.now + self.master_down_interval(),
                ));
            }
            Step::ArmStart => {
                let eager =
                    self.config.initial_state == InitialState::Master && self.resume.is_none();
                if eager {
                    self.listening_since = None;
                    let wait = eager_start_interval(self.config.advert_interval);
                    context.actions.push(Action::Arm(
                        TimerKey::MasterDown(self.id),
                        context.now + wait,
                    ));
                } else {
                    self.perform(Step::ArmMasterDown, context);
                }
            }
            Step::ArmSkew => {
                self.listening_since = None;
                let wait = skew_time(self.effective_priority());
                context.actions.push(Action::Arm(
                    TimerKey::MasterDown(self.id),
                    context.now + wait,
                ));
            }
            Step::DisarmAll => {
                self.listening_since = None;
                self.announcing = Schedule::default();
                self.announcing_wanted.set(false);
                let id = self.id;
                let keys = match self.state {
                    State::Master => &[TimerKey::Advert(id), TimerKey::Garp(id)][..],
                    _ => &[TimerKey::MasterDown(id)][..],
                };
                context
                    .actions
                    .extend(keys.iter().map(|key| Action::Disarm(*key)));
            }
            Step::TakeAddresses => {
                self.tell(Said::SettingVips, context);
                self.announcing_wanted = Rc::new(Cell::new(true));
                context.actions.push(Action::HoldAddresses(self.id, true));
            }
            Step::DropAddresses => {
                self.tell(Said::RemovingVips, context);
                context.actions.push(Action::HoldAddresses(self.id, false));
            }
            Step::Announce => {
                self.announcing = Schedule::of_new_master(context.now, &self.config.garp);
                self.queue_garps(self.config.garp.master_repeat, context);
                self.arm_garp(context);
            }
            Step::Contradict => self.contradict(context),
            // Told by `heard`, which knows the sender.
            Step::WarnSelf | Step::WarnRival => {}
        }
    }

    /// Master_Down_Interval of this instance now.
    pub fn master_down_interval(&self) -> Duration {
        master_down_interval(
            self.config.advert_interval,
            self.config.down_timer_adverts,
            self.effective_priority(),
        )
    }

    fn arm_advert(&mut self, due: Instant, context: &mut Context<'_>) {
        self.advert_due = due;
        context
            .actions
            .push(Action::Arm(TimerKey::Advert(self.id), due));
    }

    fn send_advert(&mut self, priority: u8, context: &mut Context<'_>) {
        let Some(interface) = context.interfaces.named(&self.config.interface) else {
            return;
        };
        let Some(source) = self.source(context).or(self.last_source) else {
            return;
        };
        self.last_source = Some(source);
        self.ip_id = ip::next_id(self.ip_id);
        let mut advert = Advert::new(
            self.config.virtual_router_id,
            priority,
            self.derived.interval_seconds,
            &self.derived.address_bytes,
        );
        if let Authentication::Pass(_) = self.config.authentication {
            advert = advert.with_password(self.derived.password.expose());
        }
        let destination = self.config.multicast_group;
        let header = ip::Header {
            tos: ip::TOS_NETWORK_CONTROL,
            id: self.ip_id,
            ttl: TTL,
            protocol: ip::PROTOCOL_VRRP,
            source,
            destination,
        };
        let packet = header.emit(&advert.emit());
        self.stats.advert_sent = self.stats.advert_sent.saturating_add(1);
        context.actions.push(Action::SendAdvert {
            instance: self.id,
            interface: interface.index,
            destination,
            packet,
        });
    }

    /// Priority 0, if the interface is there to take it.
    fn resign(&mut self, context: &mut Context<'_>) {
        let sendable = context
            .interfaces
            .named(&self.config.interface)
            .is_some_and(|interface| interface.up);
        if sendable && self.source(context).or(self.last_source).is_some() {
            self.send_advert(PRIORITY_RESIGN, context);
            self.stats.pri_zero_sent = self.stats.pri_zero_sent.saturating_add(1);
            self.tell(Said::Resigned, context);
        }
    }

    /// Answers a lower-priority master: keepalived's way to end a split sooner than the RFC's silence would.
    fn contradict(&mut self, context: &mut Context<'_>) {
        let now = context.now;
        let interval = self.config.advert_interval;
        let rested =
            |last: Option<Instant>, rest: Duration| last.is_none_or(|last| now.since(last) >= rest);
        if !self.config.lower_prio_no_advert
            && rested(self.last_answer, interval / ANSWERS_PER_INTERVAL)
        {
            self.last_answer = Some(now);
            self.send_advert(self.effective_priority(), context);
        }
        if self.config.garp.lower_prio_repeat > 0 && rested(self.last_answer_garp, interval) {
            self.last_answer_garp = Some(now);
            self.queue_garps(self.config.garp.lower_prio_repeat, context);
            self.announcing.add_second(
                now,
                self.config.garp.lower_prio_delay,
                self.config.garp.lower_prio_repeat,
            );
            self.arm_garp(context);
        }
    }

    fn queue_garps(&mut self, rounds: u32, context: &mut Context<'_>) {
        for (name, addresses) in &self.derived.announced {
            let Some(interface) = context.interfaces.named(name) else {
                continue;
            };
            // An interface without hardware address (loopback, tunnels) has no neighbours that ask.
            if !interface.up || interface.mac == [0; 6] {
                continue;
            }
            let job = Job {
                name: self.name.clone(),
                wanted: self.announcing_wanted.clone(),
                addresses: addresses.clone(),
                rounds,
                spacing: self.config.garp.interval,
            };
            context
                .garp
                .add(context.now, interface, job, context.actions);
        }
    }

    fn arm_garp(&mut self, context: &mut Context<'_>) {
        if let Some(at) = self.announcing.next() {
            context
                .actions
                .push(Action::Arm(TimerKey::Garp(self.id), at));
        }
    }

    // ---- another configuration

    /// Takes another configuration of the same name, keeping the state where that makes sense.
    pub(super) fn reconfigure(&mut self, config: VrrpInstance, context: &mut Context<'_>) {
        let before = self.config.clone();
        let another_router = before.interface != config.interface
            || before.virtual_router_id != config.virtual_router_id
            || before.version != config.version
            || before.multicast_group != config.multicast_group;
        if another_router {
            self.shutdown(context);
            self.adopt(config);
            self.master = None;
            self.start(context);
            return;
        }
        let from = self.effective_priority();
        self.adopt(config);
        let to = self.effective_priority();
        if from != to {
            self.tell(Said::Priority { from, to }, context);
        }
        self.refit(context);
        match self.state {
            State::Master => self.reconfigured_master(&before, context),
            State::Backup => self.reconfigured_backup(&before, context),
            State::Initialize | State::Fault => {}
        }
    }

    fn adopt(&mut self, config: VrrpInstance) {
        self.derived = Derived::new(&config);
        self.config = Rc::new(config);
        self.yielded = self.yielded && self.config.priority == PRIORITY_OWNER;
    }

    fn reconfigured_master(&mut self, before: &VrrpInstance, context: &mut Context<'_>) {
        let config = self.config.clone();
        if (before.priority, before.advert_interval, before.source)
            != (config.priority, config.advert_interval, config.source)
            || before.authentication != config.authentication
            || before.virtual_addresses != config.virtual_addresses
        {
            // The others should know it now, not an interval later.
            self.send_advert(self.effective_priority(), context);
            self.perform(Step::ArmAdvert, context);
            context.actions.push(Action::Record(self.id, self.record()));
        }
        if before.virtual_addresses != config.virtual_addresses {
            self.announcing_wanted.set(false);
            self.perform(Step::TakeAddresses, context);
            self.perform(Step::Announce, context);
        } else if before.garp != config.garp {
            self.announcing = Schedule::of_new_master(context.now, &config.garp);
            context
                .actions
                .push(Action::Disarm(TimerKey::Garp(self.id)));
            self.arm_garp(context);
        }
    }

    fn reconfigured_backup(&mut self, before: &VrrpInstance, context: &mut Context<'_>) {
        if self.config.priority == PRIORITY_OWNER && before.priority != PRIORITY_OWNER {
            // An owner does not listen (6.4.1).
            context
                .actions
                .push(Action::Arm(TimerKey::MasterDown(self.id), context.now));
            return;
        }
        // A timer that counts something shorter than the master down interval runs out as it is.
        if let Some(since) = self.listening_since {
            context.actions.push(Action::Arm(
                TimerKey::MasterDown(self.id),
                since + self.master_down_interval(),
            ));
        }
    }

    // ---- words

    fn notice(&self, said: Said) -> Action {
        Action::Tell(Notice::Instance {
            name: self.name.clone(),
            said,
        })
    }

    fn tell(&self, said: Said, context: &mut Context<'_>) {
        context.actions.push(self.notice(said));
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

    pub(super) fn tell_removed(&self, context: &mut Context<'_>) {
        self.tell(Said::Removed, context);
    }

    fn tell_unfit(&self, context: &mut Context<'_>) {
        let interface = || self.config.interface.clone();
        if self.unfit.missing {
            self.tell(Said::FaultMissing(interface()), context);
        }
        if self.unfit.down {
            self.tell(Said::FaultDown(interface()), context);
        }
        if self.unfit.no_address {
            self.tell(Said::FaultNoAddress, context);
        }
    }

    /// The name the log uses.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The interfaces that its addresses are announced on.
    pub(super) fn announces_on(&self) -> impl Iterator<Item = &str> {
        self.derived
            .announced
            .iter()
            .map(|(interface, _)| interface.as_str())
    }
}
