//! The words of `global_defs` about how the kernel runs the processes.

use super::Context;
use super::global::set;
use crate::config::diagnostic::{Class, quote};
use crate::config::model::{AutoPriority, Processes, Scheduling};
use crate::config::read::{Item, parse_integer};
use std::time::Duration;

/// The highest priority of SCHED_RR.
const REALTIME_MAX: u8 = 99;
/// Processors are numbered up to this on any machine that Linux knows.
const CPU_MAX: u16 = 8191;

/// Reads a statement; false when it is about something else.
pub(super) fn statement(
    processes: &mut Processes,
    context: &mut Context<'_>,
    item: &Item<'_>,
) -> bool {
    let word = item.name();
    if let Some(word) = word.strip_prefix("vrrp_") {
        return of_one(&mut processes.vrrp, word, context, item);
    }
    if let Some(word) = word.strip_prefix("checker_") {
        return of_one(&mut processes.checker, word, context, item);
    }
    if let Some(word) = word.strip_prefix("bfd_") {
        return of_one(&mut processes.bfd, word, context, item);
    }
    ascent(&mut processes.ascent, context, item)
}

fn of_one(
    process: &mut Scheduling,
    word: &str,
    context: &mut Context<'_>,
    item: &Item<'_>,
) -> bool {
    match word {
        "priority" => set(&mut process.nice, small(context, item).map(Some)),
        "rt_priority" => set(&mut process.realtime, small(context, item).map(Some)),
        "rlimit_rttime" => set(&mut process.realtime_limit, micros(context, item)),
        "no_swap" => process.no_swap = true,
        "cpu_affinity" => set(&mut process.cpus, cpus(context, item)),
        _ => return false,
    }
    true
}

fn ascent(ascent: &mut AutoPriority, context: &mut Context<'_>, item: &Item<'_>) -> bool {
    match item.name() {
        "max_auto_priority" if item.count() == 0 => ascent.ceiling = REALTIME_MAX,
        // -1 only silences a message that is not there.
        "max_auto_priority" => set(
            &mut ascent.ceiling,
            item.int(context)
                .and_then(|ceiling| u8::try_from(ceiling.max(0)).ok()),
        ),
        "min_auto_priority_delay" => set(&mut ascent.delay, micros(context, item)),
        _ => return false,
    }
    true
}

fn small<T: TryFrom<i64>>(context: &mut Context<'_>, item: &Item<'_>) -> Option<T> {
    item.int(context).and_then(|value| T::try_from(value).ok())
}

fn micros(context: &mut Context<'_>, item: &Item<'_>) -> Option<Duration> {
    small(context, item).map(Duration::from_micros)
}

/// `CPU ...`, in order; nothing when one of them is no number.
fn cpus(context: &mut Context<'_>, item: &Item<'_>) -> Option<Vec<u16>> {
    item.required(context)?;
    let mut cpus = Vec::new();
    for word in item.statement.arguments() {
        let cpu = parse_integer(word.bytes())
            .ok()
            .and_then(|cpu| u16::try_from(cpu).ok())
            .filter(|cpu| *cpu <= CPU_MAX);
        let Some(cpu) = cpu else {
            let message = format!("invalid {} '{}'", item.name(), quote(word.bytes()));
            context.diagnostics.advise(
                Class::InvalidNumber,
                word.span(),
                message,
                format!(
                    "write the numbers of processors as in /proc/cpuinfo, 0 to {CPU_MAX}; the line is ignored"
                ),
            );
            return None;
        };
        cpus.push(cpu);
    }
    cpus.sort_unstable();
    cpus.dedup();
    Some(cpus)
}
