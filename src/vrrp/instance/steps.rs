//! The state machine at work: how each step of table.rs is done.

use super::{Context, Instance};
use crate::config::model::{Authentication, InitialState, Version};
use crate::time::Instant;
use crate::vrrp::garp::{Job, Schedule};
use crate::vrrp::notice::Said;
use crate::vrrp::table::{Cause, State, Step, follows};
use crate::vrrp::timing::{eager_start_interval, skew_time};
use crate::vrrp::{Action, TimerKey, UNBOUND};
use crate::wire::vrrp::{PRIORITY_RESIGN, v2, v3};
use crate::wire::{ah, ip, ipv6};
use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// A lower-priority master is answered at most so often in an interval, however many packets it sends.
const ANSWERS_PER_INTERVAL: u32 = 10;

impl Instance {
    pub(super) fn apply(&mut self, cause: Cause, context: &mut Context<'_>) {
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
            self.wants_master = None;
            self.preempt_at = None;
            self.last_transition = Some(context.now);
            self.last_cause = Some(cause);
            if next != State::Backup {
                self.learned_interval = None;
            }
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
        if from != next && next == State::Master && !self.config.answers() {
            self.tell(Said::Unanswered, context);
        }
        if from != next || sent != self.stats.advert_sent {
            context.actions.push(Action::Record(self.id, self.record()));
        }
        if from != next {
            self.notify(self.state_told(), context);
        }
    }

    pub(super) fn perform(&mut self, step: Step, context: &mut Context<'_>) {
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
                self.wants_master = None;
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
                    let wait =
                        eager_start_interval(self.config.version, self.config.advert_interval);
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
                let wait = skew_time(
                    self.config.version,
                    self.master_interval(),
                    self.effective_priority(),
                );
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
                let announced = self.derived.announced.iter();
                self.detecting = announced
                    .flat_map(|announced| announced.detected.iter().copied())
                    .collect();
                context.actions.push(Action::HoldAddresses(self.id, true));
            }
            Step::DropAddresses if context.keeps_addresses => {}
            Step::DropAddresses => {
                self.refused.borrow_mut().clear();
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

    pub(super) fn arm_advert(&mut self, due: Instant, context: &mut Context<'_>) {
        self.advert_due = due;
        context
            .actions
            .push(Action::Arm(TimerKey::Advert(self.id), due));
    }

    pub(super) fn send_advert(&mut self, priority: u8, context: &mut Context<'_>) {
        let interface = match context.interfaces.named(self.config.wire()) {
            Some(interface) => interface.index,
            None if !self.config.is_bound() => UNBOUND,
            None => return,
        };
        let Some(source) = self.source(context).or(self.last_source) else {
            return;
        };
        self.last_source = Some(source);
        self.ip_id = ip::next_id(self.ip_id);
        self.guard
            .number(&self.config, source, context.now, context.wall());
        let Some(packets) = self.packets(priority, source) else {
            return;
        };
        self.stats.advert_sent = self.stats.advert_sent.saturating_add(1);
        context.actions.push(Action::SendAdvert {
            instance: self.id,
            interface,
            family: self.config.family(),
            packets,
        });
    }

    /// The whole packet of an advert; `None` when its ends are of two families. `named`: the destination that a version 3 checksum
    /// covers.
    pub(super) fn packet_of(
        &self,
        priority: u8,
        hops: u8,
        source: IpAddr,
        destination: IpAddr,
        named: IpAddr,
    ) -> Option<Vec<u8>> {
        let (vrid, derived) = (self.config.virtual_router_id, &self.derived);
        let addresses = &derived.address_bytes;
        let message = match (self.config.version, source, destination) {
            (Version::V2, IpAddr::V6(source), IpAddr::V6(destination)) => {
                v2::Advert::new_ipv6(vrid, priority, derived.interval_seconds, addresses)
                    .emit_ipv6(source, destination)
            }
            (Version::V2, ..) => {
                let mut advert =
                    v2::Advert::new(vrid, priority, derived.interval_seconds, addresses);
                match self.config.authentication {
                    Authentication::None | Authentication::Hmac(_) => {}
                    Authentication::Pass(_) => {
                        advert = advert.with_password(derived.password.expose());
                    }
                    Authentication::Ah(_) => advert.auth_type = v2::AUTH_AH,
                }
                advert.emit()
            }
            (Version::V3, ..) => {
                let (family, interval) = (self.config.family(), derived.interval_centiseconds);
                v3::Advert::new(family, vrid, priority, interval, addresses).emit(
                    source,
                    named,
                    derived.coverage,
                )
            }
        };
        let message = self.guard.signed(&self.config, message, source, named);
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let header = ip::Header {
                    tos: ip::TOS_NETWORK_CONTROL,
                    id: self.ip_id,
                    ttl: hops,
                    protocol: ip::PROTOCOL_VRRP,
                    source,
                    destination,
                };
                if let Authentication::Ah(_) = self.config.authentication {
                    let key = self.derived.password.expose();
                    return Some(ah::seal(&header, self.guard.ah(), &message, key));
                }
                Some(header.emit(&message))
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let header = ipv6::Header {
                    traffic_class: ip::TOS_NETWORK_CONTROL,
                    flow_label: 0,
                    next_header: ip::PROTOCOL_VRRP,
                    hop_limit: hops,
                    source,
                    destination,
                };
                Some(header.emit(&message))
            }
            _ => None,
        }
    }

    /// Priority 0, if the interface is there to take it.
    pub(super) fn resign(&mut self, context: &mut Context<'_>) {
        let sendable = match context.interfaces.named(self.config.wire()) {
            Some(interface) => interface.up,
            None => !self.config.is_bound(),
        };
        if sendable && self.source(context).or(self.last_source).is_some() {
            self.send_advert(PRIORITY_RESIGN, context);
            self.stats.pri_zero_sent = self.stats.pri_zero_sent.saturating_add(1);
            self.tell(Said::Resigned, context);
        }
    }

    /// Answers a lower-priority master: keepalived's way to end a split sooner than the RFC's silence would.
    pub(super) fn contradict(&mut self, context: &mut Context<'_>) {
        let now = context.now;
        let interval = self.config.advert_interval;
        let rested =
            |last: Option<Instant>, rest: Duration| last.is_none_or(|last| now.since(last) >= rest);
        if !self.config.lower_prio_no_advert
            && rested(self.last_answer, interval / ANSWERS_PER_INTERVAL)
        {
            self.last_answer = Some(now);
            self.send_advert(self.effective_priority(), context);
            if self.advert_due > now + interval || now.since(self.advert_due) > interval {
                // It was to listen after a gap, which is over: it has spoken.
                self.perform(Step::ArmAdvert, context);
            }
        }
        if rested(self.last_answer_garp, interval) {
            self.contradict_with_garps(context);
        }
    }

    /// Announces its addresses, as another MASTER has been heard; of its group if not by itself.
    pub(in crate::vrrp) fn contradict_with_garps(&mut self, context: &mut Context<'_>) {
        let now = context.now;
        if self.state == State::Master && self.config.garp.lower_prio_repeat > 0 {
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

    pub(super) fn queue_garps(&mut self, rounds: u32, context: &mut Context<'_>) {
        self.queue_garps_where(rounds, |_| true, context);
    }

    /// One round on the interfaces other than its own: switches there hear no advert that tells them who is where.
    pub(super) fn queue_extra_garps(&mut self, context: &mut Context<'_>) {
        let config = self.config.clone();
        let is_meant = |name: &str| {
            let made = &config.vmac.others;
            !config.garp.extra_only_vmacs || made.iter().any(|link| link.name == name)
        };
        self.queue_garps_where(1, |name| name != config.wire() && is_meant(name), context);
    }

    fn queue_garps_where(
        &mut self,
        rounds: u32,
        wanted: impl Fn(&str) -> bool,
        context: &mut Context<'_>,
    ) {
        for announced in &self.derived.announced {
            if !wanted(&announced.interface) {
                continue;
            }
            let addresses = announced.addresses.clone();
            self.queue_on(&announced.interface, addresses, rounds, context);
            let detected = announced.detected.iter().copied();
            let passed: Rc<[IpAddr]> = detected
                .filter(|address| !self.detecting.contains(address))
                .collect();
            self.queue_on(&announced.interface, passed, rounds, context);
        }
    }

    /// Queues announcements of some addresses on an interface.
    pub(super) fn queue_on(
        &self,
        interface: &str,
        addresses: Rc<[IpAddr]>,
        rounds: u32,
        context: &mut Context<'_>,
    ) {
        // An interface without hardware address (loopback, tunnels) has no neighbours that ask.
        let Some(interface) = context
            .interfaces
            .named(interface)
            .filter(|interface| interface.up && interface.mac != [0; 6])
        else {
            return;
        };
        let job = Job {
            name: self.name.clone(),
            wanted: self.announcing_wanted.clone(),
            refused: self.refused.clone(),
            addresses,
            rounds,
            begun: false,
            spacing: self.config.garp.interval,
            neighbour_spacing: self.config.garp.neighbour_interval,
        };
        context
            .garp
            .add(context.now, interface, job, context.actions);
    }

    pub(super) fn arm_garp(&mut self, context: &mut Context<'_>) {
        if let Some(at) = self.announcing.next() {
            context
                .actions
                .push(Action::Arm(TimerKey::Garp(self.id), at));
        }
    }
}
