//! The BFD part of the model (RFC 5880): sessions with their neighbours.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// How many sessions there may be: what of them other processes know has its place in shared memory.
pub const BFD_INSTANCES_MAX: usize = 1 << 14;

/// `min_rx` and `min_tx` when none is given.
const INTERVAL: Duration = Duration::from_millis(10);
/// `idle_tx` when none is given.
const IDLE_INTERVAL: Duration = Duration::from_millis(1000);
/// `multiplier` when none is given.
const MULTIPLIER: u8 = 5;
/// `ttl` when none is given, for IPv4 (RFC 5881 section 5) and IPv6.
const TTL: u8 = 255;
const HOP_LIMIT: u8 = 64;

/// One `bfd_instance`. Names are unique, and so are neighbours, but for those with a `source` each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BfdInstance {
    /// Its name, at most 31 bytes.
    pub name: String,
    /// `neighbor_ip`.
    pub neighbor: IpAddr,
    /// `source_ip`, of the neighbour's family; the kernel chooses when not given.
    pub source: Option<IpAddr>,
    /// `min_rx`: Required Min RX Interval.
    pub min_rx: Duration,
    /// `min_tx`: Desired Min TX Interval.
    pub min_tx: Duration,
    /// `idle_tx`: the transmit interval while the session is not Up.
    pub idle_tx: Duration,
    /// `multiplier`: Detect Mult, 1..=255.
    pub multiplier: u8,
    /// `passive`: wait for the neighbour to begin.
    pub passive: bool,
    /// `ttl` or `hoplimit` of what is sent, 1..=255.
    pub ttl: u8,
    /// `max_hops`: how much smaller than `ttl` a received TTL may be; -1 or 255 = it may be any.
    pub max_hops: i16,
    /// `multihop`: RFC 5883's port.
    pub multihop: bool,
    /// `weight` for trackers that name none, -253..=253; 0 = FAULT when down.
    pub weight: i16,
    /// `weight ... reverse`.
    pub reverse: bool,
    /// Whether the VRRP process is told.
    pub tells_vrrp: bool,
    /// Whether the checker process is told.
    pub tells_checker: bool,
}

impl BfdInstance {
    /// One of which nothing else is given.
    pub fn new(name: &str, neighbor: IpAddr) -> Self {
        BfdInstance {
            name: name.to_owned(),
            neighbor,
            source: None,
            min_rx: INTERVAL,
            min_tx: INTERVAL,
            idle_tx: IDLE_INTERVAL,
            multiplier: MULTIPLIER,
            passive: false,
            ttl: if neighbor.is_ipv6() { HOP_LIMIT } else { TTL },
            max_hops: 0,
            multihop: false,
            weight: 0,
            reverse: false,
            tells_vrrp: true,
            tells_checker: true,
        }
    }
}
