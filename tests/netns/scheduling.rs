//! How the kernel runs the processes: what the configuration asks for is seen in /proc, is taken back by a reload, and where it is
//! refused one line says which capability is missing.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case, privileged_case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{millis, secs, wait_for, wait_until};

const VIP: &str = "10.77.0.1";
const ALL: &str = "vrrp_priority -5\n vrrp_rt_priority 10\n vrrp_rlimit_rttime 50000\n vrrp_no_swap\n vrrp_cpu_affinity 0";

/// `SCHED_OTHER` and `SCHED_RR`, as /proc numbers them.
const OTHER: i64 = 0;
const ROUND_ROBIN: i64 = 2;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        privileged_case("scheduling::as_configured_or_said", as_configured_or_said),
        case("scheduling::its_turn_comes_soon", its_turn_comes_soon),
        case("scheduling::refusals_are_said_once", refusals_are_said_once),
        case(
            "scheduling::what_needs_no_privilege",
            what_needs_no_privilege,
        ),
        privileged_case("scheduling::late_timers_raise_it", late_timers_raise_it),
        privileged_case(
            "scheduling::programs_inherit_nothing",
            programs_inherit_nothing,
        ),
    ]
}

/// What the kernel says of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    policy: i64,
    realtime: i64,
    nice: i64,
    cpus: String,
    locked: bool,
    realtime_limit: String,
    /// How much of a processor it asks for at a time, in nanoseconds, where the kernel tells.
    slice: Option<u64>,
}

fn run(pid: Pid) -> Run {
    let field = |number| {
        let text = Node::stat_field(pid, number);
        text.parse().expect("a number")
    };
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(|line| line.trim_start_matches(':').trim().to_owned())
            .unwrap_or_default()
    };
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("limits");
    let limit = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max realtime timeout"));
    let scheduled = fs::read_to_string(format!("/proc/{pid}/sched")).unwrap_or_default();
    let slice = scheduled
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim() == "se.slice")
        .and_then(|(_, value)| value.trim().parse().ok());
    Run {
        slice,
        policy: field(41),
        realtime: field(40),
        nice: field(19),
        cpus: value("Cpus_allowed_list"),
        locked: !value("VmLck").starts_with("0 "),
        realtime_limit: limit
            .and_then(|line| line.split_whitespace().next())
            .unwrap_or_default()
            .to_owned(),
    }
}

fn config(global: &str) -> String {
    format!(
        "global_defs {{\n {global}\n}}\n{}",
        instance("RUN", 77, 100, "", &[VIP])
    )
}

fn started(global: &str) -> World {
    let world = World::new(&[HostSpec::numbered(1)]);
    world.nodes[0].start(Ours, &config(global));
    wait_until("the host is master", election_bound(), || {
        world.nodes[0].holds(VIP)
    });
    world
}

fn reload(node: &Node, global: &str, times: usize) {
    node.write(CONFIG, &config(global));
    node.signal(Signal::SIGHUP);
    wait_until("the reload is done", secs(5), || {
        node.log().matches("Reload complete").count() == times
    });
}

fn vrrp(node: &Node) -> Pid {
    node.vrrp_pid().expect("a VRRP process")
}

/// Whether this machine lets us set a real-time priority at all.
fn is_granted(node: &Node) -> bool {
    node.try_run(&["chrt", "-r", "1", "true"]).0.success()
}

fn said(node: &Node, part: &str) -> usize {
    node.log()
        .lines()
        .filter(|line| line.contains(part))
        .count()
}

fn as_configured_or_said() {
    let world = started("router_id plain");
    let node = &world.nodes[0];
    let (ordinary, parent) = (run(vrrp(node)), run(node.pid()));
    assert_eq!((ordinary.policy, ordinary.locked), (OTHER, false));
    let alike = Run {
        slice: ordinary.slice,
        ..parent.clone()
    };
    assert_eq!(alike, ordinary);
    reload(node, ALL, 1);
    let asked = run(vrrp(node));
    if !is_granted(node) {
        assert_eq!(said(node, "CAP_SYS_NICE is missing"), 1);
        assert_eq!((asked.policy, asked.nice), (OTHER, ordinary.nice));
        assert_eq!(asked.cpus, "0", "this needs no privilege");
        return;
    }
    let expected = Run {
        policy: ROUND_ROBIN,
        realtime: 10,
        nice: -5,
        cpus: "0".into(),
        locked: true,
        realtime_limit: "50000".into(),
        slice: asked.slice,
    };
    assert_eq!(asked, expected);
    assert_eq!(run(node.pid()), parent, "it runs as it was started");
    // One that replaces a dead process runs so from its start.
    let dead = vrrp(node);
    kill(dead, Signal::SIGKILL).expect("kill");
    wait_until("a replacement", secs(5), || {
        node.vrrp_pid().is_some_and(|pid| pid != dead)
    });
    wait_until("it runs as configured", secs(5), || {
        run(vrrp(node)) == expected
    });
    reload(node, "vrrp_rt_priority 11", 2);
    let changed = run(vrrp(node));
    assert_eq!(
        (changed.policy, changed.realtime, changed.nice),
        (ROUND_ROBIN, 11, 0)
    );
    assert_eq!(
        (changed.locked, changed.cpus.as_str()),
        (false, ordinary.cpus.as_str())
    );
    assert_eq!(changed.realtime_limit, "10000", "the default");
    reload(node, "router_id plain", 3);
    assert_eq!(run(vrrp(node)), ordinary, "all is taken back");
    assert_eq!(said(node, "is missing"), 0, "{}", node.log());
    node.stop();
}

/// The VRRP process asks for little at a time, so that it gets it sooner than programs that were started before: so does one that
/// replaces it, and none of its own programs.
fn its_turn_comes_soon() {
    let world = started("router_id plain");
    let node = &world.nodes[0];
    let usual = run(node.pid()).slice;
    let may_be_short = usual.is_some() && has_slices();
    let is_short = || run(vrrp(node)).slice < usual;
    assert_eq!(is_short(), may_be_short, "{:?}", run(vrrp(node)));
    let dead = vrrp(node);
    kill(dead, Signal::SIGKILL).expect("kill");
    wait_until("a replacement", secs(5), || {
        node.vrrp_pid().is_some_and(|pid| pid != dead)
    });
    if may_be_short {
        wait_until("it asks for the same", secs(5), is_short);
    }
    node.stop();
}

/// Since Linux 6.12 a process may say how much it wants at a time.
fn has_slices() -> bool {
    let system = nix::sys::utsname::uname().expect("the kernel's name");
    let release = system.release().to_string_lossy().into_owned();
    let mut numbers = release.split('.').map_while(|part| part.parse().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(12))
}

fn refusals_are_said_once() {
    let world = started(ALL);
    let node = &world.nodes[0];
    let asked = run(vrrp(node));
    // In a user namespace the capabilities look granted, and are not.
    assert_eq!(
        (asked.policy, asked.nice, asked.locked),
        (OTHER, 0, false),
        "{}",
        node.log()
    );
    let lines: Vec<String> = node
        .log()
        .lines()
        .filter(|line| line.contains("is missing"))
        .map(str::to_owned)
        .collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].contains("vrrp_priority -5, vrrp_rt_priority 10: CAP_SYS_NICE"),
        "{lines:?}"
    );
    assert!(lines[1].contains("vrrp_no_swap: CAP_IPC_LOCK"), "{lines:?}");
    reload(node, &format!("{ALL}\n router_id other"), 1);
    assert_eq!(
        said(node, "is missing"),
        2,
        "an unchanged wish is not refused again"
    );
    node.stop();
}

fn what_needs_no_privilege() {
    let world = started("vrrp_priority 5\n vrrp_cpu_affinity 0 8000\n checker_priority 7");
    let node = &world.nodes[0];
    let asked = run(vrrp(node));
    assert_eq!((asked.nice, asked.cpus.as_str()), (5, "0"));
    assert_eq!(
        said(node, "vrrp_cpu_affinity: of the processors [0, 8000]"),
        1,
        "{}",
        node.log()
    );
    assert_eq!(run(node.pid()).nice, 0);
    // What RLIMIT_RTTIME sends is a warning to a process whose loop turns.
    for times in 1..=2 {
        kill(vrrp(node), Signal::SIGXCPU).expect("kill");
        wait_until("it is said", secs(5), || {
            said(node, "without a pause (RLIMIT_RTTIME)") == times
        });
    }
    // A balancer has a process of its own, with words of its own.
    let service = "virtual_server 10.10.0.200 80 {\n real_server 10.10.0.201 80 {\n }\n}\n";
    node.write(
        CONFIG,
        &format!(
            "{}{service}",
            config("vrrp_priority 5\n checker_priority 7\n checker_cpu_affinity 0")
        ),
    );
    node.signal(Signal::SIGHUP);
    wait_until("a checker process runs as configured", secs(5), || {
        let pid = node
            .read("/run/checkers.pid")
            .trim()
            .parse()
            .ok()
            .map(Pid::from_raw);
        pid.is_some_and(|pid| {
            let runs = node.processes().contains(&pid).then(|| run(pid));
            runs.is_some_and(|run| (run.nice, run.cpus.as_str()) == (7, "0"))
        })
    });
    assert_ne!(run(vrrp(node)).cpus, "0", "the processors are given back");
    node.stop();
}

fn late_timers_raise_it() {
    let world = started("max_auto_priority 2\n min_auto_priority_delay 300000");
    let node = &world.nodes[0];
    assert_eq!(run(vrrp(node)).policy, OTHER);
    let halt = || {
        kill(vrrp(node), Signal::SIGSTOP).expect("kill");
        std::thread::sleep(millis(1700));
        kill(vrrp(node), Signal::SIGCONT).expect("kill");
    };
    halt();
    if !is_granted(node) {
        node.wait_log("max_auto_priority: CAP_SYS_NICE is missing", secs(5));
        return;
    }
    wait_until("it is raised", secs(5), || {
        let now = run(vrrp(node));
        (now.policy, now.realtime, now.realtime_limit.as_str()) == (ROUND_ROBIN, 1, "10000")
    });
    for _ in 0..2 {
        halt();
        wait_until("it is raised to the limit", secs(5), || {
            run(vrrp(node)).realtime == 2
        });
    }
    reload(node, "max_auto_priority 0", 1);
    assert_eq!(run(vrrp(node)).policy, OTHER, "nobody asks for it any more");
    node.stop();
}

/// Programs of the user run as the daemon was started, whatever the VRRP process was asked to be: those that are told, the one that
/// reads a FIFO, and those that are asked again and again.
fn programs_inherit_nothing() {
    const PROGRAMS: [&str; 3] = ["told", "reader", "asked"];
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    for name in PROGRAMS {
        let text = format!(
            "#!/bin/sh\necho $$ > /run/test/{name}.new\nmv /run/test/{name}.new /run/test/{name}\nexec sleep 60\n"
        );
        node.write_script(&format!("/etc/keepalived/{name}"), &text);
    }
    let told = "notify_master /etc/keepalived/told\n track_script {\n asked weight 1\n }";
    let global = format!(
        "script_user root\n {ALL}\n vrrp_notify_fifo /run/test/fifo\n vrrp_notify_fifo_script /etc/keepalived/reader"
    );
    let script =
        "vrrp_script asked {\n script /etc/keepalived/asked\n interval 1\n timeout 60\n}\n";
    node.start(
        Ours,
        &format!(
            "global_defs {{\n {global}\n}}\n{script}{}",
            instance("RUN", 77, 100, told, &[VIP])
        ),
    );
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    let ordinary = run(node.pid());
    let asked = run(vrrp(node));
    assert_eq!(asked.cpus, "0");
    if is_granted(node) {
        assert_eq!((asked.policy, asked.nice), (ROUND_ROBIN, -5));
        assert!(asked.locked && asked.realtime_limit == "50000", "{asked:?}");
    }
    for name in PROGRAMS {
        let pid = wait_for(name, secs(10), || {
            let text = node.read(&format!("/run/test/{name}"));
            text.trim().parse().ok().map(Pid::from_raw)
        });
        assert_eq!(run(pid), ordinary, "{name}");
    }
}
