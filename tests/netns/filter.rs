//! The packet filter: which virtual addresses answer and which do not. Our tables are looked at in `tables`; what is answered, and what
//! stands in them, is compared with the distribution's keepalived in `scenes`.

#[path = "filter/reports.rs"]
mod reports;
#[path = "filter/scenes.rs"]
mod scenes;
#[path = "filter/tables.rs"]
mod tables;

use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::Node;
use crate::support::stage::{Case, case, peer_case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{millis, secs, wait_until};
use reports::{a_virtual_mac_made_again, local_igmp_disabled, reports_of_virtual_macs};
use scenes::{SCENES, like_keepalived};
use tables::{described, members, tables};

const VIP: &str = "10.74.0.1";
const VIP6: &str = "fd00:10::100";
const VIP_LINK: &str = "fe80::100";
/// Of some instances besides.
const ALSO: &str = "10.74.9.9";
const VRID: u8 = 74;
const PORT: u16 = 2049;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("filter::who_answers", who_answers),
        case("filter::traffic_is_led_on", traffic_is_led_on),
        case(
            "filter::addresses_that_others_need",
            addresses_that_others_need,
        ),
        case("filter::not_one_answer", not_one_answer),
        case("filter::reports_of_virtual_macs", reports_of_virtual_macs),
        case("filter::a_virtual_mac_made_again", a_virtual_mac_made_again),
        case("filter::local_igmp_disabled", local_igmp_disabled),
    ];
    cases.extend(tables::cases());
    for scene in SCENES {
        let name = format!("filter::like_keepalived::{}", scene.name);
        cases.push(peer_case(&name, move || like_keepalived(scene)));
    }
    cases
}

/// A host that may become MASTER, and one that asks it; both have IPv6 addresses.
fn ask_and_answer() -> World {
    let world = World::two();
    for (node, number) in world.nodes.iter().zip(1..) {
        let address = format!("fd00:10::{number}/64");
        node.run(&["ip", "addr", "add", &address, "dev", "eth0", "nodad"]);
        node.run(&["ip", "route", "add", "10.74.0.0/16", "dev", "eth0"]);
    }
    // Debian's keepalived becomes master before its link-local address may be used.
    wait_until("no address is tentative", secs(10), || {
        let tentative = ["ip", "-6", "addr", "show", "tentative"];
        world
            .nodes
            .iter()
            .all(|node| node.run(&tentative).is_empty())
    });
    world
}

fn ipv6_instance(lines: &str) -> String {
    instance("SIX", VRID, 100, lines, &[VIP_LINK, &format!("{VIP6}/64")])
}

fn strict(config: &str) -> String {
    format!("global_defs {{\n vrrp_strict\n}}\n{config}")
}

/// An interface `harbour0` that leads nowhere.
fn another_interface(node: &Node) {
    node.run(&[
        "ip", "link", "add", "harbour0", "type", "veth", "peer", "harbour1",
    ]);
    for name in ["harbour0", "harbour1"] {
        node.run(&["ip", "link", "set", name, "up"]);
    }
}

#[track_caller]
fn becomes_master(node: &Node, address: &str) {
    let what = format!("{address} is on the host");
    wait_until(&what, election_bound(), || node.holds(address));
}

/// Whether the host is reached by ICMP at this address (with `%eth0` where it is one of the link).
fn pings(from: &Node, address: &str) -> bool {
    let scoped = match address.starts_with("fe80") {
        true => format!("{address}%eth0"),
        false => address.to_owned(),
    };
    from.try_run(&["ping", "-n", "-c", "1", "-W", "1", &scoped])
        .0
        .success()
}

/// Whether a connection to this address comes about.
fn connects(from: &Node, address: &str) -> bool {
    let address: IpAddr = address.parse().expect("an address");
    from.in_network(|| {
        TcpStream::connect_timeout(&SocketAddr::new(address, PORT), millis(700)).is_ok()
    })
}

/// Whether what is sent from this address of the host arrives.
fn sends_from(node: &Node, address: &str, target: &str) -> bool {
    node.try_run(&["ping", "-n", "-c", "1", "-W", "1", "-I", address, target])
        .0
        .success()
}

/// Whether neighbour discovery has found the MAC of an address.
fn discovered(from: &Node, address: &str) -> bool {
    let line = from.run(&["ip", "neigh", "show", address, "dev", "eth0"]);
    line.contains("lladdr")
}

/// Listens on all addresses of a host.
fn listener(node: &Node) -> TcpListener {
    node.in_network(|| TcpListener::bind(("::", PORT)).expect("a listener"))
}

/// What happens to packets of every kind, in one configuration.
fn fates(world: &World) -> Vec<(String, bool)> {
    let (host, client) = (&world.nodes[0], &world.nodes[1]);
    let _listener = listener(host);
    let mut fates = Vec::new();
    for (address, own) in [
        (VIP, "10.10.0.2"),
        ("10.74.9.9", "10.10.0.2"),
        (VIP6, "fd00:10::2"),
        ("fd00:10::999", "fd00:10::2"),
        (VIP_LINK, ""),
    ] {
        if !host.holds(address) {
            continue;
        }
        fates.push((format!("ping {address}"), pings(client, address)));
        fates.push((format!("neighbour {address}"), discovered(client, address)));
        if !own.is_empty() {
            fates.push((format!("connect {address}"), connects(client, address)));
            fates.push((format!("from {address}"), sends_from(host, address, own)));
        }
    }
    // What is not virtual is nobody's business.
    fates.push(("ping the host".into(), pings(client, "10.10.0.1")));
    fates.push(("ping the host by IPv6".into(), pings(client, "fd00:10::1")));
    fates
}

/// Only the owner answers where accept mode is off; discovery finds the addresses of all.
fn who_answers() {
    let world = ask_and_answer();
    let (node, client) = (&world.nodes[0], &world.nodes[1]);
    let _listener = listener(node);
    let config = instance("A", VRID, 100, "no_accept", &[VIP]) + &ipv6_instance("no_accept");
    node.start(Ours, &config);
    for address in [VIP, VIP6, VIP_LINK] {
        becomes_master(node, address);
        assert!(!pings(client, address), "{address} answers");
        assert!(discovered(client, address), "{address} was not found");
    }
    assert!(!connects(client, VIP) && !connects(client, VIP6));
    assert!(!sends_from(node, VIP, "10.10.0.2") && !sends_from(node, VIP6, "fd00:10::2"));
    assert!(pings(client, "10.10.0.1") && pings(client, "fd00:10::1"));
    let log = node.log();
    for name in ["A", "SIX"] {
        assert!(
            log.contains(&format!("({name}) its virtual addresses do not answer")),
            "{log}"
        );
    }
    assert!(
        log.contains("WARNING - the virtual addresses of A, SIX will not answer"),
        "{log}"
    );
    node.stop();

    node.start(Ours, &config.replace("priority 100", "priority 255"));
    for address in [VIP, VIP6, VIP_LINK] {
        becomes_master(node, address);
        assert!(
            pings(client, address),
            "the owner does not answer at {address}"
        );
    }
    assert!(connects(client, VIP) && connects(client, VIP6));
    assert_eq!(
        tables(node),
        Vec::<String>::new(),
        "the owner needs no table"
    );
    node.stop();

    node.start(Ours, &config.replace("no_accept", "accept"));
    for address in [VIP, VIP6, VIP_LINK] {
        becomes_master(node, address);
        assert!(
            pings(client, address),
            "{address} does not answer with accept"
        );
    }
}

/// A router is there to lead traffic on, whether it answers or not.
fn traffic_is_led_on() {
    let host = |number| HostSpec::numbered(number).with("eth1", number, "10.11.0");
    let world = World::new(&[host(1), HostSpec::numbered(2), host(3)]);
    let [router, client, server] = &world.nodes[..] else {
        panic!("three hosts");
    };
    let target = "10.12.0.3";
    server.run(&["ip", "addr", "add", target, "dev", "lo"]);
    router.run(&["ip", "route", "add", target, "via", "10.11.0.3"]);
    router.run(&["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"]);
    client.run(&["ip", "route", "add", VIP, "dev", "eth0"]);
    client.run(&["ip", "route", "add", target, "via", VIP]);
    router.start(Ours, &instance("A", VRID, 100, "no_accept", &[VIP]));
    becomes_master(router, VIP);
    assert!(
        pings(client, target),
        "what goes through the address's MAC arrives"
    );
    assert!(!pings(client, VIP));
}

/// Two instances may have an excluded address in common: it answers when neither keeps it silent, and not before.
fn addresses_that_others_need() {
    let world = ask_and_answer();
    let node = &world.nodes[0];
    let both = "no_accept\nvirtual_ipaddress_excluded {\n10.74.9.9\n}";
    let tracking = format!("{both}\ntrack_interface {{\n harbour0\n}}");
    another_interface(node);
    let config = instance("A", VRID, 100, both, &[VIP])
        + &instance("B", VRID + 1, 100, &tracking, &["10.74.0.2"]);
    node.start(Ours, &config);
    becomes_master(node, VIP);
    becomes_master(node, "10.74.0.2");
    assert_eq!(
        members(node, "ip", "vips"),
        ["10.74.0.1", "10.74.0.2", "10.74.9.9"]
    );
    node.run(&["ip", "link", "set", "harbour0", "down"]);
    wait_until("its own address is gone from the set", secs(5), || {
        members(node, "ip", "vips") == ["10.74.0.1", "10.74.9.9"]
    });
    assert!(!node.holds("10.74.0.2"));
}

/// From the start over the death of the VRRP process to the stop: there is no moment at which the address answers.
fn not_one_answer() {
    let world = ask_and_answer();
    let (node, client) = (&world.nodes[0], &world.nodes[1]);
    // Asked of that host alone, also before it has the address.
    let mac = "02:00:00:01:00:00";
    client.run(&[
        "ip",
        "neigh",
        "add",
        VIP,
        "lladdr",
        mac,
        "dev",
        "eth0",
        "nud",
        "permanent",
    ]);
    let asking = || {
        let mut command = client.command(&["ping", "-n", "-q", "-i", "0.005", "-c", "2000", VIP]);
        command.stdout(Stdio::piped()).spawn().expect("ping")
    };
    let mut ping = asking();
    node.start(
        Ours,
        &instance("A", VRID, 100, "state MASTER\nno_accept", &[VIP]),
    );
    becomes_master(node, VIP);
    let old = node.vrrp_pid().expect("a VRRP process");
    std::thread::sleep(millis(500));
    kill(old, Signal::SIGKILL).expect("kill");
    wait_until("another process goes on", secs(10), || {
        let is_another = node.vrrp_pid().is_some_and(|pid| pid != old);
        is_another && node.holds(VIP) && members(node, "ip", "vips") == [VIP]
    });
    std::thread::sleep(secs(2));
    node.stop();
    let mut said = String::new();
    let mut output = ping.stdout.take().expect("piped");
    output.read_to_string(&mut said).expect("what ping says");
    ping.wait().expect("ping");
    assert!(said.contains(" 0 received"), "{said}");
    assert!(!said.contains(" 0 packets transmitted"), "{said}");
}
