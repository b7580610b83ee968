//! How much may wait at the sockets of the VRRP process until it is read.

use serde::{Deserialize, Serialize};

/// Sizes of receive buffers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiveBuffers {
    /// `vrrp_rx_bufs_policy`; without it the size follows the number of those who may speak at once.
    pub policy: Option<BufferPolicy>,
    /// `vrrp_rx_bufs_multiplier`: packets of an instance that find room, with a policy that is no size.
    pub multiplier: u32,
    /// `vrrp_netlink_cmd_rcv_bufs`, `vrrp_netlink_monitor_rcv_bufs`: one socket is both, so the larger counts.
    pub netlink: Option<NetlinkBuffer>,
    /// `process_monitor_rcv_bufs`: where the kernel tells of processes.
    pub processes: Option<NetlinkBuffer>,
}

/// `vrrp_rx_bufs_policy`; of several the greatest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BufferPolicy {
    /// Packets as large as the instance's own adverts.
    Advert,
    /// Packets as large as the interface takes.
    Mtu,
    /// So many bytes a socket.
    Bytes(u32),
}

/// The receive buffer of a netlink socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetlinkBuffer {
    /// Its size.
    pub bytes: u32,
    /// Past the system's limit (`SO_RCVBUFFORCE`).
    pub force: bool,
}

impl Default for ReceiveBuffers {
    fn default() -> Self {
        ReceiveBuffers {
            policy: None,
            multiplier: 3,
            netlink: None,
            processes: None,
        }
    }
}
