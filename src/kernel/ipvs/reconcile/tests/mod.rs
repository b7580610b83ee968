//! A kernel in memory that answers as Linux does, for the reconciler to work against. That Linux answers so is shown in tests/guest/ipvs.rs.

mod anything;
mod cases;
mod drains;
mod retire;

use super::*;
use crate::config::model::{Forwarding, Protocol};
use crate::kernel::ipvs::{Connections, Counts, Message, Received, Traffic};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

const ENOENT: i32 = 2;
const ESRCH: i32 = 3;
const ENOMEM: i32 = 12;
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
    /// Services are not made, with this errno.
    unmade: i32,
    /// Destinations are not made, with this errno.
    unplaced: i32,
    /// Destinations are not listed, with this errno.
    unlisted: i32,
    /// There is no such family.
    unloaded: bool,
    /// The connections that every destination has.
    active: u32,
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
            _ if self.unloaded => ENOENT,
            Request::NewService(..) if self.unmade != 0 => self.unmade,
            Request::NewDestination(..) if self.unplaced != 0 => self.unplaced,
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
                            total: Counts {
                                connections: 7,
                                ..Counts::default()
                            },
                            ..Traffic::default()
                        },
                    });
                    0
                }
                None => ESRCH,
            },
            Request::DumpDestinations(_) if self.unlisted != 0 => self.unlisted,
            Request::DumpDestinations(key) => {
                for (&key, &destination) in table.get(key).iter().flat_map(|entry| &entry.1) {
                    tell(Message::Destination {
                        key,
                        destination: Some(destination),
                        connections: Connections {
                            active: self.active,
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
            kernel: Kernel {
                active: 3,
                ..Kernel::default()
            },
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
