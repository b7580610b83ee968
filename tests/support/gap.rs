//! Two hosts whose clocks tell of a gap that no timer was late for: what both do then. Not here: how the clocks come to say so.

use std::time::Duration;

use super::config::instance;
use super::node::Node;
use super::wire::election_bound;
use super::world::World;
use super::{millis, secs, stays, wait_until};

const VIP: &str = "10.78.0.1";
const VRID: u8 = 78;
const INTERVAL: Duration = secs(1);
/// Longer than a backup waits for a silent master.
const WATCH: Duration = secs(5);

/// Both run our daemon, and the first is master; `start` starts it with a configuration.
pub fn pair(start: impl Fn(&Node, &str)) -> World {
    let world = World::two();
    for (node, priority) in world.nodes.iter().zip([200, 100]) {
        start(node, &instance("STEP", VRID, priority, "", &[VIP]));
    }
    wait_until("the better one rules", election_bound(), || {
        world.holders(VIP) == [0]
    });
    world.nodes[1].wait_log("Entering BACKUP STATE", election_bound());
    world
}

/// How often each has listened before it claimed anything.
pub fn listened(world: &World) -> Vec<usize> {
    let listened = "listening before claiming to be MASTER";
    let times = |node: &Node| node.log().matches(listened).count();
    world.nodes.iter().map(times).collect()
}

/// Both listen for an interval after the gap, and then nobody has lost anything. `shift`: so far goes the wall clock of this machine.
#[track_caller]
pub fn both_listen_first(world: &World, shift: Duration, gap: impl FnOnce()) {
    let before = listened(world);
    let after_the_gap = world.capture.clock() + shift;
    gap();
    wait_until("both listen", secs(3), || {
        let now = listened(world);
        before.iter().zip(now).all(|(before, now)| now > *before)
    });
    let heard = world.capture.adverts(0, VRID);
    let early = |at: Duration| at > after_the_gap && at < after_the_gap + INTERVAL - millis(300);
    assert!(!heard.iter().any(|advert| early(advert.at)), "{heard:?}");
    let mark = world.capture.mark();
    the_first_goes_on(world, mark);
}

/// Whatever the clocks say, the first announces itself every second from here on, and alone.
#[track_caller]
pub fn the_first_goes_on(world: &World, mark: usize) {
    stays("the better one rules", WATCH, || world.holders(VIP) == [0]);
    let adverts = world.capture.adverts_since(mark);
    assert!(adverts.len() > 2, "it goes on");
    assert!(adverts.iter().all(|advert| advert.node == 0));
}
