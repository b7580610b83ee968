//! `auth_hmac` numbers adverts by the wall clock, and somebody may set that: what the hosts do then, and that nothing which was heard
//! before opens a door afterwards. That setting a clock delays no advert is tests/clock.rs's.

use crate::auth::{captured, count, hmac_config, takes_office_and_keeps_it};
use crate::support::auth::{hmac, trailers_since};
use crate::support::clocks::{self, set_wall};
use crate::support::node::Node;
use crate::support::stage::{Case, case};
use crate::support::wire::{election_bound, send_packet};
use crate::support::world::{HostSpec, World};
use crate::support::{secs, stays, wait_until};

const VIP: &str = "10.93.0.1";
/// So far is the clock set, in seconds: far past any window, and within it.
const FAR: usize = 3600;
const NEAR: usize = 3;
/// Longer than a backup waits for a silent master.
const WATCH: std::time::Duration = secs(5);

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("clock_steps::within_the_window", within_the_window),
        case("clock_steps::past_the_window", past_the_window),
        case("clock_steps::monotonic", monotonic),
    ]
}

/// A master, a backup, and a third host that sends again what it heard; `lines` is part of the keys' block.
fn enforcing(lines: &str) -> World {
    let world = World::new(&[1, 2, 3].map(HostSpec::numbered));
    let block = hmac(&format!(
        "active_key 1\n        mode enforce\n        {lines}"
    ));
    for (node, priority) in world.nodes.iter().zip([200, 100]) {
        clocks::start(node, &hmac_config(priority, &block));
    }
    let attacker = &world.nodes[2];
    attacker.run(&["ip", "route", "add", "224.0.0.0/4", "dev", "eth0"]);
    wait_until("the better host rules", election_bound(), || {
        world.holders(VIP) == [0] && numbers(&world, 0).len() > 3
    });
    world.nodes[1].wait_log("Entering BACKUP STATE", election_bound());
    world
}

/// The numbers that the first host signed with since the mark.
fn numbers(world: &World, mark: usize) -> Vec<u64> {
    let signed = trailers_since(world, mark, 0).into_iter();
    signed.map(|(_, number)| number).collect()
}

/// The seconds since 1970 of a number.
fn second(number: u64) -> u64 {
    number >> 32
}

/// What the second host refused, of every kind.
fn refused(world: &World) -> u64 {
    let names = ["Replay", "Stale", "Invalid HMAC", "Missing"];
    names.map(|name| count(&world.nodes[1], name)).iter().sum()
}

/// The first host goes on as master, and the second has nothing to say.
#[track_caller]
fn the_first_goes_on(world: &World) {
    let mark = world.capture.mark();
    stays("the better host rules", WATCH, || world.holders(VIP) == [0]);
    assert!(numbers(world, mark).len() > 2, "it goes on");
    assert_eq!(trailers_since(world, mark, 1), [], "and alone");
}

/// The first host is gone; what it ever sent, sent again, holds nobody back and dethrones nobody, and each copy is counted.
#[track_caller]
fn nothing_old_is_believed(world: &World, packets: &[Vec<u8>]) {
    let [master, backup, attacker] = &world.nodes[..] else {
        panic!("three hosts")
    };
    master.kill_all();
    master.run(&["ip", "link", "set", "eth0", "down"]);
    let replay = || {
        packets
            .iter()
            .for_each(|packet| send_packet(attacker, packet))
    };
    let before = refused(world);
    let replayed = takes_office_and_keeps_it(backup, replay);
    wait_until("each is counted", secs(3), || {
        refused(world) == before + replayed * packets.len() as u64
    });
}

/// Clocks that differ by less than the window: nobody refuses anything, and the numbers rise whatever the clock does.
fn within_the_window() {
    let world = enforcing("time_window 10");
    let begun = world.capture.mark();
    for ahead in [NEAR, 0] {
        set_wall(&world.nodes[0], ahead);
        the_first_goes_on(&world);
    }
    let numbers = numbers(&world, begun);
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert_eq!(refused(&world), 0);
    nothing_old_is_believed(&world, &captured(&world, 0));
}

/// A master an hour ahead is not believed, and another rules meanwhile. Set back it is believed at once; what it had sent is not.
fn past_the_window() {
    let world = enforcing("time_window 10");
    let [master, backup, _] = &world.nodes[..] else {
        panic!("three hosts")
    };
    let before = *numbers(&world, 0).last().expect("it spoke");
    set_wall(master, FAR);
    wait_until("it is not believed", election_bound(), || {
        world.holders(VIP) == [0, 1] && count(backup, "Stale") > 0
    });
    let ahead = *numbers(&world, 0).last().expect("it goes on");
    assert!(
        second(ahead) - second(before) >= FAR as u64,
        "{before} {ahead}"
    );

    set_wall(master, 0);
    wait_until("it is believed again", election_bound(), || {
        world.holders(VIP) == [0]
    });
    let back = world.capture.mark();
    the_first_goes_on(&world);
    let numbers = numbers(&world, back);
    assert!(
        numbers.is_sorted_by(|a, b| a < b && *b < ahead),
        "{numbers:?}"
    );
    nothing_old_is_believed(&world, &captured(&world, 0));
}

/// Where only the order counts, no step of either clock matters, and copies are known from any time.
fn monotonic() {
    let world = enforcing("anti_replay monotonic");
    let begun = world.capture.mark();
    let step = |node: &Node, ahead| {
        set_wall(node, ahead);
        the_first_goes_on(&world);
    };
    let [master, backup, _] = &world.nodes[..] else {
        panic!("three hosts")
    };
    step(master, FAR);
    step(master, 0);
    step(backup, FAR);
    step(backup, 0);
    let numbers = numbers(&world, begun);
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert_eq!(refused(&world), 0);
    nothing_old_is_believed(&world, &captured(&world, 0));
}
