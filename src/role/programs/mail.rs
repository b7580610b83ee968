//! Mail about what happens: what is news waits here, is put into words a few at a time, and goes to the runner, which hands it in.

use super::Runner;
use crate::config::model::{Global, Mail as Settings};
use crate::notify::Event;
use crate::notify::mail::{
    Counts, Handed, Left, Mail, MailId, Memory, Notice, Outlet, Stamp, compose,
};
use crate::os::{clock, process};
use crate::role::runner::Request;
use log::{info, warn};
use std::collections::VecDeque;

/// So many are put into words in one turn: when thousands of instances change state, adverts come between.
const PER_TURN: usize = 8;
/// More cannot wait: a runner that takes none for so long is not there.
const WAITING_MAX: usize = 16 * 1024;

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

    /// Hands some of what waits to the runner, as long as it has room.
    pub fn hand_over(&mut self, runner: &mut Runner) {
        for _ in 0..PER_TURN {
            if self.is_done() || !runner.has_room() {
                return;
            }
            self.hand_next(runner);
        }
    }

    /// Hands the runner the next of what it is to know.
    fn hand_next(&mut self, runner: &mut Runner) {
        if let Some(outlet) = self.redirected.take() {
            // What a server's name is made of is not too long, nor is below what fitted once.
            let _ = runner.ask(&Request::Outlet(outlet));
            return;
        }
        if let Some((id, envelope)) = self.handed.again() {
            let _ = runner.ask(&Request::Mail(id, envelope.clone()));
            self.handed.handed_again(id);
            return;
        }
        let Some((news, unix)) = self.waiting.pop_front() else {
            return;
        };
        let mail = match news {
            News::Event(event) => Mail::of_event(&event),
            News::Mail(mail) => Some(mail),
        };
        self.composed += 1;
        let id = self.composed;
        let stamp = Stamp {
            date: clock::local_time(unix),
            id: unique(id),
        };
        let composed = mail.and_then(|mail| compose(&mail, &self.settings, &self.router_id, stamp));
        let Some(envelope) = composed else {
            return;
        };
        match runner.ask(&Request::Mail(id, envelope.clone())) {
            Ok(()) => self.handed.insert(id, envelope),
            // There was room.
            Err(_) => self.heard(&Notice::GivenUp {
                subject: envelope.subject,
                why: "it is too long for the process that sends it".to_owned(),
            }),
        }
    }

    /// How many mails the runner does not have.
    pub fn unsent(&self) -> usize {
        self.waiting.len() + self.handed.to_hand()
    }

    /// Whether the runner has everything.
    pub fn is_done(&self) -> bool {
        self.redirected.is_none() && self.unsent() == 0
    }

    /// So much is left of a mail that the runner has.
    pub fn left(&mut self, left: Left) {
        self.handed.left(left);
    }

    /// This one is being sent; none is.
    pub fn sending(&mut self, id: Option<MailId>) {
        self.handed.sending(id);
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
