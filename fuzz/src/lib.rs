//! What targets share that look at one decoder each: a router with one instance, and what it made of a packet.

use keepalived::config::model::{
    Authentication, GarpPolicy, InitialState, Version, VirtualAddress, Vrrp, VrrpInstance,
};
use keepalived::time::{Instant, Wall};
use keepalived::vrrp::{Action, Actions, Event, Interface, Router, Stats};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Where VRRP is sent over IPv4.
pub const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// The same over IPv6.
pub const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
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
        name: "VI".to_owned(),
        interface: "e0".to_owned(),
        virtual_router_id: VRID,
        priority: 100,
        initial_state: InitialState::Backup,
        version,
        advert_interval: Duration::from_secs(1),
        nopreempt: false,
        down_timer_adverts: 3,
        authentication,
        multicast_group: if ipv6 { GROUP6.into() } else { GROUP.into() },
        source: None,
        transport: Default::default(),
        checksum_as_v2: false,
        dont_track_primary: false,
        preempt_delay: Duration::ZERO,
        timer_expired_backup: None,
        owner_ignore_adverts: false,
        tracked_interfaces: Vec::new(),
        trackers: Vec::new(),
        strict: false,
        accept: true,
        receive_buffer: None,
        vmac: Default::default(),
        notify: Default::default(),
        skip_check_adv_addr: false,
        lower_prio_no_advert: false,
        higher_prio_send_advert: true,
        garp: GarpPolicy::default(),
        holdings: Default::default(),
        virtual_addresses: vec![VirtualAddress {
            address,
            prefix: if ipv6 { 128 } else { 32 },
            interface: None,
            label: None,
            scope: 0,
            broadcast: None,
            peer: None,
            flags: 0,
            preferred_lifetime: None,
            tracked: true,
        }],
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
