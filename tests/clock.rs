//! What the daemon does when somebody sets the clock of its host: in a guest of its own (`support::guest`), as a clock belongs to a
//! whole kernel. That of a process that alone stood still is in the namespaces (tests/netns/groups.rs, timing.rs, unread.rs).

mod support;

use std::process::{Command, ExitCode};
use std::time::Duration;

use support::Binary::Ours;
use support::config::instance;
use support::node::Node;
use support::stage::privileged_case;
use support::wire::election_bound;
use support::world::World;
use support::{guest, millis, secs, stays, wait_until};

const VIP: &str = "10.78.0.1";
const VRID: u8 = 78;
const INTERVAL: Duration = secs(1);
/// How far the clock is set.
const STEP: Duration = secs(60);
/// Longer than a backup waits for a silent master.
const WATCH: Duration = secs(5);

fn main() -> ExitCode {
    guest::run(vec![privileged_case("clock::steps", steps)])
}

fn set(by: &str) {
    let set = Command::new("date").args(["-s", by]).output();
    let output = set.expect("date");
    assert!(output.status.success(), "{output:?}");
}

fn listened(node: &Node) -> usize {
    node.log()
        .matches("listening before claiming to be MASTER")
        .count()
}

/// A clock that is set forward may mean that the host was paused: master and backup listen for an interval, and then nobody has lost
/// anything. One that is set back means nothing.
fn steps() {
    let world = World::two();
    for (node, priority) in world.nodes.iter().zip([200, 100]) {
        node.start(Ours, &instance("STEP", VRID, priority, "", &[VIP]));
    }
    wait_until("the better one rules", election_bound(), || {
        world.holders(VIP) == [0]
    });
    world.nodes[1].wait_log("Entering BACKUP STATE", election_bound());
    let before: Vec<usize> = world.nodes.iter().map(listened).collect();

    let after_the_step = world.capture.clock() + STEP;
    set(&format!("+{} seconds", STEP.as_secs()));
    world.nodes[0].wait_log("listening before claiming to be MASTER", secs(3));
    let mark = world.capture.mark();
    let first = world.capture.wait_advert(mark, 0, VRID, election_bound());
    let silent = first.at - after_the_step;
    assert!(silent > INTERVAL - millis(300), "silent for {silent:?}");
    stays("the better one rules", WATCH, || world.holders(VIP) == [0]);
    let adverts = world.capture.adverts_since(mark);
    assert!(adverts.len() > 2, "it goes on");
    assert!(adverts.iter().all(|advert| advert.node == 0));
    let after: Vec<usize> = world.nodes.iter().map(listened).collect();
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(before, after)| after > before),
        "{before:?} {after:?}"
    );

    set(&format!("-{} seconds", STEP.as_secs()));
    let mark = world.capture.mark();
    stays("the better one rules", WATCH, || world.holders(VIP) == [0]);
    assert!(world.capture.adverts_since(mark).len() > 3, "every second");
    assert_eq!(
        world.nodes.iter().map(listened).collect::<Vec<usize>>(),
        after
    );
}
