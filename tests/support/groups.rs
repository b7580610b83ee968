//! Cases of sync groups and tracked interfaces that hold for any pair of implementations, beyond those of `cases`.

use super::cases::{Named, Pair};
use super::config::instance as instance_v2;
use super::version3::{detected, instance, settles};
use super::world::{HostSpec, World};
use super::{secs, stays, wait_until};

/// How long a state is watched to be sure that it stays: more than a master-down interval.
const WATCH: std::time::Duration = secs(4);

/// Hosts with `eth0`, `eth1` and, if only to be tracked, `eth2`.
fn hosts() -> [HostSpec; 2] {
    [1, 2].map(|number| {
        let host = HostSpec::numbered(number);
        host.with("eth1", number, "10.11.0")
            .with("eth2", number, "10.12.0")
    })
}

#[track_caller]
fn all_settle(world: &World, addresses: &[&str], host: usize) {
    for address in addresses {
        settles(world, address, host);
    }
    stays("all are on one host", WATCH, || {
        addresses
            .iter()
            .all(|address| world.holders(address) == [host])
    });
}

/// A group of version 3: IPv6 on one side, IPv4 on the other; either cable moves both.
fn of_version_3(pair: Pair) {
    const ADDRESSES: [&str; 3] = ["fe80::97:1", "fd00:97::1", "10.97.0.1"];
    let world = detected(&hosts());
    let config = |priority| {
        let six = instance(
            "SIX",
            97,
            priority,
            "advert_int 0.5",
            &["fe80::97:1", "fd00:97::1/64"],
        );
        let four = instance(
            "FOUR",
            98,
            priority,
            "version 3\n    advert_int 0.4",
            &["10.97.0.1"],
        );
        format!(
            "vrrp_sync_group BOTH {{\n group {{\n SIX\n FOUR\n }}\n}}\n{six}{}",
            four.replace("eth0", "eth1")
        )
    };
    for (host, priority) in [(0, 200), (1, 100)] {
        world.nodes[host].start(pair[host], &config(priority));
    }
    all_settle(&world, &ADDRESSES, 0);
    for cable in [0, 1] {
        world.cable(0, cable, false);
        all_settle(&world, &ADDRESSES, 1);
        world.cable(0, cable, true);
        if cable == 0 {
            usable_again(&world);
        }
        all_settle(&world, &ADDRESSES, 0);
    }
    world.nodes[0].stop();
    all_settle(&world, &ADDRESSES, 1);
}

/// The link-local address is detected anew when the cable is back (see `detected`).
fn usable_again(world: &World) {
    wait_until("the link-local address can be used", secs(10), || {
        let all = world.nodes[0].run(&["ip", "-6", "-o", "addr", "show", "dev", "eth0"]);
        all.contains("fe80::") && !all.contains("tentative")
    });
}

const TWO: [&str; 2] = ["10.98.0.1", "10.98.1.1"];

/// A group of two instances of version 2; `group` and `head` stand in the group and in each instance of the better host.
fn weighed(pair: Pair, group: &str, head: &str) {
    let world = World::new(&hosts());
    let config = |host: usize| {
        let (priority, group, head) = if host == 0 {
            (100, group, head)
        } else {
            (90, "", "")
        };
        let east = instance_v2("EAST", 98, priority, head, &TWO[..1]);
        let west = instance_v2("WEST", 99, priority, head, &TWO[1..])
            .replace("interface eth0", "interface eth1");
        format!("vrrp_sync_group PAIR {{\n group {{\n EAST\n WEST\n }}\n {group}\n}}\n{east}{west}")
    };
    for host in [0, 1] {
        world.nodes[host].start(pair[host], &config(host));
    }
    all_settle(&world, &TWO, 0);
    world.cable(0, 2, false);
    all_settle(&world, &TWO, 1);
    world.cable(0, 2, true);
    all_settle(&world, &TWO, 0);
}

/// `sync_group_tracking_weight`: the weights of the members count.
fn weights_of_members(pair: Pair) {
    weighed(
        pair,
        "sync_group_tracking_weight",
        "track_interface {\n eth2 weight -20\n }",
    );
}

/// A weight of the group counts for each member.
fn weight_of_the_group(pair: Pair) {
    weighed(pair, "track_interface {\n eth2 weight -20\n }", "");
}

/// What the group tracks without weight is a fault of all members.
fn fault_of_the_group(pair: Pair) {
    weighed(pair, "track_interface {\n eth2\n }", "");
}

/// `reverse`: an interface that is up makes the host worse.
fn reverse(pair: Pair) {
    const VIP: &str = "10.99.0.1";
    let world = World::new(&hosts());
    for (host, priority, head) in [
        (0, 100, "track_interface {\n eth2 weight 20 reverse\n }"),
        (1, 90, ""),
    ] {
        world.nodes[host].start(
            pair[host],
            &instance_v2("MIRROR", 99, priority, head, &[VIP]),
        );
    }
    all_settle(&world, &[VIP], 1);
    world.cable(0, 2, false);
    all_settle(&world, &[VIP], 0);
    world.cable(0, 2, true);
    all_settle(&world, &[VIP], 1);
}

/// The cases every pair has to pass, by name.
pub fn common() -> Vec<Named> {
    vec![
        ("group_of_version_3", of_version_3),
        ("group_weights_of_members", weights_of_members),
        ("group_weight", weight_of_the_group),
        ("group_fault", fault_of_the_group),
        ("tracked_in_reverse", reverse),
    ]
}
