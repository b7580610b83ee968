//! IPVS, the kernel's load balancer (linux/ip_vs.h): what we want of its table, as values, the messages of generic netlink that
//! say so, and the reconciler that makes the table what is wanted. Here are the values and how they are shown; who wants which of them
//! is `check`'s to say.

mod constants;
mod decode;
mod encode;
mod message;
mod notice;
mod reconcile;
mod sync;

pub use crate::config::model::IpvsTimeouts as Timeouts;
pub use decode::decode;
pub use encode::{datagram, resolve};
pub use message::{Connections, Counts, Message, Received, Request, Traffic};
pub use notice::{Notice, Wish};
pub use reconcile::{Leave, Reading, Reconciler};
pub use sync::{daemon as sync_daemon, steps as sync_steps};

use crate::config::model::{Family, Forwarding, Granularity, Protocol, SchedulerFlags};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

/// What tells a service from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServiceKey {
    /// Packets to an address.
    Address {
        /// Layer 4.
        protocol: Protocol,
        /// The virtual address; its family is the service's.
        address: IpAddr,
        /// 0 = every port, which only persistent services can have.
        port: u16,
    },
    /// Packets that carry a firewall mark.
    Fwmark {
        /// The same mark of the other family is another service.
        family: Family,
        /// The mark, not 0.
        mark: u32,
    },
}

impl ServiceKey {
    /// The family of its packets.
    pub fn family(&self) -> Family {
        match self {
            ServiceKey::Address { address, .. } => Family::of(*address),
            ServiceKey::Fwmark { family, .. } => *family,
        }
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceKey::Address {
                protocol,
                address,
                port,
            } => write!(f, "[{address}]:{}:{port}", Protocol::shown(Some(*protocol))),
            ServiceKey::Fwmark {
                family: Family::Inet,
                mark,
            } => write!(f, "FWM {mark}"),
            ServiceKey::Fwmark {
                family: Family::Inet6,
                mark,
            } => write!(f, "FWM {mark} (IPv6)"),
        }
    }
}

/// How a service spreads connections. Cheap to clone: the members of a group share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// By the kernel's name, at most 15 bytes.
    pub scheduler: Rc<str>,
    /// Flags of the scheduler.
    pub flags: SchedulerFlags,
    /// Each packet is scheduled by itself.
    pub one_packet: bool,
    /// None = each connection is scheduled by itself.
    pub persistence: Option<Persistence>,
}

/// What keeps the connections of a client on one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persistence {
    /// Seconds, not 0.
    pub timeout: u32,
    /// Of the service's family; single clients are a full mask.
    pub granularity: Granularity,
    /// By the kernel's name, at most 15 bytes.
    pub engine: Option<Rc<str>>,
}

/// The granularity that makes each client one by itself.
pub fn single_clients(family: Family) -> Granularity {
    match family {
        Family::Inet => Granularity::Mask(Ipv4Addr::BROADCAST),
        Family::Inet6 => Granularity::Prefix(128),
    }
}

/// What tells a destination from the others of its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DestinationKey {
    /// Of the server; tunnels may lead to another family than the service's.
    pub address: IpAddr,
    /// 0 = the port that the packet came to.
    pub port: u16,
}

impl fmt::Display for DestinationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]:{}", self.address, self.port)
    }
}

/// How a destination is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// How packets reach it.
    pub forwarding: Forwarding,
    /// Its share, at most 2147483647; 0 = no new connections, those there are go on.
    pub weight: u32,
    /// No new connections above so many; 0 = no limit.
    pub upper_threshold: u32,
    /// New ones again below so many; 0 = three quarters of the upper one.
    pub lower_threshold: u32,
}

/// Which half of connection synchronisation a daemon of the kernel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SyncRole {
    /// Tells its connections.
    Master,
    /// Hears those of a master.
    Backup,
}

/// A connection synchronisation daemon of the kernel; there is at most one of each role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncDaemon {
    /// Which half it is.
    pub role: SyncRole,
    /// Name of the interface, at most 15 bytes.
    pub interface: Rc<str>,
    /// Masters and backups with the same number talk, 0..=255.
    pub id: u8,
    /// Bytes of the largest datagram; None = what the interface takes.
    pub max_length: Option<u16>,
    /// UDP port; None = 8848.
    pub port: Option<u16>,
    /// Multicast TTL; None = 1.
    pub ttl: Option<u8>,
    /// Multicast group; None = 224.0.0.81.
    pub group: Option<IpAddr>,
}

#[cfg(test)]
mod codec_tests;
