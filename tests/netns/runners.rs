//! The process that runs programs is killed or hangs while there is much to be told, or has one to start that it does not get hold of:
//! everybody is told everything all the same, once and in order.

use crate::scripts::runner;
use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node, is_dead};
use crate::support::stage::{Case, case};
use crate::support::told::FIFO;
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_for, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::{fs, thread};

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("runners::a_burst_outlives_them", burst),
        case("runners::a_reader_of_a_fifo_outlives_them", reader),
        case("runners::a_tracked_script_does_not_outlive_them", tracked),
        case("runners::a_limit_outlives_them", limit),
        case("runners::what_is_stuck_holds_nobody_up", stuck),
        case("runners::one_that_hangs_is_replaced", hangs),
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

/// However often they die, what hangs is ended when its time is over.
fn limit() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script(
        "/run/hang.sh",
        "#!/bin/sh\necho $$ >> /run/hanging\nexec sleep 1000\n",
    );
    let head = "notify_timeout 6\n notify_master /run/hang.sh";
    node.start(Ours, &instance("LOCK", 85, 100, head, &["10.85.1.1"]));
    let process: u32 = wait_for("the script hangs", election_bound(), || {
        node.read("/run/hanging").trim().parse().ok()
    });
    wait_until("it is ended", secs(20), || {
        kill_runner(node);
        // Until the next one has taken it over, and not for as long as it may take.
        wait_until("another takes its place", secs(10), || {
            runner(node).is_some() || is_dead(process)
        });
        thread::sleep(secs(1));
        is_dead(process)
    });
    assert_eq!(node.read("/run/hanging").lines().count(), 1);
    node.stop();
}

/// A program that the file system does not give out: others are run meanwhile, it is ended when its time is over, and when the process
/// that was to run it dies that is noticed. Once it can be had it is run, and once.
fn stuck() {
    const HOLD: &str = "/run/hold";
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    for (name, file) in [
        ("stuck", "stuck"),
        ("fine", "fine"),
        ("checked", "stuck_check"),
    ] {
        let script = format!("#!/bin/sh\necho $1 >> /run/told.{name}\n");
        node.write_script(&format!("/run/{file}.sh"), &script);
    }
    let told = |name: &str| node.read(&format!("/run/told.{name}"));
    let scripts = "vrrp_script fine {\n script /run/fine.sh\n interval 1\n}\n\
                   vrrp_script checked {\n script /run/stuck_check.sh\n interval 60\n timeout 1\n}\n";
    let globals = "global_defs {\n script_user root\n}\n";
    let head = "track_script {\n fine weight 1\n checked weight 1\n }\n notify_master \"/run/stuck.sh MASTER\"\n \
                notify_stop \"/run/stuck.sh STOP\"";
    let lock = instance("LOCK", 85, 100, head, &["10.85.1.1"]);
    node.write("/tmp/stuck.c", include_str!("runners/stuck.c"));
    node.write(CONFIG, &format!("{globals}{scripts}{lock}"));
    node.write(HOLD, "");
    let hold = format!("-DHOLD=\"{HOLD}\"");
    let (source, library) = ("/tmp/stuck.c", "/tmp/stuck.so");
    let made = [
        "cc",
        "-shared",
        "-fPIC",
        &hold,
        "-DSTUCK=\"stuck\"",
        "-o",
        library,
        source,
    ];
    node.run(&made);
    let program = ["env", "LD_PRELOAD=/tmp/stuck.so", Ours.inside()];
    let arguments = ["-n", "-l", "-D", "-f", CONFIG, "-p", "/run/k.pid"];
    node.start_program(&[&program[..], &arguments].concat(), node.open_log());
    wait_until(
        "a check that is stuck is ended in time",
        election_bound(),
        || node.log().contains("VRRP_Script(checked) timed_out"),
    );
    wait_until("an address is held", election_bound(), || {
        node.log().contains("Entering MASTER STATE")
    });
    let others_run = || {
        let before = told("fine").lines().count();
        wait_until("others are run", secs(20), || {
            told("fine").lines().count() > before + 1
        });
    };
    others_run();
    let gone = kill_runner(node);
    wait_until("another takes its place", secs(10), || {
        runner(node).is_some_and(|now| now != gone)
    });
    others_run();
    assert_eq!(told("stuck"), "");
    node.run(&["rm", HOLD]);
    wait_until("it is told", secs(10), || !told("stuck").is_empty());
    wait_until("nobody is left who could be told again", secs(10), || {
        let waits = |pid: &Pid| {
            fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|it| it.trim() == "keepalived_run")
        };
        node.processes().iter().filter(|pid| waits(pid)).count() == 1
    });
    assert_eq!(told("stuck"), "MASTER\n");
    node.write(HOLD, "");
    node.stop();
    node.run(&["rm", HOLD]);
    wait_until("all is told though the daemon has ended", secs(10), || {
        told("stuck") == "MASTER\nSTOP\n"
    });
}

/// It is found to hang, and another does what it left undone: what it had begun goes on and is not begun again.
fn hangs() {
    const HOLD: &str = "/run/hold";
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write(HOLD, "");
    node.write_script(
        "/run/tell.sh",
        "#!/bin/sh\necho begin $3 >> /run/told\nwhile [ $3 = MASTER ] && [ -e /run/hold ]; do sleep 0.1; done\n\
         echo end $3 >> /run/told\n",
    );
    node.write_script("/run/check.sh", "#!/bin/sh\necho >> /run/checks\n");
    let script = "vrrp_script fine {\n script /run/check.sh\n interval 1\n}\n";
    let globals = "global_defs {\n script_user root\n}\n";
    let head = "track_script {\n fine weight 1\n }\n notify /run/tell.sh";
    let lock = instance("LOCK", 85, 100, head, &["10.85.1.1"]);
    node.start(Ours, &format!("{globals}{script}{lock}"));
    let told = || node.read("/run/told");
    let checks = || node.read("/run/checks").lines().count();
    wait_until("one is under way", election_bound(), || {
        told().contains("begin MASTER\n") && checks() > 0
    });
    let hung = runner(node).expect("a process that runs programs");
    kill(hung, Signal::SIGSTOP).expect("it lives");
    node.run(&["ip", "link", "set", "eth0", "down"]);
    node.run(&["rm", HOLD]);
    wait_until("the one under way ends", secs(20), || {
        told().ends_with("end MASTER\n")
    });
    let before = checks();
    // It is looked after every ten seconds.
    wait_until("the next is told", secs(120), || {
        told().ends_with("end FAULT\n")
    });
    wait_until("scripts are run", secs(20), || checks() > before + 2);
    let states = ["BACKUP", "MASTER", "FAULT"];
    let expected: String = states
        .iter()
        .map(|state| format!("begin {state}\nend {state}\n"))
        .collect();
    assert_eq!(told(), expected, "{}", node.log());
    assert!(is_dead(hung.as_raw().unsigned_abs()));
    let log = node.log();
    assert_eq!(log.matches("does nothing any more").count(), 1, "{log}");
    assert!(!log.contains("cannot be killed"), "{log}");
    node.stop();
}
