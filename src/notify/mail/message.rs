//! What a mail looks like (RFC 5322, 2045 and 2047): header lines folded, what is not ASCII encoded, and the end of it as it is sent
//! (RFC 5321 section 4.5.2).

use super::{Envelope, Mail, Outlet};
use crate::config::model::{Mail as Settings, Mailbox};
use crate::time::LocalTime;
use email_encoding::headers::{quoted_string, rfc2047, writer::EmailWriter};
use std::fmt::{self, Write};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
/// A longer word stands alone on a line that is too long for some (RFC 5322 section 2.1.1: 78), and is encoded instead.
const WORD_MAX: usize = 66;

/// When a mail was written, and which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When what it tells has happened.
    pub date: LocalTime,
    /// Different for every mail of this host.
    pub id: u128,
}

/// A mail as it is handed to whoever sends it; `None`: it has nowhere to go.
pub fn compose(
    mail: &Mail,
    settings: &Settings,
    router_id: &str,
    stamp: Stamp,
) -> Option<Envelope> {
    let outlet = Outlet::of(settings)?;
    let subject = format!("[{router_id}] {}", mail.subject);
    let mut message = String::new();
    // Writing to memory cannot fail.
    let _ = write_message(&mut message, settings, &subject, &mail.body, stamp);
    Some(Envelope {
        owner: mail.owner.clone(),
        outlet,
        from: settings.from.address.clone(),
        recipients: settings
            .recipients
            .iter()
            .map(|to| to.address.clone())
            .collect(),
        subject,
        message,
    })
}

fn write_message(
    out: &mut String,
    settings: &Settings,
    subject: &str,
    body: &str,
    stamp: Stamp,
) -> fmt::Result {
    header(out, "Date", |line| date(line, &stamp.date))?;
    header(out, "From", |line| mailbox(line, &settings.from))?;
    header(out, "Subject", |line| text(line, subject))?;
    header(out, "X-Mailer", |line| line.write_str("Keepalived"))?;
    header(out, "To", |line| mailboxes(line, &settings.recipients))?;
    let host = settings.from.address.rsplit('@').next().unwrap_or_default();
    header(out, "Message-ID", |line| {
        write!(line, "<{:x}@{host}>", stamp.id)
    })?;
    // Whoever is away need not answer (RFC 3834 section 5).
    header(out, "Auto-Submitted", |line| {
        line.write_str("auto-generated")
    })?;
    if body.is_ascii() {
        return write!(out, "\r\n{}\r\n\r\n", one_line(body));
    }
    header(out, "MIME-Version", |line| line.write_str("1.0"))?;
    header(out, "Content-Type", |line| {
        line.write_str("text/plain; charset=utf-8")
    })?;
    header(out, "Content-Transfer-Encoding", |line| {
        line.write_str("base64")
    })?;
    out.write_str("\r\n")?;
    let body = format!("{}\r\n\r\n", one_line(body));
    email_encoding::body::base64::encode(body.as_bytes(), out)?;
    out.write_str("\r\n")
}

/// A body is one line: whatever a name holds, it begins no other.
fn one_line(body: &str) -> String {
    body.replace(|letter: char| letter.is_control(), " ")
}

fn header(
    out: &mut String,
    name: &str,
    value: impl FnOnce(&mut EmailWriter<'_>) -> fmt::Result,
) -> fmt::Result {
    write!(out, "{name}: ")?;
    let length = name.len() + ": ".len();
    value(&mut EmailWriter::new(out, length, 0, false))?;
    out.write_str("\r\n")
}

/// Unstructured text, as in a subject (RFC 5322 section 2.2.1).
fn text(line: &mut EmailWriter<'_>, text: &str) -> fmt::Result {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        && text.split(' ').all(|word| word.len() <= WORD_MAX)
        // What looks encoded would be decoded.
        && !text.contains("=?");
    if plain {
        line.folding().write_str(text)
    } else {
        rfc2047::encode(text, line)
    }
}

fn mailboxes(line: &mut EmailWriter<'_>, all: &[Mailbox]) -> fmt::Result {
    for (place, one) in all.iter().enumerate() {
        if place > 0 {
            line.write_char(',')?;
            line.space();
        }
        mailbox(line, one)?;
    }
    Ok(())
}

fn mailbox(line: &mut EmailWriter<'_>, mailbox: &Mailbox) -> fmt::Result {
    if mailbox.name.is_empty() {
        return line.folding().write_str(&mailbox.address);
    }
    quoted_string::encode(&mailbox.name, line)?;
    line.space();
    write!(line.folding(), "<{}>", mailbox.address)
}

/// RFC 5322 section 3.3.
fn date(line: &mut EmailWriter<'_>, date: &LocalTime) -> fmt::Result {
    const PER_HOUR: u32 = 60;
    let weekday = WEEKDAYS.get(date.weekday).copied().unwrap_or_default();
    let month = MONTHS.get(date.month).copied().unwrap_or_default();
    let (sign, east) = (
        if date.east < 0 { '-' } else { '+' },
        date.east.unsigned_abs(),
    );
    write!(
        line,
        "{weekday}, {} {month} {} {:02}:{:02}:{:02} {sign}{:02}{:02}",
        date.day,
        date.year,
        date.hour,
        date.minute,
        date.second,
        east / PER_HOUR,
        east % PER_HOUR
    )
}

/// Appends a message as it is sent after DATA: no line is only a dot but the last (RFC 5321 section 4.5.2).
pub(super) fn stuff(message: &str, out: &mut Vec<u8>) {
    for line in message.split_inclusive("\r\n") {
        if line.starts_with('.') {
            out.push(b'.');
        }
        out.extend_from_slice(line.as_bytes());
    }
    if !message.ends_with("\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::MailServer;

    fn mailbox(text: &str) -> Mailbox {
        Mailbox::parse(text).expect("a mailbox")
    }

    fn settings(recipients: &[&str]) -> Settings {
        Settings {
            server: Some(MailServer {
                host: "mail.example.org".to_owned(),
                port: 25,
            }),
            from: mailbox("me@lb1.example.org"),
            recipients: recipients.iter().map(|to| mailbox(to)).collect(),
            ..Settings::default()
        }
    }

    fn stamp(east: i32) -> Stamp {
        let date = LocalTime {
            unix: 1_795_257_883,
            year: 2026,
            month: 10,
            day: 5,
            weekday: 4,
            hour: 9,
            minute: 4,
            second: 43,
            east,
        };
        Stamp { date, id: 0xabc }
    }

    fn written(subject: &str, body: &str, settings: &Settings) -> String {
        let mail = Mail {
            owner: "owner".to_owned(),
            subject: subject.to_owned(),
            body: body.to_owned(),
        };
        let envelope = compose(&mail, settings, "RTR", stamp(0)).expect("it has somewhere to go");
        for line in envelope.message.split("\r\n") {
            assert!(line.is_ascii() && !line.contains(['\r', '\n']), "{line:?}");
            assert!(line.len() <= 78, "RFC 5322 section 2.1.1: {line:?}");
        }
        envelope.message
    }

    fn line<'a>(message: &'a str, name: &str) -> &'a str {
        let (_, rest) = message
            .split_once(&format!("{name}: "))
            .expect("the header");
        let mut end = 0;
        for piece in rest.split_inclusive("\r\n") {
            if end > 0 && !piece.starts_with(' ') {
                break;
            }
            end += piece.len();
        }
        rest[..end].trim_end()
    }

    #[test]
    fn a_plain_mail_is_keepaliveds_and_more() {
        let message = written(
            "VRRP Instance V1 - Entering BACKUP state",
            "=> body <=",
            &settings(&["one@example.org", "two@example.org"]),
        );
        assert_eq!(
            message,
            "Date: Thu, 5 Nov 2026 09:04:43 +0000\r\n\
             From: me@lb1.example.org\r\n\
             Subject: [RTR] VRRP Instance V1 - Entering BACKUP state\r\n\
             X-Mailer: Keepalived\r\n\
             To: one@example.org, two@example.org\r\n\
             Message-ID: <abc@lb1.example.org>\r\n\
             Auto-Submitted: auto-generated\r\n\
             \r\n\
             => body <=\r\n\r\n"
        );
    }

    #[test]
    fn subjects_are_folded_and_what_is_not_ascii_is_encoded() {
        let to = settings(&["one@example.org"]);
        let long = "many words ".repeat(20);
        for (subject, expected) in [
            // RFC 2047 section 2: at most 75 characters a piece, whole characters in each.
            ("Zürich", "=?utf-8?b?W1JUUl0gWsO8cmljaA==?="),
            // A name cannot end the header.
            (
                "x\r\nBcc: <c@d>",
                "=?utf-8?b?W1JUUl0geA0KQmNjOiA8Y0BkPg==?=",
            ),
            // What only looks encoded is shown as it is.
            ("=?utf-8?q?x?=", "=?utf-8?b?W1JUUl0gPT91dGYtOD9xP3g/PQ==?="),
        ] {
            assert_eq!(line(&written(subject, "", &to), "Subject"), expected);
        }
        let folded = written(&long, "", &to);
        assert!(line(&folded, "Subject").contains("\r\n "));
        assert_eq!(
            line(&folded, "Subject").replace("\r\n", ""),
            format!("[RTR] {}", long.trim_end())
        );
        for long in ["ü".repeat(200), "x".repeat(1200)] {
            let message = written(&long, "", &to);
            let pieces = line(&message, "Subject").split("\r\n ").count();
            assert!(pieces > 3, "{message}");
        }
    }

    #[test]
    fn recipients_are_folded_and_their_names_quoted_or_encoded() {
        let to = [
            "Jörg <j@example.org>",
            "Ops Team <ops@example.org>",
            "plain@example.org",
        ];
        let message = written("s", "", &settings(&to));
        assert_eq!(
            line(&message, "To"),
            "=?utf-8?b?SsO2cmc=?= <j@example.org>, \"Ops Team\" <ops@example.org>,\r\n plain@example.org"
        );
        let many: Vec<String> = (0..100)
            .map(|n| format!("somebody{n}@example.org"))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let message = written("s", "", &settings(&many));
        assert_eq!(line(&message, "To").replace("\r\n", ""), many.join(", "));
    }

    #[test]
    fn a_body_that_is_not_ascii_is_encoded() {
        let message = written(
            "s",
            "=> BFD Zürich CHECK failed on service <=",
            &settings(&["a@b"]),
        );
        let (head, body) = message.split_once("\r\n\r\n").expect("a body");
        assert!(head.ends_with("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64"));
        assert_eq!(
            body,
            "PT4gQkZEIFrDvHJpY2ggQ0hFQ0sgZmFpbGVkIG9uIHNlcnZpY2UgPD0NCg0K\r\n"
        );
    }

    #[test]
    fn time_zones_are_written_by_hours_and_minutes() {
        for (east, expected) in [(0, "+0000"), (60, "+0100"), (-210, "-0330"), (345, "+0545")] {
            let mut out = String::new();
            header(&mut out, "Date", |line| date(line, &stamp(east).date)).expect("written");
            assert_eq!(
                out,
                format!("Date: Thu, 5 Nov 2026 09:04:43 {expected}\r\n")
            );
        }
    }

    #[test]
    fn without_a_server_or_recipients_there_is_no_mail() {
        let mail = Mail {
            owner: String::new(),
            subject: String::new(),
            body: String::new(),
        };
        let nowhere = Settings {
            server: None,
            ..settings(&["a@b"])
        };
        for settings in [settings(&[]), nowhere] {
            assert_eq!(compose(&mail, &settings, "R", stamp(0)), None);
        }
    }

    #[test]
    fn no_line_but_the_last_is_a_dot() {
        for (message, sent) in [
            ("a\r\n", "a\r\n.\r\n"),
            (".\r\n..b\r\nc.\r\n", "..\r\n...b\r\nc.\r\n.\r\n"),
            ("no end", "no end\r\n.\r\n"),
            ("", "\r\n.\r\n"),
        ] {
            let mut out = Vec::new();
            stuff(message, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), sent);
        }
    }
}
