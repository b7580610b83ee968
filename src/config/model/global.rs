//! Daemon-wide settings: `global_defs` and the statements outside any block.

use super::{Files, Firewall, Ipvs, Lifecycle, Mail, Processes, ReceiveBuffers};
use crate::wire::vrrp::{MULTICAST_GROUP4, MULTICAST_GROUP6};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// `global_defs`, with defaults filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Global {
    /// `router_id`; the host name when not given.
    pub router_id: Option<String>,
    /// `vrrp_mcast_group4`.
    pub vrrp_mcast_group4: Ipv4Addr,
    /// `vrrp_mcast_group6`.
    pub vrrp_mcast_group6: Ipv6Addr,
    /// `net_namespace` or `-s`: the network namespace to run in, as `ip netns` knows it.
    pub net_namespace: Option<String>,
    /// `instance`: part of pid file names and syslog idents.
    pub instance: Option<String>,
    /// `use_pid_dir`.
    pub use_pid_dir: bool,
    /// `child_wait_time`, seconds to wait for children at stop.
    pub child_wait_time: u32,
    /// `notify_timeout`: how long a program that is told of something may run, where nothing else is said.
    pub notify_timeout: Option<Duration>,
    /// `fifo_write_vrrp_states_on_reload`.
    pub fifo_states_on_reload: bool,
    /// `log_unknown_vrids`.
    pub log_unknown_vrids: bool,
    /// `vrrp_startup_delay`: VRRP begins this long after the daemon.
    pub vrrp_startup_delay: Duration,
    /// `vrrp_delay_after_boot`: VRRP begins no sooner after the host did.
    pub vrrp_delay_after_boot: Duration,
    /// `dynamic_interfaces`: interfaces may come and go.
    pub dynamic_interfaces: bool,
    /// `disable_local_igmp`: the kernel does not report joins of 224.0.0.0/24.
    pub disable_local_igmp: bool,
    /// `umask`; the command line goes before it.
    pub umask: Option<u32>,
    /// What the processes are called in lists of processes.
    pub process_names: ProcessNames,
    /// How the kernel is asked to run the processes.
    pub processes: Processes,
    /// Files for people, and how a reload goes.
    pub files: Files,
    /// The daemon's own scripts.
    pub lifecycle: Lifecycle,
    /// The packet filter.
    pub firewall: Firewall,
    /// Mail about what happens.
    pub mail: Mail,
    /// How much may wait at the sockets of the VRRP process.
    pub buffers: ReceiveBuffers,
    /// The kernel's load balancer.
    pub ipvs: Ipvs,
}

/// What the processes are called in lists of processes, where it was said; at most 15 bytes each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessNames {
    /// `process_names`: the children have names of their own.
    pub children: bool,
    /// `process_name`.
    pub parent: Option<String>,
    /// `vrrp_process_name`.
    pub vrrp: Option<String>,
    /// `checker_process_name`.
    pub checker: Option<String>,
    /// `bfd_process_name`.
    pub bfd: Option<String>,
}

impl Global {
    /// How long the parent waits for children at the stop.
    pub fn child_wait_time(&self) -> Duration {
        Duration::from_secs(self.child_wait_time.into())
    }
}

impl Default for Global {
    fn default() -> Self {
        Global {
            router_id: None,
            vrrp_mcast_group4: MULTICAST_GROUP4,
            vrrp_mcast_group6: MULTICAST_GROUP6,
            net_namespace: None,
            instance: None,
            use_pid_dir: false,
            child_wait_time: 5,
            notify_timeout: None,
            fifo_states_on_reload: false,
            log_unknown_vrids: false,
            vrrp_startup_delay: Duration::ZERO,
            vrrp_delay_after_boot: Duration::ZERO,
            dynamic_interfaces: false,
            disable_local_igmp: false,
            umask: None,
            process_names: ProcessNames::default(),
            processes: Processes::default(),
            files: Files::default(),
            lifecycle: Lifecycle::default(),
            firewall: Firewall::default(),
            mail: Mail::default(),
            buffers: ReceiveBuffers::default(),
            ipvs: Ipvs::default(),
        }
    }
}
