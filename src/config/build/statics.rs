//! What the host has whatever the instances do (`static_ipaddress`, `static_routes`, `static_rules`), and the blocks that list
//! interfaces, of which `interface_up_down_delays` acts.

use super::state::Builder;
use super::{Context, lines};
use crate::config::diagnostic::quote;
use crate::config::keywords::Form;
use crate::config::keywords::form::Line;
use crate::config::model::{Holdings, LinkDelay, LinkMethod, Linkbeat};
use crate::config::phrase::{address_line, link_delay, linkbeat, route_line, rule_line};
use crate::config::read::Item;
use crate::config::tree::Word;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// Reads `static_ipaddress`.
pub(super) fn addresses(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    let Some(block) = item.open(context) else {
        return;
    };
    for line in block {
        lines::no_block(context, line);
        let Some(mut read) = address_line(context, line) else {
            continue;
        };
        if read.address.interface.is_none() {
            let interface = &builder.defaults.interface;
            context.must_exist(interface, line.span());
            read.address.interface = Some(interface.clone());
        }
        if let Some(word) = read.use_vmac {
            context.fault(
                word.span(),
                "use_vmac belongs to the addresses of an instance",
                "remove it; it is ignored",
            );
        }
        let address = read.address;
        let known = &mut builder.model.vrrp.fixed.addresses;
        if known
            .iter()
            .any(|other| other.address == address.address && other.interface == address.interface)
        {
            context.fault(
                line.keyword().span(),
                format!("duplicate static address {} - ignoring", address.address),
                "remove one of the lines",
            );
            continue;
        }
        known.push(address.clone());
        builder.objects += 1;
        if let Some(holdings) = group_of(builder, context, read.track_group) {
            holdings.addresses.push(address);
        }
    }
}

/// The `track_group` that a line names; says when there is none.
fn group_of<'b>(
    builder: &'b mut Builder,
    context: &mut Context<'_>,
    word: Option<Word<'_>>,
) -> Option<&'b mut Holdings> {
    let word = word?;
    let group = builder
        .track_groups
        .iter_mut()
        .find(|group| word.bytes() == group.name.as_bytes());
    if group.is_none() {
        let message = format!("track_group {} not found, ignoring", quote(word.bytes()));
        context.fault(
            word.span(),
            message,
            "define the track_group above this block",
        );
    }
    group.map(|group| &mut group.holdings)
}

/// Reads `static_routes` or `static_rules`.
pub(super) fn routes_and_rules(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    builder.objects += 1;
    let Some(block) = item.open(context) else {
        return;
    };
    for line in block {
        lines::no_block(context, line);
        if item.keyword.form == Form::Lines(Line::Routes) {
            let Some((route, group)) = route_line(context, line, true) else {
                continue;
            };
            builder.model.vrrp.fixed.routes.push(route.clone());
            let group = on_interface(context, group, "dev", route.hop.interface.is_some());
            if let Some(holdings) = group_of(builder, context, group) {
                holdings.routes.push(route);
            }
        } else {
            let Some((rule, group)) = rule_line(context, line, true) else {
                continue;
            };
            builder.model.vrrp.fixed.rules.push(rule.clone());
            let group = on_interface(context, group, "iif", rule.input.is_some());
            if let Some(holdings) = group_of(builder, context, group) {
                holdings.rules.push(rule);
            }
        }
    }
}

/// What belongs to no interface cannot fail with one, so that nobody tracks it.
fn on_interface<'t>(
    context: &mut Context<'_>,
    group: Option<Word<'t>>,
    option: &str,
    named: bool,
) -> Option<Word<'t>> {
    let word = group?;
    if !named {
        context.fault(
            word.span(),
            format!("track_group needs {option} on the same line - ignoring"),
            format!("add {option} with the interface; the line is used, but no instance tracks it"),
        );
    }
    group.filter(|_| named)
}

/// Reads `linkbeat_interfaces` or `interface_up_down_delays`.
pub(super) fn interfaces(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    let Some(block) = item.open(context) else {
        return;
    };
    for line in block {
        lines::no_block(context, line);
        match item.keyword.form {
            Form::Lines(Line::Linkbeat) => {
                if let Some(linkbeat) = linkbeat(context, line) {
                    builder.poll_link(linkbeat);
                }
            }
            _ => {
                if let Some(delay) = link_delay(context, line) {
                    builder
                        .link_delays
                        .retain(|(known, _)| known.interface != delay.interface);
                    builder.link_delays.push((delay, line.span()));
                }
            }
        };
    }
}

/// Fits `interface_up_down_delays` to the instances: a master whose dead link does not count yet must not be given up by the
/// others before it gives up itself.
pub(super) fn finish_link_delays(builder: &mut Builder, context: &mut Context<'_>) {
    /// Less than the bound by this much.
    const MARGIN: Duration = Duration::from_millis(1);
    if builder.link_delays.is_empty() {
        return;
    }
    let mut bounds: HashMap<&str, Duration> = HashMap::new();
    for instance in &builder.model.vrrp.instances {
        let adverts = instance.down_timer_adverts.saturating_sub(1);
        let bound = instance.advert_interval.saturating_mul(adverts);
        let tracked = instance.tracked_interfaces.iter();
        for interface in tracked
            .map(|tracked| &tracked.interface)
            .chain(instance.is_bound().then_some(&instance.interface))
        {
            let known = bounds.entry(interface).or_insert(bound);
            *known = bound.min(*known);
        }
    }
    let mut fitted = Vec::new();
    for (mut delay, span) in std::mem::take(&mut builder.link_delays) {
        if let Some(bound) = bounds.get(delay.interface.as_str())
            && delay.down.max(delay.up) >= *bound
        {
            let most = bound.saturating_sub(MARGIN);
            let message = format!(
                "the delays of interface {} must be less than {} s, or another router takes over before this one steps down",
                delay.interface,
                bound.as_secs_f64()
            );
            let help = format!("{} s is used", most.as_secs_f64());
            context.fault(span, message, help);
            delay.down = delay.down.min(most);
            delay.up = delay.up.min(most);
        }
        fitted.push(delay);
    }
    // What is made upon an interface goes down and up with it.
    let of_bases: HashMap<String, LinkDelay> = fitted
        .iter()
        .map(|delay| (delay.interface.clone(), delay.clone()))
        .collect();
    let instances = builder.model.vrrp.instances.iter();
    for link in instances.flat_map(|instance| instance.vmac.links()) {
        if let Some(of_base) = of_bases.get(&link.base).cloned() {
            fitted.push(LinkDelay {
                interface: link.name.clone(),
                ..of_base
            });
        }
    }
    builder.model.vrrp.link_delays = fitted;
}

/// `linkbeat_use_polling` outside any block: every interface that an instance runs on, tracks or has addresses on.
pub(super) fn finish_linkbeats(builder: &mut Builder) {
    if !builder.polls_all_links {
        return;
    }
    let instances = &builder.model.vrrp.instances;
    // What is made upon an interface has no hardware of its own.
    let made: HashMap<&String, &String> = instances
        .iter()
        .flat_map(|instance| instance.vmac.links())
        .map(|link| (&link.name, &link.base))
        .collect();
    let names: BTreeSet<String> = instances
        .iter()
        .flat_map(|instance| {
            let tracked = instance.tracked_interfaces.iter();
            let addresses = instance.virtual_addresses.iter();
            tracked
                .map(|tracked| &tracked.interface)
                .chain(addresses.filter_map(|address| address.interface.as_ref()))
                .chain([&instance.interface])
        })
        .filter(|name| !name.is_empty())
        .map(|name| (*made.get(name).unwrap_or(&name)).clone())
        .collect();
    for interface in names {
        builder.poll_link(Linkbeat {
            interface,
            preferred: LinkMethod::default(),
        });
    }
}
