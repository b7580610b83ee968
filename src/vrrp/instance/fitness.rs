//! Whether an instance can run, as what is around it says, and what follows from that: begin, fall into FAULT, come back.

use super::{Context, Instance};
use crate::time::Instant;
use crate::vrrp::interfaces::{Interfaces, Unfit};
use crate::vrrp::table::{Cause, State};
use crate::vrrp::tally::Tally;
use crate::vrrp::trackers::Trackers;
use crate::vrrp::{Action, TimerKey};
use crate::wire::vrrp::PRIORITY_OWNER;

/// What an instance tracks, and what that amounts to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::vrrp) struct Tallies {
    /// Of `track_interface`.
    pub interfaces: Tally,
    /// Of scripts and the like.
    pub others: Tally,
}

impl Instance {
    /// What it tracks, added up anew from what is known.
    fn add_up(&self, interfaces: &Interfaces, trackers: &Trackers) -> Tallies {
        let (links, others) = (&self.config.tracked_interfaces, &self.config.trackers);
        Tallies {
            interfaces: links.iter().map(|it| interfaces.share(it)).collect(),
            others: others.iter().map(|it| trackers.share(it)).collect(),
        }
    }

    /// The same, in the place of what was added up before: the configuration is another.
    pub(in crate::vrrp) fn tally(&mut self, interfaces: &Interfaces, trackers: &Trackers) {
        self.tallies = self.add_up(interfaces, trackers);
    }

    /// Whether what was kept up is what adding up anew gives.
    pub(in crate::vrrp) fn is_added_up(
        &self,
        interfaces: &Interfaces,
        trackers: &Trackers,
    ) -> bool {
        self.tallies == self.add_up(interfaces, trackers)
    }

    /// The interface of the line at `place` has changed; a look has to follow.
    pub(in crate::vrrp) fn weigh_interface(&mut self, place: usize, interfaces: &Interfaces) {
        if let Some(tracked) = self.config.tracked_interfaces.get(place) {
            self.tallies
                .interfaces
                .set(place, interfaces.share(tracked));
        }
    }

    /// What the line at `place` tracks has changed; a look has to follow.
    pub(in crate::vrrp) fn weigh_tracker(&mut self, place: usize, trackers: &Trackers) {
        if let Some(tracked) = self.config.trackers.get(place) {
            self.tallies.others.set(place, trackers.share(tracked));
        }
    }

    /// Looks anew at the interfaces and the rest that is tracked: what keeps it from running by itself, and what they add to its priority. Does not change
    /// the state; `start` or `fit` has to follow.
    pub(in crate::vrrp) fn look(&mut self, context: &mut Context<'_>) {
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

    pub(super) fn survey(&mut self, context: &Context<'_>) {
        let Tallies { interfaces, others } = &self.tallies;
        self.own_unfit = Unfit {
            tracked: interfaces.any_fails(),
            tracker: others.any_fails(),
            // Whoever runs, or takes over from a process that did, goes on until something is known to have failed.
            waiting: self.state == State::Initialize
                && self.resume.is_none()
                && others.any_is_awaited(),
            ..context.interfaces.unfit(&self.config)
        };
        self.tracked_weight = interfaces.sum() + others.sum();
    }

    /// Whether only something that is not known yet keeps it from running, as of the last look.
    pub(in crate::vrrp) fn waits(&self) -> bool {
        self.own_unfit
            == Unfit {
                waiting: true,
                ..Unfit::default()
            }
    }

    /// Whether nothing keeps it from running by itself, as of the last look.
    pub(in crate::vrrp) fn is_able(&self) -> bool {
        self.own_unfit.is_none()
    }

    /// Begins by itself (RFC 3768 6.4.1), after a look.
    pub(in crate::vrrp) fn start(&mut self, context: &mut Context<'_>) {
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
    pub(in crate::vrrp) fn start_in_group(&mut self, cause: Cause, context: &mut Context<'_>) {
        self.begin(cause, context);
        if self.state == State::Backup {
            self.hurry_owner(context);
        }
    }

    pub(super) fn begin(&mut self, cause: Cause, context: &mut Context<'_>) {
        if self.state != State::Initialize {
            return;
        }
        // Whoever has begun does not wait, as a look would find; there may be none for long.
        self.own_unfit.waiting = false;
        self.unfit = Unfit {
            group: cause == Cause::StartUnfit && self.own_unfit.is_none(),
            ..self.own_unfit
        };
        if let Some(record) = self.resume {
            // Whatever it begins as: others would drop what is numbered from the beginning, whenever it is sent.
            self.ip_id = record.ip_id;
            self.guard.resume(&self.config, record.sequence);
        }
        self.apply(cause, context);
        self.resume = None;
    }

    /// Whether the process before this one left it as MASTER, and nobody can have taken over since.
    pub(in crate::vrrp) fn can_resume(&self, now: Instant) -> bool {
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
    pub(in crate::vrrp) fn fit(&mut self, group_fault: bool, context: &mut Context<'_>) {
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
    pub(super) fn hurry_owner(&mut self, context: &mut Context<'_>) {
        if self.effective_priority() == PRIORITY_OWNER {
            context
                .actions
                .push(Action::Arm(TimerKey::MasterDown(self.id), context.now));
        }
    }
}
