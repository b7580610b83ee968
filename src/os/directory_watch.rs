//! Learns what happens to the files of many directories, and to the directories themselves.

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::Path;

/// A file that is being written counts when its writer closes it; one that is made may be a link to another that was written before.
const FILES: AddWatchFlags = AddWatchFlags::IN_CLOSE_WRITE
    .union(AddWatchFlags::IN_CREATE)
    .union(AddWatchFlags::IN_MOVE)
    .union(AddWatchFlags::IN_DELETE);
/// The name of a directory is another's from now on, or nobody's.
const ITSELF: AddWatchFlags = AddWatchFlags::IN_DELETE_SELF.union(AddWatchFlags::IN_MOVE_SELF);
/// For every watch: only directories, and what is watched already stays so.
const HOW: AddWatchFlags =
    AddWatchFlags::IN_ONLYDIR.union(AddWatchFlags::from_bits_retain(libc::IN_MASK_ADD));

/// What was told.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Something happened to files of these names, in whichever directory.
    pub names: HashSet<OsString>,
    /// Directories have moved or gone, or more happened than could be told: watch anew.
    pub is_stale: bool,
}

/// Watches directories.
pub struct DirectoryWatch(Inotify);

impl DirectoryWatch {
    /// Watches none yet.
    pub fn new() -> io::Result<Self> {
        let flags = InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC;
        Ok(DirectoryWatch(Inotify::init(flags)?))
    }

    /// Watches the files of a directory, and every directory on the way to it.
    ///
    /// # Errors
    /// It is not there, or the system watches no more.
    pub fn add(&self, directory: &Path) -> io::Result<()> {
        self.0.add_watch(directory, FILES | ITSELF | HOW)?;
        for above in directory.ancestors().skip(1) {
            if !above.as_os_str().is_empty() {
                self.0.add_watch(above, ITSELF | HOW)?;
            }
        }
        Ok(())
    }

    /// Takes what was told.
    pub fn take(&self) -> Told {
        let mut told = Told::default();
        let stale = ITSELF
            | AddWatchFlags::IN_UNMOUNT
            | AddWatchFlags::IN_Q_OVERFLOW
            | AddWatchFlags::IN_IGNORED;
        loop {
            match self.0.read_events() {
                Ok(events) => {
                    for event in events {
                        told.is_stale |= event.mask.intersects(stale);
                        told.names.extend(event.name);
                    }
                }
                Err(Errno::EINTR) => {}
                Err(_) => return told,
            }
        }
    }
}

impl AsRawFd for DirectoryWatch {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_are_told_by_name_and_directories_that_go_make_it_stale() {
        let top = std::env::temp_dir().join(format!("directory-watch-{}", std::process::id()));
        let directory = top.join("a/b");
        fs::create_dir_all(&directory).expect("a directory");
        let watch = DirectoryWatch::new().expect("a watch");
        watch.add(&directory).expect("it is there");
        let named = |names: &[&str]| Told {
            names: names.iter().map(OsString::from).collect(),
            is_stale: false,
        };
        fs::write(directory.join("x"), "1").expect("write");
        fs::write(top.join("y"), "1").expect("nobody asked");
        assert_eq!(watch.take(), named(&["x"]));
        fs::rename(directory.join("x"), directory.join("z")).expect("rename");
        assert_eq!(watch.take(), named(&["x", "z"]));
        fs::remove_file(directory.join("z")).expect("remove");
        assert_eq!(watch.take(), named(&["z"]));
        fs::rename(top.join("a"), top.join("c")).expect("rename above");
        assert!(watch.take().is_stale);
        assert!(watch.add(&directory).is_err(), "it has another name now");
        watch.add(&top.join("c/b")).expect("it is there");
        fs::remove_dir_all(&top).expect("clean up");
        assert!(watch.take().is_stale);
    }
}
