//! How the kernel runs this process: nice value, real-time priority and its limit, processors, memory that is not swapped out. What
//! was changed is known here, so that it can be taken back, and so that the children of a process never inherit it.

use super::check;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::mman::{MlockAllFlags, mlockall, munlockall};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

/// This process, to the calls below.
const SELF: Pid = Pid::from_raw(0);
/// The shortest slice that the kernel grants.
const SHORT_SLICE: Duration = Duration::from_micros(100);
/// In `sched_setscheduler(2)`: what this process forks runs as any other.
const RESET_ON_FORK: libc::c_int = libc::SCHED_RESET_ON_FORK;

/// How the process was run before anything was changed.
struct Ordinary {
    nice: libc::c_int,
    policy: libc::c_int,
    realtime: libc::c_int,
    cpus: Option<CpuSet>,
    /// Soft and hard.
    realtime_limit: Option<(u64, u64)>,
}

/// Set with the first change; a process that changes nothing has nothing to take back.
static ORDINARY: OnceLock<Ordinary> = OnceLock::new();

fn ordinary() -> &'static Ordinary {
    ORDINARY.get_or_init(|| {
        let mut parameters = libc::sched_param { sched_priority: 0 };
        // SAFETY: the kernel writes one `sched_param`, which outlives the call; the other calls take no pointers. None can fail for
        // the calling process.
        let (nice, policy) = unsafe {
            libc::sched_getparam(0, &mut parameters);
            (
                libc::getpriority(libc::PRIO_PROCESS, 0),
                libc::sched_getscheduler(0),
            )
        };
        Ordinary {
            nice,
            policy: policy.max(libc::SCHED_OTHER),
            realtime: parameters.sched_priority,
            cpus: sched_getaffinity(SELF).ok(),
            realtime_limit: getrlimit(Resource::RLIMIT_RTTIME).ok(),
        }
    })
}

/// Sets the nice value; `None` = as it was started.
pub fn set_nice(nice: Option<i8>) -> io::Result<()> {
    let nice = nice.map_or(ordinary().nice, libc::c_int::from);
    // SAFETY: no pointers.
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) }).map(drop)
}

/// Runs by SCHED_RR with this priority, 1..=99; `None` = as it was started.
pub fn set_realtime(priority: Option<u8>) -> io::Result<()> {
    match priority {
        Some(priority) => set_scheduler(libc::SCHED_RR | RESET_ON_FORK, priority.into()),
        None => set_scheduler(ordinary().policy, ordinary().realtime),
    }
}

fn set_scheduler(policy: libc::c_int, priority: libc::c_int) -> io::Result<()> {
    ordinary();
    let parameters = libc::sched_param {
        sched_priority: priority,
    };
    // SAFETY: the kernel reads one `sched_param`, which outlives the call.
    check(unsafe { libc::sched_setscheduler(0, policy, &parameters) }).map(drop)
}

/// Asks for short slices of the processor, or for the usual ones again. Linux 6.12 and later share it by deadlines (EEVDF): who wants
/// it for less at a time has it sooner after waking up, and no more of it. Older kernels take no notice, nor do real-time policies.
pub fn set_prompt(prompt: bool) -> io::Result<()> {
    ordinary();
    let mut attributes = attributes()?;
    if attributes.sched_policy != libc::SCHED_OTHER as u32 {
        return Ok(());
    }
    attributes.sched_runtime = match prompt {
        true => SHORT_SLICE.as_nanos() as u64,
        false => 0,
    };
    // SAFETY: the kernel reads one `sched_attr` of the size that it holds, which outlives the call.
    check(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &attributes, 0) } as i32).map(drop)
}

/// How this process is scheduled: its slice in nanoseconds is `sched_runtime`.
fn attributes() -> io::Result<libc::sched_attr> {
    // SAFETY: a structure of numbers, for which zero is a value.
    let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
    let size = size_of_val(&attributes);
    // SAFETY: the kernel writes at most `size` bytes to it, which outlives the call.
    check(unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &mut attributes, size, 0) } as i32)?;
    Ok(attributes)
}

/// After so much computing without a pause under a real-time policy this process gets SIGXCPU, and another one every second after;
/// `None` = as it was started. Only the soft limit is touched: a hard one could not be raised again without CAP_SYS_RESOURCE.
pub fn set_realtime_limit(limit: Option<Duration>) -> io::Result<()> {
    let Some((soft, hard)) = ordinary().realtime_limit else {
        return Ok(());
    };
    let soft = match limit {
        Some(limit) => u64::try_from(limit.as_micros()).map_or(hard, |limit| limit.min(hard)),
        None => soft,
    };
    Ok(setrlimit(Resource::RLIMIT_RTTIME, soft, hard)?)
}

/// Runs on these processors only; none = on those it was started on. Some of them that do not exist, or are not ours, are left out
/// by the kernel: returns those that remain.
pub fn set_cpus(cpus: &[u16]) -> io::Result<Vec<u16>> {
    let mut set = CpuSet::new();
    for cpu in cpus {
        // A number past the set's size is one that does not exist.
        let _ = set.set(usize::from(*cpu));
    }
    let set = match &ordinary().cpus {
        Some(ordinary) if cpus.is_empty() => *ordinary,
        _ => set,
    };
    sched_setaffinity(SELF, &set)?;
    let now = sched_getaffinity(SELF)?;
    let remain = |cpu: &u16| now.is_set(usize::from(*cpu)).unwrap_or(false);
    Ok(cpus.iter().copied().filter(remain).collect())
}

/// Keeps all memory of this process, also what it comes to need, from being swapped out; or no longer.
pub fn lock_memory(locked: bool) -> io::Result<()> {
    if !locked {
        return Ok(munlockall()?);
    }
    mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE)?;
    // Where the memory we may lock is limited, a later allocation fails, and the process ends. That must not come one day: ask now.
    if may_lock_more() {
        return Ok(());
    }
    munlockall()?;
    Err(io::Error::from_raw_os_error(libc::EPERM))
}

/// Whether memory past RLIMIT_MEMLOCK is granted, which CAP_IPC_LOCK makes so. (Asking for the capability would not tell: in a user
/// namespace one may have it in vain.)
fn may_lock_more() -> bool {
    let Ok((limit, _)) = getrlimit(Resource::RLIMIT_MEMLOCK) else {
        return false;
    };
    if limit == libc::RLIM_INFINITY {
        return true;
    }
    let Some(length) = usize::try_from(limit)
        .ok()
        .and_then(|limit| limit.checked_add(1))
    else {
        return true;
    };
    // SAFETY: a new mapping that nobody can use and that takes no memory, at a place of the kernel's choice; taken away again.
    unsafe {
        let place = libc::mmap(
            std::ptr::null_mut(),
            length,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        );
        place != libc::MAP_FAILED && libc::munmap(place, length) == 0
    }
}

/// In a new process: whatever its parent had changed is taken back, as far as the kernel lets it. (Locked memory is not inherited.)
/// `process::fork` does this; who starts a program in another way calls it before the program begins.
pub fn be_ordinary() {
    if ORDINARY.get().is_none() {
        return;
    }
    // What cannot be had back (a lower nice value without CAP_SYS_NICE) only makes this process wait longer.
    let _ = set_realtime(None);
    let _ = set_nice(None);
    let _ = set_prompt(false);
    let _ = set_realtime_limit(None);
    let _ = set_cpus(&[]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::process::{Fork, exit_at_once, fork};
    use nix::sys::wait::{WaitStatus, waitpid};

    #[test]
    fn a_child_does_not_inherit_what_its_parent_changed() {
        let before = sched_getaffinity(SELF).expect("the processors of this thread");
        let first = (0..CpuSet::count())
            .find(|cpu| before.is_set(*cpu).unwrap_or(false))
            .and_then(|cpu| u16::try_from(cpu).ok())
            .expect("a processor");
        set_nice(Some(3)).expect("a higher nice value is free to all");
        assert_eq!(
            set_cpus(&[first, u16::MAX]).expect("a processor of ours"),
            [first]
        );
        match fork().expect("a process") {
            Fork::Child(_held) => {
                let same = sched_getaffinity(SELF).is_ok_and(|now| now == before);
                exit_at_once(i32::from(!same))
            }
            Fork::Parent(child) => {
                let end = waitpid(Pid::from_raw(child), None).expect("its end");
                assert_eq!(end, WaitStatus::Exited(Pid::from_raw(child), 0));
            }
        }
        assert!(set_cpus(&[]).expect("those it was started on").is_empty());
        assert_eq!(sched_getaffinity(SELF).expect("processors"), before);
    }
}
