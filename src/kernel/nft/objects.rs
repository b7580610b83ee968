//! Commands that make and remove the objects of one table, whatever the table is for. Which sets and rules there are is ruleset.rs's and
//! markset.rs's.

use super::Command;
use super::attribute::Attribute;
use super::constants::{
    NFPROTO_IPV4, NFPROTO_IPV6, NFTA_TABLE, chain, data, element, immediate, msg, register, rule,
    verdict,
};
use super::expressions::named;
use crate::kernel::filter::Family;
use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE};

/// Elements of one message: an attribute holds 64 KiB at most, an element takes some 100 bytes at most.
pub const ELEMENTS_PER_MESSAGE: usize = 512;

/// A table of ours.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    pub name: &'a str,
    pub family: Family,
}

impl Table<'_> {
    /// Makes the table.
    pub fn make(&self) -> Command {
        self.command(msg::NEW_TABLE, Vec::new())
    }

    /// A command that makes something in it.
    pub fn command(&self, kind: u16, more: Vec<Attribute>) -> Command {
        let mut attributes = vec![Attribute::text(NFTA_TABLE, self.name)];
        attributes.extend(more);
        Command {
            kind,
            family: protocol(self.family),
            // A rule goes behind those there are; other objects have no order.
            flags: NLM_F_CREATE | NLM_F_APPEND,
            attributes,
        }
    }

    /// Makes a chain that packets come through where `hook` (`NF_INET_*`) is, and that lets them pass.
    pub fn chain(&self, name: &str, hook: u32, priority: i32) -> Command {
        let hook = vec![
            Attribute::number(chain::HOOK_NUMBER, hook),
            Attribute::bytes(chain::HOOK_PRIORITY, priority.to_be_bytes()),
        ];
        let more = vec![
            Attribute::text(chain::NAME, name),
            Attribute::list(chain::HOOK, hook),
            Attribute::number(chain::POLICY, verdict::ACCEPT),
            Attribute::text(chain::TYPE, "filter"),
        ];
        self.command(msg::NEW_CHAIN, more)
    }

    /// Makes the next rule of a chain.
    pub fn rule(&self, chain: &str, expressions: Vec<Attribute>) -> Command {
        let more = vec![
            Attribute::text(rule::CHAIN, chain),
            Attribute::list(rule::EXPRESSIONS, expressions),
        ];
        self.command(msg::NEW_RULE, more)
    }

    /// Adds elements to a set (`NEW_ELEMENT`), or takes them out (`DELETE_ELEMENT`), when they have to be there.
    pub fn elements(&self, kind: u16, set: &str, elements: Vec<Attribute>) -> Command {
        let flags = match kind {
            msg::NEW_ELEMENT => NLM_F_CREATE,
            _ => 0,
        };
        Command {
            kind,
            family: protocol(self.family),
            flags,
            attributes: vec![
                Attribute::text(NFTA_TABLE, self.name),
                Attribute::text(element::SET, set),
                Attribute::list(element::LIST, elements),
            ],
        }
    }
}

/// Removes the tables of a name, whether they are there or not.
pub fn remove_tables(table: &str, families: impl IntoIterator<Item = Family>) -> Vec<Command> {
    let both = |family| {
        let command = |kind, flags| Command {
            kind,
            family: protocol(family),
            flags,
            attributes: vec![Attribute::text(NFTA_TABLE, table)],
        };
        // One that is not there cannot be removed, and would fail the batch.
        [
            command(msg::NEW_TABLE, NLM_F_CREATE),
            command(msg::DELETE_TABLE, 0),
        ]
    };
    families.into_iter().flat_map(both).collect()
}

/// Ends a rule with a verdict (`NF_*` or `NFT_*`), counting what comes so far where that is asked for.
pub fn ending(mut rule: Vec<Attribute>, counters: bool, code: u32) -> Vec<Attribute> {
    if counters {
        rule.push(named("counter", Vec::new()));
    }
    let verdict = vec![Attribute::number(data::VERDICT_CODE, code)];
    rule.push(named(
        "immediate",
        vec![
            Attribute::number(immediate::REGISTER, register::VERDICT),
            Attribute::list(
                immediate::DATA,
                vec![Attribute::list(data::VERDICT, verdict)],
            ),
        ],
    ));
    rule
}

/// A part of what the `nft` program keeps with a set: in which order the bytes of keys, or of data, stand.
pub fn byte_order(kind: u8, order: u32) -> Vec<u8> {
    let value = order.to_ne_bytes();
    let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
    [&[kind, length][..], &value].concat()
}

fn protocol(family: Family) -> u8 {
    match family {
        Family::Ip => NFPROTO_IPV4,
        Family::Ip6 => NFPROTO_IPV6,
    }
}
