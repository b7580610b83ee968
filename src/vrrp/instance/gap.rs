//! What an instance does when its process or its host stood still: another may be MASTER by now, so it listens first. What waits in a
//! socket is read at once; what was lost on the way comes again within an interval.

use super::{Context, Instance};
use crate::time::Instant;
use crate::vrrp::notice::Said;
use crate::vrrp::table::State;
use crate::vrrp::timing::gap_listen_interval;
use crate::vrrp::{Action, TimerKey};
use std::time::Duration;

/// A timer of a process that runs at all is not this late.
pub(super) const LATE: Duration = Duration::from_millis(100);

impl Instance {
    /// A silence of ours that let others take over.
    pub(super) fn usurpable(&self) -> Duration {
        let adverts = self.config.down_timer_adverts.saturating_sub(1);
        self.config.advert_interval.saturating_mul(adverts)
    }

    /// A timer that is as late as `tolerated` says that this process stood still: true, and the timer comes again after an interval.
    pub(super) fn listens_first(
        &mut self,
        key: TimerKey,
        deadline: Instant,
        tolerated: Duration,
        context: &mut Context<'_>,
    ) -> bool {
        let late = context.now.since(deadline);
        if late < tolerated.max(LATE) {
            return false;
        }
        self.listen(key, late, Instant::default(), context);
        true
    }

    /// The host stood still for so long, which the loop's clock did not count: timers are as early as they were, the others' are over.
    pub(in crate::vrrp) fn stood_still(&mut self, gap: Duration, context: &mut Context<'_>) {
        match self.state {
            State::Master if gap >= self.usurpable().max(LATE) => {
                self.listen(TimerKey::Advert(self.id), gap, self.advert_due, context);
            }
            State::Backup if gap >= LATE => {
                let due = self
                    .listening_since
                    .take()
                    .map(|since| since + self.master_down_interval());
                self.wants_master = None;
                let due = due.unwrap_or_default();
                self.listen(TimerKey::MasterDown(self.id), gap, due, context);
            }
            _ => {}
        }
    }

    /// Lets a timer come after an interval, and not sooner than `due`.
    fn listen(&mut self, key: TimerKey, gap: Duration, due: Instant, context: &mut Context<'_>) {
        self.tell(Said::Listening(gap), context);
        let wait = gap_listen_interval(
            self.config.version,
            self.master_interval(),
            self.effective_priority(),
        );
        let until = due.max(context.now + wait);
        if matches!(key, TimerKey::Advert(_)) {
            self.advert_due = until;
        }
        context.actions.push(Action::Arm(key, until));
    }
}
