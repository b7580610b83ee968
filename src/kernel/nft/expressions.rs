//! Expressions, of which rules are made: each loads something of a packet into a register, or goes on only if that compares so. Which
//! rules there are is ruleset.rs's.

use super::attribute::Attribute;
use super::constants::{LIST_ELEMENT, cmp, data, expression, lookup, meta, payload, register};

const IPPROTO_ICMPV6: u8 = 58;
/// Where the type of a message stands in its header: offset and length (RFC 4443 section 2.1).
const ICMPV6_TYPE: (u32, u32) = (0, 1);

/// An expression of a rule.
pub fn named(name: &str, parameters: Vec<Attribute>) -> Attribute {
    expression_at(LIST_ELEMENT, name, parameters)
}

/// An expression as an attribute of this kind.
pub fn expression_at(kind: u16, name: &str, parameters: Vec<Attribute>) -> Attribute {
    Attribute::list(
        kind,
        vec![
            Attribute::text(expression::NAME, name),
            Attribute::list(expression::DATA, parameters),
        ],
    )
}

pub fn value_attribute(kind: u16, value: impl Into<Vec<u8>>) -> Attribute {
    Attribute::list(kind, vec![Attribute::bytes(data::VALUE, value)])
}

/// Loads a part of the packet.
pub fn load(target: u32, base: u32, (offset, length): (u32, u32)) -> Attribute {
    named(
        "payload",
        vec![
            Attribute::number(payload::REGISTER, target),
            Attribute::number(payload::BASE, base),
            Attribute::number(payload::OFFSET, offset),
            Attribute::number(payload::LENGTH, length),
        ],
    )
}

/// Loads a part of the IP header.
pub fn network(target: u32, part: (u32, u32)) -> Attribute {
    load(target, payload::NETWORK, part)
}

/// Loads something that is known about the packet.
pub fn about(target: u32, key: u32) -> Attribute {
    named(
        "meta",
        vec![
            Attribute::number(meta::REGISTER, target),
            Attribute::number(meta::KEY, key),
        ],
    )
}

/// Goes on if the byte in the first register compares so with this one.
pub fn compare(operator: u32, byte: u8) -> Attribute {
    named(
        "cmp",
        vec![
            Attribute::number(cmp::REGISTER, register::FIRST),
            Attribute::number(cmp::OPERATOR, operator),
            value_attribute(cmp::DATA, [byte]),
        ],
    )
}

/// Goes on if the packet is an ICMPv6 message of one of these types.
pub fn icmpv6(lowest: u8, highest: u8) -> Vec<Attribute> {
    let mut rule = vec![
        about(register::FIRST, meta::L4PROTO),
        compare(cmp::EQUAL, IPPROTO_ICMPV6),
        load(register::FIRST, payload::TRANSPORT, ICMPV6_TYPE),
    ];
    if lowest == highest {
        rule.push(compare(cmp::EQUAL, lowest));
    } else {
        rule.extend([
            compare(cmp::AT_LEAST, lowest),
            compare(cmp::AT_MOST, highest),
        ]);
    }
    rule
}

/// Goes on if what was loaded is a member of the set of this name.
pub fn find(set: &str) -> Attribute {
    named(
        "lookup",
        vec![
            Attribute::text(lookup::SET, set),
            Attribute::number(lookup::KEY_REGISTER, register::FIRST),
        ],
    )
}
