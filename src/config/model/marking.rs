//! How packets to virtual server groups get a firewall mark: the `nftables_ipvs` words of `global_defs`. Which groups and which marks is
//! `check::marks`' to say.

use serde::{Deserialize, Serialize};

/// Settings of the table that marks, with defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marking {
    /// `nftables_ipvs`: the name of the tables.
    pub table: String,
    /// `nftables_ipvs_priority`: that of the chains.
    pub priority: i32,
    /// `nftables_ipvs_start_fwmark`: the first mark, not 0.
    pub first: u32,
    /// `nftables_counters`: rules and elements count.
    pub counters: bool,
}

impl Default for Marking {
    fn default() -> Self {
        Marking {
            table: "keepalived_ipvs".to_owned(),
            priority: -1,
            first: 1000,
            counters: false,
        }
    }
}
