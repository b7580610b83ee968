//! Routes and rules as iproute2 would write them, for the log and the dumps. Only what tells one from another: no metrics.

use crate::config::model::{
    NextHop, Prefix, ROUTE_KINDS, ROUTE_UNICAST, Route, Rule, RuleAction, TABLE_MAIN,
};
use std::fmt;

/// Shows what it holds.
pub struct Shown<'a, T>(pub &'a T);

fn prefix(f: &mut fmt::Formatter<'_>, prefix: &Prefix) -> fmt::Result {
    write!(f, "{}/{}", prefix.address, prefix.length)
}

fn hop(f: &mut fmt::Formatter<'_>, hop: &NextHop) -> fmt::Result {
    if let Some(gateway) = hop.gateway {
        write!(f, " via {gateway}")?;
    }
    match &hop.interface {
        Some(interface) => write!(f, " dev {interface}"),
        None => Ok(()),
    }
}

impl fmt::Display for Shown<'_, Route> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let route = self.0;
        if let Some((name, _)) = ROUTE_KINDS
            .iter()
            .find(|(_, kind)| *kind == route.kind && route.kind != ROUTE_UNICAST)
        {
            write!(f, "{name} ")?;
        }
        match (route.destination.length, route.ipv6) {
            (0, false) => f.write_str("default")?,
            (0, true) => f.write_str("inet6 default")?,
            _ => prefix(f, &route.destination)?,
        }
        if let Some(from) = &route.from {
            f.write_str(" from ")?;
            prefix(f, from)?;
        }
        hop(f, &route.hop)?;
        for next in &route.hops {
            f.write_str(" nexthop")?;
            hop(f, next)?;
            if next.weight > 0 {
                write!(f, " weight {}", next.weight)?;
            }
        }
        if let Some(source) = route.source {
            write!(f, " src {source}")?;
        }
        if let Some(vrf) = &route.vrf {
            write!(f, " vrf {vrf}")?;
        } else if route.table != TABLE_MAIN {
            write!(f, " table {}", route.table)?;
        }
        if let Some(metric) = route.metric {
            write!(f, " metric {metric}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Shown<'_, Rule> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = self.0;
        if rule.ipv6 && rule.from.is_none() && rule.to.is_none() {
            f.write_str("inet6 ")?;
        }
        if rule.inverted {
            f.write_str("not ")?;
        }
        f.write_str("from ")?;
        match &rule.from {
            Some(from) => prefix(f, from)?,
            None => f.write_str("all")?,
        }
        if let Some(to) = &rule.to {
            f.write_str(" to ")?;
            prefix(f, to)?;
        }
        write!(f, " preference {}", rule.preference)?;
        for (word, interface) in [("iif", &rule.input), ("oif", &rule.output)] {
            if let Some(interface) = interface {
                write!(f, " {word} {interface}")?;
            }
        }
        match (rule.mark, rule.mask) {
            (Some(mark), Some(mask)) => write!(f, " fwmark {mark:#x}/{mask:#x}")?,
            (Some(mark), None) => write!(f, " fwmark {mark:#x}")?,
            _ => {}
        }
        match rule.action {
            RuleAction::Table(table) => write!(f, " table {table}"),
            RuleAction::L3Master => f.write_str(" l3mdev"),
            RuleAction::Goto(target) => write!(f, " goto {target}"),
            RuleAction::Nop => f.write_str(" nop"),
            RuleAction::Blackhole => f.write_str(" blackhole"),
            RuleAction::Unreachable => f.write_str(" unreachable"),
            RuleAction::Prohibit => f.write_str(" prohibit"),
        }
    }
}
