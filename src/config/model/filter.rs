//! What the packet filter is to be like: the `nftables` words of `global_defs` and their forerunners. Which instances need it is theirs
//! to say (`VrrpInstance::answers`).

use serde::{Deserialize, Serialize};

/// Settings of our nftables tables, with defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firewall {
    /// `nftables`: the name of the tables.
    pub table: String,
    /// `nftables_priority`: that of the chains.
    pub priority: i32,
    /// `nftables_counters`: rules count.
    pub counters: bool,
    /// `nftables_ifindex`: interfaces are told apart by index also where they may be made anew.
    pub by_index: bool,
    /// What is sent from an address that is not answered is dropped too; not with `vrrp_iptables` and one chain.
    pub outbound: bool,
}

impl Default for Firewall {
    fn default() -> Self {
        Firewall {
            table: "keepalived".to_owned(),
            priority: -1,
            counters: false,
            by_index: false,
            outbound: true,
        }
    }
}
