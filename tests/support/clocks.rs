//! Hosts with clocks of their own, which no kernel that a test may have gives them: a library tells the daemon what the kernel would.
//! The time is that of the program alone: what the host's other programs see is not moved.

use super::Binary::Ours;
use super::node::{CONFIG, Node};

const BOOT: &str = "/run/test/boot-ahead";
const WALL: &str = "/run/test/wall-ahead";

/// Starts our daemon on clocks that `suspended` and `set_wall` move.
#[track_caller]
pub fn start(node: &Node, config: &str) {
    const LIBRARY: &str = "/tmp/clocks.so";
    node.write("/tmp/clocks.c", include_str!("clocks.c"));
    let defined = [("BOOT", BOOT), ("WALL", WALL)];
    let [boot, wall] = defined.map(|(name, file)| format!("-D{name}=\"{file}\""));
    let compile = ["cc", "-shared", "-fPIC", &boot, &wall, "-o", LIBRARY];
    node.run(&[&compile[..], &["/tmp/clocks.c"]].concat());
    node.write(CONFIG, config);
    let preload = format!("LD_PRELOAD={LIBRARY}");
    let program = ["env", &preload, Ours.inside()];
    let arguments = ["-n", "-l", "-D", "-f", CONFIG];
    let files = ["-p", "/run/keepalived.pid", "-r", "/run/vrrp.pid"];
    node.start_program(
        &[&program[..], &arguments, &files].concat(),
        node.open_log(),
    );
}

/// The host was suspended for so many seconds, in all.
#[track_caller]
pub fn suspended(node: &Node, seconds: usize) {
    node.write(BOOT, &"s".repeat(seconds));
}

/// The host's wall clock is set, to so many seconds ahead of the machine's.
#[track_caller]
pub fn set_wall(node: &Node, ahead: usize) {
    node.write(WALL, &"s".repeat(ahead));
}
