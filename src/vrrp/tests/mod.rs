//! The behaviour of one instance as tables: every row a clause of RFC 3768 or a habit of keepalived, cited. What is compared is
//! what the shell would do, in order.

mod auth;
mod fault;
mod garps;
mod groups;
mod hmac;
mod packets;
mod reload;
mod states;
mod tallies;
mod timing;
mod trackers;
mod unicast;
mod version3;

use super::receive::Envelope;
use super::*;
use crate::config::model::{Authentication, InitialState, Version, VirtualAddress, VrrpInstance};
use crate::config::secret::Secret;
use crate::notify::Kind;
use crate::wire::ip;
use crate::wire::vrrp::MULTICAST_GROUP4;
use crate::wire::vrrp::v2::{self, Advert};
use crate::wire::vrrp::v3;
use std::net::IpAddr;
use std::time::Duration;

const T0: Instant = Instant(50_000_000_000);
const SECOND: Duration = Duration::from_secs(1);
const ETH0: u32 = 2;
const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
const LOWER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const HIGHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const VIP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 100);
const GROUP: Ipv4Addr = MULTICAST_GROUP4;

fn vip(address: Ipv4Addr) -> VirtualAddress {
    VirtualAddress::new(address.into(), 32)
}

pub(super) fn config() -> VrrpInstance {
    VrrpInstance {
        virtual_addresses: vec![vip(VIP)],
        ..VrrpInstance::named("VI_1", "eth0", 51)
    }
}

pub(crate) fn eth0() -> Interface {
    Interface {
        index: ETH0,
        name: "eth0".to_owned(),
        up: true,
        mac: [2, 0, 0, 0, 0, 5],
        mtu: 1500,
        primary_v4: Some(OWN),
        link_local: None,
        sources: Vec::new(),
    }
}

fn packet(source: Ipv4Addr, advert: &Advert<'_>) -> Vec<u8> {
    let header = ip::Header {
        tos: ip::TOS_NETWORK_CONTROL,
        id: 1,
        ttl: 255,
        protocol: ip::PROTOCOL_VRRP,
        source,
        destination: GROUP,
    };
    header.emit(&advert.emit())
}

fn advert(source: Ipv4Addr, priority: u8) -> Vec<u8> {
    packet(source, &Advert::new(51, priority, 1, &VIP.octets()))
}

/// One router with one interface, and what the last event made it do.
struct Bench {
    router: Router,
    now: Instant,
    actions: Actions,
}

impl Bench {
    /// A router that has started.
    fn new(change: impl FnOnce(&mut VrrpInstance)) -> Self {
        let mut bench = Bench::unstarted(change);
        bench.event(Event::Interface(&eth0()));
        bench.event(Event::Start);
        bench
    }

    fn unstarted(change: impl FnOnce(&mut VrrpInstance)) -> Self {
        let mut config = config();
        change(&mut config);
        Bench {
            router: Router::new(
                &Vrrp {
                    instances: vec![config],
                    ..Vrrp::default()
                },
                true,
            ),
            now: T0,
            actions: Vec::new(),
        }
    }

    fn event(&mut self, event: Event<'_>) -> &mut Self {
        self.actions.clear();
        self.router.handle(self.now, event, &mut self.actions);
        self
    }

    fn hear(&mut self, source: Ipv4Addr, priority: u8) -> &mut Self {
        self.packet(&advert(source, priority))
    }

    fn packet(&mut self, bytes: &[u8]) -> &mut Self {
        self.event(Event::Packet {
            interface: ETH0,
            bytes,
        })
    }

    fn timer(&mut self, key: TimerKey) -> &mut Self {
        let deadline = self.now;
        self.event(Event::Timer { key, deadline })
    }

    fn wait(&mut self, time: Duration) -> &mut Self {
        self.now = self.now + time;
        self
    }

    /// Makes it MASTER the usual way, some time later.
    fn master(change: impl FnOnce(&mut VrrpInstance)) -> Self {
        let mut bench = Bench::new(change);
        bench.wait(SECOND * 10);
        if bench.state() == State::Backup {
            bench.timer(TimerKey::MasterDown(0));
        }
        assert_eq!(bench.state(), State::Master);
        bench.wait(SECOND / 2);
        bench
    }

    fn instance(&self) -> &Instance {
        self.router.instance(0).expect("there is one instance")
    }

    fn state(&self) -> State {
        self.instance().state()
    }

    fn reload(&mut self, instances: Vec<VrrpInstance>) -> &mut Self {
        self.event(Event::Reload {
            vrrp: &Vrrp {
                instances,
                ..Vrrp::default()
            },
            log_unknown_vrids: true,
        })
    }

    /// What was done, in order, in short.
    fn done(&self) -> Vec<String> {
        let mut done: Vec<String> = Vec::new();
        for action in &self.actions {
            let short = match action {
                Action::SendAdvert { packets, .. } => {
                    let [packet, ..] = packets.as_slice() else {
                        panic!("an advert without a packet")
                    };
                    let (envelope, message) = Envelope::open(packet).expect("a valid header");
                    let ends = (envelope.source, envelope.destination);
                    let priority = v2::Advert::parse(message)
                        .map(|advert| advert.priority)
                        .or_else(|_| {
                            v3::Advert::parse(message, ends.0, ends.1)
                                .map(|(advert, _)| advert.priority)
                        });
                    format!("advert {}", priority.expect("a valid advert"))
                }
                Action::SendFrame { .. } => "garp".to_owned(),
                Action::Arm(TimerKey::Garp(_), at) => format!("garps in {:?}", at.since(self.now)),
                Action::Arm(TimerKey::GarpQueue(_), at) => {
                    format!("queue in {:?}", at.since(self.now))
                }
                Action::Arm(TimerKey::LinkDelay(_), at) => {
                    format!("link in {:?}", at.since(self.now))
                }
                Action::Arm(TimerKey::Advert(_), at) => {
                    format!("advert in {:?}", at.since(self.now))
                }
                Action::Arm(TimerKey::MasterDown(_), at) => {
                    format!("down in {:?}", at.since(self.now))
                }
                Action::Disarm(key) => format!("disarm {key:?}"),
                Action::HoldAddresses(_, hold) => (if *hold { "take" } else { "drop" }).to_owned(),
                Action::Notify(event, _) if event.what.is_state() => match event.kind {
                    Kind::Instance => format!("now {}", event.what.word()),
                    Kind::Group => format!("{} now {}", event.name, event.what.word()),
                },
                Action::Record(..) | Action::Mark(..) | Action::Notify(..) | Action::Tell(_) => {
                    continue;
                }
            };
            done.push(short);
        }
        done
    }

    fn told(&self) -> Vec<String> {
        let notices = self.actions.iter().filter_map(|action| match action {
            Action::Tell(notice) => Some(notice.to_string()),
            _ => None,
        });
        notices.collect()
    }
}

/// What a new master does, with `first` as its first advert.
fn taking_over(first: &str) -> Vec<String> {
    let mut expected = vec![first, "advert in 1s", "take"];
    expected.extend(["garp"; 5]);
    expected.extend(["garps in 5s", "now MASTER"]);
    expected.into_iter().map(str::to_owned).collect()
}

const STEPPING_DOWN: &[&str] = &[
    "disarm Advert(0)",
    "disarm Garp(0)",
    "drop",
    "down in 3.609375s",
    "now BACKUP",
];
