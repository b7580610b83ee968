//! A node of the simulated world: its places on the segments, its core, what it holds, and who watches it. What happens to it is
//! network.rs's and mishaps.rs's.

use super::network::SegmentId;
use super::tracked::Levels;
use super::watch::{Violation, Watch};
use crate::config::model::Vrrp;
use crate::time::Instant;
use crate::track::Level;
use crate::vrrp::{InstanceId, Interface, Record, Router, TimerKey};
use crate::wheel::Wheel;
use crate::wire::arp::Arp;
use crate::wire::destination;
use crate::wire::ethernet;
use crate::wire::ndisc::NeighbourAdvertisement;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[derive(Debug)]
pub(super) enum Input {
    Packet(SegmentId, Vec<u8>),
    Interface(Interface),
    /// Something that is tracked, by its place, says this.
    Tracker(usize, Level),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Running {
    Yes,
    /// Stopped like a frozen virtual machine: input waits, timers are late.
    Paused,
    /// Switched off.
    Off,
}

/// A node's place on a segment.
pub(super) struct Plug {
    pub interface: Interface,
    pub address: Ipv4Addr,
    /// Which side of a partition it is on.
    pub side: u8,
}

pub(super) struct Node {
    pub config: Vrrp,
    pub plugs: Vec<Plug>,
    /// When it was frozen.
    pub paused_at: Instant,
    pub router: Router,
    pub wheel: Wheel<TimerKey>,
    pub running: Running,
    pub inbox: VecDeque<Input>,
    pub holds: BTreeSet<InstanceId>,
    pub records: BTreeMap<InstanceId, Record>,
    pub watch: Watch,
    /// What the things that it tracks say, and what its core was told of that.
    pub levels: Levels,
    pub told: Levels,
}

impl Plug {
    /// Whether a packet is for it: sent to its address, or to a group.
    pub fn is_addressed(&self, packet: &[u8]) -> bool {
        destination(packet).is_none_or(|destination| {
            destination.is_multicast() || sources(self.address).contains(&destination)
        })
    }
}

/// The addresses of an interface with this IPv4 address, sorted.
pub(super) fn sources(address: Ipv4Addr) -> Vec<IpAddr> {
    vec![address.into(), link_local(address).into()]
}

/// The link-local address of an interface with this IPv4 address; in the same order as those.
pub(super) fn link_local(address: Ipv4Addr) -> Ipv6Addr {
    let [_, segment, _, host] = address.octets();
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, segment.into(), host.into())
}

impl Node {
    /// Nobody announces an address that it does not hold.
    pub fn check_announcement(&self, now: Instant, frame: &[u8]) -> Result<(), Violation> {
        let announced = ethernet::Header::parse(frame).and_then(|(_, packet)| {
            let arp = Arp::parse(packet).map(|arp| IpAddr::V4(arp.sender_ip));
            let told = || NeighbourAdvertisement::parse(packet);
            arp.or_else(|| told().map(|(_, told)| IpAddr::V6(told.target)))
        });
        let held = |address: IpAddr| {
            self.holds
                .iter()
                .filter_map(|id| self.router.instance(*id))
                .any(|instance| {
                    instance
                        .config()
                        .virtual_addresses
                        .iter()
                        .any(|virtual_address| virtual_address.address == address)
                })
        };
        match announced {
            Some(address) if held(address) => Ok(()),
            other => Err(Violation {
                what: format!("announced {other:?}, which it does not hold"),
                at: now,
            }),
        }
    }
}
