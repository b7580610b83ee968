//! Programs that are run again and again leave nothing behind: no zombie, no descriptor, no memory; neither those that end well nor
//! those that fail or hang. KEEPALIVED_TEST_RUNS says how many runs (100000 take minutes).

use std::fmt::Write;
use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{must_run_all, secs, wait_until};

const VIP: &str = "10.88.0.1";
/// Runs, usually and where everything must be tested.
const RUNS: [u64; 2] = [2_000, 10_000];
/// Runs a second on a busy machine.
const RATE: u64 = 50;
/// Scripts beside each other.
const SCRIPTS: usize = 100;
/// A process that grew by more, in kB, keeps something of each run.
const GROWTH: u64 = 4096;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![case("many_runs::leave_nothing_behind", leave_nothing).within(limit())]
}

fn goal() -> u64 {
    let asked = std::env::var("KEEPALIVED_TEST_RUNS").ok();
    let asked = asked.and_then(|number| number.parse().ok());
    asked.unwrap_or(RUNS[usize::from(must_run_all())])
}

fn limit() -> Duration {
    secs(goal() / RATE)
}

/// Scripts that leave a byte in a file each, and some that hang with a grandchild in a session of its own.
fn config(scripts: usize) -> String {
    let mut text = String::new();
    let mut tracked = String::from("track_script {\n rare\n");
    text += "vrrp_script rare {\n script /bin/true\n interval 4000\n}\n";
    for number in 0..scripts {
        let (script, times) = match number % 20 {
            0 => ("/etc/keepalived/hang.sh", "interval 0.5\n timeout 0.1"),
            1 => ("echo >> /run/runs; exit 1", "interval 0.1\n timeout 5"),
            _ => ("echo >> /run/runs", "interval 0.1\n timeout 5"),
        };
        write!(
            text,
            "vrrp_script s{number} {{\n script \"{script}\"\n {times}\n}}\n"
        )
        .expect("a string");
        writeln!(tracked, "s{number} weight 1").expect("a string");
    }
    text + &instance("LOCK", 88, 100, &(tracked + "}"), &[VIP])
}

/// The daemon's processes: the parent, the one that speaks VRRP, the one that runs programs.
fn ours(node: &Node) -> [Pid; 3] {
    let vrrp = node.vrrp_pid().expect("a VRRP process");
    let is_runner = |pid: &Pid| {
        fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| name.trim() == "keepalived_run")
    };
    let runner = Node::children(vrrp).into_iter().find(is_runner);
    [node.pid(), vrrp, runner.expect("a runner")]
}

fn descriptors(pids: [Pid; 3]) -> [usize; 3] {
    pids.map(|pid| {
        let entries = fs::read_dir(format!("/proc/{pid}/fd"));
        entries.expect("the process lives").count()
    })
}

/// What each has written to; pages of the program itself come and go as the machine pleases.
fn memory(pids: [Pid; 3]) -> [u64; 3] {
    pids.map(|pid| Node::status_number(pid, "RssAnon"))
}

fn leave_nothing() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script(
        "/etc/keepalived/hang.sh",
        "#!/bin/sh\nsetsid sleep 4716 &\nsleep 4716\n",
    );
    let runs = || fs::metadata(node.path("/run/runs")).map_or(0, |file| file.len());
    let reload = |scripts: usize| {
        node.write(CONFIG, &config(scripts));
        node.signal(Signal::SIGHUP);
    };
    let rest = || {
        reload(0);
        wait_until("no script runs any more", secs(10), || {
            Node::children(ours(node)[2]).is_empty()
        });
    };
    node.start(Ours, &config(0));
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    let pids = ours(node);
    let (before, children) = (descriptors(pids), pids.map(Node::children));
    // What a first burst needs is no leak.
    reload(SCRIPTS);
    wait_until("the scripts run", limit(), || runs() > goal() / 20);
    rest();
    let size = memory(pids);
    reload(SCRIPTS);
    wait_until("they have run often", limit(), || runs() >= goal());
    rest();
    assert_eq!(ours(node), pids, "nobody was replaced\n{}", node.log());
    assert_eq!(descriptors(pids), before);
    assert_eq!(node.sleepers("4716"), 0);
    assert_eq!(pids.map(Node::children), children, "zombies");
    for (before, now) in size.into_iter().zip(memory(pids)) {
        assert!(now < before + GROWTH, "{before} kB, then {now} kB");
    }
    assert!(node.holds(VIP));
}
