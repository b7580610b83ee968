//! On this machine's own kernel: how regular ten thousand checks a second are and what they cost, how much memory a server takes, how long
//! a reload that changes nothing takes.

use std::collections::HashMap;
use std::time::Duration;

use crate::servers::Farm;
use crate::support::Binary;
use crate::support::node::Node;
use crate::support::secs;
use crate::wire::Call;
use crate::{Numbers, Subject, reload_time, run_time, text};

pub const SUBJECTS: &[Subject] = &[
    ("rhythm of 10,000", |binary| {
        rhythm(binary, "10,000", 10_000)
    }),
    ("rhythm of 1,000", |binary| rhythm(binary, "1,000", 1_000)),
    ("memory", memory),
    ("reload", reload),
];

/// Servers of a large configuration.
const MANY: usize = 40_000;
/// Checks of that one are due so seldom that they do not matter.
const SELDOM: u32 = 60;

/// From the start until every server has been checked, and what is said of that is written.
const SETTLED: Duration = secs(8);
/// How long the processor time is counted, and calls after that.
const WATCH: Duration = secs(20);
/// A check is late by more than this many seconds.
const LATE: f64 = 0.010;

/// So many servers whose check is due every second; the first is how that is said.
fn rhythm(binary: Binary, said: &str, count: usize) -> Numbers {
    let farm = Farm::new();
    farm.start(binary, &text::checked(count, 1));
    std::thread::sleep(SETTLED);
    let node = farm.director();
    let before = run_time(node);
    std::thread::sleep(WATCH);
    let used = (run_time(node) - before) / WATCH.as_secs_f64();
    let calls = farm.calls(WATCH);
    let per_second = calls.len() as f64 / WATCH.as_secs_f64();
    let servers = by_server(&calls);
    let gaps = sorted(servers.values().flat_map(|times| {
        let pairs = times.windows(2);
        pairs.map(|pair| (pair[1] - pair[0] - 1.0).abs())
    }));
    let late = sorted(servers.values().flat_map(|times| lateness(times)));
    let thousandth = |values: &[f64]| {
        let value = values.get(values.len() * 999 / 1000);
        value.copied().unwrap_or(f64::NAN) * 1e3
    };
    let worst = gaps.last().copied().unwrap_or(f64::NAN) * 1e3;
    let beyond = gaps.iter().filter(|off| **off > LATE).count() as f64 / gaps.len() as f64;
    let what = format!("{said} servers, a TCP check every second:");
    let row = |name: &str, value| (format!("{what} {name}"), value);
    vec![
        row("checks, 1/s", per_second),
        row("servers checked within 20 s", servers.len() as f64),
        row("% of a processor", used * 100.0),
        row("processor time each, us", used * 1e6 / per_second),
        row(
            "from check to check 1 s and so many ms, 99.9 %",
            thousandth(&gaps),
        ),
        row("the same, the worst", worst),
        row("more than 10 ms off, %", beyond * 100.0),
        row(
            "late by the rhythm it began with, ms, 99.9 %",
            thousandth(&late),
        ),
    ]
}

fn by_server(calls: &[Call]) -> HashMap<usize, Vec<f64>> {
    let mut servers: HashMap<usize, Vec<f64>> = HashMap::new();
    for (address, at) in calls {
        if let Some(number) = text::number(*address) {
            servers.entry(number).or_default().push(*at);
        }
    }
    servers
}

/// Of each check of a server, in seconds: how much later than the earliest one says, in whole seconds from that.
fn lateness(times: &[f64]) -> impl Iterator<Item = f64> {
    let first = times[0];
    let off = move |at: &f64| (at - first) - (at - first).round();
    let earliest = times.iter().map(off).fold(f64::INFINITY, f64::min);
    times.iter().map(move |at| off(at) - earliest)
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// A daemon with so many servers, each of which has been checked.
fn large(binary: Binary, servers: usize) -> Farm {
    let farm = Farm::new();
    farm.start(binary, &text::checked(servers, SELDOM));
    std::thread::sleep(Duration::from_secs(SELDOM.into()) + SETTLED);
    farm
}

fn memory(binary: Binary) -> Numbers {
    let [few, many] = [1, MANY].map(|servers| {
        let farm = large(binary, servers);
        let node = farm.director();
        let pids = node.processes();
        let largest = pids.iter().map(|pid| Node::status_number(*pid, "VmRSS"));
        let largest = largest.max().expect("a process") as f64;
        let all: f64 = pids.iter().map(|pid| proportional(pid.as_raw())).sum();
        (largest, all)
    });
    let each = |few, many| (many - few) * 1024.0 / (MANY - 1) as f64;
    let what = "40,000 checked servers:";
    vec![
        (
            format!("{what} bytes each, RSS of the largest process"),
            each(few.0, many.0),
        ),
        (
            format!("{what} bytes each, PSS of all processes"),
            each(few.1, many.1),
        ),
    ]
}

/// KiB of a process, those it shares by halves.
fn proportional(pid: i32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let word = line.and_then(|line| line.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or(f64::NAN)
}

fn reload(binary: Binary) -> Numbers {
    let farm = large(binary, MANY);
    let node = farm.director();
    let span = secs(10);
    let before = run_time(node);
    std::thread::sleep(span);
    let idle = run_time(node) - before;
    let (told, used) = reload_time(node, binary, span);
    let what = "SIGHUP with 40,000 servers as they were:";
    vec![
        (
            format!("{what} ms until it is done"),
            told.unwrap_or(f64::NAN),
        ),
        (format!("{what} processor time, ms"), used - idle * 1e3),
    ]
}
