//! What an instance or the host holds besides virtual addresses, as keepalived words it in its data file and in JSON: routes and rules
//! with everything that was said of them. Shorter forms for the log are in `kernel`.

use crate::config::model::{
    Encap, Insertion, Metric, NextHop, Prefix, ROUTE_KINDS, ROUTE_METRICS, ROUTE_UNICAST, Route,
    Rule, RuleAction, TABLE_MAIN,
};
use std::fmt::{Display, Formatter, Result, Write};
use std::net::IpAddr;

/// `RTAX_RTT` and `RTAX_RTTVAR` count parts of a millisecond: so many.
const TIMES: [(&str, u32); 3] = [("rtt", 8), ("rttvar", 4), ("rto_min", 1)];
/// `RTAX_CC_ALGO`, whose value is a name.
const CONGESTION_KIND: u16 = 16;

/// Shows what it holds.
pub(super) struct Worded<'a, T>(pub &'a T);

fn prefix(f: &mut Formatter<'_>, prefix: &Prefix) -> Result {
    let full = if prefix.address.is_ipv4() {
        super::FULL_V4
    } else {
        super::FULL_V6
    };
    write!(f, "{}", prefix.address)?;
    match prefix.length == full {
        true => Ok(()),
        false => write!(f, "/{}", prefix.length),
    }
}

/// ` WORD VALUE` if there is one.
fn said(f: &mut Formatter<'_>, word: &str, value: Option<impl Display>) -> Result {
    value.map_or(Ok(()), |value| write!(f, " {word} {value}"))
}

fn realms(f: &mut Formatter<'_>, realms: Option<u32>) -> Result {
    match realms.map(|both| (both >> u16::BITS, both & u32::from(u16::MAX))) {
        Some((0, to)) => write!(f, " realm {to}"),
        Some((from, to)) => write!(f, " realms {from}/{to}"),
        None => Ok(()),
    }
}

impl Display for Worded<'_, Encap> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.0 {
            Encap::Mpls(labels) => {
                f.write_str(" encap mpls ")?;
                for (place, label) in labels.iter().enumerate() {
                    if place > 0 {
                        f.write_char('/')?;
                    }
                    write!(f, "{label}")?;
                }
                Ok(())
            }
            Encap::Ila(locator) => {
                let [a, b, c, d] =
                    [48, 32, 16, 0].map(|shift| locator >> shift & u64::from(u16::MAX));
                write!(f, " encap ila {a:x}:{b:x}:{c:x}:{d:x}")
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
                let (name, class, hops) = match ipv6 {
                    true => ("ip6", "tc", "hoplimit"),
                    false => ("ip", "tos", "ttl"),
                };
                write!(f, " encap {name}")?;
                said(f, "id", *id)?;
                said(f, "dst", *destination)?;
                said(f, "src", *source)?;
                said(f, class, *tos)?;
                said(f, hops, *ttl)?;
                said(f, "flags", flags.map(|flags| format!("{flags:#x}")))
            }
        }
    }
}

fn gateway(f: &mut Formatter<'_>, hop: &NextHop) -> Result {
    let family = |address: &IpAddr| if address.is_ipv4() { "inet" } else { "inet6" };
    if let Some(gateway) = &hop.gateway {
        write!(f, " via {} {gateway}", family(gateway))?;
    }
    said(f, "dev", hop.interface.as_ref())
}

fn next_hop(f: &mut Formatter<'_>, hop: &NextHop) -> Result {
    f.write_str(" nexthop")?;
    gateway(f, hop)?;
    said(f, "weight", (hop.weight > 0).then_some(hop.weight))?;
    if hop.onlink {
        f.write_str(" onlink")?;
    }
    realms(f, hop.realms)?;
    hop.encap
        .as_ref()
        .map_or(Ok(()), |encap| write!(f, "{}", Worded(encap)))
}

fn metrics(f: &mut Formatter<'_>, route: &Route) -> Result {
    for (name, kind) in ROUTE_METRICS {
        let locked = if route.locked & 1 << kind != 0 {
            "lock "
        } else {
            ""
        };
        if kind == CONGESTION_KIND {
            if let Some(algorithm) = &route.congestion {
                write!(f, " {name} {locked}{algorithm}")?;
            }
            continue;
        }
        let Some(Metric { value, .. }) = route.metrics.iter().find(|metric| metric.kind == kind)
        else {
            continue;
        };
        match TIMES.iter().find(|(time, _)| *time == name) {
            Some((_, parts)) => write!(
                f,
                " {name} {locked}{}ms",
                f64::from(*value) / f64::from(*parts)
            )?,
            None if name == "features" => f.write_str(" features ecn")?,
            None => write!(f, " {name} {locked}{value}")?,
        }
    }
    Ok(())
}

impl Display for Worded<'_, Route> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let route = self.0;
        let kind = ROUTE_KINDS
            .iter()
            .find(|(_, kind)| *kind == route.kind && route.kind != ROUTE_UNICAST);
        f.write_str(match (route.insertion, kind) {
            (Insertion::Append, _) => "append ",
            (Insertion::Prepend, None) => "prepend ",
            _ => "add ",
        })?;
        if let Some((name, _)) = kind {
            write!(f, "{name} ")?;
        }
        prefix(f, &route.destination)?;
        if let Some(from) = &route.from {
            f.write_str(" from ")?;
            prefix(f, from)?;
        }
        said(f, "src", route.source)?;
        said(f, "tos", (route.tos > 0).then_some(route.tos))?;
        if let Some(encap) = &route.hop.encap {
            write!(f, "{}", Worded(encap))?;
        }
        gateway(f, &route.hop)?;
        match &route.vrf {
            Some(vrf) => write!(f, " vrf {vrf}")?,
            None => said(
                f,
                "table",
                (route.table != TABLE_MAIN).then_some(route.table),
            )?,
        }
        said(f, "proto", (route.protocol > 0).then_some(route.protocol))?;
        said(f, "scope", route.scope)?;
        said(f, "metric", route.metric)?;
        said(f, "expires", route.expires)?;
        said(
            f,
            "ttl-propagate",
            route
                .ttl_propagate
                .map(|on| if on { "enabled" } else { "disabled" }),
        )?;
        if route.hop.onlink {
            f.write_str(" onlink")?;
        }
        realms(f, route.hop.realms)?;
        metrics(f, route)?;
        if let Some(preference) = route.preference {
            match preference {
                0 => f.write_str(" pref medium")?,
                1 => f.write_str(" pref high")?,
                3 => f.write_str(" pref low")?,
                other => write!(f, " pref {other}")?,
            }
        }
        for hop in &route.hops {
            next_hop(f, hop)?;
        }
        no_track(f, route.tracked)
    }
}

fn no_track(f: &mut Formatter<'_>, tracked: bool) -> Result {
    f.write_str(if tracked { "" } else { " no_track" })
}

impl Display for Worded<'_, Rule> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let rule = self.0;
        f.write_str(if rule.inverted { "not from " } else { "from " })?;
        match &rule.from {
            Some(from) => prefix(f, from)?,
            None => f.write_str("all")?,
        }
        if let Some(to) = &rule.to {
            f.write_str(" to ")?;
            prefix(f, to)?;
        }
        write!(f, " priority {} tos {:#x}", rule.preference, rule.tos)?;
        match (rule.mark, rule.mask) {
            (Some(mark), Some(mask)) => write!(f, " fwmark {mark:#x}/{mask:#x}")?,
            (Some(mark), None) => write!(f, " fwmark {mark:#x}")?,
            (None, _) => {}
        }
        said(f, "iif", rule.input.as_ref())?;
        said(f, "oif", rule.output.as_ref())?;
        said(f, "suppress_prefixlen", rule.suppress_prefix)?;
        said(f, "suppress_ifgroup", rule.suppress_group)?;
        said(f, "tunnel-id", rule.tunnel)?;
        let span = |(low, high)| format!("{low}-{high}");
        said(f, "uidrange", rule.users.map(span))?;
        said(f, "protocol", (rule.protocol > 0).then_some(rule.protocol))?;
        said(f, "ipproto", rule.ip_protocol)?;
        let ports = |(low, high): (u16, u16)| format!("{low}-{high}");
        said(f, "sport", rule.source_ports.map(ports))?;
        said(f, "dport", rule.destination_ports.map(ports))?;
        realms(f, rule.realms)?;
        match rule.action {
            RuleAction::Table(table) => write!(f, " lookup {table}"),
            RuleAction::L3Master => f.write_str(" l3mdev"),
            RuleAction::Goto(target) => write!(f, " goto {target}"),
            RuleAction::Nop => f.write_str(" nop"),
            RuleAction::Blackhole => f.write_str(" type blackhole"),
            RuleAction::Unreachable => f.write_str(" type unreachable"),
            RuleAction::Prohibit => f.write_str(" type prohibit"),
        }?;
        no_track(f, rule.tracked)
    }
}
