//! One check of one real server: when it is done next, and when what it found begins to count. What is done, and what a change means
//! for the server's service, is not here.
//!
//! A check that is due while the one before is still under way does not exist: the next deadline is set when a check ends. Deadlines
//! of checks that pass are absolute (the last one plus `delay_loop`), so that a slow server does not make its checks drift.

use crate::config::model::{Checker, Dialogue, Probe, Timing};
use crate::time::Instant;
use std::time::Duration;

/// Checks are due at multiples of so many nanoseconds, five milliseconds: those of thousands of servers share their wake-ups, each of
/// which costs more than a check does.
pub(super) const GRID: u64 = 5_000_000;

/// How a check is scheduled, as configured.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'c> {
    /// The times.
    pub timing: &'c Timing,
    /// How many more failures are borne.
    pub retry: u32,
    /// How many pages have to be looked at, one a check; 1 of what has no pages.
    pub pages: u16,
    /// All pages back to back where the server is not known to be up.
    pub fast_recovery: bool,
}

impl<'c> From<&'c Checker> for Plan<'c> {
    fn from(checker: &'c Checker) -> Self {
        let web = match &checker.probe {
            Probe::Connect(_, Dialogue::Web(web)) => Some(web),
            _ => None,
        };
        Plan {
            timing: &checker.timing,
            // What is told, not asked, cannot be asked again.
            retry: match &checker.probe {
                Probe::Connect(..) | Probe::Script(_) => checker.timing.retry,
                Probe::File { .. } | Probe::Bfd(_) => 0,
            },
            pages: web.map_or(1, |web| {
                u16::try_from(web.urls.len()).unwrap_or(u16::MAX).max(1)
            }),
            fast_recovery: web.is_some_and(|web| web.fast_recovery),
        }
    }
}

/// What the end of a check changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Same,
    /// The check passes, for the first time or again.
    Passes,
    /// It failed, and that is borne: so many times in a row now.
    Borne(u32),
    /// It fails from now on; it was tried again so many times before.
    Fails(u32),
}

/// What runs of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// What it says of its server.
    up: bool,
    /// There was a verdict.
    has_run: bool,
    is_busy: bool,
    /// Which page is next.
    page: u16,
    /// Failures in a row that are borne.
    failures: u32,
    /// When the check that comes next, or is under way, was meant to begin.
    due: Instant,
}

impl Schedule {
    /// A check that has never been done.
    pub fn new(alpha: bool) -> Self {
        Schedule {
            up: !alpha,
            has_run: false,
            is_busy: false,
            page: 0,
            failures: 0,
            due: Instant::default(),
        }
    }

    /// A check that another process has done.
    pub fn resumed(up: bool) -> Self {
        Schedule {
            has_run: true,
            ..Schedule::new(!up)
        }
    }

    /// Whether it says that its server is up.
    pub fn is_up(&self) -> bool {
        self.up
    }

    /// Whether there was a verdict yet.
    pub fn has_run(&self) -> bool {
        self.has_run
    }

    /// Whether one is under way.
    pub fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Which page is looked at, or is next.
    pub fn page(&self) -> u16 {
        self.page
    }

    /// Begins to check, or begins again after a pause: the first time at random within `warmup`. `random` is any number.
    pub fn begin(&mut self, now: Instant, plan: Plan<'_>, random: u64) -> Instant {
        self.is_busy = false;
        self.page = 0;
        self.due = on_grid(now + share(plan.timing.warmup, random));
        self.due
    }

    /// The times have changed: the next check comes no later than they say. When, if that is sooner.
    pub fn hasten(&mut self, now: Instant, plan: Plan<'_>) -> Option<Instant> {
        let latest = on_grid(now + plan.timing.delay_loop);
        if self.is_busy || self.due <= latest {
            return None;
        }
        self.due = latest;
        Some(latest)
    }

    /// Its time has come; it was due at `deadline`. Which page is to be looked at.
    pub fn start(&mut self, deadline: Instant) -> u16 {
        self.is_busy = true;
        self.due = deadline;
        self.page
    }

    /// It was not begun after all.
    pub fn withdraw(&mut self) {
        self.is_busy = false;
    }

    /// It could not be done: when it is tried again.
    pub fn postpone(&mut self, now: Instant, plan: Plan<'_>) -> Instant {
        self.is_busy = false;
        self.due = after(self.due, plan.timing.delay_loop, now);
        self.due
    }

    /// A check ended: what that changes, and when the next is due.
    pub fn ended(&mut self, now: Instant, plan: Plan<'_>, passed: bool) -> (Found, Instant) {
        self.is_busy = false;
        let (found, next) = if passed {
            self.passed(now, plan)
        } else {
            self.failed(now, plan)
        };
        self.due = next;
        (found, next)
    }

    fn passed(&mut self, now: Instant, plan: Plan<'_>) -> (Found, Instant) {
        self.failures = 0;
        let regular = after(self.due, plan.timing.delay_loop, now);
        let settled = self.up && self.has_run;
        self.page = self.page.saturating_add(1);
        if self.page < plan.pages {
            let next = match plan.fast_recovery && !settled {
                true => on_grid(now),
                false => regular,
            };
            return (Found::Same, next);
        }
        self.page = 0;
        self.up = true;
        self.has_run = true;
        let found = if settled { Found::Same } else { Found::Passes };
        (found, regular)
    }

    /// One that is down is tried in the same rhythm as one that is about to be: `retry` more times, then after `delay_loop`.
    fn failed(&mut self, now: Instant, plan: Plan<'_>) -> (Found, Instant) {
        if self.has_run && self.failures < plan.retry {
            self.failures += 1;
            let found = match self.up {
                true => Found::Borne(self.failures),
                false => Found::Same,
            };
            return (found, on_grid(now + plan.timing.delay_before_retry));
        }
        let news = self.up || !self.has_run;
        let retries = std::mem::take(&mut self.failures);
        self.up = false;
        self.has_run = true;
        self.page = 0;
        let found = if news {
            Found::Fails(retries)
        } else {
            Found::Same
        };
        (found, after(self.due, plan.timing.delay_loop, now))
    }
}

/// A part of a time, by a number that may be any.
fn share(whole: Duration, random: u64) -> Duration {
    whole.mul_f64(random as f64 / u64::MAX as f64)
}

/// The first of the points in time that follow `due` at this distance which is not over.
fn after(due: Instant, period: Duration, now: Instant) -> Instant {
    let next = due + period;
    if next >= now {
        return next;
    }
    let period = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX).max(1);
    let over = now.0 - next.0;
    Instant(
        next.0
            .saturating_add(over.div_ceil(period).saturating_mul(period)),
    )
}

/// The same time, or what is left to the next of those that checks are due at.
fn on_grid(time: Instant) -> Instant {
    let up = time.0.checked_next_multiple_of(GRID);
    up.map_or(time, Instant)
}
