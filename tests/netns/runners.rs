//! The process that runs programs is killed while there is much to be told: everybody is told everything all the same, once and in order.

use crate::scripts::runner;
use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{Node, is_dead};
use crate::support::stage::{Case, case};
use crate::support::told::FIFO;
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_for, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("runners::a_burst_outlives_them", burst),
        case("runners::a_reader_of_a_fifo_outlives_them", reader),
        case("runners::a_tracked_script_does_not_outlive_them", tracked),
    ]
}

/// Kills the process that runs programs.
fn kill_runner(node: &Node) -> Pid {
    let runner = wait_for("a process that runs programs", secs(10), || runner(node));
    kill(runner, Signal::SIGKILL).expect("it lives");
    runner
}

/// Some programs run, some are asked for, and some wait for those, each time.
fn burst() {
    const INSTANCES: u8 = 60;
    const STATES: [&str; 5] = ["BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER"];
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script(
        "/run/tell.sh",
        "#!/bin/sh\necho begin $3 >> /run/told.$2\nsleep 0.3\necho end $3 >> /run/told.$2\n",
    );
    let name = |vrid| format!("I{vrid}");
    let instances = (1..=INSTANCES).map(|vrid| {
        let address = format!("10.85.3.{vrid}");
        let head = "notify /run/tell.sh";
        instance(&name(vrid), vrid, 100, head, &[&address])
    });
    node.start(Ours, &instances.collect::<String>());
    let told = |vrid| node.read(&format!("/run/told.{}", name(vrid)));
    let begun = |state: &str, times: usize| {
        let line = format!("begin {state}\n");
        let count = |vrid| told(vrid).matches(&line).count();
        (1..=INSTANCES).filter(|vrid| count(*vrid) >= times).count()
    };
    let kill_when_begun = |state: &str, times| {
        wait_until(
            &format!("some are told of {state}"),
            election_bound(),
            || begun(state, times) > 5,
        );
        kill_runner(node);
    };
    kill_when_begun("BACKUP", 1);
    kill_when_begun("MASTER", 1);
    node.run(&["ip", "link", "set", "eth0", "down"]);
    kill_when_begun("FAULT", 1);
    node.run(&["ip", "link", "set", "eth0", "up"]);
    kill_when_begun("MASTER", 2);
    let expected: String = STATES
        .iter()
        .map(|state| format!("begin {state}\nend {state}\n"))
        .collect();
    wait_until("all are told of all", secs(60), || {
        (1..=INSTANCES).all(|vrid| told(vrid).len() >= expected.len())
    });
    for vrid in 1..=INSTANCES {
        assert_eq!(told(vrid), expected, "{}: {}", name(vrid), node.log());
    }
    node.stop();
}

/// The script that reads a FIFO goes on, and is the only one; when it dies then, one takes its place.
fn reader() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script(
        "/run/read.sh",
        "#!/bin/sh\necho $$ >> /run/readers\nwhile read -r line; do echo \"$line\" >> /run/told; done < \"$1\"\n",
    );
    let globals = format!(
        "global_defs {{\n script_user root\n vrrp_notify_fifo {FIFO}\n vrrp_notify_fifo_script /run/read.sh\n}}\n"
    );
    let lock = instance("LOCK", 85, 100, "", &["10.85.1.1"]);
    node.start(Ours, &format!("{globals}{lock}"));
    let told = |states: &[&str]| {
        let lines = states.iter();
        let expected: String = lines
            .map(|state| format!("INSTANCE \"LOCK\" {state} 100\n"))
            .collect();
        wait_until(&format!("{states:?} is read"), election_bound(), || {
            node.read("/run/told") == expected
        });
    };
    let readers = || -> Vec<Pid> {
        let text = node.read("/run/readers");
        let numbers = text.lines().filter_map(|line| line.parse().ok());
        numbers.map(Pid::from_raw).collect()
    };
    told(&["BACKUP", "MASTER"]);
    for _ in 0..2 {
        let gone = kill_runner(node);
        wait_until("another takes its place", secs(10), || {
            runner(node).is_some_and(|now| now != gone)
        });
    }
    node.run(&["ip", "link", "set", "eth0", "down"]);
    told(&["BACKUP", "MASTER", "FAULT"]);
    let [first] = readers()[..] else {
        panic!("one reader: {:?}", readers());
    };
    kill(first, Signal::SIGKILL).expect("it lives");
    wait_until("another reads", secs(20), || readers().len() == 2);
    node.run(&["ip", "link", "set", "eth0", "up"]);
    told(&["BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER"]);
    // Both at once.
    let second = readers()[1];
    kill_runner(node);
    kill(second, Signal::SIGKILL).expect("it lives");
    wait_until("another reads again", secs(20), || readers().len() == 3);
    node.stop();
    wait_until("none is left", secs(10), || node.processes().is_empty());
}

/// One that hangs would be beside itself when it is run again.
fn tracked() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script(
        "/run/hang.sh",
        "#!/bin/sh\nsleep 1000 &\necho $$ $! >> /run/checks\nwait\n",
    );
    let script = "vrrp_script hang {\n script /run/hang.sh\n interval 60\n timeout 600\n}\n";
    let globals = "global_defs {\n script_user root\n}\n";
    let head = "track_script {\n hang\n }";
    let lock = instance("LOCK", 85, 100, head, &["10.85.1.1"]);
    node.start(Ours, &format!("{globals}{script}{lock}"));
    let processes: Vec<u32> = wait_for("the script runs", secs(20), || {
        let checks = node.read("/run/checks");
        let numbers = checks.split_whitespace().map(str::parse);
        let numbers: Vec<u32> = numbers.collect::<Result<_, _>>().ok()?;
        (numbers.len() == 2).then_some(numbers)
    });
    kill_runner(node);
    wait_until("it is ended with what it started", secs(20), || {
        processes.iter().all(|pid| is_dead(*pid))
    });
    node.stop();
}
