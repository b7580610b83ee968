//! `vrrp_sync_group`, `garp_group`: groups around instances and interfaces.

use super::global::set;
use super::lines::{self, Met, TrackedLine};
use super::notify::DraftNotify;
use super::state::{Builder, SyncGroup};
use super::track_file::DEFAULT_WEIGHT;
use super::{Context, finish};
use crate::config::diagnostic::{Class, Span};
use crate::config::keywords::{Block, Form};
use crate::config::model::{
    GarpGroup, SyncGroup as Group, Tracked, TrackedInterface, TrackerKind as ObjectKind,
    VrrpInstance,
};
use crate::config::phrase::TrackerKind;
use crate::config::read::Item;
use std::collections::HashMap;

/// Reads a `vrrp_sync_group`.
pub(super) fn sync_group(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    let Some(name) = item.block_name(context) else {
        return;
    };
    if builder.sync_groups.iter().any(|group| group.name == name) {
        context.fault(
            item.argument_span(0),
            format!("vrrp sync group {name} already defined - ignoring"),
            "give each group a name of its own",
        );
        return;
    }
    let Some(statements) = item.open(context) else {
        return;
    };
    let mut group = SyncGroup {
        name: name.to_owned(),
        span: item.span(),
        members: None,
        notify: DraftNotify::default(),
        tracked: Vec::new(),
        trackers: Vec::new(),
        own_weights: false,
    };
    let mut met = Met::default();
    context.each_statement(Block::VrrpSyncGroup, statements, |context, item| {
        match (item.name(), item.keyword.form) {
            ("sync_group_tracking_weight" | "global_tracking", _) => group.own_weights = true,
            ("group", _) => {
                group.members = item.open(context).map(|lines| lines::names(context, lines))
            }
            (_, Form::Lines(_)) => {
                lines::trackers(context, &builder.tracked, &item, name, &mut met)
            }
            _ if group.notify.statement(context, &item) => {}
            _ => item.check(context),
        }
    });
    let (interfaces, others): (Vec<_>, Vec<_>) = met
        .lines
        .into_iter()
        .partition(|line| line.kind == TrackerKind::Interface);
    group.tracked = interfaces.into_iter().map(TrackedLine::interface).collect();
    group.trackers = others.into_iter().filter_map(TrackedLine::object).collect();
    builder.sync_groups.push(group);
}

/// Judges the sync groups when all instances are known.
pub(super) fn finish_sync_groups(builder: &mut Builder, context: &mut Context<'_>) {
    let mut places = None;
    for group in std::mem::take(&mut builder.sync_groups) {
        let name = &group.name;
        let Some(members) = group.members.filter(|members| !members.is_empty()) else {
            let message = format!("Sync group {name} has no virtual router(s) - removing");
            context.fault(
                group.span,
                message,
                "name its instances: group { INSTANCE ... }",
            );
            continue;
        };
        let mut found = 0;
        let mut known: Vec<(String, Span)> = Vec::new();
        for (member, span) in members {
            match builder.instances.get_mut(&member) {
                None => {
                    let message = format!(
                        "Virtual router {member} specified in sync group {name} doesn't exist - ignoring"
                    );
                    context.fault(
                        span,
                        message,
                        "write the name of a vrrp_instance of this configuration",
                    );
                }
                Some(facts) => match &facts.group {
                    Some(other) => {
                        let message = format!(
                            "({member}) is in sync groups {other} and {name} - ignoring the second"
                        );
                        context.fault(span, message, "an instance belongs to one sync group");
                    }
                    None => {
                        facts.group = Some(name.clone());
                        found += 1;
                        known.push((member, span));
                    }
                },
            }
        }
        match found {
            0 => {
                let message = format!("Sync group {name} has no virtual router(s) - removing");
                context.fault(group.span, message, "name instances that exist");
                continue;
            }
            1 => {
                let message = format!(
                    "Sync group {name} has only 1 virtual router(s) - this probably isn't what you want"
                );
                context.diagnostics.advise(
                    Class::Warning,
                    group.span,
                    message,
                    "a group keeps two or more instances together",
                );
            }
            _ => {}
        }
        let priority_changes = group.notify.priority_changes();
        let notify = group.notify.finish(context, false, &builder.model.global);
        let places = places.get_or_insert_with(|| by_name(&builder.model.vrrp.instances));
        let mut members = Vec::new();
        for (member, span) in known {
            // One that is not started is no member.
            let instance = places
                .get(&member)
                .and_then(|place| builder.model.vrrp.instances.get_mut(*place));
            if let Some(instance) = instance {
                if !group.own_weights {
                    without_weights(context, instance, &group.name, span);
                }
                let tells = builder.instances.get(&member);
                if let Some(changes) = priority_changes
                    && !tells.is_some_and(|facts| facts.tells_priority_changes)
                {
                    instance.notify.priority_changes = changes;
                }
                track_for(instance, &group.tracked, &group.trackers);
                members.push(member);
            }
        }
        if !members.is_empty() {
            builder.model.vrrp.sync_groups.push(Group {
                name: group.name,
                members,
                notify,
            });
        }
    }
}

/// The places of instances.
pub(super) fn by_name(instances: &[VrrpInstance]) -> HashMap<String, usize> {
    instances
        .iter()
        .enumerate()
        .map(|(place, instance)| (instance.name.clone(), place))
        .collect()
}

/// Members of different priorities could not follow one another. What keepalived makes of their own trackers that weigh something: an
/// interface, and a file with the usual weight, is a FAULT or is not; anything else is not tracked.
fn without_weights(
    context: &mut Context<'_>,
    instance: &mut VrrpInstance,
    group: &str,
    span: Span,
) {
    let owner = &instance.name;
    let mut tell = |what: &str, name: &str, becomes: &str| {
        let message = format!(
            "({owner}) weight of tracked {what} {name} is not used in sync group {group}: it {becomes}"
        );
        let help = format!(
            "track the {what} in the vrrp_sync_group instead, or add sync_group_tracking_weight to it"
        );
        context.fault(span, message, help);
    };
    const WEIGHTLESS: &str = "has no weight now";
    for tracked in &mut instance.tracked_interfaces {
        if std::mem::take(&mut tracked.weight) != 0 {
            tell("interface", &tracked.interface, WEIGHTLESS);
        }
    }
    instance.trackers.retain_mut(|tracked| {
        if tracked.weight == 0 {
            return true;
        }
        let stays = (tracked.kind, tracked.weight) == (ObjectKind::File, DEFAULT_WEIGHT.0);
        let becomes = if stays { WEIGHTLESS } else { "is not tracked" };
        tell(tracked.kind.name(), &tracked.name, becomes);
        tracked.weight = 0;
        stays
    });
}

/// Puts what a group tracks on a member, where it does not track it by itself.
pub(super) fn track_for(
    instance: &mut VrrpInstance,
    tracked: &[TrackedInterface],
    trackers: &[Tracked],
) {
    for line in trackers {
        let same = |own: &Tracked| (own.kind, &own.name) == (line.kind, &line.name);
        let no_use = line.weight != 0 && instance.priority == finish::OWNER;
        if !instance.trackers.iter().any(same) && !no_use {
            instance.trackers.push(line.clone());
        }
    }
    for line in tracked {
        let known = instance
            .tracked_interfaces
            .iter()
            .any(|own| own.interface == line.interface);
        let follows_anyway =
            line.weight == 0 && !line.reverse && line.interface == instance.interface;
        let no_use = line.weight != 0 && instance.priority == finish::OWNER;
        if !known && !follows_anyway && !no_use {
            instance.tracked_interfaces.push(line.clone());
        }
    }
}

/// Reads a `garp_group`.
pub(super) fn garp_group(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    let Some(statements) = item.open(context) else {
        return;
    };
    let mut group = GarpGroup::default();
    let mut named: Vec<(String, Span)> = Vec::new();
    context.each_statement(Block::GarpGroup, statements, |context, item| {
        match item.name() {
            "garp_interval" => set(&mut group.arp_interval, item.duration(context).map(Some)),
            "gna_interval" => set(
                &mut group.neighbour_interval,
                item.duration(context).map(Some),
            ),
            "interfaces" => {
                for (name, span) in item
                    .open(context)
                    .map(|lines| lines::names(context, lines))
                    .unwrap_or_default()
                {
                    if context.must_exist(&name, span) || context.dynamic_interfaces {
                        named.push((name, span));
                    }
                }
            }
            "interface" => {
                let span = item.argument_span(0);
                if let Some(name) = item.interface(context)
                    && (context.must_exist(name, span) || context.dynamic_interfaces)
                {
                    named.push((name.to_owned(), span));
                }
            }
            _ => item.check(context),
        }
    });
    for (name, span) in named {
        if builder.paced.insert(name.clone()) {
            group.interfaces.push(name);
        } else {
            let message = format!("interface {name} is in a garp_group already - ignoring");
            context.fault(span, message, "an interface belongs to one garp_group");
        }
    }
    if group.arp_interval.is_none() && group.neighbour_interval.is_none() {
        context.fault(
            item.span(),
            "garp_group has no garp_interval or gna_interval - ignoring",
            "add one of them",
        );
    } else if group.interfaces.is_empty() {
        context.fault(
            item.span(),
            "garp_group names no interface - ignoring",
            "add: interfaces { IFNAME ... }",
        );
    } else {
        builder.model.vrrp.garp_groups.push(group);
    }
}
