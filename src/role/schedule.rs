//! Has the kernel run a process as the configuration says (nice value, real-time priority, processors, locked memory), at its start and
//! at each reload, and raises its priority when timers run late. The system calls are in `os::schedule`.

use crate::config::model::{AutoPriority, Processes, Scheduling};
use crate::os::schedule;
use crate::os::signals::Warning;
use crate::role::Role;
use log::{info, warn};
use std::io;
use std::time::Duration;

/// The least priority of SCHED_RR.
const REALTIME_MIN: u8 = 1;

/// How this process runs.
#[derive(Debug)]
pub struct Scheduler {
    role: Role,
    /// What was last asked for.
    wanted: Scheduling,
    ascent: Ascent,
    /// Of RLIMIT_RTTIME. Without it the limit is not set, as the signal would end the process.
    overtime: Option<Warning>,
}

impl Scheduler {
    /// Of a process that runs as it was started, but that its turn comes sooner if it speaks to peers: an advert must not wait for
    /// scripts that run meanwhile. Where that is not granted nothing else is lost.
    pub fn new(role: Role) -> Self {
        if role != Role::Checker {
            let _ = schedule::set_prompt(true);
        }
        Scheduler {
            role,
            wanted: Scheduling::default(),
            ascent: Ascent::default(),
            overtime: Warning::new(libc::SIGXCPU).ok(),
        }
    }

    /// Makes of this process what the configuration says, or says again; what cannot be done is said once.
    pub fn apply(&mut self, processes: &Processes) {
        let wanted = match self.role {
            Role::Vrrp => &processes.vrrp,
            Role::Checker => &processes.checker,
            Role::Bfd => &processes.bfd,
        };
        if *wanted == self.wanted && processes.ascent == self.ascent.rule {
            return;
        }
        let before = std::mem::replace(&mut self.wanted, wanted.clone());
        let raised = self.ascent.reached.is_some();
        self.ascent = Ascent {
            rule: processes.ascent,
            reached: None,
        };
        let word = match self.role {
            Role::Vrrp => "vrrp",
            Role::Checker => "checker",
            Role::Bfd => "bfd",
        };
        let mut refusals = Refusals::default();
        let Scheduling {
            nice,
            realtime,
            no_swap,
            cpus,
            ..
        } = wanted;
        if *nice != before.nice {
            refusals.note(
                told(word, "priority", nice.as_ref()),
                Need::Nice,
                schedule::set_nice(*nice),
            );
        }
        if *realtime != before.realtime || raised {
            refusals.note(
                told(word, "rt_priority", realtime.as_ref()),
                Need::Nice,
                schedule::set_realtime(*realtime),
            );
        }
        refusals.note(
            format!("{word}_rlimit_rttime"),
            Need::Nothing,
            self.limit_realtime(),
        );
        if *cpus != before.cpus {
            let set = schedule::set_cpus(cpus);
            if let Ok(remaining) = &set
                && remaining.len() < cpus.len()
            {
                warn!(
                    "{word}_cpu_affinity: of the processors {cpus:?} this process may use {remaining:?} alone"
                );
            }
            refusals.note(
                format!("{word}_cpu_affinity {cpus:?}"),
                Need::Nothing,
                set.map(drop),
            );
        }
        if *no_swap != before.no_swap {
            refusals.note(
                told(word, "no_swap", no_swap.then_some(&"")),
                Need::Lock,
                schedule::lock_memory(*no_swap),
            );
        }
        for line in refusals.lines() {
            warn!("{line}");
        }
    }

    /// A timer expired, so long after it was due.
    pub fn late(&mut self, lateness: Duration) {
        let Some(priority) = self.ascent.late(self.wanted.realtime, lateness) else {
            return;
        };
        match schedule::set_realtime(Some(priority)).and_then(|()| self.limit_realtime()) {
            Ok(()) => info!(
                "A timer expired {:.6} seconds late: real-time priority {priority} from now on",
                lateness.as_secs_f64()
            ),
            Err(error) => {
                // It would be refused again, and said again, with every late timer.
                self.ascent.rule.ceiling = 0;
                let mut refusals = Refusals::default();
                refusals.note("max_auto_priority".to_owned(), Need::Nice, Err(error));
                for line in refusals.lines() {
                    warn!("{line}");
                }
            }
        }
    }

    /// SIGXCPU arrived: the process computed past its limit without a pause. It goes on, and may be told again.
    pub fn over_limit(&self) {
        warn!(
            "This process computed for more than {} microseconds without a pause (RLIMIT_RTTIME)",
            self.wanted.realtime_limit.as_micros()
        );
        if let Some(overtime) = &self.overtime {
            overtime.heard();
        }
        // The kernel moved the limit by a second when it told us.
        let _ = self.limit_realtime();
    }

    fn limit_realtime(&self) -> io::Result<()> {
        let runs = self.wanted.realtime.or(self.ascent.reached);
        let limit = runs
            .and(self.overtime.as_ref())
            .map(|_| self.wanted.realtime_limit);
        schedule::set_realtime_limit(limit)
    }
}

/// `vrrp_priority 5`; what is taken back has no value.
fn told(process: &str, word: &str, value: Option<&impl std::fmt::Display>) -> String {
    match value {
        Some(value) => format!("{process}_{word} {value}").trim_end().to_owned(),
        None => format!("taking {process}_{word} back"),
    }
}

/// How far a process raised its own priority.
#[derive(Clone, Copy, Debug, Default)]
struct Ascent {
    rule: AutoPriority,
    /// The priority it gave itself.
    reached: Option<u8>,
}

impl Ascent {
    /// The priority to go to, when a timer of a process with this configured priority was so late.
    fn late(&mut self, configured: Option<u8>, lateness: Duration) -> Option<u8> {
        if lateness < self.rule.delay {
            return None;
        }
        let now = self.reached.or(configured);
        let next = now.map_or(REALTIME_MIN, |now| now.saturating_add(1));
        if next > self.rule.ceiling {
            return None;
        }
        self.reached = Some(next);
        self.reached
    }
}

/// What a refusal is overcome with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// CAP_SYS_NICE.
    Nice,
    /// CAP_IPC_LOCK.
    Lock,
    /// No capability.
    Nothing,
}

/// What could not be done, for one line a capability.
#[derive(Debug, Default)]
struct Refusals(Vec<(String, Need, io::Error)>);

impl Refusals {
    fn note(&mut self, what: String, need: Need, result: io::Result<()>) {
        let Err(error) = result else { return };
        // RLIMIT_MEMLOCK in the way is ENOMEM or EAGAIN.
        let permission = match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => true,
            Some(libc::ENOMEM | libc::EAGAIN) => need == Need::Lock,
            _ => false,
        };
        let need = if permission { need } else { Need::Nothing };
        self.0.push((what, need, error));
    }

    fn lines(&self) -> Vec<String> {
        let of = |need: Need| {
            let all = self.0.iter().filter(move |(_, needed, _)| *needed == need);
            all.map(|(what, ..)| what.as_str()).collect::<Vec<_>>()
        };
        let mut lines = Vec::new();
        for (need, capability, also) in [
            (
                Need::Nice,
                "CAP_SYS_NICE",
                "in a container the runtime's real-time settings count too",
            ),
            (
                Need::Lock,
                "CAP_IPC_LOCK",
                "LimitMEMLOCK=infinity, or ulimit -l unlimited, does as well",
            ),
        ] {
            let refused = of(need);
            if !refused.is_empty() {
                lines.push(format!(
                    "Not allowed: {}: {capability} is missing; run as root, or grant it (AmbientCapabilities= in the systemd unit, \
                     --cap-add with a container); {also}. The process goes on without",
                    refused.join(", ")
                ));
            }
        }
        for (what, need, error) in &self.0 {
            if *need == Need::Nothing {
                lines.push(format!("Cannot do {what}: {error}"));
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ascent(ceiling: u8) -> Ascent {
        Ascent {
            rule: AutoPriority {
                ceiling,
                ..AutoPriority::default()
            },
            reached: None,
        }
    }

    #[test]
    fn a_process_that_runs_late_climbs_to_its_ceiling() {
        const LATE: Duration = Duration::from_secs(1);
        const IN_TIME: Duration = Duration::from_millis(999);
        // Ceiling, configured priority, lateness of each timer, where each leads.
        type Row = (u8, Option<u8>, &'static [Duration], &'static [Option<u8>]);
        const ROWS: [Row; 5] = [
            (0, None, &[LATE], &[None]),
            (5, None, &[IN_TIME, LATE], &[None, Some(1)]),
            (2, None, &[LATE, LATE, LATE], &[Some(1), Some(2), None]),
            (
                12,
                Some(10),
                &[LATE, IN_TIME, LATE, LATE],
                &[Some(11), None, Some(12), None],
            ),
            (5, Some(10), &[LATE], &[None]),
        ];
        for (ceiling, configured, lateness, expected) in ROWS {
            let mut ascent = ascent(ceiling);
            let got: Vec<_> = lateness
                .iter()
                .map(|late| ascent.late(configured, *late))
                .collect();
            assert_eq!(got, expected, "{ceiling} {configured:?}");
        }
    }

    #[test]
    fn refusals_are_one_line_a_capability() {
        let error = |errno| Err(io::Error::from_raw_os_error(errno));
        let mut refusals = Refusals::default();
        refusals.note("vrrp_priority -5".into(), Need::Nice, error(libc::EACCES));
        refusals.note("vrrp_rt_priority 9".into(), Need::Nice, error(libc::EPERM));
        refusals.note("vrrp_no_swap".into(), Need::Lock, error(libc::ENOMEM));
        refusals.note(
            "vrrp_cpu_affinity [99]".into(),
            Need::Nothing,
            error(libc::EINVAL),
        );
        refusals.note("fine".into(), Need::Nice, Ok(()));
        let lines = refusals.lines();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[0].contains("vrrp_priority -5, vrrp_rt_priority 9: CAP_SYS_NICE"));
        assert!(lines[1].contains("vrrp_no_swap: CAP_IPC_LOCK"));
        assert!(lines[2].contains("vrrp_cpu_affinity [99]: Invalid argument"));
    }
}
