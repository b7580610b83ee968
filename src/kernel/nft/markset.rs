//! The rules that mark the packets of virtual server groups, as keepalived has them:
//!
//! ```text
//! table ip NAME {       # and table ip6, likewise
//!     map tcp_map {     # and those of udp and sctp, as far as they are needed
//!         type ipv4_addr . inet_service : mark
//!         flags interval
//!     }
//!     chain in {
//!         type filter hook input priority PRIORITY
//!         meta mark set ip daddr . tcp dport map @tcp_map return
//!         meta mark set ip daddr . tcp dport map @tcp_any_map return
//!     }
//! }
//! ```
//!
//! The map of services without a port is our own: the other one has them first where both have an address.

use super::Command;
use super::attribute::Attribute;
use super::constants::{
    LIST_ELEMENT, cmp, datatype, element, hook, lookup, meta, msg, payload, register, set,
    userdata, verdict,
};
use super::expressions::{about, compare, expression_at, load, named, network, value_attribute};
use super::objects::{ELEMENTS_PER_MESSAGE, Table, byte_order, ending, remove_tables};
use crate::config::model::Protocol;
use crate::kernel::filter::Family;
use crate::kernel::mark::{Map, MarkTable, Marked};
use std::net::IpAddr;

const CHAIN: &str = "in";

const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;
const IPPROTO_SCTP: u8 = 132;

/// Where destinations stand in the IP headers, and in those of all three protocols: offset and length.
const IPV4_DESTINATION: (u32, u32) = (16, 4);
const IPV6_DESTINATION: (u32, u32) = (24, 16);
const DESTINATION_PORT: (u32, u32) = (2, 2);
/// A port begins and ends where 32-bit registers do.
const PORT_ROOM: u32 = 4;
const MARK_LENGTH: u32 = 4;

/// Makes the tables anew, whatever stood there before.
pub fn make_mark_tables(table: &MarkTable) -> Vec<Command> {
    let mut commands = remove_tables(&table.name, table.families());
    let maps = table.maps().elements;
    for family in table.families() {
        let place = Table {
            name: &table.name,
            family,
        };
        let of_family = || maps.iter().filter(|(map, _)| map.family == family);
        commands.push(place.make());
        let sets = of_family().enumerate();
        commands.extend(sets.map(|(at, (map, _))| make_map(place, at, *map, table.counters)));
        commands.push(place.chain(CHAIN, hook::LOCAL_IN, table.priority));
        for (map, elements) in of_family() {
            commands.push(place.rule(CHAIN, rule(*map, table.counters)));
            for chunk in elements.chunks(ELEMENTS_PER_MESSAGE) {
                let list = chunk.iter().map(element_of).collect();
                commands.push(place.elements(msg::NEW_ELEMENT, name(*map), list));
            }
        }
    }
    commands
}

fn name(map: Map) -> &'static str {
    match (map.protocol, map.any_port) {
        (Protocol::Tcp, false) => "tcp_map",
        (Protocol::Tcp, true) => "tcp_any_map",
        (Protocol::Udp, false) => "udp_map",
        (Protocol::Udp, true) => "udp_any_map",
        (Protocol::Sctp, false) => "sctp_map",
        (Protocol::Sctp, true) => "sctp_any_map",
    }
}

fn number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => IPPROTO_TCP,
        Protocol::Udp => IPPROTO_UDP,
        Protocol::Sctp => IPPROTO_SCTP,
    }
}

fn make_map(place: Table<'_>, at: usize, map: Map, counters: bool) -> Command {
    let (address_type, address_length) = match map.family {
        Family::Ip => (datatype::IPV4_ADDRESS, IPV4_DESTINATION.1),
        Family::Ip6 => (datatype::IPV6_ADDRESS, IPV6_DESTINATION.1),
    };
    let part = |length| {
        let length = Attribute::number(set::PART_LENGTH, length);
        Attribute::list(LIST_ELEMENT, vec![length])
    };
    let parts = vec![part(address_length), part(DESTINATION_PORT.1)];
    let flags = set::FLAG_INTERVAL | set::FLAG_MAP | set::FLAG_CONCAT;
    let orders = [
        byte_order(userdata::KEY_BYTE_ORDER, userdata::NO_ORDER),
        // Without this `nft list` would turn marks round.
        byte_order(userdata::DATA_BYTE_ORDER, userdata::HOST_ORDER),
    ];
    let mut more = vec![
        Attribute::text(set::NAME, name(map)),
        Attribute::number(set::FLAGS, flags),
        Attribute::number(
            set::KEY_TYPE,
            datatype::joined(address_type, datatype::PORT),
        ),
        Attribute::number(set::KEY_LENGTH, address_length + PORT_ROOM),
        Attribute::number(set::DATA_TYPE, datatype::MARK),
        Attribute::number(set::DATA_LENGTH, MARK_LENGTH),
        // Any number that no other set of the batch has; sets are referred to by name.
        Attribute::number(set::ID, u32::try_from(at).unwrap_or(u32::MAX)),
        Attribute::list(set::DESCRIPTION, vec![Attribute::list(set::PARTS, parts)]),
        Attribute::bytes(set::USERDATA, orders.concat()),
    ];
    if counters {
        more.push(expression_at(set::EXPRESSION, "counter", Vec::new()));
    }
    place.command(msg::NEW_SET, more)
}

/// Looks for address and port in the map; what is there gets the mark, and is done.
fn rule(map: Map, counters: bool) -> Vec<Attribute> {
    // The second part of a key is loaded behind the first.
    let (address, second) = match map.family {
        Family::Ip => (IPV4_DESTINATION, register::SECOND_QUARTER),
        Family::Ip6 => (IPV6_DESTINATION, register::SECOND),
    };
    let rule = vec![
        about(register::FIRST, meta::L4PROTO),
        compare(cmp::EQUAL, number(map.protocol)),
        network(register::FIRST, address),
        load(second, payload::TRANSPORT, DESTINATION_PORT),
        named(
            "lookup",
            vec![
                Attribute::text(lookup::SET, name(map)),
                Attribute::number(lookup::KEY_REGISTER, register::FIRST),
                Attribute::number(lookup::DATA_REGISTER, register::FIRST),
            ],
        ),
        named(
            "meta",
            vec![
                Attribute::number(meta::KEY, meta::MARK),
                Attribute::number(meta::SOURCE, register::FIRST),
            ],
        ),
    ];
    ending(rule, counters, verdict::RETURN)
}

fn element_of(marked: &Marked) -> Attribute {
    let key = |address: IpAddr, port: u16| {
        let mut key = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        key.extend(port.to_be_bytes());
        key.resize(key.len().next_multiple_of(PORT_ROOM as usize), 0);
        key
    };
    let (low, high) = marked.ports;
    let parts = vec![
        value_attribute(element::KEY, key(marked.first, low)),
        value_attribute(element::KEY_END, key(marked.last, high)),
        value_attribute(element::DATA, marked.mark.to_ne_bytes()),
    ];
    Attribute::list(LIST_ELEMENT, parts)
}
