//! What others do to our addresses, what we leave of theirs, what a crash left.

use super::*;

#[test]
fn what_was_deleted_is_put_back_at_once() {
    let mut world = World::new(two_links);
    world.reconciler.claim(1, [claim("eth0", "10.0.0.1/32")]);
    world.reconciler.hold(1, true);
    world.settle();
    world.kernel.delete(2, address("10.0.0.1/32").placement);
    world.settle();
    assert!(world.kernel.has(2, "10.0.0.1/32"));
    let placement = address("10.0.0.1/32").placement;
    assert_eq!(
        world.reconciler.take_notices(),
        [Notice::PutBack {
            interface: "eth0".into(),
            placement
        }]
    );
    assert_eq!(world.reconciler.take_restored(), HashSet::from_iter([1]));
    assert_eq!(world.reconciler.take_restored(), HashSet::default());
}

#[test]
fn what_is_not_tracked_stays_away_until_it_is_held_anew() {
    let mut world = World::new(two_links);
    let loose = Claim {
        tracked: false,
        ..claim("eth0", "10.0.0.1/32")
    };
    world
        .reconciler
        .claim(1, [loose, claim("eth0", "10.0.0.2/32")]);
    world.reconciler.hold(1, true);
    world.settle();
    for text in ["10.0.0.1/32", "10.0.0.2/32"] {
        world.kernel.delete(2, address(text).placement);
    }
    world.pass(LONGEST_DELAY);
    assert!(!world.kernel.has(2, "10.0.0.1/32"));
    assert!(world.kernel.has(2, "10.0.0.2/32"));
    // Of a second owner that does want it back, it is put back.
    world.reconciler.claim(2, [claim("eth0", "10.0.0.1/32")]);
    world.reconciler.hold(2, true);
    world.settle();
    assert!(world.kernel.has(2, "10.0.0.1/32"));
    world.reconciler.claim(2, []);
    world.settle();
    assert!(world.kernel.has(2, "10.0.0.1/32"));
    world.kernel.delete(2, address("10.0.0.1/32").placement);
    world.pass(LONGEST_DELAY);
    assert!(!world.kernel.has(2, "10.0.0.1/32"));
    world.reconciler.hold(1, false);
    world.settle();
    world.reconciler.hold(1, true);
    world.settle();
    assert!(world.kernel.has(2, "10.0.0.1/32"));
}

#[test]
fn a_fight_is_bounded_and_the_last_word_is_ours() {
    let mut world = World::new(two_links);
    world.reconciler.claim(1, [claim("eth0", "10.0.0.1/32")]);
    world.reconciler.hold(1, true);
    world.settle();
    // Somebody deletes it every 10 ms for a minute.
    for _ in 0..6000 {
        world.kernel.delete(2, address("10.0.0.1/32").placement);
        world.pass(Duration::from_millis(10));
    }
    assert!(
        world.kernel.writes < 30,
        "{} writes in a minute",
        world.kernel.writes
    );
    let notices = world.reconciler.take_notices();
    assert!(
        notices.len() < 30
            && notices
                .iter()
                .any(|n| matches!(n, Notice::Contested { .. })),
        "{notices:?}"
    );
    world.pass(LONGEST_DELAY);
    assert!(world.kernel.has(2, "10.0.0.1/32"));
    // Letting go does not wait for the end of the fight.
    world.kernel.delete(2, address("10.0.0.1/32").placement);
    world.settle();
    world.reconciler.hold(1, false);
    world.reconciler.hold(1, true);
    world.settle();
    assert!(world.kernel.has(2, "10.0.0.1/32"));
}

#[test]
fn leftovers_of_a_crash() {
    for (held, stays) in [(false, false), (true, true)] {
        let mut world = World::new(|kernel| {
            two_links(kernel);
            kernel.add(2, address("10.0.0.1/32"));
        });
        world.reconciler.claim(1, [claim("eth0", "10.0.0.1/32")]);
        world.reconciler.hold(1, held);
        world.settle();
        assert_eq!(world.kernel.has(2, "10.0.0.1/32"), stays);
        assert_eq!(
            world.kernel.writes,
            usize::from(!stays),
            "adopting writes nothing"
        );
        world.reconciler.hold(1, false);
        world.settle();
        assert!(
            !world.kernel.has(2, "10.0.0.1/32"),
            "what was adopted is let go like our own"
        );
        let told = world.reconciler.take_notices();
        assert_eq!(
            told.is_empty(),
            held,
            "what was held is no leftover: {told:?}"
        );
    }
}

#[test]
fn what_others_add_later_is_left_alone() {
    let mut world = World::new(two_links);
    world.reconciler.claim(1, [claim("eth0", "10.0.0.1/32")]);
    world.settle();
    world.kernel.add(2, address("10.0.0.1/32"));
    world.kernel.add(2, address("10.0.0.1/24"));
    world.settle();
    world.reconciler.resync(world.now);
    world.settle();
    assert!(world.kernel.has(2, "10.0.0.1/32") && world.kernel.has(2, "10.0.0.1/24"));
    assert_eq!(world.kernel.writes, 0);
}

#[test]
fn another_label_is_replaced_and_another_prefix_is_another_address() {
    let mut world = World::new(|kernel| {
        two_links(kernel);
        kernel.add(
            2,
            Address {
                label: Some("eth0:9".into()),
                ..address("10.0.0.1/32")
            },
        );
        kernel.add(2, address("10.0.0.1/24"));
    });
    let labelled = Address {
        label: Some("eth0:0".into()),
        ..address("10.0.0.1/32")
    };
    world.reconciler.claim(
        1,
        [Claim {
            interface: "eth0".into(),
            address: labelled.clone(),
            tracked: true,
        }],
    );
    world.reconciler.hold(1, true);
    world.settle();
    let label = |world: &World| {
        world
            .kernel
            .addresses
            .get(&(2, labelled.placement))
            .and_then(|a| a.label.clone())
    };
    assert_eq!(label(&world).as_deref(), Some("eth0:0"));
    assert!(world.kernel.has(2, "10.0.0.1/24"));
    // A reload with another label.
    let relabelled = Address {
        label: Some("eth0:1".into()),
        ..labelled.clone()
    };
    world.reconciler.claim(
        1,
        [Claim {
            interface: "eth0".into(),
            address: relabelled,
            tracked: true,
        }],
    );
    world.settle();
    assert_eq!(label(&world).as_deref(), Some("eth0:1"));
    assert!(world.reconciler.is_settled());
}
