//! Services that are taken out while their destinations have connections.

use super::*;
use crate::kernel::ipvs::Notice;

const LIMIT: Duration = Duration::from_secs(30);
/// Longer than it takes to look at them twice.
const SOON: Duration = Duration::from_secs(3);

impl World {
    /// A reload takes service 1 out, with servers 1 and 2.
    fn retire(&mut self) {
        let key = service_key(1);
        for server in [1, 2] {
            self.reconciler
                .drain(self.now, &key, server_key(server), LIMIT);
        }
        self.reconciler.retire_service(key);
    }

    /// The process dies without a word, and another takes its place, whose configuration names only service 2.
    fn replace(&mut self) {
        let services = self.reconciler.services_to_keep();
        let services = services.map(Iterator::collect::<Vec<_>>);
        let drains = self.reconciler.drains_to_keep();
        self.reconciler = Reconciler::default();
        self.reconciler.inherit_drains(drains.into_iter().flatten());
        self.want(2, &[(3, 1)]);
        for key in services.expect("services") {
            self.reconciler.inherit_service(key);
        }
        self.run();
    }

    fn has(&self, service: u8) -> bool {
        self.kernel.table.contains_key(&service_key(service))
    }

    /// How many connections were cut, of each server that has gone.
    fn gone(&mut self) -> Vec<Option<u32>> {
        let notices = self.reconciler.take_notices().into_iter();
        let gone = notices.filter_map(|notice| match notice {
            Notice::Drained { left, .. } => Some(left),
            _ => None,
        });
        gone.collect()
    }
}

/// Service 1 has two servers and is taken out, service 2 stays.
fn retired() -> World {
    let mut world = World::new();
    world.want(1, &[(1, 5), (2, 1)]);
    world.want(2, &[(3, 1)]);
    world.run();
    world.retire();
    world.run();
    assert_eq!(world.servers(1), weights(&[(1, 0), (2, 0)]));
    assert!(world.reconciler.has_drains());
    world
}

#[test]
fn it_goes_with_the_last_connection() {
    let mut world = retired();
    world.pass(SOON);
    assert_eq!(world.servers(1), weights(&[(1, 0), (2, 0)]));
    assert_eq!(world.gone(), []);
    world.kernel.active = 0;
    world.pass(SOON);
    assert!(!world.has(1) && world.has(2));
    assert_eq!(world.gone(), [Some(0), Some(0)]);
    assert!(!world.reconciler.has_drains() && world.reconciler.is_settled());
    let left: Vec<_> = world.reconciler.services_to_keep().expect("one").collect();
    assert_eq!(left, [service_key(2)]);
}

/// Whom somebody still wants of it is not there when it is wanted again: whoever wants it names all.
#[test]
fn nothing_new_comes_to_it() {
    let mut world = retired();
    world.want_server(1, 3, Some(7));
    world.run();
    assert_eq!(world.servers(1), weights(&[(1, 0), (2, 0)]));
    world.want(1, &[(1, 5)]);
    world.run();
    assert_eq!(world.servers(1), weights(&[(1, 5), (2, 0)]));
}

#[test]
fn it_goes_when_its_time_is_over() {
    let mut world = retired();
    world.pass(LIMIT - SOON);
    assert!(world.has(1));
    world.pass(SOON * 2);
    assert!(!world.has(1) && world.has(2));
    assert_eq!(world.gone(), [Some(3), Some(3)]);
}

#[test]
fn who_has_nothing_that_drains_goes_at_once() {
    let mut world = World::new();
    world.want(1, &[(1, 5)]);
    // Not there, so that nobody can have a connection to it.
    world.kernel.dislikes = Some(7);
    world.want_server(1, 2, Some(7));
    world.run();
    let key = service_key(1);
    world
        .reconciler
        .drain(world.now, &key, server_key(2), LIMIT);
    world.reconciler.retire_service(key);
    world.run();
    assert!(!world.has(1));
    // One that nobody knows is no trouble.
    world.reconciler.retire_service(service_key(9));
    world.run();
    assert!(world.kernel.table.is_empty() && world.reconciler.is_settled());
}

#[test]
fn whatever_else_happens() {
    /// What, how, and which servers service 1 has then, with their weights; none = it has gone.
    type Row = (&'static str, fn(&mut World), Option<&'static [(u8, u32)]>);
    let rows: [Row; 8] = [
        (
            "it returns with one of the servers",
            |world| world.want(1, &[(2, 4)]),
            Some(&[(1, 0), (2, 4)]),
        ),
        (
            "it returns with all of them, and with another scheduler",
            |world| {
                let key = service_key(1);
                world.reconciler.want_service(key, Some(service("wrr")));
                world.want_server(1, 1, Some(5));
                world.want_server(1, 2, Some(1));
                world.kernel.active = 0;
            },
            Some(&[(1, 5), (2, 1)]),
        ),
        (
            "it returns and goes again, without a drain",
            |world| {
                world.want(1, &[(1, 5), (2, 1)]);
                world.run();
                world.reconciler.retire_service(service_key(1));
            },
            None,
        ),
        (
            "one server has drained",
            |world| world.put(1, "rr", &[(2, 0)]),
            Some(&[(2, 0)]),
        ),
        (
            "somebody removes all servers",
            |world| world.put(1, "rr", &[]),
            None,
        ),
        (
            "somebody empties the table",
            |world| world.kernel.table.clear(),
            None,
        ),
        (
            "answers are lost",
            |world| {
                world.want_server(2, 3, Some(9));
                let requests = world.reconciler.requests(world.now);
                world.kernel.carry_out(&requests);
                world.reconciler.lost();
            },
            Some(&[(1, 0), (2, 0)]),
        ),
        ("the end", |world| world.reconciler.end(Leave::Others), None),
    ];
    for (what, happens, wanted) in rows {
        let mut world = retired();
        happens(&mut world);
        world.pass(SOON);
        let servers = world.has(1).then(|| world.servers(1));
        assert_eq!(servers, wanted.map(weights), "{what}");
    }
}

#[test]
fn who_replaces_a_dead_process_goes_on_with_it() {
    let mut world = retired();
    // Not one that drained.
    world.put(1, "rr", &[(1, 0), (2, 0), (4, 1)]);
    world.replace();
    assert_eq!(world.servers(1), weights(&[(1, 0), (2, 0)]));
    world.pass(SOON);
    // And once more: what was taken over is left in turn.
    world.replace();
    assert_eq!(world.servers(1), weights(&[(1, 0), (2, 0)]));
    world.pass(LIMIT - SOON * 2);
    assert!(world.has(1));
    world.pass(SOON);
    assert!(!world.has(1) && world.has(2));
    assert_eq!(world.gone(), [Some(3), Some(3)], "no time is added");
}

#[test]
fn what_a_dead_process_had_goes_when_nobody_wants_it_any_more() {
    let mut world = World::new();
    world.want(1, &[(1, 5)]);
    world.want(3, &[(1, 5)]);
    world.run();
    // The file has changed between the death and the replacement; somebody was faster with one of them, and added one.
    world.kernel.table.remove(&service_key(3));
    world.put(7, "rr", &[(1, 1)]);
    world.replace();
    world.pass(SOON);
    assert!(!world.has(1) && world.has(2) && !world.has(3));
    assert!(world.has(7), "another's");
    assert!(world.reconciler.is_settled());
    // It is wanted again before it was read.
    let mut world = retired();
    world.replace();
    world.reconciler = Reconciler::default();
    world.reconciler.inherit_service(service_key(1));
    world.want(1, &[(2, 4)]);
    world.run();
    assert_eq!(world.servers(1), weights(&[(2, 4)]));
}

#[test]
fn who_leaves_services_in_the_middle_of_a_removal_leaves_them_known() {
    for leave in [Leave::Everything, Leave::Wanted] {
        let mut world = World::new();
        let many = u8::try_from(WINDOW).expect("few") + 2;
        (1..=many).for_each(|service| world.want(service, &[]));
        world.run();
        let known = world.reconciler.services_to_keep().map(Iterator::count);
        assert_eq!(known, Some(usize::from(many)));
        (2..=many).for_each(|service| world.reconciler.retire_service(service_key(service)));
        // All but one, then that one, and those before it are forgotten.
        for _ in 0..2 {
            let requests = world.reconciler.requests(world.now);
            for answer in world.kernel.carry_out(&requests) {
                world.reconciler.handle(world.now, answer);
            }
        }
        assert!(!world.reconciler.queue.is_empty());
        assert!(world.reconciler.services_to_keep().is_none());
        world.reconciler.end(leave);
        world.run();
        assert!(world.has(1) && world.reconciler.is_settled());
        let known = world.reconciler.services_to_keep().map(Iterator::count);
        assert_eq!(known, None, "{leave:?}: what was said last holds");
    }
}

#[test]
fn a_process_that_leaves_what_is_wanted_takes_along_what_is_not() {
    let mut world = retired();
    world.reconciler.end(Leave::Wanted);
    world.run();
    assert!(!world.has(1) && world.has(2) && world.reconciler.is_settled());
    let mut world = retired();
    world.reconciler.end(Leave::Everything);
    world.run();
    assert!(world.has(1) && world.has(2) && world.reconciler.is_settled());
}
