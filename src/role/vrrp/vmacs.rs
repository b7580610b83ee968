//! Virtual MACs in the VRRP role: which links the instances want, the addresses and settings these need, and when the core hears of
//! them. A link that is being made is nobody's business until it is as it has to be, so that one which somebody deletes is back
//! before an instance has lost it.

use super::links::{Kernel, Owner};
use super::sysctls::{OfLink, Sysctls};
use crate::config::model::{LinkKind, VirtualLink, Vrrp};
use crate::kernel::{Address, Claim, IFA_F_NODAD, LinkChange, LinkState, Setting, Tuning};
use log::warn;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

/// Whether packets are dropped that came in another way than an answer would leave; the greater of this and the link's own counts.
const ALL_RP_FILTER: &str = "net/ipv4/conf/all/rp_filter";
const DEFAULT_RP_FILTER: &str = "net/ipv4/conf/default/rp_filter";
/// Whether the kernel tells switches of 224.0.0.0/24, which they forward anyway.
const LOCAL_IGMP: &str = "net/ipv4/igmp_link_local_mcast_reports";
/// Prefix length of link-local addresses (RFC 4291 section 2.5.6).
const LINK_LOCAL_PREFIX: u8 = 64;
/// A preferred lifetime that makes an address the last choice as a source.
const DEPRECATED: u32 = 0;

/// A link, by its place among those that are wanted.
pub(super) type LinkId = usize;

/// What is wanted of links, and what is not told yet.
pub(super) struct Vmacs {
    sysctls: Sysctls,
    links: Vec<VirtualLink>,
    /// By base.
    upon: HashMap<String, Vec<LinkId>>,
    withheld: BTreeMap<String, Vec<LinkChange>>,
    /// The link-local addresses of links that have others upon them.
    link_locals: HashMap<String, Ipv6Addr>,
}

impl Vmacs {
    /// Nothing is wanted yet; what an earlier process has left is the reconciler's to put back.
    pub fn recall(file: PathBuf) -> (Self, Vec<OfLink>) {
        let (sysctls, of_links) = Sysctls::recall(file);
        let vmacs = Vmacs {
            sysctls,
            links: Vec::new(),
            upon: HashMap::new(),
            withheld: BTreeMap::new(),
            link_locals: HashMap::new(),
        };
        (vmacs, of_links)
    }

    /// How many links there have to be.
    pub fn count(&self) -> usize {
        self.links.len()
    }
}

impl Kernel {
    /// Says which links there have to be, and what settings.
    pub fn want_links(&mut self, vrrp: &Vrrp, disable_local_igmp: bool) {
        let before = self.vmacs.links.len();
        self.vmacs.links.clear();
        self.vmacs.upon.clear();
        let instances = || vrrp.instances.iter();
        for link in instances().flat_map(|instance| instance.vmac.links()) {
            let upon = self.vmacs.upon.entry(link.base.clone()).or_default();
            upon.push(self.vmacs.links.len());
            self.vmacs.links.push(link.clone());
        }
        let known = self.reconciler.known();
        let bases = self.vmacs.upon.keys();
        self.vmacs.link_locals = bases
            .filter_map(|base| Some((base.clone(), known.told(base)?.link_local?)))
            .collect();
        let everywhere = self.reverse_paths();
        let promoting = instances().filter(|instance| instance.vmac.promote_secondaries);
        let promoting = promoting.map(|instance| {
            let tuning = Tuning {
                setting: Setting::PromoteSecondaries,
                at_least: 1,
            };
            (instance.interface.clone(), tuning)
        });
        let links = self.vmacs.links.clone();
        self.reconciler.want_links(links, promoting, everywhere);
        for id in 0..before.max(self.vmacs.links.len()) {
            self.claim_for_link(id);
        }
        match disable_local_igmp {
            true => self.set(LOCAL_IGMP, 0, "joins of 224.0.0.0/24 are still reported"),
            false => self.vmacs.sysctls.put_back(LOCAL_IGMP),
        }
    }

    /// Nothing is wanted of links any more: they go, and settings are what they were.
    pub fn release_links(&mut self) {
        self.want_links(&Vrrp::default(), false);
        self.vmacs.sysctls.put_all_back();
    }

    /// A virtual MAC hears packets whose answers leave by its base, so that no filter of reverse paths may be on for all; instead it
    /// is on for each of the others. What each has to have is returned.
    fn reverse_paths(&mut self) -> Vec<Tuning> {
        let of_ipv4 =
            |link: &VirtualLink| matches!(link.kind, LinkKind::Macvlan { .. }) && !link.for_ipv6;
        if !self.vmacs.links.iter().any(of_ipv4) {
            self.vmacs.sysctls.put_back(ALL_RP_FILTER);
            self.vmacs.sysctls.put_back(DEFAULT_RP_FILTER);
            return Vec::new();
        }
        let sysctls = &self.vmacs.sysctls;
        let all = sysctls.original(ALL_RP_FILTER).unwrap_or(0);
        if all == 0 {
            return Vec::new();
        }
        let default = sysctls.original(DEFAULT_RP_FILTER).unwrap_or(0);
        let consequence = "packets to virtual addresses on a vmac may be dropped: set it to 0";
        self.set(DEFAULT_RP_FILTER, default.max(all), consequence);
        self.set(ALL_RP_FILTER, 0, consequence);
        vec![Tuning {
            setting: Setting::RpFilter,
            at_least: all,
        }]
    }

    fn set(&mut self, path: &str, value: u32, consequence: &str) {
        if let Err(error) = self.vmacs.sysctls.set(path, value) {
            warn!("Cannot set {path} to {value} ({error}): {consequence}");
        }
    }

    /// The addresses that a link needs to send from.
    fn claim_for_link(&mut self, id: LinkId) {
        let owner = Owner::Link(id);
        let Some(link) = self.vmacs.links.get(id) else {
            self.reconciler.claim(owner, []);
            return;
        };
        let of_base = self.vmacs.link_locals.get(&link.base);
        let address = match link.kind {
            LinkKind::Ipvlan { address, .. } => address.map(|(address, prefix)| Address {
                flags: if address.is_ipv6() { IFA_F_NODAD } else { 0 },
                ..Address::new(address, prefix)
            }),
            LinkKind::Macvlan { .. } => {
                of_base.filter(|_| link.link_local).map(|address| Address {
                    flags: IFA_F_NODAD,
                    preferred_lifetime: Some(DEPRECATED),
                    ..Address::new(IpAddr::V6(*address), LINK_LOCAL_PREFIX)
                })
            }
        };
        let interface = link.name.clone();
        let claim = address.map(|address| Claim {
            interface,
            address,
            tracked: true,
        });
        self.reconciler.claim(owner, claim);
        self.reconciler.hold(owner, true);
    }

    /// What changed on links that are nobody's but the kernel's, or are as they have to be.
    pub fn take_link_changes(&mut self) -> Vec<LinkChange> {
        let changes = self.reconciler.take_link_changes();
        if self.vmacs.links.is_empty() && self.vmacs.withheld.is_empty() {
            return changes;
        }
        let mut told = Vec::new();
        for change in changes {
            if let LinkChange::Changed(state) = &change {
                self.note_link_local(state);
            }
            let name = change.name();
            let withheld = &mut self.vmacs.withheld;
            if withheld.contains_key(name) || self.reconciler.is_in_the_making(name) {
                withheld.entry(name.to_owned()).or_default().push(change);
            } else {
                told.push(change);
            }
        }
        self.tell_withheld(&mut told);
        told
    }

    /// Whether something was withheld that may be told soon, without the kernel saying anything more.
    pub fn withholds(&self) -> bool {
        !self.vmacs.withheld.is_empty()
    }

    fn tell_withheld(&mut self, told: &mut Vec<LinkChange>) {
        let reconciler = &self.reconciler;
        let ready = |name: &String| !reconciler.is_in_the_making(name);
        let names: Vec<String> = self.vmacs.withheld.keys().cloned().collect();
        for name in names {
            let foreign = reconciler.is_foreign(&name);
            if !foreign && !ready(&name) {
                continue;
            }
            let changes = self.vmacs.withheld.remove(&name).unwrap_or_default();
            let (gone, changed): (Vec<LinkChange>, Vec<LinkChange>) = changes
                .into_iter()
                .partition(|change| matches!(change, LinkChange::Gone { .. }));
            let there = reconciler.known().index(&name);
            // The new one first: for whoever runs on it, it was never gone.
            let last = changed.into_iter().next_back().filter(|change| {
                matches!(change, LinkChange::Changed(state) if Some(state.index) == there)
                    && !foreign
            });
            told.extend(last);
            told.extend(gone);
        }
    }

    fn note_link_local(&mut self, state: &LinkState) {
        let Some(upon) = self.vmacs.upon.get(&state.name).cloned() else {
            return;
        };
        let link_locals = &mut self.vmacs.link_locals;
        let before = match state.link_local {
            Some(address) => link_locals.insert(state.name.clone(), address),
            None => link_locals.remove(&state.name),
        };
        if before != state.link_local {
            for id in upon {
                self.claim_for_link(id);
            }
        }
    }

    /// Settings of links that have just been made, whose names are given back, and what is to be kept of others.
    pub fn set_up_links(&mut self) -> Vec<String> {
        let mut made = Vec::new();
        for link in self.reconciler.take_made() {
            let path = |name: &str| format!("net/ipv6/conf/{}/{name}", link.name);
            // Where /proc/sys is read-only the link lives with what the kernel gives it: no address of IPv6 comes from that.
            let _ = match link.has_ipv6 {
                // A router's advertisements are for the base.
                true => crate::os::sysctl::write(&path("accept_ra"), 0),
                false => crate::os::sysctl::write(&path("disable_ipv6"), 1),
            };
            made.push(link.name);
        }
        if let Some(saved) = self.reconciler.take_saved() {
            self.vmacs.sysctls.remember(saved);
        }
        made
    }
}
