//! Route lines: `virtual_routes`, `static_routes`.

use super::encap::encap;
use super::route_values::{
    Agreed, Checked, Fault, address, interface, named, number, prefix, realms, time,
};
use super::{Phrase, Rule, text};
use crate::config::build::Context;
use crate::config::model::{
    Insertion, Metric, NextHop, PROTOCOL_KEEPALIVED, Prefix, ROUTE_KINDS, ROUTE_METRICS,
    ROUTE_UNICAST, Route, TABLE_MAIN,
};
use crate::config::tree::{Statement, Word};
use crate::config::world::Names;
use pest::iterators::Pair;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The greatest weight of a next hop.
const WEIGHT_MAX: u64 = 256;
const U8: u64 = u8::MAX as u64;
const U32: u64 = u32::MAX as u64;

/// `RTAX_FEATURE_ECN`.
const FEATURE_ECN: u32 = 1;

/// A route as far as it was read, and what its parts must agree on.
struct Reader<'t> {
    family: Agreed,
    /// Where to; `Some(None)` = default.
    destination: Option<Option<Prefix>>,
    or: Option<IpAddr>,
    protocol: Option<(Word<'t>, u8)>,
    nexthops: bool,
    track_group: Option<Word<'t>>,
    route: Route,
}

/// Reads a route and the `track_group` that it names; `None` when it is to be dropped, which is said. `fixed` are the options of
/// static lines only.
pub fn route_line<'t>(
    context: &mut Context<'_>,
    line: Statement<'t>,
    fixed: bool,
) -> Option<(Route, Option<Word<'t>>)> {
    read(context, line, fixed)
        .map_err(|fault| fault.report(context, "the route is not used"))
        .ok()
}

fn read<'t>(
    context: &mut Context<'_>,
    line: Statement<'t>,
    fixed: bool,
) -> Checked<'t, (Route, Option<Word<'t>>)> {
    let phrase = Phrase::new(line);
    let mut reader = Reader::new();
    for pair in phrase.parse(Rule::route_line).into_iter().flatten() {
        let word = phrase.word(&pair);
        if reader.nexthops && !matches!(pair.as_rule(), Rule::nexthop | Rule::EOI) {
            context.fault(
                word.span(),
                format!("trailing nonsense '{}' after nexthop", text(&word)),
                "only nexthop groups may follow a nexthop",
            );
            break;
        }
        reader.part(context, &phrase, pair, fixed)?;
    }
    let group = reader.track_group;
    let route = reader.finish(context, line)?;
    Ok((route, group))
}

impl<'t> Reader<'t> {
    fn new() -> Self {
        Reader {
            family: Agreed::default(),
            destination: None,
            or: None,
            protocol: None,
            nexthops: false,
            track_group: None,
            route: Route {
                ipv6: false,
                kind: ROUTE_UNICAST,
                destination: everywhere(false),
                from: None,
                hop: NextHop::default(),
                hops: Vec::new(),
                source: None,
                table: TABLE_MAIN,
                vrf: None,
                metric: None,
                protocol: PROTOCOL_KEEPALIVED,
                scope: None,
                tos: 0,
                metrics: Vec::new(),
                locked: 0,
                congestion: None,
                expires: None,
                preference: None,
                ttl_propagate: None,
                insertion: Insertion::default(),
                tracked: true,
            },
        }
    }

    fn finish(mut self, context: &mut Context<'_>, line: Statement<'t>) -> Checked<'t, Route> {
        let Some(destination) = self.destination else {
            return Err(Fault::new(
                line.keyword(),
                "no destination in the route that begins with",
                "name a destination, as in 10.1.0.0/16 or default",
            ));
        };
        self.route.ipv6 = self.family.is_ipv6();
        self.route.destination = destination.unwrap_or(everywhere(self.route.ipv6));
        match self.protocol {
            Some((word, protocol)) if self.route.tracked && protocol != PROTOCOL_KEEPALIVED => {
                context.fault(
                    word.span(),
                    "a tracked route has protocol keepalived (18)",
                    "remove protocol, or add no_track",
                );
            }
            Some((_, protocol)) => self.route.protocol = protocol,
            None => {}
        }
        if let Some(gateway) = self.or {
            let another = NextHop {
                gateway: Some(gateway),
                ..NextHop::default()
            };
            self.route.hops = vec![std::mem::take(&mut self.route.hop), another];
        }
        Ok(self.route)
    }

    fn part(
        &mut self,
        context: &mut Context<'_>,
        phrase: &Phrase<'t>,
        pair: Pair<'_, Rule>,
        fixed: bool,
    ) -> Checked<'t> {
        let word = phrase.word(&pair);
        match pair.as_rule() {
            Rule::family => self.family.agree(word == "inet6", word),
            Rule::gateway => {
                self.route.hop.gateway = gateway(context, &mut self.family, phrase, pair)?;
                Ok(())
            }
            Rule::encap => {
                self.route.hop.encap = encap(context, phrase, pair)?;
                Ok(())
            }
            Rule::destination => self.destination(context, phrase, pair),
            Rule::route_flag => {
                match word.bytes() {
                    b"onlink" => self.route.hop.onlink = true,
                    b"add" => self.route.insertion = Insertion::Add,
                    b"append" => self.route.insertion = Insertion::Append,
                    b"prepend" => self.route.insertion = Insertion::Prepend,
                    _ => self.route.tracked = false,
                }
                Ok(())
            }
            Rule::ignored_as => {
                context.fault(
                    word.span(),
                    "'as' has no effect in routes",
                    "remove it and the address behind it",
                );
                Ok(())
            }
            Rule::lockable => self.lockable(context, phrase, pair),
            Rule::route_valued => {
                let (key, value) = two(phrase, pair, word);
                self.option(context, key, value, fixed)
            }
            Rule::nexthop => {
                self.nexthops = true;
                if self.or.is_some() {
                    return Err(Fault::new(word, "'or' and", "use nexthop groups alone"));
                }
                let mut hop = NextHop::default();
                for part in pair.into_inner() {
                    hop_part(context, &mut self.family, phrase, part, &mut hop)?;
                }
                self.route.hops.push(hop);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn destination(
        &mut self,
        context: &mut Context<'_>,
        phrase: &Phrase<'t>,
        pair: Pair<'_, Rule>,
    ) -> Checked<'t> {
        let mut target = None;
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::route_type => {
                    let name = phrase.word(&inner);
                    if let Some((_, kind)) = ROUTE_KINDS.iter().find(|(known, _)| name == *known) {
                        self.route.kind = *kind;
                    }
                }
                Rule::word => target = Some(phrase.word(&inner)),
                _ => {}
            }
        }
        let Some(word) = target else {
            return Ok(());
        };
        if self.destination.is_some() {
            return Err(Fault::new(
                word,
                "unknown route option",
                "see 'virtual_routes' in the manual for the options",
            ));
        }
        self.destination = Some(match word.bytes() {
            b"default" | b"any" | b"all" => None,
            b"default6" => {
                context.fault(
                    word.span(),
                    "default6 is deprecated - please use 'inet6 default'",
                    "it is taken as such",
                );
                self.family.agree(true, word)?;
                None
            }
            _ => Some(prefix(&mut self.family, word)?),
        });
        Ok(())
    }

    fn option(
        &mut self,
        context: &mut Context<'_>,
        key: Word<'t>,
        value: Word<'t>,
        fixed: bool,
    ) -> Checked<'t> {
        let unknown = || {
            Fault::new(
                value,
                "unknown value",
                "see 'virtual_routes' in the manual for its values",
            )
        };
        let route = &mut self.route;
        match key.bytes() {
            b"or" => {
                context.fault(
                    key.span(),
                    "'or' is deprecated - please use nexthop",
                    "write: nexthop via A nexthop via B",
                );
                self.or = Some(address(&mut self.family, value)?);
            }
            b"src" => route.source = Some(address(&mut self.family, value)?),
            b"from" => {
                self.family.agree(true, value)?;
                route.from = Some(prefix(&mut self.family, value)?);
            }
            b"dev" | b"oif" => route.hop.interface = Some(interface(context, value)?),
            b"vrf" => route.vrf = Some(interface(context, value)?),
            b"table" => route.table = narrow(named(context, Names::Tables, value, U32)?),
            b"metric" | b"priority" | b"preference" => {
                route.metric = Some(narrow(number(value, U32)?));
            }
            b"protocol" => {
                let protocol = byte(named(context, Names::Protocols, value, U8)?);
                self.protocol = Some((value, protocol));
            }
            b"scope" => {
                route.scope = Some(match &*text(&value) {
                    "global" | "universe" => 0,
                    "site" => 200,
                    "link" => 253,
                    "host" => 254,
                    "nowhere" => 255,
                    _ => byte(named(context, Names::Scopes, value, U8)?),
                });
            }
            b"tos" | b"dsfield" => route.tos = byte(named(context, Names::DsField, value, U8)?),
            b"realms" => route.hop.realms = Some(realms(context, &mut self.family, value)?),
            b"hoplimit" => self.metric(key, narrow(number(value, U8)?)),
            b"quickack" | b"fastopen_no_cookie" => self.metric(key, narrow(number(value, 1)?)),
            b"features" if value == "ecn" => self.metric(key, FEATURE_ECN),
            b"features" => return Err(unknown()),
            b"ttl-propagate" => {
                route.ttl_propagate = match value.bytes() {
                    b"enabled" => Some(true),
                    b"disabled" => Some(false),
                    _ => return Err(unknown()),
                }
            }
            b"pref" => {
                self.family.agree(true, value)?;
                self.route.preference = Some(match value.bytes() {
                    b"low" => 3,
                    b"medium" => 0,
                    b"high" => 1,
                    _ => byte(number(value, U8).map_err(|_| unknown())?),
                });
            }
            b"expires" => {
                self.family.agree(true, value)?;
                self.route.expires = Some(narrow(number(value, U32)?));
            }
            b"track_group" if !fixed => {
                return Err(Fault::new(key, "only static routes have", "remove it"));
            }
            b"track_group" => self.track_group = Some(value),
            _ => self.metric(key, narrow(number(value, U32)?)),
        }
        Ok(())
    }

    /// Notes a metric of the kernel; the last word on it counts.
    fn metric(&mut self, key: Word<'t>, value: u32) {
        let Some(kind) = metric_kind(key) else {
            return;
        };
        match self.route.metrics.iter_mut().find(|m| m.kind == kind) {
            Some(known) => known.value = value,
            None => self.route.metrics.push(Metric { kind, value }),
        }
    }

    fn lockable(
        &mut self,
        context: &mut Context<'_>,
        phrase: &Phrase<'t>,
        pair: Pair<'_, Rule>,
    ) -> Checked<'t> {
        let (mut key, mut lock) = (None, false);
        for part in pair.into_inner() {
            let word = phrase.word(&part);
            match (part.as_rule(), key) {
                (Rule::lockable_key, _) => key = Some(word),
                (Rule::lock, _) => lock = true,
                (Rule::word, Some(key)) => match key.bytes() {
                    b"congctl" => self.route.congestion = Some(text(&word).into_owned()),
                    b"rtt" => self.metric(key, time(context, word, RTT_UNITS)?),
                    b"rttvar" => self.metric(key, time(context, word, RTTVAR_UNITS)?),
                    b"rto_min" => self.metric(key, time(context, word, 1)?),
                    _ => self.metric(key, narrow(number(word, U32)?)),
                },
                _ => {}
            }
        }
        if let (true, Some(kind)) = (lock, key.and_then(metric_kind)) {
            self.route.locked |= 1 << kind;
        }
        Ok(())
    }
}

/// The kernel counts round-trip times in eighths of a millisecond ...
const RTT_UNITS: u32 = 8;
/// ... and their variance in quarters.
const RTTVAR_UNITS: u32 = 4;

fn metric_kind(key: Word<'_>) -> Option<u16> {
    ROUTE_METRICS
        .iter()
        .find(|(name, _)| key == *name)
        .map(|(_, kind)| *kind)
}

fn everywhere(ipv6: bool) -> Prefix {
    Prefix {
        address: if ipv6 {
            Ipv6Addr::UNSPECIFIED.into()
        } else {
            Ipv4Addr::UNSPECIFIED.into()
        },
        length: 0,
    }
}

/// For numbers that were read with a bound of 32 bits.
pub(super) fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// For numbers that were read with a bound of 8 bits.
pub(super) fn byte(number: u64) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// The two words of an option.
pub(super) fn two<'t>(
    phrase: &Phrase<'t>,
    pair: Pair<'_, Rule>,
    word: Word<'t>,
) -> (Word<'t>, Word<'t>) {
    let mut inner = pair.into_inner();
    let mut next = || inner.next().map_or(word, |part| phrase.word(&part));
    (next(), next())
}

fn gateway<'t>(
    context: &mut Context<'_>,
    family: &mut Agreed,
    phrase: &Phrase<'t>,
    pair: Pair<'_, Rule>,
) -> Checked<'t, Option<IpAddr>> {
    let (mut found, mut named) = (None, None);
    for part in pair.into_inner() {
        let word = phrase.word(&part);
        match part.as_rule() {
            Rule::gateway_key if word == "gw" => context.fault(
                word.span(),
                "'gw' is deprecated - please use 'via'",
                "it is taken as via",
            ),
            Rule::family => {
                let ipv6 = word == "inet6";
                family.gateway(ipv6, word)?;
                named = Some(ipv6);
            }
            Rule::word => {
                // Under a family of its own it need not be of that of the route.
                let mut own = named.map(Agreed::of);
                found = Some(address(own.as_mut().unwrap_or(family), word)?);
            }
            _ => {}
        }
    }
    Ok(found)
}

fn hop_part<'t>(
    context: &mut Context<'_>,
    family: &mut Agreed,
    phrase: &Phrase<'t>,
    pair: Pair<'_, Rule>,
    hop: &mut NextHop,
) -> Checked<'t> {
    let word = phrase.word(&pair);
    match pair.as_rule() {
        Rule::gateway => hop.gateway = gateway(context, family, phrase, pair)?,
        Rule::encap => hop.encap = encap(context, phrase, pair)?,
        Rule::hop_flag => hop.onlink = true,
        Rule::hop_valued => {
            let (key, value) = two(phrase, pair, word);
            match key.bytes() {
                b"weight" => match number(value, WEIGHT_MAX)? {
                    0 => {
                        return Err(Fault::new(
                            value,
                            "invalid weight",
                            "write a number from 1 to 256",
                        ));
                    }
                    weight => hop.weight = u16::try_from(weight).unwrap_or_default(),
                },
                b"realms" => hop.realms = Some(realms(context, family, value)?),
                _ => hop.interface = Some(interface(context, value)?),
            }
        }
        _ => {}
    }
    Ok(())
}
