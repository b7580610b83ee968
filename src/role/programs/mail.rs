//! Mail about what happens: what is news waits here, is put into words a few at a time, and goes to the runner, which hands it in.

use super::{Key, Runner, Timer};
use crate::config::model::{Global, Mail as Settings};
use crate::notify::Event;
use crate::notify::mail::{Counts, Mail, Memory, Notice, Stamp, compose};
use crate::os::{clock, process};
use crate::role::runner::Request;
use crate::time::Instant;
use crate::wheel::Wheel;
use log::{info, warn};
use std::collections::VecDeque;
use std::time::Duration;

/// So many are put into words in one turn: when thousands of instances change state, adverts come between.
const PER_TURN: usize = 8;
/// More cannot wait: a runner that takes none for so long is not there.
const WAITING_MAX: usize = 16 * 1024;
/// When a runner that had no room for a mail is asked again.
const RETRY: Duration = Duration::from_millis(20);

/// What is to be mailed.
enum News {
    Event(Event),
    Mail(Mail),
}

/// What waits for the runner, and what became of the rest.
#[derive(Default)]
pub struct Mailer {
    settings: Settings,
    /// As subjects name this host.
    router_id: String,
    memory: Memory,
    /// And when it happened, in seconds since 1970.
    waiting: VecDeque<(News, i64)>,
    /// Its number makes each mail of this process unlike the others.
    composed: u32,
    counts: Counts,
}

impl Mailer {
    /// Sends by these settings from now on.
    pub fn configure(&mut self, global: &Global) {
        self.settings.clone_from(&global.mail);
        self.router_id = global.router_id.clone().unwrap_or_else(process::host_name);
    }

    /// What happened to an instance or a group that is to be mailed about, unless the last mail about it said the same.
    pub fn tell_event(&mut self, event: &Event) {
        if self.settings.outlet().is_some() && self.memory.is_news(event, self.settings.no_faults) {
            self.push(News::Event(event.clone()));
        }
    }

    /// A mail about anything else.
    pub fn tell(&mut self, mail: Mail) {
        if self.settings.outlet().is_some() {
            self.push(News::Mail(mail));
        }
    }

    fn push(&mut self, news: News) {
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
            self.counts.lost += 1;
            if self.counts.lost.is_power_of_two() {
                warn!("SMTP alerts are left out: the process that sends them takes none");
            }
        }
        self.waiting.push_back((news, clock::unix_time()));
    }

    /// Hands some of what waits to the runner; true when there is more for the next turn.
    pub fn hand_over<K: Key>(
        &mut self,
        now: Instant,
        runner: &Runner,
        wheel: &mut Wheel<K>,
    ) -> bool {
        for _ in 0..PER_TURN {
            let Some((news, unix)) = self.waiting.front() else {
                return false;
            };
            let mail = match news {
                News::Event(event) => Mail::of_event(event),
                News::Mail(mail) => Some(mail.clone()),
            };
            self.composed = self.composed.wrapping_add(1);
            let stamp = Stamp {
                date: clock::local_time(*unix),
                id: unique(self.composed),
            };
            let composed =
                mail.and_then(|mail| compose(&mail, &self.settings, &self.router_id, stamp));
            let request = composed.map(Request::Mail);
            if let Some(request) = request
                && runner.ask(&request).is_err()
            {
                wheel.arm(Timer::Mail.into(), now + RETRY);
                return false;
            }
            self.waiting.pop_front();
        }
        !self.waiting.is_empty()
    }

    /// Whether the runner has everything.
    pub fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What the runner says of mail.
    pub fn heard(&mut self, notice: &Notice) {
        self.counts.count(notice);
        match notice {
            Notice::Sent { .. } => info!("{notice}"),
            _ => warn!("{notice}"),
        }
    }

    /// What became of mail, and how much waits for the runner.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

/// A number that no other mail of this host has: time, process and count.
fn unique(count: u32) -> u128 {
    let process = std::process::id();
    let low = u64::from(process) << u32::BITS | u64::from(count);
    u128::from(clock::wall_time().0) << u64::BITS | u128::from(low)
}
