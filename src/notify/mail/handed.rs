//! Mails that another process is to send and has not seen to yet: kept, within bounds, so that they can be handed to the one that takes
//! its place. One that was sent without our having heard of it is sent twice, with the same Message-ID.

use super::{Envelope, Left, MailId, Notice, Outlet};
use std::collections::{BTreeMap, BTreeSet};

/// So many are kept, the newest; whoever sends them has all.
pub const KEPT_MAX: usize = 1024;
/// One that was being sent when so many of those that send died is the reason why, for all we know.
const DEATHS_MAX: u32 = 3;

#[derive(Debug)]
struct Kept {
    envelope: Envelope,
    /// How many of those that sent died meanwhile.
    deaths: u32,
}

/// The mails.
#[derive(Debug, Default)]
pub struct Handed {
    kept: BTreeMap<MailId, Kept>,
    /// Those that are not kept: whoever sends them has them alone.
    unkept: BTreeSet<MailId>,
    /// The one that is being sent.
    sending: Option<MailId>,
    /// Those that nobody has any more.
    again: BTreeSet<MailId>,
}

impl Handed {
    /// This one was handed over for the first time. Not to be told while `again` knows any.
    pub fn insert(&mut self, id: MailId, envelope: Envelope) {
        if self.kept.len() >= KEPT_MAX {
            self.unkept
                .extend(self.kept.pop_first().map(|(oldest, _)| oldest));
        }
        let deaths = 0;
        self.kept.insert(id, Kept { envelope, deaths });
    }

    /// This one is being sent from now on; none is.
    pub fn sending(&mut self, id: Option<MailId>) {
        self.sending = id;
    }

    /// So much is left of one.
    pub fn left(&mut self, left: Left) {
        if left.recipients.is_empty() {
            self.kept.remove(&left.id);
            self.again.remove(&left.id);
            self.unkept.remove(&left.id);
        } else if let Some(kept) = self.kept.get_mut(&left.id) {
            kept.envelope.recipients = left.recipients;
        }
    }

    /// Nobody has them any more. What is to be said of those that are lost or given up.
    pub fn lost(&mut self) -> Vec<Notice> {
        let mut notices = Vec::new();
        if let Some(id) = self.sending.take()
            && let Some(kept) = self.kept.get_mut(&id)
        {
            kept.deaths += 1;
            if kept.deaths >= DEATHS_MAX {
                notices.push(Notice::GivenUp {
                    subject: kept.envelope.subject.clone(),
                    why: format!("the process that sent it has died {DEATHS_MAX} times"),
                });
                self.kept.remove(&id);
            }
        }
        let count = std::mem::take(&mut self.unkept).len();
        if count > 0 {
            notices.push(Notice::Lost { count });
        }
        self.again = self.kept.keys().copied().collect();
        notices
    }

    /// The next that has to be handed over again, in order.
    pub fn again(&self) -> Option<(MailId, &Envelope)> {
        let id = self.again.first()?;
        Some((*id, &self.kept.get(id)?.envelope))
    }

    /// It was.
    pub fn handed_again(&mut self, id: MailId) {
        self.again.remove(&id);
    }

    /// All go there from now on.
    pub fn redirect(&mut self, outlet: &Outlet) {
        for kept in self.kept.values_mut() {
            kept.envelope.outlet.clone_from(outlet);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.kept.len() + self.unkept.len()
    }

    /// Whether nobody has anything to send for us, as far as is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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

    /// Only deaths in which it was being sent speak against a mail.
    #[test]
    fn what_nobody_lives_to_send_is_given_up() {
        let mut handed = Handed::default();
        handed.insert(1, mail(&["a"]));
        handed.insert(2, mail(&["a"]));
        for _ in 0..DEATHS_MAX {
            handed.sending(Some(1));
            handed.sending(None);
            assert_eq!(handed.lost(), [], "none was being sent");
            assert_eq!(hand_again(&mut handed).len(), 2);
        }
        for _ in 1..DEATHS_MAX {
            handed.sending(Some(1));
            assert_eq!(handed.lost(), []);
            assert_eq!(handed.lost(), [], "the next one had not begun");
            assert_eq!(hand_again(&mut handed).len(), 2);
        }
        handed.sending(Some(1));
        let said = handed.lost();
        assert!(
            matches!(said.as_slice(), [Notice::GivenUp { .. }]),
            "{said:?}"
        );
        assert_eq!(handed.again().expect("the other").0, 2);
    }

    #[test]
    fn only_the_newest_are_kept_and_what_is_lost_is_said() {
        let mut handed = Handed::default();
        let last = MailId::try_from(KEPT_MAX).expect("few") + 3;
        for id in 1..=last {
            handed.insert(id, mail(&["a"]));
        }
        assert_eq!(handed.len(), KEPT_MAX + 3, "somebody has them all");
        handed.left(left(2, &[]));
        assert_eq!(handed.lost(), [Notice::Lost { count: 2 }]);
        assert_eq!(handed.len(), KEPT_MAX);
        assert_eq!(handed.again().expect("one").0, 4);
        assert_eq!(handed.lost(), [], "said once");
    }
}
