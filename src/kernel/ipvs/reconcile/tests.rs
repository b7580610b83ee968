//! The reconciler against a kernel in memory that answers as Linux does. That Linux answers so is shown in tests/ipvs.rs.

use super::*;
use crate::config::model::{Forwarding, Protocol};
use crate::kernel::ipvs::{Connections, Message, Received, Traffic};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

const ENOENT: i32 = 2;
const ESRCH: i32 = 3;
const EEXIST: i32 = 17;
const EINVAL: i32 = 22;

/// Longer than everything is read back once.
const CYCLE: Duration = Duration::from_secs(61);

type Table = BTreeMap<ServiceKey, (Service, BTreeMap<DestinationKey, Destination>)>;

#[derive(Default)]
struct Kernel {
    table: Table,
    timeouts: Timeouts,
    /// Destinations of this weight are refused.
    dislikes: Option<u32>,
    commands: Vec<Request>,
}

impl Kernel {
    /// Carries out a datagram as Linux does: only failures and the last request are answered, and what is asked is told.
    fn carry_out(&mut self, requests: &[(u32, Request)]) -> Vec<Received> {
        let mut answers = Vec::new();
        let last = requests.len().saturating_sub(1);
        for (at, (sequence, request)) in requests.iter().enumerate() {
            let mut tell = |message| {
                let sequence = *sequence;
                answers.push(Received { sequence, message });
            };
            let errno = self.request(request, &mut tell);
            let dump = matches!(request, Request::DumpDestinations(_));
            if errno != 0 || at == last && !dump {
                tell(Message::Answer { errno, words: None });
            }
            let reads = matches!(request, Request::GetService(_) | Request::GetTimeouts);
            if !reads && !dump {
                self.commands.push(request.clone());
            }
        }
        answers
    }

    fn request(&mut self, request: &Request, tell: &mut dyn FnMut(Message)) -> i32 {
        let table = &mut self.table;
        match request {
            Request::NewService(key, _) if table.contains_key(key) => EEXIST,
            Request::NewService(key, service) => {
                table.insert(*key, (service.clone(), BTreeMap::new()));
                0
            }
            Request::SetService(key, service) => match table.get_mut(key) {
                Some(entry) => {
                    entry.0 = service.clone();
                    0
                }
                None => ESRCH,
            },
            Request::DeleteService(key) => table.remove(key).map_or(ESRCH, |_| 0),
            Request::GetService(key) => match table.get(key) {
                Some((service, _)) => {
                    tell(Message::Service {
                        key: *key,
                        service: Some(service.clone()),
                        traffic: Traffic {
                            connections: 7,
                            ..Traffic::default()
                        },
                    });
                    0
                }
                None => ESRCH,
            },
            Request::DumpDestinations(key) => {
                for (&key, &destination) in table.get(key).iter().flat_map(|entry| &entry.1) {
                    tell(Message::Destination {
                        key,
                        destination: Some(destination),
                        connections: Connections {
                            active: 3,
                            ..Connections::default()
                        },
                        traffic: Traffic::default(),
                    });
                }
                tell(Message::Done(0));
                0
            }
            Request::NewDestination(key, server, destination) => match table.get_mut(key) {
                None => ESRCH,
                Some((_, servers)) if servers.contains_key(server) => EEXIST,
                _ if self.dislikes == Some(destination.weight) => EINVAL,
                Some((_, servers)) => {
                    servers.insert(*server, *destination);
                    0
                }
            },
            Request::SetDestination(key, server, destination) => match table.get_mut(key) {
                None => ESRCH,
                Some((_, servers)) => match servers.get_mut(server) {
                    None => ENOENT,
                    _ if self.dislikes == Some(destination.weight) => EINVAL,
                    Some(place) => {
                        *place = *destination;
                        0
                    }
                },
            },
            Request::DeleteDestination(key, server) => match table.get_mut(key) {
                None => ESRCH,
                Some((_, servers)) => servers.remove(server).map_or(ENOENT, |_| 0),
            },
            Request::Flush => {
                table.clear();
                0
            }
            Request::GetTimeouts => {
                tell(Message::Timeouts(self.timeouts));
                0
            }
            Request::SetTimeouts(timeouts) => {
                self.timeouts = *timeouts;
                0
            }
            Request::StartDaemon(_) | Request::StopDaemon(_) | Request::DumpDaemons => EINVAL,
        }
    }

    fn take_commands(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.commands)
    }
}

#[derive(Default)]
struct World {
    kernel: Kernel,
    reconciler: Reconciler,
    now: Instant,
}

impl World {
    fn new() -> Self {
        World {
            now: Instant(1),
            ..World::default()
        }
    }

    /// Until there is nothing to do now.
    fn run(&mut self) {
        for _ in 0..10_000 {
            if !self.reconciler.is_ready(self.now) {
                return;
            }
            let requests = self.reconciler.requests(self.now);
            for answer in self.kernel.carry_out(&requests) {
                self.reconciler.handle(self.now, answer);
            }
        }
        panic!("no rest");
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.reconciler.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.run();
        }
        self.now = end;
        self.run();
    }

    fn want(&mut self, last: u8, servers: &[(u8, u32)]) {
        self.reconciler
            .want_service(service_key(last), Some(service("rr")));
        for &(server, weight) in servers {
            self.want_server(last, server, Some(weight));
        }
    }

    fn want_server(&mut self, service: u8, server: u8, weight: Option<u32>) {
        let wanted = weight.map(destination);
        self.reconciler
            .want_destination(&service_key(service), server_key(server), wanted);
    }

    fn put(&mut self, last: u8, scheduler: &str, servers: &[(u8, u32)]) {
        let servers = servers
            .iter()
            .map(|&(s, w)| (server_key(s), destination(w)));
        let entry = (service(scheduler), servers.collect());
        self.kernel.table.insert(service_key(last), entry);
    }

    fn servers(&self, last: u8) -> Vec<(DestinationKey, u32)> {
        let (_, servers) = &self.kernel.table[&service_key(last)];
        servers.iter().map(|(key, d)| (*key, d.weight)).collect()
    }
}

fn service_key(last: u8) -> ServiceKey {
    ServiceKey::Address {
        protocol: Protocol::Tcp,
        address: Ipv4Addr::new(10, 0, 0, last).into(),
        port: 80,
    }
}

fn service(scheduler: &str) -> Service {
    Service {
        scheduler: scheduler.into(),
        flags: Default::default(),
        one_packet: false,
        persistence: None,
    }
}

fn server_key(last: u8) -> DestinationKey {
    DestinationKey {
        address: Ipv4Addr::new(10, 1, 0, last).into(),
        port: 8080,
    }
}

fn destination(weight: u32) -> Destination {
    Destination {
        forwarding: Forwarding::Nat,
        weight,
        upper_threshold: 0,
        lower_threshold: 0,
    }
}

fn weights(servers: &[(u8, u32)]) -> Vec<(DestinationKey, u32)> {
    servers.iter().map(|&(s, w)| (server_key(s), w)).collect()
}

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
    world.reconciler.end(Leave::Everything);
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
fn what_a_service_carries_is_told_when_asked() {
    let mut world = World::new();
    world.want(1, &[(1, 1)]);
    world.reconciler.ask(service_key(2));
    world.run();
    world.reconciler.ask(service_key(1));
    world.run();
    let told = world.reconciler.take_readings();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].traffic.connections, 7);
    let [(server, connections, _)] = told[0].destinations[..] else {
        panic!("{told:?}");
    };
    assert_eq!((server, connections.active), (server_key(1), 3));
}

#[test]
fn many_are_programmed_in_full_windows() {
    let mut world = World::new();
    for service in 0..20 {
        world
            .reconciler
            .want_service(service_key(service), Some(super::tests::service("rr")));
        for server in 0..100 {
            world.want_server(service, server, Some(1));
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

/// Something that happens.
#[derive(Clone, Debug)]
enum Happening {
    Want(u8, Option<bool>),
    WantServer(u8, u8, Option<u32>),
    /// Somebody else at work.
    Remove(u8),
    Put(u8, Vec<(u8, u32)>),
    Pass(u64),
    LoseAnswers,
    Ask(u8),
}

fn happening() -> impl Strategy<Value = Happening> {
    let (service, server, weight) = (0..4u8, 0..5u8, 0..4u32);
    prop_oneof![
        3 => (service.clone(), proptest::option::weighted(0.7, any::<bool>()))
            .prop_map(|(key, wanted)| Happening::Want(key, wanted)),
        8 => (service.clone(), server.clone(), proptest::option::weighted(0.7, weight.clone()))
            .prop_map(|(key, server, wanted)| Happening::WantServer(key, server, wanted)),
        1 => service.clone().prop_map(Happening::Remove),
        1 => (service.clone(), proptest::collection::vec((server, weight), 0..4))
            .prop_map(|(key, servers)| Happening::Put(key, servers)),
        2 => (0..90_000u64).prop_map(Happening::Pass),
        1 => Just(Happening::LoseAnswers),
        1 => service.prop_map(Happening::Ask),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_table_becomes_what_is_wanted(
        happenings in proptest::collection::vec(happening(), 1..60),
    ) {
        let mut world = World::new();
        let mut wanted = Table::new();
        world.put(200, "rr", &[(1, 1)]);
        for happening in happenings {
            if matches!(happening, Happening::Remove(_) | Happening::Put(..)) {
                world.run();
            }
            match happening {
                Happening::Want(key, Some(hashed)) => {
                    let asked = service(if hashed { "sh" } else { "rr" });
                    world.reconciler.want_service(service_key(key), Some(asked.clone()));
                    wanted.entry(service_key(key)).or_insert((service(""), BTreeMap::new())).0 = asked;
                }
                Happening::Want(key, None) => {
                    world.reconciler.want_service(service_key(key), None);
                    wanted.remove(&service_key(key));
                }
                Happening::WantServer(key, server, weight) => {
                    world.want_server(key, server, weight);
                    if let Some((_, servers)) = wanted.get_mut(&service_key(key)) {
                        match weight {
                            Some(weight) => servers.insert(server_key(server), destination(weight)),
                            None => servers.remove(&server_key(server)),
                        };
                    }
                }
                // What is not wanted, or not ours yet, may be theirs.
                Happening::Remove(key) | Happening::Put(key, _) if !wanted.contains_key(&service_key(key)) => {}
                Happening::Remove(key) => drop(world.kernel.table.remove(&service_key(key))),
                Happening::Put(key, servers) => world.put(key, "wlc", &servers),
                Happening::Pass(milliseconds) => world.pass(Duration::from_millis(milliseconds)),
                Happening::LoseAnswers => {
                    let requests = world.reconciler.requests(world.now);
                    world.kernel.carry_out(&requests);
                    world.reconciler.lost();
                }
                Happening::Ask(key) => world.reconciler.ask(service_key(key)),
            }
        }
        // Delays that surprises have led to, and a reading of everything.
        world.pass(CYCLE * 4);
        let mut table = world.kernel.table.clone();
        let (_, others) = table.remove(&service_key(200)).expect("not ours");
        prop_assert_eq!(others.len(), 1);
        prop_assert_eq!(table, wanted);
        prop_assert!(world.reconciler.is_settled());
        world.kernel.take_commands();
        world.pass(CYCLE);
        prop_assert_eq!(world.kernel.take_commands(), []);
    }
}
