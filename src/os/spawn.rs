//! Starting a program of the user: in a session of its own, as another account, with nothing of ours in its hands.
//!
//! Only a process that may wait calls this: the kernel reads the program from a disk before the call returns.

use super::check;
use super::process::ProcessId;
use crate::config::model::Command;
use nix::errno::Errno;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask};
use nix::unistd::{Gid, Uid, geteuid, setgid, setgroups, setsid, setuid};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

/// What programs must not take over from our environment: sockets and names that service managers give to us alone, and what makes
/// a loader or a shell run something else first.
const PRIVATE: [&str; 10] = [
    "NOTIFY_SOCKET",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "CREDENTIALS_DIRECTORY",
    "BASH_ENV",
    "ENV",
    "IFS",
];
/// The same, by what the name begins with.
const PRIVATE_PREFIXES: [&str; 2] = ["LD_", "BASH_FUNC_"];
/// Where programs are looked for when the environment does not say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The first descriptor behind the standard streams.
const FIRST_OTHER: libc::c_uint = 3;
/// `NSIG` of Linux: one more than the last signal.
const SIGNALS_END: i32 = 32;

/// Starts a program. It leads a session and a process group whose number is its own.
///
/// # Errors
/// The account cannot be taken on, or the program cannot be run.
pub fn spawn(command: &Command) -> io::Result<ProcessId> {
    spawn_telling(command, || Ok(()))
}

/// The same; `tell` is called in the new process, the last thing before the program takes its place. Descriptors of ours are open for
/// as long. It must make system calls only: allocate nothing, take no lock.
///
/// # Errors
/// As above, and what `tell` says, which keeps the program from being run.
pub fn spawn_telling(
    command: &Command,
    mut tell: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) -> io::Result<ProcessId> {
    let (name, arguments) = command
        .arguments
        .split_first()
        .ok_or(ErrorKind::InvalidInput)?;
    let user = Uid::from_raw(command.account.uid);
    let own = std::iter::once(&command.account.gid);
    let groups: Vec<Gid> = own
        .chain(&command.groups)
        .copied()
        .map(Gid::from_raw)
        .collect();
    let mut child = std::process::Command::new(&command.program);
    child
        .arg0(OsStr::from_bytes(name))
        .args(arguments.iter().map(|argument| OsStr::from_bytes(argument)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if command.directory.is_dir() {
        child.current_dir(&command.directory);
    }
    for (name, _) in std::env::vars_os() {
        let bytes = name.as_bytes();
        let private = PRIVATE.iter().any(|known| bytes == known.as_bytes())
            || PRIVATE_PREFIXES
                .iter()
                .any(|prefix| bytes.starts_with(prefix.as_bytes()));
        if private {
            child.env_remove(name);
        }
    }
    if std::env::var_os("PATH").is_none() {
        child.env("PATH", PATH);
    }
    // SAFETY: between fork and exec only system calls are made: nothing is allocated and no lock is taken.
    unsafe {
        child.pre_exec(move || {
            become_program(user, &groups)?;
            tell()
        })
    };
    let child = child.spawn()?;
    ProcessId::try_from(child.id()).map_err(io::Error::other)
}

fn become_program(user: Uid, groups: &[Gid]) -> io::Result<()> {
    setsid()?;
    // A handled signal is back at its default after exec by itself; one that is ignored is not.
    for number in 1..SIGNALS_END {
        if let Ok(number) = Signal::try_from(number) {
            // SAFETY: sets no handler.
            let _ = unsafe { signal(number, SigHandler::SigDfl) };
        }
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    // SAFETY: marks descriptors of this process, which run no code of ours any more.
    check(unsafe {
        libc::syscall(
            libc::SYS_close_range,
            FIRST_OTHER,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        ) as i32
    })
    .or_else(without_close_range)?;
    take_on(user, groups)
}

/// Kernels before 5.11: every descriptor of ours is closed at exec anyway.
fn without_close_range(error: io::Error) -> io::Result<i32> {
    match error.raw_os_error() {
        Some(libc::ENOSYS | libc::EINVAL) => Ok(0),
        _ => Err(error),
    }
}

/// Becomes a user with these groups, its own the first. A process that is that user already and may not set groups stays as it is.
fn take_on(user: Uid, groups: &[Gid]) -> io::Result<()> {
    match setgroups(groups) {
        Err(Errno::EPERM) if geteuid() == user => return Ok(()),
        result => result?,
    }
    if let Some(own) = groups.first() {
        setgid(*own)?;
    }
    Ok(setuid(user)?)
}

/// Asks whether a file can be opened for reading, as `</path` does.
pub fn can_be_read(path: &[u8]) -> io::Result<()> {
    File::open(OsStr::from_bytes(path)).map(drop)
}

/// What programs leave behind when they end becomes a child of this process, so that it is taken leave of here.
pub fn adopt_orphans() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}
