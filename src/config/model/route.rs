//! Routes and policy rules as configured: `virtual_routes`, `virtual_rules`, `static_routes`, `static_rules`. Names of iproute2's
//! tables are numbers already; interfaces stay names, because one that is made anew has a new index.

use super::VirtualAddress;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The protocol number of what keepalived puts into routing tables (`RTPROT_KEEPALIVED`).
pub const PROTOCOL_KEEPALIVED: u8 = 18;
/// The main routing table (`RT_TABLE_MAIN`).
pub const TABLE_MAIN: u32 = 254;
/// `RTN_UNICAST`: an ordinary route.
pub const ROUTE_UNICAST: u8 = 1;

/// `RTAX_*` (linux/rtnetlink.h) by the words of a configuration, in the order in which they are listed.
pub const ROUTE_METRICS: [(&str, u16); 16] = [
    ("mtu", 2),
    ("window", 3),
    ("rtt", 4),
    ("rttvar", 5),
    ("rto_min", 13),
    ("ssthresh", 6),
    ("cwnd", 7),
    ("advmss", 8),
    ("reordering", 9),
    ("hoplimit", 10),
    ("initcwnd", 11),
    ("features", 12),
    ("initrwnd", 14),
    ("quickack", 15),
    ("congctl", 16),
    ("fastopen_no_cookie", 17),
];

/// `RTN_*` by the words of a configuration.
pub const ROUTE_KINDS: [(&str, u8); 12] = [
    ("unicast", ROUTE_UNICAST),
    ("local", 2),
    ("broadcast", 3),
    ("brd", 3),
    ("anycast", 4),
    ("multicast", 5),
    ("blackhole", 6),
    ("unreachable", 7),
    ("prohibit", 8),
    ("throw", 9),
    ("nat", 10),
    ("xresolve", 11),
];

/// What an owner (an instance, or the host for the `static_*` blocks) puts on the host besides advertised addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holdings {
    /// `virtual_ipaddress_excluded` or `static_ipaddress`, in the order of the file.
    pub addresses: Vec<VirtualAddress>,
    /// `virtual_routes` or `static_routes`.
    pub routes: Vec<Route>,
    /// `virtual_rules` or `static_rules`.
    pub rules: Vec<Rule>,
}

impl Holdings {
    /// True when there is nothing.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.routes.is_empty() && self.rules.is_empty()
    }
}

/// An address with its prefix length in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Prefix {
    /// Network address.
    pub address: IpAddr,
    /// 0..=32 or 0..=128.
    pub length: u8,
}

/// Where a route goes among those to the same destination.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum Insertion {
    /// `add`: only if there is none yet.
    Add,
    /// `append`: behind the others.
    Append,
    /// `prepend`: before the others.
    #[default]
    Prepend,
}

/// `encap`: how packets are wrapped on their way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Encap {
    /// `encap ip`, `encap ip6`.
    Ip {
        /// Which of the two.
        ipv6: bool,
        /// `id`: tunnel key.
        id: Option<u64>,
        /// `dst`.
        destination: Option<IpAddr>,
        /// `src`.
        source: Option<IpAddr>,
        /// `tos` or `tc`.
        tos: Option<u8>,
        /// `ttl` or `hoplimit`.
        ttl: Option<u8>,
        /// `flags`.
        flags: Option<u16>,
    },
    /// `encap mpls`: labels of 20 bits, the outermost first (RFC 3032).
    Mpls(Vec<u32>),
    /// `encap ila`: the locator, in the order of its text.
    Ila(u64),
}

/// One way of a route: its only one, or one of several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NextHop {
    /// `via`.
    pub gateway: Option<IpAddr>,
    /// `dev`.
    pub interface: Option<String>,
    /// `weight`, 1..=256; 0 = not said.
    pub weight: u16,
    /// `onlink`: the gateway is reachable although no network says so.
    pub onlink: bool,
    /// `realms`: source realm in the upper 16 bits.
    pub realms: Option<u32>,
    /// `encap`.
    pub encap: Option<Encap>,
}

/// A number of a route's `RTAX_*` metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Metric {
    /// `RTAX_*`.
    pub kind: u16,
    /// In the kernel's units.
    pub value: u32,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Route {
    /// True = IPv6.
    pub ipv6: bool,
    /// `RTN_*`: 1 unicast, 2 local, 6 blackhole, 7 unreachable ...
    pub kind: u8,
    /// Where to; length 0 = default.
    pub destination: Prefix,
    /// `from` (IPv6).
    pub from: Option<Prefix>,
    /// The single way; empty when there are several.
    pub hop: NextHop,
    /// `nexthop` groups.
    pub hops: Vec<NextHop>,
    /// `src`.
    pub source: Option<IpAddr>,
    /// `table`.
    pub table: u32,
    /// `vrf`: the table is that of this device.
    pub vrf: Option<String>,
    /// `metric`.
    pub metric: Option<u32>,
    /// `protocol`.
    pub protocol: u8,
    /// `scope`, kernel numbering.
    pub scope: Option<u8>,
    /// `tos`.
    pub tos: u8,
    /// Metrics with a number, at most one of a kind.
    pub metrics: Vec<Metric>,
    /// Bit n = the metric of kind n is locked.
    pub locked: u32,
    /// `congctl`.
    pub congestion: Option<String>,
    /// `expires` in seconds (IPv6).
    pub expires: Option<u32>,
    /// `pref` (IPv6): 0 medium, 1 high, 3 low.
    pub preference: Option<u8>,
    /// `ttl-propagate`.
    pub ttl_propagate: Option<bool>,
    /// `add`, `append`, `prepend`.
    pub insertion: Insertion,
    /// Put back when somebody removes it (no `no_track`).
    pub tracked: bool,
}

/// What a rule does with a packet it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RuleAction {
    /// `table`: look there.
    Table(u32),
    /// `l3mdev`: look in the table of the master device.
    L3Master,
    /// `goto`: go on at the rule with this preference.
    Goto(u32),
    /// `nop`.
    Nop,
    /// `blackhole`.
    Blackhole,
    /// `unreachable`.
    Unreachable,
    /// `prohibit`.
    Prohibit,
}

/// One policy rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    /// True = IPv6.
    pub ipv6: bool,
    /// `from`.
    pub from: Option<Prefix>,
    /// `to`.
    pub to: Option<Prefix>,
    /// What it does.
    pub action: RuleAction,
    /// `preference`, given or assigned.
    pub preference: u32,
    /// `not`.
    pub inverted: bool,
    /// `iif`.
    pub input: Option<String>,
    /// `oif`.
    pub output: Option<String>,
    /// `tos`.
    pub tos: u8,
    /// `fwmark`.
    pub mark: Option<u32>,
    /// The mask of `fwmark`.
    pub mask: Option<u32>,
    /// `realms`: source realm in the upper 16 bits.
    pub realms: Option<u32>,
    /// `suppress_prefixlength`.
    pub suppress_prefix: Option<u32>,
    /// `suppress_ifgroup`.
    pub suppress_group: Option<u32>,
    /// `tunnel-id`.
    pub tunnel: Option<u64>,
    /// `uidrange`, both ends included.
    pub users: Option<(u32, u32)>,
    /// `protocol`.
    pub protocol: u8,
    /// `ipproto`.
    pub ip_protocol: Option<u8>,
    /// `sport`, both ends included.
    pub source_ports: Option<(u16, u16)>,
    /// `dport`, both ends included.
    pub destination_ports: Option<(u16, u16)>,
    /// Put back when somebody removes it (no `no_track`).
    pub tracked: bool,
}
