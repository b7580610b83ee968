//! The cases that hold for any pair of implementations: who holds the address, and where it goes when that host ends, crashes or
//! loses its link. Each takes the binaries of the first and the second host.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::wire::{Advert, election_bound};
use super::world::{HostSpec, World};
use super::{Binary, millis, secs, stays, wait_until};

/// A case and its name.
pub type Named = (&'static str, fn(Pair));

/// The binaries of the two hosts.
pub type Pair = [Binary; 2];

/// A slow machine may be this late with anything.
const SLACK: Duration = millis(1500);

/// Time stamps of two hosts' frames and a daemon's idea of a second differ by less.
const EARLY: Duration = millis(100);

/// The interval of all scenarios.
const INTERVAL: Duration = secs(1);

/// How long a state is watched to be sure that it stays: more than a master-down interval.
const WATCH: Duration = secs(4);

/// Skew time of version 2 (RFC 3768 6.1).
pub fn skew(priority: u8) -> Duration {
    secs(1) * (256 - u32::from(priority)) / 256
}

/// The configurations of a scenario's hosts.
pub fn scenario(name: &str) -> [String; 2] {
    [1, 2].map(|number| {
        let path = format!(
            "{}/tests/netns/{name}/node{number}.conf",
            env!("CARGO_MANIFEST_DIR")
        );
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    })
}

/// Two hosts with a scenario's configurations, started, and the addresses where they belong.
struct Duel {
    world: World,
    pair: Pair,
    configs: [String; 2],
}

impl Duel {
    fn start(pair: Pair, name: &str) -> Self {
        Duel::start_in(World::two(), pair, name)
    }

    /// The second host starts when the first has the address: who is up sooner is not left to chance.
    #[track_caller]
    fn start_one_by_one(pair: Pair, name: &str, address: &str) -> Self {
        let duel = Duel {
            world: World::two(),
            pair,
            configs: scenario(name),
        };
        duel.start_host(0);
        duel.settles(address, 0);
        duel.start_host(1);
        wait_until("the second host is up", secs(5), || {
            duel.world.nodes[1].vrrp_pid().is_some()
        });
        duel
    }

    fn start_in(world: World, pair: Pair, name: &str) -> Self {
        let duel = Duel {
            world,
            pair,
            configs: scenario(name),
        };
        duel.start_host(0);
        duel.start_host(1);
        duel
    }

    fn start_host(&self, node: usize) {
        self.world.nodes[node].start(self.pair[node], &self.configs[node]);
    }

    #[track_caller]
    fn settles(&self, address: &str, node: usize) {
        let what = format!("{address} is on host {} alone", node + 1);
        wait_until(&what, election_bound(), || {
            self.world.holders(address) == [node]
        });
    }

    #[track_caller]
    fn remains(&self, address: &str, node: usize) {
        let what = format!("{address} is on host {} alone", node + 1);
        stays(&what, WATCH, || self.world.holders(address) == [node]);
    }

    /// How long after the last advert of the first host the second one announced itself.
    #[track_caller]
    fn takeover(&self, mark: usize, vrid: u8) -> (Advert, Duration) {
        let first = self
            .world
            .capture
            .wait_advert(mark, 1, vrid, election_bound());
        let mut before = self.world.capture.adverts(0, vrid);
        before.retain(|advert| advert.at < first.at);
        let last = before.pop().expect("the first host had announced itself");
        let gap = first.at - last.at;
        (last, gap)
    }
}

#[track_caller]
fn assert_gap(gap: Duration, theory: Duration) {
    assert!(
        gap + EARLY >= theory,
        "takeover after {gap:?}, before the {theory:?} of the standard"
    );
    assert!(
        gap <= theory + SLACK,
        "takeover after {gap:?}, the standard says {theory:?}"
    );
}

/// One address, exactly one holder; with label, prefix and scope; ends politely and comes back.
pub fn single_master(pair: Pair) {
    const VIP: &str = "10.61.0.20";
    let duel = Duel::start(pair, "single-master");
    let [first, second] = &duel.world.nodes[..] else {
        panic!("two hosts")
    };
    duel.settles(VIP, 0);
    let address = first.address("eth0", VIP).expect("just seen");
    assert_eq!(
        (
            address.prefixlen,
            address.scope.as_str(),
            address.label.as_str()
        ),
        (16, "global", "eth0:7")
    );
    let mark = duel.world.capture.mark();
    duel.remains(VIP, 0);
    let adverts = duel.world.capture.adverts_since(mark);
    assert!(
        adverts.iter().all(|advert| advert.node == 0),
        "only the master announces itself"
    );
    let advert = adverts.last().expect("the master announces itself");
    assert_eq!(advert.destination.to_string(), "224.0.90.7");
    assert_eq!(
        (
            advert.priority,
            advert.auth_type,
            advert.interval,
            advert.ttl
        ),
        (100, 1, 1, 255)
    );
    assert_eq!(
        advert
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        [VIP]
    );

    let mark = duel.world.capture.mark();
    first.stop();
    assert!(!first.holds(VIP), "a stopped daemon leaves nothing behind");
    let (last, gap) = duel.takeover(mark, 61);
    assert_eq!(last.priority, 0, "the last advert resigns");
    assert_gap(gap, skew(90));
    duel.settles(VIP, 1);
    assert_eq!(
        second.address("eth0", VIP).expect("just seen").label,
        "eth0:7"
    );

    duel.start_host(0);
    duel.settles(VIP, 0);
}

/// All processes of the master die: its rival waits three intervals and the skew, no less and hardly more.
pub fn crash(pair: Pair) {
    const VIP: &str = "10.65.0.3";
    let duel = Duel::start(pair, "preempt");
    let [first, second] = &duel.world.nodes[..] else {
        panic!("two hosts")
    };
    duel.settles(VIP, 0);
    let address = first.address("eth0", VIP).expect("just seen");
    assert_eq!(
        (
            address.prefixlen,
            address.scope.as_str(),
            address.label.as_str()
        ),
        (32, "global", "eth0")
    );
    let mark = duel.world.capture.mark();
    first.kill_all();
    let (last, gap) = duel.takeover(mark, 65);
    assert_eq!(last.priority, 100, "a crash resigns nothing");
    assert_gap(gap, 3 * INTERVAL + skew(90));
    wait_until("the second host holds the address", SLACK, || {
        second.holds(VIP)
    });
    assert!(
        first.holds(VIP),
        "nobody has removed it from the crashed host"
    );

    duel.start_host(0);
    duel.settles(VIP, 0);
    duel.remains(VIP, 0);
}

/// The master's cable is pulled: it gives the address up; the cable is back: it takes it again.
pub fn link_down_and_up(pair: Pair) {
    const VIP: &str = "10.61.0.20";
    let duel = Duel::start(pair, "single-master");
    duel.settles(VIP, 0);
    duel.world.cable(0, 0, false);
    duel.settles(VIP, 1);
    duel.remains(VIP, 1);
    duel.world.cable(0, 0, true);
    duel.settles(VIP, 0);
    duel.remains(VIP, 0);
}

/// `nopreempt`: whoever has the address keeps it, until he goes.
pub fn nopreempt(pair: Pair) {
    const VIP: &str = "10.64.0.3";
    let duel = Duel::start_one_by_one(pair, "nopreempt", VIP);
    duel.world.nodes[0].stop();
    duel.settles(VIP, 1);
    duel.start_host(0);
    wait_until("the first host is up", secs(5), || {
        duel.world.nodes[0].vrrp_pid().is_some()
    });
    duel.remains(VIP, 1);
    duel.world.nodes[1].stop();
    duel.settles(VIP, 0);
}

/// Preemption: the better host gets the address back as soon as it is there, without a moment of nobody announcing.
pub fn preempt(pair: Pair) {
    const VIP: &str = "10.65.0.3";
    let duel = Duel::start(pair, "preempt");
    duel.settles(VIP, 0);
    duel.world.nodes[0].stop();
    duel.settles(VIP, 1);
    duel.start_host(0);
    duel.settles(VIP, 0);
    duel.remains(VIP, 0);
}

/// A crashed host restarts while its rival rules and may not preempt: the address left behind by the crash goes.
pub fn leftovers_removed(pair: Pair) {
    const VIP: &str = "10.64.0.3";
    let duel = Duel::start_one_by_one(pair, "nopreempt", VIP);
    duel.world.nodes[0].kill_all();
    wait_until(
        "the second host holds the address",
        election_bound(),
        || duel.world.nodes[1].holds(VIP),
    );
    duel.start_host(0);
    duel.settles(VIP, 1);
    duel.remains(VIP, 1);
}

/// Two addresses, each at home on another host; one host carries both while the other is gone.
pub fn dual_master(pair: Pair) {
    const EAST: &str = "10.62.0.10";
    const WEST: &str = "10.62.0.11";
    let duel = Duel::start(pair, "dual-master");
    duel.settles(EAST, 0);
    duel.settles(WEST, 1);
    let mark = duel.world.capture.mark();
    duel.world.nodes[1].signal(Signal::SIGTERM);
    duel.settles(WEST, 0);
    assert_eq!(duel.world.holders(EAST), [0]);
    duel.world.nodes[1].wait_exit(secs(10));
    duel.start_host(1);
    duel.settles(WEST, 1);
    duel.remains(WEST, 1);
    assert_eq!(duel.world.holders(EAST), [0]);
    let strays = duel.world.capture.adverts_since(mark);
    let stray = strays
        .iter()
        .find(|advert| advert.vrid == 62 && advert.node == 1);
    assert_eq!(stray, None, "the first address never left its home");
}

/// A configuration as tutorials have it: `//` remarks and a forgotten blank.
pub fn slash_comments(pair: Pair) {
    const VIP: &str = "10.66.178.137";
    let world = World::two();
    for node in &world.nodes {
        node.write_script("/etc/keepalived/told.sh", "#!/bin/sh\nexit 0\n");
    }
    let mut alive = world.nodes[0]
        .command(&["sleep", "90"])
        .spawn()
        .expect("sleep");
    let duel = Duel::start_in(world, pair, "slash-comments");
    duel.settles(VIP, 0);
    duel.remains(VIP, 0);
    duel.world.nodes[0].stop();
    duel.settles(VIP, 1);
    alive.kill().expect("sleep was running");
    alive.wait().expect("sleep was running");
}

/// Two instances on two networks, both at home on the first host.
pub fn two_sides(pair: Pair) {
    const OUTSIDE: &str = "10.67.200.16";
    const INSIDE: &str = "10.68.200.1";
    let specs = [1, 2].map(|number| HostSpec::numbered(number).with("eth1", number, "10.11.0"));
    let duel = Duel::start_in(World::new(&specs), pair, "two-sides");
    duel.settles(OUTSIDE, 0);
    duel.settles(INSIDE, 0);
    let first = &duel.world.nodes[0];
    assert_eq!(
        first.address("eth0", OUTSIDE).expect("just seen").prefixlen,
        24
    );
    assert_eq!(
        first.address("eth1", INSIDE).expect("just seen").prefixlen,
        24
    );
    first.stop();
    duel.settles(OUTSIDE, 1);
    duel.settles(INSIDE, 1);
    duel.start_host(0);
    duel.settles(OUTSIDE, 0);
    duel.settles(INSIDE, 0);
}

/// Two hosts with a side towards the world and one towards the servers.
fn gateways() -> World {
    World::new(&[1, 2].map(|number| HostSpec::numbered(number).with("eth1", number, "10.11.0")))
}

/// A sync group: the cable of one side is pulled, and both sides move; it is plugged in again, and both come back.
pub fn sync_group(pair: Pair) {
    const SIDES: [&str; 2] = ["10.67.200.16", "10.68.200.1"];
    let duel = Duel::start_in(gateways(), pair, "two-sides");
    for side in SIDES {
        duel.settles(side, 0);
    }
    for cable in [0, 1] {
        duel.world.cable(0, cable, false);
        for side in SIDES {
            duel.settles(side, 1);
        }
        duel.remains(SIDES[1 - cable], 1);
        duel.world.cable(0, cable, true);
        for side in SIDES {
            duel.settles(side, 0);
        }
        duel.remains(SIDES[1 - cable], 0);
    }
}

/// `preempt_delay`: the better host waits for so long after it first hears the other, and for a master down interval.
pub fn preempt_delay(pair: Pair) {
    const VIP: &str = "10.69.0.3";
    const DELAY: Duration = secs(3);
    let duel = Duel {
        world: World::two(),
        pair,
        configs: scenario("preempt-delay"),
    };
    duel.start_host(1);
    duel.settles(VIP, 1);
    let mark = duel.world.capture.mark();
    let start = Instant::now();
    duel.start_host(0);
    duel.settles(VIP, 0);
    let waited = start.elapsed();
    assert!(
        waited + EARLY >= DELAY + 2 * INTERVAL,
        "it waited {waited:?}, the delay is {DELAY:?}"
    );
    let first = duel
        .world
        .capture
        .wait_advert(mark, 0, 69, election_bound());
    assert_eq!(first.priority, 100);
    duel.remains(VIP, 0);

    // A master that ends is not waited for.
    duel.world.nodes[0].stop();
    duel.settles(VIP, 1);
    duel.start_host(0);
    wait_until("the first host listens", secs(5), || {
        duel.world.nodes[0].vrrp_pid().is_some()
    });
    std::thread::sleep(INTERVAL + INTERVAL / 2);
    let mark = duel.world.capture.mark();
    duel.world.nodes[1].stop();
    let first = duel
        .world
        .capture
        .wait_advert(mark, 0, 69, election_bound());
    let resigned = duel.world.capture.adverts(1, 69).pop();
    let gap = first.at - resigned.expect("it resigned").at;
    assert_gap(gap, skew(100));
}

/// `track_interface` with weight: the better host is no longer better while an interface of it is down.
pub fn tracked_interface(pair: Pair) {
    const VIP: &str = "10.70.0.3";
    let duel = Duel::start_in(gateways(), pair, "tracked");
    duel.settles(VIP, 0);
    duel.world.cable(0, 1, false);
    duel.settles(VIP, 1);
    duel.remains(VIP, 1);
    duel.world.cable(0, 1, true);
    duel.settles(VIP, 0);
    duel.remains(VIP, 0);
}

/// Hosts that cannot hear each other both rule; when they can, the better one does within an interval or so.
pub fn partition(pair: Pair) {
    const VIP: &str = "10.65.0.3";
    let duel = Duel::start(pair, "preempt");
    duel.settles(VIP, 0);
    duel.world.partition(true);
    wait_until("both hosts hold the address", election_bound(), || {
        duel.world.holders(VIP) == [0, 1]
    });
    duel.world.partition(false);
    duel.settles(VIP, 0);
    duel.remains(VIP, 0);
}

/// An address removed behind the daemon's back is put back, and nobody takes over.
pub fn address_deleted(pair: Pair) {
    const VIP: &str = "10.65.0.3";
    let duel = Duel::start(pair, "preempt");
    duel.settles(VIP, 0);
    let mark = duel.world.capture.mark();
    duel.world.nodes[0].run(&["ip", "addr", "del", "10.65.0.3/32", "dev", "eth0"]);
    wait_until("the address is back", secs(3), || {
        duel.world.nodes[0].holds(VIP)
    });
    duel.remains(VIP, 0);
    assert!(
        duel.world
            .capture
            .adverts_since(mark)
            .iter()
            .all(|advert| advert.node == 0),
        "nobody takes over"
    );
}

/// The cases of this module, by name.
pub fn common() -> Vec<Named> {
    vec![
        ("single_master", single_master),
        ("crash", crash),
        ("link_down_and_up", link_down_and_up),
        ("nopreempt", nopreempt),
        ("preempt", preempt),
        ("leftovers_removed", leftovers_removed),
        ("dual_master", dual_master),
        ("slash_comments", slash_comments),
        ("two_sides", two_sides),
        ("sync_group", sync_group),
        ("preempt_delay", preempt_delay),
        ("tracked_interface", tracked_interface),
        ("partition", partition),
        ("address_deleted", address_deleted),
    ]
}
