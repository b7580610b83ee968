//! Links that are made anew or renamed, and which addresses are told of with them.

use super::*;

#[test]
fn an_interface_made_anew_gets_its_addresses_back() {
    let mut world = World::new(two_links);
    world.reconciler.claim(
        1,
        [claim("eth0", "10.0.0.1/32"), claim("eth7", "10.0.0.7/32")],
    );
    world.reconciler.hold(1, true);
    world.settle();
    assert!(!world.reconciler.is_placed(1), "eth7 is not there yet");
    world.reconciler.take_link_changes();
    world.kernel.unlink(2);
    world.settle();
    world.kernel.link(9, "eth0");
    world.kernel.link(10, "eth7");
    world.settle();
    assert!(world.kernel.has(9, "10.0.0.1/32") && world.kernel.has(10, "10.0.0.7/32"));
    let changes = world.reconciler.take_link_changes();
    assert_eq!(
        changes.first(),
        Some(&LinkChange::Gone {
            index: 2,
            name: "eth0".into()
        })
    );
    assert!(changes.iter().any(|c| matches!(c, LinkChange::Changed(s) if s.index == 9 && s.name == "eth0" && s.primary_v4.is_none())));
}

#[test]
fn a_renamed_interface_does_not_keep_our_addresses() {
    let mut world = World::new(two_links);
    world.reconciler.claim(1, [claim("eth0", "10.0.0.1/32")]);
    world.reconciler.hold(1, true);
    world.settle();
    world.kernel.link(2, "lan0");
    world.settle();
    assert!(!world.kernel.has(2, "10.0.0.1/32"));
    world.kernel.link(3, "eth0");
    world.settle();
    assert!(world.kernel.has(3, "10.0.0.1/32"));
}

#[test]
fn our_own_addresses_are_not_the_primary_one() {
    let mut world = World::new(|kernel| {
        kernel.link(2, "eth0");
        kernel.add(2, address("172.18.100.66/16"));
        kernel.add(
            2,
            Address {
                scope: 253,
                ..address("169.254.1.1/16")
            },
        );
        kernel.add(
            2,
            Address {
                flags: 1,
                ..address("172.18.0.11/16")
            },
        );
        kernel.add(2, address("172.18.0.12/16"));
    });
    world
        .reconciler
        .claim(1, [claim("eth0", "172.18.100.66/16")]);
    world.reconciler.hold(1, true);
    world.settle();
    let primary = |changes: Vec<LinkChange>| match changes.as_slice() {
        [LinkChange::Changed(state)] => state.primary_v4,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        primary(world.reconciler.take_link_changes()),
        Some(Ipv4Addr::new(172, 18, 0, 12))
    );
    world.kernel.delete(2, address("172.18.0.12/16").placement);
    world.settle();
    assert_eq!(
        primary(world.reconciler.take_link_changes()),
        Some(Ipv4Addr::new(172, 18, 0, 11))
    );
    world
        .kernel
        .delete(2, address("172.18.100.66/16").placement);
    world.settle();
    assert_eq!(
        world.reconciler.take_link_changes(),
        [],
        "what happens to ours is no change of the link"
    );
}

/// Addresses that somebody watches are told where they are, and only while they can be used.
#[test]
fn watched_addresses_are_told_of() {
    const TENTATIVE: u32 = 0x40;
    let mut world = World::new(two_links);
    let watched = ["172.18.0.11", "fd00::7"].map(|text| text.parse::<IpAddr>().unwrap());
    let told = |world: &mut World| -> Vec<(u32, Vec<IpAddr>)> {
        world.settle();
        let changes = world.reconciler.take_link_changes().into_iter();
        let changed = changes.filter_map(|change| match change {
            LinkChange::Changed(state) => Some((state.index, state.watched)),
            LinkChange::Gone { .. } => None,
        });
        changed.collect()
    };
    assert_eq!(told(&mut world), [(2, vec![]), (3, vec![])]);
    world.reconciler.watch(watched.into());
    assert_eq!(told(&mut world), [(2, vec![watched[0]])]);
    let tentative = Address {
        flags: TENTATIVE,
        ..address("fd00::7/64")
    };
    world.kernel.add(3, tentative);
    assert_eq!(told(&mut world), [], "it may be another host's");
    world.kernel.add(3, address("fd00::7/64"));
    assert_eq!(told(&mut world), [(3, vec![watched[1]])]);
    world.kernel.add(2, address("172.18.0.12/16"));
    assert_eq!(told(&mut world), [], "nobody watches this one");
    world.kernel.delete(3, address("fd00::7/64").placement);
    assert_eq!(told(&mut world), [(3, vec![])]);
    world.reconciler.watch(BTreeSet::new());
    assert_eq!(told(&mut world), [(2, vec![])]);
}
