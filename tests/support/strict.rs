//! Cases of strict mode that hold for any pair of implementations: who holds the addresses, who answers at them, and that a MASTER
//! keeps to the standard when it hears a rival.

use super::cases::{Named, Pair};
use super::config::instance;
use super::node::Node;
use super::version3::settles;
use super::wire::{Forged, election_bound};
use super::world::World;
use super::{millis, secs, wait_until};

const VIP: &str = "10.74.0.1";
const VRID: u8 = 74;

/// Two hosts that find the virtual address on their network.
fn world() -> World {
    let world = World::two();
    for node in &world.nodes {
        for way in ["10.74.0.0/16", "224.0.0.0/4"] {
            node.run(&["ip", "route", "add", way, "dev", "eth0"]);
        }
    }
    world
}

fn strict(priority: u8, lines: &str) -> String {
    let instance = instance("STRICT", VRID, priority, lines, &[VIP]);
    format!("global_defs {{\n    vrrp_strict\n}}\n{instance}")
}

fn pings(from: &Node, address: &str) -> bool {
    from.try_run(&["ping", "-n", "-c", "1", "-W", "1", address])
        .0
        .success()
}

/// The address moves as ever, and answers nowhere: neither MASTER owns it.
fn nobody_owns_it(pair: Pair, lines: &str) {
    let world = world();
    let [first, second] = &world.nodes[..] else {
        panic!("two hosts");
    };
    first.start(pair[0], &strict(150, lines));
    second.start(pair[1], &strict(100, lines));
    settles(&world, VIP, 0);
    assert!(!pings(second, VIP), "the first host answers");
    first.stop();
    settles(&world, VIP, 1);
    assert!(!pings(first, VIP), "the second host answers");
    first.start_again(pair[0]);
    settles(&world, VIP, 0);
    assert!(!pings(second, VIP), "the first host answers again");
}

fn version_2(pair: Pair) {
    nobody_owns_it(pair, "");
}

fn version_3(pair: Pair) {
    nobody_owns_it(pair, "version 3");
}

/// The owner answers, its backup does not; back from a stop the owner takes over at once.
fn owner_and_backup(pair: Pair) {
    let world = world();
    let [owner, backup] = &world.nodes[..] else {
        panic!("two hosts");
    };
    owner.start(pair[0], &strict(255, "state MASTER"));
    backup.start(pair[1], &strict(100, "state BACKUP"));
    settles(&world, VIP, 0);
    assert!(pings(backup, VIP), "the owner answers");
    owner.stop();
    settles(&world, VIP, 1);
    assert!(!pings(owner, VIP), "the backup does not");
    owner.start_again(pair[0]);
    settles(&world, VIP, 0);
    assert!(pings(backup, VIP));
}

/// Version 3 knows Accept_Mode: both answer.
fn accept_of_version_3(pair: Pair) {
    let world = world();
    let [first, second] = &world.nodes[..] else {
        panic!("two hosts");
    };
    for (node, (binary, priority)) in world.nodes.iter().zip(pair.into_iter().zip([150, 100])) {
        node.start(binary, &strict(priority, "version 3\n    accept"));
    }
    settles(&world, VIP, 0);
    assert!(pings(second, VIP));
    first.stop();
    settles(&world, VIP, 1);
    assert!(pings(first, VIP));
}

/// What strict mode takes away is taken away from both: passwords, delays and answers to adverts of lower priority.
fn without_extensions(pair: Pair) {
    let world = world();
    let lines = "authentication {\n auth_type PASS\n auth_pass secret\n}\npreempt_delay 100\ngarp_lower_prio_repeat 5";
    world.nodes[1].start(pair[1], &strict(100, lines));
    settles(&world, VIP, 1);
    world.nodes[0].start(pair[0], &strict(150, lines));
    settles(&world, VIP, 0);
    let mark = world.capture.mark();
    wait_until("adverts were heard", election_bound(), || {
        world.capture.adverts_since(mark).len() > 2
    });
    for advert in world.capture.adverts_since(mark) {
        assert_eq!((advert.node, advert.auth_type), (0, 0), "{advert:?}");
    }
}

/// Announcements of an address when its host has become MASTER, and again later.
const BURST: usize = 5;

/// A MASTER that hears an advert of lower priority says nothing before its next one is due.
fn lower_priority_is_not_answered(pair: Pair) {
    let world = world();
    let [master, rival] = &world.nodes[..] else {
        panic!("two hosts");
    };
    let announced_since = |mark| {
        let announced = world.capture.gratuitous_since(mark);
        announced.iter().filter(|(_, node, _)| *node == 0).count()
    };
    let begin = world.capture.mark();
    master.start(pair[0], &strict(150, ""));
    settles(&world, VIP, 0);
    wait_until("it has announced its address twice", secs(10), || {
        announced_since(begin) >= 2 * BURST
    });
    let mark = world.capture.mark();
    for _ in 0..5 {
        let due = world
            .capture
            .wait_advert(world.capture.mark(), 0, VRID, secs(5));
        Forged::right(VRID, 90, VIP, "").send(rival, "10.10.0.2");
        let next = world
            .capture
            .wait_advert(world.capture.mark(), 0, VRID, secs(5));
        let gap = next.at - due.at;
        assert!(gap > millis(900), "the next advert came after {gap:?}");
    }
    assert_eq!(announced_since(mark), 0);
    assert_eq!(world.holders(VIP), [0]);
}

/// All of them.
pub fn common() -> Vec<Named> {
    vec![
        ("strict::version_2", version_2),
        ("strict::version_3", version_3),
        ("strict::owner_and_backup", owner_and_backup),
        ("strict::accept_of_version_3", accept_of_version_3),
        ("strict::without_extensions", without_extensions),
        (
            "strict::lower_priority_is_not_answered",
            lower_priority_is_not_answered,
        ),
    ]
}
