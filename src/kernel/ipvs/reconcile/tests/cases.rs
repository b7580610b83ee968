//! What the reconciler does, one thing a test.

use super::*;

#[test]
fn what_is_wanted_is_made_in_its_order_and_wanted_again_it_costs_nothing() {
    let mut world = World::new();
    world.want(1, &[(9, 1), (3, 2), (5, 3)]);
    world.run();
    let made: Vec<Request> = world.kernel.take_commands();
    let new = |server, weight| {
        Request::NewDestination(service_key(1), server_key(server), destination(weight))
    };
    assert_eq!(
        made,
        [
            Request::NewService(service_key(1), service("rr")),
            new(9, 1),
            new(3, 2),
            new(5, 3)
        ]
    );
    assert!(world.reconciler.is_settled());
    world.want(1, &[(9, 1), (3, 2), (5, 3)]);
    world.run();
    assert_eq!(world.kernel.take_commands(), []);
    assert_eq!(world.reconciler.take_notices(), []);
}

#[test]
fn changes_are_made_in_place() {
    let mut world = World::new();
    world.want(1, &[(1, 1), (2, 1)]);
    world.run();
    world.kernel.take_commands();
    world.want_server(1, 2, Some(0));
    world
        .reconciler
        .want_service(service_key(1), Some(service("sh")));
    world.run();
    assert_eq!(
        world.kernel.take_commands(),
        [
            Request::SetDestination(service_key(1), server_key(2), destination(0)),
            Request::SetService(service_key(1), service("sh"))
        ]
    );
    world.want_server(1, 1, None);
    world.run();
    assert_eq!(
        world.kernel.take_commands(),
        [Request::DeleteDestination(service_key(1), server_key(1))]
    );
    world.reconciler.want_service(service_key(1), None);
    world.run();
    assert_eq!(
        world.kernel.take_commands(),
        [Request::DeleteService(service_key(1))]
    );
    assert!(world.reconciler.slots.is_empty());
}

#[test]
fn a_service_wanted_again_at_once_keeps_its_connections() {
    let mut world = World::new();
    world.want(1, &[(1, 1), (2, 1), (3, 1)]);
    world.run();
    world.kernel.take_commands();
    world.reconciler.want_service(service_key(1), None);
    world.want(1, &[(1, 1), (3, 4)]);
    world.run();
    let made = world.kernel.take_commands();
    assert_eq!(made.len(), 2, "{made:?}");
    assert!(made.contains(&Request::DeleteDestination(service_key(1), server_key(2))));
    assert_eq!(world.servers(1), weights(&[(1, 1), (3, 4)]));
}

#[test]
fn what_is_there_before_us_is_taken_over_and_what_is_not_ours_is_left() {
    let mut world = World::new();
    world.put(1, "rr", &[(1, 1), (2, 7), (9, 1)]);
    world.put(2, "wlc", &[(1, 1)]);
    world.put(200, "rr", &[(1, 1)]);
    world.want(1, &[(1, 1), (2, 2), (3, 3)]);
    world.want(2, &[(1, 1)]);
    world.run();
    assert_eq!(world.servers(1), weights(&[(1, 1), (2, 2), (3, 3)]));
    assert_eq!(world.kernel.table[&service_key(2)].0, service("rr"));
    assert_eq!(world.servers(200), weights(&[(1, 1)]));
    let made = world.kernel.take_commands();
    assert!(
        !made
            .iter()
            .any(|made| matches!(made, Request::DeleteService(_)))
    );
    assert!(
        !made.contains(&Request::SetDestination(
            service_key(1),
            server_key(1),
            destination(1)
        )),
        "as it should be: its connections are not disturbed"
    );
    assert_eq!(world.reconciler.take_notices(), [Notice::TakenOver(2)]);
    world.reconciler.end(Leave::Others);
    world.run();
    assert_eq!(
        world.kernel.table.keys().collect::<Vec<_>>(),
        [&service_key(200)]
    );
}

#[test]
fn what_cannot_be_read_is_read_a_little_later() {
    let mut world = World::new();
    world.put(1, "rr", &[(1, 1), (9, 1)]);
    world.kernel.unlisted = ENOMEM;
    world.want(1, &[(1, 1)]);
    // That there is a rest at all is what is shown.
    world.run();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.servers(1), weights(&[(1, 1), (9, 1)]));
    world.kernel.unlisted = 0;
    world.pass(Duration::from_secs(1));
    assert_eq!(world.servers(1), weights(&[(1, 1)]));
}

#[test]
fn what_somebody_else_does_to_ours_is_undone() {
    let mut world = World::new();
    world.want(1, &[(1, 1), (2, 2)]);
    world.want(2, &[(1, 1)]);
    world.want(3, &[(1, 1)]);
    world.run();
    world.put(1, "rr", &[(1, 5), (4, 1)]);
    world.kernel.table.remove(&service_key(2));
    world.put(3, "sed", &[(1, 1)]);
    world.pass(CYCLE);
    assert_eq!(world.servers(1), weights(&[(1, 1), (2, 2)]));
    assert_eq!(world.servers(2), weights(&[(1, 1)]));
    assert_eq!(world.kernel.table[&service_key(3)].0, service("rr"));
    let told = world.reconciler.take_notices();
    assert_eq!(told.len(), 3, "{told:?}");
    for notice in [
        Notice::DestinationsRepaired(service_key(1), 3),
        Notice::ServiceRepaired(service_key(2)),
        Notice::ServiceRepaired(service_key(3)),
    ] {
        assert!(told.contains(&notice), "{notice:?} in {told:?}");
    }
    world.kernel.take_commands();
    world.pass(CYCLE * 3);
    assert_eq!(world.kernel.take_commands(), []);
    assert_eq!(world.reconciler.take_notices(), []);
}

#[test]
fn a_change_finds_out_that_the_service_is_gone() {
    let mut world = World::new();
    world.want(1, &[(1, 1), (2, 2)]);
    world.run();
    world.kernel.table.clear();
    world.want_server(1, 2, Some(5));
    world.run();
    assert_eq!(world.servers(1), weights(&[(1, 1), (2, 5)]));
    let told = world.reconciler.take_notices();
    assert_eq!(told, [Notice::ServiceRepaired(service_key(1))]);
}

#[test]
fn what_is_refused_is_told_once_and_asked_again_later_and_later() {
    let mut world = World::new();
    world.kernel.dislikes = Some(13);
    world.want(1, &[(1, 1), (2, 13)]);
    world.run();
    assert_eq!(world.servers(1), weights(&[(1, 1)]));
    let wish = Wish::Destination(service_key(1), server_key(2), Some(destination(13)));
    let (errno, words) = (EINVAL, None);
    let refused = [Notice::Refused { wish, errno, words }];
    assert_eq!(world.reconciler.take_notices(), refused);
    assert_eq!(
        refused[0].to_string(),
        "The kernel does not take server [10.1.0.2]:8080 (NAT, weight 13) of IPVS service [10.0.0.1]:tcp:80: Invalid argument (os error 22)"
    );
    world.kernel.take_commands();
    world.pass(Duration::from_secs(300));
    let asked = world.kernel.take_commands().len();
    assert!((4..10).contains(&asked), "{asked}");
    assert_eq!(world.reconciler.take_notices(), []);
    // Another wish is another question.
    world.want_server(1, 2, Some(2));
    world.run();
    assert_eq!(world.servers(1), weights(&[(1, 1), (2, 2)]));
}

#[test]
fn a_lost_answer_is_asked_for_again() {
    let mut world = World::new();
    world.want(1, &[(1, 1), (2, 2)]);
    let requests = world.reconciler.requests(world.now);
    world.kernel.carry_out(&requests);
    world.reconciler.lost();
    world.run();
    let requests = {
        world.want_server(1, 1, None);
        world.want_server(1, 2, Some(9));
        world.reconciler.requests(world.now)
    };
    world.kernel.carry_out(&requests);
    world.reconciler.lost();
    world.run();
    assert_eq!(world.servers(1), weights(&[(2, 9)]));
    assert!(world.reconciler.is_settled());
}

#[test]
fn the_table_is_emptied_when_asked() {
    let mut world = World::new();
    world.put(1, "rr", &[(1, 1)]);
    world.put(200, "rr", &[(1, 1)]);
    world.reconciler.flush();
    world.want(1, &[(2, 1)]);
    world.run();
    assert_eq!(world.kernel.take_commands()[0], Request::Flush);
    assert_eq!(world.servers(1), weights(&[(2, 1)]));
    assert_eq!(world.kernel.table.len(), 1);
    world.put(200, "rr", &[]);
    world.reconciler.end(Leave::Wanted);
    world.run();
    assert_eq!(world.kernel.table.len(), 2);
    world.reconciler.end(Leave::Nothing);
    world.run();
    assert!(world.kernel.table.is_empty());
}

#[test]
fn timeouts_are_put_back_at_the_end() {
    let mut world = World::new();
    let before = Timeouts {
        tcp: 900,
        tcp_fin: 120,
        udp: 300,
    };
    world.kernel.timeouts = before;
    world.reconciler.want_timeouts(Some(Timeouts {
        tcp: 60,
        tcp_fin: 0,
        udp: 30,
    }));
    world.run();
    let while_running = Timeouts {
        tcp: 60,
        tcp_fin: 120,
        udp: 30,
    };
    assert_eq!(world.kernel.timeouts, while_running);
    world.kernel.take_commands();
    world.run();
    assert_eq!(world.kernel.take_commands(), []);
    world.reconciler.end(Leave::Others);
    world.run();
    assert_eq!(world.kernel.timeouts, before);
}

#[test]
fn timeouts_of_before_a_crash_are_put_back() {
    let timeouts = |tcp, tcp_fin, udp| Timeouts { tcp, tcp_fin, udp };
    let (before, wanted) = (timeouts(900, 120, 300), timeouts(60, 0, 30));
    for still_wanted in [Some(wanted), None] {
        let mut first = World::new();
        first.kernel.timeouts = before;
        assert_eq!(first.reconciler.timeouts_before(), None);
        first.reconciler.want_timeouts(Some(wanted));
        first.run();
        let inherited = first.reconciler.timeouts_before().expect("they were read");
        assert_eq!(inherited, before);
        let mut second = World::new();
        second.kernel.timeouts = first.kernel.timeouts;
        second.reconciler.inherit_timeouts(inherited);
        second.reconciler.want_timeouts(still_wanted);
        second.run();
        let while_running = still_wanted.map_or(before, |_| timeouts(60, 120, 30));
        assert_eq!(second.kernel.timeouts, while_running);
        second.reconciler.end(Leave::Others);
        second.run();
        assert_eq!(second.kernel.timeouts, before);
        assert!(second.reconciler.is_settled());
    }
}

#[test]
fn what_a_service_carries_is_told_when_asked() {
    let mut world = World::new();
    world.want(1, &[(1, 1)]);
    world.reconciler.ask(service_key(2));
    world.run();
    assert!(world.reconciler.has_told(), "there is no such service");
    world.reconciler.ask(service_key(1));
    assert!(!world.reconciler.has_told());
    world.run();
    assert!(world.reconciler.has_told());
    let told = world.reconciler.take_readings();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].traffic.total.connections, 7);
    let [(server, connections, _)] = told[0].destinations[..] else {
        panic!("{told:?}");
    };
    assert_eq!((server, connections.active), (server_key(1), 3));
}

#[test]
fn many_are_programmed_in_full_windows() {
    let mut world = World::new();
    for number in 0..20 {
        world
            .reconciler
            .want_service(service_key(number), Some(service("rr")));
        for server in 0..100 {
            world.want_server(number, server, Some(1));
        }
    }
    let mut rounds = 0;
    while world.reconciler.is_ready(world.now) {
        let requests = world.reconciler.requests(world.now);
        assert!(requests.len() <= WINDOW + 2);
        for answer in world.kernel.carry_out(&requests) {
            world.reconciler.handle(world.now, answer);
        }
        rounds += 1;
    }
    assert!(rounds <= 20 * 101 / WINDOW + 3, "{rounds}");
    assert_eq!(world.kernel.take_commands().len(), 20 * 101);
}

/// Each of these is news about what is there: over and over it is a refusal like any other.
#[test]
fn a_kernel_that_makes_no_sense_is_asked_more_and_more_rarely_and_that_is_told_once() {
    for (unmade, unplaced) in [(ESRCH, 0), (EEXIST, 0), (ENOMEM, 0), (0, ESRCH)] {
        let errno = unmade.max(unplaced);
        let mut world = World::new();
        (world.kernel.unmade, world.kernel.unplaced) = (unmade, unplaced);
        world.want(1, &[(1, 1)]);
        world.run();
        let told = |world: &mut World| {
            let notices = world.reconciler.take_notices().into_iter();
            let refused = |notice: &Notice| matches!(notice, Notice::Refused { .. });
            notices.filter(refused).count()
        };
        world.kernel.take_commands();
        world.pass(CYCLE);
        let asked = world.kernel.take_commands().len();
        assert!((1..30).contains(&asked), "{errno}: {asked} times");
        assert_eq!(told(&mut world), 1, "{errno}");
        (world.kernel.unmade, world.kernel.unplaced) = (0, 0);
        world.pass(20 * CYCLE);
        assert_eq!(world.servers(1), weights(&[(1, 1)]), "{errno}");
    }
}

#[test]
fn what_a_list_leaves_out_while_we_remove_others_is_there_all_the_same() {
    let mut world = World::new();
    world.want(1, &[(1, 5), (2, 5), (3, 5)]);
    world.run();
    world.kernel.take_commands();
    world.reconciler.take_notices();
    world.reconciler.ask(service_key(1));
    let requests = world.reconciler.requests(world.now);
    let answers = world.kernel.carry_out(&requests);
    // The list is longer than a datagram. A server goes between its parts, and the next one takes its place in what was told.
    let (whole, rest): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| {
        !matches!(answer.message, Message::Destination { key, .. } if key == server_key(2))
    });
    assert_eq!(rest.len(), 1);
    world.want_server(1, 1, None);
    let removal = world.reconciler.requests(world.now);
    let removed = world.kernel.carry_out(&removal);
    for answer in whole.into_iter().chain(removed) {
        world.reconciler.handle(world.now, answer);
    }
    assert!(!world.reconciler.has_told());
    world.run();
    let commands = world.kernel.take_commands();
    let removal = Request::DeleteDestination(service_key(1), server_key(1));
    assert_eq!(commands, [removal]);
    assert_eq!(world.reconciler.take_notices(), []);
    assert_eq!(world.servers(1), weights(&[(2, 5), (3, 5)]));
    let readings = world.reconciler.take_readings();
    assert_eq!(readings.len(), 1);
    assert_eq!(readings[0].destinations.len(), 2);
}

#[test]
fn a_module_that_was_removed_and_comes_back_gets_everything_anew() {
    let mut world = World::new();
    for service in 1..9 {
        world.want(service, &[(1, 5), (2, 5)]);
    }
    world.run();
    let table = world.kernel.table.clone();
    world.kernel.table.clear();
    world.kernel.unloaded = true;
    assert!(!world.reconciler.take_end_of_family());
    world.pass(CYCLE / 4);
    assert!(world.reconciler.take_end_of_family());
    world.kernel.unloaded = false;
    world.run();
    assert_eq!(world.kernel.table, table);
    assert!(world.reconciler.is_settled() && !world.reconciler.take_end_of_family());
}

#[test]
fn what_is_wanted_while_the_family_is_gone_does_not_wait_when_it_is_back() {
    let mut world = World::new();
    world.want(1, &[(1, 5), (2, 5)]);
    world.run();
    world.kernel.table.clear();
    world.kernel.unloaded = true;
    // One server dies, another one comes, and a service.
    world.want_server(1, 1, None);
    world.want_server(1, 3, Some(5));
    world.want(2, &[(1, 5)]);
    world.pass(CYCLE);
    assert!(world.reconciler.take_end_of_family());
    world.kernel.unloaded = false;
    world.run();
    assert_eq!(world.servers(1), weights(&[(2, 5), (3, 5)]));
    assert_eq!(world.servers(2), weights(&[(1, 5)]));
    assert!(world.reconciler.is_settled());
    assert_eq!(world.reconciler.retries.len(), 0);
}
