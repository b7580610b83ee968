//! What is said to a mail server over one connection (RFC 5321): replies in, commands out, one mail after the other, and what became
//! of each for each of its recipients.

use super::message::stuff;
use super::{Delivery, Envelope};
use crate::wire::smtp::{Class, Replies, Reply};
use std::time::Duration;

/// Closing the channel, which every server may do at any time (RFC 5321 section 3.8).
const CLOSING: u16 = 421;
/// Of a recipient: older servers say so of too many at once, which is for now (RFC 5321 section 4.5.3.1.10).
const TOO_MANY: u16 = 552;
/// How long a server may take, RFC 5321 section 4.5.3.2: for MAIL, RCPT and what has no limit of its own.
const COMMAND_LIMIT: Duration = Duration::from_secs(5 * 60);
/// For DATA.
const DATA_LIMIT: Duration = Duration::from_secs(2 * 60);
/// For the message. One that is cut off here may have been taken, and would come twice.
const MESSAGE_LIMIT: Duration = Duration::from_secs(10 * 60);
/// For QUIT, after which nothing is owed.
const QUIT_LIMIT: Duration = Duration::from_secs(5);

/// What the server was asked last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// Nothing: it is to greet.
    Greeting,
    Ehlo,
    Helo,
    /// Nothing: there may be another mail.
    Nothing,
    Mail,
    /// The recipient of this place.
    Recipient(usize),
    Data,
    Message,
    Reset,
    Quit,
}

/// A mail that is being handed in.
#[derive(Debug)]
struct Job {
    envelope: Envelope,
    /// Those that the server would take it for.
    accepted: Vec<String>,
    delivery: Delivery,
}

/// One connection's worth.
#[derive(Debug)]
pub struct Dialogue {
    helo: String,
    replies: Replies,
    asked: Asked,
    job: Option<Job>,
}

/// What came of what the server said.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// It has to say more.
    GoOn,
    /// It is ready for a mail.
    Ready,
    /// This became of the mail, and it is ready for another one.
    Done(Delivery),
    /// All is said: the connection can be closed.
    Over,
    /// It cannot be used now. Why, in words that can end a sentence.
    Failed(String),
}

impl Dialogue {
    /// The connection stands; the server speaks first.
    pub fn new(helo: &str) -> Self {
        Dialogue {
            helo: helo.to_owned(),
            replies: Replies::default(),
            asked: Asked::Greeting,
            job: None,
        }
    }

    /// Hands a mail in, to a server that is ready. What is put in `out` is sent.
    pub fn begin(&mut self, envelope: Envelope, out: &mut Vec<u8>) {
        command(out, &format!("MAIL FROM:<{}>", envelope.from));
        self.asked = Asked::Mail;
        self.job = Some(Job {
            envelope,
            accepted: Vec::new(),
            delivery: Delivery::default(),
        });
    }

    /// There is no other mail.
    pub fn quit(&mut self, out: &mut Vec<u8>) {
        command(out, "QUIT");
        self.asked = Asked::Quit;
    }

    /// How long the server may take for its reply; `None`: as long as is left for the connection.
    pub fn limit(&self) -> Option<Duration> {
        match self.asked {
            Asked::Greeting => None,
            Asked::Data => Some(DATA_LIMIT),
            Asked::Message => Some(MESSAGE_LIMIT),
            Asked::Quit => Some(QUIT_LIMIT),
            _ => Some(COMMAND_LIMIT),
        }
    }

    /// The server said this. What is put in `out` is sent.
    pub fn received(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Heard {
        self.replies.push(bytes);
        let reply = match self.replies.next_reply() {
            Ok(Some(reply)) => reply,
            Ok(None) => return Heard::GoOn,
            Err(fault) => return Heard::Failed(fault.to_string()),
        };
        let heard = self.heard(&reply, out);
        // It says one thing for each that it is asked, unless it closes.
        match self.replies.next_reply() {
            Ok(None) => heard,
            Ok(Some(more)) => Heard::Failed(format!("it said, unasked: {more}")),
            Err(fault) => Heard::Failed(fault.to_string()),
        }
    }

    fn heard(&mut self, reply: &Reply, out: &mut Vec<u8>) -> Heard {
        let class = reply.class();
        if self.asked == Asked::Quit {
            return Heard::Over;
        }
        if reply.code == CLOSING {
            return Heard::Failed(reply.to_string());
        }
        match (self.asked, class) {
            (Asked::Greeting, Class::Done) => self.ask(Asked::Ehlo, out),
            (Asked::Ehlo | Asked::Helo, Class::Done) => {
                self.asked = Asked::Nothing;
                Heard::Ready
            }
            // Of the time before extensions (RFC 5321 section 4.1.4).
            (Asked::Ehlo, Class::Permanent) => self.ask(Asked::Helo, out),
            (Asked::Nothing, _) => Heard::Failed(format!("it said, unasked: {reply}")),
            (Asked::Reset, _) => self.done(),
            (Asked::Mail, Class::Done) => self.ask(Asked::Recipient(0), out),
            (Asked::Mail, Class::Transient | Class::Permanent) => {
                if let Some(job) = &mut self.job {
                    job.accepted = std::mem::take(&mut job.envelope.recipients);
                }
                self.settle(reply);
                self.done()
            }
            (Asked::Recipient(place), _) => self.recipient(place, reply, out),
            (Asked::Data, Class::Intermediate) => self.ask(Asked::Message, out),
            (Asked::Data, Class::Transient | Class::Permanent) => {
                self.settle(reply);
                self.ask(Asked::Reset, out)
            }
            (Asked::Message, Class::Done | Class::Transient | Class::Permanent) => {
                self.settle(reply);
                self.done()
            }
            (asked, _) => Heard::Failed(format!("it answered {}: {reply}", asked.word())),
        }
    }

    /// What was said of one recipient.
    fn recipient(&mut self, place: usize, reply: &Reply, out: &mut Vec<u8>) -> Heard {
        let Some(job) = &mut self.job else {
            return Heard::GoOn;
        };
        if let Some(recipient) = job.envelope.recipients.get(place).cloned() {
            match reply.class() {
                Class::Done => job.accepted.push(recipient),
                Class::Permanent if reply.code != TOO_MANY => {
                    job.delivery.refused.push((recipient, reply.to_string()));
                }
                _ => job.delivery.deferred.push((recipient, reply.to_string())),
            }
        }
        let next = place.saturating_add(1);
        let asks = if next < job.envelope.recipients.len() {
            Asked::Recipient(next)
        } else if job.accepted.is_empty() {
            Asked::Reset
        } else {
            Asked::Data
        };
        self.ask(asks, out)
    }

    /// What was said of the mail holds for all that it was accepted for.
    fn settle(&mut self, reply: &Reply) {
        let Some(job) = &mut self.job else { return };
        let accepted = std::mem::take(&mut job.accepted).into_iter();
        let why = || reply.to_string();
        match reply.class() {
            Class::Done | Class::Intermediate => job.delivery.taken.extend(accepted),
            Class::Transient => job.delivery.deferred.extend(accepted.map(|to| (to, why()))),
            Class::Permanent => job.delivery.refused.extend(accepted.map(|to| (to, why()))),
        }
    }

    fn done(&mut self) -> Heard {
        self.asked = Asked::Nothing;
        let delivery = self.job.take().map(|job| job.delivery);
        delivery.map_or(Heard::Ready, Heard::Done)
    }

    fn ask(&mut self, asks: Asked, out: &mut Vec<u8>) -> Heard {
        match (asks, &self.job) {
            (Asked::Ehlo | Asked::Helo, _) => {
                command(out, &format!("{} {}", asks.word(), self.helo));
            }
            (Asked::Recipient(place), Some(job)) => {
                let to = job.envelope.recipients.get(place);
                command(out, &format!("RCPT TO:<{}>", to.map_or("", String::as_str)));
            }
            (Asked::Message, Some(job)) => stuff(&job.envelope.message, out),
            _ => command(out, asks.word()),
        }
        self.asked = asks;
        Heard::GoOn
    }
}

impl Asked {
    fn word(self) -> &'static str {
        match self {
            Asked::Greeting => "the connection",
            Asked::Ehlo => "EHLO",
            Asked::Helo => "HELO",
            Asked::Nothing => "nothing",
            Asked::Mail => "MAIL",
            Asked::Recipient(_) => "RCPT",
            Asked::Data => "DATA",
            Asked::Message => "the message",
            Asked::Reset => "RSET",
            Asked::Quit => "QUIT",
        }
    }
}

fn command(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::MailServer;
    use crate::notify::mail::Outlet;

    fn envelope(recipients: &[&str]) -> Envelope {
        Envelope {
            owner: "owner".to_owned(),
            subject: "subject".to_owned(),
            outlet: Outlet {
                server: MailServer {
                    host: "mail".to_owned(),
                    port: 25,
                },
                helo: "here".to_owned(),
                connect_timeout: Duration::from_secs(30),
            },
            from: "me@here".to_owned(),
            recipients: recipients.iter().map(|to| (*to).to_owned()).collect(),
            message: "Subject: s\r\n\r\n.dot\r\n".to_owned(),
        }
    }

    /// What is said for these replies, the second word of a pair; and what came of the last.
    fn talk(recipients: &[&str], script: &[(&str, &str)]) -> (Dialogue, Heard) {
        let mut dialogue = Dialogue::new("here");
        let mut last = Heard::GoOn;
        for (said, answer) in script {
            let mut out = Vec::new();
            last = dialogue.received(format!("{said}\r\n").as_bytes(), &mut out);
            if last == Heard::Ready {
                dialogue.begin(envelope(recipients), &mut out);
            }
            assert_eq!(String::from_utf8_lossy(&out), *answer, "{said}");
        }
        (dialogue, last)
    }

    const HELLO: [(&str, &str); 2] = [
        ("220 mail ready", "EHLO here\r\n"),
        ("250-mail\r\n250 8BITMIME", "MAIL FROM:<me@here>\r\n"),
    ];

    fn after_hello(recipients: &[&str], script: &[(&str, &str)]) -> Heard {
        talk(recipients, &[&HELLO, script].concat()).1
    }

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        let pairs = all
            .iter()
            .map(|(to, why)| ((*to).to_owned(), (*why).to_owned()));
        pairs.collect()
    }

    fn delivery(taken: &[&str], refused: &[(&str, &str)], deferred: &[(&str, &str)]) -> Heard {
        Heard::Done(Delivery {
            taken: taken.iter().map(|to| (*to).to_owned()).collect(),
            refused: pairs(refused),
            deferred: pairs(deferred),
        })
    }

    const DATA: &str = "DATA\r\n";
    const MESSAGE: &str = "Subject: s\r\n\r\n..dot\r\n.\r\n";
    const RSET: &str = "RSET\r\n";
    const TO_A: &str = "RCPT TO:<a>\r\n";
    const TO_B: &str = "RCPT TO:<b>\r\n";
    const TO_C: &str = "RCPT TO:<c>\r\n";

    #[test]
    fn what_becomes_of_a_mail_for_each_recipient() {
        let all = ["a", "b", "c"];
        // RFC 5321 section 3.3: all are taken.
        let script = [
            ("250 ok", TO_A),
            ("250 ok", TO_B),
            ("251 forwarded", TO_C),
            ("250 ok", DATA),
            ("354 go", MESSAGE),
            ("250 taken", ""),
        ];
        assert_eq!(after_hello(&all, &script), delivery(&all, &[], &[]));
        // One never, one not now, and the third gets it.
        let script = [
            ("250 ok", TO_A),
            ("550 no such user", TO_B),
            ("452 full", TO_C),
            ("250 ok", DATA),
            ("354 go", MESSAGE),
            ("250 taken", ""),
        ];
        assert_eq!(
            after_hello(&all, &script),
            delivery(&["c"], &[("a", "550 no such user")], &[("b", "452 full")])
        );
        // Too many at once, as older servers say it.
        let script = [
            ("250 ok", TO_A),
            ("250 ok", TO_B),
            ("552 too many", DATA),
            ("354 go", MESSAGE),
            ("250 taken", ""),
        ];
        assert_eq!(
            after_hello(&["a", "b"], &script),
            delivery(&["a"], &[], &[("b", "552 too many")])
        );
        // Nobody: nothing is sent.
        let script = [
            ("250 ok", TO_A),
            ("550 no", TO_B),
            ("451 later", RSET),
            ("250 ok", ""),
        ];
        assert_eq!(
            after_hello(&["a", "b"], &script),
            delivery(&[], &[("a", "550 no")], &[("b", "451 later")])
        );
        // The sender is not welcome, now or ever.
        assert_eq!(
            after_hello(&["a"], &[("451 later", "")]),
            delivery(&[], &[], &[("a", "451 later")])
        );
        assert_eq!(
            after_hello(&["a"], &[("553 who", "")]),
            delivery(&[], &[("a", "553 who")], &[])
        );
        // What is said to DATA and to the message holds for those that were accepted.
        let script = [
            ("250 ok", TO_A),
            ("250 ok", TO_B),
            ("550 no", DATA),
            ("451 later", RSET),
            ("250 ok", ""),
        ];
        assert_eq!(
            after_hello(&["a", "b"], &script),
            delivery(&[], &[("b", "550 no")], &[("a", "451 later")])
        );
        for (reply, expected) in [
            ("452 full", delivery(&[], &[], &[("a", "452 full")])),
            ("554 spam", delivery(&[], &[("a", "554 spam")], &[])),
        ] {
            let script = [
                ("250 ok", TO_A),
                ("250 ok", DATA),
                ("354 go", MESSAGE),
                (reply, ""),
            ];
            assert_eq!(after_hello(&["a"], &script), expected);
        }
    }

    #[test]
    fn a_server_that_knows_no_ehlo_is_greeted_as_of_old() {
        let script = [
            ("220 old", "EHLO here\r\n"),
            ("502 what?", "HELO here\r\n"),
            ("250 old", "MAIL FROM:<me@here>\r\n"),
        ];
        assert_eq!(talk(&["a"], &script).1, Heard::Ready);
    }

    #[test]
    fn servers_that_cannot_be_used() {
        let hello = HELLO[0];
        let cases: [(&[(&str, &str)], &str); 8] = [
            (
                &[("554 no service here", "")],
                "it answered the connection: 554 no service here",
            ),
            (&[("421 too busy", "")], "421 too busy"),
            (&[hello, ("450 later", "")], "it answered EHLO: 450 later"),
            (
                &[hello, ("502 what?", "HELO here\r\n"), ("550 no", "")],
                "it answered HELO: 550 no",
            ),
            (
                &[("SSH-2.0-OpenSSH", "")],
                "not a reply of a mail server: no code",
            ),
            (
                &[("220 a\r\n220 b", "EHLO here\r\n")],
                "it said, unasked: 220 b",
            ),
            (
                &[HELLO[0], HELLO[1], ("354 go", "")],
                "it answered MAIL: 354 go",
            ),
            (
                &[HELLO[0], HELLO[1], ("250 ok", TO_A), ("421 closing", "")],
                "421 closing",
            ),
        ];
        for (script, why) in cases {
            assert_eq!(talk(&["a"], script).1, Heard::Failed(why.to_owned()));
        }
    }

    #[test]
    fn one_mail_after_the_other_and_an_end() {
        let script = [
            ("250 ok", TO_A),
            ("250 ok", DATA),
            ("354 go", MESSAGE),
            ("250 taken", ""),
        ];
        let (mut dialogue, _) = talk(&["a"], &[&HELLO[..], &script].concat());
        let mut out = Vec::new();
        dialogue.begin(envelope(&["b"]), &mut out);
        assert_eq!(dialogue.received(b"250 ok\r\n", &mut out), Heard::GoOn);
        assert_eq!(dialogue.received(b"550 no\r\n", &mut out), Heard::GoOn);
        assert_eq!(
            dialogue.received(b"250 re", &mut out),
            Heard::GoOn,
            "half a reply"
        );
        assert_eq!(
            dialogue.received(b"set\r\n", &mut out),
            delivery(&[], &[("b", "550 no")], &[])
        );
        dialogue.quit(&mut out);
        assert_eq!(
            String::from_utf8_lossy(&out),
            format!("MAIL FROM:<me@here>\r\n{TO_B}RSET\r\nQUIT\r\n")
        );
        assert_eq!(dialogue.limit(), Some(QUIT_LIMIT));
        assert_eq!(dialogue.received(b"221 bye\r\n", &mut out), Heard::Over);
    }

    #[test]
    fn a_message_may_be_looked_at_for_long() {
        let mut dialogue = Dialogue::new("here");
        assert_eq!(dialogue.limit(), None, "that of the connection");
        for (asked, limit) in [
            (Asked::Ehlo, COMMAND_LIMIT),
            (Asked::Data, DATA_LIMIT),
            (Asked::Message, MESSAGE_LIMIT),
        ] {
            dialogue.asked = asked;
            assert_eq!(dialogue.limit(), Some(limit));
        }
    }
}
