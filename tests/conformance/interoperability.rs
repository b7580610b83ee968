//! Group 1: several routers together, seen from a host that uses them.

use super::Item;
use crate::support::Binary::Ours;
use crate::support::bench::{Setting, answers, config};
use crate::support::packet::Kind;
use crate::support::version3::{detected, settles};
use crate::support::wait_until;
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};

pub const ITEMS: [Item; 2] = [
    ("1_1_basic_interoperability", basic),
    ("1_2_advanced_interoperability", advanced),
];

const USER: usize = 2;

/// Two routers and a host on their network that has a route to the virtual addresses.
fn network(kind: Kind, setting: impl Fn(usize) -> String) -> World {
    let world = detected(&[1, 2, 3].map(HostSpec::numbered));
    let network = if kind == Kind::V6 {
        "fd00:91::/64"
    } else {
        "10.91.0.0/16"
    };
    world.nodes[USER].run(&["ip", "route", "add", network, "dev", "eth0"]);
    for router in [0, 1] {
        world.nodes[router].start(Ours, &setting(router));
    }
    world
}

fn address(kind: Kind, number: usize) -> String {
    match kind {
        Kind::V6 => format!("fd00:91::{number}"),
        _ => format!("10.91.0.{number}"),
    }
}

/// What the user of `address` sees: an answer, from whichever router has it.
#[track_caller]
fn served(world: &World, address: &str) {
    wait_until("the user gets an answer", election_bound(), || {
        answers(&world.nodes[USER], address.parse().expect("an address"))
    });
}

/// One virtual router: the better one serves the user, the other one does when it is gone, and the better one when it is back.
fn basic(kind: Kind) {
    let vip = address(kind, 1);
    let world = network(kind, |router| {
        config(kind, 91, &vip, Setting::plain(kind, [200, 100][router]))
    });
    settles(&world, &vip, 0);
    served(&world, &vip);
    world.cable(0, 0, false);
    settles(&world, &vip, 1);
    served(&world, &vip);
    world.cable(0, 0, true);
    settles(&world, &vip, 0);
    served(&world, &vip);
}

/// Two virtual routers that share the load: each router serves one, and both when the other is gone.
fn advanced(kind: Kind) {
    let vips = [address(kind, 1), address(kind, 2)];
    let world = network(kind, |router| {
        let virtual_router = |number: usize| {
            let priority = if number == router { 200 } else { 100 };
            config(
                kind,
                [91, 92][number],
                &vips[number],
                Setting::plain(kind, priority),
            )
        };
        virtual_router(0) + &virtual_router(1)
    });
    for (home, vip) in vips.iter().enumerate() {
        settles(&world, vip, home);
        served(&world, vip);
    }
    world.cable(1, 0, false);
    for vip in &vips {
        settles(&world, vip, 0);
        served(&world, vip);
    }
    world.cable(1, 0, true);
    for (home, vip) in vips.iter().enumerate() {
        settles(&world, vip, home);
        served(&world, vip);
    }
}
