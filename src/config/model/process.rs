//! How the kernel is asked to run the processes: `PROCESS_priority`, `_rt_priority`, `_rlimit_rttime`, `_no_swap`, `_cpu_affinity`,
//! and the priority that a process raises by itself.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Of all processes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processes {
    /// `vrrp_*`.
    pub vrrp: Scheduling,
    /// `checker_*`.
    pub checker: Scheduling,
    /// `bfd_*`.
    pub bfd: Scheduling,
    /// `max_auto_priority` and `min_auto_priority_delay`: of each of them.
    pub ascent: AutoPriority,
}

/// Of one process; what is not said stays as the daemon was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduling {
    /// `_priority`: the nice value, -20..=19.
    pub nice: Option<i8>,
    /// `_rt_priority`: of SCHED_RR, 1..=99.
    pub realtime: Option<u8>,
    /// `_rlimit_rttime`: how long a process with a real-time priority may compute without a pause.
    pub realtime_limit: Duration,
    /// `_no_swap`: its memory stays in memory.
    pub no_swap: bool,
    /// `_cpu_affinity`: the processors it may run on, in order, none twice; empty = as started.
    pub cpus: Vec<u16>,
}

/// When a process gives itself a higher priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoPriority {
    /// `max_auto_priority`: the highest real-time priority it may come to; 0 = never.
    pub ceiling: u8,
    /// `min_auto_priority_delay`: a timer that is so late is a reason.
    pub delay: Duration,
}

impl Default for Scheduling {
    fn default() -> Self {
        Scheduling {
            nice: None,
            realtime: None,
            realtime_limit: Duration::from_millis(10),
            no_swap: false,
            cpus: Vec::new(),
        }
    }
}

impl Default for AutoPriority {
    fn default() -> Self {
        AutoPriority {
            ceiling: 0,
            delay: Duration::from_secs(1),
        }
    }
}
