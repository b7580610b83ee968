//! What a log line looks like: RFC 3164 with local time for syslog, the date and the message for the console and files.

use crate::os::clock::{self, LocalTime};
use log::Level;
use std::cell::Cell;
use std::fmt::Display;
use std::io::Write;
use syslog::{Facility, LogFormat, Severity};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// How the lines of this process look.
pub(super) struct Format {
    ident: String,
    facility: Facility,
    pid: u32,
    /// The last second that was broken down: thousands of messages may share one.
    second: Cell<LocalTime>,
}

impl Format {
    /// The process id is taken now: made anew after a fork.
    pub fn new(ident: String, facility: Facility) -> Self {
        let second = Cell::new(clock::local_time(clock::unix_time()));
        Format {
            ident,
            facility,
            pid: std::process::id(),
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
        let mut line = Vec::with_capacity(self.ident.len() + message.len() + HEADER_ROOM);
        // Writing to memory cannot fail.
        let _ = self.format(&mut line, severity, message);
        line
    }

    /// A line for people.
    pub fn plain(&self, message: &str) -> Vec<u8> {
        let t = self.now();
        let (weekday, month) = (WEEKDAYS[t.weekday], MONTHS[t.month]);
        let (hour, minute, second) = (t.hour, t.minute, t.second);
        format!(
            "{weekday} {month} {:2} {hour:02}:{minute:02}:{second:02} {}: {message}\n",
            t.day, t.year
        )
        .into_bytes()
    }

    fn now(&self) -> LocalTime {
        let unix = clock::unix_time();
        if self.second.get().unix != unix {
            self.second.set(clock::local_time(unix));
        }
        self.second.get()
    }
}

/// More than priority, date, process id and punctuation need, in bytes.
const HEADER_ROOM: usize = 48;

impl<T: Display> LogFormat<T> for Format {
    fn format<W: Write>(&self, w: &mut W, severity: Severity, message: T) -> syslog::Result<()> {
        let t = self.now();
        let priority = self.facility as i32 | severity as i32;
        let month = MONTHS[t.month];
        write!(
            w,
            "<{priority}>{month} {:2} {:02}:{:02}:{:02} ",
            t.day, t.hour, t.minute, t.second
        )
        .and_then(|()| write!(w, "{}[{}]: {message}", self.ident, self.pid))
        .map_err(syslog::Error::Write)
    }
}

/// The message with control characters written out, so that nothing can pretend to be another line, and cut to a length.
pub(super) fn one_line(message: &str, longest: usize) -> String {
    let mut line = String::with_capacity(message.len().min(longest));
    for character in message.trim_end().chars() {
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
    line
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
