//! A named pipe that is written to without ever waiting for a reader.

use super::check_size;
use crate::config::world::Account;
use nix::errno::Errno;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Uid, mkfifo};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Everybody may read, the umask permitting.
const MODE: Mode = Mode::from_bits_truncate(0o644);
/// Says that who made a FIFO leaves taking it away to whom it is opened for next. It means nothing else there, and is set from the
/// moment on in which the FIFO is found: two processes that begin at once need not ask each other.
const LEFT: Mode = Mode::S_ISVTX;

/// An open FIFO.
pub struct Fifo {
    file: File,
    path: PathBuf,
    /// It was made here, or was left to us.
    made: bool,
}

impl Fifo {
    /// Opens a FIFO, which is made when there is none. `keeps`: takes it away at the end when it was made here; else that is left to
    /// another process of ours, which keeps it.
    ///
    /// # Errors
    /// Something else is there, or it cannot be made or opened.
    pub fn open(path: &Path, owner: Account, keeps: bool) -> io::Result<Self> {
        let mode = if keeps { MODE } else { MODE | LEFT };
        let made = match mkfifo(path, mode) {
            Ok(()) => true,
            Err(Errno::EEXIST) => false,
            Err(error) => return Err(error.into()),
        };
        // Open for reading, too: so a write succeeds before there is a reader, and when the last one has gone.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW)
            .open(path)?;
        if !file.metadata()?.file_type().is_fifo() {
            return Err(io::Error::new(
                ErrorKind::AlreadyExists,
                "it is there and no FIFO",
            ));
        }
        if made {
            let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
            nix::unistd::fchown(&file, Some(uid), Some(gid))?;
        }
        let mut fifo = Fifo {
            file,
            path: path.to_owned(),
            made: made && keeps,
        };
        if keeps {
            fifo.take_over();
        }
        Ok(fifo)
    }

    /// Leaves taking it away to another process of ours, which may have opened it already.
    pub fn leave(&mut self) {
        if std::mem::take(&mut self.made)
            && let Ok(mode) = self.mode()
        {
            let _ = fchmod(&self.file, mode | LEFT);
        }
    }

    /// If it was left to us, it shall be taken away as if it was made here.
    fn take_over(&mut self) {
        if let Ok(mode) = self.mode()
            && mode.contains(LEFT)
        {
            self.made = true;
            let _ = fchmod(&self.file, mode - LEFT);
        }
    }

    fn mode(&self) -> io::Result<Mode> {
        Ok(Mode::from_bits_truncate(self.file.metadata()?.mode()))
    }

    /// Writes a line, all of it or none.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room.
    pub fn write(&self, line: &[u8]) -> io::Result<()> {
        // SAFETY: the buffer is `line`. Up to PIPE_BUF bytes are written at once or not at all.
        let written = check_size(unsafe {
            libc::write(self.file.as_raw_fd(), line.as_ptr().cast(), line.len())
        })?;
        if written < line.len() {
            return Err(ErrorKind::WriteZero.into());
        }
        Ok(())
    }

    /// Whether it is still what is found at its path.
    pub fn is_there(&self) -> bool {
        let found = fs::symlink_metadata(&self.path);
        let (Ok(found), Ok(ours)) = (found, self.file.metadata()) else {
            return false;
        };
        (found.dev(), found.ino()) == (ours.dev(), ours.ino())
    }

    /// Takes it away, if it was made here or left to us; what somebody else has put into its place stays.
    pub fn remove(mut self) {
        self.take_over();
        if self.made && self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
    }

    /// It shall be taken away as if it was made here: the process that made it is gone.
    pub fn inherit(&mut self) {
        self.made = true;
    }
}

impl AsRawFd for Fifo {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::{getgid, getuid};

    fn owner() -> Account {
        Account {
            uid: getuid().as_raw(),
            gid: getgid().as_raw(),
            all_groups: false,
        }
    }

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("{name}-{}", std::process::id()))
    }

    #[test]
    fn what_took_its_place_is_not_taken_away() {
        let (path, owner) = (path("fifo"), owner());
        let fifo = Fifo::open(&path, owner, true).expect("a FIFO");
        assert!(fifo.is_there());
        fs::remove_file(&path).expect("it is there");
        assert!(!fifo.is_there());
        fs::write(&path, "somebody's").expect("a file");
        assert!(!fifo.is_there());
        fifo.remove();
        assert_eq!(fs::read(&path).expect("it stays"), b"somebody's");
        assert!(Fifo::open(&path, owner, true).is_err(), "no FIFO");
        fs::remove_file(&path).expect("it is there");
        Fifo::open(&path, owner, true).expect("a FIFO").remove();
        assert!(!path.exists());
    }

    /// Of two processes that write to one, one keeps it: it is taken away whoever comes first, unless it was there before both.
    #[test]
    fn what_another_process_made_is_taken_away_by_who_keeps_it() {
        let (path, owner) = (path("fifo-of-two"), owner());
        let open = |keeps| Fifo::open(&path, owner, keeps).expect("a FIFO");
        let mode = || fs::metadata(&path).expect("it is there").mode();
        let other = open(false);
        let keeper = open(true);
        assert_eq!(mode() & LEFT.bits(), 0, "nobody need see that");
        drop(other);
        keeper.remove();
        assert!(!path.exists());
        // Who comes second finds that it is to keep it later.
        let (mut first, keeper) = (open(true), open(true));
        first.leave();
        drop(first);
        keeper.remove();
        assert!(!path.exists());
        mkfifo(&path, MODE).expect("a FIFO");
        let (mut first, keeper) = (open(true), open(true));
        first.leave();
        keeper.remove();
        assert!(path.exists(), "somebody else's");
        fs::remove_file(&path).expect("it is there");
    }
}
