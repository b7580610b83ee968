//! One virtual router: what is configured and, apart from it, what runs; and what can happen to it.
//!
//! hear.rs ranks what others say, steps.rs does what table.rs says follows, change.rs takes another configuration. Does not know
//! other instances (router.rs does) and words nothing (notice.rs does).

mod change;
mod derived;
mod hear;
mod steps;

pub(super) use derived::Derived;

use super::garp::{Pacer, Schedule};
use super::interfaces::{Interfaces, Unfit};
use super::notice::{Limiter, Notice, Said, Topic};
use super::stats::Stats;
use super::table::{Cause, State};
use super::timing::master_down_interval;
use super::{Action, Actions, InstanceId, TimerKey};
use crate::config::model::VrrpInstance;
use crate::time::Instant;
use crate::wire::vrrp::PRIORITY_OWNER;
use std::cell::Cell;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

/// The priority an owner falls back to when another owner will not go away.
const PRIORITY_YIELDED: u8 = 254;
/// A timer of a process that runs at all is not this late.
const LATE: Duration = Duration::from_millis(100);
/// Long enough for the shell to read its sockets once.
const LISTEN: Duration = Duration::from_millis(1);

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
    /// Master_Down_Interval of this instance now.
    pub fn master_down_interval(&self) -> Duration {
        master_down_interval(
            self.config.advert_interval,
            self.config.down_timer_adverts,
            self.effective_priority(),
        )
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
        let usurpable = self
            .config
            .advert_interval
            .saturating_mul(self.config.down_timer_adverts.saturating_sub(1));
        if self.state == State::Master
            && self.listens_first(TimerKey::Advert(self.id), deadline, usurpable, context)
        {
            return;
        }
        self.advert_due = deadline;
        self.apply(Cause::AdvertDue, context);
    }

    /// Master_Down_Timer fired (RFC 3768 6.4.2).
    pub(super) fn master_down(&mut self, deadline: Instant, context: &mut Context<'_>) {
        if self.state == State::Backup {
            if self.listens_first(TimerKey::MasterDown(self.id), deadline, LATE, context) {
                return;
            }
            self.tell(Said::AdvertTimeout, context);
            // The rival is gone.
            self.set_yielded(false, context);
        }
        self.apply(Cause::MasterDown, context);
    }

    /// A timer that is as late as `tolerated` says that this process slept, and what the others said meanwhile may still wait in a
    /// socket: true, and the timer comes again in a moment, so that it is read before anything is asserted.
    fn listens_first(
        &self,
        key: TimerKey,
        deadline: Instant,
        tolerated: Duration,
        context: &mut Context<'_>,
    ) -> bool {
        let late = context.now.since(deadline) >= tolerated.max(LATE);
        if late {
            context.actions.push(Action::Arm(key, context.now + LISTEN));
        }
        late
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

    /// The interface's source of adverts, if it has one.
    fn source(&self, context: &Context<'_>) -> Option<Ipv4Addr> {
        self.config.source.or_else(|| {
            context
                .interfaces
                .named(&self.config.interface)
                .and_then(|interface| interface.primary_v4)
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
