//! What the statements of an instance mean together: defaults, contradictions, and whether it can run at all.

use super::Context;
use super::instance::{Draft, DraftAuthentication};
use super::state::{Builder, Facts};
use crate::config::diagnostic::{Class, Span};
use crate::config::model::{
    Authentication, GarpPolicy, InitialState, TrackedInterface, Version, VirtualAddress,
    VrrpInstance,
};
use crate::config::phrase::TrackerKind;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::time::Duration;

/// The priority of an instance that does not say (RFC 3768 section 5.3.4).
pub(super) const PRIORITY: u8 = 100;
/// The priority of the owner of the addresses.
pub(super) const OWNER: u8 = 255;
/// How many addresses an advert can carry: its count has eight bits (RFC 3768 section 5.3.5).
const ADDRESSES_MAX: usize = 255;
/// As many IPv6 addresses fit into an Ethernet frame of 1500 bytes.
const IPV6_ADDRESSES_MAX: usize = 90;
/// Adverts missed before a master is dead, where the rules are kept strictly.
const STRICT_DOWN_TIMER_ADVERTS: u32 = 3;

/// Judges a draft; what can run goes to the model.
pub(super) fn instance(
    builder: &mut Builder,
    context: &mut Context<'_>,
    mut draft: Draft,
    span: Span,
) {
    builder
        .instances
        .insert(draft.name.clone(), Facts { group: None });
    let ipv6 = is_ipv6(context, &draft);
    let strict = draft.strict.unwrap_or(builder.defaults.strict);
    let version = version(builder, context, &mut draft, ipv6, strict);
    let (state, priority) = standing(context, &draft, strict, span);
    let (nopreempt, preempt_delay) = preemption(context, &draft, state, priority, strict);
    let tracked_interfaces = trackers(context, &mut draft, priority);
    let timer_expired_backup = timer_expired_backup(context, &draft, nopreempt);
    let owner_ignore_adverts = owner_ignore_adverts(builder, context, &draft, priority, strict);
    let advert_interval = advert_interval(context, &draft, version);
    let authentication = authentication(context, &mut draft, version, strict, ipv6);
    transport(context, &mut draft, ipv6);
    if !fit(builder, context, &draft, version, strict, ipv6, span) {
        return;
    }
    builder.objects += 1;
    shared_addresses(builder, context, &draft);
    let (Some((interface, _)), Some(virtual_router_id)) =
        (draft.interface.take(), draft.virtual_router_id)
    else {
        return;
    };
    if let Some(reason) = draft.needs.first() {
        let message = format!(
            "({}) needs {}, not implemented yet: instance not started",
            draft.name, reason.0
        );
        context
            .diagnostics
            .say(Class::Unimplemented, reason.1, message);
        return;
    }
    let global = &builder.model.global;
    let usual_group = if ipv6 {
        IpAddr::V6(global.vrrp_mcast_group6)
    } else {
        IpAddr::V4(global.vrrp_mcast_group4)
    };
    let multicast_group = draft.group.map_or(usual_group, |(group, _)| group);
    let instance = VrrpInstance {
        interface,
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
        down_timer_adverts: down_timer_adverts(builder, context, &draft, strict),
        authentication,
        multicast_group,
        source: draft.source.map(|(source, _)| source),
        checksum_as_v2: draft
            .checksum_as_v2
            .unwrap_or(builder.defaults.checksum_as_v2),
        dont_track_primary: draft.dont_track_primary,
        skip_check_adv_addr: draft
            .skip_check_adv_addr
            .unwrap_or(builder.defaults.skip_check_adv_addr),
        lower_prio_no_advert: draft
            .lower_prio_no_advert
            .or(builder.defaults.lower_prio_no_advert)
            .unwrap_or(strict),
        higher_prio_send_advert: !strict
            && draft
                .higher_prio_send_advert
                .unwrap_or(builder.defaults.higher_prio_send_advert),
        garp: garp(builder, context, &draft, strict),
        virtual_addresses: addresses(context, &mut draft, ipv6),
        holdings: draft.holdings,
        name: draft.name,
    };
    builder.model.vrrp.instances.push(instance);
}

/// Whether the instance is one of IPv6: its first address says so, else `native_ipv6`, its source or its group.
fn is_ipv6(context: &mut Context<'_>, draft: &Draft) -> bool {
    match (draft.addresses.first(), draft.native_ipv6) {
        (Some((first, _)), Some(span)) if first.address.is_ipv4() => {
            let message = format!(
                "({}) native_ipv6 with IPv4 virtual addresses - ignoring",
                draft.name
            );
            context.fault(
                span,
                message,
                "remove it: the virtual addresses say which family it is",
            );
            false
        }
        (Some((first, _)), _) => first.address.is_ipv6(),
        (None, Some(_)) => true,
        (None, None) => draft
            .source
            .or(draft.group)
            .is_some_and(|(address, _)| address.is_ipv6()),
    }
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

/// The initial state and the priority, which follow from one another when one is missing.
fn standing(
    context: &mut Context<'_>,
    draft: &Draft,
    strict: bool,
    span: Span,
) -> (InitialState, u8) {
    let state = draft.state.map(|(state, _)| state);
    let priority = draft
        .priority
        .unwrap_or(if state == Some(InitialState::Master) {
            OWNER
        } else {
            PRIORITY
        });
    let owner = priority == OWNER;
    let at = draft.state.map_or(span, |(_, span)| span);
    match state {
        Some(InitialState::Backup) if owner => {
            let message = format!(
                "({}) State BACKUP with priority {OWNER}: the address owner starts as MASTER",
                draft.name
            );
            context.fault(at, message, "write state MASTER, or a priority below 255");
            (InitialState::Master, priority)
        }
        Some(InitialState::Master) if strict && !owner => {
            let message = format!(
                "({}) State MASTER must match being address owner",
                draft.name
            );
            context.fault(
                at,
                message,
                "write state BACKUP, or priority 255 on the node that owns the addresses",
            );
            (InitialState::Backup, priority)
        }
        Some(state) => (state, priority),
        None if owner => (InitialState::Master, priority),
        None => (InitialState::Backup, priority),
    }
}

fn preemption(
    context: &mut Context<'_>,
    draft: &Draft,
    state: InitialState,
    priority: u8,
    strict: bool,
) -> (bool, Duration) {
    let mut delay = Duration::ZERO;
    let master = state == InitialState::Master || priority == OWNER;
    let name = &draft.name;
    if let Some((given, span)) = draft.preempt_delay.filter(|(given, _)| !given.is_zero()) {
        if strict {
            let message = format!(
                "({name}) Warning - preempt delay will not work with strict mode - clearing"
            );
            context.fault(
                span,
                message,
                "the standard knows no delay: remove preempt_delay, or vrrp_strict and strict_mode",
            );
        } else if master {
            let message = format!(
                "({name}) Warning - preempt delay will not work with initial state MASTER - clearing"
            );
            context.fault(
                span,
                message,
                "write state BACKUP on all nodes when you want a delay",
            );
        } else if draft.nopreempt.is_some() {
            let message =
                format!("({name}) Warning - preempt delay will not work with nopreempt - clearing");
            context.fault(span, message, "keep one of the two");
        } else {
            delay = given;
        }
    }
    let nopreempt = match draft.nopreempt {
        Some(span) if master => {
            let message = format!(
                "({name}) Warning - nopreempt will not work with initial state MASTER - clearing"
            );
            context.fault(
                span,
                message,
                "write state BACKUP on all nodes when you want nopreempt",
            );
            false
        }
        nopreempt => nopreempt.is_some(),
    };
    (nopreempt, delay)
}

fn timer_expired_backup(context: &mut Context<'_>, draft: &Draft, nopreempt: bool) -> Option<u8> {
    let (best_rival, span) = draft.timer_expired_backup?;
    if !nopreempt {
        let message = format!(
            "({}) timer_expired_backup is only for instances with nopreempt - ignoring",
            draft.name
        );
        context.fault(
            span,
            message,
            "add nopreempt, or remove the line: one that may preempt takes over again anyway",
        );
        return None;
    }
    Some(best_rival)
}

fn owner_ignore_adverts(
    builder: &Builder,
    context: &mut Context<'_>,
    draft: &Draft,
    priority: u8,
    strict: bool,
) -> bool {
    let owner = priority == OWNER;
    match draft.owner_ignore_adverts {
        Some((true, span)) if !owner => {
            let message = format!(
                "({}) owner_ignore_adverts is only for the address owner - ignoring",
                draft.name
            );
            context.fault(span, message, "remove the line, or write priority 255");
            false
        }
        Some((false, span)) if owner && strict => {
            let message = format!(
                "({}) Strict mode: the address owner does not listen to adverts",
                draft.name
            );
            context.fault(
                span,
                message,
                "remove the line, or vrrp_strict and strict_mode",
            );
            true
        }
        given => {
            owner
                && (strict
                    || given.map_or(builder.defaults.owner_ignore_adverts, |(ignores, _)| {
                        ignores
                    }))
        }
    }
}

fn down_timer_adverts(
    builder: &Builder,
    context: &mut Context<'_>,
    draft: &Draft,
    strict: bool,
) -> u32 {
    let adverts = draft
        .down_timer_adverts
        .map_or(builder.defaults.down_timer_adverts, |(adverts, _)| adverts);
    if !strict || adverts == STRICT_DOWN_TIMER_ADVERTS {
        return adverts;
    }
    if let Some((_, span)) = draft.down_timer_adverts {
        let message = format!(
            "({}) Strict mode requires down_timer_adverts {STRICT_DOWN_TIMER_ADVERTS} - resetting",
            draft.name
        );
        context.fault(span, message, "remove the line");
    }
    STRICT_DOWN_TIMER_ADVERTS
}

fn trackers(context: &mut Context<'_>, draft: &mut Draft, priority: u8) -> Vec<TrackedInterface> {
    let own = draft.interface.as_ref().map(|(name, _)| name.as_str());
    let name = &draft.name;
    let mut tracked = Vec::new();
    for line in std::mem::take(&mut draft.trackers.lines) {
        if line.kind == TrackerKind::Interface && Some(line.name.as_str()) == own {
            let message = format!(
                "({name}) Ignoring track_interface {} since own interface",
                line.name
            );
            context.fault(
                line.span,
                message,
                "the interface of an instance is tracked anyway: remove the line",
            );
        } else if line.weight != 0 && priority == OWNER {
            let message = format!(
                "({name}) ignoring tracked {} {} with weights due to address_owner",
                line.kind.name(),
                line.name
            );
            context.fault(line.span, message, "an address owner has priority 255 always: lower the priority, or remove the weight");
        } else if line.kind == TrackerKind::Interface {
            tracked.push(line.interface());
        }
    }
    // A master that cannot have its routes is none.
    let over = draft
        .holdings
        .routes
        .iter()
        .filter(|route| route.tracked)
        .filter_map(|route| route.hop.interface.as_ref());
    for interface in over {
        let known = |line: &TrackedInterface| line.interface == *interface;
        if Some(interface.as_str()) != own && !tracked.iter().any(known) {
            tracked.push(TrackedInterface {
                interface: interface.clone(),
                weight: 0,
                reverse: false,
            });
        }
    }
    tracked
}

fn advert_interval(context: &mut Context<'_>, draft: &Draft, version: Version) -> Duration {
    const SECOND: Duration = Duration::from_secs(1);
    const HUNDREDTH: u128 = 10_000;
    const V3_MAX: Duration = Duration::from_millis(40_950);
    let Some((given, span)) = draft.advert_interval else {
        return SECOND;
    };
    let (used, why) = match version {
        Version::V2 => {
            let rounded =
                Duration::from_secs(given.as_secs() + u64::from(given.subsec_millis() >= 500));
            (rounded.max(SECOND), "VRRP version 2 counts whole seconds")
        }
        Version::V3 => {
            let hundredths = (given.as_micros() + HUNDREDTH / 2) / HUNDREDTH;
            let rounded =
                Duration::from_micros(u64::try_from(hundredths * HUNDREDTH).unwrap_or(u64::MAX));
            (
                rounded.min(V3_MAX),
                "VRRP version 3 counts hundredths of a second, up to 40.95 s",
            )
        }
    };
    if used != given {
        let message = format!(
            "({}) advert_int {} rounded to {}",
            draft.name,
            given.as_secs_f64(),
            used.as_secs_f64()
        );
        context.fault(span, message, why);
    }
    used
}

fn authentication(
    context: &mut Context<'_>,
    draft: &mut Draft,
    version: Version,
    strict: bool,
    ipv6: bool,
) -> Authentication {
    let Some(DraftAuthentication {
        span: Some(span),
        header,
        password,
    }) = draft.authentication.take()
    else {
        return Authentication::None;
    };
    let name = &draft.name;
    let (message, help) = match (header, password) {
        (None, None) => return Authentication::None,
        (_, _) if strict => (
            format!("({name}) Strict mode does not support authentication. Ignoring."),
            "remove the block, or vrrp_strict and strict_mode",
        ),
        (_, _) if version == Version::V3 => (
            format!("({name}) VRRP version 3 does not support authentication. Ignoring."),
            "remove the block",
        ),
        (_, _) if ipv6 => (
            format!("({name}) VRRP version 2 over IPv6 has no authentication. Ignoring."),
            "remove the block",
        ),
        (Some("AH"), Some(_)) => {
            draft.needs.push(("auth_type AH", span));
            return Authentication::None;
        }
        (Some(_), Some(password)) => return Authentication::Pass(password),
        (Some(_), None) => (
            format!("({name}) authentication has no password. Ignoring."),
            "add auth_pass on a line of its own",
        ),
        (None, Some(_)) => (
            format!("({name}) authentication has no auth_type. Ignoring."),
            "add: auth_type PASS",
        ),
    };
    context.fault(span, message, help);
    Authentication::None
}

/// Multicast or unicast, source and group.
fn transport(context: &mut Context<'_>, draft: &mut Draft, ipv6: bool) {
    let name = &draft.name;
    let other =
        |found: &Option<(IpAddr, Span)>| found.filter(|(address, _)| address.is_ipv6() != ipv6);
    for (address, span) in other(&draft.source).into_iter().chain(other(&draft.group)) {
        let message = format!(
            "({name}) {address} is of another address family than the virtual addresses - ignoring"
        );
        context.fault(span, message, "use an address of the same family");
    }
    draft.source = draft
        .source
        .filter(|(address, _)| address.is_ipv6() == ipv6);
    draft.group = draft.group.filter(|(address, _)| address.is_ipv6() == ipv6);
    let Some(span) = draft.unicast else { return };
    if !draft.peers.is_empty() {
        draft.needs.push(("unicast_peer", span));
    } else if draft.unicast_fault_no_peer {
        draft.needs.push(("unicast_fault_no_peer", span));
    } else {
        let message = format!(
            "({name}) A unicast keyword has been specified without any unicast peers. Defaulting to multicast. This usage is deprecated - \
             please update your configuration."
        );
        context.diagnostics.advise(
            Class::Deprecated,
            span,
            message,
            "add unicast_peer, or use mcast_src_ip for the source address",
        );
    }
}

/// Whether the instance could run on any daemon; says why not.
fn fit(
    builder: &mut Builder,
    context: &mut Context<'_>,
    draft: &Draft,
    version: Version,
    strict: bool,
    ipv6: bool,
    span: Span,
) -> bool {
    let name = &draft.name;
    let Some(id) = draft.virtual_router_id else {
        let message = format!("({name}) the virtual id must be set!");
        context.diagnostics.advise(
            Class::Fatal,
            span,
            message,
            "add virtual_router_id with a number from 1 to 255; the instance is not started",
        );
        return false;
    };
    let Some((interface, at)) = &draft.interface else {
        if draft.source.is_some() && draft.unicast.is_some() {
            return true;
        }
        context.diagnostics.advise(
            Class::Fatal,
            span,
            format!("({name}) Unknown interface!"),
            "it needs an interface that can be used; the instance is not started",
        );
        return false;
    };
    if !context.interface_exists(interface) && !context.dynamic_interfaces {
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
    if !link_local_first(context, draft, strict) {
        return false;
    }
    match builder.routers.entry((interface.clone(), id, ipv6)) {
        Entry::Vacant(free) => {
            free.insert(name.clone());
            true
        }
        Entry::Occupied(taken) => {
            let message = format!("({name}) VRID {id} is duplicated on interface {interface}");
            let help = format!(
                "{} has it already: give this one another virtual_router_id; it is not started",
                taken.get()
            );
            context.fault(span, message, help);
            false
        }
    }
}

/// An address that two instances claim.
fn shared_addresses(builder: &mut Builder, context: &mut Context<'_>, draft: &Draft) {
    for (address, span) in &draft.addresses {
        match builder
            .addresses
            .entry((address.address, address.interface.clone()))
        {
            Entry::Vacant(free) => {
                free.insert(draft.name.clone());
            }
            Entry::Occupied(taken) => {
                let message = format!(
                    "({}) VIP {} is also in vrrp_instance {}",
                    draft.name,
                    address.address,
                    taken.get()
                );
                context.fault(*span, message, "an address belongs to one instance: when both are master they would fight over it");
            }
        }
    }
}

/// The first IPv6 address of an advert has to be the link-local one (RFC 9568 section 5.2.9); only strict mode insists.
fn link_local_first(context: &mut Context<'_>, draft: &Draft, strict: bool) -> bool {
    let is_link_local = |address: &VirtualAddress| match address.address {
        IpAddr::V6(address) => address.is_unicast_link_local(),
        IpAddr::V4(_) => true,
    };
    let Some((first, span)) = draft.addresses.first() else {
        return true;
    };
    if is_link_local(first) {
        return true;
    }
    let message = format!(
        "({}) the first IPv6 VIP address must be link local",
        draft.name
    );
    if strict {
        let help = "begin virtual_ipaddress with an address of fe80::/10; strict mode does not start the instance";
        context
            .diagnostics
            .advise(Class::Fatal, *span, message, help);
        return false;
    }
    let later = draft
        .addresses
        .iter()
        .any(|(address, _)| is_link_local(address));
    let help = if later {
        "move the fe80:: address to the first line; routers of other makes may ignore the adverts"
    } else {
        "put an address of fe80::/10 first; routers of other makes may ignore the adverts"
    };
    context
        .diagnostics
        .advise(Class::Note, *span, message, help);
    true
}

fn garp(builder: &Builder, context: &mut Context<'_>, draft: &Draft, strict: bool) -> GarpPolicy {
    let defaults = &builder.defaults;
    let usual = &defaults.garp;
    let given = &draft.garp;
    let master_delay = given.master_delay.unwrap_or(usual.master_delay);
    let master_repeat = given.master_repeat.unwrap_or(usual.master_repeat);
    let lower = given.lower_prio_delay.is_some_and(|delay| !delay.is_zero())
        || given.lower_prio_repeat.is_some_and(|repeat| repeat > 0);
    if strict && lower {
        let message = format!(
            "({}) Strict mode requires no repeat garps - resetting",
            draft.name
        );
        context.diagnostics.say(Class::General, None, message);
    }
    GarpPolicy {
        master_delay,
        master_repeat,
        master_refresh: given.master_refresh.unwrap_or(usual.master_refresh),
        master_refresh_repeat: given
            .master_refresh_repeat
            .unwrap_or(usual.master_refresh_repeat),
        lower_prio_delay: match given.lower_prio_delay.or(defaults.lower_prio_delay) {
            _ if strict => Duration::ZERO,
            delay => delay.unwrap_or(master_delay),
        },
        lower_prio_repeat: match given.lower_prio_repeat.or(defaults.lower_prio_repeat) {
            _ if strict => 0,
            repeat => repeat.unwrap_or(master_repeat),
        },
        interval: usual.interval,
        extra_interfaces: given.extra_interfaces.unwrap_or(usual.extra_interfaces),
        neighbour_interval: usual.neighbour_interval,
    }
}

fn addresses(context: &mut Context<'_>, draft: &mut Draft, ipv6: bool) -> Vec<VirtualAddress> {
    if ipv6 && let Some((_, span)) = draft.addresses.get(IPV6_ADDRESSES_MAX) {
        let message = format!(
            "({}) more than {IPV6_ADDRESSES_MAX} IPv6 addresses do not fit into an advert: the rest is left out of it",
            draft.name
        );
        context.fault(*span, message, "spread them over several instances");
    }
    if let Some((_, span)) = draft.addresses.get(ADDRESSES_MAX) {
        let message = format!(
            "({}) more than {ADDRESSES_MAX} virtual addresses: the rest is excluded from adverts",
            draft.name
        );
        context.fault(*span, message, "spread them over several instances");
    }
    let mut addresses: Vec<_> = draft
        .addresses
        .drain(..)
        .map(|(address, _)| address)
        .collect();
    let excluded = addresses.split_off(addresses.len().min(ADDRESSES_MAX));
    draft.holdings.addresses.splice(0..0, excluded);
    addresses
}
