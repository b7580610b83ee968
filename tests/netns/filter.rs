//! The packet filter: which virtual addresses answer and which do not, and that our tables come, stay and go as they should. What is
//! answered, and what stands in the tables, is also compared with the distribution's keepalived.

#[path = "filter/reports.rs"]
mod reports;
#[path = "filter/scenes.rs"]
mod scenes;

use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case, peer_case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{millis, secs, stays, wait_until};
use reports::{a_virtual_mac_made_again, local_igmp_disabled, reports_of_virtual_macs};
use scenes::{SCENES, like_keepalived};

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
        case("filter::tables_come_and_go", tables_come_and_go),
        case("filter::not_one_answer", not_one_answer),
        case(
            "filter::a_removed_table_is_put_back",
            a_removed_table_is_put_back,
        ),
        case("filter::leftovers_are_replaced", leftovers_are_replaced),
        case("filter::reload", reload),
        case("filter::interface_made_again", interface_made_again),
        case("filter::iptables_by_nftables", iptables_by_nftables),
        case("filter::reports_of_virtual_macs", reports_of_virtual_macs),
        case("filter::a_virtual_mac_made_again", a_virtual_mac_made_again),
        case("filter::local_igmp_disabled", local_igmp_disabled),
    ];
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

fn tables(node: &Node) -> Vec<String> {
    let text = node.run(&["nft", "list", "tables"]);
    text.lines().map(str::to_owned).collect()
}

/// The members of a set of ours; none when there is no such set.
fn members(node: &Node, family: &str, set: &str) -> Vec<String> {
    let all = described(node, "keepalived");
    let place = format!("set {family} {set} ");
    let line = all.iter().find_map(|line| line.strip_prefix(&place));
    line.map(|rest| rest.split(' ').map(str::to_owned).collect())
        .unwrap_or_default()
}

/// Chains and sets of a table, one a line: what two implementations have to agree on.
fn described(node: &Node, table: &str) -> Vec<String> {
    let text = node.run(&["nft", "-j", "list", "ruleset"]);
    let value: Value = serde_json::from_str(&text).expect("JSON from nft");
    let all = value["nftables"].as_array().cloned().unwrap_or_default();
    let mut lines: Vec<String> = all
        .iter()
        .filter_map(|object| describe(object, table))
        .collect();
    lines.sort();
    lines
}

fn describe(object: &Value, table: &str) -> Option<String> {
    let (kind, about) = object.as_object()?.iter().next()?;
    if about["table"] != table {
        return None;
    }
    let (family, name) = (about["family"].as_str()?, about["name"].as_str());
    match kind.as_str() {
        "chain" if about["hook"].is_string() => Some(format!(
            "chain {family} {} {} {} {} {}",
            name?, about["type"], about["hook"], about["prio"], about["policy"]
        )),
        // That of keepalived for discovery is a range of ours.
        "set" | "map" if name? != "neighbor-discovery" => {
            let elements = about["elem"].as_array().cloned().unwrap_or_default();
            let mut members: Vec<String> = elements
                .iter()
                .map(|member| match &member["concat"] {
                    Value::Array(parts) => parts.iter().map(text_of).collect::<Vec<_>>().join("."),
                    _ => text_of(member),
                })
                .collect();
            members.sort();
            // Which sets an implementation has without members is its own business.
            (!members.is_empty()).then(|| {
                format!(
                    "set {family} {} {}",
                    name.unwrap_or_default(),
                    members.join(" ")
                )
            })
        }
        _ => None,
    }
}

fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
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

/// The tables stand from the start, are filled by a MASTER, emptied by a BACKUP, and gone after the stop.
fn tables_come_and_go() {
    let world = ask_and_answer();
    let config = |priority| instance("A", VRID, priority, "no_accept", &[VIP]);
    let (first, second) = (&world.nodes[0], &world.nodes[1]);
    first.start(Ours, &config(100));
    becomes_master(first, VIP);
    assert_eq!(members(first, "ip", "vips"), [VIP]);
    second.start(Ours, &config(200));
    wait_until("the second host takes over", election_bound(), || {
        world.holders(VIP) == [1]
    });
    assert_eq!(members(second, "ip", "vips"), [VIP]);
    wait_until("a backup keeps nothing silent", secs(5), || {
        members(first, "ip", "vips").is_empty()
    });
    assert_eq!(tables(first), ["table ip keepalived"]);
    for node in [first, second] {
        node.stop();
        assert_eq!(tables(node), Vec::<String>::new());
    }
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
        node.vrrp_pid().is_some_and(|pid| pid != old)
            && node.log().contains("Continuing in MASTER STATE")
    });
    std::thread::sleep(secs(2));
    assert!(node.holds(VIP) && members(node, "ip", "vips") == [VIP]);
    node.stop();
    let mut said = String::new();
    let mut output = ping.stdout.take().expect("piped");
    output.read_to_string(&mut said).expect("what ping says");
    ping.wait().expect("ping");
    assert!(said.contains(" 0 received"), "{said}");
    assert!(!said.contains(" 0 packets transmitted"), "{said}");
}

fn a_removed_table_is_put_back() {
    let world = ask_and_answer();
    let node = &world.nodes[0];
    node.start(
        Ours,
        &(instance("A", VRID, 100, "no_accept", &[VIP]) + &ipv6_instance("no_accept")),
    );
    becomes_master(node, VIP);
    becomes_master(node, VIP6);
    let stands = described(node, "keepalived");
    for (place, removal) in [
        "delete table ip keepalived",
        "flush ruleset",
        "flush chain ip keepalived in",
        "flush set ip6 keepalived vips",
        "delete element ip keepalived vips { 10.74.0.1 }",
    ]
    .into_iter()
    .enumerate()
    {
        let words: Vec<&str> = ["nft"].into_iter().chain(removal.split(' ')).collect();
        node.run(&words);
        wait_until(&format!("all is back after: {removal}"), secs(5), || {
            described(node, "keepalived") == stands
                && node
                    .run(&["nft", "list", "chain", "ip", "keepalived", "in"])
                    .contains("drop")
        });
        let told = node
            .log()
            .matches("removed the nftables table keepalived")
            .count();
        assert!(told > place, "{removal}: said {told} times");
    }
    // What others do beside ours is theirs.
    node.run(&["nft", "add", "table", "ip", "other"]);
    node.run(&["nft", "delete", "table", "ip", "other"]);
    let told = node.log().matches("removed the nftables").count();
    stays("nothing more is said", secs(1), || {
        node.log().matches("removed the nftables").count() == told
    });
    assert!(!pings(&world.nodes[1], VIP));
}

/// A crash leaves the table; the next run replaces it, also one that needs none.
fn leftovers_are_replaced() {
    let world = ask_and_answer();
    let node = &world.nodes[0];
    let config = instance("A", VRID, 100, "no_accept", &[VIP]);
    let masters = || node.log().matches("Entering MASTER STATE").count();
    let crash = || {
        node.start(Ours, &config);
        wait_until("the address is kept silent", election_bound(), || {
            node.holds(VIP) && members(node, "ip", "vips") == [VIP]
        });
        node.kill_all();
        assert_eq!(
            members(node, "ip", "vips"),
            [VIP],
            "a crash leaves the table"
        );
    };
    crash();
    node.run(&[
        "nft",
        "add",
        "rule",
        "ip",
        "keepalived",
        "in",
        "ip",
        "daddr",
        "10.10.0.1",
        "drop",
    ]);
    let before = masters();
    node.start_again(Ours);
    wait_until("it is MASTER again", election_bound(), || {
        masters() > before && members(node, "ip", "vips") == [VIP]
    });
    let rules = node.run(&["nft", "list", "ruleset"]);
    assert!(!rules.contains("10.10.0.1"), "made anew:\n{rules}");
    node.stop();
    assert_eq!(tables(node), Vec::<String>::new());

    crash();
    let before = masters();
    node.start(Ours, &config.replace("no_accept", ""));
    wait_until("the leftover is gone", secs(5), || tables(node).is_empty());
    // The address is a leftover too, and goes before it comes back.
    wait_until("it is MASTER again", election_bound(), || {
        masters() > before && node.holds(VIP)
    });
    assert!(pings(&world.nodes[1], VIP));
}

/// Another configuration changes what is silent without a moment of BACKUP.
fn reload() {
    let world = ask_and_answer();
    let (node, client) = (&world.nodes[0], &world.nodes[1]);
    let config = |lines: &str| instance("A", VRID, 100, lines, &[VIP]);
    let load = |text: &str| {
        node.write(CONFIG, text);
        node.signal(Signal::SIGHUP);
    };
    node.start(Ours, &config("accept"));
    becomes_master(node, VIP);
    assert!(pings(client, VIP));
    load(&config("no_accept"));
    wait_until("the address is silent", secs(5), || {
        members(node, "ip", "vips") == [VIP]
    });
    assert!(!pings(client, VIP));
    let renamed = format!(
        "global_defs {{\nnftables harbour\n}}\n{}",
        config("no_accept")
    );
    load(&renamed);
    wait_until("the table has its new name", secs(5), || {
        tables(node) == ["table ip harbour"]
    });
    assert!(!pings(client, VIP));
    load(&config("accept"));
    wait_until("there is no table", secs(5), || tables(node).is_empty());
    assert!(pings(client, VIP));
    assert_eq!(node.log().matches("Entering MASTER STATE").count(), 1);
    assert!(!node.log().contains("Someone else"), "{}", node.log());
}

/// Where an interface is known by its index, one that is made anew has another.
fn interface_made_again() {
    let world = ask_and_answer();
    let node = &world.nodes[0];
    another_interface(node);
    let lines = "no_accept\nvirtual_ipaddress_excluded {\nfe80::77 dev harbour0\n}";
    node.start(Ours, &instance("A", VRID, 100, lines, &[VIP]));
    let silent = || members(node, "ip6", "vips_link_local") == ["fe80::77.harbour0"];
    wait_until(
        "the address of the link is silent",
        election_bound(),
        silent,
    );
    node.run(&["ip", "link", "del", "harbour0"]);
    wait_until("it is not, without its interface", secs(5), || {
        members(node, "ip6", "vips_link_local").is_empty()
    });
    another_interface(node);
    wait_until("it is silent again", secs(5), silent);
}

/// With the name of one chain of iptables only what arrives is filtered.
fn iptables_by_nftables() {
    let world = ask_and_answer();
    let (node, client) = (&world.nodes[0], &world.nodes[1]);
    let config = |chains: &str| {
        format!(
            "global_defs {{\nvrrp_iptables {chains}\nvrrp_ipsets\n}}\n{}",
            instance("A", VRID, 100, "no_accept", &[VIP])
        )
    };
    node.start(Ours, &config("harbour"));
    becomes_master(node, VIP);
    assert!(!pings(client, VIP));
    let chains = described(node, "keepalived");
    assert!(
        chains.iter().any(|line| line.starts_with("chain ip in ")),
        "{chains:?}"
    );
    assert!(
        !chains.iter().any(|line| line.starts_with("chain ip out ")),
        "{chains:?}"
    );
    assert!(
        node.log()
            .contains("vrrp_iptables: the filter is made with nftables")
    );
    node.stop();
    node.start(Ours, &config("harbour_in harbour_out"));
    becomes_master(node, VIP);
    assert!(!sends_from(node, VIP, "10.10.0.2"));
}
