//! What an instance has to say: to the log as values of notice.rs, to the world as those of `notify`.

use super::{Context, Instance};
use crate::notify::{self, Kind, What};
use crate::vrrp::Action;
use crate::vrrp::notice::{Notice, Said, Topic};
use crate::vrrp::table::State;

impl Instance {
    pub(super) fn notice(&self, said: Said) -> Action {
        Action::Tell(Notice::Instance {
            name: self.name.clone(),
            said,
        })
    }

    pub(super) fn tell(&self, said: Said, context: &mut Context<'_>) {
        context.actions.push(self.notice(said));
    }

    /// Says that its priority changed.
    pub(super) fn tell_priority(&self, from: u8, to: u8, context: &mut Context<'_>) {
        self.tell(Said::Priority { from, to }, context);
        match self.state {
            _ if !self.config.notify.priority_changes => {}
            State::Master => self.notify(What::MasterPriority, context),
            State::Backup => self.notify(What::BackupPriority, context),
            State::Initialize | State::Fault => {}
        }
    }

    /// Has the world told.
    pub(super) fn notify(&self, what: What, context: &mut Context<'_>) {
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
    pub(super) fn state_told(&self) -> What {
        match self.state {
            State::Master => What::Master,
            State::Backup => What::Backup,
            State::Fault => What::Fault,
            State::Initialize if !self.removed => What::Stop,
            State::Initialize if self.config.notify.tells_deleted => What::Deleted,
            State::Initialize => What::Fault,
        }
    }

    pub(in crate::vrrp) fn tell_limited(
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
    pub(super) fn tell_once(&mut self, topic: Topic, context: &mut Context<'_>, said: Said) {
        if self.limiter.allow(topic, context.now).is_some() {
            self.tell(said, context);
        }
    }

    pub(in crate::vrrp) fn tell_removed(&self, context: &mut Context<'_>) {
        self.tell(Said::Removed, context);
    }

    pub(super) fn tell_unfit(&self, context: &mut Context<'_>) {
        if self.unfit.group {
            self.tell(Said::FaultGroup, context);
        }
        let failed = self.tallies.interfaces.failed();
        for tracked in failed.filter_map(|place| self.config.tracked_interfaces.get(place)) {
            let said = Said::FaultTracked {
                interface: tracked.interface.clone(),
                up: tracked.reverse,
            };
            self.tell(said, context);
        }
        let failed = self.tallies.others.failed();
        for tracked in failed.filter_map(|place| self.config.trackers.get(place)) {
            let said = Said::FaultTracker {
                kind: tracked.kind,
                name: tracked.name.clone(),
                level: context.trackers.level(tracked),
            };
            self.tell(said, context);
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
}
