//! The processes of this host as `/proc` shows them, and the socket on which the kernel tells of them.

use super::netlink::Netlink;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

/// A process.
pub type Pid = i32;

/// The inode of the first process namespace (`PROC_PID_INIT_INO`), the only one whose numbers the kernel tells.
const FIRST_PROCESS_NAMESPACE: u64 = 0xeffffffc;

/// The numbers of all processes.
pub fn all() -> io::Result<impl Iterator<Item = Pid>> {
    let entries = fs::read_dir("/proc")?.filter_map(Result::ok);
    Ok(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

/// `/proc/PID/stat`.
pub fn stat(pid: Pid) -> io::Result<Vec<u8>> {
    fs::read(format!("/proc/{pid}/stat"))
}

/// `/proc/PID/cmdline`: the words of the command line with a NUL behind each. May have to wait until it is read from a disk.
pub fn command_line(pid: Pid) -> io::Result<Vec<u8>> {
    fs::read(format!("/proc/{pid}/cmdline"))
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
        assert!(all().expect("/proc").any(|pid| pid == own));
        let stat = stat(own).expect("it lives");
        assert!(stat.starts_with(format!("{own} (").as_bytes()));
        let line = command_line(own).expect("it lives");
        assert!(line.ends_with(&[0]));
    }
}
