//! When things are said: delays, repetitions and answers that are configured, with real frames. A station plays the other routers.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use crate::support::Binary::Ours;
use crate::support::bench::{Bench, EARLY, SLACK, Setting, config};
use crate::support::config::instance;
use crate::support::packet::{Kind, Seen};
use crate::support::stage::{Case, case};
use crate::support::version3::{adverts3, detected, settles};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{millis, secs, stays, wait_until};

const VRID: u8 = 96;
const VIP: &str = "10.96.0.1";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("timing::down_timer_adverts", down_timer_adverts),
        case("timing::gratuitous_arps", gratuitous_arps),
        case("timing::garp_interval", garp_interval),
        case("timing::gna_interval", gna_interval),
        case("timing::garp_extra_interfaces", garp_extra_interfaces),
        case(
            "timing::a_lower_priority_is_answered",
            a_lower_priority_is_answered,
        ),
        case(
            "timing::a_higher_priority_is_answered",
            a_higher_priority_is_answered,
        ),
        case("timing::two_owners", two_owners),
        case(
            "timing::a_backup_that_stood_still_reads_first",
            a_backup_that_stood_still_reads_first,
        ),
        case("timing::starts_after_boot", starts_after_boot),
    ]
}

/// `down_timer_adverts`: so many intervals and the skew, in place of three.
fn down_timer_adverts() {
    for (number, lines) in [(1, "down_timer_adverts 1"), (6, "down_timer_adverts 6")] {
        let setting = Setting {
            lines,
            ..Setting::plain(Kind::V3, 100)
        };
        let (bench, _) = Bench::start(Kind::V3, setting);
        bench.listens();
        let last = bench.send(&bench.right(200));
        bench.takes_over(last, bench.interval * number + bench.skew(100), &[]);
    }
}

/// A host alone that is master of `addresses` from its start, and the moments of its gratuitous ARPs for `VIP`.
fn master(global: &str, lines: &str, addresses: &[&str]) -> World {
    let world = World::new(&[HostSpec::numbered(1).with("eth1", 1, "10.11.0")]);
    let config = instance("TIMES", VRID, 255, lines, addresses);
    world.nodes[0].start(Ours, &format!("global_defs {{\n {global}\n}}\n{config}"));
    world
}

fn announced(world: &World, network: usize) -> Vec<Duration> {
    let frames = world.capture.frames().into_iter();
    let of = frames.filter(|frame| {
        frame.network == network && frame.gratuitous().is_some_and(|a| a.to_string() == VIP)
    });
    of.map(|frame| frame.at).collect()
}

/// Waits for so many announcements; the moments.
#[track_caller]
fn announcements(world: &World, network: usize, count: usize) -> Vec<Duration> {
    wait_until(&format!("{count} announcements"), secs(20), || {
        announced(world, network).len() >= count
    });
    announced(world, network)
}

#[track_caller]
fn assert_gap(gap: Duration, theory: Duration) {
    assert!(
        gap + EARLY >= theory && gap <= theory + SLACK,
        "{gap:?}, not {theory:?}"
    );
}

/// Three at once, three more after two seconds, then two every three seconds.
fn gratuitous_arps() {
    let lines = "garp_master_repeat 3\n garp_master_delay 2\n garp_master_refresh 3\n garp_master_refresh_repeat 2";
    let world = master("", lines, &[VIP]);
    let times = announcements(&world, 0, 10);
    assert_gap(times[3] - times[0], secs(2));
    for (place, theory) in [(6, 3), (8, 6)] {
        assert_gap(times[place] - times[0], secs(theory));
    }
    for burst in [&times[0..3], &times[3..6], &times[6..8], &times[8..10]] {
        assert!(burst[burst.len() - 1] - burst[0] < millis(500), "{times:?}");
    }
}

/// One an interval. The first may have been late, and what follows is due by the clock.
#[track_caller]
fn assert_spaced(times: &[Duration], interval: Duration) {
    const LATE: Duration = millis(150);
    let (Some(first), Some(last), Ok(gaps)) =
        (times.first(), times.last(), u32::try_from(times.len() - 1))
    else {
        panic!("nothing was sent")
    };
    let span = *last - *first;
    assert!(
        span + LATE >= interval * gaps && span < interval * gaps + SLACK,
        "{times:?}"
    );
}

/// `vrrp_garp_interval`: no two closer together.
fn garp_interval() {
    const INTERVAL: Duration = millis(200);
    let world = master(
        "vrrp_garp_interval 0.2",
        "garp_master_repeat 4",
        &[VIP, "10.96.0.2"],
    );
    announcements(&world, 0, 4);
    let all = world.capture.gratuitous_since(0);
    let times: Vec<Duration> = all.iter().map(|(at, ..)| *at).collect();
    assert!(times.len() >= 7, "{times:?}");
    assert_spaced(&times[..7], INTERVAL);
}

/// `vrrp_gna_interval`: the same for neighbour advertisements.
fn gna_interval() {
    const INTERVAL: Duration = millis(200);
    let world = detected(&[HostSpec::numbered(1)]);
    let config = config(
        Kind::V6,
        VRID,
        "fd00:96::1",
        Setting {
            lines: "garp_master_repeat 3",
            ..Setting::plain(Kind::V6, 255)
        },
    );
    let mark = world.capture.mark();
    world.nodes[0].start(
        Ours,
        &format!("global_defs {{\n vrrp_gna_interval 0.2\n}}\n{config}"),
    );
    let times = || -> Vec<Duration> {
        let frames = world.capture.frames_since(mark).into_iter();
        let of = frames.filter(|frame| {
            frame.bytes[12..14] == [0x86, 0xdd]
                && frame.bytes.get(54) == Some(&136)
                && frame.bytes[20] == 58
        });
        of.map(|frame| frame.at).collect()
    };
    wait_until("six neighbour advertisements", secs(20), || {
        times().len() >= 6
    });
    assert_spaced(&times()[..6], INTERVAL);
}

/// `garp_extra_if`: what is on other interfaces than the instance's is announced there now and then.
fn garp_extra_interfaces() {
    let lines = "garp_extra_if all 1\n garp_master_repeat 1\n garp_master_delay 0";
    let world = master("", lines, &["10.96.0.9", &format!("{VIP} dev eth1")]);
    let times = announcements(&world, 1, 5);
    for pair in times[1..].windows(2) {
        assert_gap(pair[1] - pair[0], secs(1));
    }
    assert!(announced(&world, 0).is_empty());
}

/// With long pauses an answer cannot be mistaken for the next advert.
const LONG: Setting = Setting {
    priority: 100,
    tenths: 40,
    lines: "state MASTER",
};

/// The router's adverts within half an interval of a packet of this priority.
fn answers(bench: &Bench, priority: u8) -> Vec<Seen> {
    // In the middle between two adverts.
    let before = bench.next_advert(bench.world.capture.mark());
    std::thread::sleep(millis(500));
    let sent = bench.send(&bench.right(priority));
    std::thread::sleep(bench.interval / 2);
    let all = bench.adverts(0).into_iter();
    let answers =
        all.filter(|seen| seen.at > sent && seen.at < before.at + bench.interval - millis(200));
    answers.collect()
}

/// A Master answers a worse one with an advert and, if told so, with gratuitous ARPs; `lower_prio_no_advert` keeps it silent.
fn a_lower_priority_is_answered() {
    let arps = "garp_lower_prio_repeat 2\n garp_lower_prio_delay 1\n garp_master_repeat 1\n garp_master_delay 0";
    let told = format!("{}\n {arps}", LONG.lines);
    let bench = Bench::master(
        Kind::V3,
        Setting {
            lines: Box::leak(told.into_boxed_str()),
            ..LONG
        },
    );
    std::thread::sleep(millis(500));
    let mark = bench.world.capture.mark();
    let answers_to = answers(&bench, 50);
    assert_eq!(answers_to.len(), 1);
    assert_eq!(answers_to[0].advert.priority, 100);
    wait_until("two gratuitous ARPs, and two more", secs(5), || {
        bench.world.capture.gratuitous_since(mark).len() >= 4
    });
    let times: Vec<Duration> = bench
        .world
        .capture
        .gratuitous_since(mark)
        .iter()
        .map(|(at, ..)| *at)
        .collect();
    assert!(times[1] - times[0] < millis(500), "{times:?}");
    assert_gap(times[2] - times[0], secs(1));
    drop(bench);

    let lines = "state MASTER\n lower_prio_no_advert";
    let bench = Bench::master(Kind::V3, Setting { lines, ..LONG });
    assert!(answers(&bench, 50).is_empty());
    assert!(bench.is_master());
}

/// A Master goes without a word when a better one comes; with `higher_prio_send_advert` it announces itself once more.
fn a_higher_priority_is_answered() {
    let bench = Bench::master(Kind::V3, LONG);
    assert!(answers(&bench, 200).is_empty());
    assert!(!bench.is_master());
    drop(bench);

    let lines = "state MASTER\n higher_prio_send_advert";
    let bench = Bench::master(Kind::V3, Setting { lines, ..LONG });
    let last = answers(&bench, 200);
    assert_eq!(last.len(), 1);
    assert_eq!(last[0].advert.priority, 100, "it is no resignation");
    assert!(!bench.is_master());
}

/// Two hosts that both believe to own the addresses: one of them gives in, and rules again when the other is gone.
fn two_owners() {
    let world = World::two();
    let config = |host: usize| instance(["ONE", "TWO"][host], VRID, 255, "version 3", &[VIP]);
    for host in [0, 1] {
        world.nodes[host].start(Ours, &config(host));
    }
    wait_until("both announce themselves", election_bound(), || {
        [0, 1]
            .iter()
            .all(|host| !adverts3(&world, 0, *host).is_empty())
    });
    world.nodes[1].wait_log("Entering BACKUP STATE", election_bound());
    settles(&world, VIP, 0);
    stays("one rules", secs(3), || world.holders(VIP) == [0]);
    let mark = world.capture.mark();
    std::thread::sleep(secs(2));
    assert!(adverts3(&world, mark, 1).is_empty(), "the other is silent");
    world.nodes[0].stop();
    settles(&world, VIP, 1);
    let last = || adverts3(&world, 0, 1).pop().map(|advert| advert.priority);
    wait_until("it is an owner again", election_bound(), || {
        last() == Some(255)
    });
}

/// A backup whose process did not run for longer than the master is silent for reads what has come meanwhile before it believes a
/// timer: it does not take over from a master that lives.
fn a_backup_that_stood_still_reads_first() {
    const GAP: Duration = secs(6);
    let world = World::two();
    let config = |priority| instance("STILL", VRID, priority, "", &[VIP]);
    world.nodes[0].start(Ours, &config(200));
    world.nodes[1].start(Ours, &config(100));
    wait_until("the better one rules", election_bound(), || {
        world.holders(VIP) == [0]
    });
    world.nodes[1].wait_log("Entering BACKUP STATE", secs(5));
    let mark = world.capture.mark();
    let backup = world.nodes[1].processes();
    for pause in [GAP, secs(4), secs(4)] {
        for process in &backup {
            kill(*process, Signal::SIGSTOP).expect("it runs");
        }
        std::thread::sleep(pause);
        for process in &backup {
            kill(*process, Signal::SIGCONT).expect("it is there");
        }
        stays("the better one rules", secs(2), || {
            world.holders(VIP) == [0]
        });
    }
    let adverts = world.capture.adverts_since(mark);
    assert!(
        adverts.iter().all(|advert| advert.node == 0),
        "the backup is silent"
    );
    assert!(adverts.len() > 10, "the master is not");
}

/// `vrrp_delay_after_boot`: counted from the host's start.
fn starts_after_boot() {
    /// A configuration cannot ask for more (`keywords`).
    const MOST: f64 = 4294.0;
    let world = master("vrrp_delay_after_boot 1", "", &[VIP]);
    wait_until("master", election_bound(), || world.nodes[0].holds(VIP));
    let log = world.nodes[0].log();
    assert!(
        !log.contains("Delaying startup"),
        "that was long ago: {log}"
    );
    drop(world);

    let uptime = std::fs::read_to_string("/proc/uptime").expect("/proc/uptime");
    let up = uptime.split(' ').next().and_then(|text| text.parse().ok());
    let until = up.map_or(f64::MAX, |up: f64| up + 4.0);
    if until < MOST {
        let start = Instant::now();
        let world = master(&format!("vrrp_delay_after_boot {until:.1}"), "", &[VIP]);
        wait_until("master", election_bound(), || world.nodes[0].holds(VIP));
        let waited = start.elapsed();
        assert!(
            waited + EARLY >= secs(4) && waited < secs(4) + SLACK,
            "{waited:?}"
        );
    }
}
