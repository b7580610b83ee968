//! SIGHUP: what did not change is not touched, what changed changes, what cannot be read changes nothing.

use nix::sys::signal::Signal;

use crate::support::Binary::Ours;
use crate::support::config::{instance, password};
use crate::support::monitor::Monitor;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::wire::election_bound;
use crate::support::world::World;
use crate::support::{millis, secs, stays, wait_until};

const VIP: &str = "10.73.0.1";
const MORE: &str = "10.73.0.2";
const VRID: u8 = 73;

/// Long enough for a rival to take over, if adverts had stopped.
const WATCH: std::time::Duration = secs(5);

/// An interval and a slow machine: nobody has missed an advert.
const GAP: std::time::Duration = millis(1700);

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case(
            "reload::unchanged_touches_nothing",
            unchanged_touches_nothing,
        ),
        case("reload::addresses_come_and_go", addresses_come_and_go),
        case("reload::instances_come_and_go", instances_come_and_go),
        case(
            "reload::a_broken_file_changes_nothing",
            a_broken_file_changes_nothing,
        ),
        case("reload::signals_in_a_row", signals_in_a_row),
        case("reload::a_script_that_comes_back", a_script_that_comes_back),
    ]
}

fn config(priority: u8, addresses: &[&str]) -> String {
    instance("PIER", VRID, priority, &password("k33p"), addresses)
}

/// A master with `addresses` and a backup, which has never been master and has nothing of that to say later.
fn world(addresses: &[&str]) -> World {
    let world = World::two();
    world.nodes[0].start(
        Ours,
        &format!(
            "{}{}",
            config(100, addresses),
            instance("SECOND", VRID + 1, 100, "", &["10.73.1.1"])
        ),
    );
    wait_until("the first host is master", election_bound(), || {
        world.holders(VIP) == [0] && world.holders("10.73.1.1") == [0]
    });
    world.nodes[1].start(Ours, &config(90, addresses));
    world.nodes[1].wait_log("Entering BACKUP STATE", election_bound());
    world
}

fn reload(node: &Node, config: &str) {
    node.write(CONFIG, config);
    node.signal(Signal::SIGHUP);
}

fn assert_nothing_missed(world: &World, mark: usize) {
    let adverts = world.capture.adverts_since(mark);
    assert!(
        adverts.iter().all(|advert| advert.node == 0),
        "only the first host announces itself"
    );
    for vrid in [VRID, VRID + 1] {
        let times = adverts
            .iter()
            .filter(|advert| advert.vrid == vrid)
            .map(|advert| advert.at)
            .collect::<Vec<_>>();
        assert!(
            times.len() >= 4,
            "adverts of virtual router {vrid}: {}",
            times.len()
        );
        for pair in times.windows(2) {
            assert!(
                pair[1] - pair[0] < GAP,
                "an advert of virtual router {vrid} was {:?} late",
                pair[1] - pair[0]
            );
        }
    }
}

fn unchanged_touches_nothing() {
    let world = world(&[VIP]);
    let node = &world.nodes[0];
    let child = node.vrrp_pid().expect("a VRRP process");
    let monitor = Monitor::start(node, &["address"]);
    let mark = world.capture.mark();
    node.signal(Signal::SIGHUP);
    stays("the address is on the first host alone", WATCH, || {
        world.holders(VIP) == [0]
    });
    assert_eq!(monitor.end(), "", "nothing was written to the kernel");
    assert_nothing_missed(&world, mark);
    assert!(
        world
            .capture
            .gratuitous_since(mark)
            .iter()
            .all(|(_, node, _)| *node == 0)
    );
    assert_eq!(node.vrrp_pid(), Some(child), "the VRRP process is the same");
    assert!(node.log().contains("Reload"), "the reload is in the log");
}

fn addresses_come_and_go() {
    let world = world(&[VIP]);
    let second = instance("SECOND", VRID + 1, 100, "", &["10.73.1.1"]);
    let mark = world.capture.mark();
    reload(&world.nodes[1], &config(90, &[VIP, MORE]));
    reload(
        &world.nodes[0],
        &format!("{}{second}", config(100, &[VIP, MORE])),
    );
    wait_until("the new address is there", secs(5), || {
        world.holders(MORE) == [0]
    });
    stays("both addresses are there", WATCH, || {
        world.holders(MORE) == [0] && world.holders(VIP) == [0]
    });
    let announced = world.capture.gratuitous_since(mark);
    assert!(
        announced
            .iter()
            .any(|(_, _, address)| address.to_string() == MORE),
        "the new address is announced"
    );
    let adverts = world.capture.adverts_since(mark);
    let last = adverts
        .iter()
        .rfind(|advert| advert.vrid == VRID)
        .expect("adverts");
    assert_eq!(last.addresses.len(), 2, "the advert names both");
    reload(&world.nodes[1], &config(90, &[VIP]));
    reload(&world.nodes[0], &format!("{}{second}", config(100, &[VIP])));
    wait_until("the new address is gone", secs(5), || {
        world.holders(MORE).is_empty()
    });
    stays("the old address is there", WATCH, || {
        world.holders(VIP) == [0]
    });
    assert_nothing_missed(&world, mark);
}

fn instances_come_and_go() {
    let world = world(&[VIP]);
    let node = &world.nodes[0];
    let mark = world.capture.mark();
    reload(node, &config(100, &[VIP]));
    wait_until("the instance's address is gone", secs(5), || {
        world.holders("10.73.1.1").is_empty()
    });
    let adverts = world.capture.adverts_since(mark);
    let last = adverts
        .iter()
        .rfind(|advert| advert.vrid == VRID + 1)
        .expect("adverts");
    assert_eq!(last.priority, 0, "the removed instance resigns");
    stays("the other instance's address is there", secs(2), || {
        world.holders(VIP) == [0]
    });
    reload(
        node,
        &format!(
            "{}{}",
            config(100, &[VIP]),
            instance("THIRD", VRID + 2, 100, "", &["10.73.2.1"])
        ),
    );
    wait_until(
        "the new instance's address is there",
        election_bound(),
        || world.holders("10.73.2.1") == [0],
    );
    assert_eq!(world.holders(VIP), [0]);
    assert!(
        world
            .capture
            .adverts_since(mark)
            .iter()
            .all(|advert| advert.node == 0),
        "nobody takes over"
    );
}

/// keepalived flaps or stops on such files; ours says where they are broken and goes on.
fn a_broken_file_changes_nothing() {
    let world = world(&[VIP]);
    let node = &world.nodes[0];
    let (parent, child) = (node.pid(), node.vrrp_pid());
    let good = node.read(CONFIG);
    let mark = world.capture.mark();
    let unclosed = good.trim_end().trim_end_matches('}');
    let argument = good.replacen("virtual_router_id 73", "virtual_router_id", 1);
    for broken in [
        unclosed,
        &argument,
        "",
        "vrrp_instance \"",
        "\0\0\0",
        "include /nowhere/*.conf\nnonsense {",
    ] {
        reload(node, broken);
        std::thread::sleep(millis(700));
        assert!(node.runs(), "the daemon lives on after {broken:?}");
        assert_eq!(world.holders(VIP), [0], "after {broken:?}");
    }
    std::fs::remove_file(node.path(CONFIG)).expect("removing the file");
    node.signal(Signal::SIGHUP);
    std::thread::sleep(millis(700));
    assert_eq!(
        (node.pid(), node.vrrp_pid()),
        (parent, child),
        "the processes are the same"
    );
    assert_nothing_missed(&world, mark);
    assert!(
        node.log().contains(&format!("{CONFIG}:")),
        "the log says where the file is broken"
    );
    reload(node, &good.replacen(VIP, MORE, 1));
    wait_until("a good file is read again", secs(5), || {
        world.holders(MORE) == [0]
    });
}

/// One SIGHUP on the heels of another: the last file counts.
fn signals_in_a_row() {
    let world = world(&[VIP]);
    let node = &world.nodes[0];
    let second = instance("SECOND", VRID + 1, 100, "", &["10.73.1.1"]);
    let mark = world.capture.mark();
    for round in 0..20 {
        let addresses: &[&str] = if round % 2 == 0 { &[VIP, MORE] } else { &[VIP] };
        reload(node, &format!("{}{second}", config(100, addresses)));
        std::thread::sleep(millis(20));
    }
    wait_until("the last file holds", secs(5), || {
        world.holders(MORE).is_empty()
    });
    stays("the last file holds", WATCH, || {
        world.holders(MORE).is_empty() && world.holders(VIP) == [0]
    });
    assert_nothing_missed(&world, mark);
}

/// A script that had failed, was taken out and is there again: what it said back then is no reason to fail now.
fn a_script_that_comes_back() {
    let world = World::two();
    let node = &world.nodes[0];
    let script =
        "vrrp_script berth {\n script \"/usr/bin/test -e /run/test/free\"\n interval 1\n}\n";
    let tracking = "state MASTER\n track_script {\n berth\n }";
    let with = format!("{script}{}", instance("PIER", VRID, 100, tracking, &[VIP]));
    let without = instance("PIER", VRID, 100, "state MASTER", &[VIP]);
    let faults = || node.log().matches("(PIER) Entering FAULT STATE").count();
    node.start(Ours, &with);
    wait_until("it fails", election_bound(), || faults() == 1);
    reload(node, &without);
    wait_until("nothing fails", election_bound(), || node.holds(VIP));
    node.write("/run/test/free", "");
    let succeeded = || node.log().matches("VRRP_Script(berth) succeeded").count();
    let before = succeeded();
    reload(node, &with);
    wait_until("it is asked anew", secs(10), || succeeded() > before);
    assert_eq!(faults(), 1);
    stays("nobody fails", secs(2), || node.holds(VIP));
}
