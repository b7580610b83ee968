//! Processes: forking a role, becoming a daemon, learning of the end of children, what a process may do.

use super::{check, schedule};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, chdir, getpid, getppid, setsid};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::sync::OnceLock;

/// A process id.
pub type ProcessId = i32;

/// Which side of a fork this is.
#[derive(Debug)]
pub enum Fork {
    /// The old process; the id of the new one.
    Parent(ProcessId),
    /// The new process. All signals are held back until `Held` is dropped.
    Child(Held),
}

/// Signals are held back for as long as this lives.
#[derive(Debug)]
pub struct Held(SigSet);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.0), None);
    }
}

/// Holds all signals back.
pub(super) fn hold_signals() -> io::Result<Held> {
    hold(&SigSet::all())
}

/// Holds signals back until somebody listens to them, but for those that are to end a program whatever it does.
pub fn hold_most_signals() -> io::Result<Held> {
    let mut most = SigSet::all();
    for signal in [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTSTP,
    ] {
        most.remove(signal);
    }
    hold(&most)
}

fn hold(signals: &SigSet) -> io::Result<Held> {
    let mut before = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(signals), Some(&mut before))?;
    Ok(Held(before))
}

/// Forks. The child gets SIGTERM when this process ends, a session of its own, so that a terminal's ^C reaches the parent alone, and
/// none of this process's priorities.
pub fn fork() -> io::Result<Fork> {
    let parent = getpid();
    let held = hold_signals()?;
    // SAFETY: this process has one thread, so the child's memory is whole and no lock is held by a thread that is not there.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Fork::Parent(child.as_raw())),
        ForkResult::Child => {
            schedule::be_ordinary();
            let _ = setsid();
            let _ = prctl::set_pdeathsig(Signal::SIGTERM);
            // The parent may have ended before the line above.
            if getppid() != parent {
                std::process::exit(0);
            }
            Ok(Fork::Child(held))
        }
    }
}

/// This process, a fork, goes with its parent even if it hangs.
pub fn be_killed_with_parent() {
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
}

/// Leaves the terminal and the caller. The caller's process waits until it is told the exit status through what is returned, so that
/// whoever started the daemon finds its pid file written, or learns that it could not start.
pub fn daemonise(keep_stderr: bool) -> io::Result<Starter> {
    let (told, tell) = io::pipe()?;
    // SAFETY: this process has one thread, so the child's memory is whole.
    if let ForkResult::Parent { .. } = unsafe { nix::unistd::fork() }? {
        drop(tell);
        exit_as_told(told);
    }
    drop(told);
    setsid()?;
    // SAFETY: as above. The second fork gives up the session's leadership, and with it the chance to acquire a terminal.
    if let ForkResult::Parent { .. } = unsafe { nix::unistd::fork() }? {
        exit_at_once(0);
    }
    chdir("/")?;
    let null = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    for standard in 0..=if keep_stderr { 1 } else { 2 } {
        // SAFETY: both are open descriptors; the standard streams' owners do not mind where they lead.
        check(unsafe { libc::dup2(null.as_raw_fd(), standard) })?;
    }
    Ok(Starter(tell))
}

/// The process that started the daemon, and still waits.
pub struct Starter(io::PipeWriter);

impl Starter {
    /// Lets it go with this exit status.
    pub fn release(mut self, status: u8) {
        let _ = self.0.write_all(&[status]);
    }
}

fn exit_as_told(mut told: io::PipeReader) -> ! {
    let mut status = [0];
    match told.read(&mut status) {
        Ok(1) => exit_at_once(i32::from(status[0])),
        _ => exit_at_once(1),
    }
}

/// Ends this process without a word: its buffers and files are those of the process it was forked from or into.
pub fn exit_at_once(status: i32) -> ! {
    // SAFETY: does not return, and runs nothing of ours.
    unsafe { libc::_exit(status) }
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With an exit status.
    Status(i32),
    /// By a signal.
    Signal(i32),
}

/// The next child that ended, if any; also one that is not ours but was left to us, as happens to process 1.
pub fn ended_child() -> Option<(ProcessId, End)> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) => {
                return Some((pid.as_raw(), End::Status(status)));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) => {
                return Some((pid.as_raw(), End::Signal(signal as i32)));
            }
            Err(Errno::EINTR) => {}
            Ok(WaitStatus::StillAlive) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// Whether a child has ended, which is asked until it has.
pub fn has_ended(child: ProcessId) -> bool {
    !matches!(
        waitpid(Pid::from_raw(child), Some(WaitPidFlag::WNOHANG)),
        Ok(WaitStatus::StillAlive) | Err(Errno::EINTR)
    )
}

/// Ends a process at once.
pub fn kill_now(pid: ProcessId) -> io::Result<()> {
    Ok(kill(Pid::from_raw(pid), Signal::SIGKILL)?)
}

/// Allows core files of any size, of a daemon that changed its user too.
pub fn allow_core_dumps() -> io::Result<()> {
    setrlimit(
        Resource::RLIMIT_CORE,
        libc::RLIM_INFINITY,
        libc::RLIM_INFINITY,
    )?;
    Ok(prctl::set_dumpable(true)?)
}

/// Closes every descriptor but the standard streams and this one: for a forked process that goes its own way. Whatever owned the
/// others must not be used, nor dropped, afterwards.
pub fn close_all_but(kept: RawFd) {
    const FIRST_OTHER: RawFd = 3;
    let ranges = [
        (FIRST_OTHER, kept.saturating_sub(1)),
        (kept.saturating_add(1), RawFd::MAX),
    ];
    for (first, last) in ranges.into_iter().filter(|(first, last)| first <= last) {
        // SAFETY: the caller gives up what owned the descriptors.
        let closed = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        if closed == 0 {
            continue;
        }
        // Kernels before 5.9; there are never more than the limit on descriptors says.
        let most = nix::unistd::sysconf(nix::unistd::SysconfVar::OPEN_MAX)
            .ok()
            .flatten();
        let most = most
            .and_then(|most| RawFd::try_from(most).ok())
            .unwrap_or(1024);
        for descriptor in first..=last.min(most) {
            // SAFETY: as above.
            unsafe { libc::close(descriptor) };
        }
    }
}

/// What this process is called in lists of processes; of a longer name the first 15 bytes.
pub fn set_name(name: &str) {
    // A name with a NUL byte cannot come out of a configuration, and a name is nothing to fail for.
    if let Ok(name) = std::ffi::CString::new(name) {
        let _ = prctl::set_name(&name);
    }
}

/// Mode bits that new files shall not have.
pub fn set_umask(mask: u32) {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(mask));
}

/// The network namespace of this process.
const OWN_NETWORK: &str = "/proc/self/ns/net";
/// The one that the daemon was started in, since it has left it.
static ORIGINAL_NETWORK: OnceLock<File> = OnceLock::new();

/// Enters a network namespace by its name, as `ip netns` has them.
pub fn enter_network_namespace(name: &str) -> io::Result<()> {
    /// Where they are kept.
    const NAMESPACES: &str = "/run/netns";
    // The name becomes part of paths, so it must not lead elsewhere.
    if name.is_empty() || name.starts_with('.') || name.contains('/') {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a name that 'ip netns' knows",
        ));
    }
    let file = File::open(Path::new(NAMESPACES).join(name))?;
    if ORIGINAL_NETWORK.get().is_none() {
        let _ = ORIGINAL_NETWORK.set(File::open(OWN_NETWORK)?);
    }
    nix::sched::setns(file, nix::sched::CloneFlags::CLONE_NEWNET).map_err(|errno| match errno {
        Errno::EPERM => io::Error::new(
            io::ErrorKind::PermissionDenied,
            "not permitted: CAP_SYS_ADMIN is needed",
        ),
        other => other.into(),
    })
}

/// Goes back to the network namespace that the daemon was started in.
pub fn enter_original_network_namespace() -> io::Result<()> {
    match ORIGINAL_NETWORK.get() {
        Some(original) => Ok(nix::sched::setns(
            original,
            nix::sched::CloneFlags::CLONE_NEWNET,
        )?),
        None => Ok(()),
    }
}

/// Does something in a network namespace, by its name as above or (None) where the daemon was started, and returns. What is opened there
/// stays there. Only for a process with one thread.
pub fn in_network_namespace<T>(
    name: Option<&str>,
    what: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let home = File::open(OWN_NETWORK)?;
    match name {
        Some(name) => enter_network_namespace(name)?,
        None => enter_original_network_namespace()?,
    }
    let result = what();
    nix::sched::setns(home, nix::sched::CloneFlags::CLONE_NEWNET)?;
    result
}

/// What the VRRP role cannot do without, and this process has not: names of capabilities.
pub fn missing_capabilities() -> Vec<&'static str> {
    const NEEDED: [(u32, &str); 2] = [(12, "CAP_NET_ADMIN"), (13, "CAP_NET_RAW")];
    /// `_LINUX_CAPABILITY_VERSION_3`: two sets of 32.
    const VERSION: u32 = 0x2008_0522;
    let mut header = [VERSION, 0];
    // Effective, permitted and inheritable, for capabilities 0..=31 and again for 32..=63.
    let mut data = [0u32; 6];
    // SAFETY: the header is version and pid (0: this process); version 3 writes two sets of three words.
    let result = unsafe { libc::syscall(libc::SYS_capget, header.as_mut_ptr(), data.as_mut_ptr()) };
    let effective = if result == 0 { data[0] } else { 0 };
    NEEDED
        .iter()
        .filter(|(bit, _)| effective & (1 << bit) == 0)
        .map(|&(_, name)| name)
        .collect()
}

/// Host name, up to its first dot.
pub fn host_name() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    let name = name.to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// The kernel, as in "Linux 6.1.0 #1 SMP ... (for x86_64)".
pub fn kernel_description() -> String {
    nix::sys::utsname::uname().map_or_else(
        |_| "an unknown kernel".to_owned(),
        |name| {
            let part = |part: &std::ffi::OsStr| part.to_string_lossy().into_owned();
            format!(
                "{} {} {} (for {})",
                part(name.sysname()),
                part(name.release()),
                part(name.version()),
                part(name.machine())
            )
        },
    )
}
