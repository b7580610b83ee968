//! Pid files: locked for as long as the process lives, so that a second daemon cannot start and a stale file does no harm.

use super::check;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Everybody may read it, nobody else may write it (CVE-2011-1784).
const MODE: u32 = 0o644;

/// A locked pid file; removed when dropped.
pub struct PidFile {
    path: PathBuf,
    file: Option<File>,
}

/// Why there is none.
#[derive(Debug)]
pub enum Failure {
    /// Another process holds it.
    Running,
    /// It cannot be made.
    Io(io::Error),
}

impl PidFile {
    /// Makes and locks the file; its old content stays until `write`.
    pub fn lock(path: &Path) -> Result<Self, Failure> {
        // Someone who is just ending may remove the file between our opening and locking it: then there is a new one to be made.
        for _ in 0..ATTEMPTS {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(MODE)
                .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
                .open(path)
                .map_err(Failure::Io)?;
            // SAFETY: no pointers. The lock belongs to the open file: children share it until they close theirs.
            match check(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) }) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(Failure::Running);
                }
                Err(error) => return Err(Failure::Io(error)),
            }
            let ours = file.metadata().map_err(Failure::Io)?;
            if !ours.is_file() {
                return Err(Failure::Io(io::Error::other("not a regular file")));
            }
            if fs::symlink_metadata(path)
                .is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino()))
            {
                return Ok(PidFile {
                    path: path.to_owned(),
                    file: Some(file),
                });
            }
        }
        Err(Failure::Running)
    }

    /// Writes the id of this process.
    pub fn write(&mut self) -> io::Result<()> {
        let Some(file) = self.file.as_mut() else {
            return Ok(());
        };
        // The umask of a daemon would take the readers' bits away.
        file.set_permissions(Permissions::from_mode(MODE))?;
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())
    }

    /// Closes the file without removing it: it is the parent's, and this is a child.
    pub fn abandon(mut self) {
        self.file = None;
    }
}

/// How often a file that is removed under our hands is made again.
const ATTEMPTS: u32 = 10;

impl Drop for PidFile {
    fn drop(&mut self) {
        if self.file.is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> PathBuf {
        let directory =
            std::env::temp_dir().join(format!("keepalived-pid-{}-{name}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        directory.join("k.pid")
    }

    #[test]
    fn a_held_file_cannot_be_had_a_second_time_and_is_readable_by_all() {
        let path = place("held");
        fs::write(&path, "99999999 left by a crash\n").expect("write");
        let mut held = PidFile::lock(&path).expect("a stale file is no obstacle");
        held.write().expect("write");
        assert_eq!(
            fs::read_to_string(&path).expect("read"),
            format!("{}\n", std::process::id())
        );
        assert_eq!(fs::metadata(&path).expect("metadata").mode() & 0o777, MODE);
        assert!(matches!(PidFile::lock(&path), Err(Failure::Running)));
        drop(held);
        assert!(!path.exists());
        PidFile::lock(&path).expect("free again").abandon();
        assert!(path.exists());
        fs::remove_dir_all(path.parent().expect("a directory")).expect("clean up");
    }

    #[test]
    fn symbolic_links_and_fifos_are_refused() {
        let path = place("link");
        let target = path.with_extension("target");
        std::os::unix::fs::symlink(&target, &path).expect("link");
        assert!(matches!(PidFile::lock(&path), Err(Failure::Io(_))));
        assert!(!target.exists());
        fs::remove_file(&path).expect("remove");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("fifo");
        assert!(matches!(PidFile::lock(&path), Err(Failure::Io(_))));
        fs::remove_dir_all(path.parent().expect("a directory")).expect("clean up");
    }
}
