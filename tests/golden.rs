//! Frames as keepalived 2.4.3 puts them on the wire (tests/golden/*.hex, captured on a bridge): ours are the same, byte for byte.
//! The settings are those of tests/golden/*.conf.

use keepalived::config::model::{
    Authentication, GarpPolicy, InitialState, Version, VirtualAddress, Vrrp, VrrpInstance,
};
use keepalived::config::secret::Secret;
use keepalived::time::Instant;
use keepalived::vrrp::{Action, Event, Interface, Router, TimerKey};
use keepalived::wheel::Wheel;
use keepalived::wire::ethernet::{self, Header, TYPE_IPV4};
use keepalived::wire::vrrp::v2::Advert;
use keepalived::wire::{arp::Arp, ip};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const MAC: ethernet::Mac = [0x02, 0, 0, 0x01, 0, 0];
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 1);
const VIP: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 51);

/// The frames of a file: a comment line before each, then offset and bytes.
fn golden(name: &str) -> Vec<Vec<u8>> {
    let path = format!("{}/tests/golden/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut frames: Vec<Vec<u8>> = Vec::new();
    for line in text.lines() {
        if line.starts_with('#') {
            frames.push(Vec::new());
        } else if let Some(frame) = frames.last_mut() {
            frame.extend(
                line.split_whitespace()
                    .skip(1)
                    .map(|byte| u8::from_str_radix(byte, 16).expect("two hex digits")),
            );
        }
    }
    assert!(!frames.is_empty(), "{path} has no frame");
    frames
}

fn config(authentication: Authentication) -> Vrrp {
    let instance = VrrpInstance {
        name: "V0_51".to_owned(),
        interface: "e0".to_owned(),
        virtual_router_id: 51,
        priority: 200,
        initial_state: InitialState::Backup,
        version: Version::V2,
        advert_interval: Duration::from_secs(1),
        nopreempt: false,
        down_timer_adverts: 3,
        authentication,
        multicast_group: Ipv4Addr::new(224, 0, 0, 18),
        source: None,
        dont_track_primary: false,
        preempt_delay: Duration::ZERO,
        timer_expired_backup: None,
        owner_ignore_adverts: false,
        tracked_interfaces: Vec::new(),
        skip_check_adv_addr: false,
        lower_prio_no_advert: false,
        higher_prio_send_advert: false,
        garp: GarpPolicy::default(),
        holdings: Default::default(),
        virtual_addresses: vec![VirtualAddress {
            address: IpAddr::V4(VIP),
            prefix: 32,
            interface: Some("e0".to_owned()),
            label: None,
            scope: 0,
            broadcast: None,
            peer: None,
            flags: 0,
            preferred_lifetime: None,
        }],
    };
    Vrrp {
        instances: vec![instance],
        ..Vrrp::default()
    }
}

/// What a node that is alone sends: (adverts, gratuitous ARPs with their times), all as Ethernet frames.
struct Alone {
    router: Router,
    wheel: Wheel<TimerKey>,
    now: Instant,
    adverts: Vec<Vec<u8>>,
    garps: Vec<(Instant, Vec<u8>)>,
}

impl Alone {
    fn new(authentication: Authentication) -> Self {
        let now = Instant(1);
        let router = Router::new(&config(authentication), false);
        let mut alone = Alone {
            router,
            wheel: Wheel::new(now),
            now,
            adverts: Vec::new(),
            garps: Vec::new(),
        };
        let interface = Interface {
            index: 2,
            name: "e0".to_owned(),
            up: true,
            mac: MAC,
            mtu: 1500,
            primary_v4: Some(ADDRESS),
        };
        alone.event(Event::Interface(&interface));
        alone.event(Event::Start);
        alone
    }

    fn event(&mut self, event: Event<'_>) {
        let mut actions = Vec::new();
        self.router.handle(self.now, event, &mut actions);
        for action in actions {
            match action {
                Action::Arm(key, at) => self.wheel.arm(key, at),
                Action::Disarm(key) => {
                    assert!(self.wheel.deadline(key).is_none() || self.wheel.disarm(key))
                }
                Action::SendFrame { frame, .. } => self.garps.push((self.now, frame)),
                Action::SendAdvert {
                    packet,
                    destination,
                    ..
                } => {
                    assert_eq!(ip::destination(&packet), Some(destination));
                    let mut frame = Vec::new();
                    Header {
                        destination: ethernet::multicast_mac(destination),
                        source: MAC,
                        kind: TYPE_IPV4,
                    }
                    .emit(&mut frame);
                    frame.extend(packet);
                    self.adverts.push(frame);
                }
                _ => {}
            }
        }
    }

    fn until_adverts(&mut self, count: usize) {
        while self.adverts.len() < count {
            self.now = self
                .wheel
                .next_deadline()
                .expect("a node that is alone has always something to do");
            while let Some((key, deadline)) = self.wheel.pop_expired(self.now) {
                self.event(Event::Timer { key, deadline });
            }
        }
    }
}

fn same_frames(name: &str, authentication: Authentication) {
    let mut alone = Alone::new(authentication);
    let adverts = golden(name);
    let farewell = golden(&format!("{name}-prio0"));
    let (_, packet) = Header::parse(&farewell[0]).expect("an Ethernet header");
    let (header, _) = ip::Header::parse(packet).expect("an IP header");

    alone.until_adverts(usize::from(header.id) - 1);
    assert_eq!(alone.adverts[..adverts.len()], adverts, "{name}");

    alone.event(Event::Stop);
    assert_eq!(alone.adverts.last(), farewell.last(), "{name}-prio0");

    let burst = golden(&format!("{name}-garp-burst"));
    let frames: Vec<&Vec<u8>> = alone.garps.iter().map(|(_, frame)| frame).collect();
    assert_eq!(
        frames,
        burst.iter().collect::<Vec<_>>(),
        "{name}-garp-burst"
    );
    let seconds: Vec<u64> = alone
        .garps
        .iter()
        .map(|(at, _)| at.since(alone.garps[0].0).as_secs())
        .collect();
    assert_eq!(
        seconds,
        [0, 0, 0, 0, 0, 5, 5, 5, 5, 5],
        "{name}-garp-burst: when"
    );
}

#[test]
fn v2_without_authentication() {
    same_frames("v2-noauth", Authentication::None);
}

#[test]
fn v2_with_a_password() {
    same_frames("v2-pass", Authentication::Pass(Secret::new("s3cr3t")));
}

/// The parsers read what keepalived sends, and make the same bytes of it again.
#[test]
fn golden_frames_survive_reading_and_writing() {
    for name in ["v2-noauth", "v2-pass", "v2-noauth-prio0", "v2-pass-prio0"] {
        for frame in golden(name) {
            let (ethernet, packet) = Header::parse(&frame).expect(name);
            let (ip, message) = ip::Header::parse(packet).expect(name);
            let advert = Advert::parse(message).expect(name);
            assert_eq!(advert.addresses().collect::<Vec<_>>(), [VIP], "{name}");
            assert_eq!((ip.source, ip.tos, ip.ttl), (ADDRESS, 0xc0, 255), "{name}");
            let mut again = Vec::new();
            ethernet.emit(&mut again);
            again.extend(ip.emit(&advert.emit()));
            assert_eq!(again, frame, "{name}");
        }
    }
    for frame in golden("v2-noauth-garp-burst") {
        let (ethernet, packet) = Header::parse(&frame).expect("an Ethernet header");
        let arp = Arp::parse(packet).expect("an ARP packet");
        assert_eq!(
            (arp.sender_ip, arp.target_ip, arp.sender_mac),
            (VIP, VIP, MAC)
        );
        let mut again = Vec::new();
        ethernet.emit(&mut again);
        arp.emit(&mut again);
        assert_eq!(again, frame);
    }
}
