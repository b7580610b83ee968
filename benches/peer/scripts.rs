//! A hundred masters that send every 100 ms beside hundreds of scripts a second: how late their adverts are.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::PATIENCE;
use crate::support::node::CONFIG;
use crate::support::version3::{advert3, adverts3, instance};
use crate::support::world::{HostSpec, World};
use crate::support::{Binary, millis, secs};
use crate::taken::Watch;

const INSTANCES: u8 = 100;
const INTERVAL: Duration = millis(100);
/// Later than this is late.
const LATE: Duration = millis(5);
/// Gratuitous ARPs are over, and all scripts have run.
const SETTLED: Duration = secs(7);
/// How long the masters are watched.
const WATCH: Duration = secs(20);

/// The most that an advert came later after the one before than the interval says, in milliseconds; without end when not all became
/// master.
pub fn latest(binary: Binary, scripts: usize) -> f64 {
    let latest = adverts(binary, scripts).and_then(|all| all.iter().map(Sent::excess).max());
    latest.map_or(f64::INFINITY, |excess| excess.as_secs_f64() * 1e3)
}

/// How many adverts were late.
pub fn late(binary: Binary, scripts: usize) -> f64 {
    count(adverts(binary, scripts), Sent::excess)
}

/// The same; the time that a processor was taken from this machine, while an advert was overdue, is not held against it.
pub fn late_by_itself(binary: Binary, scripts: usize) -> f64 {
    let Some(watch) = Watch::begin() else {
        eprintln!(
            "processors are watched by threads that run in real time, which needs root or `prlimit --rtprio=99`"
        );
        return f64::NAN;
    };
    count(adverts(binary, scripts), |sent| {
        sent.excess()
            .saturating_sub(watch.between(sent.due, sent.at))
    })
}

fn count(adverts: Option<Vec<Sent>>, excess: impl Fn(&Sent) -> Duration) -> f64 {
    adverts.map_or(f64::INFINITY, |all| {
        all.iter().filter(|sent| excess(sent) > LATE).count() as f64
    })
}

/// When an advert was sent, and when it was due: one interval after the one before.
struct Sent {
    due: Duration,
    at: Duration,
}

impl Sent {
    fn excess(&self) -> Duration {
        self.at.saturating_sub(self.due)
    }
}

/// Of all masters; nothing when not all became master in time: keepalived 2.2.7 does not, where hundreds of scripts end at once.
fn adverts(binary: Binary, scripts: usize) -> Option<Vec<Sent>> {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write(CONFIG, &config(scripts));
    // Detail logs of the scripts would be what is measured.
    let pids = ["-p", "/run/keepalived.pid", "-r", "/run/vrrp.pid"];
    node.start_with(binary, &[&["-n", "-f", CONFIG][..], &pids].concat());
    let are_all_master = || {
        let mut vrids: Vec<u8> = adverts3(&world, 0, 0).iter().map(|one| one.vrid).collect();
        vrids.sort_unstable();
        vrids.dedup();
        vrids.len() == usize::from(INSTANCES)
    };
    let deadline = Instant::now() + PATIENCE;
    while !are_all_master() {
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(INTERVAL);
    }
    std::thread::sleep(SETTLED);
    let mark = world.capture.mark();
    std::thread::sleep(WATCH);
    let mut last = HashMap::new();
    let frames = world.capture.frames_since(mark);
    let adverts = frames.iter().filter_map(advert3);
    let sent = adverts.filter_map(|advert| {
        let due = last.insert(advert.vrid, advert.at)? + INTERVAL;
        let at = advert.at;
        Some(Sent { due, at })
    });
    Some(sent.collect())
}

/// Scripts that each instance tracks one of, in turn.
fn config(scripts: usize) -> String {
    let mut text = String::from("global_defs {\n script_user root\n}\n");
    for number in 0..scripts {
        let _ = writeln!(
            text,
            "vrrp_script s{number} {{\n script /bin/true\n interval 1\n weight 1\n}}"
        );
    }
    for vrid in 1..=INSTANCES {
        let mut lines = format!("version 3\n advert_int {}\n", INTERVAL.as_secs_f64());
        if scripts > 0 {
            lines += "track_script {\n";
            for number in (usize::from(vrid - 1)..scripts).step_by(INSTANCES.into()) {
                let _ = writeln!(lines, "  s{number}");
            }
            lines += " }";
        }
        text += &instance(
            &format!("V{vrid}"),
            vrid,
            100,
            &lines,
            &[&format!("10.90.1.{vrid}")],
        );
    }
    text
}
