//! Links that are polled: the driver is asked, whatever the kernel's flags say, and a reload begins and ends it.

use std::fs;

use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case, program_case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{secs, stays, wait_for, wait_until};

const VIP: &str = "10.99.0.1";
const STRACE: &str = "/usr/bin/strace";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("linkbeat::the_driver_is_asked", the_driver_is_asked),
        case("linkbeat::all_of_the_instances", all_of_the_instances),
        case("linkbeat::who_asks_is_replaced", who_asks_is_replaced),
        case("linkbeat::who_hangs_is_replaced", who_hangs_is_replaced),
        program_case("linkbeat::two_hang_for_good", STRACE, two_hang_for_good),
    ]
}

fn config(words: &str, head: &str) -> String {
    format!("{words}\n{}", instance("PULSE", 99, 100, head, &[VIP]))
}

fn faults(node: &Node) -> usize {
    node.log().matches("(PULSE) Entering FAULT STATE").count()
}

fn reload(node: &Node, config: &str) {
    let before = node.log().matches("Reload complete").count();
    node.write(CONFIG, config);
    node.signal(Signal::SIGHUP);
    wait_until("the reload is done", secs(5), || {
        node.log().matches("Reload complete").count() > before
    });
}

fn the_driver_is_asked() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let polled = config("linkbeat_interfaces {\n eth0\n}", "");
    node.start(Ours, &polled);
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    // A cable of virtual hosts has no transceiver.
    node.wait_log(
        "The link of eth0 is polled by ETHTOOL: its driver knows no MII",
        secs(5),
    );
    node.wait_log("Linkbeat reports eth0 up", secs(5));
    // The kernel takes a dormant interface for one that does not run; its link is there.
    node.run(&["ip", "link", "set", "eth0", "mode", "dormant"]);
    node.run(&["ip", "link", "set", "eth0", "state", "dormant"]);
    assert!(
        node.run(&["ip", "link", "show", "eth0"])
            .contains("DORMANT")
    );
    stays("the address", secs(2), || node.holds(VIP));
    assert_eq!(faults(node), 0);
    // Without the words the flags of the kernel count again.
    reload(node, &config("", ""));
    wait_until("the instance fails", secs(5), || {
        faults(node) == 1 && !node.holds(VIP)
    });
    reload(node, &polled);
    wait_until("its link is there", election_bound(), || node.holds(VIP));
    node.run(&["ip", "link", "set", "eth0", "mode", "default"]);
    node.run(&["ip", "link", "set", "eth0", "state", "up"]);
    world.cable(0, 0, false);
    node.wait_log("Linkbeat reports eth0 down", secs(5));
    wait_until("the instance fails", secs(5), || {
        faults(node) == 2 && !node.holds(VIP)
    });
    world.cable(0, 0, true);
    wait_until("the cable is back", election_bound(), || node.holds(VIP));
    node.stop();
    wait_until("nobody is left", secs(5), || node.processes().is_empty());
}

fn all_of_the_instances() {
    let world = World::new(&[HostSpec::numbered(1)
        .with("eth1", 1, "10.20.0")
        .with("eth2", 1, "10.30.0")]);
    let node = &world.nodes[0];
    node.start(
        Ours,
        &config(
            "linkbeat_use_polling\nlinkbeat_interfaces {\n eth1 IOCTL\n}",
            "track_interface {\n eth1\n}",
        ),
    );
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    node.wait_log("The link of eth0 is polled by ETHTOOL", secs(5));
    node.wait_log("The link of eth1 is polled by IOCTL\n", secs(5));
    assert!(!node.log().contains("link of eth2"), "nobody runs there");
    world.cable(0, 1, false);
    node.wait_log("Linkbeat reports eth1 down", secs(5));
    wait_until("the instance fails", secs(5), || faults(node) == 1);
    node.stop();
}

/// Who polls the link of `eth0`, once there is an answer: the host was started, and told to by a reload.
fn start_polling(node: &Node) -> impl Fn() -> Option<Pid> {
    node.start(Ours, &config("", ""));
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    let vrrp = node.vrrp_pid().expect("the VRRP process");
    let others = Node::children(vrrp);
    reload(node, &config("linkbeat_interfaces {\n eth0 MII\n}", ""));
    node.wait_log("Linkbeat reports eth0 up", secs(5));
    move || {
        let mut children = Node::children(vrrp).into_iter();
        children.rfind(|child| !others.contains(child))
    }
}

/// The process that asks dies: another takes its place, what it had said is believed meanwhile, and the data file shows what is so.
fn who_asks_is_replaced() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let asker = start_polling(node);
    // Only what is polled says so.
    node.run(&["ip", "link", "set", "eth0", "mode", "dormant"]);
    node.run(&["ip", "link", "set", "eth0", "state", "dormant"]);
    for round in 1..=2 {
        let before = asker().expect("the process that asks");
        kill(before, Signal::SIGKILL).expect("the process that asks");
        wait_until("it is told", secs(5), || {
            let log = node.log();
            log.matches("The process that polls links has ended")
                .count()
                == round
        });
        wait_until("there is another", secs(5), || {
            asker().is_some_and(|asker| asker != before)
        });
        stays("the address", secs(2), || node.holds(VIP));
    }
    assert_eq!(faults(node), 0);
    let shown = |text: &str| {
        let _ = fs::remove_file(node.path("/tmp/keepalived.data"));
        node.signal(Signal::SIGUSR1);
        wait_until(text, secs(5), || {
            let data = node.read("/tmp/keepalived.data");
            data.contains(&format!("Linkbeat interfaces >------\n eth0 = {text}\n"))
        });
    };
    shown("ETHTOOL, up");
    world.cable(0, 0, false);
    node.wait_log("Linkbeat reports eth0 down", secs(5));
    wait_until("the instance fails", secs(5), || faults(node) == 1);
    shown("ETHTOOL, down");
    node.stop();
    wait_until("nobody is left", secs(5), || node.processes().is_empty());
}

/// The process that asks says nothing any more: another takes its place, nobody fails meanwhile, and no end leaves one behind.
fn who_hangs_is_replaced() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let asker = start_polling(node);
    let hung = asker().expect("the process that asks");
    kill(hung, Signal::SIGSTOP).expect("the process that asks");
    node.wait_log(
        "The process that polls links says nothing any more",
        secs(20),
    );
    wait_until("there is another", secs(5), || {
        asker().is_some_and(|asker| asker != hung)
    });
    assert!(!node.processes().contains(&hung), "the hung one is ended");
    assert_eq!(faults(node), 0);
    world.cable(0, 0, false);
    node.wait_log("Linkbeat reports eth0 down", secs(5));
    wait_until("the instance fails", secs(5), || faults(node) == 1);
    // Neither a reload nor the end waits for one that hangs, or leaves it behind.
    for ends in [false, true] {
        let hung = asker().expect("the process that asks");
        kill(hung, Signal::SIGSTOP).expect("the process that asks");
        match ends {
            true => node.stop(),
            false => reload(node, &config("linkbeat_interfaces {\n eth0 IOCTL\n}", "")),
        }
        wait_until("the hung one is ended", secs(5), || {
            !node.processes().contains(&hung)
        });
        wait_until("another asks, or nobody is left", secs(5), || match ends {
            true => node.processes().is_empty(),
            false => asker().is_some(),
        });
    }
}

/// Has a process hang such that not even SIGKILL ends it, as a driver that does not come back does: a tracer that stands still holds
/// it, and is alone in seeing its end.
fn hold(node: &Node, process: Pid) -> Child {
    let mut command = node.command(&[STRACE, "-p", &process.to_string(), "-o", "/dev/null"]);
    let tracer = command.stderr(Stdio::null()).spawn().expect("strace");
    wait_until("it is traced", secs(5), || {
        Node::status_number(process, "TracerPid") == u64::from(tracer.id())
    });
    kill(as_pid(&tracer), Signal::SIGSTOP).expect("strace");
    tracer
}

fn as_pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a pid"))
}

/// Two processes that ask cannot be ended: no third one hangs beside them, the kernel is believed, and polling comes back with their end.
fn two_hang_for_good() {
    const GAVE_UP: &str = "2 processes hang in doing so";
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let asker = start_polling(node);
    // What is polled and what the kernel tells differ.
    node.run(&["ip", "link", "set", "eth0", "mode", "dormant"]);
    node.run(&["ip", "link", "set", "eth0", "state", "dormant"]);
    let (mut held, mut tracers) = (Vec::new(), Vec::new());
    for method in ["ETHTOOL", "MII"] {
        let one = wait_for("the process that asks", secs(5), || {
            asker().filter(|one| !held.contains(one))
        });
        assert!(!node.log().contains(GAVE_UP) && faults(node) == 0);
        tracers.push(hold(node, one));
        held.push(one);
        let words = format!("linkbeat_interfaces {{\n eth0 {method}\n}}");
        reload(node, &config(&words, ""));
    }
    node.wait_log(GAVE_UP, secs(5));
    wait_until("the kernel is believed", secs(5), || {
        faults(node) == 1 && !node.holds(VIP)
    });
    // What the kernel tells from here on counts, too.
    node.run(&["ip", "link", "set", "eth0", "mode", "default"]);
    node.run(&["ip", "link", "set", "eth0", "state", "up"]);
    wait_until("its link is there", election_bound(), || node.holds(VIP));
    assert_eq!(node.log().matches(GAVE_UP).count(), 1, "it is said once");

    node.run(&["ip", "link", "set", "eth0", "mode", "dormant"]);
    node.run(&["ip", "link", "set", "eth0", "state", "dormant"]);
    wait_until("the instance fails", secs(5), || faults(node) == 2);
    let polls = || node.log().matches("Linkbeat reports eth0 up").count();
    let before = polls();
    for tracer in &mut tracers {
        tracer.kill().expect("strace");
        tracer.wait().expect("strace");
    }
    wait_until("polling is believed again", secs(10), || {
        polls() > before && node.holds(VIP)
    });
    node.stop();
    wait_until("nobody is left", secs(5), || node.processes().is_empty());
}
