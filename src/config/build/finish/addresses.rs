//! The virtual addresses of an instance: their family, how many fit into an advert, which other instance has them, which comes first.

use super::super::Context;
use super::super::instance::Draft;
use super::super::state::Builder;
use crate::config::diagnostic::Class;
use crate::config::model::{Authentication, VirtualAddress};
use crate::wire::vrrp::ipv6_addresses_max;
use std::collections::BTreeSet;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

/// How many addresses an advert can carry: its count has eight bits (RFC 3768 section 5.3.5).
const ADDRESSES_MAX: usize = 255;

/// Whether the instance is one of IPv6: its first address says so, else `native_ipv6`, its source, its group or its first peer.
pub(super) fn is_ipv6(context: &mut Context<'_>, draft: &Draft) -> bool {
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
            .map(|(address, _)| address)
            .or(draft.unicast.peers.first().map(|(peer, _)| peer.address))
            .is_some_and(|address| address.is_ipv6()),
    }
}

/// An address that two instances claim.
pub(super) fn shared_addresses(builder: &mut Builder, context: &mut Context<'_>, draft: &Draft) {
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

/// An instance that runs on no interface has none that its addresses could go to by themselves.
pub(super) fn on_default_interface(context: &mut Context<'_>, draft: &mut Draft, interface: &str) {
    let span = draft.addresses.first().map(|(_, span)| *span);
    let in_adverts = draft.addresses.iter_mut().map(|(address, _)| address);
    let homeless: Vec<&mut VirtualAddress> = in_adverts
        .chain(&mut draft.holdings.addresses)
        .filter(|address| address.interface.is_none())
        .collect();
    if homeless.is_empty() {
        return;
    }
    let message = format!(
        "({}) has no interface: addresses without dev go to {interface}",
        draft.name
    );
    context.diagnostics.advise(
        Class::Note,
        span,
        message,
        "add dev to each address, or an interface to the instance",
    );
    if !context.interface_exists(interface) && !context.dynamic_interfaces {
        let message = format!("interface {interface} doesn't exist");
        let help = "add dev with an interface that 'ip link' shows to each address";
        context
            .diagnostics
            .advise(Class::BadInterface, span, message, help);
    }
    for address in homeless {
        address.interface = Some(interface.to_owned());
    }
}

/// The first IPv6 address of an advert has to be the link-local one (RFC 9568 section 5.2.9); only strict mode insists.
pub(super) fn link_local_first(context: &mut Context<'_>, draft: &Draft, strict: bool) -> bool {
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

/// The interfaces that what a master holds needs, but for what says `no_track`: a master that cannot have it all is none.
pub(super) fn needed_interfaces(draft: &Draft) -> BTreeSet<&str> {
    let addresses = draft
        .addresses
        .iter()
        .map(|(address, _)| address)
        .chain(&draft.holdings.addresses)
        .filter(|address| address.tracked)
        .filter_map(|address| address.interface.as_deref());
    let routes = draft.holdings.routes.iter().filter(|route| route.tracked);
    let routes = routes.filter_map(|route| route.hop.interface.as_deref());
    let rules = draft.holdings.rules.iter().filter(|rule| rule.tracked);
    let rules = rules.flat_map(|rule| [rule.input.as_deref(), rule.output.as_deref()]);
    addresses.chain(routes).chain(rules.flatten()).collect()
}

pub(super) fn addresses(
    context: &mut Context<'_>,
    draft: &mut Draft,
    ipv6: bool,
    authentication: &Authentication,
) -> Vec<VirtualAddress> {
    let most = ipv6_addresses_max(authentication.trailer_length());
    if ipv6 && let Some((_, span)) = draft.addresses.get(most) {
        let message = format!(
            "({}) more than {most} IPv6 addresses do not fit into an advert: the rest is left out of it",
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
