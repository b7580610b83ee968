//! `ha_suspend`: which services wait for an address, and whether one of theirs is on this host. Which addresses are is
//! `kernel::Addresses`' to know, what pauses is `director`'s.
//!
//! A group has many addresses: its checks go on while any of them is here.

use super::table::Groups;
use crate::config::model::{Lvs, Member, Service};
use rustc_hash::FxHashMap as HashMap;
use std::net::IpAddr;

/// See the module. Services are known by their places in the model.
#[derive(Debug, Default)]
pub struct Presence {
    by_address: HashMap<IpAddr, Vec<usize>>,
    ranges: Vec<(IpAddr, IpAddr, usize)>,
    /// How many of its addresses are here, for each service that waits for one.
    here: HashMap<usize, u32>,
}

impl Presence {
    /// That of a configuration on a host with these addresses.
    pub fn of(lvs: &Lvs, addresses: impl Iterator<Item = IpAddr>) -> Self {
        let mut presence = Presence::default();
        let groups = Groups::of(lvs);
        for (place, config) in lvs.virtual_servers.iter().enumerate() {
            if !config.ha_suspend {
                continue;
            }
            presence.here.insert(place, 0);
            match &config.service {
                Service::Address(address, _) => presence.wait(place, *address, *address),
                // The reader takes ha_suspend from it.
                Service::Fwmark(_) => {}
                Service::Group(name) => {
                    for member in groups.members(name) {
                        if let Member::Addresses { first, last, .. } = member {
                            presence.wait(place, *first, *last);
                        }
                    }
                }
            }
        }
        for address in addresses {
            presence.change(address, true);
        }
        presence
    }

    /// Whether no service waits for any address.
    pub fn is_empty(&self) -> bool {
        self.here.is_empty()
    }

    /// Whether a service waits, with none of its addresses here.
    pub fn is_awaited(&self, service: usize) -> bool {
        self.here.get(&service) == Some(&0)
    }

    /// An address came, or went: the services for which that makes a difference.
    pub fn change(&mut self, address: IpAddr, here: bool) -> Vec<usize> {
        let single = self.by_address.get(&address).into_iter().flatten();
        let ranges = self.ranges.iter();
        let ranges = ranges.filter(|(first, last, _)| (*first..=*last).contains(&address));
        let concerned = single.chain(ranges.map(|(_, _, service)| service));
        let mut turned = Vec::new();
        for service in concerned {
            let Some(count) = self.here.get_mut(service) else {
                continue;
            };
            let before = *count;
            *count = match here {
                true => before.saturating_add(1),
                false => before.saturating_sub(1),
            };
            if before == 0 || *count == 0 {
                turned.push(*service);
            }
        }
        turned
    }

    fn wait(&mut self, service: usize, first: IpAddr, last: IpAddr) {
        if first == last {
            self.by_address.entry(first).or_default().push(service);
        } else {
            self.ranges.push((first, last, service));
        }
    }
}
