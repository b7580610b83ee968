//! A named pipe that is written to without ever waiting for a reader.

use super::check_size;
use crate::config::world::Account;
use nix::errno::Errno;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, mkfifo};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Everybody may read, the umask permitting.
const MODE: Mode = Mode::from_bits_truncate(0o644);

/// An open FIFO.
pub struct Fifo {
    file: File,
    path: PathBuf,
    /// It was made here.
    made: bool,
}

impl Fifo {
    /// Opens a FIFO, which is made when there is none.
    ///
    /// # Errors
    /// Something else is there, or it cannot be made or opened.
    pub fn open(path: &Path, owner: Account) -> io::Result<Self> {
        let made = match mkfifo(path, MODE) {
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
        Ok(Fifo {
            file,
            path: path.to_owned(),
            made,
        })
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

    /// Takes it away, if it was made here; what somebody else has put into its place stays.
    pub fn remove(self) {
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

    #[test]
    fn what_took_its_place_is_not_taken_away() {
        let path = std::env::temp_dir().join(format!("fifo-{}", std::process::id()));
        let owner = Account {
            uid: getuid().as_raw(),
            gid: getgid().as_raw(),
            all_groups: false,
        };
        let fifo = Fifo::open(&path, owner).expect("a FIFO");
        assert!(fifo.is_there());
        fs::remove_file(&path).expect("it is there");
        assert!(!fifo.is_there());
        fs::write(&path, "somebody's").expect("a file");
        assert!(!fifo.is_there());
        fifo.remove();
        assert_eq!(fs::read(&path).expect("it stays"), b"somebody's");
        assert!(Fifo::open(&path, owner).is_err(), "no FIFO");
        fs::remove_file(&path).expect("it is there");
        Fifo::open(&path, owner).expect("a FIFO").remove();
        assert!(!path.exists());
    }
}
