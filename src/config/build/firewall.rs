//! The words of `global_defs` about the packet filter. There is one filter, nftables; who asks for iptables gets the same by nftables,
//! and is told.

use super::Context;
use crate::config::diagnostic::{Class, quote};
use crate::config::model::Firewall;
use crate::config::read::Item;
use std::collections::HashSet;

/// The longest name of a table in bytes (NFT_TABLE_MAXNAMELEN less its NUL).
pub(super) const TABLE_NAME_MAX: usize = 255;
/// The longest name of an iptables chain (XT_EXTENSION_MAXNAMELEN less its NUL).
const CHAIN_NAME_MAX: usize = 28;
/// The longest name of an ipset (IPSET_MAXNAMELEN less its NUL).
const SET_NAME_MAX: usize = 31;

/// What was read, and what it means for the words that follow.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    /// `nftables` was met: it goes before `vrrp_iptables`.
    nftables: bool,
}

impl Draft {
    /// Reads one statement; false when it is about something else.
    pub fn statement(
        &mut self,
        firewall: &mut Firewall,
        context: &mut Context<'_>,
        item: &Item<'_>,
    ) -> bool {
        match item.name() {
            "nftables" => {
                (self.nftables, firewall.outbound) = (true, true);
                if let Some(name) = table_name(context, item) {
                    firewall.table = name;
                }
            }
            "nftables_priority" => {
                let priority = item.int(context).and_then(|n| i32::try_from(n).ok());
                firewall.priority = priority.unwrap_or(firewall.priority);
            }
            "nftables_counters" => firewall.counters = true,
            "nftables_ifindex" => firewall.by_index = true,
            "vrrp_iptables" => self.iptables(firewall, context, item),
            "vrrp_ipsets" => ipsets(context, item),
            _ => return false,
        }
        true
    }

    fn iptables(&self, firewall: &mut Firewall, context: &mut Context<'_>, item: &Item<'_>) {
        for place in 0..item.count() {
            is_short(context, item, place, CHAIN_NAME_MAX);
        }
        if !self.nftables {
            // The second chain is that of what is sent; without any, both of the kernel's own are meant.
            firewall.outbound = item.count() != 1;
        }
        let message = format!(
            "vrrp_iptables: the filter is made with nftables, in a table {} of its own",
            firewall.table
        );
        let help =
            "write nftables instead; chains made for keepalived in iptables stay empty and can go";
        context
            .diagnostics
            .advise(Class::Note, item.span(), message, help);
    }
}

fn ipsets(context: &mut Context<'_>, item: &Item<'_>) {
    let mut met = HashSet::new();
    for place in 0..item.count() {
        if !is_short(context, item, place, SET_NAME_MAX) {
            continue;
        }
        if let Some(word) = item.argument(place)
            && !met.insert(word.bytes())
        {
            let message = format!(
                "vrrp_ipsets: the name {} is there twice",
                quote(word.bytes())
            );
            context.fault(word.span(), message, "each set has a name of its own");
        }
    }
    no_ipsets(context, item);
}

/// Says that a word about ipsets has nothing to act on.
pub(super) fn no_ipsets(context: &mut Context<'_>, item: &Item<'_>) {
    let message = format!(
        "{}: the filter is made with nftables, which has sets of its own",
        item.name()
    );
    context
        .diagnostics
        .advise(Class::Note, item.span(), message, "remove the line");
}

/// Says when a name is too long to be one.
fn is_short(context: &mut Context<'_>, item: &Item<'_>, place: usize, most: usize) -> bool {
    let Some(word) = item.argument(place) else {
        return true;
    };
    let length = word.bytes().len();
    if length > most {
        let message = format!("{} name is too long", item.name());
        let help = format!("at most {most} bytes, not {length}; the name is ignored");
        context.fault(word.span(), message, help);
    }
    length <= most
}

/// The name of a table, where one is given that nftables takes.
pub(super) fn table_name(context: &mut Context<'_>, item: &Item<'_>) -> Option<String> {
    if item.count() == 0 {
        return None;
    }
    let name = item.text(context)?;
    is_short(context, item, 0, TABLE_NAME_MAX).then(|| name.to_owned())
}
