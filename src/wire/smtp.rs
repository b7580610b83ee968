//! Replies of a mail server (RFC 5321 section 4.2), out of a stream that delivers them in any pieces. What is asked, and what a reply
//! means for it, is for `notify::mail` and `check` to say.

use memchr::memchr;
use std::collections::VecDeque;
use std::fmt;

/// The longest reply, bytes: RFC 5321 section 4.5.3.1.5 grants a line 512, and no server needs more than a few lines.
pub const REPLY_MAX: usize = 16 * 1024;
/// Digits of a code.
const CODE_LENGTH: usize = 3;

/// A whole reply, of one line or of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 200..=599.
    pub code: u16,
    /// What stands behind the code, by line; never empty. Of any bytes but line ends.
    pub lines: Vec<Vec<u8>>,
}

/// What the first digit of a code says (RFC 5321 section 4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 2yz: done.
    Done,
    /// 3yz: more is wanted for the command.
    Intermediate,
    /// 4yz: not now; the same may go well later.
    Transient,
    /// 5yz: no; the same will not go well.
    Permanent,
}

impl Reply {
    /// What its code says.
    pub fn class(&self) -> Class {
        match self.code {
            ..=299 => Class::Done,
            300..=399 => Class::Intermediate,
            400..=499 => Class::Transient,
            500.. => Class::Permanent,
        }
    }
}

/// As people read it: one line, of printable characters.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        for line in self.lines.iter().filter(|line| !line.is_empty()) {
            let text = String::from_utf8_lossy(line);
            let printable = text.chars().filter(|letter| !letter.is_control());
            write!(f, " {}", printable.collect::<String>().trim())?;
        }
        Ok(())
    }
}

/// What is no reply. After one of these nothing that the server says can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A line that does not begin with a code from 200 to 599 and a blank, a `-` or nothing behind it.
    NoCode,
    /// The lines of one reply have different codes.
    Codes {
        /// Of the first line.
        first: u16,
        /// Of a later one.
        later: u16,
    },
    /// A reply of more than `REPLY_MAX` bytes.
    TooLong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NoCode => f.write_str("not a reply of a mail server: no code"),
            Fault::Codes { first, later } => {
                write!(
                    f,
                    "not a reply of a mail server: its code is {first} first, then {later}"
                )
            }
            Fault::TooLong => write!(f, "a reply of more than {REPLY_MAX} bytes"),
        }
    }
}

/// Replies as they arrive.
#[derive(Clone, Debug, Default)]
pub struct Replies {
    /// The beginning of a line.
    line: Vec<u8>,
    /// The lines of a reply that goes on.
    open: Option<Reply>,
    /// How long it is already.
    length: usize,
    whole: VecDeque<Reply>,
    fault: Option<Fault>,
}

impl Replies {
    /// Takes in what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() && self.fault.is_none() {
            let end = memchr(b'\n', rest);
            let (piece, behind) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
            rest = behind;
            self.length = self.length.saturating_add(piece.len());
            if self.length > REPLY_MAX {
                self.fault = Some(Fault::TooLong);
                return;
            }
            self.line.extend_from_slice(piece);
            if end.is_some() {
                let line = std::mem::take(&mut self.line);
                if let Err(fault) = self.end_line(&line) {
                    self.fault = Some(fault);
                }
            }
        }
    }

    fn end_line(&mut self, line: &[u8]) -> Result<(), Fault> {
        let (code, goes_on, text) = parse_line(line).ok_or(Fault::NoCode)?;
        let reply = self.open.get_or_insert(Reply {
            code,
            lines: Vec::new(),
        });
        if reply.code != code {
            return Err(Fault::Codes {
                first: reply.code,
                later: code,
            });
        }
        reply.lines.push(text.to_vec());
        if !goes_on {
            self.length = 0;
            self.whole.extend(self.open.take());
        }
        Ok(())
    }

    /// The next whole reply; `None`: more has to arrive.
    ///
    /// # Errors
    /// What came behind the replies that were given is none; it stays so.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, Fault> {
        match (self.whole.pop_front(), self.fault) {
            (Some(reply), _) => Ok(Some(reply)),
            (None, Some(fault)) => Err(fault),
            (None, None) => Ok(None),
        }
    }
}

/// A line with its end: code, whether another one follows, text. Servers that end lines by LF alone are understood, too.
fn parse_line(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (digits, rest) = line.split_at_checked(CODE_LENGTH)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    if !(200..=599).contains(&code) {
        return None;
    }
    match rest.split_first() {
        None => Some((code, false, rest)),
        Some((b' ', text)) => Some((code, false, text)),
        Some((b'-', text)) => Some((code, true, text)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8], piece: usize) -> (Vec<Reply>, Option<Fault>) {
        let mut replies = Replies::default();
        let mut found = Vec::new();
        for piece in bytes.chunks(piece.max(1)) {
            replies.push(piece);
        }
        loop {
            match replies.next_reply() {
                Ok(Some(reply)) => found.push(reply),
                Ok(None) => return (found, None),
                Err(fault) => return (found, Some(fault)),
            }
        }
    }

    fn shown(text: &str) -> (Vec<String>, Option<Fault>) {
        let (replies, fault) = read(text.as_bytes(), usize::MAX);
        (replies.iter().map(Reply::to_string).collect(), fault)
    }

    #[test]
    fn replies_of_any_shape_and_what_is_none() {
        let long = format!("250 {}\r\n", "x".repeat(REPLY_MAX));
        let endless = "250-x\r\n".repeat(REPLY_MAX);
        let cases: &[(&str, &[&str], Option<Fault>)] = &[
            // RFC 5321 section 4.2.1: one line, with and without text.
            ("220 mail ready\r\n", &["220 mail ready"], None),
            ("250 \r\n", &["250"], None),
            ("250\r\n", &["250"], None),
            // Several lines; the text may begin like a code.
            (
                "250-one\r\n250-250 two\r\n250 three\r\n",
                &["250 one 250 two three"],
                None,
            ),
            ("250-\r\n250 ok\r\n", &["250 ok"], None),
            // Two at once, and one whose end is still under way.
            ("250 a\r\n354 b\r\n", &["250 a", "354 b"], None),
            ("250 a\r\n354 b", &["250 a"], None),
            ("250-a\r\n", &[], None),
            // Bare LF, which some send.
            ("250-a\n250 b\n", &["250 a b"], None),
            // What would do harm in a log.
            ("550 \u{1b}[31mno\u{7}\r\n", &["550 [31mno"], None),
            // RFC 5321 section 4.2.1: the same code on every line.
            (
                "250-a\r\n550 b\r\n",
                &[],
                Some(Fault::Codes {
                    first: 250,
                    later: 550,
                }),
            ),
            ("SSH-2.0-OpenSSH_9.2\r\n", &[], Some(Fault::NoCode)),
            ("HTTP/1.1 400 Bad Request\r\n", &[], Some(Fault::NoCode)),
            ("\r\n", &[], Some(Fault::NoCode)),
            ("25\r\n", &[], Some(Fault::NoCode)),
            ("2500 x\r\n", &[], Some(Fault::NoCode)),
            ("+50 x\r\n", &[], Some(Fault::NoCode)),
            ("150 wait\r\n", &[], Some(Fault::NoCode)),
            ("600 x\r\n", &[], Some(Fault::NoCode)),
            (
                "220 hello\r\nnoise\r\n",
                &["220 hello"],
                Some(Fault::NoCode),
            ),
            (&long, &[], Some(Fault::TooLong)),
            (&endless, &[], Some(Fault::TooLong)),
        ];
        for (text, replies, fault) in cases {
            let (found, wrong) = shown(text);
            assert_eq!(
                (found.as_slice(), wrong),
                (
                    &replies
                        .iter()
                        .map(|text| (*text).to_owned())
                        .collect::<Vec<_>>()[..],
                    *fault
                ),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_fault_stays_and_nothing_is_kept_behind_it() {
        let mut replies = Replies::default();
        replies.push(b"noise\r\n250 ok\r\n");
        replies.push(b"250 ok\r\n");
        assert_eq!(replies.next_reply(), Err(Fault::NoCode));
        assert_eq!(replies.next_reply(), Err(Fault::NoCode));
        assert!(replies.line.is_empty());
    }

    #[test]
    fn classes() {
        let (replies, _) = read(
            b"250-mail\r\n250 SIZE 1000\r\n354 go\r\n451 later\r\n550 no\r\n",
            7,
        );
        let classes: Vec<Class> = replies.iter().map(Reply::class).collect();
        use Class::{Done, Intermediate, Permanent, Transient};
        assert_eq!(classes, [Done, Intermediate, Transient, Permanent]);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_in_which_pieces_bytes_arrive(
            text in proptest::collection::vec(prop_oneof![
                Just(b"250-".to_vec()), Just(b"250 ".to_vec()), Just(b"\r\n".to_vec()), Just(b"\n".to_vec()),
                proptest::collection::vec(any::<u8>(), 0..5),
            ], 0..40),
            piece in 1usize..30,
        ) {
            let bytes = text.concat();
            prop_assert_eq!(read(&bytes, usize::MAX), read(&bytes, piece));
        }

        #[test]
        fn what_a_server_says_is_read_as_it_was_said(
            code in 200u16..600,
            lines in proptest::collection::vec("[ -~]{0,60}", 1..6),
            piece in 1usize..30,
        ) {
            let last = lines.len() - 1;
            let said: String = lines.iter().enumerate().map(|(at, line)| {
                format!("{code}{}{line}\r\n", if at == last { ' ' } else { '-' })
            }).collect();
            let lines = lines.into_iter().map(String::into_bytes).collect();
            prop_assert_eq!(read(said.as_bytes(), piece), (vec![Reply { code, lines }], None));
        }
    }
}
