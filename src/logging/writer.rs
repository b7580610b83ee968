//! A process that writes a log file for one that must not wait for a disk: it copies what comes through a socket until the other end
//! is closed. A file that was moved away (logrotate) is made anew, without being told.

use crate::os::process::{self, Fork};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// What is read at once.
const CHUNK: usize = 16 * 1024;

/// Forks the writer of a file; what is returned takes its lines and never blocks. `open` opens the file for appending.
pub(super) fn start(path: &Path, open: fn(&Path) -> io::Result<File>) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    match process::fork()? {
        Fork::Parent(_) => Ok(ours),
        // With signals held back, so that what is under way is written when all processes are told to end.
        Fork::Child(_held) => {
            drop(ours);
            copy(theirs, path, open);
            process::exit_at_once(0)
        }
    }
}

fn copy(mut from: impl Read, path: &Path, open: fn(&Path) -> io::Result<File>) {
    let mut chunk = [0; CHUNK];
    let mut file: Option<File> = None;
    let mut lost = 0usize;
    loop {
        let length = match from.read(&mut chunk) {
            Ok(0) => return,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let lines = chunk.get(..length).unwrap_or_default();
        if !file.as_ref().is_some_and(|file| is_still_at(file, path)) {
            file = open(path).ok();
        }
        let written = file.as_mut().is_some_and(|file| {
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

fn is_still_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

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
        copy(Pieces(0, rotate), &path, open);
        assert_eq!(
            (read(&old).as_str(), read(&path).as_str()),
            ("one\n", "two\n")
        );
        // A directory in its place cannot be written to, until it is gone.
        fs::remove_file(&path).expect("remove");
        fs::create_dir(&path).expect("a directory in the way");
        let clear = || fs::remove_dir(&path).expect("remove");
        copy(Pieces(0, clear), &path, open);
        assert_eq!(read(&path), "4 bytes of log lost\ntwo\n");
        fs::remove_dir_all(&directory).expect("clean up");
    }
}
