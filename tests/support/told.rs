//! What a FIFO says of a life with a takeover, a priority that changes, a fault and its end.

use std::collections::BTreeMap;

use super::config::instance;
use super::node::Node;
use super::wire::election_bound;
use super::world::{HostSpec, World};
use super::{Binary, secs, wait_until};

/// Where the FIFO is.
pub const FIFO: &str = "/run/told.fifo";
/// Where its reader leaves what it read.
const READ: &str = "/run/told";
/// The alone instance, and the two of the group.
const ADDRESSES: [&str; 3] = ["10.86.0.1", "10.86.0.2", "10.86.0.3"];

/// Has the FIFO read to a file, for as long as the host lives.
pub fn read_fifo(node: &Node) {
    read(node, "");
}

/// The same, though one writer after the other may close it.
pub fn read_fifo_for_ever(node: &Node) {
    read(node, "<>");
}

#[expect(
    clippy::zombie_processes,
    reason = "it ends with the case, and process 1 with it"
)]
fn read(node: &Node, redirection: &str) {
    let reader = format!("exec cat {redirection} {FIFO} > {READ}");
    node.command(&["sh", "-c", &reader])
        .spawn()
        .expect("a reader");
}

/// The lines read so far.
pub fn lines(node: &Node) -> Vec<String> {
    node.read(READ).lines().map(str::to_owned).collect()
}

/// What was told of each instance and group, in order.
pub fn by_subject(lines: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines {
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        let [kind, name, rest] = words[..] else {
            panic!("no line of a FIFO: {line:?}");
        };
        told.entry(format!("{kind} {name}"))
            .or_default()
            .push(rest.to_owned());
    }
    told
}

/// One life of a daemon on a host of its own: what it told, up to its last takeover.
pub fn life(binary: Binary) -> BTreeMap<String, Vec<String>> {
    let world = World::new(&[HostSpec::numbered(1).with("eth1", 1, "10.12.0")]);
    let node = &world.nodes[0];
    // The other member's priority changes as well, and nobody asked to be told.
    let tracked = "notify_priority_changes true\n track_interface {\n eth1 weight 10\n }";
    let members = [("ONE", 86, tracked), ("TWO", 87, ""), ("ALONE", 88, "")];
    let instances = members
        .iter()
        .zip(ADDRESSES)
        .map(|((name, vrid, head), address)| instance(name, *vrid, 100, head, &[address]));
    let config = format!(
        "global_defs {{\n notify_fifo {FIFO}\n}}\n\
         vrrp_sync_group BOTH {{\n group {{\n ONE\n TWO\n }}\n sync_group_tracking_weight\n}}\n{}",
        instances.collect::<String>()
    );
    node.start(binary, &config);
    wait_until("the FIFO is there", secs(10), || node.path(FIFO).exists());
    read_fifo(node);
    let masters = |count: usize| {
        wait_until("all are masters", election_bound(), || {
            let masters = lines(node)
                .iter()
                .filter(|line| line.contains(" MASTER "))
                .count();
            masters == count && ADDRESSES.iter().all(|address| node.holds(address))
        });
    };
    masters(4);
    node.run(&["ip", "link", "set", "eth1", "down"]);
    wait_until("the priority changed", secs(10), || {
        lines(node)
            .iter()
            .any(|line| line.contains("MASTER_PRIORITY"))
    });
    node.run(&["ip", "link", "set", "eth0", "down"]);
    wait_until("all are in FAULT", secs(10), || {
        lines(node)
            .iter()
            .filter(|line| line.contains(" FAULT "))
            .count()
            == 4
    });
    node.run(&["ip", "link", "set", "eth0", "up"]);
    masters(8);
    let mut told = by_subject(&lines(node));
    for lines in told.values_mut() {
        // Before anything was elected it depends on how soon the interfaces are known.
        lines.retain(|line| !line.starts_with("BACKUP_PRIORITY"));
    }
    told
}
