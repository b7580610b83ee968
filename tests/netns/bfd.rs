//! BFD between two of our daemons: sessions come up, fall when they must and only then, outlive their process and a reload, and say
//! goodbye. What is said is read off the wire.

use std::fs;
use std::net::UdpSocket;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::Binary::Ours;
use crate::support::bfd::{ADMIN_DOWN, COMES_UP, DOWN, INIT, UP};
use crate::support::bfd::{last, packets, session, wait_down, wait_up};
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::world::World;
use crate::support::{millis, secs, wait_for, wait_until};

/// A slow machine may be this late with anything.
const SLACK: Duration = millis(1500);
/// Time stamps and a daemon's idea of a second differ by less.
const EARLY: Duration = millis(20);
const ADDRESSES: [&str; 2] = ["10.10.0.1", "10.10.0.2"];
const QUICK: &str = "min_rx 100\nmin_tx 100\nmultiplier 3";
/// The neighbour is lost after this time, then.
const DETECTION: Duration = millis(300);
/// After so long that a process can be replaced on a slow machine.
const PATIENT: &str = "min_rx 500\nmin_tx 500\nmultiplier 6";
/// Diagnostics (RFC 5880 section 4.1).
const EXPIRED: u8 = 1;
const SIGNALED: u8 = 3;
const ADMINISTRATIVE: u8 = 7;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("bfd::a_cut_is_noticed_in_time_and_healed", cut),
        case("bfd::a_replaced_process_goes_on", replaced),
        case("bfd::a_reload_disturbs_nobody", reload),
        case("bfd::a_stop_is_told", stop),
        case("bfd::a_frozen_process_believes_what_waits", frozen),
        case("bfd::ipv6_multihop_and_far_neighbours", kinds),
        case("bfd::a_source_address_may_come_later", later),
        case("bfd::a_port_that_is_taken_is_tried_again", taken),
        case("bfd::what_runs_is_in_the_data_file", data),
    ]
}

/// Two hosts with a session between them, which is Up.
fn pair(lines: &str) -> World {
    let world = World::two();
    for node in &world.nodes {
        node.start(Ours, &session("peer", ADDRESSES[1 - node.index], lines));
    }
    wait_up(&world);
    world
}

fn bfd_pid(node: &Node) -> Pid {
    let text = node.read("/run/bfd.pid");
    Pid::from_raw(text.trim().parse().expect("a pid file"))
}

/// Nobody has said anything but Up since the mark.
#[track_caller]
fn has_stayed_up(world: &World, mark: usize) {
    for node in [0, 1] {
        let fallen = packets(world, mark, node)
            .into_iter()
            .find(|packet| packet.state != UP);
        assert_eq!(fallen, None);
    }
}

fn cut() {
    let world = pair(QUICK);
    for node in [0, 1] {
        let all = packets(&world, 0, node);
        let first = &all[0];
        if first.at < packets(&world, 0, 1 - node)[0].at {
            assert_eq!((first.state, first.your_discriminator), (DOWN, 0));
        }
        assert_eq!(first.min_tx, 1_000_000, "slowly while it is not Up");
        assert!(first.my_discriminator != 0);
        for packet in &all {
            assert_eq!((packet.ttl, packet.port, packet.multiplier), (255, 3784, 3));
            assert!(packet.source_port >= 49152);
            assert_eq!(packet.source_port, first.source_port);
            assert_eq!(packet.my_discriminator, first.my_discriminator);
        }
        // Three steps: whoever is Up was heard, and knows it.
        let up = all.iter().find(|packet| packet.state == UP).expect("Up");
        assert!(up.your_discriminator != 0 && up.poll && up.min_tx == 100_000);
        assert!(all.iter().any(|packet| packet.fin && !packet.poll));
    }
    let steps = [0, 1].map(|node| packets(&world, 0, node).iter().any(|it| it.state == INIT));
    assert!(steps[0] || steps[1], "somebody heard before it was heard");
    for node in &world.nodes {
        node.wait_log("(peer) Entering Up state", secs(5));
    }

    let (mark, before) = (world.capture.mark(), world.capture.clock());
    world.partition(true);
    let after = world.capture.clock();
    wait_down(&world, mark);
    for node in [0, 1] {
        let heard = packets(&world, 0, 1 - node);
        let heard = heard.iter().rfind(|packet| packet.at < before);
        let heard = heard.expect("the other spoke").at;
        let down = packets(&world, mark, node)
            .into_iter()
            .find(|packet| packet.state == DOWN)
            .expect("it is Down");
        assert_eq!(down.diagnostic, EXPIRED);
        assert!(down.at + EARLY >= heard + DETECTION, "too early: {down:?}");
        assert!(down.at <= after + DETECTION + SLACK, "too late: {down:?}");
        world.nodes[node].wait_log("(peer) Expired after 300 ms", secs(5));
        world.nodes[node].wait_log(
            "(peer) Entering Down state (Local diagnostic - Control Detection Time Expired",
            secs(5),
        );
    }
    world.partition(false);
    wait_up(&world);
    // Jitter takes up to a quarter of what was agreed.
    let mark = world.capture.mark();
    let sent = wait_for("twenty packets", secs(10), || {
        let sent = packets(&world, mark, 0);
        (sent.len() > 20).then_some(sent)
    });
    let span = sent[20].at - sent[0].at;
    assert!(span + SLACK / 10 >= millis(75) * 20, "{span:?}");
}

/// The process is killed: neither the neighbour nor whoever follows the session notices.
fn replaced() {
    let world = pair(PATIENT);
    let node = &world.nodes[0];
    let (before, old) = (last(&world, 0).expect("it spoke"), bfd_pid(node));
    let mark = world.capture.mark();
    kill(old, Signal::SIGKILL).expect("it lives");
    node.wait_log("(peer) Goes on in Up state", secs(10));
    wait_until("it speaks again and is answered", secs(10), || {
        let said = packets(&world, mark, 0);
        let asked = said.iter().any(|packet| packet.poll);
        asked && said.last().is_some_and(|packet| !packet.poll)
    });
    assert_ne!(bfd_pid(node), old);
    has_stayed_up(&world, mark);
    let after = last(&world, 0).expect("it spoke");
    assert_eq!(after.my_discriminator, before.my_discriminator);
    assert_eq!(after.source_port, before.source_port);
    // A detection time later it is still so.
    let heard = packets(&world, mark, 1).len();
    wait_until("the neighbour goes on", secs(10), || {
        packets(&world, mark, 1).len() > heard + 7
    });
    has_stayed_up(&world, mark);
    for node in &world.nodes {
        assert!(
            !node.log().contains("Entering Down state"),
            "{}",
            node.log()
        );
    }
}

fn reload() {
    let world = pair(PATIENT);
    let node = &world.nodes[0];
    let discriminator = last(&world, 0).expect("it spoke").my_discriminator;
    let mark = world.capture.mark();
    let reloaded = |config: &str| {
        node.write(CONFIG, config);
        node.signal(Signal::SIGHUP);
    };
    // Slower and quicker, by a poll sequence; and a session more, for which nobody answers.
    let slower = session("peer", ADDRESSES[1], "min_rx 300\nmin_tx 700\nmultiplier 6");
    let other = session("other", "10.10.0.9", PATIENT);
    reloaded(&format!("{other}{slower}"));
    wait_until(
        "the new intervals are asked for and agreed",
        secs(10),
        || {
            let said = packets(&world, mark, 0);
            let changed = |packet: &crate::support::bfd::Packet| {
                (packet.min_tx, packet.min_rx) == (700_000, 300_000)
            };
            said.iter().any(|packet| changed(packet) && packet.poll)
                && said
                    .last()
                    .is_some_and(|packet| changed(packet) && !packet.poll)
        },
    );
    // Nothing that concerns the session.
    reloaded(&format!("{slower}global_defs {{\n router_id other\n}}\n"));
    node.wait_log("(other) Removed from the configuration", secs(10));
    let heard = packets(&world, mark, 1).len();
    wait_until("both go on", secs(10), || {
        packets(&world, mark, 1).len() > heard + 7
    });
    has_stayed_up(&world, mark);
    assert_eq!(
        last(&world, 0).expect("it spoke").my_discriminator,
        discriminator
    );
    // And it is told when it is removed.
    let mark = world.capture.mark();
    reloaded(&other);
    wait_until("it says so", secs(10), || {
        let said = packets(&world, mark, 0);
        said.iter()
            .any(|it| (it.state, it.diagnostic) == (ADMIN_DOWN, ADMINISTRATIVE))
    });
    wait_until("the neighbour has heard it", secs(10), || {
        last(&world, 1).is_some_and(|it| (it.state, it.diagnostic) == (DOWN, SIGNALED))
    });
    // Without any session there is no process; with one there is.
    reloaded(&instance("BFD", 61, 255, "", &["10.61.0.1"]));
    wait_until("the process is gone", secs(10), || {
        node.read("/run/bfd.pid").is_empty()
    });
    reloaded(&slower);
    wait_up(&world);
}

fn stop() {
    let world = pair(PATIENT);
    let mark = world.capture.mark();
    world.nodes[0].stop();
    let goodbye = last(&world, 0).expect("it spoke");
    assert_eq!(
        (goodbye.state, goodbye.diagnostic),
        (ADMIN_DOWN, ADMINISTRATIVE)
    );
    let fallen = wait_for("the neighbour has heard it", secs(10), || {
        let said = packets(&world, mark, 1);
        said.into_iter().find(|packet| packet.state == DOWN)
    });
    assert_eq!(fallen.diagnostic, SIGNALED);
    assert!(fallen.at - goodbye.at < SLACK, "at once, not after 3 s");
    world.nodes[1].wait_log(
        "(peer) Entering Down state (Local diagnostic - Neighbor Signaled Session Down, Remote diagnostic - Administratively Down)",
        secs(5),
    );
    world.nodes[0].start_again(Ours);
    wait_up(&world);
}

/// A process that stood still for longer than the detection time has packets waiting, and hears them before it declares the neighbour
/// lost.
fn frozen() {
    let world = World::two();
    // How long a host waits is the other's multiplier.
    let lines = |multiplier| format!("min_rx 100\nmin_tx 100\nmultiplier {multiplier}");
    let [a, b] = ADDRESSES;
    world.nodes[0].start(Ours, &session("peer", b, &lines(100)));
    world.nodes[1].start(Ours, &session("peer", a, &lines(20)));
    wait_up(&world);
    let mark = world.capture.mark();
    let pid = bfd_pid(&world.nodes[0]);
    kill(pid, Signal::SIGSTOP).expect("it lives");
    wait_until("the neighbour says a lot", secs(10), || {
        packets(&world, mark, 1).len() > 35
    });
    kill(pid, Signal::SIGCONT).expect("it lives");
    let heard = packets(&world, mark, 1).len();
    wait_until("both go on", secs(10), || {
        packets(&world, mark, 1).len() > heard + 10 && packets(&world, mark, 0).len() > 10
    });
    has_stayed_up(&world, mark);
}

fn kinds() {
    let world = World::two();
    for node in &world.nodes {
        let address = format!("fd00:10::{}/64", node.index + 1);
        node.run(&["ip", "addr", "add", &address, "dev", "eth0", "nodad"]);
    }
    let start = |lines: [&str; 2], addresses: [&str; 2]| {
        for node in &world.nodes {
            let n = node.index;
            node.start(Ours, &session("peer", addresses[1 - n], lines[n]));
        }
    };
    let stop = || world.nodes.iter().for_each(Node::stop);
    start([QUICK; 2], ["fd00:10::1", "fd00:10::2"]);
    wait_up(&world);
    assert_eq!(last(&world, 0).expect("it spoke").ttl, 64);
    stop();

    let multihop = format!("{QUICK}\nmultihop\nttl 64\nmax_hops 5");
    start([&multihop; 2], ADDRESSES);
    wait_up(&world);
    let said = last(&world, 1).expect("it spoke");
    assert_eq!((said.ttl, said.port), (64, 4784));
    stop();

    // One sends as if it were a hop away: the other does not hear it.
    let mark = world.capture.mark();
    start([&format!("{QUICK}\nttl 254\nmax_hops 0"), QUICK], ADDRESSES);
    world.nodes[1].wait_log(
        "(peer) Packet from 10.10.0.1 discarded: its TTL or hop limit of 254 is less than 255",
        secs(10),
    );
    wait_until("some more packets", COMES_UP, || {
        packets(&world, mark, 0).len() > 4
    });
    assert!(packets(&world, mark, 1).iter().all(|it| it.state == DOWN));
}

fn later() {
    let world = World::two();
    let source = format!("{QUICK}\nsource_ip 10.10.0.77");
    world.nodes[0].start(Ours, &session("peer", ADDRESSES[1], &source));
    world.nodes[1].start(Ours, &session("peer", "10.10.0.77", QUICK));
    world.nodes[0].wait_log("(peer) Cannot send: ", secs(10));
    assert_eq!(last(&world, 0), None);
    world.nodes[0].run(&["ip", "addr", "add", "10.10.0.77/24", "dev", "eth0"]);
    wait_up(&world);
    world.nodes[0].wait_log("(peer) Can send again", secs(5));
}

/// Another program speaks BFD on this host: that is said, and it may end.
fn taken() {
    let world = World::two();
    let node = &world.nodes[0];
    let rival = node.in_network(|| UdpSocket::bind("0.0.0.0:3784").expect("a socket"));
    for node in &world.nodes {
        node.start(Ours, &session("peer", ADDRESSES[1 - node.index], QUICK));
    }
    node.wait_log("Cannot hear BFD packets to port 3784: ", secs(10));
    wait_until("both speak", COMES_UP, || {
        [0, 1].iter().all(|node| last(&world, *node).is_some())
    });
    assert_eq!(last(&world, 0).expect("it spoke").state, DOWN);
    drop(rival);
    wait_up(&world);
    node.wait_log("BFD packets to port 3784 can be heard now", secs(5));
}

fn data() {
    let world = pair(PATIENT);
    let node = &world.nodes[0];
    node.signal(Signal::SIGUSR1);
    let path = "/tmp/keepalived_bfd.data";
    wait_until("the data file is written", secs(10), || {
        node.path(path).exists()
    });
    let text = node.read(path);
    let mode = fs::metadata(node.path(path)).expect("a file").permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );
    let said = last(&world, 1).expect("it spoke");
    for line in [
        "------< BFD Data >------".to_owned(),
        "------< BFD Topology >------".to_owned(),
        " BFD Instance = peer".to_owned(),
        "   Neighbor IP = 10.10.0.2".to_owned(),
        "   Required min RX interval = 500000 us".to_owned(),
        "   local state = Up".to_owned(),
        "   remote state = Up".to_owned(),
        format!("   remote discriminator = {:#010x}", said.my_discriminator),
        "   local detection time = 3000000 us".to_owned(),
    ] {
        assert!(text.lines().any(|it| it == line), "no {line:?} in\n{text}");
    }
}
