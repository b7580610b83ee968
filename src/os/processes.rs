//! The processes of this host as `/proc` shows them, and the socket on which the kernel tells of them.

use super::netlink::Netlink;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;

/// A process.
pub type Pid = i32;

/// The inode of the first process namespace (`PROC_PID_INIT_INO`), the only one whose numbers the kernel tells.
const FIRST_PROCESS_NAMESPACE: u64 = 0xeffffffc;

/// The numbers of all processes.
///
/// # Errors
/// They cannot be known: this host has no room for another descriptor, for instance.
pub fn all() -> io::Result<Vec<Pid>> {
    let entries: Vec<_> = fs::read_dir("/proc")?.collect::<Result<_, _>>()?;
    let numbers = entries.iter();
    Ok(numbers
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect())
}

/// `/proc/PID/stat`; `None`: there is no such process.
///
/// # Errors
/// That cannot be known.
pub fn stat(pid: Pid) -> io::Result<Option<Vec<u8>>> {
    read(&format!("/proc/{pid}/stat"))
}

/// `/proc/PID/cmdline`: the words of the command line with a NUL behind each. May have to wait until it is read from a disk.
///
/// # Errors
/// As of `stat`.
pub fn command_line(pid: Pid) -> io::Result<Option<Vec<u8>>> {
    read(&format!("/proc/{pid}/cmdline"))
}

fn read(path: &str) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        // What is hidden from us is not there either.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::PermissionDenied
            ) || error.raw_os_error() == Some(libc::ESRCH) =>
        {
            Ok(None)
        }
        read => read.map(Some),
    }
}

/// A socket that hears of processes once it was asked for (`wire::process_event::request`).
///
/// # Errors
/// This process numbers processes otherwise than the kernel, or must not hear of them.
pub fn events(group: u32) -> io::Result<Netlink> {
    if fs::metadata("/proc/self/ns/pid")?.ino() != FIRST_PROCESS_NAMESPACE {
        return Err(io::Error::other(
            "in this process namespace processes have other numbers",
        ));
    }
    Netlink::open(libc::NETLINK_CONNECTOR, &[group])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found() {
        let own = Pid::try_from(std::process::id()).expect("a number");
        assert!(all().expect("/proc").contains(&own));
        assert_eq!(super::stat(Pid::MAX).expect("/proc"), None);
        let stat = stat(own).expect("/proc").expect("it lives");
        assert!(stat.starts_with(format!("{own} (").as_bytes()));
        let line = command_line(own).expect("/proc").expect("it lives");
        assert!(line.ends_with(&[0]));
    }
}
