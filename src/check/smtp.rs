//! `SMTP_CHECK`: greeting, HELO, QUIT (RFC 5321). Replies of several lines are replies like any other, unlike with keepalived.

use super::dialogue::{Dialogue, Failure, Step, Verdict};
use crate::wire::smtp::{Replies, Reply};
use std::rc::Rc;

/// What the server has to reply when it is ready, when it is content, and when it hangs up (RFC 5321 section 4.2.2).
const READY: u16 = 220;
const CONTENT: u16 = 250;
const CLOSING: u16 = 221;

/// The session.
pub struct Smtp {
    helo: Rc<str>,
    replies: Replies,
    waits_for: Awaited,
}

/// The reply that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    Greeting,
    Helo,
    Quit,
}

impl Smtp {
    /// A session under this name.
    pub fn new(helo: Rc<str>) -> Self {
        Smtp {
            helo,
            replies: Replies::default(),
            waits_for: Awaited::Greeting,
        }
    }

    fn take(&mut self, reply: &Reply, out: &mut Vec<u8>) -> Step {
        let (wanted, said) = match self.waits_for {
            Awaited::Greeting => (READY, "greeting"),
            Awaited::Helo => (CONTENT, "reply to HELO"),
            Awaited::Quit => (CLOSING, "reply to QUIT"),
        };
        if reply.code != wanted {
            let what = format!("the {said} is '{reply}', not {wanted}");
            return Step::Done(Err(Failure::Unexpected(what)));
        }
        match self.waits_for {
            Awaited::Greeting => {
                out.extend_from_slice(format!("HELO {}\r\n", self.helo).as_bytes());
                self.waits_for = Awaited::Helo;
                Step::GoOn
            }
            Awaited::Helo => {
                out.extend_from_slice(b"QUIT\r\n");
                self.waits_for = Awaited::Quit;
                Step::GoOn
            }
            Awaited::Quit => Step::Done(Ok(())),
        }
    }
}

impl Dialogue for Smtp {
    fn opened(&mut self, _out: &mut Vec<u8>) -> Step {
        Step::GoOn
    }

    fn received(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Step {
        self.replies.push(bytes);
        loop {
            let step = match self.replies.next_reply() {
                Ok(Some(reply)) => self.take(&reply, out),
                Ok(None) => return Step::GoOn,
                Err(fault) => Step::Done(Err(Failure::Unexpected(fault.to_string()))),
            };
            if step != Step::GoOn {
                return step;
            }
        }
    }

    fn ended(&mut self) -> Verdict {
        Err(Failure::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "probe.example";

    /// What is said to a server that says this, and what comes of it, the same however its words are cut; None = it is waited for.
    fn session(said: &str) -> (String, Option<Verdict>) {
        let cut = |piece: usize| {
            let mut smtp = Smtp::new(NAME.into());
            let mut out = Vec::new();
            assert_eq!(smtp.opened(&mut out), Step::GoOn);
            let mut verdict = None;
            for bytes in said.as_bytes().chunks(piece) {
                if let Step::Done(done) = smtp.received(bytes, &mut out) {
                    verdict = Some(done);
                    break;
                }
            }
            (String::from_utf8(out).expect("text"), verdict)
        };
        let whole = cut(usize::MAX);
        for piece in [1, 2, 5] {
            assert_eq!(cut(piece), whole, "in pieces of {piece}");
        }
        whole
    }

    #[test]
    fn sessions() {
        const BOTH: &str = "HELO probe.example\r\nQUIT\r\n";
        const HELO: &str = "HELO probe.example\r\n";
        // What the server says, what is said to it, and what is found; "" = up, "..." = not known yet.
        let rows: &[(&str, &str, &str)] = &[
            ("220 a\r\n250 b\r\n221 c\r\n", BOTH, ""),
            (
                "220-a\r\n220-b\r\n220 c\r\n250-a\r\n250 SIZE\r\n221 bye\r\n",
                BOTH,
                "",
            ),
            ("220\n250\n221\n", BOTH, ""),
            ("", "", "..."),
            ("220 a\r\n", HELO, "..."),
            ("220-a\r\n", "", "..."),
            ("220 a\r\n250 b\r\n", BOTH, "..."),
            (
                "554 go away\r\n",
                "",
                "the greeting is '554 go away', not 220",
            ),
            ("421 busy\r\n", "", "the greeting is '421 busy', not 220"),
            (
                "220 a\r\n501 bad\r\n",
                HELO,
                "the reply to HELO is '501 bad', not 250",
            ),
            (
                "220 a\r\n250 b\r\n500 ?\r\n",
                BOTH,
                "the reply to QUIT is '500 ?', not 221",
            ),
            ("HTTP/1.1 400 Bad\r\n", "", "not a reply of a mail server"),
            ("220-a\r\n250 b\r\n", "", "not a reply of a mail server"),
        ];
        for (server, client, want) in rows {
            let (said, verdict) = session(server);
            assert_eq!(said, *client, "{server:?}");
            match verdict {
                None => assert_eq!(*want, "...", "{server:?}"),
                Some(Ok(())) => assert_eq!(*want, "", "{server:?}"),
                Some(Err(failure)) => {
                    let text = failure.to_string();
                    assert!(
                        !want.is_empty() && text.contains(want),
                        "{server:?}: {text}"
                    )
                }
            }
        }
    }

    #[test]
    fn a_greeting_without_end_is_cut_off() {
        let (_, verdict) = session(&"220-x\r\n".repeat(10_000));
        let failure = verdict.expect("a verdict").expect_err("a failure");
        assert!(failure.to_string().contains("more than"), "{failure}");
    }

    #[test]
    fn who_hangs_up_before_the_end_has_failed() {
        assert_eq!(Smtp::new(NAME.into()).ended(), Err(Failure::Ended));
    }
}
