//! Version 3 and IPv6 beyond what any pair has to do: checksums, the order of the recorded frames, the kernel's side of IPv6.

use std::net::IpAddr;

use crate::support::Binary::Ours;
use crate::support::stage::{Case, case};
use crate::support::version3::{advert3, adverts3, instance, settles};
use crate::support::wire::{checksum, election_bound};
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_for, wait_until};

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("version3::both_checksums", both_checksums),
        case(
            "version3::the_other_version_is_dropped",
            the_other_version_is_dropped,
        ),
        case("version3::ipv6_in_the_kernel", ipv6_in_the_kernel),
        case("version3::groups_and_sources", groups_and_sources),
        case("version3::no_link_local_address", no_link_local_address),
        case(
            "version3::replaced_process_stays_master",
            replaced_process_stays_master,
        ),
    ]
}

/// One host computes its checksums without the pseudo-header, the other with it: they understand each other.
fn both_checksums() {
    const VIP: &str = "10.86.0.1";
    let lines = "version 3\n    advert_int 0.2";
    let world = World::two();
    let plain = format!("{lines}\n    v3_checksum_as_v2");
    world.nodes[0].start(Ours, &instance("SUM", 86, 200, &plain, &[VIP]));
    world.nodes[1].start(Ours, &instance("SUM", 86, 100, lines, &[VIP]));
    settles(&world, VIP, 0);
    world.nodes[1].wait_log("without the pseudo header", election_bound());
    let message = |node: usize| {
        let what = format!("an advert of host {} is recorded", node + 1);
        let frame = wait_for(&what, secs(5), || {
            let frames = world.capture.frames().into_iter();
            frames
                .rev()
                .find(|frame| frame.node == node && advert3(frame).is_some())
        });
        frame.bytes
    };
    assert_eq!(checksum(&message(0)[34..]), 0, "over the message alone");
    world.nodes[0].stop();
    settles(&world, VIP, 1);
    let bytes = message(1);
    assert_ne!(checksum(&bytes[34..]), 0);
    let length = u16::try_from(bytes.len() - 34)
        .expect("short")
        .to_be_bytes();
    let pseudo = [&bytes[26..34], &[0, 112], &length, &bytes[34..]].concat();
    assert_eq!(checksum(&pseudo), 0, "over the pseudo-header, too");
}

/// A virtual router that one host runs in version 2 and one in version 3: nobody heeds the other, and both say why.
fn the_other_version_is_dropped() {
    const VIP: &str = "10.87.0.1";
    let world = World::two();
    world.nodes[0].start(Ours, &instance("MIX", 87, 200, "version 2", &[VIP]));
    world.nodes[1].start(Ours, &instance("MIX", 87, 100, "version 3", &[VIP]));
    world.nodes[0].wait_log(
        "wrong VRRP version from 10.10.0.2. Received 3 and expect 2",
        election_bound(),
    );
    world.nodes[1].wait_log(
        "wrong VRRP version from 10.10.0.1. Received 2 and expect 3",
        election_bound(),
    );
    assert_eq!(world.holders(VIP), [0, 1]);
}

/// How the kernel has the addresses: no detection, a lone address is never a source, `-nodad` is detected first and then announced.
fn ipv6_in_the_kernel() {
    const TRIED: &str = "fd00:88::3";
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let addresses = [
        "fe80::88:1",
        "fd00:88::1",
        "fd00:88::2/64",
        "fd00:88::3/64 -nodad",
    ];
    node.start(
        Ours,
        &instance("SIX", 88, 100, "advert_int 0.2", &addresses),
    );
    wait_until("the host is master", election_bound(), || node.holds(TRIED));
    let show = |address: &str| {
        let all = node.run(&["ip", "-6", "-o", "addr", "show", "dev", "eth0"]);
        let line = all
            .lines()
            .find(|line| line.contains(&format!(" {address}/")));
        line.unwrap_or_else(|| panic!("no {address} in\n{all}"))
            .to_owned()
    };
    assert!(
        show("fd00:88::1").contains("deprecated"),
        "{}",
        show("fd00:88::1")
    );
    assert!(
        show("fd00:88::1").contains("nodad"),
        "{}",
        show("fd00:88::1")
    );
    assert!(
        show("fd00:88::2").contains("/64 scope global"),
        "{}",
        show("fd00:88::2")
    );
    assert!(
        !show("fd00:88::2").contains("deprecated"),
        "{}",
        show("fd00:88::2")
    );
    assert!(!show(TRIED).contains("nodad"));
    // A neighbour advertisement to all nodes, about this target.
    let announced = |target: &str| {
        let target: std::net::Ipv6Addr = target.parse().expect("an address");
        let frames = world.capture.frames().into_iter();
        frames
            .filter(|frame| {
                frame.bytes.len() == 86
                    && frame.bytes[..6] == [0x33, 0x33, 0, 0, 0, 1]
                    && frame.bytes[54] == 136
                    && frame.bytes[62..78] == target.octets()
            })
            .map(|frame| frame.at)
            .min()
    };
    let first = announced("fd00:88::1").expect("announced at once");
    wait_until("the detected address is announced", secs(8), || {
        announced(TRIED).is_some()
    });
    let tried = announced(TRIED).expect("just seen");
    assert!(
        tried > first + crate::support::millis(300),
        "only after the detection"
    );
    assert!(!show(TRIED).contains("tentative"));
    node.run(&["ip", "-6", "addr", "del", "fd00:88::2/64", "dev", "eth0"]);
    wait_until("the address is back", secs(3), || node.holds("fd00:88::2"));
    node.stop();
    for address in ["fe80::88:1", "fd00:88::1", "fd00:88::2", TRIED] {
        assert!(!node.holds(address), "{address} is left behind");
    }
}

/// `vrrp_mcast_group4`, `vrrp_mcast_group6`, `mcast_src_ip`: who says it to whom, and that a backup hears it there.
fn groups_and_sources() {
    const FOUR: &str = "10.89.0.1";
    const SIX: &str = "fd00:89::1";
    let world = World::two();
    for (host, node) in world.nodes.iter().enumerate() {
        node.run(&[
            "ip",
            "addr",
            "add",
            &format!("10.10.0.5{host}/24"),
            "dev",
            "eth0",
        ]);
        node.run(&[
            "ip",
            "-6",
            "addr",
            "add",
            &format!("fe80::5{host}/64"),
            "dev",
            "eth0",
            "nodad",
        ]);
        let lines = |source: &str| {
            format!("version 3\n    advert_int 0.2\n    mcast_src_ip {source}{host}")
        };
        let priority = [200, 100][host];
        let four = instance("FOUR", 89, priority, &lines("10.10.0.5"), &[FOUR]);
        let six = instance("SIX", 90, priority, &lines("fe80::5"), &["fe80::89:1", SIX]);
        let groups = "vrrp_mcast_group4 224.0.1.99\n vrrp_mcast_group6 ff02::99";
        node.start(Ours, &format!("global_defs {{\n {groups}\n}}\n{four}{six}"));
    }
    for address in [FOUR, SIX] {
        settles(&world, address, 0);
    }
    crate::support::stays("the other host hears it", secs(3), || {
        world.holders(FOUR) == [0] && world.holders(SIX) == [0]
    });
    let told = adverts3(&world, 0, 0);
    let between = |vrid: u8| {
        let of = told.iter().filter(|advert| advert.vrid == vrid);
        let mut pairs: Vec<String> = of
            .map(|advert| format!("{} {}", advert.source, advert.destination))
            .collect();
        pairs.dedup();
        pairs
    };
    assert_eq!(between(89), ["10.10.0.50 224.0.1.99"]);
    assert_eq!(between(90), ["fe80::50 ff02::99"]);
}

/// Without a link-local address of the host's own there is nothing to send from: FAULT, until there is one.
fn no_link_local_address() {
    const VIP: &str = "fd00:89::1";
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.run(&["ip", "link", "set", "eth0", "addrgenmode", "none"]);
    node.run(&["ip", "-6", "addr", "flush", "dev", "eth0"]);
    node.start(
        Ours,
        &instance("SIX", 89, 100, "advert_int 0.2", &["fe80::89:1", VIP]),
    );
    node.wait_log(
        "(SIX) entering FAULT state (no IPv6 link local address for interface)",
        election_bound(),
    );
    assert!(!node.holds(VIP));
    node.run(&[
        "ip",
        "-6",
        "addr",
        "add",
        "fe80::1:1/64",
        "dev",
        "eth0",
        "nodad",
    ]);
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    let adverts = adverts3(&world, 0, 0);
    let source = "fe80::1:1".parse::<IpAddr>().expect("an address");
    assert!(
        adverts.iter().all(|advert| advert.source == source),
        "{adverts:?}"
    );
    node.run(&["ip", "-6", "addr", "del", "fe80::1:1/64", "dev", "eth0"]);
    wait_until("the address is given up", election_bound(), || {
        !node.holds(VIP)
    });
    node.stop();
}

/// The process dies, the next one goes on: the backup hears nothing of it.
fn replaced_process_stays_master() {
    const VIP: &str = "fd00:90::1";
    let config = |priority| instance("SIX", 90, priority, "advert_int 1", &["fe80::90:1", VIP]);
    let world = World::two();
    world.nodes[0].start(Ours, &config(200));
    world.nodes[1].start(Ours, &config(100));
    settles(&world, VIP, 0);
    let mark = world.capture.mark();
    let old = world.nodes[0].vrrp_pid().expect("a VRRP process");
    nix::sys::signal::kill(old, nix::sys::signal::Signal::SIGKILL).expect("it lives");
    wait_until("another VRRP process", secs(5), || {
        world.nodes[0].vrrp_pid().is_some_and(|pid| pid != old)
    });
    crate::support::stays("the address stays", secs(5), || world.holders(VIP) == [0]);
    assert!(adverts3(&world, mark, 1).is_empty(), "nobody takes over");
}
