//! What targets share that look at one decoder each: a router with one instance, and what it made of a packet.

use keepalived::config::model::{Authentication, Version, VirtualAddress, Vrrp, VrrpInstance};
use keepalived::time::{Instant, Wall};
use keepalived::vrrp::{Action, Actions, Event, Interface, Router, Stats};
pub use keepalived::wire::vrrp::{MULTICAST_GROUP4 as GROUP, MULTICAST_GROUP6 as GROUP6};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// The virtual router ID of every instance, that of the recorded frames.
pub const VRID: u8 = 51;
/// Our addresses.
pub const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
/// The same over IPv6.
pub const OWN6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 5);

/// An instance over IPv4 or IPv6.
pub fn instance(version: Version, ipv6: bool, authentication: Authentication) -> VrrpInstance {
    let address: IpAddr = if ipv6 {
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x200, 0, 0x33).into()
    } else {
        Ipv4Addr::new(10, 200, 0, 51).into()
    };
    VrrpInstance {
        version,
        authentication,
        multicast_group: if ipv6 { GROUP6.into() } else { GROUP.into() },
        higher_prio_send_advert: true,
        virtual_addresses: vec![VirtualAddress::new(address, if ipv6 { 128 } else { 32 })],
        ..VrrpInstance::named("VI", "e0", VRID)
    }
}

/// A router with one instance, as BACKUP.
pub struct Listener {
    /// The router.
    pub router: Router,
    /// What time it is.
    pub now: Instant,
    /// What was said, all of it.
    pub said: String,
}

impl Listener {
    /// One that has just started.
    pub fn new(instance: VrrpInstance) -> Self {
        let config = Vrrp {
            instances: vec![instance],
            ..Vrrp::default()
        };
        let mut listener = Listener {
            router: Router::new(&config, true),
            now: Instant(1),
            said: String::new(),
        };
        listener.event(Event::Interface(&Interface {
            index: 2,
            name: "e0".to_owned(),
            up: true,
            mac: [2, 0, 0, 0, 0, 5],
            mtu: 1500,
            primary_v4: Some(OWN),
            link_local: Some(OWN6),
            sources: Vec::new(),
        }));
        listener.event(Event::Start);
        listener
    }

    /// Sets the host's clock.
    pub fn clock(&mut self, wall: Wall) {
        self.router.set_wall(self.now, wall);
    }

    /// Lets something happen a millisecond later; the packets that it makes the router send.
    pub fn event(&mut self, event: Event<'_>) -> Vec<Vec<u8>> {
        self.now = self.now + Duration::from_millis(1);
        let mut actions = Actions::new();
        self.router.handle(self.now, event, &mut actions);
        let mut sent = Vec::new();
        for action in actions {
            match action {
                Action::SendAdvert { packets, .. } => sent.extend(packets),
                Action::Tell(notice) => self.said += &notice.to_string(),
                _ => {}
            }
        }
        assert!(!self.said.contains("please report"), "{}", self.said);
        sent
    }

    /// Lets it hear a packet; whether it was welcome.
    pub fn hears(&mut self, packet: &[u8]) -> bool {
        let before = self.stats().advert_rcvd;
        self.event(Event::Packet {
            interface: 2,
            bytes: packet,
        });
        self.stats().advert_rcvd > before
    }

    /// What the instance counted.
    pub fn stats(&self) -> Stats {
        *self.router.instance(0).expect("there is one").stats()
    }
}
