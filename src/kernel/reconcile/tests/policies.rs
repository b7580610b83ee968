//! Routes and rules: after addresses, before them when they go, put back, left over.

use super::*;

#[test]
fn routes_come_after_addresses_and_go_before_them() {
    let mut world = World::new(two_links);
    world
        .reconciler
        .claim_all(1, [claim("eth0", "10.0.0.1/32")], [route("10.1.0.0")]);
    world.settle();
    assert_eq!(world.kernel.writes, 0, "a leftover is looked for in vain");
    world.reconciler.hold(1, true);
    let now = world.now;
    let shown = |requests: Vec<(u32, Request)>| -> Vec<bool> {
        let is_address = |(_, request): &(u32, Request)| !matches!(request, Request::Policy { .. });
        requests.iter().map(is_address).collect()
    };
    let requests = world.reconciler.requests(now, 9);
    for (sequence, request) in requests.clone() {
        world.kernel.perform(sequence, request);
    }
    assert_eq!(shown(requests), [true, false]);
    world.settle();
    assert!(world.reconciler.is_placed(1));
    world.reconciler.hold(1, false);
    let requests = world.reconciler.requests(now, 9);
    for (sequence, request) in requests.clone() {
        world.kernel.perform(sequence, request);
    }
    assert_eq!(shown(requests), [false, true]);
    world.settle();
    assert!(world.kernel.policies.is_empty());
    assert_eq!(world.reconciler.take_notices(), []);
}

#[test]
fn a_route_removed_by_others_is_put_back() {
    let mut world = World::new(two_links);
    world.reconciler.claim_all(1, [], [route("10.1.0.0")]);
    world.reconciler.hold(1, true);
    world.settle();
    let policy = route("10.1.0.0");
    for _ in 0..2 {
        world.kernel.policies.clear();
        world
            .kernel
            .say(0, Message::PolicyGone(policy.traces().remove(0)));
        world.settle();
        assert!(world.kernel.policies.contains(&policy));
    }
    let back = Notice::PolicyPutBack {
        policy: policy.clone(),
    };
    assert_eq!(world.reconciler.take_notices(), [back.clone(), back]);
    // Its link goes down, which the kernel does not say of the route, and comes up again.
    let writes = world.kernel.writes;
    for flags in [0x1002, UP] {
        world.kernel.policies.clear();
        let report = world.kernel.links[&2].report(2);
        world
            .kernel
            .say(0, Message::Link(LinkReport { flags, ..report }));
        world.settle();
    }
    assert!(world.kernel.policies.contains(&policy));
    assert_eq!(world.kernel.writes, writes + 1);
    assert_eq!(world.reconciler.take_notices(), []);
}

#[test]
fn leftover_routes_are_removed_or_kept() {
    let mut world = World::new(|kernel| {
        two_links(kernel);
        kernel
            .policies
            .extend([route("10.1.0.0"), route("10.2.0.0"), route("10.3.0.0")]);
    });
    world.reconciler.claim_all(1, [], [route("10.1.0.0")]);
    world.reconciler.claim_all(2, [], [route("10.2.0.0")]);
    world.reconciler.hold(2, true);
    world.settle();
    assert_eq!(
        world.kernel.policies,
        BTreeSet::from([route("10.2.0.0"), route("10.3.0.0")]),
        "what nobody claims is not ours"
    );
    assert_eq!(
        world.reconciler.take_notices(),
        [Notice::PolicyLeftover {
            policy: route("10.1.0.0")
        }]
    );
    world.reconciler.claim_all(2, [], []);
    world.settle();
    assert_eq!(world.kernel.policies, BTreeSet::from([route("10.3.0.0")]));
}
