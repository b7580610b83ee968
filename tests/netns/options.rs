//! Words of an instance that change what it makes of others' adverts, or of its own silence, on the real daemon. Each beside the same
//! without the word, so that it is the word that shows.

use nix::sys::signal::{Signal, kill};
use std::time::Duration;

use crate::packets::{counter, statistics};
use crate::support::Binary::Ours;
use crate::support::bench::{Bench, Setting};
use crate::support::config::instance;
use crate::support::node::Node;
use crate::support::packet::{Kind, Seen};
use crate::support::stage::{Case, case};
use crate::support::version3::settles;
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{millis, secs, stays, wait_until};

const VRID: u8 = 92;
const VIP: &str = "10.92.0.1";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("options::owner_ignore_adverts", owner_ignore_adverts),
        case("options::skip_check_adv_addr", skip_check_adv_addr),
        case("options::no_virtual_ipaddress", no_virtual_ipaddress),
        case("options::mcast_dst_ip", mcast_dst_ip),
        case("options::timer_expired_backup", timer_expired_backup),
        case("options::garp_group", garp_group),
    ]
}

/// An owner hears a rival with the better address out and gives way; one that ignores adverts does not.
fn owner_ignore_adverts() {
    for (lines, gives_way) in [("", true), ("owner_ignore_adverts", false)] {
        let setting = Setting {
            lines,
            ..Setting::plain(Kind::V3, 255)
        };
        let bench = Bench::master(Kind::V3, setting);
        let mut rival = bench.right(255);
        rival.source = bench.beside(false);
        let yielded = || bench.router().log().contains("from 255 to 254");
        if gives_way {
            wait_until("it gives way", election_bound(), || {
                bench.send(&rival);
                yielded() && !bench.is_master()
            });
            continue;
        }
        // Two adverts, 1.2 intervals, and as much again.
        for _ in 0..8 {
            bench.send(&rival);
            std::thread::sleep(bench.interval);
        }
        assert!(!yielded() && bench.is_master(), "{}", bench.router().log());
    }
}

/// Adverts of a master that name other addresses are each counted; with the word, only the first of one master is looked at.
fn skip_check_adv_addr() {
    for (lines, every) in [("", true), ("skip_check_adv_addr", false)] {
        let setting = Setting {
            lines,
            ..Setting::plain(Kind::V3, 100)
        };
        let bench = Bench::backup(Kind::V3, setting);
        let count = || {
            let text = statistics(bench.router());
            counter(&text, "Packet Errors", "Address List").expect("a counter")
        };
        assert_eq!(count(), 0);
        let mut other = bench.right(150);
        other.addresses = vec!["10.91.0.77".parse().expect("an address")];
        // Another master than the one before.
        other.source = "10.10.0.201".parse().expect("an address");
        for _ in 0..4 {
            bench.send(&other);
        }
        let heard = if every { 4 } else { 1 };
        wait_until("all are heard", secs(5), || count() >= heard);
        assert_eq!(count(), heard, "{lines}");
    }
}

/// Without the word an instance that has no address is refused; with it, it elects, and names none.
fn no_virtual_ipaddress() {
    let world = World::two();
    let config = |priority: u8, word: &str| {
        format!(
            "vrrp_instance BARE {{\n interface eth0\n virtual_router_id {VRID}\n priority {priority}\n version 3\n advert_int 0.5\n {word}\n}}\n"
        )
    };
    let [better, worse] = &world.nodes[..] else {
        panic!("two hosts")
    };
    better.start(Ours, &config(200, "no_virtual_ipaddress"));
    better.wait_log("Entering MASTER STATE", election_bound());
    worse.start(Ours, &config(100, "no_virtual_ipaddress"));
    worse.wait_log("Entering BACKUP STATE", election_bound());
    let adverts = |node: usize| {
        let frames = world.capture.frames();
        let seen = frames.iter().filter_map(Seen::of);
        seen.filter(|seen| seen.node == node).collect::<Vec<Seen>>()
    };
    let before = adverts(0).len();
    wait_until("it goes on", secs(10), || adverts(0).len() > before + 5);
    assert!(
        adverts(0)
            .iter()
            .all(|seen| seen.advert.addresses.is_empty())
    );
    assert!(adverts(1).is_empty(), "the backup understands it");
    better.stop();
    worse.wait_log("Entering MASTER STATE", election_bound());
    worse.stop();

    better.start(Ours, &config(200, ""));
    better.wait_log("(BARE) No VIP specified", secs(5));
}

/// Another group than the usual one: who is in it hears the other, who is not does not.
fn mcast_dst_ip() {
    const GROUP: &str = "224.0.0.99";
    let config = |priority: u8, group: &str| instance("CHOIR", VRID, priority, group, &[VIP]);
    let word = format!("mcast_dst_ip {GROUP}");
    let world = World::two();
    world.nodes[0].start(Ours, &config(200, &word));
    settles(&world, VIP, 0);
    world.nodes[1].start(Ours, &config(100, &word));
    world.nodes[1].wait_log("Entering BACKUP STATE", election_bound());
    stays("one hears the other", secs(5), || world.holders(VIP) == [0]);
    let adverts = world.capture.adverts(0, VRID);
    assert!(adverts.len() > 3);
    for advert in adverts {
        assert_eq!(advert.destination.to_string(), GROUP);
    }
    world.nodes[1].stop();
    world.nodes[1].start(Ours, &config(100, ""));
    wait_until(
        "who is in another group hears nothing",
        election_bound(),
        || world.holders(VIP) == [0, 1],
    );
}

/// A master that was away for so long that another may be master goes at once, where it is asked to; else it listens first.
fn timer_expired_backup() {
    for (word, goes) in [("", false), ("timer_expired_backup 254", true)] {
        let world = World::new(&[HostSpec::numbered(1)]);
        let node = &world.nodes[0];
        let head = format!("state BACKUP\n nopreempt\n {word}");
        node.start(Ours, &instance("LATE", VRID, 100, &head, &[VIP]));
        wait_until("master", election_bound(), || node.holds(VIP));
        let backups = || node.log().matches("Entering BACKUP STATE").count();
        let before = backups();
        stand_still(node, secs(5));
        match goes {
            true => wait_until("it goes", secs(5), || backups() > before),
            false => node.wait_log("listening before claiming to be MASTER", secs(5)),
        }
        wait_until("nobody else is there", election_bound(), || {
            node.holds(VIP)
                && node.log().matches("Entering MASTER STATE").count() == 1 + usize::from(goes)
        });
        assert_eq!(backups() > before, goes, "{word}");
    }
}

fn stand_still(node: &Node, span: Duration) {
    let processes = node.processes();
    let all = |signal| {
        for process in &processes {
            kill(*process, signal).expect("it runs");
        }
    };
    all(Signal::SIGSTOP);
    std::thread::sleep(span);
    all(Signal::SIGCONT);
}

/// Interfaces of one group share the time between two announcements; without it each has its own.
fn garp_group() {
    const PAUSE: Duration = secs(1);
    /// Half of it may be a late packet: what configures addresses waits for the kernel's one lock, which all cases share.
    const APART: Duration = millis(500);
    for (interfaces, shared) in [("eth0 eth1", true), ("eth0", false)] {
        let world = World::new(&[HostSpec::numbered(1).with("eth1", 1, "10.11.0")]);
        let bells = format!(
            "garp_group {{\n garp_interval {}\n interfaces {{\n {interfaces}\n }}\n}}\n",
            PAUSE.as_secs()
        );
        let other = match shared {
            true => String::new(),
            false => bells.replace("eth0", "eth1"),
        };
        let head = "garp_master_repeat 3\ngarp_master_delay 0";
        let addresses = [VIP, "10.92.0.2 dev eth1"];
        let config = instance("BELLS", VRID, 255, head, &addresses);
        world.nodes[0].start(Ours, &format!("{bells}{other}{config}"));
        wait_until("all bells", secs(30), || {
            world.capture.gratuitous_since(0).len() >= 6
        });
        let times: Vec<Duration> = world
            .capture
            .gratuitous_since(0)
            .iter()
            .map(|(at, ..)| *at)
            .collect();
        let near = times
            .windows(2)
            .filter(|pair| pair[1] - pair[0] < APART)
            .count();
        assert_eq!(near == 0, shared, "{interfaces}: {times:?}");
        let groups: u32 = if shared { 5 } else { 2 };
        assert!(times[5] - times[0] + APART > PAUSE * groups, "{times:?}");
    }
}
