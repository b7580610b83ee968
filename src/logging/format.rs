//! What a log line looks like: RFC 3164 with local time for syslog, the date and the message for the console and files.

use crate::os::clock;
use log::Level;
use std::borrow::Cow;
use std::cell::{Ref, RefCell};
use std::io::Write;
use syslog::{Facility, Severity};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// How the lines of this process look.
pub(super) struct Format {
    ident: String,
    facility: Facility,
    pid: u32,
    /// What all lines of a second begin with: thousands may share one.
    second: RefCell<Second>,
}

/// What lines begin with that are written in one second.
struct Second {
    unix: i64,
    /// Time, ident and process id, after the priority.
    syslog: String,
    /// Date and time.
    plain: String,
}

impl Second {
    fn new(unix: i64, ident: &str, pid: u32) -> Self {
        let t = clock::local_time(unix);
        let name = |names: &[&'static str], at: usize| names.get(at).copied().unwrap_or_default();
        let (weekday, month) = (name(&WEEKDAYS, t.weekday), name(&MONTHS, t.month));
        let date = format!(
            "{month} {:2} {:02}:{:02}:{:02}",
            t.day, t.hour, t.minute, t.second
        );
        Second {
            unix,
            syslog: format!("{date} {ident}[{pid}]: "),
            plain: format!("{weekday} {date} {}: ", t.year),
        }
    }
}

impl Format {
    /// The process id is taken now: made anew after a fork.
    pub fn new(ident: String, facility: Facility) -> Self {
        let pid = std::process::id();
        let second = RefCell::new(Second::new(clock::unix_time(), &ident, pid));
        Format {
            ident,
            facility,
            pid,
            second,
        }
    }

    /// A datagram for a syslog daemon.
    pub fn syslog(&self, level: Level, message: &str) -> Vec<u8> {
        let severity = match level {
            Level::Error => Severity::LOG_ERR,
            Level::Warn => Severity::LOG_WARNING,
            // Details are asked for with -D, not with a syslog selector.
            Level::Info | Level::Debug => Severity::LOG_INFO,
            Level::Trace => Severity::LOG_DEBUG,
        };
        let second = self.now();
        let mut line = Vec::with_capacity(PRIORITY_ROOM + second.syslog.len() + message.len());
        // Writing to memory cannot fail.
        let _ = write!(line, "<{}>", self.facility as i32 | severity as i32);
        line.extend_from_slice(second.syslog.as_bytes());
        line.extend_from_slice(message.as_bytes());
        line
    }

    /// A line for people.
    pub fn plain(&self, message: &str) -> Vec<u8> {
        [self.now().plain.as_str(), message, "\n"]
            .concat()
            .into_bytes()
    }

    fn now(&self) -> Ref<'_, Second> {
        let unix = clock::unix_time();
        if self.second.borrow().unix != unix {
            self.second
                .replace(Second::new(unix, &self.ident, self.pid));
        }
        self.second.borrow()
    }
}

/// Room for the priority of a line: three digits in angle brackets.
const PRIORITY_ROOM: usize = 5;

/// The message with control characters written out, so that nothing can pretend to be another line, and cut to a length.
pub(super) fn one_line(message: &str, longest: usize) -> Cow<'_, str> {
    let message = message.trim_end();
    let plain = |byte: u8| byte == b' ' || byte == b'\t' || byte.is_ascii_graphic();
    if message.len() <= longest && message.bytes().all(plain) {
        return Cow::Borrowed(message);
    }
    let mut line = String::with_capacity(message.len().min(longest));
    for character in message.chars() {
        if line.len() >= longest {
            line.push_str(" ...");
            break;
        }
        if character.is_control() && character != '\t' {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syslog_line_has_priority_local_time_ident_and_pid() {
        let format = Format::new("Keepalived_vrrp".into(), Facility::LOG_LOCAL0);
        let line = String::from_utf8(format.syslog(Level::Info, "(VI_1) Entering MASTER STATE"))
            .expect("text");
        let pid = std::process::id();
        assert!(line.starts_with("<134>"), "{line}");
        assert!(
            line.ends_with(&format!(
                " Keepalived_vrrp[{pid}]: (VI_1) Entering MASTER STATE"
            )),
            "{line}"
        );
        // <134>Nov  1 04:05:06 Keepalived_vrrp...
        assert_eq!(
            line.find(" Keepalived_vrrp"),
            Some("<134>Nov  1 04:05:06".len()),
            "{line}"
        );
        assert!(format.syslog(Level::Error, "x").starts_with(b"<131>"));
    }

    #[test]
    fn control_characters_cannot_begin_a_line() {
        assert_eq!(one_line("a\nb\x1b[0m\tc\n", 100), "a\\nb\\u{1b}[0m\tc");
        assert_eq!(
            one_line(&"é".repeat(100), 10),
            format!("{} ...", "é".repeat(5))
        );
    }
}
