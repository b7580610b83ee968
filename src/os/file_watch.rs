//! Learns when a file of a given name appears, changes or goes away, whether it is there now or not.

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::Path;

/// Watches the directory of a file for what happens to that file.
pub struct FileWatch {
    inotify: Inotify,
    name: OsString,
}

impl FileWatch {
    /// Of a file whose directory exists.
    pub fn new(path: &Path) -> io::Result<Self> {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        // A file that is being written counts when its writer closes it.
        let what = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_ONLYDIR;
        inotify.add_watch(directory, what)?;
        Ok(FileWatch {
            inotify,
            name: name.to_owned(),
        })
    }

    /// Takes what was told; whether it concerns the file.
    pub fn changed(&self) -> bool {
        let mut changed = false;
        loop {
            match self.inotify.read_events() {
                Ok(events) => {
                    changed |= events.iter().any(|event| {
                        // Without a name: told too much at once, or the directory has gone.
                        event.name.as_ref().is_none_or(|name| *name == self.name)
                    });
                }
                Err(Errno::EINTR) => {}
                Err(_) => return changed,
            }
        }
    }
}

impl AsRawFd for FileWatch {
    fn as_raw_fd(&self) -> RawFd {
        self.inotify.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_happens_to_the_file_is_told_and_nothing_else() {
        let directory = std::env::temp_dir().join(format!("file-watch-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        let file = directory.join("when");
        let watch = FileWatch::new(&file).expect("a watch");
        fs::write(directory.join("other"), "x").expect("write");
        assert!(!watch.changed());
        fs::write(&file, "x").expect("write");
        assert!(watch.changed() && !watch.changed());
        fs::rename(&file, directory.join("away")).expect("rename");
        assert!(watch.changed());
        fs::rename(directory.join("away"), &file).expect("rename");
        assert!(watch.changed());
        fs::remove_file(&file).expect("remove");
        assert!(watch.changed());
        fs::remove_dir_all(&directory).expect("clean up");
        assert!(FileWatch::new(&file).is_err(), "no directory");
    }
}
