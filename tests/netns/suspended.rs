//! A host that was suspended: CLOCK_MONOTONIC stood still and no timer is late, CLOCK_BOOTTIME alone tells. No kernel that a test may have
//! suspends itself (user-mode Linux has no state in which that clock stops, and the offsets of a time namespace cannot change while
//! somebody is in it), so `support::clocks` does. Clocks that are set are in tests/clock.rs, what that means for numbers made of the
//! time in clock_steps.rs.

use crate::support::clocks;
use crate::support::gap::{both_listen_first, pair};
use crate::support::stage::{Case, case};
use std::time::Duration;

/// How long the hosts were suspended, in seconds; longer than a backup waits for a silent master.
const SUSPENDED: usize = 60;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![case("suspended::both_listen_first", listen_first)]
}

fn listen_first() {
    let world = pair(clocks::start);
    both_listen_first(&world, Duration::ZERO, || {
        for node in &world.nodes {
            clocks::suspended(node, SUSPENDED);
        }
    });
}
