//! The VRRP core: packets, timers and interface changes in, actions out. Knows no socket, clock or file.
//!
//! `Router` (router.rs) holds every virtual router of the process and finds the instance an event is for; `Instance` (instance.rs)
//! is the state machine of RFC 3768 section 6.4 as one table; the rest are its tools.

use crate::time::Instant;

/// An instance, by its place in the router; stable until a reload says otherwise.
pub type InstanceId = u32;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimerKey {
    /// Adver_Timer: the next advert of a MASTER (RFC 3768 6.1).
    Advert(InstanceId),
    /// Master_Down_Timer of a BACKUP (RFC 3768 6.1).
    MasterDown(InstanceId),
    /// The next gratuitous ARP of an instance: second burst, refresh, or a paced rest.
    Garp(InstanceId),
}

/// What the shell knows of a network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Kernel index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Administratively up and with carrier (IFF_UP and IFF_RUNNING).
    pub up: bool,
    /// Hardware address.
    pub mac: [u8; 6],
    /// Path MTU of the link in bytes.
    pub mtu: u32,
    /// Primary IPv4 address that is not one of our own VIPs: the source of adverts.
    pub primary_v4: Option<std::net::Ipv4Addr>,
}

/// What happens to the core.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// An IPv4 packet, header included, of protocol 112 that arrived on an interface.
    Packet {
        /// Kernel index of the interface.
        interface: u32,
        /// The whole IP packet.
        bytes: &'a [u8],
    },
    /// A timer of the wheel expired; `deadline` is when it was due, never later than `now`.
    Timer {
        /// Which.
        key: TimerKey,
        /// When it was due.
        deadline: Instant,
    },
    /// An interface appeared or changed.
    Interface(&'a Interface),
    /// An interface went away.
    InterfaceGone {
        /// Its index.
        index: u32,
    },
    /// The daemon stops: resign everywhere.
    Stop,
}

/// What the core wants done. Plain values; the shell performs them in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send an advert: a whole IPv4 packet, to its multicast destination, out of an interface.
    SendAdvert {
        /// Kernel index of the interface.
        interface: u32,
        /// IP header and VRRP message.
        packet: Vec<u8>,
    },
    /// Send an Ethernet frame (gratuitous ARP).
    SendFrame {
        /// Kernel index of the interface.
        interface: u32,
        /// From destination MAC on, without FCS.
        frame: Vec<u8>,
    },
    /// Set or replace a timer.
    Arm(TimerKey, Instant),
    /// Forget a timer.
    Disarm(TimerKey),
    /// The addresses of this instance shall be (or not be) on this host.
    HoldAddresses(InstanceId, bool),
    /// Say something in the log (wording in notice.rs).
    Tell(Notice),
}

/// A message of the core, as a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {}
