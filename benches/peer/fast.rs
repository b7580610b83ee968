//! Intervals of 100 and 10 ms (version 3): how much later than theory a takeover is, and whether a backup stays quiet on a host whose
//! processors are all busy.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::Binary;
use crate::support::node::Node;
use crate::support::version3::{Advert3, advert3, instance};
use crate::support::world::World;
use crate::support::{millis, secs, wait_until};
use crate::{PATIENCE, VIP, VRID};

/// Priorities of the two hosts.
const PRIORITIES: [u8; 2] = [100, 90];
/// Quiet before the master is killed: more than a second burst of gratuitous ARPs.
const SETTLED: Duration = secs(6);
/// How long the backup is watched.
const WATCH: Duration = secs(20);
/// The least interval there is.
const SHORTEST: Duration = millis(10);

/// Both hosts, the first MASTER; `global` goes before the instances.
fn pair(binary: Binary, interval: Duration, global: &str) -> World {
    let world = World::two();
    let lines = format!("version 3\n    advert_int {}", interval.as_secs_f64());
    for (node, priority) in world.nodes.iter().zip(PRIORITIES) {
        let text = instance("A", VRID, priority, &lines, &[VIP]);
        node.start(binary, &format!("{global}{text}"));
        wait_until("the first host is master", PATIENCE, || {
            world.holders(VIP) == [0]
        });
    }
    std::thread::sleep(SETTLED);
    world
}

fn adverts(world: &World, mark: usize, node: usize) -> Vec<Advert3> {
    let frames = world.capture.frames_since(mark);
    let adverts = frames.iter().filter_map(advert3);
    adverts.filter(|advert| advert.node == node).collect()
}

/// The master is killed: milliseconds from its last advert to the other's first, less Master_Down_Interval (RFC 9568 section 6.1).
pub fn takeover_excess(binary: Binary, interval: Duration) -> f64 {
    let world = pair(binary, interval, "");
    let mark = world.capture.mark();
    world.nodes[0].kill_all();
    let mut first = None;
    wait_until("the takeover", PATIENCE, || {
        first = adverts(&world, mark, 1).first().map(|advert| advert.at);
        first.is_some()
    });
    let first = first.expect("an advert");
    let last = adverts(&world, 0, 0)
        .iter()
        .map(|advert| advert.at)
        .rfind(|at| *at < first);
    let theory = interval * 3 + interval * (256 - u32::from(PRIORITIES[1])) / 256;
    let silence = first - last.expect("adverts of the master");
    (silence.as_secs_f64() - theory.as_secs_f64()) * 1e3
}

/// Adverts of the backup while two processes keep every processor busy.
pub fn usurpations(binary: Binary, global: &str) -> f64 {
    let world = pair(binary, SHORTEST, global);
    let _hogs = [Hog::start(), Hog::start()];
    let mark = world.capture.mark();
    std::thread::sleep(WATCH);
    adverts(&world, mark, 1).len() as f64
}

/// The longest way from one advert of the master to the next meanwhile, in milliseconds.
pub fn longest_gap(binary: Binary, global: &str) -> f64 {
    let world = pair(binary, SHORTEST, global);
    let _hogs = [Hog::start(), Hog::start()];
    let mark = world.capture.mark();
    std::thread::sleep(WATCH);
    let times = adverts(&world, mark, 0);
    let gaps = times.windows(2).map(|pair| pair[1].at - pair[0].at);
    gaps.max().unwrap_or_default().as_secs_f64() * 1e3
}

/// Milliseconds of processor time a second of a master that sends every 10 ms.
pub fn load(binary: Binary) -> f64 {
    let world = pair(binary, SHORTEST, "");
    let used = |node: &Node| -> u64 { node.processes().into_iter().map(crate::run_time).sum() };
    let before = used(&world.nodes[0]);
    std::thread::sleep(WATCH);
    (used(&world.nodes[0]) - before) as f64 / 1e6 / WATCH.as_secs_f64()
}

/// A process that does nothing, as fast as it can.
struct Hog(Child);

impl Hog {
    fn start() -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "while :; do :; done"]);
        Hog(command.stdin(Stdio::null()).spawn().expect("a shell"))
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
