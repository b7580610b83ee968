//! Cases of unicast that hold for any pair of implementations: version 2 with a password, version 3, IPv6, checksums of old.

use std::net::IpAddr;
use std::time::Duration;

use super::cases::{Named, Pair};
use super::version3::{adverts3, settles};
use super::wire::{Advert, Frame, checksum, election_bound};
use super::world::World;
use super::{Binary, secs, stays, wait_until};

/// A virtual router on `eth0` whose adverts go from `source` to `peers`; `lines` holds what else stands in the block.
pub fn instance(
    name: &str,
    vrid: u8,
    priority: u8,
    (source, peers): (&str, &[&str]),
    lines: &str,
    addresses: &[&str],
) -> String {
    let (peers, addresses) = (peers.join("\n        "), addresses.join("\n        "));
    format!(
        "vrrp_instance {name} {{
    state BACKUP
    interface eth0
    virtual_router_id {vrid}
    priority {priority}
    unicast_src_ip {source}
    unicast_peer {{
        {peers}
    }}
    {lines}
    virtual_ipaddress {{
        {addresses}
    }}
}}
"
    )
}

/// The IPv4 addresses of the two hosts.
const ENDS: [&str; 2] = ["10.10.0.1", "10.10.0.2"];

/// The address of the other host and our own.
fn ends(ends: [&'static str; 2], node: usize) -> (&'static str, [&'static str; 1]) {
    (ends[node], [ends[1 - node]])
}

/// Who has the address, and where it goes when its host ends, comes back, and crashes.
#[track_caller]
pub fn failover(world: &World, pair: Pair, config: &dyn Fn(usize) -> String, vip: &str) {
    // One after the other: on a slow machine the first advert waits for the neighbour's MAC longer than a second host does.
    for node in [0, 1] {
        world.nodes[node].start(pair[node], &config(node));
        settles(world, vip, 0);
    }
    stays("the better host rules", secs(4), || {
        world.holders(vip) == [0]
    });
    world.nodes[0].stop();
    settles(world, vip, 1);
    world.nodes[0].start(pair[0], &config(0));
    settles(world, vip, 0);
    world.nodes[0].kill_all();
    wait_until("the second host takes over", election_bound(), || {
        world.nodes[1].holds(vip)
    });
}

/// No advert of anybody went to a group.
#[track_caller]
fn no_multicast(frames: &[Frame]) {
    let to_group = frames.iter().find(|frame| {
        let protocol = match frame.bytes.get(12..14) {
            Some([0x08, 0x00]) => frame.bytes.get(14 + 9),
            Some([0x86, 0xdd]) => frame.bytes.get(14 + 6),
            _ => None,
        };
        protocol == Some(&112) && frame.bytes[0] & 1 == 1
    });
    assert!(to_group.is_none(), "multicast: {to_group:?}");
}

/// Version 2 with a password.
pub fn v2_with_password(pair: Pair) {
    const VIP: &str = "10.91.0.1";
    let password = "authentication {\n        auth_type PASS\n        auth_pass s3cr3t\n    }";
    let config = |node: usize| {
        let (own, peers) = ends(ENDS, node);
        let priority = [200, 100][node];
        instance("TWO", 91, priority, (own, &peers), password, &[VIP])
    };
    let world = World::two();
    failover(&world, pair, &config, VIP);
    no_multicast(&world.capture.frames());
    for advert in world.capture.adverts_since(0) {
        let Advert {
            node,
            source,
            destination,
            ttl,
            auth_type,
            ..
        } = advert;
        assert_eq!(
            [source.to_string(), destination.to_string()],
            [ENDS[node], ENDS[1 - node]]
        );
        assert_eq!((ttl, auth_type), (255, 1));
    }
}

/// An authentication header around unicast: its digest leaves the TTL out, as routers may change it.
pub fn v2_with_header(pair: Pair) {
    const VIP: &str = "10.97.0.1";
    let header = "authentication {\n        auth_type AH\n        auth_pass s3cr3t\n    }\n    unicast_ttl 9";
    let config = |node: usize| {
        let (own, peers) = ends(ENDS, node);
        instance("AH", 97, [200, 100][node], (own, &peers), header, &[VIP])
    };
    let world = World::two();
    failover(&world, pair, &config, VIP);
    let frames = world.capture.frames();
    let sealed: Vec<&Frame> = frames
        .iter()
        .filter(|frame| frame.bytes[12..14] == [8, 0] && frame.bytes[14 + 9] == 51)
        .collect();
    assert!(sealed.len() > 5, "{} packets with a header", sealed.len());
    assert!(sealed.iter().all(|frame| frame.bytes[14 + 8] == 9));
}

/// Version 3, five adverts a second.
pub fn v3(pair: Pair) {
    const VIP: &str = "10.92.0.1";
    let config = |node: usize| {
        let (own, peers) = ends(ENDS, node);
        let lines = "version 3\n    advert_int 0.2\n    check_unicast_src";
        instance("THREE", 92, [200, 100][node], (own, &peers), lines, &[VIP])
    };
    let world = World::two();
    failover(&world, pair, &config, VIP);
    no_multicast(&world.capture.frames());
    let adverts = adverts3(&world, 0, 0);
    assert!(adverts.len() > 20, "{} adverts", adverts.len());
    let destination: IpAddr = ENDS[1].parse().expect("an address");
    assert!(
        adverts
            .iter()
            .all(|advert| advert.destination == destination && advert.hops == 255),
        "{adverts:?}"
    );
}

/// Equal priorities: of two that rule the one with the higher `unicast_src_ip` stays, though its primary address is the lower one.
pub fn tie(pair: Pair) {
    const VIP: &str = "10.93.0.1";
    const SOURCES: [&str; 2] = ["10.10.0.112", "10.10.0.111"];
    let world = World::two();
    for (node, source) in world.nodes.iter().zip(SOURCES) {
        let address = format!("{source}/24");
        node.run(&["ip", "addr", "add", &address, "dev", "eth0"]);
    }
    for node in [0, 1] {
        let (own, peers) = ends(SOURCES, node);
        let config = instance("TIE", 93, 100, (own, &peers), "", &[VIP]);
        world.nodes[node].start(pair[node], &config);
    }
    wait_until("somebody rules", election_bound(), || {
        !world.holders(VIP).is_empty()
    });
    world.partition(true);
    wait_until("both rule", election_bound(), || {
        world.holders(VIP) == [0, 1]
    });
    world.partition(false);
    settles(&world, VIP, 0);
    stays("the higher source rules", secs(5), || {
        world.holders(VIP) == [0]
    });
}

/// IPv6 between global addresses.
pub fn ipv6(pair: Pair) {
    const VIP: &str = "fd00:94::1";
    const SOURCES: [&str; 2] = ["fd00:10::1", "fd00:10::2"];
    let world = World::two();
    for (node, source) in world.nodes.iter().zip(SOURCES) {
        let address = format!("{source}/64");
        node.run(&["ip", "-6", "addr", "add", &address, "dev", "eth0", "nodad"]);
        // Debian's keepalived would announce itself before that, and the kernel refuse it.
        wait_until("the link-local address can be used", secs(10), || {
            let all = node.run(&["ip", "-6", "-o", "addr", "show", "dev", "eth0"]);
            all.contains("fe80::") && !all.contains("tentative")
        });
    }
    let config = |node: usize| {
        let (own, peers) = ends(SOURCES, node);
        let addresses = ["fe80::94:1", "fd00:94::1/64"];
        let lines = "advert_int 0.5";
        instance(
            "SIX",
            94,
            [200, 100][node],
            (own, &peers),
            lines,
            &addresses,
        )
    };
    failover(&world, pair, &config, VIP);
    no_multicast(&world.capture.frames());
    let adverts = adverts3(&world, 0, 0);
    let [source, destination] = SOURCES.map(|text| text.parse::<IpAddr>().expect("an address"));
    assert!(
        adverts.len() > 5
            && adverts
                .iter()
                .all(|advert| (advert.source, advert.destination) == (source, destination)),
        "{adverts:?}"
    );
}

/// One host computes version 3 checksums as before 1.3.7; the other understands them, and ours answers in kind when it rules.
pub fn old_checksum(pair: Pair) {
    const VIP: &str = "10.95.0.1";
    let config = |node: usize| {
        let (own, peers) = ends(ENDS, node);
        let old = ["old_unicast_checksum", ""][node];
        let lines = format!("version 3\n    advert_int 0.5\n    {old}");
        instance("OLD", 95, [200, 100][node], (own, &peers), &lines, &[VIP])
    };
    let world = World::two();
    failover(&world, pair, &config, VIP);
    let frames = world.capture.frames();
    let in_kind = [true, pair[1] == Binary::Ours];
    for node in (0..2).filter(|node| in_kind[*node]) {
        let mut of = frames
            .iter()
            .filter(|frame| frame.node == node && super::version3::advert3(frame).is_some());
        let frame = of.next_back().expect("it was master");
        let message = &frame.bytes[34..];
        let length = u16::try_from(message.len()).expect("short").to_be_bytes();
        let group = [224, 0, 0, 18];
        let pseudo = [&frame.bytes[26..30], &group, &[0, 112], &length, message].concat();
        assert_eq!(checksum(&pseudo), 0, "host {} as if to the group", node + 1);
    }
}

/// Whatever a host sends to an unreachable peer, the reachable one hears it in time.
pub fn one_of_two_peers_is_away(pair: Pair) {
    const VIP: &str = "10.96.0.1";
    const AWAY: &str = "10.10.0.99";
    let config = |node: usize| {
        let peers = [AWAY, ENDS[1 - node]];
        instance(
            "AWAY",
            96,
            [200, 100][node],
            (ENDS[node], &peers),
            "",
            &[VIP],
        )
    };
    let world = World::two();
    failover(&world, pair, &config, VIP);
}

/// The greatest time between two adverts of a host that arrived at the other, from a mark on.
pub fn greatest_gap(world: &World, mark: usize, node: usize, destination: &str) -> Duration {
    let adverts: Vec<Advert> = world.capture.adverts_since(mark);
    let mut of: Vec<Duration> = adverts
        .iter()
        .filter(|advert| advert.node == node && advert.destination.to_string() == destination)
        .map(|advert| advert.at)
        .collect();
    of.sort_unstable();
    let gaps = of.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.max().expect("at least two adverts")
}

/// The cases every pair has to pass, by name.
pub fn common() -> Vec<Named> {
    vec![
        ("unicast_v2_with_password", v2_with_password),
        ("unicast_v2_with_header", v2_with_header),
        ("unicast_v3", v3),
        ("unicast_tie", tie),
        ("unicast_ipv6", ipv6),
        ("unicast_old_checksum", old_checksum),
        ("unicast_one_of_two_peers_is_away", one_of_two_peers_is_away),
    ]
}
