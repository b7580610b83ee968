//! `nftables_ipvs`: the packets of virtual server groups get marks, by a table that is like the original's. This machine's kernel need
//! not have IPVS: what it makes of marks is the guest's (`tests/guest/marks.rs`).

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::Binary::Ours;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_until};

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("marks::like_keepalived", like_keepalived),
        case("marks::where_the_services_are", where_the_services_are),
        case("marks::packets", packets),
        case("marks::no_packet_goes_by", no_packet_goes_by),
        case("marks::very_many_addresses", very_many_addresses),
        case("marks::left_by_an_earlier_run", left_behind),
    ]
}

fn group(name: &str, members: &[&str]) -> String {
    format!(
        "virtual_server_group {name} {{\n{}\n}}\n",
        members.join("\n")
    )
}

fn service(group: &str, protocol: &str) -> String {
    format!(
        "virtual_server group {group} {{\nprotocol {protocol}\nlb_algo rr\nlb_kind TUN\nreal_server 10.20.0.1 80 {{\n}}\n}}\n"
    )
}

fn on(words: &str, rest: &[String]) -> String {
    format!(
        "global_defs {{\nnftables_ipvs {words}\n}}\n{}",
        rest.concat()
    )
}

fn begin(node: &Node, config: &str) {
    node.start(Ours, config);
    node.wait_log("Startup complete", secs(20));
}

fn reload(node: &Node, config: &str) {
    let count = || node.log().matches("Reload complete").count();
    let before = count();
    node.write(CONFIG, config);
    node.signal(Signal::SIGHUP);
    wait_until("the reload is over", secs(20), || count() > before);
}

/// A text without its indentation.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// All of nftables, where these words lead to.
fn rules(node: &Node, place: &[&str]) -> String {
    words(&node.run(&[place, &["nft", "-s", "list", "ruleset"]].concat()))
}

/// As `nft -s list ruleset` showed what Debian's keepalived 2.2.7 had asked for by the groups below, in a kernel with IPVS.
const THEIRS: &str = "
table ip keepalived_ipvs {
    map tcp_map {
        type ipv4_addr . inet_service : mark
        flags interval
        elements = { 10.1.0.1 . 80 : 0x000003e8, 10.1.1.5-10.1.1.9 . 80 : 0x000003e8 }
    }
    map udp_map {
        type ipv4_addr . inet_service : mark
        flags interval
        elements = { 10.1.0.1 . 80 : 0x000003e9, 10.1.0.2 . 443 : 0x000003e9 }
    }
    map sctp_map {
        type ipv4_addr . inet_service : mark
        flags interval
        elements = { 10.1.0.1 . 80 : 0x000003ea, 10.1.0.2 . 443 : 0x000003ea }
    }
    chain in {
        type filter hook input priority filter - 1; policy accept;
        meta mark set ip daddr . tcp dport map @tcp_map return
        meta mark set ip daddr . udp dport map @udp_map return
        meta mark set ip daddr . sctp dport map @sctp_map return
    }
}
table ip6 keepalived_ipvs {
    map tcp_map {
        type ipv6_addr . inet_service : mark
        flags interval
        elements = { fd00:1::10-fd00:1::12 . 80 : 0x000003e8 }
    }
    chain in {
        type filter hook input priority filter - 1; policy accept;
        meta mark set ip6 daddr . tcp dport map @tcp_map return
    }
}";

/// The same with other words, of one address.
const NAMED: &str = "
table ip harbour {
    map tcp_map {
        type ipv4_addr . inet_service : mark
        flags interval
        counter
        elements = { 10.1.0.1 . 80 counter : 0x0000004d }
    }
    chain in {
        type filter hook input priority 17; policy accept;
        meta mark set ip daddr . tcp dport map @tcp_map counter return
    }
}";

/// The table is the original's, and stays for as long as it is wanted.
fn like_keepalived() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let both = ["10.1.0.1 80", "10.1.1.5-9 80", "fd00:1::10-12 80"];
    let groups = group("BOTH", &both) + &group("WEB", &["10.1.0.1 80", "10.1.0.2 443"]);
    let services = [("BOTH", "TCP"), ("WEB", "UDP"), ("WEB", "SCTP")];
    let services = services.map(|(name, protocol)| service(name, protocol));
    let config = on("", &[groups, services.concat()]);
    begin(node, &config);
    let becomes = |wanted: &str| {
        wait_until("the tables are as they should be", secs(20), || {
            rules(node, &[]) == words(wanted)
        });
    };
    becomes(THEIRS);
    // A reload that changes nothing of it leaves the very tables.
    let handles = || node.run(&["nft", "-a", "list", "ruleset"]);
    let before = handles();
    reload(node, &config.replace("lb_algo rr", "lb_algo wrr"));
    assert_eq!(handles(), before);
    let data = "/tmp/keepalived_check.data";
    node.signal(Signal::SIGUSR1);
    wait_until("the data file is there", secs(20), || {
        node.read(data).contains("LVS Topology")
    });
    let told = words(&node.read(data));
    assert!(told.contains("nftables IPVS in place = true"), "{told}");
    assert!(told.contains("nftables fwmark = 1002"), "{told}");
    let named =
        "harbour\nnftables_ipvs_priority 17\nnftables_ipvs_start_fwmark 77\nnftables_counters";
    let web = group("WEB", &["10.1.0.1 80"]) + &service("WEB", "TCP");
    reload(node, &on(named, std::slice::from_ref(&web)));
    becomes(NAMED);
    node.run(&["nft", "delete", "table", "ip", "harbour"]);
    becomes(NAMED);
    // Without the word each address is a service again.
    reload(node, &web);
    becomes("");
    reload(node, &config);
    becomes(THEIRS);
    node.stop();
    assert_eq!(rules(node, &[]), "");
    let log = node.log();
    assert!(!log.contains("not implemented"), "{log}");
}

/// The table is in the network namespace of IPVS; with `--dont-release-ipvs` it stays when the services stay.
fn where_the_services_are() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.run(&["ip", "netns", "add", "quay"]);
    let inside = || rules(node, &["ip", "netns", "exec", "quay"]);
    let rest = [group("WEB", &["10.1.0.1 80"]), service("WEB", "TCP")];
    node.write(
        CONFIG,
        &format!("net_namespace_ipvs quay\n{}", on("", &rest)),
    );
    node.start_with(Ours, &["-n", "-l", "-D", "-I", "-f", CONFIG]);
    wait_until("the table is there", secs(20), || !inside().is_empty());
    assert_eq!(rules(node, &[]), "");
    node.stop();
    assert!(inside().contains("10.1.0.1 . 80 : 0x000003e8"));
    // Of a daemon that died it is taken over, and what it had for another family goes.
    node.run(&[
        "ip",
        "netns",
        "exec",
        "quay",
        "nft",
        "add",
        "table",
        "ip6",
        "keepalived_ipvs",
    ]);
    node.start_with(Ours, &["-n", "-l", "-D", "-f", CONFIG]);
    wait_until("nothing is left", secs(20), || !inside().contains("ip6"));
    assert!(inside().contains("10.1.0.1 . 80 : 0x000003e8"));
    node.stop();
    assert_eq!(inside(), "");
}

/// Writes down which packets came with which mark, behind our table.
const WATCH: &str = "table ip watch {
    set seen { type mark . ipv4_addr . inet_service; flags dynamic; size 65535; }
    chain in {
        type filter hook input priority 0;
        ip daddr 10.99.0.0/16 meta l4proto { tcp, udp } add @seen { meta mark . ip daddr . th dport }
    }
}
";

/// A host with these addresses of 10.99, which watches, and another one that may reach them.
fn watched(addresses: &[&str]) -> World {
    let world = World::new(&[HostSpec::numbered(1), HostSpec::numbered(2)]);
    let [director, client] = [&world.nodes[0], &world.nodes[1]];
    director.run(&["ip", "link", "set", "lo", "up"]);
    for address in addresses {
        director.run(&["ip", "addr", "add", &format!("{address}/32"), "dev", "lo"]);
    }
    client.run(&["ip", "route", "add", "10.99.0.0/16", "via", "10.10.0.1"]);
    director.write("/tmp/watch", WATCH);
    director.run(&["nft", "-f", "/tmp/watch"]);
    world
}

/// Mark, address and port of what came.
fn seen(node: &Node) -> BTreeSet<(u64, String, u64)> {
    let text = node.run(&["nft", "-j", "-n", "list", "set", "ip", "watch", "seen"]);
    let value: Value = serde_json::from_str(&text).expect("JSON from nft");
    let parts = value["nftables"].as_array().expect("objects").iter();
    let set = parts
        .filter_map(|it| it.get("set"))
        .next()
        .expect("the set");
    let elements = set["elem"].as_array().cloned().unwrap_or_default();
    let elements = elements.iter().map(|it| {
        let parts = &it.get("concat").unwrap_or(&it["elem"]["val"]["concat"]);
        let number = |place: usize| parts[place].as_u64().expect("a number");
        let address = parts[1].as_str().expect("an address").to_owned();
        (number(0), address, number(2))
    });
    elements.collect()
}

fn our_table(node: &Node) -> String {
    node.run(&["nft", "list", "table", "ip", "keepalived_ipvs"])
}

fn forget(node: &Node) {
    node.run(&["nft", "flush", "set", "ip", "watch", "seen"]);
}

/// Which packets get which mark, and that it stays over reloads.
fn packets() {
    let addresses = [
        "10.99.0.1",
        "10.99.0.2",
        "10.99.0.3",
        "10.99.0.7",
        "10.99.0.9",
    ];
    let world = watched(&addresses);
    let [director, client] = [&world.nodes[0], &world.nodes[1]];
    let send = || {
        client.in_network(|| {
            let socket = UdpSocket::bind("10.10.0.2:0").expect("a socket");
            for address in addresses {
                for port in [53u16, 80, 81, 82] {
                    socket.send_to(b"x", (address, port)).expect("sending");
                }
            }
        });
    };
    let comes = |expected: &[(u64, &str, &[u64])]| {
        forget(director);
        send();
        let all = addresses
            .iter()
            .flat_map(|address| [53, 80, 81, 82].map(|port| (*address, port)));
        let expected: BTreeSet<_> = all
            .map(|(address, port)| {
                let found = expected.iter().find(|(_, at, ports)| {
                    *at == address && (ports.is_empty() || ports.contains(&port))
                });
                (
                    found.map_or(0, |(mark, ..)| *mark),
                    address.to_owned(),
                    port,
                )
            })
            .collect();
        wait_until("all packets have come", secs(10), || {
            seen(director).len() == expected.len()
        });
        assert_eq!(seen(director), expected);
    };
    let one = group("ONE", &["10.99.0.1 80-81", "10.99.0.2 53"]);
    // Of what several groups have, the first in the file gets it; a port goes before none.
    let two = group("TWO", &["10.99.0.2 53", "10.99.0.5-8 80", "10.99.0.3"]);
    let three = group("THREE", &["10.99.0.3 82"]);
    let four = group("FOUR", &["10.99.0.9 80"]);
    let all = [one.clone(), two, three, four];
    let services = |names: &[&str]| {
        names
            .iter()
            .map(|name| service(name, "UDP"))
            .collect::<String>()
    };
    let config = |names: &[&str]| on("", &[all.concat(), services(names)]);
    begin(director, &config(&["ONE", "TWO", "THREE"]));
    let marked = |director: &Node| {
        director
            .run(&["nft", "list", "tables"])
            .contains("keepalived_ipvs")
    };
    wait_until("the table is there", secs(20), || marked(director));
    comes(&[
        (1000, "10.99.0.1", &[80, 81]),
        (1000, "10.99.0.2", &[53]),
        (1001, "10.99.0.7", &[80]),
        (1002, "10.99.0.3", &[82]),
        (1001, "10.99.0.3", &[]),
    ]);
    let contested =
        "[10.99.0.2]:udp:53 is in several virtual server groups: it gets firewall mark 1000";
    director.wait_log(contested, secs(10));
    // The first goes, another comes, the others keep their marks.
    reload(director, &config(&["FOUR", "THREE", "TWO"]));
    let after = [
        (1003, "10.99.0.9", &[80][..]),
        (1001, "10.99.0.2", &[53]),
        (1001, "10.99.0.7", &[80]),
        (1002, "10.99.0.3", &[82]),
        (1001, "10.99.0.3", &[]),
    ];
    wait_until("what goes is gone", secs(20), || {
        !our_table(director).contains("0x000003e8")
    });
    comes(&after);
    // A process that died leaves all as it is, and the next one gives the same marks.
    let first = director.kill_checker();
    comes(&after);
    director.checker_replaced(first, secs(20));
    reload(director, &config(&["FOUR", "TWO"]));
    wait_until("it marks", secs(20), || {
        !our_table(director).contains("0x000003ea")
    });
    comes(&[
        (1003, "10.99.0.9", &[80]),
        (1001, "10.99.0.2", &[53]),
        (1001, "10.99.0.7", &[80]),
        (1001, "10.99.0.3", &[]),
    ]);
    director.stop();
    comes(&[]);
}

/// Packets that come all the time have their mark all the time: reloads change what is beside, and a process dies.
fn no_packet_goes_by() {
    let world = watched(&["10.99.0.1"]);
    let [director, client] = [&world.nodes[0], &world.nodes[1]];
    let beside = |number: usize| {
        let own = format!("10.99.0.{}-{} 80", 20 + number, 30 + number);
        on(
            "",
            &[
                group("ONE", &["10.99.0.1 80", &own]),
                group("TWO", &[&own.replace(" 80", " 81")]),
                service("ONE", "UDP"),
                [String::new(), service("TWO", "UDP")][number % 2].clone(),
            ],
        )
    };
    begin(director, &beside(0));
    wait_until("the table is there", secs(20), || {
        rules(director, &[]).contains("10.99.0.1 . 80")
    });
    let over = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        // It stays where it was made.
        let socket = client.in_network(|| UdpSocket::bind("10.10.0.2:0").expect("a socket"));
        let over = &over;
        let sender = scope.spawn(move || {
            let mut sent = 0u64;
            while !over.load(Relaxed) {
                socket.send_to(b"x", "10.99.0.1:80").expect("sending");
                sent += 1;
            }
            sent
        });
        for number in 1..9 {
            let range = format!("10.99.0.{}-10.99.0.{} . 80", 20 + number, 30 + number);
            reload(director, &beside(number));
            wait_until("it has changed", secs(20), || {
                rules(director, &[]).contains(&range)
            });
        }
        director.checker_replaced(director.kill_checker(), secs(20));
        reload(director, &beside(9));
        wait_until("it has changed", secs(20), || {
            rules(director, &[]).contains("10.99.0.29-10.99.0.39 . 80")
        });
        over.store(true, Relaxed);
        sender.join().expect("the sender")
    });
    assert!(sent > 100, "{sent}");
    let expected = (1000, "10.99.0.1".to_owned(), 80);
    assert_eq!(
        seen(director),
        BTreeSet::from([expected]),
        "of {sent} packets"
    );
    director.stop();
}

/// Five thousand addresses come in one batch, which is longer than what the system keeps for a socket, and none is lost.
fn very_many_addresses() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let members: Vec<String> = (0..5_000)
        .map(|number| format!("10.1.{}.{} 80", number / 100, 2 * (number % 100) + 1))
        .collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let rest = [group("WEB", &members), service("WEB", "TCP")];
    begin(node, &on("", &rest));
    let count = || rules(node, &[]).matches(" . 80 : 0x000003e8").count();
    wait_until("all are there", secs(30), || count() == 5_000);
    node.run(&["nft", "flush", "ruleset"]);
    wait_until("all are put back", secs(30), || count() == 5_000);
    node.stop();
    assert_eq!(rules(node, &[]), "");
    let log = node.log();
    assert!(!log.contains("refuses the nftables table"), "{log}");
}

/// A daemon that was killed leaves its table, and the next one takes it away, though it marks nothing.
fn left_behind() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let services = [group("ONE", &["10.99.0.1 80"]), service("ONE", "TCP")];
    let is_there = || rules(node, &[]).contains("keepalived_ipvs");
    node.start(Ours, &on("", &services));
    wait_until("the table is there", secs(20), is_there);
    node.kill_all();
    assert!(is_there());
    node.start(Ours, &services.concat());
    wait_until("it is gone", secs(20), || !is_there());
}
