//! Another configuration for an instance that runs: what can be kept is kept.

use super::derived::undergoes_detection;
use super::{Context, Derived, Instance};
use crate::config::model::VrrpInstance;
use crate::vrrp::garp::Schedule;
use crate::vrrp::table::{State, Step};
use crate::vrrp::{Action, TimerKey};
use crate::wire::vrrp::PRIORITY_OWNER;
use std::rc::Rc;

/// Whether the others hear it as before: peers may come and go, but a group hears no unicast. The families are compared by it, too.
fn same_way(before: &VrrpInstance, after: &VrrpInstance) -> bool {
    match (&before.transport.unicast, &after.transport.unicast) {
        (Some(_), Some(_)) => before.family() == after.family(),
        (None, None) => before.multicast_group == after.multicast_group,
        _ => false,
    }
}

impl Instance {
    /// Takes another configuration of the same name, keeping the state where that makes sense. One that is another virtual router
    /// is in INIT afterwards and has to be started; any other has to be fitted.
    pub(in crate::vrrp) fn reconfigure(&mut self, config: VrrpInstance, context: &mut Context<'_>) {
        let before = self.config.clone();
        let another_router = before.interface != config.interface
            || before.vmac.own != config.vmac.own
            || before.wire() != config.wire()
            || before.virtual_router_id != config.virtual_router_id
            || before.version != config.version
            || !same_way(&before, &config);
        if another_router {
            self.remove(context);
            self.adopt(config, context);
            self.master = None;
            self.preempt_at = None;
            self.last_source = None;
            return;
        }
        let from = self.effective_priority();
        self.adopt(config, context);
        if before.preempt_delay != self.config.preempt_delay {
            self.preempt_at = None;
        }
        self.survey(context);
        let to = self.effective_priority();
        if from != to {
            self.tell_priority(from, to, context);
        }
        match self.state {
            // Going to FAULT.
            _ if !self.is_able() => {}
            State::Master => self.reconfigured_master(&before, context),
            State::Backup => self.reconfigured_backup(&before, context),
            State::Initialize | State::Fault => {}
        }
    }

    pub(super) fn adopt(&mut self, config: VrrpInstance, context: &Context<'_>) {
        self.derived = Derived::new(&config);
        self.config = Rc::new(config);
        self.tally(context.interfaces, context.trackers);
        let peers = &self.derived.peers;
        self.old_peers.retain(|peer| peers.find(*peer).is_some());
        self.yielded = self.yielded && self.config.priority == PRIORITY_OWNER;
    }

    pub(super) fn reconfigured_master(&mut self, before: &VrrpInstance, context: &mut Context<'_>) {
        let config = self.config.clone();
        if (before.priority, before.advert_interval, before.source)
            != (config.priority, config.advert_interval, config.source)
            || before.authentication != config.authentication
            || before.transport != config.transport
            || before.checksum_as_v2 != config.checksum_as_v2
            || before.virtual_addresses != config.virtual_addresses
        {
            // The others should know it now, not an interval later.
            self.send_advert(self.effective_priority(), context);
            self.perform(Step::ArmAdvert, context);
            context.actions.push(Action::Record(self.id, self.record()));
        }
        if before.virtual_addresses != config.virtual_addresses
            || before.holdings != config.holdings
        {
            self.announcing_wanted.set(false);
            let waiting = std::mem::take(&mut self.detecting);
            self.perform(Step::TakeAddresses, context);
            // What was there before and had passed is not detected again.
            for line in before
                .virtual_addresses
                .iter()
                .chain(&before.holdings.addresses)
            {
                if undergoes_detection(line) && !waiting.contains(&line.address) {
                    self.detecting.remove(&line.address);
                }
            }
            self.perform(Step::Announce, context);
        } else if before.garp != config.garp {
            self.announcing = Schedule::of_new_master(context.now, &config.garp);
            context
                .actions
                .push(Action::Disarm(TimerKey::Garp(self.id)));
            self.arm_garp(context);
        }
    }

    pub(super) fn reconfigured_backup(&mut self, before: &VrrpInstance, context: &mut Context<'_>) {
        if self.config.priority == PRIORITY_OWNER && before.priority != PRIORITY_OWNER {
            // An owner does not listen (6.4.1).
            context
                .actions
                .push(Action::Arm(TimerKey::MasterDown(self.id), context.now));
            return;
        }
        self.rearm_master_down(context);
    }

    /// Computes anew when Master_Down_Timer fires.
    pub(super) fn rearm_master_down(&self, context: &mut Context<'_>) {
        // A timer that counts something shorter than the master down interval runs out as it is; so does one that has fired.
        if self.wants_master.is_some() {
            return;
        }
        if let Some(since) = self.listening_since {
            context.actions.push(Action::Arm(
                TimerKey::MasterDown(self.id),
                since + self.master_down_interval(),
            ));
        }
    }
}
