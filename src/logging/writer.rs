//! A process that writes log lines for one that must not wait for a disk: it copies what comes through a socket until the other end
//! is closed. A log file that was moved away (logrotate) is made anew, without being told.

use crate::os::memory;
use crate::os::process::{self, Fork, ProcessId};
use crate::time::Instant;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is read at once.
const CHUNK: usize = 16 * 1024;

/// Standard error, to be opened a second time.
pub(super) const STANDARD_ERROR: &str = "/proc/self/fd/2";
/// How a log file is opened for appending.
type OpenFile = fn(&Path) -> io::Result<File>;

/// Where the writer writes.
pub(super) enum Destination {
    /// To the file that has this name at the time.
    Named(PathBuf, OpenFile),
    /// To the file that standard error is, whatever becomes of its name.
    StandardError,
}

/// The writer, as seen by the process that it writes for.
pub(super) struct Writer {
    /// Its process.
    pub process: ProcessId,
    line: UnixStream,
}

impl Writer {
    /// Forks one.
    pub fn start(destination: Destination) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        match process::fork()? {
            Fork::Parent(process) => Ok(Writer {
                process,
                line: ours,
            }),
            // With signals held back, so that what is under way is written when all processes are told to end.
            Fork::Child(_held) => {
                // A successor of one that was killed is forked with sockets and locks in its hands.
                process::close_all_but(theirs.as_raw_fd());
                memory::give_back();
                copy(theirs, destination);
                process::exit_at_once(0)
            }
        }
    }

    /// Hands over what it takes now.
    pub fn write(&mut self, lines: &[IoSlice<'_>]) -> io::Result<usize> {
        self.line.write_vectored(lines)
    }

    /// Lets it end, and waits until it has written everything, or for so long.
    pub fn finish(self, now: impl Fn() -> Instant, limit: Duration) {
        let deadline = now() + limit;
        if self.line.shutdown(Shutdown::Write).is_err() {
            return;
        }
        // It never writes to us: what can be read is its end.
        let mut end = [PollFd::new(self.line.as_fd(), PollFlags::POLLIN)];
        loop {
            let left = deadline.since(now());
            let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
            match nix::poll::poll(&mut end, left) {
                Err(nix::errno::Errno::EINTR) => {}
                _ => return,
            }
        }
    }
}

impl AsRawFd for Writer {
    fn as_raw_fd(&self) -> RawFd {
        self.line.as_raw_fd()
    }
}

fn copy(mut from: impl Read, destination: Destination) {
    let mut chunk = [0; CHUNK];
    let mut open: Option<File> = None;
    let mut lost = 0usize;
    loop {
        let length = match from.read(&mut chunk) {
            Ok(0) => return,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let lines = chunk.get(..length).unwrap_or_default();
        if !open.as_ref().is_some_and(|file| destination.is_still(file)) {
            open = destination.open().ok();
        }
        let written = open.as_mut().is_some_and(|file| {
            let told = lost == 0 || writeln!(file, "{lost} bytes of log lost").is_ok();
            told && file.write_all(lines).is_ok()
        });
        lost = if written {
            0
        } else {
            lost.saturating_add(length)
        };
    }
}

impl Destination {
    fn open(&self) -> io::Result<File> {
        match self {
            Destination::Named(path, open) => open(path),
            // At its end, where other processes write, too; a file that may not be opened again is written to as it came.
            Destination::StandardError => OpenOptions::new()
                .append(true)
                .open(STANDARD_ERROR)
                .or_else(|_| Ok(File::from(io::stderr().as_fd().try_clone_to_owned()?))),
        }
    }

    /// Whether this is still the file to write to.
    fn is_still(&self, file: &File) -> bool {
        let Destination::Named(path, _) = self else {
            return true;
        };
        match (file.metadata(), fs::metadata(path)) {
            (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).open(path)
    }

    /// Runs something before the second piece is read.
    struct Pieces<F>(u8, F);

    impl<F: FnMut()> Read for Pieces<F> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            if self.0 == 2 {
                (self.1)();
            }
            let piece: &[u8] = match self.0 {
                1 => b"one\n",
                2 => b"two\n",
                _ => b"",
            };
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    #[test]
    fn a_file_that_is_moved_away_is_made_anew_and_what_is_lost_is_said() {
        let directory = std::env::temp_dir().join(format!("log-writer-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        let (path, old) = (directory.join("k.log"), directory.join("k.log.1"));
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        let rotate = || fs::rename(&path, &old).expect("rename");
        copy(Pieces(0, rotate), Destination::Named(path.clone(), open));
        assert_eq!(
            (read(&old).as_str(), read(&path).as_str()),
            ("one\n", "two\n")
        );
        // A directory in its place cannot be written to, until it is gone.
        fs::remove_file(&path).expect("remove");
        fs::create_dir(&path).expect("a directory in the way");
        let clear = || fs::remove_dir(&path).expect("remove");
        copy(Pieces(0, clear), Destination::Named(path.clone(), open));
        assert_eq!(read(&path), "4 bytes of log lost\ntwo\n");
        fs::remove_dir_all(&directory).expect("clean up");
    }
}
