//! Mails that another process is to send and has not seen to yet: kept, within bounds, so that they can be handed to the one that takes
//! its place. One that was sent without our having heard of it is sent twice, with the same Message-ID.

use super::{Envelope, Left, MailId, Notice, Outlet};
use std::collections::{BTreeMap, BTreeSet};

/// So many are kept, the newest; whoever sends them has all.
pub const KEPT_MAX: usize = 1024;
/// So often one is handed over: it may be the reason why nobody lives to send it.
const TIMES_MAX: u32 = 3;

#[derive(Debug)]
struct Kept {
    envelope: Envelope,
    times: u32,
}

/// The mails.
#[derive(Debug, Default)]
pub struct Handed {
    kept: BTreeMap<MailId, Kept>,
    /// Those that nobody has any more.
    again: BTreeSet<MailId>,
}

impl Handed {
    /// This one was handed over for the first time. Not to be told while `again` knows any.
    pub fn insert(&mut self, id: MailId, envelope: Envelope) {
        if self.kept.len() >= KEPT_MAX {
            self.kept.pop_first();
        }
        self.kept.insert(id, Kept { envelope, times: 1 });
    }

    /// So much is left of one.
    pub fn left(&mut self, left: Left) {
        if left.recipients.is_empty() {
            self.kept.remove(&left.id);
            self.again.remove(&left.id);
        } else if let Some(kept) = self.kept.get_mut(&left.id) {
            kept.envelope.recipients = left.recipients;
        }
    }

    /// Nobody has them any more. What is to be said of those that are given up.
    pub fn lost(&mut self) -> Vec<Notice> {
        let mut given_up = Vec::new();
        self.kept.retain(|_, kept| {
            let goes_on = kept.times < TIMES_MAX;
            if !goes_on {
                given_up.push(Notice::GivenUp {
                    subject: kept.envelope.subject.clone(),
                    why: format!("the process that sends it has ended {TIMES_MAX} times"),
                });
            }
            goes_on
        });
        self.again = self.kept.keys().copied().collect();
        given_up
    }

    /// The next that has to be handed over again, in order.
    pub fn again(&self) -> Option<(MailId, &Envelope)> {
        let id = self.again.first()?;
        Some((*id, &self.kept.get(id)?.envelope))
    }

    /// It was.
    pub fn handed_again(&mut self, id: MailId) {
        self.again.remove(&id);
        if let Some(kept) = self.kept.get_mut(&id) {
            kept.times += 1;
        }
    }

    /// All go there from now on.
    pub fn redirect(&mut self, outlet: &Outlet) {
        for kept in self.kept.values_mut() {
            kept.envelope.outlet.clone_from(outlet);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether nobody has anything to send for us, as far as is known.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many nobody else has.
    pub fn to_hand(&self) -> usize {
        self.again.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::MailServer;
    use std::time::Duration;

    fn outlet(host: &str) -> Outlet {
        Outlet {
            server: MailServer {
                host: host.to_owned(),
                port: 25,
            },
            helo: String::new(),
            connect_timeout: Duration::ZERO,
        }
    }

    fn mail(recipients: &[&str]) -> Envelope {
        Envelope {
            owner: "owner".to_owned(),
            subject: "subject".to_owned(),
            outlet: outlet("old"),
            from: String::new(),
            recipients: recipients.iter().map(|to| (*to).to_owned()).collect(),
            message: String::new(),
        }
    }

    fn left(id: MailId, recipients: &[&str]) -> Left {
        Left {
            id,
            recipients: mail(recipients).recipients,
        }
    }

    /// All that is to be handed over again, as it is.
    fn hand_again(handed: &mut Handed) -> Vec<(MailId, Vec<String>)> {
        let mut all = Vec::new();
        while let Some((id, envelope)) = handed.again() {
            all.push((id, envelope.recipients.clone()));
            handed.handed_again(id);
        }
        all
    }

    #[test]
    fn what_is_left_is_handed_over_again_in_order_and_goes_where_mail_goes_now() {
        let mut handed = Handed::default();
        for id in 1..=4 {
            handed.insert(id, mail(&["a", "b"]));
        }
        handed.left(left(2, &[]));
        handed.left(left(3, &["b"]));
        handed.left(left(9, &["b"]));
        assert_eq!(hand_again(&mut handed), [], "somebody has them");
        assert_eq!(handed.lost(), []);
        assert_eq!(handed.to_hand(), 3);
        handed.redirect(&outlet("new"));
        assert_eq!(handed.again().expect("one").1.outlet, outlet("new"));
        let both = mail(&["a", "b"]).recipients;
        let again = [(1, both.clone()), (3, vec!["b".to_owned()]), (4, both)];
        assert_eq!(hand_again(&mut handed), again);
        assert_eq!(handed.to_hand(), 0);
        // One that was said to be over just before its process died.
        assert_eq!(handed.lost(), []);
        handed.left(left(1, &[]));
        assert_eq!(handed.again().expect("one").0, 3);
        assert_eq!(handed.len(), 2);
    }

    #[test]
    fn what_nobody_lives_to_send_is_given_up() {
        let mut handed = Handed::default();
        handed.insert(1, mail(&["a"]));
        for _ in 1..TIMES_MAX {
            assert_eq!(handed.lost(), []);
            assert_eq!(hand_again(&mut handed).len(), 1);
        }
        handed.insert(2, mail(&["a"]));
        let said = handed.lost();
        assert!(
            matches!(said.as_slice(), [Notice::GivenUp { .. }]),
            "{said:?}"
        );
        assert_eq!(handed.again().expect("the other").0, 2);
    }

    #[test]
    fn only_the_newest_are_kept() {
        let mut handed = Handed::default();
        let last = MailId::try_from(KEPT_MAX).expect("few") + 1;
        for id in 1..=last {
            handed.insert(id, mail(&["a"]));
        }
        assert_eq!(handed.len(), KEPT_MAX);
        handed.lost();
        assert_eq!(handed.again().expect("one").0, 2);
    }
}
