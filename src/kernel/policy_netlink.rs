//! rtnetlink messages of routes and rules: values to the body of a request, and the little of an event that finds them again.
//!
//! netlink-packet-route frames the messages. Their attributes are made here, as it knows neither locks nor the names of congestion
//! control among the metrics, and keeps some encapsulations to itself.

use super::envelope::Malformed;
use super::policy::{Policy, Trace};
use crate::config::model::{Encap, Metric, NextHop, Prefix, Route, Rule, RuleAction};
use netlink_packet_core::{DefaultNla, Emitable, NlasIterator};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{
    RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::rule::{
    RuleAction as Action, RuleAttribute, RuleFlags, RuleHeader, RuleMessage,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `RTA_*` (linux/rtnetlink.h).
mod rta {
    pub const DST: u16 = 1;
    pub const SRC: u16 = 2;
    pub const OIF: u16 = 4;
    pub const GATEWAY: u16 = 5;
    pub const PRIORITY: u16 = 6;
    pub const PREFSRC: u16 = 7;
    pub const METRICS: u16 = 8;
    pub const MULTIPATH: u16 = 9;
    pub const FLOW: u16 = 11;
    pub const TABLE: u16 = 15;
    pub const VIA: u16 = 18;
    pub const PREF: u16 = 20;
    pub const ENCAP_TYPE: u16 = 21;
    pub const ENCAP: u16 = 22;
    pub const EXPIRES: u16 = 23;
    pub const TTL_PROPAGATE: u16 = 26;
}

/// `RTAX_*` that are no plain numbers.
mod rtax {
    pub const LOCK: u16 = 1;
    pub const CC_ALGO: u16 = 16;
}

/// `FRA_*` (linux/fib_rules.h).
mod fra {
    pub const DST: u16 = 1;
    pub const SRC: u16 = 2;
    pub const IIFNAME: u16 = 3;
    pub const GOTO: u16 = 4;
    pub const PRIORITY: u16 = 6;
    pub const FWMARK: u16 = 10;
    pub const FLOW: u16 = 11;
    pub const TUN_ID: u16 = 12;
    pub const SUPPRESS_IFGROUP: u16 = 13;
    pub const SUPPRESS_PREFIXLEN: u16 = 14;
    pub const TABLE: u16 = 15;
    pub const FWMASK: u16 = 16;
    pub const OIFNAME: u16 = 17;
    pub const L3MDEV: u16 = 19;
    pub const UID_RANGE: u16 = 20;
    pub const PROTOCOL: u16 = 21;
    pub const IP_PROTO: u16 = 22;
    pub const SPORT_RANGE: u16 = 23;
    pub const DPORT_RANGE: u16 = 24;
}

/// `LWTUNNEL_ENCAP_*` (linux/lwtunnel.h).
mod encap_type {
    pub const MPLS: u16 = 1;
    pub const IP: u16 = 2;
    pub const ILA: u16 = 3;
    pub const IP6: u16 = 4;
}

/// `LWTUNNEL_IP_*`; those of IPv6 have TTL and TOS the other way round, named hop limit and traffic class.
mod tunnel {
    pub const ID: u16 = 1;
    pub const DST: u16 = 2;
    pub const SRC: u16 = 3;
    pub const TTL: u16 = 4;
    pub const TOS: u16 = 5;
    pub const FLAGS: u16 = 6;
}

/// `MPLS_IPTUNNEL_DST` and `ILA_ATTR_LOCATOR`: the only attribute of each.
const ONLY_ATTRIBUTE: u16 = 1;
/// Place of the label in a label stack entry, and the mark of the last one (RFC 3032 section 2.1).
const LABEL_SHIFT: u32 = 12;
const BOTTOM_OF_STACK: u32 = 1 << 8;

const NESTED: u16 = 1 << 15;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const RTNH_F_ONLINK: u8 = 4;
/// Length of a `struct rtnexthop`, and where its length field counts from.
const NEXTHOP_HEADER: usize = 8;
const HEADER_LENGTH: usize = 12;
/// `RTM_F_CLONED`: an exception of the kernel's own to a route.
const CLONED: u32 = 0x200;
/// `FIB_RULE_INVERT`.
const INVERT: u32 = 2;

/// `RT_SCOPE_*`.
const SCOPE_UNIVERSE: u8 = 0;
const SCOPE_LINK: u8 = 253;
const SCOPE_HOST: u8 = 254;
/// `RTN_*`.
const LOCAL: u8 = 2;
const BROADCAST: u8 = 3;
const ANYCAST: u8 = 4;
const MULTICAST: u8 = 5;
const NAT: u8 = 10;

/// What the kernel knows of a link by name.
pub(super) trait Links {
    /// Its index.
    fn index(&self, name: &str) -> Option<u32>;
    /// The routing table of a VRF device.
    fn vrf_table(&self, name: &str) -> Option<u32>;
}

/// The body of a request to add or delete; `None` while a link it names is not there.
pub(super) fn body(policy: &Policy, links: &impl Links) -> Option<Vec<u8>> {
    match policy {
        Policy::Route(route) => route_body(route, links),
        Policy::Rule(rule) => Some(rule_body(rule)),
    }
}

fn route_body(route: &Route, links: &impl Links) -> Option<Vec<u8>> {
    let mut attributes = Vec::new();
    let table = match &route.vrf {
        Some(vrf) => links.vrf_table(vrf)?,
        None => route.table,
    };
    let mut put = |kind, value: Vec<u8>| attributes.push(DefaultNla::new(kind, value));
    put(rta::TABLE, number(table));
    if route.destination.length > 0 {
        put(rta::DST, octets(network(&route.destination)));
    }
    if let Some(from) = &route.from {
        put(rta::SRC, octets(network(from)));
    }
    if let Some(metric) = route.metric {
        put(rta::PRIORITY, number(metric));
    }
    if let Some(source) = route.source {
        put(rta::PREFSRC, octets(source));
    }
    if let Some(expires) = route.expires {
        put(rta::EXPIRES, number(expires));
    }
    if let Some(preference) = route.preference {
        put(rta::PREF, vec![preference]);
    }
    if let Some(propagate) = route.ttl_propagate {
        put(rta::TTL_PROPAGATE, vec![u8::from(propagate)]);
    }
    if let Some(metrics) = metrics(route) {
        put(rta::METRICS, metrics);
    }
    if let Some(index) = index(&route.hop, links)? {
        put(rta::OIF, number(index));
    }
    attributes.extend(way(&route.hop, route.ipv6));
    if !route.hops.is_empty() {
        let mut all = Vec::new();
        for hop in &route.hops {
            all.extend(next_hop(hop, route.ipv6, links)?);
        }
        attributes.push(DefaultNla::new(rta::MULTIPATH, all));
    }
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: family(route.ipv6),
        destination_prefix_length: route.destination.length,
        source_prefix_length: route.from.map_or(0, |from| from.length),
        tos: route.tos,
        table: u8::try_from(table).unwrap_or(0),
        protocol: RouteProtocol::from(route.protocol),
        scope: RouteScope::from(scope(route)),
        kind: RouteType::from(route.kind),
        flags: Default::default(),
    };
    message.attributes = attributes.into_iter().map(RouteAttribute::Other).collect();
    let mut bytes = emitted(&message);
    // Of the hop's flags netlink-packet-route has only names of its own.
    if route.hop.onlink
        && let Some(flags) = bytes.get_mut(HEADER_LENGTH - size_of::<u32>()..HEADER_LENGTH)
    {
        flags.copy_from_slice(&u32::from(RTNH_F_ONLINK).to_ne_bytes());
    }
    Some(bytes)
}

/// The scope of a route that names none: everywhere, but for those that the kernel would refuse then.
fn scope(route: &Route) -> u8 {
    match (route.scope, route.kind) {
        (Some(scope), _) => scope,
        (None, LOCAL | NAT) => SCOPE_HOST,
        (None, BROADCAST | MULTICAST | ANYCAST) => SCOPE_LINK,
        _ => SCOPE_UNIVERSE,
    }
}

fn metrics(route: &Route) -> Option<Vec<u8>> {
    let mut all: Vec<DefaultNla> = route
        .metrics
        .iter()
        .map(|Metric { kind, value }| DefaultNla::new(*kind, number(*value)))
        .collect();
    if let Some(name) = &route.congestion {
        all.push(DefaultNla::new(rtax::CC_ALGO, text(name)));
    }
    if route.locked != 0 {
        all.push(DefaultNla::new(rtax::LOCK, number(route.locked)));
    }
    (!all.is_empty()).then(|| emitted(&all.as_slice()))
}

/// The index of the hop's link; the outer `None` when it names one that is not there.
fn index(hop: &NextHop, links: &impl Links) -> Option<Option<u32>> {
    match &hop.interface {
        Some(name) => links.index(name).map(Some),
        None => Some(None),
    }
}

/// The attributes that the single way and one of several have in common.
fn way(hop: &NextHop, ipv6: bool) -> Vec<DefaultNla> {
    let mut attributes = Vec::new();
    match hop.gateway {
        Some(gateway) if gateway.is_ipv6() == ipv6 => {
            attributes.push(DefaultNla::new(rta::GATEWAY, octets(gateway)));
        }
        Some(gateway) => {
            let family = if gateway.is_ipv6() { AF_INET6 } else { AF_INET };
            let mut via = family.to_ne_bytes().to_vec();
            via.extend(octets(gateway));
            attributes.push(DefaultNla::new(rta::VIA, via));
        }
        None => {}
    }
    if let Some(realms) = hop.realms {
        attributes.push(DefaultNla::new(rta::FLOW, number(realms)));
    }
    if let Some(encap) = &hop.encap {
        let (kind, value) = encapsulation(encap);
        attributes.push(DefaultNla::new(
            rta::ENCAP_TYPE,
            kind.to_ne_bytes().to_vec(),
        ));
        attributes.push(DefaultNla::new(rta::ENCAP | NESTED, value));
    }
    attributes
}

/// A `struct rtnexthop` with its attributes.
fn next_hop(hop: &NextHop, ipv6: bool, links: &impl Links) -> Option<Vec<u8>> {
    let index = index(hop, links)?.unwrap_or(0);
    let attributes = emitted(&way(hop, ipv6).as_slice());
    let length = u16::try_from(NEXTHOP_HEADER + attributes.len()).ok()?;
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.push(if hop.onlink { RTNH_F_ONLINK } else { 0 });
    // The kernel counts from zero.
    bytes.push(u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX));
    bytes.extend(index.to_ne_bytes());
    bytes.extend(attributes);
    Some(bytes)
}

fn encapsulation(encap: &Encap) -> (u16, Vec<u8>) {
    match encap {
        Encap::Mpls(labels) => {
            let last = labels.len().saturating_sub(1);
            let entry = |(place, label): (usize, &u32)| {
                let bottom = if place == last { BOTTOM_OF_STACK } else { 0 };
                (label << LABEL_SHIFT | bottom).to_be_bytes()
            };
            let stack: Vec<u8> = labels.iter().enumerate().flat_map(entry).collect();
            let attributes = [DefaultNla::new(ONLY_ATTRIBUTE, stack)];
            (encap_type::MPLS, emitted(&attributes.as_slice()))
        }
        Encap::Ila(locator) => {
            let attributes = [DefaultNla::new(
                ONLY_ATTRIBUTE,
                locator.to_be_bytes().to_vec(),
            )];
            (encap_type::ILA, emitted(&attributes.as_slice()))
        }
        Encap::Ip {
            ipv6,
            id,
            destination,
            source,
            tos,
            ttl,
            flags,
        } => {
            let mut attributes = Vec::new();
            let mut put = |kind, value: Option<Vec<u8>>| {
                attributes.extend(value.map(|value| DefaultNla::new(kind, value)));
            };
            put(tunnel::ID, id.map(|id| id.to_be_bytes().to_vec()));
            put(tunnel::DST, destination.map(octets));
            put(tunnel::SRC, source.map(octets));
            put(tunnel::TTL, ttl.map(|ttl| vec![ttl]));
            put(tunnel::TOS, tos.map(|tos| vec![tos]));
            put(
                tunnel::FLAGS,
                flags.map(|flags| flags.to_be_bytes().to_vec()),
            );
            let kind = if *ipv6 {
                encap_type::IP6
            } else {
                encap_type::IP
            };
            (kind, emitted(&attributes.as_slice()))
        }
    }
}

fn rule_body(rule: &Rule) -> Vec<u8> {
    let mut attributes = Vec::new();
    let mut put = |kind, value: Option<Vec<u8>>| {
        attributes.extend(value.map(|value| DefaultNla::new(kind, value)));
    };
    let ends = |(low, high): (u16, u16)| [low.to_ne_bytes(), high.to_ne_bytes()].concat();
    put(fra::PRIORITY, Some(number(rule.preference)));
    put(fra::PROTOCOL, Some(vec![rule.protocol]));
    put(fra::SRC, rule.from.as_ref().map(|p| octets(network(p))));
    put(fra::DST, rule.to.as_ref().map(|p| octets(network(p))));
    put(fra::IIFNAME, rule.input.as_deref().map(text));
    put(fra::OIFNAME, rule.output.as_deref().map(text));
    put(fra::FWMARK, rule.mark.map(number));
    put(fra::FWMASK, rule.mask.map(number));
    put(fra::FLOW, rule.realms.map(number));
    put(fra::TUN_ID, rule.tunnel.map(|id| id.to_be_bytes().to_vec()));
    put(fra::SUPPRESS_PREFIXLEN, rule.suppress_prefix.map(number));
    put(fra::SUPPRESS_IFGROUP, rule.suppress_group.map(number));
    let users = |(low, high)| [number(low), number(high)].concat();
    put(fra::UID_RANGE, rule.users.map(users));
    put(fra::IP_PROTO, rule.ip_protocol.map(|p| vec![p]));
    put(fra::SPORT_RANGE, rule.source_ports.map(ends));
    put(fra::DPORT_RANGE, rule.destination_ports.map(ends));
    let (action, table) = match rule.action {
        RuleAction::Table(table) => {
            put(fra::TABLE, Some(number(table)));
            (Action::ToTable, u8::try_from(table).unwrap_or(0))
        }
        RuleAction::L3Master => {
            put(fra::L3MDEV, Some(vec![1]));
            (Action::ToTable, 0)
        }
        RuleAction::Goto(target) => {
            put(fra::GOTO, Some(number(target)));
            (Action::Goto, 0)
        }
        RuleAction::Nop => (Action::Nop, 0),
        RuleAction::Blackhole => (Action::Blackhole, 0),
        RuleAction::Unreachable => (Action::Unreachable, 0),
        RuleAction::Prohibit => (Action::Prohibit, 0),
    };
    let mut message = RuleMessage::default();
    message.header = RuleHeader {
        family: family(rule.ipv6),
        dst_len: rule.to.map_or(0, |to| to.length),
        src_len: rule.from.map_or(0, |from| from.length),
        tos: rule.tos,
        table,
        action,
        flags: RuleFlags::from_bits_retain(if rule.inverted { INVERT } else { 0 }),
    };
    message.attributes = attributes.into_iter().map(RuleAttribute::Other).collect();
    emitted(&message)
}

/// By what a message about a route is recognised; `None` for what is no route of an administrator's.
pub(super) fn route_trace(payload: &[u8]) -> Result<Option<Trace>, Malformed> {
    let Some([family, length, _, _, table, _, _, _, flags @ ..]) =
        payload.first_chunk::<HEADER_LENGTH>()
    else {
        return Err(Malformed::Header);
    };
    let Some(ipv6) = is_ipv6(*family) else {
        return Ok(None);
    };
    if u32::from_ne_bytes(*flags) & CLONED != 0 {
        return Ok(None);
    }
    let mut table = u32::from(*table);
    let mut destination: IpAddr = match ipv6 {
        true => Ipv6Addr::UNSPECIFIED.into(),
        false => Ipv4Addr::UNSPECIFIED.into(),
    };
    for attribute in attributes(payload) {
        let attribute = attribute.map_err(|_| Malformed::Attribute)?;
        match attribute.kind() {
            rta::TABLE => table = read_number(attribute.value())?,
            rta::DST => destination = address(ipv6, attribute.value())?,
            _ => {}
        }
    }
    Ok(Some(Trace::Route {
        ipv6,
        table,
        destination,
        length: *length,
    }))
}

/// By what a message about a rule is recognised.
pub(super) fn rule_trace(payload: &[u8]) -> Result<Option<Trace>, Malformed> {
    let Some([family, ..]) = payload.first_chunk::<HEADER_LENGTH>() else {
        return Err(Malformed::Header);
    };
    let Some(ipv6) = is_ipv6(*family) else {
        return Ok(None);
    };
    let mut preference = 0;
    for attribute in attributes(payload) {
        let attribute = attribute.map_err(|_| Malformed::Attribute)?;
        if attribute.kind() == fra::PRIORITY {
            preference = read_number(attribute.value())?;
        }
    }
    Ok(Some(Trace::Rule { ipv6, preference }))
}

fn attributes(payload: &[u8]) -> NlasIterator<&[u8]> {
    NlasIterator::new(payload.get(HEADER_LENGTH..).unwrap_or(&[]))
}

fn is_ipv6(family: u8) -> Option<bool> {
    match u16::from(family) {
        AF_INET => Some(false),
        AF_INET6 => Some(true),
        _ => None,
    }
}

fn read_number(value: &[u8]) -> Result<u32, Malformed> {
    let bytes = value.try_into().map_err(|_| Malformed::Attribute)?;
    Ok(u32::from_ne_bytes(bytes))
}

fn address(ipv6: bool, value: &[u8]) -> Result<IpAddr, Malformed> {
    let address = match ipv6 {
        false => <[u8; 4]>::try_from(value).map(IpAddr::from),
        true => <[u8; 16]>::try_from(value).map(IpAddr::from),
    };
    address.map_err(|_| Malformed::Attribute)
}

fn family(ipv6: bool) -> AddressFamily {
    if ipv6 {
        AddressFamily::Inet6
    } else {
        AddressFamily::Inet
    }
}

fn number(value: u32) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

fn network(prefix: &Prefix) -> IpAddr {
    super::policy::masked(prefix.address, prefix.length)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Names end in a zero byte.
fn text(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

fn emitted(what: &impl Emitable) -> Vec<u8> {
    let mut bytes = vec![0; what.buffer_len()];
    what.emit(&mut bytes);
    bytes
}
