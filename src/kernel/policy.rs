//! Routes and rules as the reconciler handles them: what it hears of them by (`Trace`), what they look like in the log, and their
//! netlink messages. The values themselves are the configuration's.
//!
//! The kernel is never asked for its routes: it may have a million. One of ours is asked for by adding it, which changes nothing
//! when it is there, and a leftover is removed by deleting it, which names our protocol and so meets no other.

use super::policy_text;
use crate::config::model::{PROTOCOL_KEEPALIVED, Route, Rule};
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;

/// A route or a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Policy {
    /// A route.
    Route(Rc<Route>),
    /// A rule.
    Rule(Rc<Rule>),
}

/// By what an event may concern a route or a rule. Coarser than a comparison: whoever is concerned in vain is found to be there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Trace {
    /// Routes to a destination.
    Route {
        /// Family.
        ipv6: bool,
        /// Table.
        table: u32,
        /// Destination.
        destination: IpAddr,
        /// Its prefix length.
        length: u8,
    },
    /// Rules with a preference.
    Rule {
        /// Family.
        ipv6: bool,
        /// Preference.
        preference: u32,
    },
    /// Routes over a link, which go with it; `None` = over one that the kernel chose.
    Link(Option<String>),
    /// Routes whose packets leave with this address.
    Source(IpAddr),
}

impl Policy {
    /// Everything by which an event may concern it.
    pub(super) fn traces(&self) -> Vec<Trace> {
        let route = match self {
            Policy::Rule(rule) => {
                return vec![Trace::Rule {
                    ipv6: rule.ipv6,
                    preference: rule.preference,
                }];
            }
            Policy::Route(route) => route,
        };
        let mut traces = vec![Trace::Route {
            ipv6: route.ipv6,
            table: route.table,
            destination: masked(route.destination.address, route.destination.length),
            length: route.destination.length,
        }];
        traces.extend(route.source.map(Trace::Source));
        let hops = std::iter::once(&route.hop).chain(&route.hops);
        for hop in hops {
            if hop.interface.is_some() || hop.gateway.is_some() {
                let link = Trace::Link(hop.interface.clone());
                if !traces.contains(&link) {
                    traces.push(link);
                }
            }
        }
        // The table of a VRF is known only to the kernel: its link tells.
        if let Some(vrf) = &route.vrf {
            traces.push(Trace::Link(Some(vrf.clone())));
        }
        traces
    }

    /// Whether it is put back when somebody removes it.
    pub(super) fn is_tracked(&self) -> bool {
        match self {
            Policy::Route(route) => route.tracked,
            Policy::Rule(rule) => rule.tracked,
        }
    }

    /// Whether it bears our mark, so that one that is there can only be ours.
    pub(super) fn is_marked(&self) -> bool {
        match self {
            Policy::Route(route) => route.protocol == PROTOCOL_KEEPALIVED,
            Policy::Rule(rule) => rule.protocol == PROTOCOL_KEEPALIVED,
        }
    }
}

/// The network address: the kernel tells of routes by it.
pub(super) fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let host = u32::MAX.checked_shr(length.into()).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & !host).into())
        }
        IpAddr::V6(v6) => {
            let host = u128::MAX.checked_shr(length.into()).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & !host).into())
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Policy::Route(route) => write!(f, "route {}", policy_text::Shown(&**route)),
            Policy::Rule(rule) => write!(f, "rule {}", policy_text::Shown(&**rule)),
        }
    }
}
