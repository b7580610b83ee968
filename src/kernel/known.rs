//! What the kernel has told us: links by index and name, and their addresses in the kernel's order. Knows nothing of wishes.

use super::address::{Address, Placement};
use super::link::{LinkUpdate, Nature};
use super::netlink::LinkReport;
use super::policy_netlink::Links;
use rustc_hash::FxHashMap as HashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const IFF_UP: u32 = 0x1;
const IFF_RUNNING: u32 = 0x40;
/// `IFA_F_SECONDARY`: an address in the subnet of an earlier one.
const IFA_F_SECONDARY: u32 = 0x01;

/// A link and its addresses.
#[derive(Clone, Debug, Default)]
pub struct Link {
    /// Name.
    pub name: String,
    /// `IFF_*`.
    pub flags: u32,
    /// Hardware address; zeros when the link has none of six bytes.
    pub mac: [u8; 6],
    /// MTU in bytes.
    pub mtu: u32,
    /// `ARPHRD_*`.
    pub hardware: u16,
    /// Kind, base and settings.
    pub nature: Nature,
    addresses: HashMap<Placement, Present>,
    generation: u64,
}

#[derive(Clone, Debug)]
struct Present {
    address: Address,
    /// Order of appearance: the kernel lists the address that sources traffic first.
    order: u64,
    generation: u64,
}

/// What the rest of the daemon is told of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkState {
    /// Kernel index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Administratively up and with carrier.
    pub up: bool,
    /// Hardware address.
    pub mac: [u8; 6],
    /// MTU in bytes.
    pub mtu: u32,
    /// The host's own IPv4 address on it, never one that is claimed.
    pub primary_v4: Option<Ipv4Addr>,
    /// The host's own link-local IPv6 address on it that can be used, never one that is claimed.
    pub link_local: Option<Ipv6Addr>,
    /// The watched addresses that are on it and can be used, sorted.
    pub watched: Vec<IpAddr>,
}

/// A difference between what was last told of a link and what is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// It appeared or changed.
    Changed(LinkState),
    /// No link has this index (or this name) any more.
    Gone {
        /// Its index.
        index: u32,
        /// The name it had.
        name: String,
    },
}

impl LinkChange {
    /// The name of the link; the one that it had, of one that is gone.
    pub fn name(&self) -> &str {
        match self {
            LinkChange::Changed(state) => &state.name,
            LinkChange::Gone { name, .. } => name,
        }
    }
}

/// Links and addresses as last heard.
#[derive(Debug, Default)]
pub struct Known {
    links: BTreeMap<u32, Link>,
    names: HashMap<String, u32>,
    /// Addresses to tell of, wherever they are.
    watched: BTreeSet<IpAddr>,
    told: BTreeMap<u32, LinkState>,
    dirty: BTreeSet<u32>,
    order: u64,
    generation: u64,
}

impl Known {
    /// The link with this index.
    pub fn link(&self, index: u32) -> Option<&Link> {
        self.links.get(&index)
    }
    /// The index of the link with this name.
    pub fn index(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }
    /// Every link with its index, in order.
    pub fn links(&self) -> impl Iterator<Item = (u32, &Link)> {
        self.links.iter().map(|(index, link)| (*index, link))
    }
    /// An address of a link.
    pub fn address(&self, index: u32, placement: &Placement) -> Option<&Address> {
        self.links
            .get(&index)?
            .addresses
            .get(placement)
            .map(|present| &present.address)
    }
    /// What was last told of the link with this name.
    pub fn told(&self, name: &str) -> Option<&LinkState> {
        self.told.get(&self.index(name)?)
    }
    /// The addresses of a link in the order they appeared.
    pub fn addresses(&self, index: u32) -> Vec<&Address> {
        let mut all: Vec<_> = self
            .links
            .get(&index)
            .into_iter()
            .flat_map(|link| link.addresses.values())
            .collect();
        all.sort_by_key(|present| present.order);
        all.into_iter().map(|present| &present.address).collect()
    }

    /// A link appeared or changed. Gives the names whose index is not what it was, the old name of a renamed link among them.
    pub(super) fn set_link(&mut self, report: &LinkReport) -> Vec<String> {
        let mut moved = Vec::new();
        let known = self.links.contains_key(&report.index);
        if !known && report.name.is_none() {
            return moved;
        }
        let link = self.links.entry(report.index).or_default();
        link.flags = report.flags;
        link.mac = report.mac.unwrap_or(link.mac);
        link.mtu = report.mtu.unwrap_or(link.mtu);
        link.hardware = report.hardware;
        // Messages of some subsystems say less.
        if report.name.is_some() {
            link.nature = report.nature.clone();
        }
        link.generation = self.generation;
        if let Some(name) = &report.name
            && (!known || link.name != *name)
        {
            let old = std::mem::replace(&mut link.name, name.clone());
            if known && self.names.get(&old) == Some(&report.index) {
                self.names.remove(&old);
                moved.push(old);
            }
            self.names.insert(name.clone(), report.index);
            moved.push(name.clone());
        }
        self.dirty.insert(report.index);
        moved
    }

    /// A link was changed as we asked.
    pub(super) fn updated(&mut self, index: u32, update: &LinkUpdate) {
        if let Some(link) = self.links.get_mut(&index) {
            link.nature.updated(update);
        }
    }

    /// A link went away with its addresses; gives its name.
    pub(super) fn remove_link(&mut self, index: u32) -> Option<String> {
        let link = self.links.remove(&index)?;
        if self.names.get(&link.name) == Some(&index) {
            self.names.remove(&link.name);
        }
        self.dirty.insert(index);
        Some(link.name)
    }

    /// An address appeared or changed; true when it was not there. One on a link we have not heard of waits for the next dump. Of a
    /// claimed one nothing is told: thousands of them come and go without a look at their link.
    pub(super) fn set_address(&mut self, index: u32, address: Address, claimed: bool) -> bool {
        let told = !claimed || self.watched.contains(&address.placement.address);
        let Some(link) = self.links.get_mut(&index) else {
            return false;
        };
        self.order += 1;
        let (order, generation) = (self.order, self.generation);
        let mut new = true;
        link.addresses
            .entry(address.placement)
            .and_modify(|present| {
                new = false;
                present.address = address.clone();
                present.generation = generation;
            })
            .or_insert(Present {
                address,
                order,
                generation,
            });
        if told {
            self.dirty.insert(index);
        }
        new
    }

    /// An address went away; true when it was there.
    pub(super) fn remove_address(
        &mut self,
        index: u32,
        placement: &Placement,
        claimed: bool,
    ) -> bool {
        let removed = self
            .links
            .get_mut(&index)
            .is_some_and(|link| link.addresses.remove(placement).is_some());
        if removed && (!claimed || self.watched.contains(&placement.address)) {
            self.dirty.insert(index);
        }
        removed
    }

    /// A dump begins: what it does not mention is gone when it ends.
    pub(super) fn begin_dump(&mut self) {
        self.generation += 1;
    }

    /// The dump of links is complete; gives indices that were not mentioned.
    pub(super) fn unmentioned_links(&self) -> Vec<u32> {
        self.links
            .iter()
            .filter(|(_, link)| link.generation != self.generation)
            .map(|(index, _)| *index)
            .collect()
    }

    /// The dump of addresses is complete; gives those that were not mentioned.
    pub(super) fn unmentioned_addresses(&self) -> Vec<(u32, Placement)> {
        let stale = |(index, link): (&u32, &Link)| -> Vec<(u32, Placement)> {
            let old = link
                .addresses
                .iter()
                .filter(|(_, present)| present.generation != self.generation);
            old.map(|(placement, _)| (*index, *placement)).collect()
        };
        self.links.iter().flat_map(stale).collect()
    }

    /// These addresses are to be told of, claimed or not, and no others.
    pub(super) fn watch(&mut self, addresses: BTreeSet<IpAddr>) {
        if self.watched != addresses {
            self.watched = addresses;
            self.dirty.extend(self.links.keys());
        }
    }

    /// Something outside changed which addresses of a link count as the host's own.
    pub(super) fn touch(&mut self, name: &str) {
        self.dirty.extend(self.names.get(name));
    }

    /// What changed since the last call. `is_claimed` says which addresses are not the host's own.
    pub(super) fn take_changes(
        &mut self,
        is_claimed: impl Fn(&str, &Placement) -> bool,
    ) -> Vec<LinkChange> {
        let mut changes = Vec::new();
        for index in std::mem::take(&mut self.dirty) {
            let now = self
                .links
                .get(&index)
                .map(|link| link.state(index, &self.watched, &is_claimed));
            let before = self.told.get(&index);
            if before == now.as_ref() {
                continue;
            }
            if let Some(before) = before
                && now.as_ref().is_none_or(|now| now.name != before.name)
            {
                changes.push(LinkChange::Gone {
                    index,
                    name: before.name.clone(),
                });
            }
            match now {
                Some(state) => {
                    self.told.insert(index, state.clone());
                    changes.push(LinkChange::Changed(state));
                }
                None => {
                    self.told.remove(&index);
                }
            }
        }
        // A name that moved to another link must be gone from the old one before it appears on the new.
        changes.sort_by_key(|change| matches!(change, LinkChange::Changed(_)));
        changes
    }
}

impl Links for Known {
    fn index(&self, name: &str) -> Option<u32> {
        Known::index(self, name)
    }
    fn vrf_table(&self, name: &str) -> Option<u32> {
        self.link(Known::index(self, name)?)?.nature.vrf_table()
    }
}

impl Link {
    /// Administratively up: only then the kernel takes routes over it.
    pub(super) fn is_enabled(&self) -> bool {
        self.flags & IFF_UP != 0
    }
    /// Administratively up and with carrier.
    pub fn is_up(&self) -> bool {
        self.flags & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING
    }

    fn state(
        &self,
        index: u32,
        watched: &BTreeSet<IpAddr>,
        is_claimed: &impl Fn(&str, &Placement) -> bool,
    ) -> LinkState {
        let primary = self.first_own(is_claimed, |present| {
            let Address { scope, flags, .. } = present.address;
            let IpAddr::V4(address) = present.address.placement.address else {
                return None;
            };
            Some(((scope, flags & IFA_F_SECONDARY, present.order), address))
        });
        let link_local = self.first_own(is_claimed, |present| {
            let IpAddr::V6(address) = present.address.placement.address else {
                return None;
            };
            let serves = address.is_unicast_link_local() && present.address.is_usable();
            serves.then_some((present.order, address))
        });
        LinkState {
            index,
            name: self.name.clone(),
            up: self.is_up(),
            mac: self.mac,
            mtu: self.mtu,
            primary_v4: primary,
            link_local,
            watched: self.present(watched),
        }
    }

    /// Which of these addresses are on it and can be used.
    fn present(&self, watched: &BTreeSet<IpAddr>) -> Vec<IpAddr> {
        if watched.is_empty() {
            return Vec::new();
        }
        let usable = self.addresses.values().map(|present| &present.address);
        let mut found: Vec<IpAddr> = usable
            .filter(|address| address.is_usable())
            .map(|address| address.placement.address)
            .filter(|address| watched.contains(address))
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The first by rank of the addresses that nobody claims. Asking the claims costs far more than comparing ranks, and the first
    /// of all is nearly always the host's own, so that is asked before all the others are.
    fn first_own<R: Ord, A>(
        &self,
        is_claimed: &impl Fn(&str, &Placement) -> bool,
        rank: impl Fn(&Present) -> Option<(R, A)>,
    ) -> Option<A> {
        let is_own = |present: &Present| !is_claimed(&self.name, &present.address.placement);
        let ranked = || {
            let addresses = self.addresses.values();
            addresses.filter_map(|present| rank(present).map(|ranked| (present, ranked)))
        };
        ranked()
            .min_by(|(_, a), (_, b)| a.0.cmp(&b.0))
            .filter(|(present, _)| is_own(present))
            .or_else(|| {
                ranked()
                    .filter(|(present, _)| is_own(present))
                    .min_by(|(_, a), (_, b)| a.0.cmp(&b.0))
            })
            .map(|(_, (_, address))| address)
    }
}
