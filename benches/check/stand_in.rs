//! How a daemon runs where the kernel has no IPVS: on one processor, and with a filter of system calls that grants every request of the
//! kernel's older interface to IPVS (socket options of raw sockets) and does nothing. keepalived goes back to that interface when the
//! newer is missing, and would end without either; what it does between checks and table is its own. Ours speaks the newer one alone:
//! it says that there is no IPVS, and checks. The filter is on for both, so that both pay for it.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// As the first argument of this program: the rest are those of the daemon.
pub const WORD: &str = "stand-in";

/// Where daemons run; the servers have another.
const PROCESSOR: usize = 0;

/// The least option of IPVS (linux/ip_vs.h, `IP_VS_BASE_CTL`), and the level it is of.
const FIRST_OPTION: u64 = 64 + 1024 + 64;
const IP_LEVEL: u64 = 0;

/// What is to run, when this program was started for that.
pub fn words() -> Option<Vec<String>> {
    let mut words = std::env::args().skip(1);
    (words.next()? == WORD).then(|| words.collect())
}

/// Becomes the daemon.
pub fn enter(words: &[String]) -> ExitCode {
    keep_to(PROCESSOR);
    seccompiler::apply_filter(&filter()).expect("the filter");
    let error = Command::new(&words[0]).args(&words[1..]).exec();
    eprintln!("{}: {error}", words[0]);
    ExitCode::FAILURE
}

/// Has the calling thread run on one processor, where there is one of that number.
pub fn keep_to(processor: usize) {
    let mut set = CpuSet::new();
    set.set(processor).expect("a small number");
    let _ = sched_setaffinity(Pid::from_raw(0), &set);
}

fn filter() -> BpfProgram {
    let condition = |argument, operator, value| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).expect("valid")
    };
    let options_of_ipvs = || {
        let conditions = vec![
            condition(1, SeccompCmpOp::Eq, IP_LEVEL),
            condition(2, SeccompCmpOp::Ge, FIRST_OPTION),
        ];
        vec![SeccompRule::new(conditions).expect("valid")]
    };
    let calls = [nix::libc::SYS_setsockopt, nix::libc::SYS_getsockopt];
    let rules: BTreeMap<i64, Vec<SeccompRule>> = calls.map(|call| (call, options_of_ipvs())).into();
    let granted = SeccompAction::Errno(0);
    let architecture = std::env::consts::ARCH.try_into().expect("a known one");
    SeccompFilter::new(rules, SeccompAction::Allow, granted, architecture)
        .and_then(TryInto::try_into)
        .expect("a small program")
}
