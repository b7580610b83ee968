//! The daemon-wide settings of the data file that have a struct of their own: how the processes are run.

use super::outline::Outline;
use crate::config::model::{Processes, Scheduling};

/// How the processes are run; what is not configured is left out.
pub(super) fn processes(out: &mut Outline, processes: &Processes) {
    scheduling(out, "VRRP", &processes.vrrp);
    scheduling(out, "Checker", &processes.checker);
    let ascent = processes.ascent;
    if ascent.ceiling > 0 {
        out.value(1, "Max auto priority", ascent.ceiling);
        out.value(
            1,
            "Min auto priority delay",
            format_args!("{} usecs", ascent.delay.as_micros()),
        );
    }
}

fn scheduling(out: &mut Outline, process: &str, scheduling: &Scheduling) {
    if let Some(nice) = scheduling.nice {
        out.line(1, format_args!("{process} process priority = {nice}"));
    }
    if let Some(realtime) = scheduling.realtime {
        out.line(1, format_args!("{process} realtime priority = {realtime}"));
        out.line(
            1,
            format_args!(
                "{process} realtime limit = {} usecs",
                scheduling.realtime_limit.as_micros()
            ),
        );
    }
    if scheduling.no_swap {
        out.line(1, format_args!("{process} don't swap = true"));
    }
    if !scheduling.cpus.is_empty() {
        out.line(
            1,
            format_args!("{process} CPU affinity = {:?}", scheduling.cpus),
        );
    }
}
