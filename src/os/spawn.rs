//! Starting a program of the user: in a session of its own, as another account, with nothing of ours in its hands.
//!
//! A copy of this process does all that may take as long as a disk or a file server does, up to reading the program: who starts one
//! waits a few milliseconds for that, and can end one that does not get so far. Why it did not is known when the copy has ended.

use super::check;
use super::clock;
use super::process::{End, ProcessId, exit_at_once, hold_signals};
use crate::config::model::Command;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask};
use nix::sys::stat::Mode;
use nix::unistd::{
    ForkResult, Gid, Uid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, geteuid, setgid, setgroups,
    setsid, setuid,
};
use std::collections::HashMap;
use std::ffi::{CString, c_char};
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::ptr;
use std::time::Duration;

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
/// What a copy that does not become the program says when it ends; a program may say the same.
const NOT_STARTED: i32 = 127;
/// `NSIG` of Linux: one more than the last signal.
const SIGNALS_END: i32 = 32;

/// So long whoever starts one lets it become its program: hundreds a second that do so one after another leave a processor to adverts,
/// all at once would not. One that takes longer is not waited for.
const TURN: Duration = Duration::from_millis(5);

/// Starts programs, and knows which of them did not begin.
#[derive(Debug)]
pub struct Launcher {
    told: PipeReader,
    tell: PipeWriter,
    /// Why a process did not become its program, until it is asked for.
    failed: HashMap<ProcessId, i32>,
}

impl Launcher {
    /// Needs two descriptors.
    pub fn new() -> io::Result<Self> {
        let (told, tell) = io::pipe()?;
        fcntl(&told, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Launcher {
            told,
            tell,
            failed: HashMap::new(),
        })
    }

    /// Starts a program, which leads a session and a process group whose number is its own. `announce` is called in the new process,
    /// the last thing before the program takes its place, and may wait; descriptors of ours are open for as long.
    ///
    /// # Errors
    /// There can be no other process, or the command has a NUL byte. What comes later, `announce`'s error among it, `failure` tells.
    pub fn start(
        &self,
        command: &Command,
        announce: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<ProcessId> {
        let program = Program::new(command)?;
        self.copy(move || match program.prepare().and_then(|()| announce()) {
            Ok(()) => program.take_place(),
            Err(error) => error,
        })
    }

    /// Starts a process that asks whether a file can be opened for reading, as `</path` does: its exit status is 0 or 1.
    ///
    /// # Errors
    /// There can be no other process, or the path has a NUL byte. That it cannot be asked for want of something, `failure` tells.
    pub fn start_opening(&self, path: &[u8]) -> io::Result<ProcessId> {
        let path = CString::new(path)?;
        self.copy(move || {
            if let Err(error) = lead_session().and_then(|()| hear_signals()) {
                return error;
            }
            match open(path.as_c_str(), OFlag::O_RDONLY, Mode::empty()) {
                Ok(_) => exit_at_once(0),
                // It says nothing of the file.
                Err(errno @ (Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM)) => errno.into(),
                Err(_) => exit_at_once(1),
            }
        })
    }

    /// Does something in a copy of this process that goes its own way; it comes back only with a failure.
    fn copy(&self, what: impl FnOnce() -> io::Error) -> io::Result<ProcessId> {
        // Closed by the copy when it becomes the program, or ends. Without it, it has no turn of its own.
        let turn = io::pipe().ok();
        // A handler of ours must not run in the copy.
        let held = hold_signals()?;
        // SAFETY: this process has one thread, so the copy's memory is whole and no lock is held by a thread that is not there.
        match unsafe { nix::unistd::fork() }? {
            ForkResult::Parent { child } => {
                drop(held);
                if let Some((over, held_by_copy)) = turn {
                    drop(held_by_copy);
                    let _ = poll(
                        &mut [PollFd::new(over.as_fd(), PollFlags::POLLIN)],
                        PollTimeout::try_from(TURN).unwrap_or(PollTimeout::ZERO),
                    );
                }
                Ok(child.as_raw())
            }
            ForkResult::Child => {
                let why = what().raw_os_error().unwrap_or(libc::EINVAL);
                let process = u64::from(std::process::id()) << u32::BITS;
                // Whoever does not get to know takes it for an exit status.
                let told = (process | u64::from(why.unsigned_abs())).to_ne_bytes();
                let _ = (&self.tell).write_all(&told);
                exit_at_once(NOT_STARTED)
            }
        }
    }

    /// Waits until all that were started here have become their programs, or have ended; for so long at most: one that waits for a
    /// dead disk may never.
    pub fn see_off(self, limit: Duration) {
        let Launcher { mut told, tell, .. } = self;
        // They have it, too, until then.
        drop(tell);
        let until = clock::now() + limit;
        loop {
            match io::copy(&mut told, &mut io::sink()) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => return,
            }
            let left = until.since(clock::now());
            if left.is_zero() {
                return;
            }
            let mut asked = [PollFd::new(told.as_fd(), PollFlags::POLLIN)];
            // Longer than a poll can take is no bound.
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            if poll(&mut asked, timeout).is_err_and(|errno| errno != Errno::EINTR) {
                return;
            }
        }
    }

    /// Of a process that was started here and has ended: why it did not become the program, if it did not.
    pub fn failure(&mut self, process: ProcessId, end: End) -> Option<i32> {
        if end != End::Status(NOT_STARTED) {
            return None;
        }
        // It was told before the end, and a pipe takes so little in one piece.
        let mut told = [0; size_of::<u64>()];
        while self.told.read_exact(&mut told).is_ok() {
            let told = u64::from_ne_bytes(told);
            let (process, why) = (told >> u32::BITS, told & u64::from(u32::MAX));
            if let (Ok(process), Ok(why)) = (process.try_into(), why.try_into()) {
                self.failed.insert(process, why);
            }
        }
        self.failed.remove(&process)
    }
}

/// What it takes to become a program, made ready before there is a copy.
struct Program {
    path: CString,
    arguments: Words,
    environment: Words,
    directory: CString,
    user: Uid,
    groups: Vec<Gid>,
}

impl Program {
    fn new(command: &Command) -> io::Result<Self> {
        if command.arguments.is_empty() {
            return Err(ErrorKind::InvalidInput.into());
        }
        let own = std::iter::once(&command.account.gid);
        let groups = own.chain(&command.groups).copied().map(Gid::from_raw);
        Ok(Program {
            path: CString::new(command.program.as_os_str().as_bytes())?,
            arguments: Words::new(command.arguments.iter().cloned())?,
            environment: Words::new(environment())?,
            directory: CString::new(command.directory.as_os_str().as_bytes())?,
            user: Uid::from_raw(command.account.uid),
            groups: groups.collect(),
        })
    }

    fn prepare(&self) -> io::Result<()> {
        lead_session()?;
        hear_signals()?;
        // Not one of the three: they are open in every process of ours.
        let null = open(c"/dev/null", OFlag::O_RDWR, Mode::empty())?;
        dup2_stdin(&null)?;
        dup2_stdout(&null)?;
        dup2_stderr(&null)?;
        // It begins where we are if there is none.
        let _ = chdir(self.directory.as_c_str());
        keep_descriptors()?;
        take_on(self.user, &self.groups)
    }

    /// Comes back only when that fails.
    fn take_place(&self) -> io::Error {
        // SAFETY: the strings and the null-terminated lists of them outlive the call.
        unsafe {
            libc::execvpe(
                self.path.as_ptr(),
                self.arguments.pointers.as_ptr(),
                self.environment.pointers.as_ptr(),
            )
        };
        io::Error::last_os_error()
    }
}

/// A list of words as the kernel takes it.
struct Words {
    /// To the words, and a null behind them.
    pointers: Vec<*const c_char>,
    _words: Vec<CString>,
}

impl Words {
    fn new(words: impl IntoIterator<Item = Vec<u8>>) -> io::Result<Self> {
        let words: Vec<CString> = words
            .into_iter()
            .map(CString::new)
            .collect::<Result<_, _>>()?;
        let pointers = words.iter().map(|word| word.as_ptr());
        Ok(Words {
            pointers: pointers.chain([ptr::null()]).collect(),
            _words: words,
        })
    }
}

/// Ours, but for what is private.
fn environment() -> Vec<Vec<u8>> {
    let ours = std::env::vars_os().filter(|(name, _)| {
        let bytes = name.as_bytes();
        let mut prefixes = PRIVATE_PREFIXES.iter();
        !PRIVATE.iter().any(|known| bytes == known.as_bytes())
            && !prefixes.any(|prefix| bytes.starts_with(prefix.as_bytes()))
    });
    let mut words: Vec<Vec<u8>> = ours
        .map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat())
        .collect();
    if std::env::var_os("PATH").is_none() {
        words.push([b"PATH=", PATH.as_bytes()].concat());
    }
    words
}

fn lead_session() -> io::Result<()> {
    Ok(setsid().map(drop)?)
}

/// As any program: nobody else has a say in what ends it.
fn hear_signals() -> io::Result<()> {
    // A handled signal is back at its default after exec by itself; one that is ignored is not.
    for number in 1..SIGNALS_END {
        if let Ok(number) = Signal::try_from(number) {
            // SAFETY: sets no handler.
            let _ = unsafe { signal(number, SigHandler::SigDfl) };
        }
    }
    Ok(sigprocmask(
        SigmaskHow::SIG_SETMASK,
        Some(&SigSet::empty()),
        None,
    )?)
}

/// Marks all descriptors but the standard streams to be closed when the program takes its place.
fn keep_descriptors() -> io::Result<()> {
    // SAFETY: marks descriptors of this process, which run no code of ours any more.
    check(unsafe {
        libc::syscall(
            libc::SYS_close_range,
            FIRST_OTHER,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        ) as i32
    })
    .map(drop)
    .or_else(without_close_range)
}

/// Kernels before 5.11: every descriptor of ours is closed at exec anyway.
fn without_close_range(error: io::Error) -> io::Result<()> {
    match error.raw_os_error() {
        Some(libc::ENOSYS | libc::EINVAL) => Ok(()),
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

/// What programs leave behind when they end becomes a child of this process, so that it is taken leave of here.
pub fn adopt_orphans() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::world::Account;
    use nix::sys::wait::waitpid;
    use nix::unistd::{Pid, getgid, getuid};
    use std::path::PathBuf;

    fn command(words: &[&str]) -> Command {
        Command {
            program: words[0].into(),
            arguments: words.iter().map(|word| word.as_bytes().to_vec()).collect(),
            account: Account {
                uid: getuid().as_raw(),
                gid: getgid().as_raw(),
                all_groups: false,
            },
            groups: Vec::new(),
            directory: PathBuf::from("/"),
        }
    }

    fn end(process: ProcessId) -> End {
        use nix::sys::wait::WaitStatus::{Exited, Signaled};
        match waitpid(Pid::from_raw(process), None) {
            Ok(Exited(_, status)) => End::Status(status),
            Ok(Signaled(_, signal, _)) => End::Signal(signal as i32),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_does_not_begin_is_told_from_what_ends_alike() {
        let mut launcher = Launcher::new().expect("a launcher");
        let refused = || Err(io::Error::from_raw_os_error(libc::ESRCH));
        let missing = command(&["/nowhere/at/all"]);
        let (nobody, unwanted) = (
            launcher.start(&missing, || Ok(())).expect("a process"),
            launcher.start(&missing, refused).expect("a process"),
        );
        for (words, status) in [("exit 127", 127), ("exit 3", 3), ("exit 0", 0)] {
            let shell = command(&["/bin/sh", "-c", words]);
            let process = launcher.start(&shell, || Ok(())).expect("a process");
            let end = end(process);
            assert_eq!(end, End::Status(status));
            assert_eq!(launcher.failure(process, end), None, "{words}");
        }
        for (process, why) in [(unwanted, libc::ESRCH), (nobody, libc::ENOENT)] {
            let end = end(process);
            assert_eq!(launcher.failure(process, end), Some(why));
            assert_eq!(launcher.failure(process, end), None, "once");
        }
    }

    #[test]
    fn one_that_is_quick_has_begun_before_the_next_is_started() {
        let launcher = Launcher::new().expect("a launcher");
        let sleep = command(&["/bin/sleep", "1000"]);
        let begun = |_: &u32| {
            let process = launcher.start(&sleep, || Ok(())).expect("a process");
            let program = std::fs::read_link(format!("/proc/{process}/exe"));
            nix::sys::signal::kill(Pid::from_raw(process), Signal::SIGKILL).expect("it runs");
            assert_eq!(end(process), End::Signal(libc::SIGKILL));
            program.expect("it is there") != std::env::current_exe().expect("this program")
        };
        // On a busy machine most may take longer.
        assert_ne!((0..20).filter(begun).count(), 0);
    }

    /// It hangs where it would read the program, for instance.
    #[test]
    fn one_that_does_not_get_as_far_as_the_program_holds_nobody_up_and_can_be_ended() {
        let launcher = Launcher::new().expect("a launcher");
        let (nothing, _open) = io::pipe().expect("a pipe");
        let hang = move || (&nothing).read_exact(&mut [0]);
        let process = launcher
            .start(&command(&["/bin/true"]), hang)
            .expect("a process");
        let pid = Pid::from_raw(process);
        assert!(!super::super::process::has_ended(process));
        nix::sys::signal::kill(pid, Signal::SIGKILL).expect("it is there");
        assert_eq!(end(process), End::Signal(libc::SIGKILL));
    }

    #[test]
    fn who_leaves_sees_all_off_that_have_not_begun() {
        let launcher = Launcher::new().expect("a launcher");
        let (told, tell) = io::pipe().expect("a pipe");
        let late = move || {
            std::thread::sleep(Duration::from_millis(50));
            (&tell).write_all(b"!")
        };
        let sleep = command(&["/bin/sleep", "1000"]);
        let process = launcher.start(&sleep, late).expect("a process");
        launcher.see_off(Duration::from_secs(60));
        let mut said = [0];
        (&told).read_exact(&mut said).expect("said already");
        nix::sys::signal::kill(Pid::from_raw(process), Signal::SIGKILL).expect("it runs");
        assert_eq!(end(process), End::Signal(libc::SIGKILL));
    }

    /// It waits for a dead disk, for instance, and no signal ends it.
    #[test]
    fn who_leaves_does_not_wait_for_ever() {
        let launcher = Launcher::new().expect("a launcher");
        let (nothing, _open) = io::pipe().expect("a pipe");
        let hang = move || (&nothing).read_exact(&mut [0]);
        let command = command(&["/bin/true"]);
        let process = launcher.start(&command, hang).expect("a process");
        launcher.see_off(Duration::from_millis(50));
        assert!(!super::super::process::has_ended(process));
        nix::sys::signal::kill(Pid::from_raw(process), Signal::SIGKILL).expect("it is there");
        assert_eq!(end(process), End::Signal(libc::SIGKILL));
    }

    #[test]
    fn what_can_be_opened_is_told_and_what_never_opens_can_be_ended() {
        let launcher = Launcher::new().expect("a launcher");
        for (path, status) in [("/dev/null", 0), ("/nowhere", 1)] {
            let process = launcher.start_opening(path.as_bytes());
            assert_eq!(end(process.expect("a process")), End::Status(status));
        }
        let fifo = std::env::temp_dir().join(format!("opens.{}", std::process::id()));
        nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).expect("a FIFO");
        let process = launcher.start_opening(fifo.as_os_str().as_bytes());
        let process = process.expect("a process");
        nix::sys::signal::kill(Pid::from_raw(process), Signal::SIGKILL).expect("it is there");
        assert_eq!(end(process), End::Signal(libc::SIGKILL));
        std::fs::remove_file(fifo).expect("it was made here");
    }
}
