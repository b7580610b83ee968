//! Any bytes from the network, to the parsers and to a router in every state. Nothing may panic, what can be read must be written
//! back as it was, and addresses stay with MASTER.
//!
//! Input: pieces, each led by a byte that says what happens and one that says how long it is.
#![no_main]

use keepalived::config::model::{
    Authentication, GarpPolicy, InitialState, Version, VirtualAddress, Vrrp, VrrpInstance,
};
use keepalived::config::secret::Secret;
use keepalived::time::Instant;
use keepalived::vrrp::{Action, Actions, Event, Interface, Router, State, TimerKey};
use keepalived::wheel::Wheel;
use keepalived::wire::checksum::checksum;
use keepalived::wire::vrrp::v2::Advert;
use keepalived::wire::{arp::Arp, ethernet, ip};
use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
const PASSWORD: &[u8] = b"1234";

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
    ip::Header { tos: 0xc0, id: 1, ttl: 255, protocol: ip::PROTOCOL_VRRP, source, destination: GROUP }.emit(&message)
}

fn instance(vrid: u8, priority: u8, nopreempt: bool, authentication: Authentication) -> VrrpInstance {
    VrrpInstance {
        name: format!("VI_{vrid}"),
        interface: "eth0".to_owned(),
        virtual_router_id: vrid,
        priority,
        initial_state: InitialState::Backup,
        version: Version::V2,
        advert_interval: Duration::from_secs(1),
        nopreempt,
        down_timer_adverts: 3,
        authentication,
        multicast_group: GROUP,
        source: None,
        dont_track_primary: false,
        preempt_delay: Duration::ZERO,
        timer_expired_backup: None,
        owner_ignore_adverts: false,
        tracked_interfaces: Vec::new(),
        skip_check_adv_addr: false,
        lower_prio_no_advert: false,
        higher_prio_send_advert: true,
        garp: GarpPolicy::default(),
        holdings: Default::default(),
        virtual_addresses: vec![VirtualAddress {
            address: IpAddr::V4(Ipv4Addr::new(10, 0, 1, vrid)),
            prefix: 24,
            interface: None,
            label: None,
            scope: 0,
            broadcast: None,
            peer: None,
            flags: 0,
            preferred_lifetime: None,
        }],
    }
}

fn configuration(priority: u8) -> Vrrp {
    Vrrp {
        instances: vec![
            instance(1, priority, false, Authentication::None),
            instance(2, 255, false, Authentication::None),
            instance(3, 100, true, Authentication::None),
            instance(4, 200, false, Authentication::Pass(Secret::new(PASSWORD))),
        ],
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
                primary_v4: Some(Ipv4Addr::new(10, 0, 0, 5)),
            },
        };
        let interface = node.interface.clone();
        node.event(Event::Interface(&interface));
        node.event(Event::Start);
        node
    }

    fn piece(&mut self, what: u8, piece: &[u8]) {
        let first = piece.first().copied().unwrap_or(0);
        match what % 8 {
            0 => self.event(Event::Packet { interface: 2, bytes: piece }),
            1 | 2 => {
                let (host, message) = piece.split_first().unwrap_or((&0, &[]));
                self.event(Event::Packet { interface: 2, bytes: &mended(*host, message) });
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
                self.event(Event::Packet { interface: 2, bytes: &mended(host, &advert.emit()) });
            }
            4 | 5 => self.pass(Duration::from_millis(u64::from(first) * 20)),
            6 => {
                self.interface.up = first & 1 == 0;
                self.interface.primary_v4 = (first & 2 == 0).then_some(Ipv4Addr::new(10, 0, 0, 5));
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
                self.event(Event::Reload { vrrp: &vrrp, log_unknown_vrids: true });
            }
        }
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
                Action::SendAdvert { packet, .. } => {
                    let (header, message) = ip::Header::parse(&packet).expect("our own packet");
                    assert_eq!((header.ttl, header.destination), (255, GROUP));
                    Advert::parse(message).expect("our own advert");
                }
                Action::SendFrame { frame, .. } => {
                    let (_, packet) = ethernet::Header::parse(&frame).expect("our own frame");
                    Arp::parse(packet).expect("our own ARP");
                }
                Action::Tell(notice) => {
                    let line = notice.to_string();
                    assert!(!line.contains("1234") && !line.contains("please report"), "{line}");
                }
                Action::Record(..) | Action::Changed { .. } => {}
            }
        }
        for instance in self.router.instances() {
            let master = instance.state() == State::Master;
            assert_eq!(self.holds.contains(&instance.id()), master, "{}", instance.name());
            let timer = if master { TimerKey::Advert(instance.id()) } else { TimerKey::MasterDown(instance.id()) };
            let waits = matches!(instance.state(), State::Master | State::Backup);
            assert_eq!(self.wheel.deadline(timer).is_some(), waits, "{} in {}", instance.name(), instance.state());
        }
    }
}
