//! `track_group`: instances that do not run without static addresses, routes and rules of this host.

use super::group::{by_name, track_for};
use super::state::{Builder, TrackGroup};
use super::{Context, lines};
use crate::config::diagnostic::{Class, Span};
use crate::config::keywords::Block;
use crate::config::model::{self, Holdings, Tracked, TrackedInterface, TrackerKind};
use crate::config::read::Item;
use std::collections::BTreeSet;

/// Reads a `track_group`.
pub(super) fn read(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    let (Some(name), Some(statements)) = (item.block_name(context), item.open(context)) else {
        return;
    };
    if builder.track_groups.iter().any(|known| known.name == name) {
        context.fault(
            item.argument_span(0),
            format!("track group {name} already defined - ignoring"),
            "give each group a name of its own",
        );
        return;
    }
    let mut members: Vec<(String, Span)> = Vec::new();
    context.each_statement(Block::TrackGroup, statements, |context, item| {
        members = item
            .open(context)
            .map(|lines| lines::names(context, lines))
            .unwrap_or_default();
    });
    if members.is_empty() {
        context.fault(
            item.span(),
            format!("track group {name} has no members - removing"),
            "name its instances: group { INSTANCE ... }",
        );
    } else {
        builder.track_groups.push(TrackGroup {
            name: name.to_owned(),
            span: item.span(),
            members,
            holdings: Holdings::default(),
        });
    }
}

/// Judges the track groups when all instances are known, and has their members track what names them.
pub(super) fn finish(builder: &mut Builder, context: &mut Context<'_>) {
    let mut places = None;
    for group in std::mem::take(&mut builder.track_groups) {
        let name = group.name;
        if group.holdings.is_empty() {
            context.diagnostics.advise(
                Class::Note,
                group.span,
                format!("nothing static names track group {name}: it has no effect"),
                "write track_group behind a line of static_ipaddress, static_routes or static_rules",
            );
        }
        let instances = &mut builder.model.vrrp.instances;
        let places = places.get_or_insert_with(|| by_name(instances));
        let tracked = Tracked {
            kind: TrackerKind::Statics,
            name: name.clone(),
            weight: 0,
            reverse: false,
        };
        let interfaces = interfaces(&group.holdings);
        let mut followed = false;
        for (member, span) in group.members {
            if !builder.instances.contains_key(&member) {
                let message = format!(
                    "Virtual router {member} specified in track group {name} doesn't exist - ignoring"
                );
                context.fault(
                    span,
                    message,
                    "write the name of a vrrp_instance of this configuration",
                );
            }
            // One that is not started tracks nothing.
            let instance = places
                .get(&member)
                .and_then(|place| instances.get_mut(*place));
            if let Some(instance) = instance.filter(|_| !group.holdings.is_empty()) {
                followed = true;
                track_for(instance, &interfaces, std::slice::from_ref(&tracked));
            }
        }
        if followed {
            let holdings = group.holdings;
            let group = model::TrackGroup { name, holdings };
            builder.model.vrrp.track_groups.push(group);
        }
    }
}

/// The interfaces that static things need: the kernel does not tell of IPv4 routes that it drops with a link.
fn interfaces(holdings: &Holdings) -> Vec<TrackedInterface> {
    let addresses = holdings.addresses.iter().map(|line| &line.interface);
    let routes = holdings.routes.iter().map(|route| &route.hop.interface);
    let rules = holdings.rules.iter().map(|rule| &rule.input);
    let named: BTreeSet<&String> = addresses.chain(routes).chain(rules).flatten().collect();
    let tracked = named.into_iter().map(|interface| TrackedInterface {
        interface: interface.clone(),
        weight: 0,
        reverse: false,
        implied: true,
    });
    tracked.collect()
}
