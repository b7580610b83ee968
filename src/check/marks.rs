//! `nftables_ipvs`: which groups are one service, which IPVS knows by a firewall mark, which mark that is, and which packets get it.
//!
//! A group that has marks of the user's stays what it is, address by address. The virtual servers of a group that have one protocol share
//! its mark, those of different protocols do not; both families of addresses have the same one. A mark stays with its group over reloads:
//! with another one, people would lose their connections.

use super::table::Groups;
use crate::config::model::{Lvs, Marking, Member, Protocol, Service, VirtualServer};
use crate::kernel::mark::{MarkTable, Wish};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

/// Gives the virtual servers of groups their marks, those of `before` where they had one; the next ones in the order of the file.
pub fn assign(lvs: &mut Lvs, before: &Lvs) {
    let mut marks: HashMap<(Box<str>, Protocol), u32> = HashMap::default();
    let mut taken = HashSet::default();
    if let Some(marking) = &lvs.marking {
        taken.extend(of_users(lvs));
        // Who changes where they begin wants others.
        let first = |marking: &Marking| marking.first;
        if before.marking.as_ref().map(first) == Some(marking.first) {
            for (key, mark) in before.virtual_servers.iter().filter_map(marked) {
                if !taken.contains(&mark) {
                    marks.insert(key, mark);
                }
            }
        }
        // What goes now is not mixed up with what comes: the kernel has both for a moment, or longer where servers drain.
        taken.extend(before.virtual_servers.iter().filter_map(|it| it.mark));
        taken.extend(of_users(before));
    }
    let marking = lvs.marking.as_ref();
    let mut next = marking.map_or(0, |marking| marking.first);
    let groups = Groups::of(lvs);
    let given: Vec<Option<u32>> = lvs
        .virtual_servers
        .iter()
        .map(|config| {
            marking?;
            let (name, protocol) = of_group(config)?;
            let addresses = |member: &Member| matches!(member, Member::Addresses { .. });
            if !groups.members(name).iter().all(addresses) {
                return None;
            }
            let mark = marks.entry((name.into(), protocol)).or_insert_with(|| {
                while next == 0 || !taken.insert(next) {
                    next = next.wrapping_add(1);
                }
                next
            });
            Some(*mark)
        })
        .collect();
    for (config, mark) in lvs.virtual_servers.iter_mut().zip(given) {
        config.mark = mark;
    }
}

/// What nftables has to mark; None: nothing.
pub fn table(lvs: &Lvs) -> Option<MarkTable> {
    let marking = lvs.marking.as_ref()?;
    let groups = Groups::of(lvs);
    let mut met = HashSet::default();
    let mut wishes = Vec::new();
    for config in &lvs.virtual_servers {
        let (Some(mark), Some((name, protocol))) = (config.mark, of_group(config)) else {
            continue;
        };
        if !met.insert(mark) {
            continue;
        }
        let members = groups.members(name).iter();
        wishes.extend(members.filter_map(|member| match *member {
            Member::Addresses { first, last, port } => Some(Wish {
                protocol,
                first,
                last,
                port,
                mark,
            }),
            Member::Fwmark { .. } => None,
        }));
    }
    (!wishes.is_empty()).then(|| MarkTable {
        name: marking.table.clone(),
        priority: marking.priority,
        counters: marking.counters,
        wishes,
    })
}

/// The group of a virtual server whose packets have a protocol.
fn of_group(config: &VirtualServer) -> Option<(&str, Protocol)> {
    match &config.service {
        Service::Group(name) => Some((name, config.protocol?)),
        Service::Address(..) | Service::Fwmark(_) => None,
    }
}

fn marked(config: &VirtualServer) -> Option<((Box<str>, Protocol), u32)> {
    let (name, protocol) = of_group(config)?;
    Some(((name.into(), protocol), config.mark?))
}

/// The marks that stand in the file.
fn of_users(lvs: &Lvs) -> impl Iterator<Item = u32> {
    let services = lvs
        .virtual_servers
        .iter()
        .filter_map(|it| match it.service {
            Service::Fwmark(mark) => Some(mark),
            Service::Address(..) | Service::Group(_) => None,
        });
    let members = lvs.groups.iter().flat_map(|group| &group.members);
    services.chain(members.filter_map(|member| match member {
        Member::Fwmark { mark, .. } => Some(*mark),
        Member::Addresses { .. } => None,
    }))
}

#[cfg(test)]
#[path = "marks_tests.rs"]
mod tests;
