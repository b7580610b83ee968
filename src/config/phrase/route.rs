//! Route lines: `virtual_routes`, `static_routes`. Checked in full; what they do to the kernel comes with the routes themselves.

use super::route_values::{
    Agreed, Checked, Fault, address, any_base, interface, named, number, prefixed, range, realms,
    time,
};
use super::{Phrase, Rule, text};
use crate::config::build::Context;
use crate::config::tree::{Statement, Word};
use crate::config::world::Names;
use pest::iterators::Pair;

/// The protocol number of routes that keepalived made.
const OWN_PROTOCOL: u64 = 18;
/// The greatest weight of a next hop.
const WEIGHT_MAX: u64 = 256;
const U8: u64 = u8::MAX as u64;
const U16: u64 = u16::MAX as u64;
const U32: u64 = u32::MAX as u64;

/// What the parts of one line must agree on.
#[derive(Default)]
struct Route<'t> {
    family: Agreed,
    destination: bool,
    nexthops: bool,
    or: bool,
    no_track: bool,
    protocol: Option<(Word<'t>, u64)>,
}

/// Checks a route; false when it is to be dropped, which is said. `fixed` are the options of static lines only.
pub fn check_route(context: &mut Context<'_>, line: Statement<'_>, fixed: bool) -> bool {
    let outcome = check(context, line, fixed);
    let dropped = outcome.is_err();
    if let Err(fault) = outcome {
        fault.report(context, "the route is not used");
    }
    !dropped
}

fn check<'t>(context: &mut Context<'_>, line: Statement<'t>, fixed: bool) -> Checked<'t> {
    let phrase = Phrase::new(line);
    let mut route = Route::default();
    let Some(parts) = phrase.parse(Rule::route_line) else {
        return Ok(());
    };
    for pair in parts {
        let word = phrase.word(&pair);
        if route.nexthops && !matches!(pair.as_rule(), Rule::nexthop | Rule::EOI) {
            context.fault(
                word.span(),
                format!("trailing nonsense '{}' after nexthop", text(&word)),
                "only nexthop groups may follow a nexthop",
            );
            break;
        }
        route.part(context, &phrase, pair, fixed)?;
    }
    if !route.destination {
        return Err(Fault::new(
            line.keyword(),
            "no destination in the route that begins with",
            "name a destination, as in 10.1.0.0/16 or default",
        ));
    }
    match route.protocol {
        Some((word, protocol)) if !route.no_track && protocol != OWN_PROTOCOL => {
            context.fault(
                word.span(),
                "a tracked route has protocol keepalived (18)",
                "remove protocol, or add no_track",
            );
        }
        _ => {}
    }
    Ok(())
}

impl<'t> Route<'t> {
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
            Rule::gateway => gateway(context, &mut self.family, phrase, pair),
            Rule::encap => encap(context, phrase, pair),
            Rule::destination => self.destination(context, phrase, pair),
            Rule::route_flag => {
                self.no_track |= word == "no_track";
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
            Rule::lockable => lockable(phrase, pair),
            Rule::route_valued => {
                let (key, value) = two(phrase, pair, word);
                self.option(context, key, value, fixed)
            }
            Rule::nexthop => {
                self.nexthops = true;
                if self.or {
                    return Err(Fault::new(word, "'or' and", "use nexthop groups alone"));
                }
                for part in pair.into_inner() {
                    hop(context, &mut self.family, phrase, part)?;
                }
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
        let Some(last) = pair
            .into_inner()
            .filter(|inner| inner.as_rule() == Rule::word)
            .last()
        else {
            return Ok(());
        };
        let word = phrase.word(&last);
        if self.destination {
            return Err(Fault::new(
                word,
                "unknown route option",
                "see 'virtual_routes' in the manual for the options",
            ));
        }
        self.destination = true;
        match word.bytes() {
            b"default" | b"any" | b"all" => Ok(()),
            b"default6" => {
                context.fault(
                    word.span(),
                    "default6 is deprecated - please use 'inet6 default'",
                    "it is taken as such",
                );
                self.family.agree(true, word)
            }
            _ => prefixed(&mut self.family, word).map(drop),
        }
    }

    fn option(
        &mut self,
        context: &mut Context<'_>,
        key: Word<'t>,
        value: Word<'t>,
        fixed: bool,
    ) -> Checked<'t> {
        let one_of = |choices: &[&str]| match choices.contains(&&*text(&value)) {
            true => Ok(()),
            false => Err(Fault::new(
                value,
                "unknown value",
                "see 'virtual_routes' in the manual for its values",
            )),
        };
        match key.bytes() {
            b"or" => {
                context.fault(
                    key.span(),
                    "'or' is deprecated - please use nexthop",
                    "write: nexthop via A nexthop via B",
                );
                self.or = true;
                address(&mut self.family, value).map(drop)
            }
            b"src" => address(&mut self.family, value).map(drop),
            b"from" => {
                self.family.agree(true, value)?;
                prefixed(&mut self.family, value).map(drop)
            }
            b"dev" | b"oif" | b"vrf" => interface(context, value),
            b"table" => named(context, Names::Tables, value, U32).map(drop),
            b"protocol" => {
                self.protocol = Some((value, named(context, Names::Protocols, value, U8)?));
                Ok(())
            }
            b"scope" => match &*text(&value) {
                "global" | "universe" | "site" | "link" | "host" | "nowhere" => Ok(()),
                _ => named(context, Names::Scopes, value, U8).map(drop),
            },
            b"tos" | b"dsfield" => named(context, Names::DsField, value, U8).map(drop),
            b"realms" => realms(context, &mut self.family, value),
            b"hoplimit" => number(value, U8).map(drop),
            b"quickack" | b"fastopen_no_cookie" => number(value, 1).map(drop),
            b"features" => one_of(&["ecn"]),
            b"ttl-propagate" => one_of(&["enabled", "disabled"]),
            b"pref" => {
                self.family.agree(true, value)?;
                one_of(&["low", "medium", "high"]).or_else(|_| number(value, U8).map(drop))
            }
            b"track_group" if !fixed => {
                Err(Fault::new(key, "only static routes have", "remove it"))
            }
            b"track_group" => Ok(()),
            _ => number(value, U32).map(drop),
        }
    }
}

/// The two words of an option.
fn two<'t>(phrase: &Phrase<'t>, pair: Pair<'_, Rule>, word: Word<'t>) -> (Word<'t>, Word<'t>) {
    let mut inner = pair.into_inner();
    let mut next = || inner.next().map_or(word, |part| phrase.word(&part));
    (next(), next())
}

fn gateway<'t>(
    context: &mut Context<'_>,
    family: &mut Agreed,
    phrase: &Phrase<'t>,
    pair: Pair<'_, Rule>,
) -> Checked<'t> {
    for part in pair.into_inner() {
        let word = phrase.word(&part);
        match part.as_rule() {
            Rule::gateway_key if word == "gw" => context.fault(
                word.span(),
                "'gw' is deprecated - please use 'via'",
                "it is taken as via",
            ),
            Rule::word => drop(address(family, word)?),
            Rule::family => family.agree(word == "inet6", word)?,
            _ => {}
        }
    }
    Ok(())
}

fn lockable<'t>(phrase: &Phrase<'t>, pair: Pair<'_, Rule>) -> Checked<'t> {
    let mut key = None;
    for part in pair.into_inner() {
        let word = phrase.word(&part);
        match part.as_rule() {
            Rule::lockable_key => key = Some(word),
            Rule::word => match key.map(|key| key.bytes()) {
                Some(b"rtt" | b"rttvar" | b"rto_min") => time(word)?,
                Some(b"congctl") => {}
                _ => drop(number(word, U32)?),
            },
            _ => {}
        }
    }
    Ok(())
}

fn hop<'t>(
    context: &mut Context<'_>,
    family: &mut Agreed,
    phrase: &Phrase<'t>,
    pair: Pair<'_, Rule>,
) -> Checked<'t> {
    let word = phrase.word(&pair);
    match pair.as_rule() {
        Rule::gateway => gateway(context, family, phrase, pair),
        Rule::encap => encap(context, phrase, pair),
        Rule::hop_valued => {
            let (key, value) = two(phrase, pair, word);
            match key.bytes() {
                b"weight" => match number(value, WEIGHT_MAX)? {
                    0 => Err(Fault::new(
                        value,
                        "invalid weight",
                        "write a number from 1 to 256",
                    )),
                    _ => Ok(()),
                },
                b"realms" => realms(context, family, value),
                _ => interface(context, value),
            }
        }
        _ => Ok(()),
    }
}

fn encap<'t>(context: &mut Context<'_>, phrase: &Phrase<'t>, pair: Pair<'_, Rule>) -> Checked<'t> {
    let Some(kind) = pair.into_inner().next() else {
        return Ok(());
    };
    let labels = kind.as_rule() == Rule::encap_labels;
    let mut parts = kind.into_inner();
    let Some(name) = parts.next().map(|name| phrase.word(&name)) else {
        return Ok(());
    };
    let ipv6 = name == "ip6";
    for part in parts {
        let word = phrase.word(&part);
        if labels {
            return tunnel_labels(name, word);
        }
        let (key, value) = two(phrase, part, word);
        let mut family = Agreed::default();
        family.agree(ipv6, key)?;
        match key.bytes() {
            b"dst" | b"src" => drop(address(&mut family, value)?),
            b"id" => drop(number(value, u64::MAX)?),
            b"tos" if !ipv6 => drop(named(context, Names::DsField, value, U8)?),
            b"tc" if ipv6 => drop(named(context, Names::DsField, value, U8)?),
            b"ttl" if !ipv6 => drop(number(value, U8)?),
            b"hoplimit" if ipv6 => drop(number(value, U8)?),
            b"flags" => drop(number(value, U16)?),
            _ => {
                return Err(Fault::new(
                    key,
                    "an encap of this family has no",
                    "ip has tos and ttl, ip6 has tc and hoplimit",
                ));
            }
        }
    }
    Ok(())
}

/// MPLS labels (20 bits each, RFC 3032) or an ILA locator.
fn tunnel_labels<'t>(name: Word<'t>, word: Word<'t>) -> Checked<'t> {
    const LABEL_MAX: u64 = (1 << 20) - 1;
    let shown = text(&word);
    let valid = match name == "mpls" {
        true => shown
            .split('/')
            .all(|label| any_base(label).is_some_and(|label| label <= LABEL_MAX)),
        false => {
            shown.split(':').count() <= 4
                && shown
                    .split(':')
                    .all(|part| u16::from_str_radix(part, 16).is_ok())
        }
    };
    if valid {
        Ok(())
    } else {
        Err(Fault::new(
            word,
            "invalid label or locator",
            "write LABEL[/LABEL...] or a 64-bit locator",
        ))
    }
}

/// Kept here for rules, which share the ranges.
pub(super) fn ports<'t>(word: Word<'t>) -> Checked<'t> {
    range(word, U16)
}
