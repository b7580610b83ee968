//! The times of checks, which a checker inherits from its real server, and that from its virtual server.

use super::Context;
use crate::config::model::Timing;
use crate::config::read::Item;
use std::time::Duration;

/// `delay_loop` when nobody gives one.
const DELAY_LOOP: Duration = Duration::from_secs(60);
/// `connect_timeout` when nobody gives one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The times that one level gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Overlay {
    pub delay_loop: Option<Duration>,
    pub warmup: Option<Duration>,
    pub retry: Option<u32>,
    pub delay_before_retry: Option<Duration>,
    pub connect_timeout: Option<Duration>,
}

/// What a kind of checker has when nobody gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Defaults {
    pub retry: u32,
    /// None = `delay_loop`.
    pub delay_before_retry: Option<Duration>,
}

impl Overlay {
    /// Takes a statement up; false when it is about something else.
    pub(super) fn take(&mut self, context: &mut Context<'_>, item: &Item<'_>) -> bool {
        match item.name() {
            "delay_loop" => set(&mut self.delay_loop, item.duration(context)),
            "warmup" => set(&mut self.warmup, item.duration(context)),
            "retry" | "nb_get_retry" => set(&mut self.retry, item.u32(context)),
            "delay_before_retry" => set(&mut self.delay_before_retry, item.duration(context)),
            "connect_timeout" => set(&mut self.connect_timeout, item.duration(context)),
            _ => return false,
        }
        true
    }

    /// These times, and where they are silent those of an outer level.
    pub(super) fn over(self, outer: Overlay) -> Overlay {
        Overlay {
            delay_loop: self.delay_loop.or(outer.delay_loop),
            warmup: self.warmup.or(outer.warmup),
            retry: self.retry.or(outer.retry),
            delay_before_retry: self.delay_before_retry.or(outer.delay_before_retry),
            connect_timeout: self.connect_timeout.or(outer.connect_timeout),
        }
    }

    /// The period of checks.
    pub(super) fn period(self) -> Duration {
        self.delay_loop.unwrap_or(DELAY_LOOP)
    }

    /// These times, and where they are silent the defaults.
    pub(super) fn settle(self, defaults: Defaults) -> Timing {
        let period = self.period();
        Timing {
            delay_loop: period,
            warmup: self.warmup.unwrap_or(period),
            retry: self.retry.unwrap_or(defaults.retry),
            delay_before_retry: self
                .delay_before_retry
                .or(defaults.delay_before_retry)
                .unwrap_or(period),
            connect_timeout: self.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
        }
    }
}

/// A bad value changes nothing.
fn set<T>(place: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *place = value;
    }
}
