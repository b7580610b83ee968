//! Unicast beyond what any pair has to do: routers between, who is listened to, peers that cannot be reached, sources that come and
//! go, instances without interface, reloads.

use std::net::Ipv4Addr;

use nix::sys::signal::Signal;

use crate::support::Binary::Ours;
use crate::support::stage::{Case, case};
use crate::support::unicast::{greatest_gap, instance};
use crate::support::version3::{adverts3, settles};
use crate::support::wire::{Forged, election_bound};
use crate::support::world::{HostSpec, World};
use crate::support::{millis, secs, stays, wait_until};

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("unicast::through_a_router", through_a_router),
        case("unicast::min_ttl_refuses", min_ttl_refuses),
        case("unicast::strangers", strangers),
        case("unicast::against_multicast", against_multicast),
        case("unicast::unreachable_peers", unreachable_peers),
        case(
            "unicast::unresolved_peers_fill_no_buffer",
            unresolved_peers_fill_no_buffer,
        ),
        case("unicast::track_src_ip", track_src_ip),
        case(
            "unicast::a_source_of_another_host_is_none",
            a_source_of_another_host_is_none,
        ),
        case("unicast::no_interface", no_interface),
        case("unicast::peers_come_and_go", peers_come_and_go),
        case("unicast::fault_no_peer", fault_no_peer),
    ]
}

/// Hosts 1 to 3, each in a network of its own, and a router between; all on one wire, which nobody but the router knows.
fn routed() -> World {
    let mut specs: Vec<HostSpec> = (1..=3)
        .map(|number| {
            HostSpec { interfaces: vec![] }.with("eth0", number, &format!("10.20.{number}"))
        })
        .collect();
    specs.push(HostSpec { interfaces: vec![] }.with("eth0", 254, "10.20.1"));
    let world = World::new(&specs);
    let router = &world.nodes[3];
    for network in [2, 3] {
        let address = format!("10.20.{network}.254/24");
        router.run(&["ip", "addr", "add", &address, "dev", "eth0"]);
    }
    for switch in [
        "ip_forward=1",
        "conf.all.send_redirects=0",
        "conf.eth0.send_redirects=0",
    ] {
        let (name, value) = switch.split_once('=').expect("a setting");
        let path = name.replace('.', "/");
        let order = format!("echo {value} > /proc/sys/net/ipv4/{path}");
        router.run(&["sh", "-c", &order]);
    }
    for (number, node) in (1..=3).zip(&world.nodes) {
        let gateway = format!("10.20.{number}.254");
        node.run(&["ip", "route", "add", "default", "via", &gateway]);
    }
    world
}

/// The address of a host of `routed`.
fn home(number: usize) -> String {
    format!("10.20.{number}.{number}")
}

fn routed_config(number: usize, priority: u8, bounds: &str, vip: &str) -> String {
    let peers: Vec<String> = (1..=3)
        .filter(|other| *other != number)
        .map(|other| format!("{} {bounds}", home(other)))
        .collect();
    let peers: Vec<&str> = peers.iter().map(String::as_str).collect();
    instance("FAR", 101, priority, (&home(number), &peers), "", &[vip])
}

/// Three hosts with a router between them: adverts arrive with a TTL of 254, and the best host rules, then the next.
fn through_a_router() {
    const VIP: &str = "10.101.0.1";
    let world = routed();
    for number in [1, 2, 3] {
        let priority = 210 - 10 * u8::try_from(number).expect("small");
        let config = routed_config(number, priority, "min_ttl 254 max_ttl 254", VIP);
        world.nodes[number - 1].start(Ours, &config);
    }
    settles(&world, VIP, 0);
    stays("the best host rules", secs(4), || world.holders(VIP) == [0]);
    let forwarded: Vec<(Ipv4Addr, u8)> = world
        .capture
        .adverts_since(0)
        .iter()
        .filter(|advert| advert.node == 3)
        .map(|advert| (advert.destination, advert.ttl))
        .collect();
    for number in [2, 3] {
        let expected = (home(number).parse().expect("an address"), 254);
        assert!(forwarded.contains(&expected), "{forwarded:?}");
    }
    world.nodes[0].kill_all();
    wait_until("the next one takes over", election_bound(), || {
        world.nodes[1].holds(VIP)
    });
    stays("the third one waits", secs(4), || {
        !world.nodes[2].holds(VIP)
    });
    world.nodes[1].stop();
    wait_until("the third one takes over", election_bound(), || {
        world.nodes[2].holds(VIP)
    });
}

/// `min_ttl 255`: what a router forwarded is refused, and the log says why.
fn min_ttl_refuses() {
    const VIP: &str = "10.102.0.1";
    let world = routed();
    world.nodes[0].start(Ours, &routed_config(1, 200, "", VIP));
    world.nodes[1].start(Ours, &routed_config(2, 100, "min_ttl 255", VIP));
    world.nodes[1].wait_log(
        "invalid TTL/HL from 10.20.1.1. Received 254 and expect 255",
        election_bound(),
    );
    wait_until("both rule", election_bound(), || {
        world.holders(VIP) == [0, 1]
    });
}

/// `check_unicast_src`: an advert of nobody's is dropped; without it, it counts.
fn strangers() {
    const VIP: &str = "10.103.0.1";
    let specs = [1, 2].map(HostSpec::numbered);
    let world = World::new(&specs);
    let victim = &world.nodes[0];
    let config = |lines: &str| {
        let ends = ("10.10.0.1", &["10.10.0.77"][..]);
        instance("SHY", 103, 90, ends, lines, &[VIP])
    };
    victim.start(Ours, &config("check_unicast_src"));
    settles(&world, VIP, 0);
    let forged = Forged::right(103, 200, VIP, "");
    for _ in 0..20 {
        forged.send_to(&world.nodes[1], "10.10.0.2", "10.10.0.1");
    }
    victim.wait_log(
        "unicast source address 10.10.0.2 not a unicast peer",
        secs(5),
    );
    stays("it rules on", secs(1), || victim.holds(VIP));
    let refused = |log: &str| log.matches("not a unicast peer").count();
    assert_eq!(refused(&victim.log()), 1, "told once a minute");

    victim.write("/etc/keepalived/keepalived.conf", &config(""));
    victim.signal(Signal::SIGHUP);
    wait_until("the new configuration counts", secs(5), || {
        forged.send_to(&world.nodes[1], "10.10.0.2", "10.10.0.1");
        !victim.holds(VIP)
    });
}

/// One host multicasts, the other does not: neither heeds the other, and both say why; the second one because another instance of it
/// is one of multicast, so that its kernel hears the group.
fn against_multicast() {
    const VIP: &str = "10.104.0.1";
    let world = World::two();
    let unicast = instance("MIX", 104, 200, ("10.10.0.1", &["10.10.0.2"]), "", &[VIP]);
    let other = crate::support::config::instance("OTHER", 1, 100, "state BACKUP", &["10.104.0.2"]);
    world.nodes[0].start(Ours, &(unicast + &other));
    let multicast = crate::support::config::instance("MIX", 104, 100, "state BACKUP", &[VIP]);
    world.nodes[1].start(Ours, &multicast);
    world.nodes[0].wait_log(
        "advert from 10.10.0.2 was multicast to 224.0.0.18, but this instance is one of unicast",
        election_bound(),
    );
    world.nodes[1].wait_log(
        "advert from 10.10.0.1 was unicast to 10.10.0.2, but this instance is one of multicast",
        election_bound(),
    );
    // Adverts leave before addresses are asked for.
    wait_until("both are masters", secs(5), || world.holders(VIP) == [0, 1]);
}

/// One peer has no route, another answers no ARP, a third is prohibited: the fourth hears every advert on time, the log has one line.
/// Without interface, as the kernel takes all the world for neighbours of a socket that is bound to one.
fn unreachable_peers() {
    const VIP: &str = "10.105.0.1";
    let world = World::two();
    let nowhere = ["10.99.0.1", "10.10.0.77", "10.98.0.1"];
    world.nodes[0].run(&["ip", "route", "add", "prohibit", "10.98.0.1"]);
    let peers = [&nowhere[..], &["10.10.0.2"]].concat();
    let vip = format!("{VIP} dev eth0");
    let config = instance("FEW", 105, 200, ("10.10.0.1", &peers), "", &[&vip]);
    world.nodes[0].start(Ours, &config.replace("    interface eth0\n", ""));
    settles(&world, VIP, 0);
    let mark = world.capture.mark();
    std::thread::sleep(secs(6));
    let gap = greatest_gap(&world, mark, 0, "10.10.0.2");
    assert!(
        gap < millis(1900),
        "{gap:?} between adverts of one a second"
    );
    let log = world.nodes[0].log();
    let lines = log.matches("advert could not be sent to 10.9").count();
    assert_eq!(lines, 1, "{log}");
    assert!(world.nodes[0].holds(VIP));
}

/// A hundred adverts a second to each of five peers that answer no ARP: the kernel keeps them for seconds, and charges them to our
/// socket. Adverts to the peer that is there leave all the same.
fn unresolved_peers_fill_no_buffer() {
    const VIP: &str = "10.110.0.1";
    const WATCHED: std::time::Duration = secs(6);
    let world = World::two();
    let away: Vec<String> = (71..76).map(|host| format!("10.10.0.{host}")).collect();
    let mut peers: Vec<&str> = away.iter().map(String::as_str).collect();
    peers.push("10.10.0.2");
    let lines = "version 3\n    advert_int 0.01";
    let config = instance("FULL", 110, 200, ("10.10.0.1", &peers), lines, &[VIP]);
    world.nodes[0].start(Ours, &config);
    settles(&world, VIP, 0);
    let mark = world.capture.mark();
    std::thread::sleep(WATCHED);
    let there = "10.10.0.2".parse::<std::net::IpAddr>().expect("an address");
    let adverts = adverts3(&world, mark, 0).into_iter();
    let times: Vec<_> = adverts
        .filter(|advert| advert.destination == there)
        .map(|advert| advert.at)
        .collect();
    let log = world.nodes[0].log();
    assert!(!log.contains("could not be sent"), "{log}");
    // A busy machine may lose some beats, a full buffer loses seconds.
    assert!(times.len() > 300, "{} adverts in {WATCHED:?}", times.len());
}

/// The watched source address goes: FAULT, and the other host takes over; it is back: so is the better host.
fn track_src_ip() {
    const VIP: &str = "10.106.0.1";
    const SOURCE: &str = "10.10.0.61";
    let world = World::two();
    let add = ["ip", "addr", "add", "10.10.0.61/24", "dev", "eth0"];
    let delete = ["ip", "addr", "del", "10.10.0.61/24", "dev", "eth0"];
    let config = instance(
        "SRC",
        106,
        200,
        (SOURCE, &["10.10.0.2"]),
        "track_src_ip",
        &[VIP],
    );
    world.nodes[0].start(Ours, &config);
    world.nodes[0].wait_log(
        "(SRC): entering FAULT state (src address 10.10.0.61 not configured)",
        election_bound(),
    );
    let config = instance("SRC", 106, 100, ("10.10.0.2", &[SOURCE]), "", &[VIP]);
    world.nodes[1].start(Ours, &config);
    settles(&world, VIP, 1);
    world.nodes[0].run(&add);
    settles(&world, VIP, 0);
    world.nodes[0].run(&delete);
    settles(&world, VIP, 1);
    world.nodes[0].run(&add);
    settles(&world, VIP, 0);
}

/// IPv6: a watched source that another host has, as duplicate address detection found out, is none.
fn a_source_of_another_host_is_none() {
    const VIP: &str = "fd00:111::1";
    const SOURCE: &str = "fd00:10::61";
    let world = World::two();
    let [node, other] = &world.nodes[..] else {
        panic!("two hosts")
    };
    let add = ["ip", "-6", "addr", "add", "fd00:10::61/64", "dev", "eth0"];
    let delete = ["ip", "-6", "addr", "del", "fd00:10::61/64", "dev", "eth0"];
    other.run(&[&add[..], &["nodad"]].concat());
    let ends = (SOURCE, &["fd00:10::2"][..]);
    let lines = "advert_int 0.2\n    track_src_ip";
    let addresses = ["fe80::111:1", "fd00:111::1/64"];
    node.start(Ours, &instance("DAD", 111, 200, ends, lines, &addresses));
    node.wait_log("(src address fd00:10::61 not configured)", election_bound());
    node.run(&add);
    wait_until("the kernel has found the other host", secs(10), || {
        let show = ["ip", "-6", "-o", "addr", "show", "dev", "eth0"];
        node.run(&show).contains("dadfailed")
    });
    stays("it does not rule", secs(3), || !node.holds(VIP));
    assert_eq!(node.log().matches("Entering BACKUP STATE").count(), 0);
    other.run(&delete);
    node.run(&delete);
    node.run(&add);
    settles(&world, VIP, 0);
}

/// Instances without interface, their source on the loopback interface: they hear each other over whichever way there is.
fn no_interface() {
    const VIP: &str = "10.107.0.1";
    let specs = [1, 2].map(|number| HostSpec::numbered(number).with("eth1", number, "10.11.0"));
    let world = World::new(&specs);
    let route = |number: usize, network: u8| {
        let other = 3 - number;
        let (to, via) = (
            format!("10.50.0.{other}"),
            format!("10.1{network}.0.{other}"),
        );
        world.nodes[number - 1].run(&["ip", "route", "replace", &to, "via", &via]);
    };
    for (number, node) in [1, 2].into_iter().zip(&world.nodes) {
        let own = format!("10.50.0.{number}/32");
        node.run(&["ip", "addr", "add", &own, "dev", "lo"]);
        route(number, 0);
        let (source, peer) = (
            format!("10.50.0.{number}"),
            format!("10.50.0.{}", 3 - number),
        );
        let priority = [200, 100][number - 1];
        let vip = format!("{VIP} dev eth0");
        let lines = "track_src_ip\n    check_unicast_src";
        let config = instance("ANY", 107, priority, (&source, &[&peer]), lines, &[&vip]);
        node.start(Ours, &config.replace("    interface eth0\n", ""));
    }
    settles(&world, VIP, 0);
    stays("the better host rules", secs(4), || {
        world.holders(VIP) == [0]
    });
    // The way there is another than the way back, then both are the other one.
    let mark = world.capture.mark();
    route(1, 1);
    stays("the better host rules", secs(4), || {
        world.holders(VIP) == [0]
    });
    let networks: Vec<usize> = world
        .capture
        .frames_since(mark)
        .iter()
        .filter(|frame| frame.advert().is_some())
        .map(|frame| frame.network)
        .collect();
    assert!(
        networks.contains(&1) && networks.last() == Some(&1),
        "{networks:?}"
    );
    world.nodes[0].run(&["ip", "addr", "del", "10.50.0.1/32", "dev", "lo"]);
    settles(&world, VIP, 1);
    world.nodes[0].run(&["ip", "addr", "add", "10.50.0.1/32", "dev", "lo"]);
    settles(&world, VIP, 0);
    world.nodes[0].stop();
    settles(&world, VIP, 1);
}

/// A reload with one peer more, then one less: the master stays so without a gap, and the new peer hears of it.
fn peers_come_and_go() {
    const VIP: &str = "10.108.0.1";
    let world = World::new(&[1, 2, 3].map(HostSpec::numbered));
    let address = |number: usize| format!("10.10.0.{number}");
    let config = |number: usize, priority: u8, others: &[usize]| {
        let peers: Vec<String> = others.iter().copied().map(address).collect();
        let peers: Vec<&str> = peers.iter().map(String::as_str).collect();
        instance(
            "GROW",
            108,
            priority,
            (&address(number), &peers),
            "",
            &[VIP],
        )
    };
    let reload = |number: usize, config: &str| {
        let node = &world.nodes[number - 1];
        node.write("/etc/keepalived/keepalived.conf", config);
        node.signal(Signal::SIGHUP);
    };
    world.nodes[0].start(Ours, &config(1, 200, &[2]));
    world.nodes[1].start(Ours, &config(2, 150, &[1]));
    settles(&world, VIP, 0);
    let mark = world.capture.mark();
    reload(1, &config(1, 200, &[2, 3]));
    reload(2, &config(2, 150, &[1, 3]));
    wait_until("the new peer is sent to", secs(5), || {
        let adverts = world.capture.adverts_since(mark);
        adverts
            .iter()
            .any(|advert| advert.destination.to_string() == address(3))
    });
    world.nodes[2].start(Ours, &config(3, 100, &[1, 2]));
    stays("the master rules", secs(5), || world.holders(VIP) == [0]);
    world.nodes[2].stop();
    reload(1, &config(1, 200, &[2]));
    reload(2, &config(2, 150, &[1]));
    stays("the master rules", secs(5), || world.holders(VIP) == [0]);
    let adverts = world.capture.adverts_since(mark);
    assert!(
        adverts
            .iter()
            .all(|advert| (advert.node, advert.priority) == (0, 200)),
        "{adverts:?}"
    );
    let gap = greatest_gap(&world, mark, 0, &address(2));
    assert!(
        gap < millis(1900),
        "{gap:?} between adverts of one a second"
    );
    let last = adverts.last().expect("adverts");
    assert_eq!(
        last.destination.to_string(),
        address(2),
        "no longer sent to"
    );
}

/// `unicast_fault_no_peer`: an instance without peers waits for some in FAULT, and multicasts nothing.
fn fault_no_peer() {
    const VIP: &str = "10.109.0.1";
    let world = World::two();
    let node = &world.nodes[0];
    let config = instance(
        "ALONE",
        109,
        200,
        ("10.10.0.1", &[]),
        "unicast_fault_no_peer",
        &[VIP],
    );
    node.start(Ours, &config);
    node.wait_log(
        "(ALONE) Cannot use unicast without any peers",
        election_bound(),
    );
    stays("it does not rule", secs(4), || !node.holds(VIP));
    assert!(world.capture.adverts_since(0).is_empty());
    let config = instance("ALONE", 109, 200, ("10.10.0.1", &["10.10.0.2"]), "", &[VIP]);
    node.write("/etc/keepalived/keepalived.conf", &config);
    node.signal(Signal::SIGHUP);
    settles(&world, VIP, 0);
}
