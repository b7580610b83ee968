//! Sync groups, tracked interfaces and the timing of starts and gaps, beyond what every implementation has to do.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::stage::{Case, case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{millis, secs, stays, wait_until};

const VRID: u8 = 75;
const VIP: &str = "10.75.0.1";
const INTERVAL: Duration = secs(1);

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("groups::tracks_for_its_members", tracks_for_its_members),
        case("groups::goes_on_after_a_crash", goes_on_after_a_crash),
        case("groups::starts_later", starts_later),
        case("groups::listens_after_a_gap", listens_after_a_gap),
        case("groups::a_flapping_link", a_flapping_link),
    ]
}

fn two_instances(eager: bool) -> String {
    let state = if eager { "state MASTER" } else { "" };
    instance("EAST", VRID, 100, state, &[VIP])
        + &instance("WEST", VRID + 1, 100, state, &["10.75.1.1"])
}

fn host_with_two() -> World {
    World::new(&[HostSpec::numbered(1).with("eth1", 1, "10.11.0")])
}

/// What a group tracks is a fault of all its members; an interface with weight changes the priority of all of them alike.
fn tracks_for_its_members() {
    let world = host_with_two();
    let node = &world.nodes[0];
    let group =
        "vrrp_sync_group PAIR {\n group {\n EAST\n WEST\n }\n track_interface {\n eth1\n }\n}\n";
    node.start(Ours, &format!("{group}{}", two_instances(true)));
    let both = |held: bool| {
        wait_until(
            "both addresses are where they belong",
            election_bound(),
            || node.holds(VIP) == held && node.holds("10.75.1.1") == held,
        );
    };
    both(true);
    world.cable(0, 1, false);
    both(false);
    node.wait_log("tracked interface eth1 down", secs(3));
    node.signal(Signal::SIGUSR1);
    wait_until("the data file tells of the group", secs(5), || {
        let data = node.read("/tmp/keepalived.data");
        data.contains("VRRP Sync Group = PAIR") && data.contains("EAST FAULT")
    });
    world.cable(0, 1, true);
    both(true);
    node.stop();
}

/// The VRRP process dies: the next one goes on as MASTER with all members, and no address is touched.
fn goes_on_after_a_crash() {
    let world = host_with_two();
    let node = &world.nodes[0];
    let group = "vrrp_sync_group PAIR {\n group {\n EAST\n WEST\n }\n}\n";
    node.start(Ours, &format!("{group}{}", two_instances(true)));
    wait_until("master of both", election_bound(), || {
        node.holds(VIP) && node.holds("10.75.1.1")
    });
    let child = node.vrrp_pid().expect("a VRRP process");
    kill(child, Signal::SIGKILL).expect("it runs");
    stays("the addresses stay", secs(3), || {
        node.holds(VIP) && node.holds("10.75.1.1")
    });
    let log = node.log();
    for name in ["EAST", "WEST"] {
        assert!(
            log.contains(&format!("({name}) Continuing in MASTER STATE")),
            "{name} goes on"
        );
    }
}

/// `vrrp_startup_delay`: nothing is said before.
fn starts_later() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let start = Instant::now();
    let config = instance("LATE", VRID, 255, "state MASTER", &[VIP]);
    node.start(
        Ours,
        &format!("global_defs {{\n vrrp_startup_delay 2.5\n}}\n{config}"),
    );
    wait_until("master", election_bound(), || node.holds(VIP));
    assert!(start.elapsed() >= millis(2500), "{:?}", start.elapsed());
    node.wait_log("Delaying startup for 2.5 seconds", secs(1));
}

/// A host that stood still for longer than a master down interval listens for an interval before it claims to be MASTER.
fn listens_after_a_gap() {
    const GAP: Duration = secs(5);
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.start(Ours, &instance("FROZEN", VRID, 100, "state MASTER", &[VIP]));
    wait_until("master", election_bound(), || node.holds(VIP));
    let processes = node.processes();
    let all = |signal| {
        for process in &processes {
            kill(*process, signal).expect("it runs");
        }
    };
    all(Signal::SIGSTOP);
    std::thread::sleep(GAP);
    let mark = world.capture.mark();
    let resumed = world.capture.clock();
    all(Signal::SIGCONT);
    let child = node.vrrp_pid();
    node.wait_log("listening before claiming to be MASTER", secs(3));
    let first = world.capture.wait_advert(mark, 0, VRID, election_bound());
    let silent = first.at - resumed;
    assert!(silent > INTERVAL - millis(200), "silent for {silent:?}");
    assert!(node.holds(VIP), "nobody else was there");
    assert_eq!(node.vrrp_pid(), child, "nobody was taken for dead");
}

/// `interface_up_down_delays`: a link that is down for a moment is not down.
fn a_flapping_link() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let config = instance("STEADY", VRID, 100, "state MASTER", &[VIP]);
    node.start(
        Ours,
        &format!("interface_up_down_delays {{\n eth0 1.5 0.1\n}}\n{config}"),
    );
    wait_until("master", election_bound(), || node.holds(VIP));
    world.cable(0, 0, false);
    std::thread::sleep(millis(400));
    world.cable(0, 0, true);
    stays("it stays master", secs(3), || node.holds(VIP));
    assert!(!node.log().contains("FAULT"));
    world.cable(0, 0, false);
    node.wait_log("Entering FAULT STATE", secs(5));
}
