//! Holding and letting go.

use super::*;

#[test]
fn holds_and_lets_go() {
    let mut world = World::new(two_links);
    world.reconciler.claim(
        1,
        [
            claim("eth0", "172.18.100.66/16"),
            claim("eth1", "10.0.0.1/32"),
        ],
    );
    world.settle();
    assert_eq!(world.kernel.writes, 0, "nothing is wanted yet");
    world.reconciler.hold(1, true);
    world.settle();
    assert!(world.kernel.has(2, "172.18.100.66/16") && world.kernel.has(3, "10.0.0.1/32"));
    assert!(world.reconciler.is_placed(1) && world.reconciler.is_settled());
    world.reconciler.hold(1, true);
    world.reconciler.claim(
        1,
        [
            claim("eth0", "172.18.100.66/16"),
            claim("eth1", "10.0.0.1/32"),
        ],
    );
    world.settle();
    assert_eq!(
        world.kernel.writes, 2,
        "saying the same again changes nothing"
    );
    world.reconciler.hold(1, false);
    world.settle();
    assert!(!world.kernel.has(2, "172.18.100.66/16") && !world.kernel.has(3, "10.0.0.1/32"));
    assert!(
        world.kernel.has(2, "172.18.0.11/16"),
        "the host's own address stays"
    );
    assert_eq!(world.reconciler.take_notices(), []);
}

#[test]
fn a_virtual_address_moves_between_instances_without_a_write() {
    let mut world = World::new(two_links);
    world.reconciler.claim(1, [claim("eth0", "10.0.0.1/32")]);
    world.reconciler.hold(1, true);
    world.settle();
    world.reconciler.claim(2, [claim("eth0", "10.0.0.1/32")]);
    world.reconciler.hold(2, true);
    world.reconciler.claim(1, []);
    world.settle();
    assert!(world.kernel.has(2, "10.0.0.1/32"));
    assert_eq!(world.kernel.writes, 1);
    world.reconciler.claim(2, []);
    world.settle();
    assert!(
        !world.kernel.has(2, "10.0.0.1/32"),
        "an owner that is forgotten lets go"
    );
}

#[test]
fn an_address_let_go_before_the_kernel_tells_of_it_goes() {
    let mut world = World::new(two_links);
    world.reconciler.claim(1, [claim("eth0", "fd00::1/128")]);
    world.settle();
    world.reconciler.hold(1, true);
    world.send(usize::MAX);
    // The answer comes before the news, and the instance is master no longer when it does.
    assert_eq!(world.kernel.unread.len(), 2);
    world.kernel.unread.rotate_left(1);
    world.reconciler.hold(1, false);
    world.read(1);
    world.send(usize::MAX);
    world.settle();
    assert!(!world.kernel.has(2, "fd00::1/128"));
    assert!(world.reconciler.is_settled());
}
