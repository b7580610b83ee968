//! Dump files are written by a child process: it has a picture of this one at the moment of the fork, and neither making the text of
//! thousands of instances nor a slow disk delays an advert.

use crate::os::process::{self, End, Fork, ProcessId};
use crate::role::dump;
use log::error;
use std::path::PathBuf;

/// The exit status of a writer that failed without an errno.
const STATUS_OTHER: i32 = 255;

/// The writers that have not ended.
#[derive(Default)]
pub(super) struct Dumps {
    writers: Vec<(ProcessId, PathBuf)>,
}

impl Dumps {
    /// Has `text` made and written to this file.
    pub fn write(&mut self, path: PathBuf, text: impl FnOnce() -> String) {
        match process::fork() {
            Ok(Fork::Parent(writer)) => self.writers.push((writer, path)),
            // Signals stay held back: their handler would speak to the loop of the old process. So do log lines.
            Ok(Fork::Child(_held)) => {
                // By our descriptors it is seen that the role has ended, which a slow disk would hide.
                process::close_all_but(libc::STDERR_FILENO);
                let written = dump::write(&path, text().as_bytes());
                let status = written
                    .map_or_else(|error| error.raw_os_error().unwrap_or(STATUS_OTHER), |()| 0);
                std::process::exit(status);
            }
            Err(error) => error!("Cannot write {}: {error}", path.display()),
        }
    }

    /// Takes leave of writers that have ended.
    pub fn reap(&mut self) {
        while !self.writers.is_empty() {
            let Some((ended, end)) = process::ended_child() else {
                return;
            };
            let Some(place) = self.writers.iter().position(|(writer, _)| *writer == ended) else {
                continue;
            };
            let (_, path) = self.writers.swap_remove(place);
            match end {
                End::Status(0) => {}
                End::Status(errno) => error!(
                    "Cannot write {}: {}",
                    path.display(),
                    std::io::Error::from_raw_os_error(errno)
                ),
                End::Signal(signal) => error!(
                    "Cannot write {}: the writer was ended by signal {signal}",
                    path.display()
                ),
            }
        }
    }
}
