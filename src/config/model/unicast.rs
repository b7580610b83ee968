//! How the adverts of an instance travel: by multicast to its group, or by unicast to the peers that were named.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What was said about the way of the adverts; nothing said is multicast.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transport {
    /// To peers and not to the group.
    pub unicast: Option<Unicast>,
    /// `track_src_ip`: without its configured source address on this host the instance cannot run.
    pub track_source: bool,
}

/// `unicast_peer` and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unicast {
    /// `unicast_peer`, in the order of the file, none twice, all of the family of the instance. Empty only with
    /// `unicast_fault_no_peer`: such an instance cannot run.
    pub peers: Vec<UnicastPeer>,
    /// `unicast_ttl`: TTL or hop limit of our adverts.
    pub ttl: u8,
    /// `check_unicast_src`, `vrrp_check_unicast_src`, or bounds at a peer: adverts of others than the peers are dropped.
    pub check_source: bool,
    /// `old_unicast_checksum`.
    pub old_checksum: OldChecksum,
}

/// One line of `unicast_peer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnicastPeer {
    /// Its address.
    pub address: IpAddr,
    /// `min_ttl`: the lowest TTL or hop limit its adverts may arrive with.
    pub min_ttl: u8,
    /// `max_ttl`: the highest.
    pub max_ttl: u8,
}

/// `old_unicast_checksum`: keepalived before 1.3.7 computed version 3 checksums over IPv4 as if the advert went to the group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OldChecksum {
    /// Such checksums are accepted, and sent to the peers that were heard to use them.
    #[default]
    Learned,
    /// Sent to all; accepted.
    Always,
    /// Neither sent nor accepted.
    Never,
}
