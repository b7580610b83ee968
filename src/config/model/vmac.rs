//! Virtual MACs: the links an instance makes for itself, and what it changes about the interfaces it finds.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Everything an instance wants of links.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vmac {
    /// `use_vmac` or `use_ipvlan`: the link that bears its adverts, but for `xmit_base`, and, with a virtual MAC, its addresses.
    pub own: Option<VirtualLink>,
    /// `vmac_xmit_base`: adverts leave and enter by the interface itself.
    pub xmit_base: bool,
    /// `use_vmac_addr` and `use_vmac` of an address: the links of addresses that are elsewhere, which name them as their interface.
    pub others: Vec<VirtualLink>,
    /// `promote_secondaries`, of its interface.
    pub promote_secondaries: bool,
}

impl Vmac {
    /// Every link of the instance.
    pub fn links(&self) -> impl Iterator<Item = &VirtualLink> {
        self.own.iter().chain(&self.others)
    }
}

/// A link to be made upon another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VirtualLink {
    /// Its name; no two links of a configuration have the same.
    pub name: String,
    /// The interface it is made upon.
    pub base: String,
    /// What it is.
    pub kind: LinkKind,
    /// `group`: its link group; that of its base when not given.
    pub group: Option<u32>,
    /// It is made for addresses of IPv6, not IPv4.
    pub for_ipv6: bool,
    /// It may have addresses of IPv6, whatever it is made for.
    pub has_ipv6: bool,
    /// It bears the link-local address of its base, as whoever sends from there needs one.
    pub link_local: bool,
    /// `netlink_notify_msg`: those who watch the base are told that it has one more.
    pub notify: bool,
}

/// The kinds of links that are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LinkKind {
    /// A macvlan in private mode with the virtual MAC (RFC 9568 section 7.3).
    Macvlan {
        /// Its address.
        mac: [u8; 6],
    },
    /// An ipvlan of layer 2, which shares the MAC of its base.
    Ipvlan {
        /// Whom it may speak to besides the network.
        mode: IpvlanMode,
        /// The address it sends from, with its prefix length.
        address: Option<(IpAddr, u8)>,
    },
}

/// Whom an ipvlan may speak to besides the network. All of one base have the same mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IpvlanMode {
    /// The others on its base.
    #[default]
    Bridge,
    /// Nobody.
    Private,
    /// The others on its base, by way of a switch that sends back.
    Vepa,
}
