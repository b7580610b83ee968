//! Which mail is next: in order, but what cannot be sent now holds up nothing else. Of one owner's mails a recipient gets the earlier
//! before the later; other owners and recipients do not wait for that.

use super::{Envelope, MailId, Notice, Outlet};
use crate::config::model::MailServer;
use crate::time::Instant;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// Mails that may wait; more when there are more owners than that, whose last mails are all kept.
const WAITING_MAX: usize = 4096;
/// The first pause before a mail, or a server, is tried again; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// After so long a mail is given up: somebody may have looked for it for a day.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// What became of a mail: its recipients, and what the server said of those that it did not take it for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The server will see to it.
    pub taken: Vec<String>,
    /// The server never will.
    pub refused: Vec<(String, String)>,
    /// Not now.
    pub deferred: Vec<(String, String)>,
}

/// Tries in a row that failed.
#[derive(Clone, Copy, Debug, Default)]
struct Retry {
    failures: u32,
    not_before: Instant,
}

impl Retry {
    /// One more; true of the first.
    fn failed(&mut self, now: Instant) -> bool {
        let pause = FIRST_PAUSE
            .saturating_mul(1u32.checked_shl(self.failures).unwrap_or(u32::MAX))
            .min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + pause;
        self.failures == 1
    }
}

#[derive(Debug)]
struct Waiting {
    envelope: Envelope,
    since: Instant,
    retry: Retry,
}

/// What is left of a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Which.
    pub id: MailId,
    /// For whom it waits still; none: nothing more is done about it.
    pub recipients: Vec<String>,
}

/// The mails that wait.
#[derive(Debug, Default)]
pub struct Queue {
    /// In the order in which they were written.
    mails: BTreeMap<MailId, Waiting>,
    /// How many there are of an owner.
    owners: HashMap<String, usize>,
    /// Where the newest goes: the others go there, too.
    outlet: Option<Outlet>,
    /// It could not be used.
    away: Retry,
    /// The one that is under way.
    current: Option<MailId>,
    /// What is to be told of mails of which less is left.
    left: Vec<Left>,
}

impl Queue {
    /// Takes another mail in. Gives one that had to be left out for it.
    pub fn push(&mut self, now: Instant, id: MailId, envelope: Envelope) -> Option<Notice> {
        let left_out = (self.mails.len() >= WAITING_MAX)
            .then(|| self.find_old(&envelope.owner))
            .flatten()
            .and_then(|old| self.remove(old));
        self.redirect(envelope.outlet.clone());
        *self.owners.entry(envelope.owner.clone()).or_default() += 1;
        let waiting = Waiting {
            envelope,
            since: now,
            retry: Retry::default(),
        };
        self.mails.insert(id, waiting);
        left_out.map(|old| Notice::LeftOut {
            subject: old.envelope.subject,
        })
    }

    /// All that waits goes there from now on; where that is another server, at once.
    pub fn redirect(&mut self, outlet: Outlet) {
        let before = self.outlet.as_ref();
        if before.is_none_or(|before| before.server != outlet.server) {
            self.away = Retry::default();
        }
        self.outlet = Some(outlet);
    }

    /// What is to be told of mails of which less is left than was told last.
    pub fn take_left(&mut self) -> Vec<Left> {
        std::mem::take(&mut self.left)
    }

    /// The first mail that another one, or that of `owner` that is just coming, has made old.
    fn find_old(&self, owner: &str) -> Option<MailId> {
        let old = self.mails.iter().find(|(id, waiting)| {
            let own = &waiting.envelope.owner;
            let later = self.owners.get(own).is_some_and(|count| *count > 1);
            self.current != Some(**id) && (later || own == owner)
        });
        old.map(|(id, _)| *id)
    }

    fn remove(&mut self, id: MailId) -> Option<Waiting> {
        let waiting = self.mails.remove(&id)?;
        let recipients = Vec::new();
        self.left.push(Left { id, recipients });
        let owner = &waiting.envelope.owner;
        if let Some(count) = self.owners.get_mut(owner) {
            *count -= 1;
            if *count == 0 {
                self.owners.remove(owner);
            }
        }
        Some(waiting)
    }

    /// The mail that is to be sent now, for those recipients that can get it now, if it `fits`. It is under way until `settled` or
    /// `failed`.
    pub fn next(&mut self, now: Instant, fits: impl Fn(&Envelope) -> bool) -> Option<Envelope> {
        let mut held: HashMap<&str, HashSet<&str>> = HashMap::new();
        let mut found = None;
        for (id, waiting) in &self.mails {
            let envelope = &waiting.envelope;
            let held = held.entry(&envelope.owner).or_default();
            if self.not_before(waiting) <= now {
                let free = |to: &&String| !held.contains(to.as_str());
                let recipients: Vec<String> =
                    envelope.recipients.iter().filter(free).cloned().collect();
                if !recipients.is_empty() {
                    found = Some((*id, recipients));
                    break;
                }
            }
            held.extend(envelope.recipients.iter().map(String::as_str));
        }
        let (id, recipients) = found?;
        let outlet = self.outlet.clone()?;
        let next = Envelope {
            recipients,
            outlet,
            ..self.mails.get(&id)?.envelope.clone()
        };
        if !fits(&next) {
            return None;
        }
        self.current = Some(id);
        Some(next)
    }

    /// The mail that is under way.
    pub fn current(&self) -> Option<MailId> {
        self.current
    }

    /// When `next` has to be asked again, if none is under way and none can be sent now.
    pub fn wake(&self, now: Instant) -> Option<Instant> {
        let times = self.mails.values().map(|waiting| self.not_before(waiting));
        times.filter(|time| *time > now).min()
    }

    fn not_before(&self, waiting: &Waiting) -> Instant {
        waiting.retry.not_before.max(self.away.not_before)
    }

    /// A server has said what became of the mail under way.
    pub fn settled(&mut self, now: Instant, delivery: Delivery) -> Vec<Notice> {
        let mut notices = Vec::new();
        let Some(id) = self.current.take() else {
            return notices;
        };
        let Some(waiting) = self.mails.get_mut(&id) else {
            return notices;
        };
        let subject = &waiting.envelope.subject;
        self.away = Retry::default();
        if !delivery.taken.is_empty() {
            notices.push(Notice::Sent {
                subject: subject.clone(),
                recipients: delivery.taken.len(),
            });
        }
        let mut settled: HashSet<String> = delivery.taken.into_iter().collect();
        for (recipient, why) in delivery.refused {
            settled.insert(recipient.clone());
            notices.push(Notice::Refused {
                subject: subject.clone(),
                recipient,
                why,
            });
        }
        let first = !delivery.deferred.is_empty() && waiting.retry.failed(now);
        let why = delivery.deferred.first().map(|(_, why)| why.clone());
        for (recipient, why) in delivery.deferred.into_iter().filter(|_| first) {
            notices.push(Notice::Deferred {
                subject: subject.clone(),
                recipient,
                why,
            });
        }
        let left = &mut waiting.envelope.recipients;
        left.retain(|recipient| !settled.contains(recipient));
        if left.is_empty() {
            self.remove(id);
            return notices;
        }
        let recipients = left.clone();
        self.left.push(Left { id, recipients });
        if let Some(why) = why {
            notices.extend(self.give_up_old(now, &why));
        }
        notices
    }

    /// This server has broken off in the middle of a mail, and may do so each time it gets that one: others are first when it is asked
    /// again.
    pub fn broke_off(&mut self, now: Instant, server: &MailServer, why: &str) -> Vec<Notice> {
        let current = self.current;
        let notices = self.failed(now, server, why);
        if let Some(waiting) = current.and_then(|id| self.mails.get_mut(&id)) {
            waiting.retry.failed(self.away.not_before.max(now));
        }
        notices
    }

    /// This server, which was to take the mail under way, cannot be used now.
    pub fn failed(&mut self, now: Instant, server: &MailServer, why: &str) -> Vec<Notice> {
        let mut notices = Vec::new();
        let is_current = self
            .outlet
            .as_ref()
            .is_some_and(|outlet| outlet.server == *server);
        if self.current.take().is_some() && is_current && self.away.failed(now) {
            notices.push(Notice::Away {
                server: server.clone(),
                why: why.to_owned(),
            });
        }
        notices.extend(self.give_up_old(now, why));
        notices
    }

    fn give_up_old(&mut self, now: Instant, why: &str) -> Vec<Notice> {
        let ages = self.mails.iter();
        let old: Vec<MailId> = ages
            .filter(|(_, waiting)| now.since(waiting.since) >= LIFETIME)
            .map(|(id, _)| *id)
            .collect();
        let given_up = old.into_iter().filter_map(|id| self.remove(id));
        given_up
            .map(|waiting| Notice::GivenUp {
                subject: waiting.envelope.subject,
                why: why.to_owned(),
            })
            .collect()
    }

    /// There is little time left: whatever waits for a time is tried now.
    pub fn hurry(&mut self, now: Instant) {
        for waiting in self.mails.values_mut() {
            waiting.retry.not_before = now;
        }
        self.away.not_before = now;
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.mails.is_empty()
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
