//! Processes that shift priorities: how many there are, which are meant, and how long that has to be so. In these namespaces the
//! kernel does not tell of processes, so that all of them are looked at; `tests/process_events.rs` has it tell. The distribution's
//! keepalived stands beside ours in neither: it counts nothing where the kernel refuses to tell, which it does in every network namespace
//! but the machine's own (where no test runs a daemon); and Debian's user-mode Linux, the guest, has CONFIG_CONNECTOR as a module, where
//! CONFIG_PROC_EVENTS can only be built into a kernel that has it built in.

use std::process::Child;
use std::time::Duration;

use crate::scripts::runner;
use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::Node;
use crate::support::stage::{Case, case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{secs, stays, wait_for, wait_until};

const VIP: &str = "10.85.5.1";
const VRID: u8 = 85;
/// A change is seen, and a takeover or a return is over.
const MOVE_BOUND: Duration = secs(20);

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("track_processes::a_pair_follows_a_process", pair),
        case("track_processes::which_are_meant", matching),
        case("track_processes::quorum_and_delays", quorum),
        case("track_processes::names_and_the_dead", names),
        case("track_processes::who_cannot_look_knows_nothing_new", blind),
    ]
}

fn tracked(name: &str, lines: &str) -> String {
    format!("vrrp_track_process {name} {{\n{lines}\n}}\n")
}

fn tracking(name: &str, vrid: u8, priority: u8, line: &str, address: &str) -> String {
    let head = format!("track_process {{\n{line}\n}}");
    instance(name, vrid, priority, &head, &[address])
}

/// A program of this name on the host.
fn install(node: &Node, name: &str) {
    let path = node.path(&format!("/run/{name}"));
    std::fs::copy("/bin/sleep", path).expect("a copy of sleep");
}

/// Runs it until it is killed.
fn run(node: &Node, words: &[&str]) -> Child {
    node.command(words).spawn().expect("a program")
}

fn end(mut process: Child) {
    process.kill().expect("it runs");
    process.wait().expect("it has ended");
}

fn settles(world: &World, node: usize) {
    wait_until(
        &format!("the address is on host {} alone", node + 1),
        election_bound() + MOVE_BOUND,
        || world.holders(VIP) == [node],
    );
}

fn pair() {
    let world = World::two();
    // The hosts share their processes, so that each has a name of its own.
    for (node, name, priority) in [(0, "harbour0", 100), (1, "harbour1", 90)] {
        install(&world.nodes[node], name);
        let config = tracked("harbour", &format!("process {name}\nweight -20"))
            + &tracking("LOCK", VRID, priority, "harbour", VIP);
        let running = run(&world.nodes[node], &[&format!("/run/{name}"), "1000"]);
        std::mem::forget(running);
        world.nodes[node].start(Ours, &config);
    }
    settles(&world, 0);
    let told = "The kernel does not tell of processes here";
    assert_eq!(world.nodes[0].log().matches(told).count(), 1);
    world.nodes[0].run(&["killall", "harbour0"]);
    settles(&world, 1);
    world.nodes[0].wait_log(
        "Quorum lost for tracked process harbour: 0 running",
        secs(5),
    );
    let process = run(&world.nodes[0], &["/run/harbour0", "1000"]);
    settles(&world, 0);
    end(process);
    settles(&world, 1);
}

/// Each instance runs when what it tracks is there.
fn matching() {
    let kinds = [
        ("process quay", true),
        ("process quayside", false),
        ("process sleep", false),
        ("process /run/quay", false),
        ("process /run/quay\nfull_command", true),
        ("process quay\nfull_command", false),
        ("process /run/quay 0.5 1000", true),
        ("process /run/quay 0.5", false),
        ("process /run/quay 0.5\nparam_match partial", true),
        ("process /run/quay 0.5 10\nparam_match partial", false),
        ("process /run/quay 0.5 10\nparam_match initial", true),
        ("process /run/quay 0. 1000\nparam_match initial", false),
        ("process /run/quay\nparam_match", false),
        ("process /run/quay\nparam_match partial", true),
        ("process /run/quay\nquorum_max 0\nfull_command", false),
        ("process quay\nquorum 2", true),
        ("process quay\nquorum 3", false),
        ("process quay\nquorum_max 1", false),
        ("process quay\nquorum_max 2", true),
        ("process a-very-long-name-indeed", true),
        ("process a-very-long-nam", true),
        ("process nothing", false),
        ("process nothing\nquorum_max 0", true),
        ("process nothing\nweight 0 reverse", true),
        ("process quay\nweight 0 reverse", false),
    ];
    let address = |place: usize| format!("10.85.6.{}", place + 1);
    let mut config = String::new();
    for (place, (lines, _)) in kinds.iter().enumerate() {
        let vrid = u8::try_from(place + 1).expect("few");
        config += &tracked(&format!("p{place}"), lines);
        config += &tracking(
            &format!("I{place}"),
            vrid,
            100,
            &format!("p{place}"),
            &address(place),
        );
    }
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    for name in ["quay", "a-very-long-name-indeed"] {
        install(node, name);
    }
    let running = [
        run(node, &["/run/quay", "0.5", "1000"]),
        run(node, &["/run/quay", "0.5", "1000"]),
        run(node, &["/run/a-very-long-name-indeed", "1000"]),
    ];
    node.start(Ours, &config);
    wait_until("those that can run", election_bound(), || {
        (kinds.iter().enumerate()).all(|(place, (_, runs))| node.holds(&address(place)) == *runs)
    });
    running.into_iter().for_each(end);
    wait_until("and the others without it", MOVE_BOUND, || {
        (kinds.iter().enumerate()).all(|(place, (kind, _))| {
            let runs = kind.contains("quorum_max 0") || kind.contains("reverse");
            node.holds(&address(place)) == runs
        })
    });
}

fn quorum() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    install(node, "tug");
    let definitions = tracked("many", "process tug\nquorum 2\nquorum_max 3\nweight 10")
        + &tracked("slow", "process tug\nterminate_delay 4\nfork_delay 3");
    let start = || run(node, &["/run/tug", "1000"]);
    let mut running = vec![start()];
    node.start(
        Ours,
        &(definitions + &tracking("LOCK", VRID, 100, "many\nslow", VIP)),
    );
    wait_until("it is master", election_bound(), || node.holds(VIP));
    running.push(start());
    node.wait_log("from 100 to 110\n", secs(10));
    running.push(start());
    stays("three are as good", secs(2), || {
        !node.log().contains("to 100\n")
    });
    running.push(start());
    node.wait_log("from 110 to 100\n", secs(10));
    running.drain(..3).for_each(end);
    running.drain(..).for_each(end);
    // A restart is not noticed, an end is after a while.
    stays("for a while", secs(2), || node.holds(VIP));
    running.push(start());
    stays("and when it is there again", secs(5), || node.holds(VIP));
    running.drain(..).for_each(end);
    node.wait_log(
        "(LOCK) entering FAULT state (tracked process slow lacks its quorum)",
        secs(15),
    );
    running.push(start());
    stays("it has to live for a while", secs(1), || !node.holds(VIP));
    wait_until("it is master again", election_bound() + MOVE_BOUND, || {
        node.holds(VIP)
    });
    running.drain(..).for_each(end);
}

fn names() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script(
        "/run/rename.sh",
        "#!/bin/sh\nwhile :; do\nif [ -e /run/other ]; then printf \"o) (dd\"; else printf barge; fi > /proc/$$/comm\nsleep 0.3\ndone\n",
    );
    // One that has ended, and whose parent does not care.
    node.write_script(
        "/run/parent.sh",
        "#!/bin/sh\n/run/ferry 0.1 &\nexec sleep 1000\n",
    );
    install(node, "ferry");
    let definitions = tracked("barge", "process barge\nweight 10")
        + &tracked("odd", "process \"o) (dd\"\nweight 20")
        + &tracked("ferry", "process ferry\nweight 40");
    node.start(
        Ours,
        &(definitions + &tracking("LOCK", VRID, 100, "barge\nodd\nferry", VIP)),
    );
    wait_until("it is master", election_bound(), || node.holds(VIP));
    let parent = run(node, &["/run/parent.sh"]);
    let renamed = run(node, &["/run/rename.sh"]);
    wait_until("it has its name", secs(10), || {
        node.log().contains("to 110\n")
    });
    node.write("/run/other", "");
    node.wait_log("to 120\n", secs(10));
    stays("the dead do not count", secs(2), || {
        !node.log().contains("to 160\n")
    });
    end(renamed);
    node.wait_log("from 120 to 100\n", secs(10));
    end(parent);
}

/// Without room for another descriptor nothing can be looked at and nothing run: that says nothing of what is tracked.
fn blind() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    install(node, "harbour");
    let process = run(node, &["/run/harbour", "1000"]);
    let script = "vrrp_script fine {\nscript /bin/true\ninterval 1\n}\n\
                  vrrp_script opens {\nscript \"</bin/true\"\ninterval 1\n}\n";
    let head = "track_process {\nharbour\n}\ntrack_script {\nfine\nopens\n}";
    let globals = "global_defs {\nscript_user root\n}\n";
    let config = globals.to_owned()
        + script
        + &tracked("harbour", "process /run/harbour 1000")
        + &instance("LOCK", VRID, 100, head, &[VIP]);
    node.start(Ours, &config);
    settles(&world, 0);
    let runner = wait_for("a process that looks", secs(10), || runner(node)).to_string();
    let limit = |most: &str| node.run(&["prlimit", "--pid", &runner, most]);
    limit("--nofile=3:");
    for name in ["fine", "opens"] {
        let said = format!("Script `{name}` could not be started: Too many open files");
        node.wait_log(&said, secs(20));
    }
    // Looked at every second.
    stays("the address stays", secs(3), || world.holders(VIP) == [0]);
    end(process);
    limit("--nofile=1024:");
    node.wait_log(
        "Quorum lost for tracked process harbour: 0 running",
        secs(20),
    );
    for name in ["fine", "opens"] {
        assert!(!node.log().contains(&format!("VRRP_Script({name}) failed")));
    }
    node.stop();
}
