//! What the statements of an instance mean for the way of its adverts: source, group or peers, and which packets are for it.

use super::super::Context;
use super::super::global::is_link_local_group;
use super::super::instance::Draft;
use super::super::state::{Builder, Lane};
use crate::config::diagnostic::{Class, Span};
use crate::config::model::{Transport, Unicast, UnicastPeer};
use crate::wire::vrrp::TTL;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

/// Unicast or multicast; what does not go with the rest is said and taken out of the draft.
pub(super) fn transport(
    builder: &Builder,
    context: &mut Context<'_>,
    draft: &mut Draft,
    ipv6: bool,
) -> Transport {
    one_family(context, draft, ipv6);
    link_local_group(context, draft);
    let peers = peers(context, draft);
    let unicast = !peers.is_empty() || draft.unicast.fault_no_peer;
    if let Some(span) = draft.unicast.span.filter(|_| !unicast) {
        let message = format!(
            "({}) A unicast keyword has been specified without any unicast peers. Defaulting to multicast. This usage is deprecated - \
             please update your configuration.",
            draft.name
        );
        context.diagnostics.advise(
            Class::Deprecated,
            span,
            message,
            "add unicast_peer, or use mcast_src_ip for the source address",
        );
    }
    if peers.is_empty() {
        ttl_without_peers(context, draft);
    } else {
        no_group(context, draft);
        link_local_source(context, draft, &peers);
    }
    let given = &draft.unicast;
    Transport {
        track_source: given.track_source && draft.source.is_some(),
        unicast: unicast.then(|| Unicast {
            ttl: given.ttl.map_or(TTL, |(ttl, _)| ttl),
            check_source: given.check_source || builder.defaults.check_unicast_src,
            old_checksum: given.old_checksum,
            peers,
        }),
    }
}

/// Drops what is of another family than the instance.
fn one_family(context: &mut Context<'_>, draft: &mut Draft, ipv6: bool) {
    let name = &draft.name;
    let mut same = |address: IpAddr, span: Span| {
        let same = address.is_ipv6() == ipv6;
        if !same {
            let message = format!(
                "({name}) {address} is of another address family than the virtual addresses - ignoring"
            );
            context.fault(span, message, "use an address of the same family");
        }
        same
    };
    draft.source = draft.source.filter(|(address, span)| same(*address, *span));
    draft.group = draft.group.filter(|(address, span)| same(*address, *span));
    let peers = &mut draft.unicast.peers;
    peers.retain(|(peer, span)| same(peer.address, *span));
}

/// A group of IPv6 has to be one of the link (RFC 9568 section 5.1.2.2): what is forwarded proves nothing.
fn link_local_group(context: &mut Context<'_>, draft: &mut Draft) {
    if let Some((IpAddr::V6(group), span)) = draft.group
        && !is_link_local_group(group)
    {
        let message = format!(
            "({}) mcast_dst_ip {group} is not a link-local multicast address - ignoring",
            draft.name
        );
        context.fault(span, message, "write one of ff02::/16");
        draft.group = None;
    }
}

/// The peers, without ourselves: what a node sends to itself tells it of a rival with its own address.
fn peers(context: &mut Context<'_>, draft: &mut Draft) -> Vec<UnicastPeer> {
    let own = draft.source.map(|(address, _)| address);
    let mut peers = Vec::with_capacity(draft.unicast.peers.len());
    for (peer, span) in std::mem::take(&mut draft.unicast.peers) {
        if Some(peer.address) == own {
            let message = format!(
                "({}) unicast peer {} is our own unicast_src_ip - ignoring",
                draft.name, peer.address
            );
            context.fault(span, message, "name the other nodes only");
        } else {
            peers.push(peer);
        }
    }
    peers
}

fn ttl_without_peers(context: &mut Context<'_>, draft: &mut Draft) {
    if let Some((_, span)) = draft.unicast.ttl.take() {
        let message = format!(
            "({}) unicast_ttl is only for instances with unicast peers - ignoring",
            draft.name
        );
        context.fault(
            span,
            message,
            "multicast adverts have a TTL of 255: remove the line, or add unicast_peer",
        );
    }
}

fn no_group(context: &mut Context<'_>, draft: &mut Draft) {
    if let Some((_, span)) = draft.group.take() {
        let message = format!(
            "({}) mcast_dst_ip is not used with unicast peers - ignoring",
            draft.name
        );
        context.fault(span, message, "remove mcast_dst_ip, or unicast_peer");
    }
}

/// Without a source of its own an instance of IPv6 sends from its link-local address, which no router forwards.
fn link_local_source(context: &mut Context<'_>, draft: &Draft, peers: &[UnicastPeer]) {
    let global = |address: IpAddr| match address {
        IpAddr::V6(address) => !address.is_unicast_link_local(),
        IpAddr::V4(_) => false,
    };
    if draft.source.is_none() && peers.iter().any(|peer| global(peer.address)) {
        let message = format!(
            "({}) adverts to unicast peers leave from the link-local address of the interface",
            draft.name
        );
        context.diagnostics.advise(
            Class::Note,
            draft.unicast.span,
            message,
            "they reach peers on the same link only: give unicast_src_ip when there is a router between",
        );
    }
}

/// Whether the instance has somewhere to send from, and may send to peers at all; says why not.
pub(super) fn may_run(
    context: &mut Context<'_>,
    draft: &Draft,
    transport: &Transport,
    strict: bool,
    span: Span,
) -> bool {
    let name = &draft.name;
    let Some((interface, _)) = &draft.interface else {
        let (message, help) = match (draft.source.map(|(source, _)| source), &transport.unicast) {
            (Some(IpAddr::V6(source)), Some(_)) if source.is_unicast_link_local() => (
                format!("({name}) an interface is needed for the link-local address {source}"),
                "name the interface, or use another unicast_src_ip; the instance is not started",
            ),
            (Some(_), Some(_)) => return true,
            (None, Some(_)) => (
                format!("({name}) Unknown interface!"),
                "it needs an interface, or a unicast_src_ip beside its peers; the instance is not started",
            ),
            (_, None) => (
                format!("({name}) Unknown interface!"),
                "it needs an interface that can be used; the instance is not started",
            ),
        };
        context
            .diagnostics
            .advise(Class::Fatal, span, message, help);
        return false;
    };
    if strict && transport.unicast.is_some() && context.does_multicast(interface) {
        let message = format!("({name}) Unicast peers are not supported in strict mode");
        context.diagnostics.advise(
            Class::Fatal,
            draft.unicast.span.unwrap_or(span),
            message,
            "remove unicast_peer, or vrrp_strict and strict_mode; the instance is not started",
        );
        return false;
    }
    true
}

/// Whether packets for this instance can be told from those for others; it has them from now on.
pub(super) fn claim_lanes(
    builder: &mut Builder,
    context: &mut Context<'_>,
    draft: &Draft,
    transport: &Transport,
    group: IpAddr,
    span: Span,
) -> bool {
    let name = &draft.name;
    let Some(id) = draft.virtual_router_id else {
        return false;
    };
    let interface = draft.interface.as_ref().map(|(name, _)| name.clone());
    let place = match (&interface, draft.source) {
        (None, Some((source, _))) => source.to_string(),
        _ => interface.clone().unwrap_or_default(),
    };
    let lanes: Vec<Lane> = match &transport.unicast {
        None => vec![Lane::Group(group)],
        Some(unicast) => {
            let peers = unicast.peers.iter();
            peers.map(|peer| Lane::Peer(peer.address)).collect()
        }
    };
    for (at, lane) in lanes.iter().enumerate() {
        let key = |lane: &Lane| (place.clone(), id, group.is_ipv6(), *lane);
        match builder.lanes.entry(key(lane)) {
            Entry::Vacant(free) => {
                free.insert(name.clone());
            }
            Entry::Occupied(taken) => {
                let message = format!("({name}) VRID {id} is duplicated on interface {place}");
                let help = format!(
                    "{} has it already: give this one another virtual_router_id; it is not started",
                    taken.get()
                );
                context.fault(span, message, help);
                for lane in lanes.iter().take(at) {
                    builder.lanes.remove(&key(lane));
                }
                return false;
            }
        }
    }
    true
}
