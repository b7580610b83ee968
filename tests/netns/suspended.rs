//! A host that was suspended: CLOCK_MONOTONIC stood still and no timer is late, CLOCK_BOOTTIME alone tells. No kernel that a test may have
//! suspends itself (user-mode Linux has no state in which that clock stops, and the offsets of a time namespace cannot change while
//! somebody is in it), so a library tells the daemon what the kernel would. Clocks that are set are in tests/clock.rs.

use crate::support::Binary::Ours;
use crate::support::gap::{both_listen_first, pair};
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use std::time::Duration;

/// How long the hosts were suspended, in seconds; longer than a backup waits for a silent master.
const SUSPENDED: usize = 60;
const AHEAD: &str = "/run/test/ahead";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![case("suspended::both_listen_first", listen_first)]
}

/// Starts our daemon on clocks of ours.
fn start(node: &Node, config: &str) {
    node.write("/tmp/boottime.c", include_str!("suspended/boottime.c"));
    let (source, library) = ("/tmp/boottime.c", "/tmp/boottime.so");
    let ahead = format!("-DAHEAD=\"{AHEAD}\"");
    node.run(&["cc", "-shared", "-fPIC", &ahead, "-o", library, source]);
    node.write(CONFIG, config);
    let program = ["env", "LD_PRELOAD=/tmp/boottime.so", Ours.inside()];
    let arguments = ["-n", "-l", "-D", "-f", CONFIG, "-p", "/run/k.pid"];
    node.start_program(&[&program[..], &arguments].concat(), node.open_log());
}

fn listen_first() {
    let world = pair(start);
    both_listen_first(&world, Duration::ZERO, || {
        for node in &world.nodes {
            node.write(AHEAD, &"s".repeat(SUSPENDED));
        }
    });
}
