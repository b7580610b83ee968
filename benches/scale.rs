//! Thousands of instances at once, for our daemon beside the distribution's keepalived: the master of all of them dies, the new one
//! stops. `cargo bench --bench scale` prints a table; `INSTANCES=1000` measures one size only, `STRICT=only` only instances whose
//! addresses are filtered, `STRICT=no` only others, `PEER=no` leaves the other daemon out.
//! One instance, start, reload and memory are in peer.rs. Nothing is asserted here: whoever reads the table judges.

#[path = "../tests/support/mod.rs"]
mod support;

#[path = "scale/ear.rs"]
mod ear;

use ear::Ear;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use support::node::Node;
use support::world::{HostSpec, World};
use support::{Binary, config, secs, stage, wait_until};

/// One line of the table: what was measured, in words with the unit, and the value in words.
type Row = (String, String);

/// What the instances are.
#[derive(Clone, Copy)]
struct Setting {
    count: usize,
    /// By `vrrp_strict`: addresses are not answered, so that the packet filter is told of each before it is there.
    strict: bool,
}

/// What is measured.
const SETTINGS: [Setting; 3] = [
    plain(1000),
    plain(5000),
    Setting {
        count: 1000,
        strict: true,
    },
];

const fn plain(count: usize) -> Setting {
    Setting {
        count,
        strict: false,
    }
}

/// Least time between looks at a process that is to end.
const LOOK: Duration = Duration::from_millis(1);

/// VRIDs used on one network.
const PER_NETWORK: usize = 250;
/// Priorities of the two hosts.
const PRIORITIES: [u8; 2] = [150, 100];
/// Longest time for an election at start, or for a takeover.
const ELECTION: Duration = secs(60);
/// From when the other host is dead to just before the takeover.
const BEFORE_TAKEOVER: Duration = Duration::from_millis(2200);
/// Until the addresses, gratuitous ARPs and log lines of a takeover are done with; and before the next adverts are due, which are not
/// its work. Nobody looks till then: who does, on what may be the same core, makes takeovers slower.
const AFTERMATH: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    stage::run_single(|| {
        let only: Option<usize> = std::env::var("INSTANCES").ok().and_then(|n| n.parse().ok());
        let peer = Binary::Peer.path().exists() && std::env::var("PEER").as_deref() != Ok("no");
        println!("| what | ours | peer |\n|---|---|---|");
        let strict = std::env::var("STRICT").unwrap_or_default();
        let wanted = |setting: &Setting| match strict.as_str() {
            "only" => setting.strict,
            "no" => !setting.strict,
            _ => true,
        };
        let mut settings = SETTINGS.to_vec();
        settings.retain(wanted);
        if let Some(count) = only {
            settings.retain(|setting| setting.count == count);
        }
        for setting in settings {
            let ours = takeover(Binary::Ours, setting);
            let theirs = if peer {
                takeover(Binary::Peer, setting)
            } else {
                vec![]
            };
            for (at, (what, value)) in ours.iter().enumerate() {
                let other = theirs.get(at).map_or("-", |(_, value)| value.as_str());
                println!("| {what} | {value} | {other} |");
            }
        }
    })
}

/// Both hosts run, and the first is MASTER of everything.
struct Duel {
    world: World,
    ear: Ear,
    count: usize,
}

impl Duel {
    fn start(binary: Binary, Setting { count, strict }: Setting) -> Self {
        let specs = [1, 2].map(|number| {
            (0..count.div_ceil(PER_NETWORK)).fold(HostSpec { interfaces: vec![] }, |spec, n| {
                spec.with(&format!("eth{n}"), number, &format!("10.{}.0", 10 + n))
            })
        });
        let processors = Processors::part();
        let mut world = World::new(&specs);
        // What others hear is paid for by the process that sends: the ear alone, and no filter.
        world.capture.end();
        leave_bridges_unfiltered();
        leave_bridges_deaf();
        let ear = Ear::open();
        for (node, priority) in world.nodes.iter().zip(PRIORITIES) {
            let text: String = (0..count)
                .map(|n| {
                    let (network, vrid) = (n / PER_NETWORK, n % PER_NETWORK + 1);
                    let address = format!("10.{}.1.{vrid}/24 dev eth{network}", 10 + network);
                    let text = config::instance(
                        &format!("VI_{n}"),
                        u8::try_from(vrid).expect("at most 250"),
                        priority,
                        "state BACKUP",
                        &[&address],
                    );
                    text.replace("interface eth0", &format!("interface eth{network}"))
                })
                .collect();
            let global = if strict {
                "global_defs {\n vrrp_strict\n}\n"
            } else {
                ""
            };
            node.start(binary, &format!("{global}{text}"));
            processors.leave_alone(node);
            // The first is MASTER before the second begins.
            wait_until("the first host's adverts", ELECTION, || {
                ear.routers(0, 0) == count
            });
        }
        std::thread::sleep(secs(5));
        Duel { world, ear, count }
    }
}

/// The master of all is killed; then the new one is stopped.
fn takeover(binary: Binary, setting: Setting) -> Vec<Row> {
    let Duel { world, ear, count } = Duel::start(binary, setting);
    let what = format!(
        "{count}{} instances",
        if setting.strict { " strict" } else { "" }
    );
    let backup = &world.nodes[1];
    let pid = backup.vrrp_pid().expect("the backup's VRRP process");
    let mark = ear.mark();
    std::thread::sleep(Duration::from_millis(1500));
    world.nodes[0].kill_all();
    let last = ear.last(mark, 0);
    leave_alone_with_cables(&world, 1, count);
    std::thread::sleep(BEFORE_TAKEOVER);
    let before = cpu_time(pid);
    let theory = master_down_interval(PRIORITIES[1]);
    sleep_until(last.values().copied().fold(0.0, f64::max) + theory + AFTERMATH.as_secs_f64());
    if ear.routers(mark, 1) < count {
        wait_until("every takeover", ELECTION, || ear.routers(mark, 1) == count);
        std::thread::sleep(AFTERMATH);
    }
    let spent = (cpu_time(pid) - before) * 1e3 / count as f64;
    let excess: Vec<f64> = ear
        .first(mark, 1)
        .iter()
        .filter_map(|(router, at)| Some((at - last.get(router)? - theory) * 1e3))
        .collect();
    let (median, worst) = median_and_max(excess);
    std::thread::sleep(secs(2));
    let (before, watched) = (cpu_time(pid), secs(5));
    std::thread::sleep(watched);
    let load = (cpu_time(pid) - before) / 10.0 / watched.as_secs_f64();
    let mark = ear.mark();
    let told = SystemTime::now();
    let stopped = stop_time(backup);
    let resigned = last_resignation(&ear, mark, told, count);
    vec![
        (
            format!("takeover of {what}: excess, median, ms"),
            format!("{median:.1}"),
        ),
        (
            format!("takeover of {what}: excess, last one, ms"),
            format!("{worst:.1}"),
        ),
        (
            format!("takeover of {what}: processor time each, us"),
            format!("{spent:.0}"),
        ),
        (
            format!("master of {what}: % of a processor"),
            format!("{load:.1}"),
        ),
        (
            format!("SIGTERM to exit, {what}, ms"),
            format!("{stopped:.0}"),
        ),
        (
            format!("SIGTERM to the last resignation of {what}, ms"),
            resigned[1].clone(),
        ),
        (
            format!("first to last resignation of {what}, ms"),
            resigned[0].clone(),
        ),
    ]
}

/// Adverts with priority 0: milliseconds from the first to the last, and to that from the signal; or how many of them there were.
fn last_resignation(ear: &Ear, mark: usize, told: SystemTime, count: usize) -> [String; 2] {
    let told = told
        .duration_since(UNIX_EPOCH)
        .expect("a clock set after 1970");
    let times = ear.resignations(mark, 1);
    if times.len() != count {
        return [(); 2].map(|()| format!("only {} of {count}", times.len()));
    }
    let first = times.values().copied().fold(f64::INFINITY, f64::min);
    let last = times.values().copied().fold(0.0, f64::max);
    [first, told.as_secs_f64()].map(|begin| format!("{:.1}", (last - begin) * 1e3))
}

/// The bridges of this network namespace hand nothing to the firewall, whatever the host has set.
fn leave_bridges_unfiltered() {
    for filter in ["arptables", "iptables", "ip6tables"] {
        // Not there where nobody loaded the filter, which is as good.
        let _ = std::fs::write(format!("/proc/sys/net/bridge/bridge-nf-call-{filter}"), "0");
    }
}

/// Nor do they resolve addresses themselves, as a switch does not: what the hosts announce would be work that the sender pays for.
fn leave_bridges_deaf() {
    let ip = |words: &[&str]| {
        let output = std::process::Command::new("ip").args(words).output();
        String::from_utf8(output.expect("ip").stdout).expect("text")
    };
    for line in ip(&["-br", "link", "show", "type", "bridge"]).lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        ip(&["link", "set", name, "arp", "off"]);
    }
}

/// The other host has no power, so what this one sends is heard by nobody but the ear. It would be flooded by a bridge and received by
/// the dead host's kernel all the same, here on one machine, before the sender's call returns, and charged to the sender.
fn leave_alone_with_cables(world: &World, node: usize, instances: usize) {
    for network in 0..instances.div_ceil(PER_NETWORK) {
        world.unbridge(node, network);
    }
}

/// Where there are two processors, one has the daemons, and the other whoever measures.
struct Processors {
    daemons: Option<CpuSet>,
}

impl Processors {
    /// For threads and processes made from now on.
    fn part() -> Self {
        let me = Pid::this();
        let allowed = sched_getaffinity(me).expect("the processors of this process");
        let mut processors = (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu) == Ok(true));
        let (Some(first), Some(second)) = (processors.next(), processors.next()) else {
            return Processors { daemons: None };
        };
        let [daemons, others] = [first, second].map(|processor| {
            let mut set = CpuSet::new();
            set.set(processor).expect("a processor of the set");
            set
        });
        sched_setaffinity(me, &others).expect("the other processor");
        Processors {
            daemons: Some(daemons),
        }
    }

    /// The daemon of a host has its processor to itself.
    fn leave_alone(&self, node: &Node) {
        for pid in node.processes() {
            if let Some(daemons) = &self.daemons {
                sched_setaffinity(pid, daemons).expect("the daemons' processor");
            }
        }
    }
}

/// The middle one and the largest.
fn median_and_max(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let middle = values.get(values.len() / 2).copied();
    let largest = values.last().copied();
    (middle.unwrap_or(f64::NAN), largest.unwrap_or(f64::NAN))
}

/// Master_Down_Interval of version 2 at one second (RFC 3768 section 6.1), in seconds.
fn master_down_interval(priority: u8) -> f64 {
    3.0 + (256.0 - f64::from(priority)) / 256.0
}

/// Sleeps until so many seconds after 1970.
fn sleep_until(seconds: f64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("a clock set after 1970").as_secs_f64();
    std::thread::sleep(Duration::from_secs_f64((seconds - now).max(0.0)));
}

/// Milliseconds from SIGTERM to the end of the daemon's parent process.
fn stop_time(node: &Node) -> f64 {
    let start = Instant::now();
    node.signal(Signal::SIGTERM);
    while node.runs() {
        std::thread::sleep(LOOK);
    }
    start.elapsed().as_secs_f64() * 1e3
}

/// Milliseconds of processor time that a process has used.
fn cpu_time(pid: Pid) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let nanos = text
        .split_whitespace()
        .next()
        .and_then(|word| word.parse::<f64>().ok());
    nanos.unwrap_or(f64::NAN) / 1e6
}
