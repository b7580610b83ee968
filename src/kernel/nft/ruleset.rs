//! The rules of our tables: a shape to the commands that make it, elements to those that add and take them away.
//!
//! ```text
//! table ip NAME {
//!     set vips { type ipv4_addr }                      # sets: Vips4
//!     map vmac_map { type iface_index : iface_index }  #       Igmp
//!     chain in {
//!         type filter hook input priority PRIORITY
//!         ip daddr @vips drop
//!     }
//!     chain out {
//!         type filter hook output priority PRIORITY
//!         ip protocol igmp dup to ip daddr device oif map @vmac_map drop
//!         ip saddr @vips drop
//!     }
//! }
//! table ip6 NAME {      # likewise, but in both chains, before addresses are looked at:
//!         icmpv6 type nd-neighbor-solicit-nd-neighbor-advert accept
//!         ip6 daddr . iif @vips_link_local drop
//!                       # and before all that in the chain out, of virtual MAC interfaces:
//!         icmpv6 type mld-listener-report-mld-listener-reduction dup to ip6 daddr device oif map @vmac_map drop
//!         icmpv6 type mld2-listener-report dup to ip6 daddr device oif map @vmac_map drop
//!         icmpv6 type nd-router-solicit oif @vmac_set drop
//! }
//! ```
//!
//! An `accept` ends our chain alone: what other tables say of the packet still holds.

use super::Command;
use super::attribute::Attribute;
use super::constants::{
    LIST_ELEMENT, cmp, datatype, dup, element, hook, lookup, meta, msg, register, set, userdata,
    verdict,
};
use super::expressions::{about, compare, find, icmpv6, named, network, value_attribute};
use super::objects::{ELEMENTS_PER_MESSAGE, Table, byte_order, ending, remove_tables};
use crate::kernel::filter::{Element, Family, Set, Shape};
use netlink_packet_core::Emitable;
use std::net::Ipv6Addr;

/// Length of an interface's name as the kernel keeps it (IFNAMSIZ).
const NAME_LENGTH: usize = 16;
/// Parts of a joined key begin where 32-bit registers do.
const INDEX_LENGTH: u32 = 4;

const IPPROTO_IGMP: u8 = 2;
/// Types of RFC 4861, RFC 2710 and RFC 3810.
const ND_ROUTER_SOLICIT: u8 = 133;
const ND_NEIGHBOUR_SOLICIT: u8 = 135;
const ND_NEIGHBOUR_ADVERT: u8 = 136;
const MLD_REPORT: u8 = 131;
const MLD_DONE: u8 = 132;
const MLD2_REPORT: u8 = 143;

/// Where things stand in the IP headers: offset and length (RFC 791, RFC 8200).
const IPV4_PROTOCOL: (u32, u32) = (9, 1);
const IPV4_SOURCE: (u32, u32) = (12, 4);
const IPV4_DESTINATION: (u32, u32) = (16, 4);
const IPV6_SOURCE: (u32, u32) = (8, 16);
const IPV6_DESTINATION: (u32, u32) = (24, 16);

/// A direction, as seen from this host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

impl Way {
    fn chain(self) -> &'static str {
        match self {
            Way::In => "in",
            Way::Out => "out",
        }
    }

    fn hook(self) -> u32 {
        match self {
            Way::In => hook::LOCAL_IN,
            Way::Out => hook::LOCAL_OUT,
        }
    }
}

/// Makes the tables anew, whatever stood there before: leftovers of a crash, or what somebody else did to them.
pub fn make_tables(shape: &Shape) -> Vec<Command> {
    let mut commands = remove_tables(&shape.table, shape.families());
    for family in shape.families() {
        let maker = Maker { shape, family };
        let table = maker.table();
        commands.push(table.make());
        let sets = shape.sets.iter().filter(|set| set.family() == family);
        commands.extend(sets.enumerate().map(|(at, set)| maker.set(at, *set)));
        for way in [Way::In, Way::Out] {
            let rules = maker.rules(way);
            if !rules.is_empty() {
                commands.push(table.chain(way.chain(), way.hook(), shape.priority));
                let rules = rules.into_iter();
                commands.extend(rules.map(|rule| table.rule(way.chain(), rule)));
            }
        }
    }
    commands
}

/// Adds elements to their sets.
pub fn add_elements<'a>(
    table: &str,
    elements: impl IntoIterator<Item = &'a Element>,
) -> Vec<Command> {
    change_elements(table, elements, msg::NEW_ELEMENT)
}

/// Takes elements out of their sets; each has to be there.
pub fn delete_elements<'a>(
    table: &str,
    elements: impl IntoIterator<Item = &'a Element>,
) -> Vec<Command> {
    change_elements(table, elements, msg::DELETE_ELEMENT)
}

fn change_elements<'a>(
    table: &str,
    elements: impl IntoIterator<Item = &'a Element>,
    kind: u16,
) -> Vec<Command> {
    let mut elements: Vec<&Element> = elements.into_iter().collect();
    elements.sort_unstable();
    let of_one_set = elements.chunk_by(|a, b| a.set() == b.set());
    of_one_set
        .flat_map(|members| members.chunks(ELEMENTS_PER_MESSAGE))
        .filter_map(|members| {
            let set = members.first()?.set();
            let list = members.iter().map(|member| element_of(member)).collect();
            let place = Table {
                name: table,
                family: set.family(),
            };
            Some(place.elements(kind, set_name(set), list))
        })
        .collect()
}

/// Bytes that an element takes in a batch.
pub fn element_length(element: &Element) -> usize {
    [element_of(element)].as_slice().buffer_len()
}

fn element_of(member: &Element) -> Attribute {
    let joined = |address: &Ipv6Addr, second: &[u8]| [&address.octets(), second].concat();
    let (key, value) = match member {
        Element::Vip4(address) => (address.octets().to_vec(), None),
        Element::Vip6(address) => (address.octets().to_vec(), None),
        Element::LinkLocal(address, index) => (joined(address, &index.to_ne_bytes()), None),
        Element::LinkLocalNamed(address, name) => {
            let mut padded = name.as_bytes().to_vec();
            padded.resize(NAME_LENGTH, 0);
            (joined(address, &padded), None)
        }
        Element::Igmp(vmac, base) | Element::Mld(vmac, base) => {
            (vmac.to_ne_bytes().to_vec(), Some(base.to_ne_bytes()))
        }
        Element::Quiet(vmac) => (vmac.to_ne_bytes().to_vec(), None),
    };
    let mut parts = vec![value_attribute(element::KEY, key)];
    parts.extend(value.map(|value| value_attribute(element::DATA, value)));
    Attribute::list(LIST_ELEMENT, parts)
}

/// The names that keepalived gives them, as people and scripts look for them.
fn set_name(set: Set) -> &'static str {
    match set {
        Set::Vips4 | Set::Vips6 => "vips",
        Set::LinkLocal => "vips_link_local",
        Set::LinkLocalNamed => "vips_link_local_name",
        Set::Igmp | Set::Mld => "vmac_map",
        Set::Quiet => "vmac_set",
    }
}

/// Commands of one table.
struct Maker<'a> {
    shape: &'a Shape,
    family: Family,
}

impl Maker<'_> {
    fn set(&self, at: usize, which: Set) -> Command {
        use datatype::{INTERFACE_INDEX, INTERFACE_NAME, IPV4_ADDRESS, IPV6_ADDRESS, joined};
        let (of_v4, of_v6) = (IPV4_DESTINATION.1, IPV6_DESTINATION.1);
        let of_name = of_v6 + u32::try_from(NAME_LENGTH).unwrap_or(of_v6);
        let (key_type, key_length) = match which {
            Set::Vips4 => (IPV4_ADDRESS, of_v4),
            Set::Vips6 => (IPV6_ADDRESS, of_v6),
            Set::LinkLocal => (joined(IPV6_ADDRESS, INTERFACE_INDEX), of_v6 + INDEX_LENGTH),
            Set::LinkLocalNamed => (joined(IPV6_ADDRESS, INTERFACE_NAME), of_name),
            Set::Igmp | Set::Mld | Set::Quiet => (INTERFACE_INDEX, INDEX_LENGTH),
        };
        let mut more = vec![
            Attribute::text(set::NAME, set_name(which)),
            Attribute::number(set::KEY_TYPE, key_type),
            Attribute::number(set::KEY_LENGTH, key_length),
            // Any number that no other set of the batch has; sets are referred to by name.
            Attribute::number(set::ID, u32::try_from(at).unwrap_or(u32::MAX)),
        ];
        if which.is_of_vmacs() {
            // Without this `nft list` would turn indices round and find no names for them.
            let orders = [userdata::KEY_BYTE_ORDER, userdata::DATA_BYTE_ORDER];
            let parts = orders.map(|kind| byte_order(kind, userdata::HOST_ORDER));
            more.push(Attribute::bytes(set::USERDATA, parts.concat()));
        }
        if matches!(which, Set::Igmp | Set::Mld) {
            more.extend([
                Attribute::number(set::FLAGS, set::FLAG_MAP),
                Attribute::number(set::DATA_TYPE, INTERFACE_INDEX),
                Attribute::number(set::DATA_LENGTH, INDEX_LENGTH),
            ]);
        }
        self.table().command(msg::NEW_SET, more)
    }

    fn table(&self) -> Table<'_> {
        Table {
            name: &self.shape.table,
            family: self.family,
        }
    }

    /// The rules of a chain, each as its expressions.
    fn rules(&self, way: Way) -> Vec<Vec<Attribute>> {
        let mut rules = Vec::new();
        if way == Way::Out {
            rules.extend(self.vmac_rules());
        }
        if way == Way::Out && !self.shape.outbound {
            return rules;
        }
        match self.family {
            Family::Ip => {
                if self.has(Set::Vips4) {
                    let address = match way {
                        Way::In => IPV4_DESTINATION,
                        Way::Out => IPV4_SOURCE,
                    };
                    rules.push(self.ending(
                        vec![
                            network(register::FIRST, address),
                            find(set_name(Set::Vips4)),
                        ],
                        verdict::DROP,
                    ));
                }
            }
            Family::Ip6 => rules.extend(self.ipv6_rules(way)),
        }
        rules
    }

    fn ipv6_rules(&self, way: Way) -> Vec<Vec<Attribute>> {
        let (address, index, name) = match way {
            Way::In => (IPV6_DESTINATION, meta::IIF, meta::IIFNAME),
            Way::Out => (IPV6_SOURCE, meta::OIF, meta::OIFNAME),
        };
        let sets = [
            (Set::LinkLocal, Some(index)),
            (Set::LinkLocalNamed, Some(name)),
            (Set::Vips6, None),
        ];
        let mut rules = Vec::new();
        for (set, place) in sets.into_iter().filter(|(set, _)| self.has(*set)) {
            let mut rule = vec![network(register::FIRST, address)];
            rule.extend(place.map(|place| about(register::SECOND, place)));
            rule.push(find(set_name(set)));
            rules.push(self.ending(rule, verdict::DROP));
        }
        if !rules.is_empty() {
            let discovery = icmpv6(ND_NEIGHBOUR_SOLICIT, ND_NEIGHBOUR_ADVERT);
            rules.insert(0, self.ending(discovery, verdict::ACCEPT));
        }
        rules
    }

    /// Multicast listener messages leave through the interface below, so that a switch does not learn the virtual MAC from a router
    /// that is not MASTER; routers are not solicited at all.
    fn vmac_rules(&self) -> Vec<Vec<Attribute>> {
        let mut rules = Vec::new();
        if self.family == Family::Ip && self.has(Set::Igmp) {
            let igmp = vec![
                network(register::FIRST, IPV4_PROTOCOL),
                compare(cmp::EQUAL, IPPROTO_IGMP),
            ];
            rules.push(self.moved(igmp, IPV4_DESTINATION, Set::Igmp));
        }
        if self.family == Family::Ip6 && self.has(Set::Mld) {
            for reports in [
                icmpv6(MLD_REPORT, MLD_DONE),
                icmpv6(MLD2_REPORT, MLD2_REPORT),
            ] {
                rules.push(self.moved(reports, IPV6_DESTINATION, Set::Mld));
            }
        }
        if self.family == Family::Ip6 && self.has(Set::Quiet) {
            let mut solicits = icmpv6(ND_ROUTER_SOLICIT, ND_ROUTER_SOLICIT);
            solicits.extend([
                about(register::FIRST, meta::OIF),
                find(set_name(Set::Quiet)),
            ]);
            rules.push(self.ending(solicits, verdict::DROP));
        }
        rules
    }

    /// Sends a copy through the interface that a map names, and drops the packet; what the map does not know goes its way.
    fn moved(&self, mut rule: Vec<Attribute>, address: (u32, u32), map: Set) -> Vec<Attribute> {
        rule.extend([
            network(register::FIRST, address),
            about(register::SECOND, meta::OIF),
            named(
                "lookup",
                vec![
                    Attribute::text(lookup::SET, set_name(map)),
                    Attribute::number(lookup::KEY_REGISTER, register::SECOND),
                    Attribute::number(lookup::DATA_REGISTER, register::SECOND),
                ],
            ),
            named(
                "dup",
                vec![
                    Attribute::number(dup::ADDRESS_REGISTER, register::FIRST),
                    Attribute::number(dup::DEVICE_REGISTER, register::SECOND),
                ],
            ),
        ]);
        self.ending(rule, verdict::DROP)
    }

    fn ending(&self, rule: Vec<Attribute>, code: u32) -> Vec<Attribute> {
        ending(rule, self.shape.counters, code)
    }

    fn has(&self, set: Set) -> bool {
        self.shape.sets.contains(&set)
    }
}
