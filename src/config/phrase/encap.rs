//! `encap` of routes and next hops: what packets are wrapped in.

use super::route::{byte, narrow, two};
use super::route_values::{Agreed, Checked, Fault, address, any_base, named, number};
use super::{Phrase, Rule, text};
use crate::config::build::Context;
use crate::config::model::Encap;
use crate::config::world::Names;
use pest::iterators::{Pair, Pairs};

const U8: u64 = u8::MAX as u64;
const U16: u64 = u16::MAX as u64;
/// An MPLS label has 20 bits (RFC 3032 section 2.1).
const LABEL_MAX: u64 = (1 << 20) - 1;
/// Groups of 16 bits in an ILA locator.
const LOCATOR_GROUPS: usize = 4;

/// Reads the words after `encap`.
pub(super) fn encap<'t>(
    context: &mut Context<'_>,
    phrase: &Phrase<'t>,
    pair: Pair<'_, Rule>,
) -> Checked<'t, Option<Encap>> {
    let Some(kind) = pair.into_inner().next() else {
        return Ok(None);
    };
    let labels = kind.as_rule() == Rule::encap_labels;
    let mut parts = kind.into_inner();
    let Some(name) = parts.next().map(|name| phrase.word(&name)) else {
        return Ok(None);
    };
    if !labels {
        return tunnel(context, phrase, parts, name == "ip6").map(Some);
    }
    let Some(word) = parts.next().map(|word| phrase.word(&word)) else {
        return Ok(None);
    };
    let read = match name == "mpls" {
        true => stack(&text(&word)).map(Encap::Mpls),
        false => locator(&text(&word)).map(Encap::Ila),
    };
    read.map(Some).ok_or_else(|| {
        Fault::new(
            word,
            "invalid label or locator",
            "write LABEL[/LABEL...] or a 64-bit locator",
        )
    })
}

fn stack(text: &str) -> Option<Vec<u32>> {
    let label = |text| any_base(text).filter(|label| *label <= LABEL_MAX);
    text.split('/')
        .map(|text| label(text).map(narrow))
        .collect()
}

fn locator(text: &str) -> Option<u64> {
    if text.split(':').count() > LOCATOR_GROUPS {
        return None;
    }
    text.split(':').try_fold(0, |locator, group| {
        Some(locator << u16::BITS | u64::from(u16::from_str_radix(group, 16).ok()?))
    })
}

fn tunnel<'t>(
    context: &mut Context<'_>,
    phrase: &Phrase<'t>,
    parts: Pairs<'_, Rule>,
    v6: bool,
) -> Checked<'t, Encap> {
    let (mut key_id, mut to, mut from) = (None, None, None);
    let (mut class, mut hops, mut bits) = (None, None, None);
    for part in parts {
        let word = phrase.word(&part);
        let (key, value) = two(phrase, part, word);
        let mut family = Agreed::default();
        family.agree(v6, key)?;
        match key.bytes() {
            b"dst" => to = Some(address(&mut family, value)?),
            b"src" => from = Some(address(&mut family, value)?),
            b"id" => key_id = Some(number(value, u64::MAX)?),
            b"tos" if !v6 => class = Some(byte(named(context, Names::DsField, value, U8)?)),
            b"tc" if v6 => class = Some(byte(named(context, Names::DsField, value, U8)?)),
            b"ttl" if !v6 => hops = Some(byte(number(value, U8)?)),
            b"hoplimit" if v6 => hops = Some(byte(number(value, U8)?)),
            b"flags" => bits = u16::try_from(number(value, U16)?).ok(),
            _ => {
                return Err(Fault::new(
                    key,
                    "an encap of this family has no",
                    "ip has tos and ttl, ip6 has tc and hoplimit",
                ));
            }
        }
    }
    Ok(Encap::Ip {
        ipv6: v6,
        id: key_id,
        destination: to,
        source: from,
        tos: class,
        ttl: hops,
        flags: bits,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_locators() {
        assert_eq!(stack("100/200"), Some(vec![100, 200]));
        assert_eq!(stack("1048576"), None);
        assert_eq!(stack("x"), None);
        assert_eq!(locator("2001:db8:0:1"), Some(0x2001_0db8_0000_0001));
        assert_eq!(locator("1:2:3:4:5"), None);
        assert_eq!(locator("g"), None);
    }
}
