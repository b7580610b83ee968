//! The processes of this host as `/proc` shows them, and the socket on which the kernel tells of them.

use super::netlink::Netlink;
use nix::sched::{CloneFlags, setns};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;

/// A process.
pub type Pid = i32;

/// The inode of the first process namespace (`PROC_PID_INIT_INO`), the only one whose numbers the kernel tells.
const FIRST_PROCESS_NAMESPACE: u64 = 0xeffffffc;
/// Our network namespace, and that of the first process.
const OWN_NETWORK: &str = "/proc/self/ns/net";
const FIRST_NETWORK: &str = "/proc/1/ns/net";

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
    let open = || Netlink::open(libc::NETLINK_CONNECTOR, &[group]);
    let network = |path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    // Nothing is told outside of the first network namespace; a socket stays where it was made.
    if network(OWN_NETWORK)? == network(FIRST_NETWORK)? {
        return open();
    }
    let own = File::open(OWN_NETWORK)?;
    setns(File::open(FIRST_NETWORK)?, CloneFlags::CLONE_NEWNET)?;
    let opened = open();
    // Whatever is started from here on belongs where it was: better no process than one elsewhere.
    if setns(own, CloneFlags::CLONE_NEWNET).is_err() {
        super::process::exit_at_once(libc::EXIT_FAILURE);
    }
    opened
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
