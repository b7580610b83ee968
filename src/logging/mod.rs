//! Logging that never waits: the `log` crate's macros put a message into bounded queues, and the process's loop hands it on when the
//! sink takes it (`pump`). What finds no room is counted, and the count is logged once there is room again.
//!
//! The sinks themselves are in sink.rs, what a line looks like is in format.rs.

mod format;
mod queue;
mod sink;
mod writer;

use crate::os::clock;
use crate::os::poll::{Loop, Want};
use format::Format;
use log::{Level, LevelFilter, Log, Metadata, Record};
use queue::Queue;
use sink::{Outcome, Sink};
use std::borrow::Cow;
use std::fmt::Write;
use std::io;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;
use syslog::Facility;

/// How long `finish` waits for slow sinks, all of them together.
const FINISH_LIMIT: Duration = Duration::from_millis(10);
/// How long `finish` waits for each process that writes for this one: on a disk that stands still the lines arrive later, or never.
const WRITER_LIMIT: Duration = Duration::from_millis(100);
/// Lines handed on with one system call.
const LINES_AT_ONCE: usize = 64;
/// Room that most messages need, in bytes.
const MESSAGE_USUAL: usize = 160;
/// Longest message in bytes; the rest is cut. Syslog daemons take at least this much.
const MESSAGE_MAX: usize = 4000;

/// Where messages go, and as whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name in every syslog message.
    pub ident: String,
    /// Syslog facility.
    pub facility: Facility,
    /// To /dev/log.
    pub syslog: bool,
    /// To standard error.
    pub console: bool,
    /// To a file.
    pub file: Option<PathBuf>,
    /// The process may wait for a disk; else another process writes what goes to one.
    pub may_wait: bool,
    /// 0: what matters; 1: details (`debug!`); 2 and more: everything (`trace!`).
    pub detail: u8,
}

/// The facade that the `log` crate calls.
struct Facade;
/// What the facade works with. A process has one thread: who finds it locked was called by whoever holds the lock.
static STATE: Mutex<Option<Logger>> = Mutex::new(None);

struct Logger {
    format: Format,
    outputs: Vec<Output>,
}

/// A sink and what waits for it.
struct Output {
    sink: Sink,
    queue: Queue,
    /// The descriptor that the loop waits for.
    registered: Option<RawFd>,
}

fn state() -> MutexGuard<'static, Option<Logger>> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts logging, or starts anew with other settings: after a fork too, where messages of the parent that still wait are the
/// parent's to send.
pub fn start(settings: &Settings) {
    // Reads the time zone now rather than with the first urgent message.
    clock::local_time(clock::unix_time());
    let mut sinks = Vec::new();
    if settings.syslog {
        sinks.push(Sink::syslog(sink::SYSLOG_SOCKET));
    }
    if settings.console {
        sinks.push(Sink::console(settings.may_wait));
    }
    if let Some(path) = settings.file.clone() {
        sinks.push(Sink::file(path, settings.may_wait));
    }
    let outputs = sinks
        .into_iter()
        .map(|sink| Output {
            sink,
            queue: Queue::default(),
            registered: None,
        })
        .collect();
    *state() = Some(Logger {
        format: Format::new(settings.ident.clone(), settings.facility),
        outputs,
    });
    // Refused when it is set already, by ourselves.
    let _ = log::set_logger(&Facade);
    log::set_max_level(match settings.detail {
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    });
}

/// Logs as someone else from now on (another ident, or another process id after becoming a daemon); what waits is kept.
pub fn rename(settings: &Settings) {
    if let Some(logger) = state().as_mut() {
        logger.format = Format::new(settings.ident.clone(), settings.facility);
    }
}

/// Hands on what the sinks take, without waiting. The loop wakes up with `token` when one that is full takes more: then `writable`
/// is to be called, and `pump` at the end of every turn of the loop.
pub fn pump<T: Copy + PartialEq>(poll: &mut Loop<T>, token: T) {
    pump_some(poll, token, usize::MAX);
}

/// Like `pump`, but hands on at most so many lines to each sink: a burst of log lines must not hold up what is more urgent. True
/// when lines are left that could be handed on now.
pub fn pump_some<T: Copy + PartialEq>(poll: &mut Loop<T>, token: T, lines: usize) -> bool {
    let mut state = state();
    let Some(logger) = state.as_mut() else {
        return false;
    };
    let mut left = false;
    // A sink that the loop waits for is left alone until then: it costs nothing while it is full.
    for output in logger
        .outputs
        .iter_mut()
        .filter(|output| output.registered.is_none() && !output.queue.is_empty())
    {
        match output.drain(&logger.format, lines) {
            Outcome::Taken(_) => left |= !output.queue.is_empty(),
            Outcome::Full => {
                if let Some(fd) = output.sink.descriptor()
                    && poll.add(&fd, token, Want::Write).is_ok()
                {
                    output.registered = Some(fd);
                }
            }
            // Nothing else may wake an idle process for it.
            Outcome::Broken => {
                if let Some(retry) = output.sink.retry_at() {
                    poll.wake_by(retry);
                }
            }
        }
    }
    left
}

/// The loop says that a sink takes more.
pub fn writable<T: Copy + PartialEq>(poll: &mut Loop<T>) {
    if let Some(logger) = state().as_mut() {
        for fd in logger
            .outputs
            .iter_mut()
            .filter_map(|output| output.registered.take())
        {
            // No longer there when the sink was closed, which is as good.
            let _ = poll.remove(&fd);
        }
    }
}

/// Hands on what the sinks take now: where there is no loop yet.
pub fn flush() {
    if let Some(logger) = state().as_mut() {
        for output in &mut logger.outputs {
            output.drain(&logger.format, usize::MAX);
        }
    }
}

/// Before the process ends: like `flush`, but gives slow sinks a moment.
pub fn finish() {
    let limit = clock::now() + FINISH_LIMIT;
    loop {
        flush();
        let waiting = state().as_ref().is_some_and(|logger| {
            logger
                .outputs
                .iter()
                .any(|output| output.sink.descriptor().is_some() && !output.queue.is_empty())
        });
        if !waiting || clock::now() >= limit {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    if let Some(logger) = state().as_mut() {
        for output in &mut logger.outputs {
            output.sink.finish(WRITER_LIMIT);
        }
    }
}

/// A child has ended: it may be one that writes for this process.
pub fn reap() {
    if let Some(logger) = state().as_mut() {
        logger
            .outputs
            .iter_mut()
            .for_each(|output| output.sink.reap());
    }
}

/// Opens the log file anew, for those who rotate it.
pub fn reopen() {
    if let Some(logger) = state().as_mut() {
        logger
            .outputs
            .iter_mut()
            .for_each(|output| output.sink.reopen_file());
    }
}

/// The log file of a process: the suffix goes before the last dot of the name.
pub fn file_of_process(path: &Path, suffix: &str) -> PathBuf {
    let (Some(stem), false) = (path.file_stem(), suffix.is_empty()) else {
        return path.to_owned();
    };
    let mut name = stem.to_owned();
    name.push(suffix);
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

impl Output {
    /// Writes until the queue is empty, the sink takes no more or so many lines were written.
    fn drain(&mut self, format: &Format, lines: usize) -> Outcome {
        let mut budget = lines;
        while budget > 0 && !self.queue.is_empty() {
            let batch: Vec<&[u8]> = self.queue.front(budget.min(LINES_AT_ONCE)).collect();
            budget = budget.saturating_sub(batch.len());
            match self.sink.write(&batch) {
                Outcome::Taken(length) => self.queue.taken(length),
                outcome => return outcome,
            }
            if let Some(lost) = self.queue.lost_and_room() {
                let mut text = String::new();
                let _ = write!(text, "{lost} messages lost: log reader too slow");
                let line = self.sink.line(format, Level::Warn, &text);
                self.queue.push(line);
            }
        }
        Outcome::Taken(0)
    }
}

impl Log for Facade {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        // Before the lock: a panic in here is logged, too.
        let text = match record.args().as_str() {
            Some(text) => Cow::Borrowed(text),
            None => {
                // Room at once: text that grows with every piece is moved about.
                let mut text = String::with_capacity(MESSAGE_USUAL);
                // Writing to memory cannot fail.
                let _ = text.write_fmt(*record.args());
                Cow::Owned(text)
            }
        };
        let text = format::one_line(&text, MESSAGE_MAX);
        // What a library says (mio, of each descriptor) may come while lines are handed on, and waiting for ourselves would be for ever.
        let mut state = match STATE.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(state)) => state.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let Some(logger) = state.as_mut() else { return };
        for output in &mut logger.outputs {
            let line = output.sink.line(&logger.format, record.level(), &text);
            output.queue.push(line);
        }
    }

    fn flush(&self) {
        flush();
    }
}

/// Says on standard error what cannot be logged yet. A reader that does not read cannot hold us up for longer than a start.
pub fn to_terminal(text: &str) {
    use std::io::Write;
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_of_a_process_goes_before_the_last_dot() {
        for (path, expected) in [
            ("/tmp/keepalived.log", "/tmp/keepalived_vrrp.log"),
            ("/tmp/k", "/tmp/k_vrrp"),
            ("/t.x/k.a.b", "/t.x/k.a_vrrp.b"),
        ] {
            assert_eq!(
                file_of_process(Path::new(path), "_vrrp"),
                Path::new(expected)
            );
        }
        assert_eq!(
            file_of_process(Path::new("/tmp/k.log"), ""),
            Path::new("/tmp/k.log")
        );
    }
}
