//! Our daemon beside the distribution's keepalived, in one run on one machine: `cargo bench --bench peer`. Prints a table; the
//! numbers of the two columns were taken in turn, so that both met the same noise. `BENCH_ROWS` chooses rows by a word of
//! their names.

#[path = "../tests/support/mod.rs"]
mod support;

#[path = "peer/fast.rs"]
mod fast;
#[path = "peer/scripts.rs"]
mod scripts;
#[path = "peer/taken.rs"]
mod taken;
#[path = "text/real_servers.rs"]
mod text;

use std::fmt::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use support::Binary::{self, Ours, Peer};
use support::cases::skew;
use support::config::instance;
use support::node::{CONFIG, Node};
use support::stage;
use support::world::{HostSpec, World};
use support::{millis, secs, wait_until};
use text::real_servers;

const VIP: &str = "10.90.0.1";
const VRID: u8 = 90;

/// Virtual routers an interface can have.
const VRIDS: usize = 255;

/// Scripts that run once a second.
const SCRIPTS: usize = 500;

/// How long anything may take to settle.
const PATIENCE: Duration = secs(60);

/// The wait before an idle daemon is watched: the second burst of gratuitous ARPs is over then.
const CALM: Duration = secs(7);

/// How long an idle daemon is watched.
const WATCH: Duration = secs(10);

/// Real-time scheduling; without root it is granted up to the limit that `prlimit --rtprio=99` sets before.
const RT_PRIORITY: &str = "global_defs {\n    vrrp_rt_priority 50\n}\n";

/// One row: its name, its unit, and how it is measured for one binary.
type Row = (&'static str, &'static str, fn(Binary) -> f64);

/// Rows, in the order of the table, and how often each is measured: the median counts.
const ROWS: [(Row, usize); 25] = [
    (
        ("-t, 5,000 instances", "ms", |binary| {
            test_time(binary, &instances(5_000))
        }),
        3,
    ),
    (
        ("-t, 10,000 instances", "ms", |binary| {
            test_time(binary, &instances(10_000))
        }),
        3,
    ),
    (
        (
            "-t, one virtual server of 10,000 real servers",
            "ms",
            |binary| test_time(binary, &real_servers(1, 10_000)),
        ),
        3,
    ),
    (
        ("-t, 50,000 real servers, 10 each", "ms", |binary| {
            test_time(binary, &real_servers(5_000, 10))
        }),
        3,
    ),
    (
        ("-t, 100,000 real servers, 10 each", "ms", |binary| {
            test_time(binary, &real_servers(10_000, 10))
        }),
        3,
    ),
    (
        (
            "takeover excess, SIGKILL, advert_int 1",
            "ms",
            takeover_excess,
        ),
        5,
    ),
    (("takeover excess, SIGTERM", "ms", resignation_excess), 5),
    (
        ("takeover excess, SIGKILL, advert_int 0.1", "ms", |binary| {
            fast::takeover_excess(binary, millis(100))
        }),
        7,
    ),
    (
        (
            "takeover excess, SIGKILL, advert_int 0.01",
            "ms",
            |binary| fast::takeover_excess(binary, millis(10)),
        ),
        7,
    ),
    (
        (
            "adverts of the backup in 20 s, advert_int 0.01, two CPU hogs",
            "adverts",
            |binary| fast::usurpations(binary, ""),
        ),
        3,
    ),
    (
        ("the same with vrrp_rt_priority 50", "adverts", |binary| {
            fast::usurpations(binary, RT_PRIORITY)
        }),
        3,
    ),
    (
        (
            "longest advert gap of the master in 20 s, advert_int 0.01, two CPU hogs",
            "ms",
            |binary| fast::longest_gap(binary, ""),
        ),
        3,
    ),
    (
        (
            "latest advert of 100 instances at 0.1 s, in 20 s",
            "ms",
            |binary| scripts::latest(binary, 0),
        ),
        3,
    ),
    (
        (
            "latest advert of 100 instances at 0.1 s beside 500 scripts at 1 s, in 20 s",
            "ms",
            |binary| scripts::latest(binary, SCRIPTS),
        ),
        3,
    ),
    (
        (
            "adverts later than 5 ms without scripts, of 20,000",
            "adverts",
            |binary| scripts::late(binary, 0),
        ),
        3,
    ),
    (
        (
            "adverts later than 5 ms beside 500 scripts at 1 s, of 20,000",
            "adverts",
            |binary| scripts::late(binary, SCRIPTS),
        ),
        3,
    ),
    (
        (
            "the same, later than 5 ms without what the host took",
            "adverts",
            |binary| scripts::late_by_itself(binary, SCRIPTS),
        ),
        3,
    ),
    (("CPU, master, advert_int 0.01", "ms/s", fast::load), 1),
    (("wake-ups a second, idle master", "1/s", wakeups), 1),
    (("CPU, idle master", "ms/s", cpu), 1),
    (("RSS of all processes", "MB", resident), 1),
    (("PSS of all processes", "MB", proportional), 1),
    (("SIGTERM to exit", "ms", stop_time), 5),
    (("drift of adverts, each", "ms", drift), 1),
    (
        (
            "SIGHUP with 1,000 instances, longest advert gap",
            "ms",
            reload_gap,
        ),
        1,
    ),
];

fn main() -> ExitCode {
    stage::run_single_privileged(|| {
        println!(
            "| what | unit | ours: median (least) | keepalived {}: median (least) |\n|---|---|---|---|",
            version(Peer)
        );
        let wanted = std::env::var("BENCH_ROWS").unwrap_or_default();
        for ((name, unit, measure), rounds) in ROWS {
            if !name.contains(&wanted) {
                continue;
            }
            let mut taken = [Vec::new(), Vec::new()];
            for _ in 0..rounds {
                for (binary, taken) in [Ours, Peer].into_iter().zip(&mut taken) {
                    taken.push(measure(binary));
                }
            }
            let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
            let [best_ours, best_peer] = [&taken[0], &taken[1]].map(|taken| least(taken));
            let [ours, peer] = taken.map(median);
            println!(
                "| {name} | {unit} | {ours:.2} ({best_ours:.2}) | {peer:.2} ({best_peer:.2}) |"
            );
        }
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn version(binary: Binary) -> String {
    let output = std::process::Command::new(binary.path())
        .arg("-v")
        .output()
        .expect("the binary");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.split_whitespace()
        .nth(1)
        .unwrap_or("unknown")
        .to_owned()
}

/// Instances with a virtual IP each, 255 on an interface.
fn instances(count: usize) -> String {
    let mut text = String::new();
    for n in 0..count {
        let (vrid, interface) = (n % VRIDS + 1, n / VRIDS);
        let _ = writeln!(
            text,
            "vrrp_instance V{n} {{\n  state MASTER\n  interface eth{interface}\n  virtual_router_id {vrid}\n  priority 100\n  advert_int 1\n  virtual_ipaddress {{\n    10.{}.{}.{vrid}/32\n  }}\n}}",
            100 + interface / 250,
            interface % 250
        );
    }
    text
}

/// A host with the interfaces `eth0`.. that `count` instances need.
fn wide_host(count: usize) -> HostSpec {
    (0..count.div_ceil(VRIDS)).fold(HostSpec { interfaces: vec![] }, |spec, n| {
        spec.with(&format!("eth{n}"), 1, &format!("10.20.{n}"))
    })
}

/// The time of `-t`, on a host with the interfaces the instances need.
fn test_time(binary: Binary, text: &str) -> f64 {
    let count = text.matches("vrrp_instance").count();
    let world = World::new(&[wide_host(count)]);
    let node = &world.nodes[0];
    node.write(CONFIG, text);
    let start = Instant::now();
    let (status, output) = node.try_run(&[binary.inside(), "-t", "-f", CONFIG]);
    let time = start.elapsed();
    assert!(matches!(status.code(), Some(0 | 5)), "{status}: {output}");
    time.as_secs_f64() * 1e3
}

fn pair(binary: Binary) -> World {
    let world = World::two();
    world.nodes[0].start(binary, &instance("A", VRID, 100, "state MASTER", &[VIP]));
    world.nodes[1].start(binary, &instance("A", VRID, 90, "state BACKUP", &[VIP]));
    wait_until("the first host is master", PATIENCE, || {
        world.holders(VIP) == [0]
    });
    world
}

/// First advert of the second host after the last of the first, less theory.
fn excess(world: &World, mark: usize, theory: Duration) -> f64 {
    let first = world.capture.wait_advert(mark, 1, VRID, PATIENCE);
    let last = world
        .capture
        .adverts(0, VRID)
        .into_iter()
        .rfind(|advert| advert.at < first.at)
        .expect("adverts");
    ((first.at - last.at).as_secs_f64() - theory.as_secs_f64()) * 1e3
}

fn takeover_excess(binary: Binary) -> f64 {
    let world = pair(binary);
    std::thread::sleep(millis(1500));
    world.nodes[0].kill_all();
    let mark = world.capture.mark();
    excess(&world, mark, secs(3) + skew(90))
}

fn resignation_excess(binary: Binary) -> f64 {
    let world = pair(binary);
    std::thread::sleep(millis(1500));
    let mark = world.capture.mark();
    world.nodes[0].signal(Signal::SIGTERM);
    let excess = excess(&world, mark, skew(90));
    world.nodes[0].wait_exit(PATIENCE);
    excess
}

fn idle_master(binary: Binary) -> World {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write(CONFIG, &instance("A", VRID, 100, "state MASTER", &[VIP]));
    // As it is usually run, without `-l`: what is said on standard error is written to a file here.
    let pids = ["-p", "/run/keepalived.pid", "-r", "/run/vrrp.pid"];
    node.start_with(binary, &[&["-n", "-D", "-f", CONFIG][..], &pids].concat());
    wait_until("the host is master", PATIENCE, || node.holds(VIP));
    world
}

/// The sum of a number of `/proc/PID/status` over the daemon's processes.
fn total(node: &Node, field: &str) -> u64 {
    node.processes()
        .into_iter()
        .map(|pid| Node::status_number(pid, field))
        .sum()
}

fn wakeups(binary: Binary) -> f64 {
    let world = idle_master(binary);
    std::thread::sleep(CALM);
    let before = total(&world.nodes[0], "voluntary_ctxt_switches");
    std::thread::sleep(WATCH);
    let after = total(&world.nodes[0], "voluntary_ctxt_switches");
    (after - before) as f64 / WATCH.as_secs_f64()
}

/// Processor time of a process as the scheduler counts it, in nanoseconds.
fn run_time(pid: Pid) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let word = text.split(' ').next();
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}

fn cpu(binary: Binary) -> f64 {
    let world = idle_master(binary);
    std::thread::sleep(CALM);
    let used = || -> u64 { world.nodes[0].processes().into_iter().map(run_time).sum() };
    let before = used();
    std::thread::sleep(WATCH);
    (used() - before) as f64 / 1e6 / WATCH.as_secs_f64()
}

fn resident(binary: Binary) -> f64 {
    let world = idle_master(binary);
    std::thread::sleep(secs(1));
    total(&world.nodes[0], "VmRSS") as f64 / 1024.0
}

fn proportional(binary: Binary) -> f64 {
    let world = idle_master(binary);
    std::thread::sleep(secs(1));
    let pids = world.nodes[0].processes().into_iter();
    let sizes = pids.filter_map(|pid| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    });
    sizes.sum::<u64>() as f64 / 1024.0
}

fn stop_time(binary: Binary) -> f64 {
    let world = idle_master(binary);
    let node = &world.nodes[0];
    let pid = node.pid();
    let start = Instant::now();
    kill(pid, Signal::SIGTERM).expect("it runs");
    // Not the polling of `wait_exit`: it would be counted.
    waitpid(pid, None).expect("it is our child");
    start.elapsed().as_secs_f64() * 1e3
}

/// How much longer than a second the way from one advert to the next is, in the mean.
fn drift(binary: Binary) -> f64 {
    let world = idle_master(binary);
    std::thread::sleep(CALM);
    let mark = world.capture.mark();
    std::thread::sleep(WATCH + millis(500));
    let times = world
        .capture
        .adverts_since(mark)
        .into_iter()
        .map(|advert| advert.at)
        .collect::<Vec<_>>();
    let gaps = times.len() - 1;
    ((times[gaps] - times[0]).as_secs_f64() / gaps as f64 - 1.0) * 1e3
}

fn reload_gap(binary: Binary) -> f64 {
    const COUNT: usize = 1_000;
    let world = World::new(&[wide_host(COUNT)]);
    let node = &world.nodes[0];
    node.write(CONFIG, &instances(COUNT));
    // Detail logs of a thousand instances would be what is measured.
    let pids = ["-p", "/run/keepalived.pid", "-r", "/run/vrrp.pid"];
    node.start_with(binary, &[&["-n", "-f", CONFIG][..], &pids].concat());
    wait_until("all instances are master", PATIENCE, || {
        node.all_addresses()
            .iter()
            .filter(|one| one.is_ipv4())
            .count()
            >= COUNT
    });
    std::thread::sleep(CALM);
    let mark = world.capture.mark();
    node.signal(Signal::SIGHUP);
    std::thread::sleep(WATCH);
    let mut last = std::collections::HashMap::new();
    let mut longest = Duration::ZERO;
    for frame in world.capture.frames_since(mark) {
        if let Some(advert) = frame.advert()
            && let Some(before) = last.insert((frame.network, advert.vrid), advert.at)
        {
            longest = longest.max(advert.at - before);
        }
    }
    assert_eq!(last.len(), COUNT, "every instance announces itself");
    longest.as_secs_f64() * 1e3
}
