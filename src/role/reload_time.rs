//! `reload_time_file`: a reload at the time that a file names. The file is watched; when the time has come the parent reloads as it
//! does for SIGHUP. Reading the time is here, clocks and watches are `os`'s.

use super::parent::Source;
use crate::config::model::Files;
use crate::os::clock::{self, CivilTime};
use crate::os::file_watch::FileWatch;
use crate::os::poll::{Loop, Want};
use crate::os::timer::WallTimer;
use log::{info, warn};
use std::fs;
use std::path::PathBuf;

/// Years of two digits are those of this century.
const CENTURY: i32 = 2000;

/// The reload to come, if there is one.
pub(super) struct Appointment {
    timer: WallTimer,
    watch: Option<FileWatch>,
    path: Option<PathBuf>,
    repeat: bool,
}

impl Appointment {
    /// None yet.
    pub fn new(events: &mut Loop<Source>) -> std::io::Result<Self> {
        let timer = WallTimer::new()?;
        events.add(&timer, Source::ReloadDue, Want::Read)?;
        Ok(Appointment {
            timer,
            watch: None,
            path: None,
            repeat: false,
        })
    }

    /// Goes by what the configuration says now, and reads the file anew.
    pub fn follow(&mut self, events: &mut Loop<Source>, files: &Files) {
        self.repeat = files.reload_repeat;
        self.path.clone_from(&files.reload_time);
        if let Some(watch) = self.watch.take() {
            let _ = events.remove(&watch);
        }
        if let Some(path) = &self.path {
            let watch = FileWatch::new(path).and_then(|watch| {
                events.add(&watch, Source::ReloadTime, Want::Read)?;
                Ok(watch)
            });
            match watch {
                Ok(watch) => self.watch = Some(watch),
                Err(error) => warn!(
                    "Cannot watch reload_time_file {}: {error}; looking again at the next reload",
                    path.display()
                ),
            }
        }
        self.read();
    }

    /// Something happened where the file is.
    pub fn look(&mut self) {
        if self.watch.as_ref().is_some_and(FileWatch::changed) {
            self.read();
        }
    }

    /// The time has come; the file has served.
    pub fn kept(&mut self) {
        self.set(None);
        if let Some(path) = self.path.as_ref().filter(|_| !self.repeat)
            && let Err(error) = fs::remove_file(path)
        {
            warn!("Cannot remove reload_time_file {}: {error}", path.display());
        }
    }

    fn read(&mut self) {
        let text = self
            .path
            .as_ref()
            .and_then(|path| fs::read_to_string(path).ok());
        let (Some(path), Some(text)) = (&self.path, text) else {
            return self.set(None);
        };
        let line = text.lines().next().unwrap_or_default();
        let Some(moment) = Moment::parse(line) else {
            warn!(
                "{}: '{}' is no time; write HH:MM:SS, YY-MM-DD HH:MM:SS or YYYY-MM-DD HH:MM:SS, with Z behind it for UTC",
                path.display(),
                line.escape_debug()
            );
            return self.set(None);
        };
        let now = clock::unix_time();
        match moment.after(now) {
            Some(at) => {
                info!("Reload scheduled at {line}, in {} seconds", at - now);
                self.set(Some(at));
            }
            None => {
                info!(
                    "{}: {line} has passed, no reload is scheduled",
                    path.display()
                );
                self.set(None);
            }
        }
    }

    fn set(&mut self, at: Option<i64>) {
        if let Err(error) = self.timer.set(at) {
            warn!("Cannot set the timer of reload_time_file: {error}");
        }
    }
}

/// A time as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    /// Year, month, day.
    date: Option<(i32, u8, u8)>,
    /// Hour, minute, second.
    time: (u8, u8, u8),
    utc: bool,
}

impl Moment {
    /// `[[YY]YY-MM-DD ]HH:MM:SS[Z]`, no more and no less.
    fn parse(line: &str) -> Option<Self> {
        let (line, utc) = match line.strip_suffix('Z') {
            Some(line) => (line, true),
            None => (line, false),
        };
        let (date, time) = match line.split_once(' ') {
            Some((date, time)) => (Some(date), time),
            None => (None, line),
        };
        let date = match date {
            None => None,
            Some(date) => {
                let (year, rest) = date.split_once('-')?;
                let (month, day) = rest.split_once('-')?;
                let century = if year.len() == 2 { CENTURY } else { 0 };
                let year = digits(year, 2).or_else(|| digits(year, 4))?;
                Some((
                    century.checked_add(i32::from(year))?,
                    byte(month, 1..=12)?,
                    byte(day, 1..=31)?,
                ))
            }
        };
        let (hour, rest) = time.split_once(':')?;
        let (minute, second) = rest.split_once(':')?;
        let time = (
            byte(hour, 0..=23)?,
            byte(minute, 0..=59)?,
            byte(second, 0..=59)?,
        );
        Some(Moment { date, time, utc })
    }

    /// When that is, in seconds since 1970, if it is after `now`; without a date today or tomorrow.
    fn after(self, now: i64) -> Option<i64> {
        let on = |(year, month, day), days| {
            CivilTime {
                date: (year, month, day),
                time: self.time,
                utc: self.utc,
            }
            .unix(days)
        };
        match self.date {
            Some(date) => on(date, 0),
            None => {
                let today = clock::date(now, self.utc);
                on(today, 0).filter(|at| *at > now).or_else(|| on(today, 1))
            }
        }
        .filter(|at| *at > now)
    }
}

fn digits(text: &str, count: usize) -> Option<u16> {
    let all = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| all)
}

fn byte(text: &str, range: std::ops::RangeInclusive<u8>) -> Option<u8> {
    let value = u8::try_from(digits(text, 2)?).ok()?;
    range.contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_exactly_as_they_have_to_be_written() {
        let read =
            |text: &str| Moment::parse(text).map(|moment| (moment.date, moment.time, moment.utc));
        assert_eq!(read("23:59:00"), Some((None, (23, 59, 0), false)));
        assert_eq!(read("00:00:59Z"), Some((None, (0, 0, 59), true)));
        assert_eq!(
            read("26-11-21 01:02:03"),
            Some((Some((2026, 11, 21)), (1, 2, 3), false))
        );
        assert_eq!(
            read("2026-02-28 01:02:03Z"),
            Some((Some((2026, 2, 28)), (1, 2, 3), true))
        );
        for wrong in [
            "",
            "Z",
            "1:02:03",
            "24:00:00",
            "00:60:00",
            "00:00:60",
            "00:00",
            " 00:00:00",
            "00:00:00 ",
            "00:00:00 Z",
            "2026-11-21  00:00:00",
            "2026-13-21 00:00:00",
            "2026-00-21 00:00:00",
            "2026-1-21 00:00:00",
            "026-11-21 00:00:00",
            "2026-11-21",
            "2026-11-21T00:00:00",
            "+1:00:00",
            "00:00:00z",
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_next_time_is_today_tomorrow_or_never() {
        /// 2026-11-21 12:00:00 UTC.
        const NOON: i64 = 1_795_262_400;
        const HOUR: i64 = 3600;
        let after = |text: &str| Moment::parse(text).expect(text).after(NOON);
        assert_eq!(after("13:00:00Z"), Some(NOON + HOUR));
        assert_eq!(after("11:00:00Z"), Some(NOON + 23 * HOUR));
        assert_eq!(after("12:00:00Z"), Some(NOON + 24 * HOUR), "now is past");
        assert_eq!(after("26-11-21 12:00:01Z"), Some(NOON + 1));
        assert_eq!(after("2026-11-21 12:00:00Z"), None);
        assert_eq!(after("2027-02-29 12:00:00Z"), None, "no such day");
    }
}
