//! Any bytes from the network, to the parsers and to a router in every state. Nothing may panic, what can be read must be written
//! back as it was, and addresses stay with MASTER.
//!
//! Input: pieces, each led by a byte that says what happens and one that says how long it is.
#![no_main]

use keepalived::config::model::{
    Authentication, OldChecksum, SyncGroup, Unicast, UnicastPeer, Version, VirtualAddress, Vrrp,
    VrrpInstance,
};
use keepalived::config::secret::Secret;
use keepalived::time::Instant;
use keepalived::vrrp::{Action, Actions, Event, Interface, Router, State, TimerKey};
use keepalived::wheel::Wheel;
use keepalived::wire::checksum::checksum;
use keepalived::wire::checksum::pseudo_header;
use keepalived::wire::ndisc::NeighbourAdvertisement;
use keepalived::wire::vrrp::v2::Advert;
use keepalived::wire::vrrp::v3::{self, Coverage};
use keepalived::wire::vrrp::{Family, MULTICAST_GROUP4 as GROUP, MULTICAST_GROUP6 as GROUP6};
use keepalived::wire::{arp::Arp, ethernet, ip, ipv6};
use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// The other node of the unicast instance, and how far our adverts to it go.
const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const UNICAST_TTL: u8 = 64;
/// Nothing else that is said looks like it.
const PASSWORD: &[u8] = b"geheim";

fuzz_target!(|data: &[u8]| {
    parse(data);
    let mut node = Node::new();
    let mut rest = data;
    while let [what, length, tail @ ..] = rest {
        let (piece, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        node.piece(*what, piece);
    }
    node.event(Event::Stop);
    assert!(node.holds.is_empty());
});

fn parse(bytes: &[u8]) {
    if let Ok(advert) = Advert::parse(bytes) {
        assert_eq!(advert.emit(), bytes);
    }
    if let Ok((_, message)) = ip::Header::parse(bytes) {
        assert!(message.len() <= bytes.len());
    }
    if let Some((_, payload)) = ethernet::Header::parse(bytes) {
        let _ = Arp::parse(payload);
    }
    let _ = Arp::parse(bytes);
    if let Some((header, told)) = NeighbourAdvertisement::parse(bytes) {
        let again = NeighbourAdvertisement::parse(&told.emit()).expect("our own packet");
        assert_eq!((again.1, header.hop_limit), (told, 255));
    }
    if let Ok((header, message)) = ipv6::Header::parse(bytes) {
        assert_eq!(
            header.emit(message),
            bytes[..ipv6::HEADER_LENGTH + message.len()]
        );
    }
    for (source, destination) in [
        (own4().into(), GROUP.into()),
        (own6(5).into(), GROUP6.into()),
    ] {
        if let Ok((advert, coverage)) = v3::Advert::parse(bytes, source, destination) {
            assert_eq!(advert.emit(source, destination, coverage), bytes);
        }
    }
    if let Ok(advert) = Advert::parse_ipv6(bytes, own6(5), GROUP6) {
        assert_eq!(advert.emit_ipv6(own6(5), GROUP6), bytes);
    }
}

/// What we send is what the others can read.
fn check_advert(packet: &[u8]) {
    if let Ok((header, message)) = ipv6::Header::parse(packet) {
        assert_eq!((header.hop_limit, header.destination), (255, GROUP6));
        let ends = (header.source, header.destination);
        let newer = v3::Advert::parse(message, ends.0.into(), ends.1.into());
        assert!(newer.is_ok() || Advert::parse_ipv6(message, ends.0, ends.1).is_ok());
        return;
    }
    let (header, message) = ip::Header::parse(packet).expect("our own packet");
    let expected = if header.destination.is_multicast() {
        (255, GROUP)
    } else {
        (UNICAST_TTL, PEER)
    };
    assert_eq!((header.ttl, header.destination), expected);
    let newer = v3::Advert::parse(message, header.source.into(), header.destination.into());
    let older = v3::Advert::parse(message, header.source.into(), GROUP.into());
    assert!(newer.is_ok() || older.is_ok() || Advert::parse(message).is_ok());
}

fn own4() -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, 5)
}

fn own6(host: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, u16::from(host))
}

/// The same over IPv6, from fe80::`host`.
fn mended6(host: u8, message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    let source = own6(host);
    let pseudo = pseudo_header(
        source.into(),
        GROUP6.into(),
        ip::PROTOCOL_VRRP,
        message.len(),
    );
    if let Some(field) = message.get_mut(6..8) {
        field.fill(0);
        let sum = checksum(&[&pseudo, &message]);
        message[6..8].copy_from_slice(&sum.to_be_bytes());
    }
    ipv6::Header {
        traffic_class: 0xc0,
        flow_label: 1,
        next_header: ip::PROTOCOL_VRRP,
        hop_limit: 255,
        source,
        destination: GROUP6,
    }
    .emit(&message)
}

/// A packet from 10.0.0.`host` around `message`, its checksums right, whatever else it says.
fn mended(host: u8, message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    if let Some(field) = message.get_mut(6..8) {
        field.fill(0);
        let sum = checksum(&[&message]);
        message[6..8].copy_from_slice(&sum.to_be_bytes());
    }
    let source = Ipv4Addr::new(10, 0, 0, host);
    to_group(source).emit(&message)
}

/// Of a packet to all routers.
fn to_group(source: Ipv4Addr) -> ip::Header {
    ip::Header {
        tos: 0xc0,
        id: 1,
        ttl: 255,
        protocol: ip::PROTOCOL_VRRP,
        source,
        destination: GROUP,
    }
}

fn instance(
    vrid: u8,
    priority: u8,
    nopreempt: bool,
    authentication: Authentication,
) -> VrrpInstance {
    VrrpInstance {
        priority,
        nopreempt,
        authentication,
        higher_prio_send_advert: true,
        virtual_addresses: vec![VirtualAddress::new(
            Ipv4Addr::new(10, 0, 1, vrid).into(),
            24,
        )],
        ..VrrpInstance::named(format!("VI_{vrid}"), "eth0", vrid)
    }
}

/// The same in version 3, or over IPv6 in any.
fn newer(mut instance: VrrpInstance, version: Version, family: Family) -> VrrpInstance {
    instance.version = version;
    instance.advert_interval =
        Duration::from_millis(if version == Version::V3 { 250 } else { 1000 });
    if family == Family::V6 {
        instance.multicast_group = GROUP6.into();
        for (host, flags) in [(1, VirtualAddress::NODAD), (2, 0)] {
            let line = instance.virtual_addresses[0].clone();
            let address = Ipv6Addr::new(
                0xfe80,
                0,
                0,
                0,
                0,
                0,
                host,
                u16::from(instance.virtual_router_id),
            );
            instance.virtual_addresses.push(VirtualAddress {
                address: address.into(),
                flags,
                ..line
            });
        }
        instance.virtual_addresses.remove(0);
    }
    instance
}

/// The same to one peer.
fn unicast(mut instance: VrrpInstance) -> VrrpInstance {
    instance.transport.unicast = Some(Unicast {
        peers: vec![UnicastPeer {
            address: PEER.into(),
            min_ttl: 64,
            max_ttl: 255,
        }],
        ttl: UNICAST_TTL,
        check_source: true,
        old_checksum: OldChecksum::Learned,
    });
    instance
}

fn configuration(priority: u8) -> Vrrp {
    let plain = |vrid, nopreempt| instance(vrid, priority.max(1), nopreempt, Authentication::None);
    Vrrp {
        instances: vec![
            newer(plain(5, false), Version::V3, Family::V4),
            newer(plain(6, false), Version::V3, Family::V6),
            newer(plain(7, true), Version::V3, Family::V6),
            newer(plain(8, false), Version::V2, Family::V6),
            unicast(newer(plain(9, false), Version::V3, Family::V4)),
            instance(1, priority, false, Authentication::None),
            instance(2, 255, false, Authentication::None),
            instance(3, 100, true, Authentication::None),
            instance(4, 200, false, Authentication::Pass(Secret::new(PASSWORD))),
        ],
        // Whatever moves one of them by packets moves the other.
        sync_groups: vec![SyncGroup {
            name: "VG".to_owned(),
            notify: Default::default(),
            members: vec!["VI_1".to_owned(), "VI_3".to_owned()],
        }],
        ..Vrrp::default()
    }
}

struct Node {
    router: Router,
    wheel: Wheel<TimerKey>,
    now: Instant,
    holds: HashSet<u32>,
    interface: Interface,
}

impl Node {
    fn new() -> Self {
        let now = Instant(1);
        let mut node = Node {
            router: Router::new(&configuration(100), true),
            wheel: Wheel::new(now),
            now,
            holds: HashSet::new(),
            interface: Interface {
                index: 2,
                name: "eth0".to_owned(),
                up: true,
                mac: [2, 0, 0, 0, 0, 5],
                mtu: 1500,
                primary_v4: Some(own4()),
                link_local: Some(own6(5)),
                sources: Vec::new(),
            },
        };
        let interface = node.interface.clone();
        node.event(Event::Interface(&interface));
        node.event(Event::Start);
        node
    }

    fn piece(&mut self, what: u8, piece: &[u8]) {
        let first = piece.first().copied().unwrap_or(0);
        match what % 12 {
            0 => self.event(Event::Packet {
                interface: 2,
                bytes: piece,
            }),
            1 | 2 => {
                let (host, message) = piece.split_first().unwrap_or((&0, &[]));
                self.event(Event::Packet {
                    interface: 2,
                    bytes: &mended(*host, message),
                });
            }
            // An advert that will be heeded, for any instance.
            3 => {
                let vrid = first % 5;
                let priority = piece.get(1).copied().unwrap_or(0);
                let address = [10, 0, 1, vrid];
                let mut advert = Advert::new(vrid, priority, 1, &address);
                if vrid == 4 {
                    advert = advert.with_password(PASSWORD);
                }
                let host = piece.get(2).copied().unwrap_or(0);
                self.event(Event::Packet {
                    interface: 2,
                    bytes: &mended(host, &advert.emit()),
                });
            }
            8 => {
                let (host, message) = piece.split_first().unwrap_or((&0, &[]));
                self.event(Event::Packet {
                    interface: 2,
                    bytes: &mended6(*host, message),
                });
            }
            9 => self.event(Event::AddressUsable {
                instance: u32::from(first % 8),
                address: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 2, u16::from(first % 9)).into(),
            }),
            10 => self.newer(piece),
            11 => self.unicast(piece),
            4 | 5 => self.pass(Duration::from_millis(u64::from(first) * 20)),
            6 => {
                self.interface.up = first & 1 == 0;
                self.interface.primary_v4 = (first & 2 == 0).then_some(own4());
                self.interface.link_local = (first & 8 == 0).then_some(own6(5));
                let interface = self.interface.clone();
                match first & 4 {
                    0 => self.event(Event::Interface(&interface)),
                    _ => self.event(Event::InterfaceGone { index: 2 }),
                }
            }
            _ => {
                let mut vrrp = configuration(first);
                if first & 1 == 0 {
                    vrrp.instances.pop();
                }
                self.event(Event::Reload {
                    vrrp: &vrrp,
                    log_unknown_vrids: true,
                });
            }
        }
    }

    /// An advert of version 3, over IPv4 or IPv6, that will be heeded.
    fn newer(&mut self, piece: &[u8]) {
        let byte = |at: usize| piece.get(at).copied().unwrap_or(0);
        let (vrid, priority, host) = (5 + byte(0) % 3, byte(1), byte(2));
        let interval = u16::from_be_bytes([byte(3), byte(4)]);
        if vrid == 5 {
            let source = Ipv4Addr::new(10, 0, 0, host);
            let coverage = if byte(5) & 1 == 0 {
                Coverage::Message
            } else {
                Coverage::PseudoHeader
            };
            let message = v3::Advert::new(Family::V4, vrid, priority, interval, &[10, 0, 1, 5])
                .emit(source.into(), GROUP.into(), coverage);
            self.event(Event::Packet {
                interface: 2,
                bytes: &to_group(source).emit(&message),
            });
        } else {
            let list = own6(vrid).octets();
            let message = v3::Advert::new(Family::V6, vrid, priority, interval, &list).emit(
                own6(host).into(),
                GROUP6.into(),
                Coverage::PseudoHeader,
            );
            self.event(Event::Packet {
                interface: 2,
                bytes: &mended6(host, &message),
            });
        }
    }

    /// An advert from the peer, its checksum of this age or that; or from somebody else.
    fn unicast(&mut self, piece: &[u8]) {
        let byte = |at: usize| piece.get(at).copied().unwrap_or(0);
        let source = if byte(2) & 1 == 0 {
            PEER
        } else {
            Ipv4Addr::new(10, 0, 0, byte(3))
        };
        let named = if byte(2) & 2 == 0 { own4() } else { GROUP };
        let message = v3::Advert::new(Family::V4, 9, byte(0), 25, &[10, 0, 1, 9]).emit(
            source.into(),
            named.into(),
            Coverage::PseudoHeader,
        );
        let destination = if byte(2) & 4 == 0 { own4() } else { GROUP };
        let header = ip::Header {
            tos: 0xc0,
            id: 1,
            ttl: byte(1),
            protocol: ip::PROTOCOL_VRRP,
            source,
            destination,
        };
        self.event(Event::Packet {
            interface: 2,
            bytes: &header.emit(&message),
        });
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(next) = self.wheel.next_deadline().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            while let Some((key, deadline)) = self.wheel.pop_expired(self.now) {
                self.event(Event::Timer { key, deadline });
            }
        }
        self.now = until;
    }

    fn event(&mut self, event: Event<'_>) {
        let mut actions = Actions::new();
        self.router.handle(self.now, event, &mut actions);
        for action in actions {
            match action {
                Action::Arm(key, at) => self.wheel.arm(key, at),
                Action::Disarm(key) => {
                    self.wheel.disarm(key);
                }
                Action::HoldAddresses(id, true) => {
                    self.holds.insert(id);
                }
                Action::HoldAddresses(id, false) => {
                    self.holds.remove(&id);
                }
                Action::SendAdvert { packets, .. } => {
                    for packet in packets.as_slice() {
                        check_advert(packet);
                    }
                }
                Action::SendFrame { frame, .. } => {
                    let (_, packet) = ethernet::Header::parse(&frame).expect("our own frame");
                    assert!(
                        Arp::parse(packet).is_some()
                            || NeighbourAdvertisement::parse(packet).is_some()
                    );
                }
                Action::Tell(notice) => {
                    let line = notice.to_string();
                    assert!(
                        !line.contains("geheim") && !line.contains("please report"),
                        "{line}"
                    );
                }
                Action::Record(..) | Action::Mark(..) | Action::Notify(..) => {}
            }
        }
        for instance in self.router.instances() {
            let master = instance.state() == State::Master;
            assert_eq!(
                self.holds.contains(&instance.id()),
                master,
                "{}",
                instance.name()
            );
            let timer = if master {
                TimerKey::Advert(instance.id())
            } else {
                TimerKey::MasterDown(instance.id())
            };
            let waits = matches!(instance.state(), State::Master | State::Backup);
            assert_eq!(
                self.wheel.deadline(timer).is_some(),
                waits,
                "{} in {}",
                instance.name(),
                instance.state()
            );
        }
    }
}
