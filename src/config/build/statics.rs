//! `static_ipaddress` and the blocks that list interfaces. Checked in full; nothing acts on them yet.

use super::state::Builder;
use super::{Context, lines};
use crate::config::diagnostic::quote;
use crate::config::keywords::Form;
use crate::config::keywords::form::Line;
use crate::config::phrase::{address_line, check_delays, check_linkbeat};
use crate::config::read::Item;

/// Reads `static_ipaddress`.
pub(super) fn addresses(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    /// Where addresses without `dev` go.
    const DEFAULT_INTERFACE: &str = "eth0";
    let Some(block) = item.open(context) else {
        return;
    };
    for line in block {
        lines::no_block(context, line);
        let Some(read) = address_line(context, line) else {
            continue;
        };
        if read.address.interface.is_none() {
            context.must_exist(DEFAULT_INTERFACE, line.span());
        }
        if let Some(word) = read.track_group {
            if !builder
                .track_groups
                .iter()
                .any(|(name, _)| word.bytes() == name.as_bytes())
            {
                let message = format!("track_group {} not found, ignoring", quote(word.bytes()));
                context.fault(
                    word.span(),
                    message,
                    "define the track_group above this block",
                );
            }
        }
        builder.objects += 1;
    }
}

/// Reads `static_routes` or `static_rules`.
pub(super) fn routes_and_rules(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    lines::routes_and_rules(context, item, true);
    builder.objects += 1;
}

/// Reads `linkbeat_interfaces` or `interface_up_down_delays`.
pub(super) fn interfaces(context: &mut Context<'_>, item: &Item<'_>) {
    let Some(block) = item.open(context) else {
        return;
    };
    for line in block {
        lines::no_block(context, line);
        match item.keyword.form {
            Form::Lines(Line::Linkbeat) => check_linkbeat(context, line),
            _ => check_delays(context, line),
        };
    }
}
