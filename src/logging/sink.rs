//! Where lines go: the syslog socket, standard error, a file. None of them is ever waited for, except that a regular file (standard
//! error may be one) takes its bytes when the disk does; who cannot wait for that has a process of its own write it (writer.rs).

use super::format::Format;
use super::writer::{Destination, STANDARD_ERROR, Writer};
use crate::os::batch::send_datagrams;
use crate::os::clock;
use crate::os::process::{self, ProcessId};
use crate::time::Instant;
use log::Level;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the syslog daemon listens.
pub(super) const SYSLOG_SOCKET: &str = "/dev/log";
/// How long a sink that is not there is left alone before it is looked for again.
const RETRY: Duration = Duration::from_secs(1);
/// Mode of a log file.
const FILE_MODE: u32 = 0o600;

/// What became of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// So many bytes were taken, from the beginning.
    Taken(usize),
    /// No room; the descriptor tells when there is.
    Full,
    /// The sink is not there; to be tried again later.
    Broken,
}

/// A place for lines.
pub(super) struct Sink {
    kind: Kind,
    /// Disks may be waited for.
    may_wait: bool,
    open: Option<Open>,
    /// Processes that write or wrote for us, until they have ended and this was heard.
    writers: Vec<ProcessId>,
    /// Not to be opened again before.
    retry: Instant,
    /// It could be opened once.
    was_there: bool,
}

enum Kind {
    Syslog(PathBuf),
    Console,
    File(PathBuf),
}

enum Open {
    Datagram(UnixDatagram),
    Stream(UnixStream),
    /// Opened non-blocking by ourselves, or a regular file that may be waited for.
    File(File),
    /// Another process waits for the file.
    Writer(Writer),
    /// A descriptor that others share and that may block: asked before each write.
    Shared(io::Stderr),
}

impl Sink {
    /// The socket of a syslog daemon.
    pub fn syslog(socket: impl Into<PathBuf>) -> Self {
        Self::new(Kind::Syslog(socket.into()), false)
    }

    /// Standard error; where it is on a disk, that may be waited for, or not.
    pub fn console(may_wait: bool) -> Self {
        Self::opened(Kind::Console, may_wait)
    }

    /// A file; its disk may be waited for, or not.
    pub fn file(path: PathBuf, may_wait: bool) -> Self {
        Self::opened(Kind::File(path), may_wait)
    }

    fn new(kind: Kind, may_wait: bool) -> Self {
        Sink {
            kind,
            may_wait,
            open: None,
            writers: Vec::new(),
            retry: Instant::default(),
            was_there: false,
        }
    }

    /// At once: a process that writes for us should not inherit more than it has to.
    fn opened(kind: Kind, may_wait: bool) -> Self {
        let mut sink = Self::new(kind, may_wait);
        if !may_wait {
            // What fails now is tried again with the first line.
            let _ = sink.reopen();
        }
        sink
    }

    /// A message as this sink wants it.
    pub fn line(&self, format: &Format, level: Level, message: &str) -> Vec<u8> {
        match self.kind {
            Kind::Syslog(_) => format.syslog(level, message),
            Kind::Console | Kind::File(_) => format.plain(message),
        }
    }

    /// When a sink that has gone is looked for again. One that never was there is not: a system without a syslog daemon shall not wake an
    /// idle process every second.
    pub fn retry_at(&self) -> Option<Instant> {
        self.was_there.then_some(self.retry)
    }

    /// What tells that there is room again.
    pub fn descriptor(&self) -> Option<RawFd> {
        match self.open.as_ref()? {
            Open::Datagram(socket) => Some(socket.as_raw_fd()),
            Open::Stream(socket) => Some(socket.as_raw_fd()),
            Open::File(file) => Some(file.as_raw_fd()),
            Open::Writer(writer) => Some(writer.as_raw_fd()),
            Open::Shared(stderr) => Some(stderr.as_raw_fd()),
        }
    }

    /// Opens a log file anew.
    pub fn reopen_file(&mut self) {
        if matches!(self.kind, Kind::File(_)) && self.may_wait {
            self.open = None;
            self.retry = Instant::default();
        }
    }

    /// Takes leave of writers that have ended.
    pub fn reap(&mut self) {
        self.writers.retain(|writer| !process::has_ended(*writer));
    }

    /// Before this process ends: gives a writer so long to end first.
    pub fn finish(&mut self, limit: Duration) {
        if matches!(self.open, Some(Open::Writer(_)))
            && let Some(Open::Writer(writer)) = self.open.take()
        {
            writer.finish(clock::now, limit);
        }
    }

    fn reopen(&mut self) -> io::Result<()> {
        let open = match &self.kind {
            Kind::Syslog(path) => open_syslog(path)?,
            Kind::Console => open_console(self.may_wait)?,
            Kind::File(path) if self.may_wait => Open::File(open_file(path)?),
            Kind::File(path) => {
                Open::Writer(Writer::start(Destination::Named(path.clone(), open_file))?)
            }
        };
        if let Open::Writer(writer) = &open {
            self.writers.push(writer.process);
        }
        self.open = Some(open);
        self.was_there = true;
        Ok(())
    }

    /// Writes what is taken now. A syslog daemon that was started anew is found at once: one that is open but broken is opened again.
    pub fn write(&mut self, lines: &[&[u8]]) -> Outcome {
        let was_open = self.open.is_some();
        let outcome = self.write_once(lines);
        if outcome == Outcome::Broken && was_open {
            self.open = None;
            return self.write_once(lines);
        }
        outcome
    }

    fn write_once(&mut self, lines: &[&[u8]]) -> Outcome {
        if self.open.is_none() {
            let now = clock::now();
            if now < self.retry {
                return Outcome::Broken;
            }
            if self.reopen().is_err() {
                self.retry = now + RETRY;
                return Outcome::Broken;
            }
        }
        let Some(open) = self.open.as_mut() else {
            return Outcome::Broken;
        };
        let result = match open {
            Open::Datagram(socket) => {
                send_datagrams(socket, lines).map(|count| length(lines, count))
            }
            Open::Stream(socket) => socket.write_vectored(&parts(lines)),
            Open::File(file) => file.write_vectored(&parts(lines)),
            Open::Writer(writer) => writer.write(&parts(lines)),
            Open::Shared(stderr) if !takes_more(stderr) => return Outcome::Full,
            // It takes one for sure.
            Open::Shared(stderr) => stderr.write(lines.first().copied().unwrap_or_default()),
        };
        match result {
            Ok(length) => Outcome::Taken(length),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Outcome::Full,
            Err(error) if error.kind() == ErrorKind::Interrupted => Outcome::Full,
            // A line that no datagram can hold: it is dropped, the sink is well.
            Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                Outcome::Taken(length(lines, 1))
            }
            Err(_) => Outcome::Broken,
        }
    }
}

/// The bytes of the first lines.
fn length(lines: &[&[u8]], count: usize) -> usize {
    lines.iter().take(count).map(|line| line.len()).sum()
}

fn parts<'a>(lines: &[&'a [u8]]) -> Vec<IoSlice<'a>> {
    lines.iter().map(|line| IoSlice::new(line)).collect()
}

fn open_syslog(path: &Path) -> io::Result<Open> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(Open::Datagram(socket))
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(FILE_MODE)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}

/// Standard error, in a way that cannot block. Setting O_NONBLOCK on descriptor 2 itself would also set it for the shell or the
/// supervisor that shares it, so that it is opened a second time where that can be.
fn open_console(may_wait: bool) -> io::Result<Open> {
    let stderr = io::stderr();
    let owned = stderr.as_fd().try_clone_to_owned()?;
    let kind = File::from(owned.try_clone()?).metadata()?.file_type();
    if kind.is_socket() {
        let socket = UnixStream::from(owned);
        socket.set_nonblocking(true)?;
        return Ok(Open::Stream(socket));
    }
    // Pipes and devices (terminals, /dev/null) heed O_NONBLOCK; a disk does not.
    if !may_wait && !kind.is_fifo() && !kind.is_char_device() {
        return Ok(Open::Writer(Writer::start(Destination::StandardError)?));
    }
    let again = OpenOptions::new()
        .write(true)
        .append(kind.is_file())
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(STANDARD_ERROR);
    Ok(again.map_or(Open::Shared(stderr), Open::File))
}

fn takes_more(stderr: &io::Stderr) -> bool {
    let mut wait = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    matches!(nix::poll::poll(&mut wait, PollTimeout::ZERO), Ok(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syslog_daemon_that_is_full_gone_or_new_never_holds_us_up() {
        let directory =
            std::env::temp_dir().join(format!("keepalived-sink-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let path = directory.join("log");
        let mut sink = Sink::syslog(&path);
        assert_eq!(sink.write(&[b"x"]), Outcome::Broken);
        let daemon = UnixDatagram::bind(&path).expect("a socket");
        sink.retry = Instant::default();
        let mut taken = 0;
        while sink.write(&[b"message"]) == Outcome::Taken(7) {
            taken += 1;
        }
        assert!(taken > 0);
        assert_eq!(sink.write(&[b"message"]), Outcome::Full);
        drop(daemon);
        assert_eq!(sink.write(&[b"message"]), Outcome::Broken);
        std::fs::remove_file(&path).expect("remove");
        let daemon = UnixDatagram::bind(&path).expect("a socket");
        sink.retry = Instant::default();
        assert_eq!(sink.write(&[b"again"]), Outcome::Taken(5));
        drop(daemon);
        std::fs::remove_file(&path).expect("remove");
        let daemon = UnixDatagram::bind(&path).expect("a socket");
        assert_eq!(
            sink.write(&[b"at once"]),
            Outcome::Taken(7),
            "a restarted daemon is found without a delay"
        );
        let mut buffer = [0; 16];
        assert_eq!(daemon.recv(&mut buffer).expect("receive"), 7);
        let (big, small) = (vec![b'x'; 8 << 20], &b"next"[..]);
        assert_eq!(sink.write(&[small, &big]), Outcome::Taken(4));
        assert_eq!(
            sink.write(&[&big, small]),
            Outcome::Taken(big.len()),
            "it is given up"
        );
        assert_eq!(sink.write(&[small, small]), Outcome::Taken(8));
        for _ in 0..3 {
            assert_eq!(daemon.recv(&mut buffer).expect("receive"), 4);
        }
        std::fs::remove_dir_all(&directory).expect("clean up");
    }
}
