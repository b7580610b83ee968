//! Destinations that stay until their connections are over.

use super::*;
use crate::kernel::ipvs::Notice;

const LIMIT: Duration = Duration::from_secs(30);
/// Longer than it takes to look at them twice.
const SOON: Duration = Duration::from_secs(3);

/// Two servers behind a service, the first of which is taken out.
fn draining() -> World {
    let mut world = World::new();
    world.want(1, &[(1, 5), (2, 1)]);
    world.run();
    world.drain(1, 1);
    world.want(1, &[(2, 1)]);
    world.run();
    assert_eq!(world.servers(1), weights(&[(1, 0), (2, 1)]));
    world
}

impl World {
    /// As a reload does.
    fn drain(&mut self, service: u8, server: u8) {
        let (key, server) = (service_key(service), server_key(server));
        self.reconciler.drain(self.now, &key, server, LIMIT);
        self.reconciler.want_no_destinations(&key);
    }

    /// The servers that are said to drain.
    fn told(&mut self) -> Vec<DestinationKey> {
        let notices = self.reconciler.take_notices().into_iter();
        let told = notices.filter_map(|notice| match notice {
            Notice::Draining(_, server, LIMIT) => Some(server),
            _ => None,
        });
        told.collect()
    }

    /// The process dies without a word, and another takes its place.
    fn crash(&mut self) {
        let kept = self.reconciler.drains_to_keep().expect("something drains");
        self.reconciler = Reconciler::default();
        self.reconciler.inherit_drains(kept.into_iter());
    }

    /// How many connections those were that were cut, if something has drained.
    fn drained(&mut self) -> Option<Option<u32>> {
        let notices = self.reconciler.take_notices().into_iter();
        let mut drained = notices.filter_map(|notice| match notice {
            Notice::Drained { server, left, .. } => Some((server, left)),
            _ => None,
        });
        let (server, left) = drained.next()?;
        assert_eq!((server, drained.next()), (server_key(1), None));
        Some(left)
    }
}

#[test]
fn it_goes_with_its_last_connection() {
    let mut world = draining();
    world.pass(SOON);
    assert_eq!(world.servers(1), weights(&[(1, 0), (2, 1)]));
    assert_eq!(world.drained(), None);
    world.kernel.active = 0;
    world.pass(SOON);
    assert_eq!(world.servers(1), weights(&[(2, 1)]));
    assert_eq!(world.drained(), Some(Some(0)));
    assert_eq!(world.reconciler.draining().count(), 0);
}

#[test]
fn it_goes_when_its_time_is_over() {
    let mut world = draining();
    world.pass(LIMIT - SOON);
    assert_eq!(world.servers(1).len(), 2);
    world.pass(SOON * 2);
    assert_eq!(world.servers(1), weights(&[(2, 1)]));
    assert_eq!(world.drained(), Some(Some(3)));
}

#[test]
fn whatever_else_happens() {
    /// What, how, and which servers there are then, with their weights.
    type Row = (&'static str, fn(&mut World), &'static [(u8, u32)]);
    let rows: [Row; 6] = [
        (
            "another reload",
            |world| {
                world.reconciler.want_no_destinations(&service_key(1));
                world.want(1, &[(3, 1)]);
            },
            &[(1, 0), (3, 1)],
        ),
        (
            "it returns, and has no connection",
            |world| {
                world.want_server(1, 1, Some(4));
                world.kernel.active = 0;
            },
            &[(1, 4), (2, 1)],
        ),
        (
            "somebody removes it",
            |world| world.put(1, "rr", &[(2, 1)]),
            &[(2, 1)],
        ),
        (
            "somebody empties the table",
            |world| world.kernel.table.clear(),
            &[(2, 1)],
        ),
        (
            "somebody gives it a weight",
            |world| world.put(1, "rr", &[(1, 9), (2, 1)]),
            &[(1, 0), (2, 1)],
        ),
        (
            "answers are lost",
            |world| {
                let requests = world.reconciler.requests(world.now);
                world.kernel.carry_out(&requests);
                world.reconciler.lost();
            },
            &[(1, 0), (2, 1)],
        ),
    ];
    for (what, happens, wanted) in rows {
        let mut world = draining();
        happens(&mut world);
        world.pass(SOON);
        assert_eq!(world.servers(1), weights(wanted), "{what}");
    }
}

#[test]
fn the_end_waits_for_nobody() {
    let mut world = draining();
    world.reconciler.end(Leave::Others);
    world.run();
    assert!(world.kernel.table.is_empty() && world.reconciler.is_settled());
    let mut world = draining();
    world.reconciler.want_service(service_key(1), None);
    world.run();
    assert!(world.kernel.table.is_empty());
    world.want(1, &[(2, 1)]);
    world.run();
    assert_eq!(
        world.servers(1),
        weights(&[(2, 1)]),
        "a service that returns"
    );
}

#[test]
fn who_replaces_a_dead_process_goes_on_with_it() {
    let mut world = draining();
    world.put(1, "rr", &[(1, 0), (2, 1), (3, 0)]);
    world.crash();
    world.want(1, &[(2, 1)]);
    world.run();
    let both = weights(&[(1, 0), (2, 1)]);
    assert_eq!(world.servers(1), both, "3 did not drain");
    world.pass(SOON);
    assert_eq!(world.servers(1), both);
    world.crash();
    world.want(1, &[(2, 1)]);
    world.pass(LIMIT - SOON * 2);
    assert_eq!(world.servers(1), both);
    world.pass(SOON * 2);
    assert_eq!(world.servers(1), weights(&[(2, 1)]), "no time is added");
    assert_eq!(world.drained(), Some(Some(3)));
    assert_eq!(world.reconciler.drains_to_keep(), Some(vec![]));
    assert_eq!(world.reconciler.drains_to_keep(), None);
    let mut world = draining();
    world.crash();
    world.want(1, &[(1, 4), (2, 1)]);
    world.pass(SOON);
    assert_eq!(
        world.servers(1),
        weights(&[(1, 4), (2, 1)]),
        "it is wanted again"
    );
    assert_eq!(world.reconciler.draining().count(), 0);
}

#[test]
fn who_dies_before_having_read_all_leaves_the_rest_to_the_next() {
    let mut world = draining();
    world.want(2, &[(1, 5), (2, 1)]);
    world.run();
    world.drain(2, 1);
    world.want(2, &[(2, 1)]);
    world.run();
    for _ in 0..2 {
        world.crash();
        world.want(1, &[(2, 1)]);
        world.run();
    }
    world.want(2, &[(2, 1)]);
    world.run();
    for service in [1, 2] {
        let both = weights(&[(1, 0), (2, 1)]);
        assert_eq!(world.servers(service), both, "{service}");
    }
    // What nobody has found is not kept for ever.
    world
        .reconciler
        .inherit_drains([(7, world.now + SOON)].into_iter());
    world.pass(SOON * 2);
    assert_eq!(
        world.reconciler.drains_to_keep().map(|it| it.len()),
        Some(2)
    );
}

#[test]
fn what_two_want_does_not_drain_when_one_of_them_goes_on_wanting_it() {
    let (key, server) = (service_key(1), server_key(1));
    // Two real servers that are one destination: one goes, and what is wanted of the service follows.
    let mut world = World::new();
    world.want(1, &[(1, 5), (2, 1)]);
    world.run();
    world.drain(1, 1);
    world.want(1, &[(1, 5), (2, 1)]);
    world.run();
    assert_eq!(world.told(), []);
    assert_eq!(world.servers(1), weights(&[(1, 5), (2, 1)]));
    // Two virtual servers that are one service: what nobody has asked for again is wanted no more.
    world.reconciler.want_no_destinations(&key);
    assert!(!world.reconciler.is_wanted(&key, &server));
    world.want_server(1, 2, Some(1));
    world.reconciler.drain(world.now, &key, server, LIMIT / 2);
    world.reconciler.drain(world.now, &key, server, LIMIT);
    assert!(!world.reconciler.is_wanted(&key, &server));
    assert!(world.reconciler.is_wanted(&key, &server_key(2)));
    world.run();
    assert_eq!(world.servers(1), weights(&[(1, 0), (2, 1)]));
    assert_eq!(world.told(), [server], "once, with the longer time");
}

#[test]
fn what_is_not_there_has_nothing_to_drain() {
    let mut world = World::new();
    world.want(1, &[(2, 1)]);
    world.kernel.dislikes = Some(7);
    world.want_server(1, 3, Some(7));
    world.run();
    world.drain(1, 1);
    world.drain(1, 3);
    world.drain(9, 1);
    world.want(1, &[(2, 1)]);
    assert_eq!(world.reconciler.draining().count(), 0);
    world.run();
    assert_eq!(world.servers(1), weights(&[(2, 1)]));
}
