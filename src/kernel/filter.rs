//! What we want of the packet filter, as values: the shape of our table and the members of its sets. The rules that belong to a shape
//! are in nft/ruleset.rs, what is asked of the kernel and when in filters.rs.
//!
//! A virtual address that is not to be answered is a member of a set, and the rules drop what is sent to or from a member: a
//! change of state adds or takes away members, and the rules stay. Neighbour discovery is let through, as RFC 9568 section 6.4.3
//! (650) demands: a router that forwards for the virtual MAC has to be found.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The part of nftables that a table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// `ip`.
    Ip,
    /// `ip6`.
    Ip6,
}

/// A set of our table. Which ones there are decides which rules there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Set {
    /// IPv4 addresses that are not answered.
    Vips4,
    /// IPv6 addresses that are not answered, those of one link apart.
    Vips6,
    /// Link-local IPv6 addresses that are not answered, with the index of their interface.
    LinkLocal,
    /// The same with its name, for interfaces that may be made anew meanwhile.
    LinkLocalNamed,
    /// Virtual MAC interfaces, and the interfaces below through which their IGMP messages leave.
    Igmp,
    /// The same for multicast listener reports (IPv6).
    Mld,
    /// Virtual MAC interfaces that solicit no routers (IPv6).
    Quiet,
}

/// A member of a set.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Element {
    /// Of `Vips4`.
    Vip4(Ipv4Addr),
    /// Of `Vips6`.
    Vip6(Ipv6Addr),
    /// Of `LinkLocal`.
    LinkLocal(Ipv6Addr, u32),
    /// Of `LinkLocalNamed`.
    LinkLocalNamed(Ipv6Addr, String),
    /// Of `Igmp`: the virtual MAC interface and the one below, by index.
    Igmp(u32, u32),
    /// Of `Mld`, likewise.
    Mld(u32, u32),
    /// Of `Quiet`.
    Quiet(u32),
}

/// How our table looks. There is one of each family that has a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its name.
    pub table: String,
    /// Priority of the chains among all that hook in at the same place.
    pub priority: i32,
    /// Whether the rules count packets and bytes.
    pub counters: bool,
    /// Whether what is sent from an address that is not answered is dropped too.
    pub outbound: bool,
    /// The sets.
    pub sets: BTreeSet<Set>,
}

impl Set {
    /// The table it is in.
    pub fn family(self) -> Family {
        match self {
            Set::Vips4 | Set::Igmp => Family::Ip,
            _ => Family::Ip6,
        }
    }

    /// True of those that keep the multicast messages of virtual MAC interfaces from the wire.
    pub fn is_of_vmacs(self) -> bool {
        matches!(self, Set::Igmp | Set::Mld | Set::Quiet)
    }
}

impl Element {
    /// The set it is a member of.
    pub fn set(&self) -> Set {
        match self {
            Element::Vip4(_) => Set::Vips4,
            Element::Vip6(_) => Set::Vips6,
            Element::LinkLocal(..) => Set::LinkLocal,
            Element::LinkLocalNamed(..) => Set::LinkLocalNamed,
            Element::Igmp(..) => Set::Igmp,
            Element::Mld(..) => Set::Mld,
            Element::Quiet(_) => Set::Quiet,
        }
    }
}

impl Shape {
    /// The tables, in order.
    pub fn families(&self) -> BTreeSet<Family> {
        self.sets.iter().map(|set| set.family()).collect()
    }
}

/// Something worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterNotice {
    /// The kernel does not take the table; it is offered again later.
    Refused {
        /// Its name.
        table: String,
        /// Why.
        errno: i32,
    },
    /// It takes the table without the rules about virtual MAC interfaces.
    Reduced {
        /// Its name.
        table: String,
        /// Why.
        errno: i32,
    },
    /// The kernel has the table after all.
    Accepted {
        /// Its name.
        table: String,
    },
    /// Somebody else changed the table; it is made anew.
    PutBack {
        /// Its name.
        table: String,
    },
}

impl fmt::Display for FilterNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FilterNotice::Refused { table, errno } => write!(
                f,
                "The kernel refuses the nftables table {table}: {}. Virtual addresses that are not to be answered (no_accept, strict mode) WILL \
                 be answered; load nf_tables into the kernel, or write accept. It is tried again",
                std::io::Error::from_raw_os_error(*errno)
            ),
            FilterNotice::Reduced { table, errno } => write!(
                f,
                "The kernel refuses the rules about virtual MAC interfaces in the nftables table {table}: {}. IGMP and MLD reports leave with the \
                 virtual MAC: switches may learn it at two ports; load nft_dup_ipv4 and nft_dup_ipv6",
                std::io::Error::from_raw_os_error(*errno)
            ),
            FilterNotice::Accepted { table } => {
                write!(f, "The nftables table {table} is in place now")
            }
            FilterNotice::PutBack { table } => write!(
                f,
                "Someone else removed the nftables table {table} or a part of it: putting it back"
            ),
        }
    }
}

/// The set that an address belongs to, and the address as its member. `place` is the interface's index, or its name where the
/// index may change; none when it is not there, and then a link-local address has no member.
pub fn unanswered(address: IpAddr, place: Option<Place<'_>>) -> Option<Element> {
    match (address, place) {
        (IpAddr::V4(address), _) => Some(Element::Vip4(address)),
        (IpAddr::V6(address), _) if !address.is_unicast_link_local() => {
            Some(Element::Vip6(address))
        }
        (IpAddr::V6(address), Some(Place::Index(index))) => {
            Some(Element::LinkLocal(address, index))
        }
        (IpAddr::V6(address), Some(Place::Name(name))) => {
            Some(Element::LinkLocalNamed(address, name.to_owned()))
        }
        (IpAddr::V6(_), None) => None,
    }
}

/// Where a link-local address stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// Kernel index of the interface.
    Index(u32),
    /// Its name.
    Name(&'a str),
}
