//! Our tables and what is in them: that they come, stay and go as they should, whoever meddles with them.

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{
    VIP, VIP6, VRID, another_interface, ask_and_answer, becomes_master, ipv6_instance, pings,
    sends_from,
};
use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::wire::election_bound;
use crate::support::{secs, stays, wait_until};

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("filter::tables_come_and_go", tables_come_and_go),
        case(
            "filter::a_removed_table_is_put_back",
            a_removed_table_is_put_back,
        ),
        case("filter::leftovers_are_replaced", leftovers_are_replaced),
        case("filter::reload", reload),
        case("filter::interface_made_again", interface_made_again),
        case("filter::iptables_by_nftables", iptables_by_nftables),
        case("filter::very_many_addresses", very_many_addresses),
    ]
}

pub fn tables(node: &Node) -> Vec<String> {
    let text = node.run(&["nft", "list", "tables"]);
    text.lines().map(str::to_owned).collect()
}

/// The members of a set of ours; none when there is no such set.
pub fn members(node: &Node, family: &str, set: &str) -> Vec<String> {
    let all = described(node, "keepalived");
    let place = format!("set {family} {set} ");
    let line = all.iter().find_map(|line| line.strip_prefix(&place));
    line.map(|rest| rest.split(' ').map(str::to_owned).collect())
        .unwrap_or_default()
}

/// Chains and sets of a table, one a line: what two implementations have to agree on.
pub fn described(node: &Node, table: &str) -> Vec<String> {
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

/// A table with more addresses than a turn takes is made anew in one piece: whoever looks sees all of them or the old table.
fn very_many_addresses() {
    const COUNT: usize = 3000;
    let world = ask_and_answer();
    let (node, client) = (&world.nodes[0], &world.nodes[1]);
    let excluded: String = (0..COUNT - 1)
        .map(|n| format!("10.76.{}.{}\n", n / 250, n % 250 + 1))
        .collect();
    let lines = format!("no_accept\nvirtual_ipaddress_excluded {{\n{excluded}}}");
    let config = instance("A", VRID, 100, &lines, &[VIP]);
    node.start(Ours, &config);
    let silent = || members(node, "ip", "vips").len();
    wait_until("all are silent", election_bound(), || silent() == COUNT);
    becomes_master(node, VIP);
    let counted = || {
        let rules = node.run(&["nft", "list", "chain", "ip", "keepalived", "in"]);
        rules.contains("counter")
    };
    assert!(!counted());
    let counters = format!("global_defs {{\nnftables_counters\n}}\n{config}");
    node.write(CONFIG, &counters);
    node.signal(Signal::SIGHUP);
    wait_until("the table is made anew", secs(10), || {
        assert_eq!(silent(), COUNT, "some are answered meanwhile");
        counted()
    });
    assert_eq!(silent(), COUNT);
    assert!(!pings(client, VIP));
}
