//! Hosts whose interface belongs to a VRF: elections, failovers and answers are those of a host without one. What an instance
//! leaves in the tables of a VRF is in guest.rs.

use nix::sys::signal::Signal;

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::Node;
use crate::support::stage::{Case, case};
use crate::support::unicast::{self, failover};
use crate::support::version3::{self, settles};
use crate::support::world::World;
use crate::support::{secs, stays, wait_until};

const VRF: &str = "blue";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("vrf::multicast", multicast),
        case("vrf::ipv6", ipv6),
        case("vrf::unicast", by_unicast),
        case("vrf::unicast_by_the_vrf", by_unicast_of_the_vrf),
        case("vrf::virtual_mac", virtual_mac),
        case("vrf::moved_while_running", moved_while_running),
    ]
}

fn priority(node: usize) -> u8 {
    [200, 100][node]
}

/// `eth0` leaves the host's own table for that of the VRF; the kernel takes its addresses of IPv6 along only when told.
fn enslave(node: &Node) {
    node.write(
        "/tmp/vrf",
        &format!(
            "link add {VRF} type vrf table 900\nlink set {VRF} up\nlink set eth0 master {VRF}\n"
        ),
    );
    node.run(&["ip", "-batch", "/tmp/vrf"]);
}

fn pair() -> World {
    let world = World::two();
    world.nodes.iter().for_each(enslave);
    world
}

/// Nothing but the VRF knows a way to the address, and there it answers.
#[track_caller]
fn answers_in_the_vrf(node: &Node, vip: &str) {
    let ping = |words: &[&str]| {
        let ping = [&["ping", "-c1", "-W1"], words, &[vip]].concat();
        node.try_run(&ping).0.success()
    };
    wait_until("the address answers", secs(10), || ping(&["-I", VRF]));
    assert!(!ping(&[]), "the host's own table knows it");
}

fn multicast() {
    const VIP: &str = "10.10.0.91";
    let config = |node| instance("BLUE", 91, priority(node), "", &["10.10.0.91/24"]);
    let world = pair();
    failover(&world, [Ours, Ours], &config, VIP);
    world.nodes[0].run(&["ip", "addr", "flush", "to", VIP, "dev", "eth0"]);
    answers_in_the_vrf(&world.nodes[0], VIP);
}

fn ipv6() {
    const VIP: &str = "fd00:92::1";
    let config = |node| {
        let addresses = ["fe80::92:1", "fd00:92::1/64"];
        version3::instance("BLUE", 92, priority(node), "advert_int 0.5", &addresses)
    };
    let world = pair();
    failover(&world, [Ours, Ours], &config, VIP);
}

fn by_unicast() {
    const VIP: &str = "10.93.0.1";
    const ENDS: [&str; 2] = ["10.10.0.1", "10.10.0.2"];
    let config = |node: usize| {
        let ends: (&str, &[&str]) = (ENDS[node], &[ENDS[1 - node]]);
        unicast::instance("BLUE", 93, priority(node), ends, "", &[VIP])
    };
    failover(&pair(), [Ours, Ours], &config, VIP);
}

/// Without an interface: the VRF says whose packets are meant, and where ours go.
fn by_unicast_of_the_vrf() {
    const VIP: &str = "10.94.0.1";
    const ENDS: [&str; 2] = ["10.10.0.1", "10.10.0.2"];
    let config = |node: usize| {
        let ends: (&str, &[&str]) = (ENDS[node], &[ENDS[1 - node]]);
        let text = unicast::instance(
            "BLUE",
            94,
            priority(node),
            ends,
            "",
            &["10.94.0.1/32 dev eth0"],
        );
        text.replace("interface eth0", "vrf blue")
    };
    failover(&pair(), [Ours, Ours], &config, VIP);
}

/// The link that is made belongs to the VRF of its base.
fn virtual_mac() {
    const VIP: &str = "10.10.0.95";
    let config = |node| {
        instance(
            "BLUE",
            95,
            priority(node),
            "use_vmac harbour0",
            &["10.10.0.95/24"],
        )
    };
    let world = pair();
    failover(&world, [Ours, Ours], &config, VIP);
    let first = &world.nodes[0];
    first.run(&["ip", "link", "del", "harbour0"]);
    let table = || first.try_run(&["ip", "neigh", "flush", "all"]);
    wait_until("the address answers by its own MAC", secs(10), || {
        table();
        first
            .try_run(&["ping", "-c1", "-W1", "-I", VRF, VIP])
            .0
            .success()
            && first
                .run(&["ip", "neigh", "show", VIP])
                .contains("00:00:5e:00:01:5f")
    });
    let second = &world.nodes[1];
    assert!(
        second
            .run(&["ip", "link", "show", "dev", "harbour0"])
            .contains("master blue")
    );
    // It leaves the VRF with its base, and comes back with it.
    for (words, master) in [("nomaster", false), ("master blue", true)] {
        let words: Vec<&str> = words.split(' ').collect();
        second.run(&[&["ip", "link", "set", "eth0"], &words[..]].concat());
        wait_until("the link follows its base", secs(5), || {
            let (there, text) = second.try_run(&["ip", "link", "show", "dev", "harbour0"]);
            there.success() && text.contains("master blue") == master
        });
    }
}

/// A router whose interface is put into a VRF, and taken out again, goes on: at most the other one rules for a while.
fn moved_while_running() {
    const VIP: &str = "10.10.0.96";
    let config = |node| instance("BLUE", 96, priority(node), "", &["10.10.0.96/24"]);
    let world = World::two();
    for node in [0, 1] {
        world.nodes[node].start(Ours, &config(node));
    }
    settles(&world, VIP, 0);
    enslave(&world.nodes[0]);
    settles(&world, VIP, 0);
    stays("there is one master", secs(5), || world.holders(VIP) == [0]);
    enslave(&world.nodes[1]);
    settles(&world, VIP, 0);
    answers_in_the_vrf(&world.nodes[1], VIP);
    world.nodes[0].signal(Signal::SIGTERM);
    settles(&world, VIP, 1);
    world.nodes[0].wait_exit(secs(10));
    world.nodes[1].run(&["ip", "link", "set", "eth0", "nomaster"]);
    world.nodes[0].start(Ours, &config(0));
    settles(&world, VIP, 0);
    stays("there is one master", secs(5), || world.holders(VIP) == [0]);
}
