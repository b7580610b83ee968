//! Which packets get which firewall mark, as values: `nftables_ipvs` makes a whole virtual server group one service of IPVS, which knows
//! its packets by their mark. Who wants which mark is `check::marks`', the rules are nft/markset.rs's, what is asked of the kernel and when
//! marks.rs's.
//!
//! A map of nftables knows each key once, and takes no ranges that overlap, which groups may have: of several wishes for one packet the
//! first counts, so that what is left of the others is cut out here.

use super::filter::Family;
use crate::config::model::Protocol;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Packets to any port.
const ALL_PORTS: (u16, u16) = (0, u16::MAX);

/// Packets that are to be marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wish {
    /// Layer 4.
    pub protocol: Protocol,
    /// The lowest address they go to.
    pub first: IpAddr,
    /// The highest one, of the same family.
    pub last: IpAddr,
    /// None = any port for which there is no other wish.
    pub port: Option<u16>,
    /// Not 0.
    pub mark: u32,
}

/// Our table: there is one of each family that has a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkTable {
    /// Its name.
    pub name: String,
    /// Priority of the chains among all that hook in at the same place.
    pub priority: i32,
    /// Whether rules and elements count packets and bytes.
    pub counters: bool,
    /// Of those for one packet the first counts.
    pub wishes: Vec<Wish>,
}

/// A map of our table. Their order is that of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Map {
    /// The table it is in.
    pub family: Family,
    /// Of the packets that are looked up.
    pub protocol: Protocol,
    /// It is for packets to ports that the other map of this protocol does not have.
    pub any_port: bool,
}

/// An element of a map: no two of a map overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Marked {
    /// The lowest address.
    pub first: IpAddr,
    /// The highest address.
    pub last: IpAddr,
    /// The lowest and the highest port.
    pub ports: (u16, u16),
    /// The mark.
    pub mark: u32,
}

/// Packets for which there are wishes of several marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contest {
    /// One of them, which gets the mark.
    pub got: Wish,
    /// The mark that it does not get.
    pub other: u32,
}

/// What stands in the maps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maps {
    /// The elements of each, in order.
    pub elements: BTreeMap<Map, Vec<Marked>>,
    /// The first conflict of wishes, if there is one.
    pub contest: Option<Contest>,
}

impl MarkTable {
    /// The tables, in order.
    pub fn families(&self) -> BTreeSet<Family> {
        self.wishes.iter().map(|wish| family(wish.first)).collect()
    }

    /// What is to stand in the maps.
    pub fn maps(&self) -> Maps {
        let mut spaces: BTreeMap<(Map, Option<u16>), Space> = BTreeMap::new();
        let mut contest = None;
        for wish in &self.wishes {
            let map = Map {
                family: family(wish.first),
                protocol: wish.protocol,
                any_port: wish.port.is_none(),
            };
            let space = spaces.entry((map, wish.port)).or_default();
            let met = space.take(bits(wish.first), bits(wish.last), wish.mark);
            if let Some((at, mark)) = met {
                let address = address(map.family, at);
                let got = Wish {
                    first: address,
                    last: address,
                    mark,
                    ..*wish
                };
                let other = wish.mark;
                contest.get_or_insert(Contest { got, other });
            }
        }
        let mut elements: BTreeMap<Map, Vec<Marked>> = BTreeMap::new();
        // Ports come in order, so that those of one range follow each other.
        let mut runs: BTreeMap<_, Vec<(u16, u16)>> = BTreeMap::new();
        for ((map, port), space) in spaces {
            let (low, high) = port.map_or(ALL_PORTS, |port| (port, port));
            for (first, (last, mark)) in space.0 {
                let runs = runs.entry((map, first, last, mark)).or_default();
                match runs.last_mut() {
                    Some((_, end)) if end.checked_add(1) == Some(low) => *end = high,
                    _ => runs.push((low, high)),
                }
            }
        }
        for ((map, first, last, mark), ports) in runs {
            let of_map = elements.entry(map).or_default();
            of_map.extend(ports.into_iter().map(|ports| Marked {
                first: address(map.family, first),
                last: address(map.family, last),
                ports,
                mark,
            }));
        }
        Maps { elements, contest }
    }

    /// Both at once, of which this one comes first; only this one where they are not alike.
    pub fn with(&self, other: &MarkTable) -> MarkTable {
        let shape = |table: &MarkTable| (table.name.clone(), table.priority, table.counters);
        if shape(self) != shape(other) {
            return self.clone();
        }
        let theirs: HashSet<&Wish> = other.wishes.iter().collect();
        if self.wishes.iter().all(|wish| theirs.contains(wish)) {
            return other.clone();
        }
        let ours: HashSet<&Wish> = self.wishes.iter().collect();
        let besides = other.wishes.iter().filter(|wish| !ours.contains(wish));
        MarkTable {
            wishes: self.wishes.iter().chain(besides).copied().collect(),
            ..self.clone()
        }
    }
}

/// Ranges of addresses that do not overlap: the first address of each, the last one, and the mark.
#[derive(Default)]
struct Space(BTreeMap<u128, (u128, u32)>);

impl Space {
    /// Takes what is still free of a range; tells of an address in it that has another mark already, with that mark.
    fn take(&mut self, first: u128, last: u128, mark: u32) -> Option<(u128, u32)> {
        let before = self.0.range(..=first).next_back();
        let start = before.filter(|(_, (end, _))| *end >= first);
        let start = start.map_or(first, |(start, _)| *start);
        let (mut gaps, mut met) = (Vec::new(), None);
        // None: there is nothing behind the highest address of all.
        let mut free = Some(first);
        for (&begin, &(end, other)) in self.0.range(start..=last) {
            if other != mark {
                met.get_or_insert((begin.max(first), other));
            }
            if let (Some(free), Some(end)) = (free, begin.checked_sub(1))
                && free <= end
            {
                gaps.push((free, end));
            }
            free = end.checked_add(1);
        }
        gaps.extend(free.filter(|free| *free <= last).map(|free| (free, last)));
        for (begin, end) in gaps {
            self.0.insert(begin, (end, mark));
        }
        met
    }
}

fn family(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(_) => Family::Ip,
        IpAddr::V6(_) => Family::Ip6,
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn address(family: Family, bits: u128) -> IpAddr {
    match family {
        // What began as 32 bits has not become more.
        Family::Ip => Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX)).into(),
        Family::Ip6 => Ipv6Addr::from_bits(bits).into(),
    }
}

/// Something worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkNotice {
    /// The kernel does not take the table; it is offered again later.
    Refused {
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
    /// Two groups have an address.
    Contested(Contest),
}

impl fmt::Display for MarkNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MarkNotice::Refused { table, errno } => write!(
                f,
                "The kernel refuses the nftables table {table}: {}. Nothing marks the packets of virtual server groups, so their services in \
                 IPVS get NONE; load nf_tables into the kernel (5.6 or newer), or take nftables_ipvs out of global_defs, which makes each \
                 address a service of its own. It is tried again",
                std::io::Error::from_raw_os_error(*errno)
            ),
            MarkNotice::Accepted { table } => {
                write!(f, "The nftables table {table} is in place now")
            }
            MarkNotice::PutBack { table } => write!(
                f,
                "Someone else removed the nftables table {table} or a part of it: putting it back"
            ),
            MarkNotice::Contested(Contest { got, other }) => write!(
                f,
                "[{}]:{}:{} is in several virtual server groups: it gets firewall mark {}, of the first in the file, and not {other}; take it out of \
                 the others",
                got.first,
                Protocol::shown(Some(got.protocol)),
                got.port.unwrap_or(0),
                got.mark
            ),
        }
    }
}

#[cfg(test)]
#[path = "mark_tests.rs"]
mod tests;
