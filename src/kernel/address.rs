//! An address on a link as a value: what iproute2 would print of it, and how two of them compare. Encoding is netlink.rs's.

use crate::config::model::VirtualAddress;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// `IFA_F_NODAD`: do not run duplicate address detection (IPv6).
pub const IFA_F_NODAD: u32 = 0x02;
/// `IFA_F_NOPREFIXROUTE`: no route for the prefix comes with the address; only ever set when the configuration asks for it.
pub const IFA_F_NOPREFIXROUTE: u32 = 0x200;
/// `IFA_F_DADFAILED`: another host has the address.
pub const IFA_F_DADFAILED: u32 = 0x08;
/// `IFA_F_OPTIMISTIC`: usable while it is tentative.
const IFA_F_OPTIMISTIC: u32 = 0x04;
/// `IFA_F_TENTATIVE`: duplicate address detection is not over.
const IFA_F_TENTATIVE: u32 = 0x40;
/// The flags a configuration can ask for (home, nodad, mngtmpaddr, noprefixroute, autojoin); the rest are the kernel's own notes.
const REQUESTED_FLAGS: u32 = 0x10 | IFA_F_NODAD | 0x100 | IFA_F_NOPREFIXROUTE | 0x400;

/// What the kernel tells addresses of one link apart by: local address, prefix length and peer. IPv4 knows the same address with two
/// prefix lengths as two addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Placement {
    /// The local address.
    pub address: IpAddr,
    /// Prefix length; that of the peer when there is one.
    pub prefix: u8,
    /// The other end, when it is not the address itself.
    pub peer: Option<IpAddr>,
}

/// An address with everything that can be said about it when it is added.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Which one.
    pub placement: Placement,
    /// Label (IPv4); the kernel takes the interface's name when there is none.
    pub label: Option<String>,
    /// Scope in kernel numbering: 0 global, 253 link, 254 host.
    pub scope: u8,
    /// Broadcast address; none unless asked for, as with iproute2.
    pub broadcast: Option<Ipv4Addr>,
    /// `IFA_FLAGS`.
    pub flags: u32,
    /// Preferred lifetime in seconds; `None` = forever.
    pub preferred_lifetime: Option<u32>,
}

/// An address somebody wants (or may come to want) on a named interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The interface's name: claims follow a name, because an interface that is made anew has a new index.
    pub interface: String,
    /// The address.
    pub address: Address,
    /// Put back when somebody removes it; if not, it stays away until the owner comes to hold it anew.
    pub tracked: bool,
}

impl Placement {
    /// An address without a peer.
    pub fn new(address: IpAddr, prefix: u8) -> Self {
        Placement {
            address,
            prefix,
            peer: None,
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            Some(peer) => write!(f, "{} peer {peer}/{}", self.address, self.prefix),
            None => write!(f, "{}/{}", self.address, self.prefix),
        }
    }
}

impl Address {
    /// A plain address of global scope.
    pub fn new(address: IpAddr, prefix: u8) -> Self {
        Address {
            placement: Placement::new(address, prefix),
            label: None,
            scope: 0,
            broadcast: None,
            flags: 0,
            preferred_lifetime: None,
        }
    }

    /// False while duplicate address detection runs, and when it has found another host.
    pub fn is_usable(&self) -> bool {
        match self.flags & (IFA_F_TENTATIVE | IFA_F_OPTIMISTIC | IFA_F_DADFAILED) {
            flags if flags & IFA_F_DADFAILED != 0 => false,
            flags => flags != IFA_F_TENTATIVE,
        }
    }

    /// True when the kernel is to run duplicate address detection for it.
    pub fn is_detected(&self) -> bool {
        self.placement.address.is_ipv6() && self.flags & IFA_F_NODAD == 0
    }

    /// True when `present`, as the kernel reports it on an interface called `interface`, is what this asks for. Only what a
    /// configuration can ask for counts: lifetimes tick and the kernel adds flags of its own.
    pub fn is_met_by(&self, present: &Address, interface: &str) -> bool {
        let label_met = match (self.placement.address, present.label.as_deref()) {
            (IpAddr::V6(_), _) | (_, None) => true,
            (IpAddr::V4(_), Some(label)) => self.label.as_deref().unwrap_or(interface) == label,
        };
        self.placement == present.placement
            && label_met
            && (self.scope == present.scope || self.placement.address.is_ipv6())
            && self.broadcast == present.broadcast
            && self.flags & REQUESTED_FLAGS == present.flags & REQUESTED_FLAGS
    }
}

impl Claim {
    /// A line of `virtual_ipaddress` of an instance on `interface`.
    pub fn from_virtual(line: &VirtualAddress, interface: &str) -> Self {
        let (prefix, peer) = match line.peer {
            Some((peer, prefix)) => (prefix, Some(peer).filter(|p| *p != line.address)),
            None => (line.prefix, None),
        };
        Claim {
            interface: line
                .interface
                .clone()
                .unwrap_or_else(|| interface.to_owned()),
            address: Address {
                placement: Placement {
                    address: line.address,
                    prefix,
                    peer,
                },
                label: line.label.clone(),
                scope: line.scope,
                broadcast: line.broadcast,
                flags: line.flags,
                preferred_lifetime: line.preferred_lifetime,
            },
            tracked: line.tracked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(text: &str, prefix: u8) -> Address {
        Address::new(text.parse().unwrap(), prefix)
    }

    #[test]
    fn what_counts_as_the_same_address() {
        let wanted = Address {
            label: Some("eth0:0".into()),
            ..v4("172.18.100.66", 16)
        };
        let kernel = Address {
            flags: 0x81,
            ..wanted.clone()
        };
        let brd = Some(Ipv4Addr::new(172, 18, 255, 255));
        for (name, present, met) in [
            ("the kernel's own flags", kernel.clone(), true),
            (
                "another label",
                Address {
                    label: Some("eth0".into()),
                    ..kernel.clone()
                },
                false,
            ),
            (
                "another prefix",
                Address {
                    placement: Placement::new(kernel.placement.address, 32),
                    ..kernel.clone()
                },
                false,
            ),
            (
                "another scope",
                Address {
                    scope: 253,
                    ..kernel.clone()
                },
                false,
            ),
            (
                "a broadcast address",
                Address {
                    broadcast: brd,
                    ..kernel.clone()
                },
                false,
            ),
            (
                "no prefix route",
                Address {
                    flags: 0x281,
                    ..kernel.clone()
                },
                false,
            ),
        ] {
            assert_eq!(wanted.is_met_by(&present, "eth0"), met, "{name}");
        }
    }

    #[test]
    fn without_a_label_the_interface_is_the_label() {
        let present = Address {
            label: Some("eth0".into()),
            flags: 0x80,
            ..v4("10.0.0.1", 32)
        };
        assert!(v4("10.0.0.1", 32).is_met_by(&present, "eth0"));
        assert!(!v4("10.0.0.1", 32).is_met_by(&present, "eth1"));
    }

    /// Duplicate address detection as the kernel's flags tell it (linux/if_addr.h).
    #[test]
    fn when_an_address_can_be_used() {
        for (what, flags, usable) in [
            ("permanent", 0x80, true),
            ("tentative", 0xc0, false),
            ("tentative, optimistic", 0x44, true),
            ("another host has it", 0xc8, false),
            ("another host has it, optimistic", 0x4c, false),
        ] {
            let address = Address {
                flags,
                ..v4("fe80::1", 64)
            };
            assert_eq!(address.is_usable(), usable, "{what}");
        }
        assert!(v4("fe80::1", 64).is_detected() && !v4("10.0.0.1", 24).is_detected());
    }

    #[test]
    fn a_peer_brings_its_prefix() {
        let line = VirtualAddress {
            interface: Some("tun0".into()),
            peer: Some(("10.9.0.2".parse().unwrap(), 24)),
            ..VirtualAddress::new("10.0.0.1".parse().unwrap(), 32)
        };
        let claim = Claim::from_virtual(&line, "eth0");
        assert_eq!(claim.interface, "tun0");
        assert_eq!(
            claim.address.placement.to_string(),
            "10.0.0.1 peer 10.9.0.2/24"
        );
    }
}
