//! Mail about what happens: what is news waits here, is put into words a few at a time, and goes to the runner, which hands it in.

use super::runner::TooLong;
use super::{Key, Runner, Timer};
use crate::config::model::{Global, Mail as Settings};
use crate::notify::Event;
use crate::notify::mail::{
    Counts, Handed, Left, Mail, MailId, Memory, Notice, Outlet, Stamp, compose,
};
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
    /// What the runner has, and has not seen to.
    handed: Handed,
    /// What it has goes there, and it does not know yet.
    redirected: Option<Outlet>,
    /// Its number makes each mail of this process unlike the others.
    composed: MailId,
    counts: Counts,
}

impl Mailer {
    /// Sends by these settings from now on; what has not been sent yet goes to the new server, too.
    pub fn configure(&mut self, global: &Global) {
        let before = Outlet::of(&self.settings);
        self.settings.clone_from(&global.mail);
        let outlet = Outlet::of(&self.settings).filter(|outlet| before.as_ref() != Some(outlet));
        if let Some(outlet) = outlet.filter(|_| !self.handed.is_empty()) {
            self.handed.redirect(&outlet);
            self.redirected = Some(outlet);
        }
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
            if self.is_done() {
                return false;
            }
            if !self.hand_next(runner) {
                wheel.arm(Timer::Mail.into(), now + RETRY);
                return false;
            }
        }
        !self.is_done()
    }

    /// Hands the runner the next of what it is to know; false: it has no room.
    fn hand_next(&mut self, runner: &Runner) -> bool {
        if let Some(outlet) = &self.redirected {
            let told = runner.ask_in_time(&Request::Outlet(outlet.clone()));
            let told = told != Ok(false);
            self.redirected.take_if(|_| told);
            return told;
        }
        if let Some((id, envelope)) = self.handed.again() {
            // What fitted once fits again.
            let handed = runner.ask_in_time(&Request::Mail(id, envelope.clone()));
            let handed = handed != Ok(false);
            if handed {
                self.handed.handed_again(id);
            }
            return handed;
        }
        let Some((news, unix)) = self.waiting.front() else {
            return true;
        };
        let mail = match news {
            News::Event(event) => Mail::of_event(event),
            News::Mail(mail) => Some(mail.clone()),
        };
        let id = self.composed + 1;
        let stamp = Stamp {
            date: clock::local_time(*unix),
            id: unique(id),
        };
        let composed = mail.and_then(|mail| compose(&mail, &self.settings, &self.router_id, stamp));
        if let Some(envelope) = composed {
            match runner.ask_in_time(&Request::Mail(id, envelope.clone())) {
                Ok(true) => {
                    self.composed = id;
                    self.handed.insert(id, envelope);
                }
                Ok(false) => return false,
                Err(TooLong) => self.heard(&Notice::GivenUp {
                    subject: envelope.subject,
                    why: "it is too long for the process that sends it".to_owned(),
                }),
            }
        }
        self.waiting.pop_front();
        true
    }

    /// Whether the runner has everything.
    pub fn is_done(&self) -> bool {
        self.redirected.is_none() && self.handed.are_handed() && self.waiting.is_empty()
    }

    /// So much is left of a mail that the runner has.
    pub fn left(&mut self, left: Left) {
        self.handed.left(left);
    }

    /// The runner is gone, and with it what it had.
    pub fn lost(&mut self) {
        for notice in self.handed.lost() {
            self.heard(&notice);
        }
    }

    /// What the runner says of mail.
    pub fn heard(&mut self, notice: &Notice) {
        self.counts.count(notice);
        match notice {
            Notice::Sent { .. } => info!("{notice}"),
            _ => warn!("{notice}"),
        }
    }

    /// What became of mail, and how much waits.
    pub fn counts(&self) -> Counts {
        Counts {
            waiting: self.waiting.len() + self.handed.len(),
            ..self.counts
        }
    }
}

/// A number that no other mail of this host has: time, process and the mail's own, as far as there is room.
fn unique(id: MailId) -> u128 {
    let process = std::process::id();
    let low = u64::from(process) << u32::BITS | id & u64::from(u32::MAX);
    u128::from(clock::wall_time().0) << u64::BITS | u128::from(low)
}
