//! What the statements of an instance mean together: defaults, contradictions, and whether it can run at all. Its part in the election
//! and its addresses have files of their own.

pub(super) mod accept;
mod addresses;
mod auth;
mod election;
pub(super) mod ground;
mod strict;
mod unicast;
mod vmac;

use super::Context;
use super::instance::Draft;
use super::state::{Builder, Facts};
use crate::config::diagnostic::{Class, Span};
use crate::config::model::{LinkMethod, Linkbeat, Transport, Version, VrrpInstance};
use std::net::IpAddr;

/// The priority of an instance that does not say.
pub(super) const PRIORITY: u8 = VrrpInstance::PRIORITY;
/// The priority of the owner of the addresses.
pub(super) const OWNER: u8 = VrrpInstance::OWNER;
/// Judges a draft; what can run goes to the model.
pub(super) fn instance(
    builder: &mut Builder,
    context: &mut Context<'_>,
    mut draft: Draft,
    span: Span,
) {
    builder.instances.insert(
        draft.name.clone(),
        Facts {
            group: None,
            tells_priority_changes: draft.notify.priority_changes().is_some(),
        },
    );
    let ipv6 = addresses::is_ipv6(context, &draft);
    let strict = draft.strict.unwrap_or(builder.defaults.strict);
    let version = version(builder, context, &mut draft, ipv6, strict);
    let (state, priority) = election::standing(context, &draft, strict, span);
    let advert_interval = election::advert_interval(context, &draft, version);
    let kind = auth::Kind {
        version,
        strict,
        ipv6,
        advert_interval,
    };
    let authentication = auth::authentication(context, &mut draft, &kind);
    let state = auth::initial_state(context, &draft, &authentication, state, priority);
    let (nopreempt, preempt_delay) = election::preemption(context, &draft, state, priority, strict);
    let (tracked_interfaces, trackers) = election::trackers(context, &mut draft, priority);
    let timer_expired_backup = election::timer_expired_backup(context, &draft, nopreempt);
    let owner_ignore_adverts =
        election::owner_ignore_adverts(builder, context, &draft, priority, strict);
    let in_vrf = vmac::vrf(context, &mut draft);
    let transport = unicast::transport(builder, context, &mut draft, ipv6);
    let multicast_group = group(builder, &draft, ipv6);
    if !fit(context, &draft, &transport, (version, strict), span)
        || !unicast::claim_lanes(builder, context, &draft, &transport, multicast_group, span)
    {
        return;
    }
    builder.objects += 1;
    let Some(vmac) = vmac::vmac(
        builder,
        context,
        &mut draft,
        &transport,
        (ipv6, strict),
        span,
    ) else {
        return;
    };
    addresses::shared_addresses(builder, context, &draft);
    let Some(virtual_router_id) = draft.virtual_router_id else {
        return;
    };
    let interface = draft.interface.take().map(|(name, _)| name);
    if interface.is_none() || in_vrf {
        addresses::on_default_interface(context, &mut draft, &builder.defaults.interface);
    }
    let standing = (version, priority, strict);
    let instance = VrrpInstance {
        strict,
        accept: accept::accept(builder, context, &draft, standing, span),
        interface: interface.unwrap_or_default(),
        virtual_router_id,
        priority,
        initial_state: state,
        version,
        advert_interval,
        nopreempt,
        preempt_delay,
        timer_expired_backup,
        owner_ignore_adverts,
        tracked_interfaces,
        trackers,
        down_timer_adverts: election::down_timer_adverts(builder, context, &draft, strict),
        virtual_addresses: addresses::addresses(context, &mut draft, ipv6, &authentication),
        authentication,
        multicast_group,
        source: draft.source.map(|(source, _)| source),
        transport,
        receive_buffer: draft.receive_buffer,
        vmac,
        checksum_as_v2: draft
            .checksum_as_v2
            .unwrap_or(builder.defaults.checksum_as_v2),
        dont_track_primary: draft.dont_track_primary,
        skip_check_adv_addr: draft
            .skip_check_adv_addr
            .unwrap_or(builder.defaults.skip_check_adv_addr),
        lower_prio_no_advert: strict::lower_prio_no_advert(builder, context, &draft, strict),
        higher_prio_send_advert: strict::higher_prio_send_advert(builder, context, &draft, strict),
        garp: election::garp(builder, context, &draft, strict),
        notify: draft.notify.finish(
            context,
            builder.defaults.priority_changes,
            &builder.model.global,
        ),
        holdings: draft.holdings,
        name: draft.name,
    };
    if draft.polls_link && !instance.interface.is_empty() {
        let made = instance.vmac.own.as_ref().map(|link| &link.base);
        builder.poll_link(Linkbeat {
            interface: made.unwrap_or(&instance.interface).clone(),
            preferred: LinkMethod::default(),
        });
    }
    builder.model.vrrp.instances.push(instance);
}

fn version(
    builder: &Builder,
    context: &mut Context<'_>,
    draft: &mut Draft,
    ipv6: bool,
    strict: bool,
) -> Version {
    match draft.version {
        Some((2, span)) if ipv6 && (strict || draft.native_ipv6.is_some()) => {
            let message = format!(
                "({}) version 2 does not know IPv6; using version 3",
                draft.name
            );
            context.fault(span, message, "remove the version line");
            Version::V3
        }
        Some((2, _)) => Version::V2,
        None if !ipv6 && builder.defaults.version == 2 => Version::V2,
        _ => Version::V3,
    }
}

/// Where adverts go, or would if there were no peers.
fn group(builder: &Builder, draft: &Draft, ipv6: bool) -> IpAddr {
    let global = &builder.model.global;
    let usual = if ipv6 {
        IpAddr::V6(global.vrrp_mcast_group6)
    } else {
        IpAddr::V4(global.vrrp_mcast_group4)
    };
    draft.group.map_or(usual, |(group, _)| group)
}

/// Whether the instance could run on any daemon; says why not.
fn fit(
    context: &mut Context<'_>,
    draft: &Draft,
    transport: &Transport,
    (version, strict): (Version, bool),
    span: Span,
) -> bool {
    let name = &draft.name;
    if draft.virtual_router_id.is_none() {
        let message = format!("({name}) the virtual id must be set!");
        context.diagnostics.advise(
            Class::Fatal,
            span,
            message,
            "add virtual_router_id with a number from 1 to 255; the instance is not started",
        );
        return false;
    }
    if !unicast::may_run(context, draft, transport, strict, span) {
        return false;
    }
    if let Some((interface, at)) = &draft.interface
        && !context.interface_exists(interface)
        && !context.dynamic_interfaces
    {
        let message =
            format!("WARNING - interface {interface} for vrrp_instance {name} doesn't exist");
        let help =
            "name an interface that 'ip link' shows; the instance waits in FAULT until it appears";
        context
            .diagnostics
            .advise(Class::BadInterface, *at, message, help);
    }
    if draft.addresses.is_empty() && !draft.no_virtual_ipaddress {
        if strict || version == Version::V3 {
            let message = format!("({name}) No VIP specified; at least one is required");
            context.diagnostics.advise(
                Class::Fatal,
                span,
                message,
                "add virtual_ipaddress; the instance is not started",
            );
            return false;
        }
        context.fault(
            span,
            format!("({name}) No VIP specified; at least one is sensible"),
            "add virtual_ipaddress, or no_virtual_ipaddress",
        );
    }
    addresses::link_local_first(context, draft, strict)
}
