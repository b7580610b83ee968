//! Daemon-wide settings of the kernel's load balancer.

use super::NetlinkBuffer;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// The words of `global_defs` about IPVS, and `net_namespace_ipvs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipvs {
    /// `net_namespace_ipvs`: where the load balancer is.
    pub namespace: IpvsNamespace,
    /// `lvs_flush`: the table is emptied at start.
    pub flush: bool,
    /// `lvs_flush_on_stop`: the table is emptied at stop, whosever the services are.
    pub flush_on_stop: bool,
    /// `lvs_drain_timeout`: `drain_timeout` of servers that have none.
    pub drain_timeout: Option<Duration>,
    /// `lvs_timeouts`; None = as the kernel has them.
    pub timeouts: Option<IpvsTimeouts>,
    /// `lvs_sync_daemon`, or `lvs_sync_daemon_interface` of an instance.
    pub sync: Option<SyncSettings>,
    /// `lvs_netlink_cmd_rcv_bufs`, `lvs_netlink_monitor_rcv_bufs`: one socket is both, so the larger counts.
    pub netlink: Option<NetlinkBuffer>,
}

/// In which network namespace the load balancer is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpvsNamespace {
    /// Where everything else is.
    #[default]
    Same,
    /// Where the daemon was started.
    Original,
    /// In the one of this name, as `ip netns` knows it.
    Named(String),
}

/// How long connections are remembered without traffic, in seconds; 0 = as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpvsTimeouts {
    /// Established TCP.
    pub tcp: u32,
    /// TCP after a FIN.
    pub tcp_fin: u32,
    /// UDP.
    pub udp: u32,
}

/// `lvs_sync_daemon`: connections are told to, or heard from, other load balancers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncSettings {
    /// The interface.
    pub interface: String,
    /// The instance that says whether we tell or hear; None = both at once.
    pub instance: Option<String>,
    /// Those with the same number talk.
    pub id: u8,
    /// `maxlen`: bytes of the largest datagram; None = what the interface takes.
    pub max_length: Option<u16>,
    /// `port`; None = 8848.
    pub port: Option<u16>,
    /// `ttl`; None = 1.
    pub ttl: Option<u8>,
    /// `group`; None = 224.0.0.81.
    pub group: Option<IpAddr>,
}
