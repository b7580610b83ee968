//! What the daemon does when somebody sets the clock of its host: in a guest of its own (`support::guest`), as a clock belongs to a
//! whole kernel. A host that was suspended, and a process that alone stood still, are in the namespaces (tests/netns/suspended.rs,
//! groups.rs, timing.rs, unread.rs).

mod support;

use std::process::{Command, ExitCode};
use std::time::Duration;

use support::Binary::Ours;
use support::gap::{both_listen_first, listened, pair, the_first_goes_on};
use support::stage::privileged_case;
use support::{guest, secs};

/// How far the clock is set.
const STEP: Duration = secs(60);

fn main() -> ExitCode {
    guest::run(vec![privileged_case("clock::steps", steps)])
}

fn set(by: &str) {
    let set = Command::new("date").args(["-s", by]).output();
    let output = set.expect("date");
    assert!(output.status.success(), "{output:?}");
}

/// A clock that is set forward may mean that the host was paused: master and backup listen for an interval, and then nobody has lost
/// anything. One that is set back means nothing.
fn steps() {
    let world = pair(|node, config| node.start(Ours, config));
    both_listen_first(&world, STEP, || {
        set(&format!("+{} seconds", STEP.as_secs()))
    });
    let before = listened(&world);
    set(&format!("-{} seconds", STEP.as_secs()));
    the_first_goes_on(&world, world.capture.mark());
    assert_eq!(listened(&world), before);
}
