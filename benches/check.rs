//! The load balancer at the sizes that are promised, beside the distribution's keepalived in one run: `cargo bench --bench check`.
//! Prints tables. First, on this machine's own kernel: the rhythm of checks, memory, reloads (`native`); then what needs the kernel's
//! IPVS, in the guest of the tests (`kernel`). `BENCH_ROWS` chooses by a word of their names, `BENCH_ROUNDS` how often each is measured, `BENCH_PEER=no`
//! leaves keepalived out.

#[path = "check/kernel.rs"]
mod kernel;
#[path = "check/native.rs"]
mod native;
#[path = "check/servers.rs"]
mod servers;
#[path = "check/stand_in.rs"]
mod stand_in;
#[path = "../tests/support/mod.rs"]
mod support;
#[path = "check/tap.rs"]
mod tap;
#[path = "check/text.rs"]
mod text;
#[path = "check/wire.rs"]
mod wire;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::Binary::{self, Ours, Peer};
use support::guest;
use support::node::{CONFIG, Node};
use support::secs;
use support::stage::{self, Case};

const NATIVE: &str = "native";
const KERNEL: &str = "kernel";

/// How daemons are started: detailed logs would be what is measured.
const ARGUMENTS: [&str; 8] = [
    "-n",
    "-l",
    "-f",
    CONFIG,
    "-p",
    "/run/k.pid",
    "-c",
    "/run/c.pid",
];

/// How often the log is looked at.
const LOOK: Duration = Duration::from_millis(1);
/// Beyond this, anything has gone wrong.
const PATIENCE: Duration = secs(60);

/// What is measured of one binary: names with their units, and the numbers.
type Numbers = Vec<(String, f64)>;

/// One subject: its name, and how it is measured.
type Subject = (&'static str, fn(Binary) -> Numbers);

fn main() -> ExitCode {
    if let Some(words) = stand_in::words() {
        return stand_in::enter(&words);
    }
    let case = |name, subjects: &'static [Subject]| {
        stage::privileged_case(name, move || print(subjects)).within(secs(600))
    };
    let cases: [Case; 3] = [
        case(NATIVE, native::SUBJECTS),
        case(KERNEL, kernel::SUBJECTS),
        guest::boot_case(),
    ];
    if let Some(status) = stage::act_stage(&cases) {
        return status;
    }
    if guest::is_inside() {
        return run(KERNEL);
    }
    let status = match is_wanted(native::SUBJECTS) {
        true => run(NATIVE),
        false => ExitCode::SUCCESS,
    };
    if is_wanted(kernel::SUBJECTS)
        && let Err(obstacle) = guest::run_this_program()
    {
        println!("not measured, as IPVS needs it: {obstacle}");
    }
    status
}

fn run(case: &str) -> ExitCode {
    let status = stage::itself(&format!("make-as-root:{case}"))
        .status()
        .expect("cannot execute this program again");
    ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1))
}

fn wanted() -> String {
    std::env::var("BENCH_ROWS").unwrap_or_default()
}

fn is_wanted(subjects: &[Subject]) -> bool {
    let wanted = wanted();
    subjects.iter().any(|(name, _)| name.contains(&wanted))
}

fn print(subjects: &[Subject]) {
    let rounds = std::env::var("BENCH_ROUNDS").ok();
    let rounds = rounds.and_then(|text| text.parse().ok()).unwrap_or(3);
    println!("| what | ours: median (least) | peer: median (least) |\n|---|---|---|");
    let wanted = wanted();
    let peer = std::env::var("BENCH_PEER").as_deref() != Ok("no");
    let binaries: &[Binary] = if peer { &[Ours, Peer] } else { &[Ours] };
    for (_, measure) in subjects.iter().filter(|(name, _)| name.contains(&wanted)) {
        let mut taken: [Vec<Numbers>; 2] = Default::default();
        for _ in 0..rounds {
            for (binary, taken) in binaries.iter().zip(&mut taken) {
                taken.push(measure(*binary));
            }
        }
        let names = taken[0][0].iter().map(|(name, _)| name);
        for (place, name) in names.enumerate() {
            let [ours, peer] = [&taken[0], &taken[1]].map(|rounds| {
                let mut values: Vec<f64> = rounds.iter().map(|all| all[place].1).collect();
                values.sort_by(f64::total_cmp);
                match values.get(values.len() / 2) {
                    Some(median) => format!("{median:.2} ({:.2})", values[0]),
                    None => "-".to_owned(),
                }
            });
            println!("| {name} | {ours} | {peer} |");
        }
        println!("| load average meanwhile | {} | |", load_average());
    }
}

fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Has the daemon read its configuration again: milliseconds until it says that this is done, which only ours does, and of processor
/// time within the span.
fn reload_time(node: &Node, binary: Binary, span: Duration) -> (Option<f64>, f64) {
    let (before, log) = (run_time(node), node.log().len());
    let start = Instant::now();
    node.signal(Signal::SIGHUP);
    let told = (binary == Ours).then(|| {
        // Not the polling of `wait_until`: it would be counted.
        while !node.log()[log..].contains("Reload complete") {
            assert!(start.elapsed() < PATIENCE, "{}", node.log());
            std::thread::sleep(LOOK);
        }
        start.elapsed().as_secs_f64() * 1e3
    });
    std::thread::sleep(span.saturating_sub(start.elapsed()));
    (told, (run_time(node) - before) * 1e3)
}

/// Processor time of the daemon's processes as the scheduler counts it, in seconds.
fn run_time(node: &Node) -> f64 {
    let of = |pid| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
        let word = text.split(' ').next();
        word.and_then(|word| word.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    node.processes().into_iter().map(of).sum::<f64>() / 1e9
}
