//! Policy rule lines: `virtual_rules`, `static_rules`. Checked in full; what they do to the kernel comes with the rules themselves.

use super::route::ports;
use super::route_values::{
    Agreed, Checked, Fault, any_base, interface, named, number, prefixed, range, realms,
};
use super::{Phrase, Rule, text};
use crate::config::build::Context;
use crate::config::tree::{Statement, Word};
use crate::config::world::Names;

const U8: u64 = u8::MAX as u64;
const U32: u64 = u32::MAX as u64;
const I32: u64 = i32::MAX as u64;

/// What the parts of one line must agree on.
#[derive(Default)]
struct Policy<'t> {
    family: Agreed,
    action: Option<Word<'t>>,
    table: bool,
    goto: Option<(Word<'t>, u64)>,
    preference: Option<u64>,
    needs_table: Option<Word<'t>>,
}

/// Checks a rule; false when it is to be dropped, which is said.
pub fn check_rule(context: &mut Context<'_>, line: Statement<'_>, fixed: bool) -> bool {
    let outcome = check(context, line, fixed);
    let dropped = outcome.is_err();
    if let Err(fault) = outcome {
        fault.report(context, "the rule is not used");
    }
    !dropped
}

fn check<'t>(context: &mut Context<'_>, line: Statement<'t>, fixed: bool) -> Checked<'t> {
    let phrase = Phrase::new(line);
    let mut rule = Policy::default();
    let Some(parts) = phrase.parse(Rule::rule_line) else {
        return Ok(());
    };
    for pair in parts {
        let word = phrase.word(&pair);
        match pair.as_rule() {
            Rule::family => rule.family.agree(word == "inet6", word)?,
            Rule::rule_flag if word == "l3mdev" => rule.acts(word)?,
            Rule::rule_action => {
                rule.acts(word)?;
                let target = pair
                    .into_inner()
                    .find(|inner| inner.as_rule() == Rule::action_goto)
                    .and_then(|goto| goto.into_inner().next());
                if let Some(target) = target.map(|target| phrase.word(&target)) {
                    rule.goto = Some((target, number(target, U32)?));
                }
            }
            Rule::rule_valued => {
                let mut inner = pair.into_inner();
                let mut next = || inner.next().map_or(word, |part| phrase.word(&part));
                let (key, value) = (next(), next());
                rule.option(context, key, value, fixed)?;
            }
            Rule::stray => {
                let help =
                    "see 'virtual_rules' in the manual for the words; an option needs its value";
                return Err(Fault::new(word, "unknown rule option", help));
            }
            _ => {}
        }
    }
    rule.finish(context, line)
}

impl<'t> Policy<'t> {
    fn acts(&mut self, word: Word<'t>) -> Checked<'t> {
        match self.action.replace(word) {
            Some(_) => Err(Fault::new(word, "a second action", "a rule has one action")),
            None => Ok(()),
        }
    }

    fn option(
        &mut self,
        context: &mut Context<'_>,
        key: Word<'t>,
        value: Word<'t>,
        fixed: bool,
    ) -> Checked<'t> {
        match key.bytes() {
            b"from" | b"to" => match value.bytes() {
                b"all" | b"any" | b"default" => Ok(()),
                _ => prefixed(&mut self.family, value).map(drop),
            },
            b"table" | b"lookup" => {
                self.acts(key)?;
                self.table = true;
                match named(context, Names::Tables, value, U32)? {
                    0 => Err(Fault::new(value, "invalid table", "table 0 does not exist")),
                    _ => Ok(()),
                }
            }
            b"preference" | b"order" | b"priority" => {
                self.preference = Some(number(value, U32)?);
                Ok(())
            }
            b"iif" | b"dev" | b"oif" => interface(context, value),
            b"tos" | b"dsfield" => named(context, Names::DsField, value, U8).map(drop),
            b"fwmark" => {
                let shown = text(&value);
                let valid = shown.split('/').count() <= 2
                    && shown
                        .split('/')
                        .all(|part| any_base(part).is_some_and(|n| n <= U32));
                if valid {
                    Ok(())
                } else {
                    Err(Fault::new(
                        value,
                        "invalid fwmark",
                        "write MARK or MARK/MASK",
                    ))
                }
            }
            b"realms" => {
                self.needs_table = Some(key);
                realms(context, &mut self.family, value)
            }
            b"suppress_prefixlength" | b"sup_pl" => {
                self.needs_table = Some(key);
                number(value, I32).map(drop)
            }
            b"suppress_ifgroup" | b"sup_group" => {
                self.needs_table = Some(key);
                named(context, Names::Groups, value, U32).map(drop)
            }
            b"tunnel-id" => number(value, u64::MAX).map(drop),
            b"uidrange" => range(value, U32),
            b"sport" | b"dport" => ports(value),
            b"protocol" => number(value, U8).map(drop),
            b"ipproto" => self.ip_protocol(value),
            b"track_group" if !fixed => Err(Fault::new(key, "only static rules have", "remove it")),
            _ => Ok(()),
        }
    }

    /// A protocol above IP, by number or by the few names that rules are written with.
    fn ip_protocol(&self, value: Word<'t>) -> Checked<'t> {
        const NAMES: [&str; 9] = [
            "tcp",
            "udp",
            "sctp",
            "icmp",
            "ipv6-icmp",
            "icmpv6",
            "gre",
            "esp",
            "ah",
        ];
        if NAMES.contains(&&*text(&value)) {
            return Ok(());
        }
        number(value, U8).map(drop)
    }

    fn finish(self, context: &mut Context<'_>, line: Statement<'t>) -> Checked<'t> {
        if self.action.is_none() {
            return Err(Fault::new(
                line.keyword(),
                "no action in the rule that begins with",
                "add table TABLE, or another action",
            ));
        }
        if let Some(word) = self.needs_table.filter(|_| !self.table) {
            return Err(Fault::new(
                word,
                "only a rule with a table has",
                "add table TABLE",
            ));
        }
        match (self.goto, self.preference) {
            (Some((word, target)), Some(own)) if own >= target => {
                return Err(Fault::new(
                    word,
                    "goto does not lead forward to",
                    "its target must have a higher preference",
                ));
            }
            (Some((word, _)), None) => {
                return Err(Fault::new(
                    word,
                    "no preference before goto",
                    "add preference NUMBER",
                ));
            }
            _ => {}
        }
        if self.preference.is_none() {
            context.fault(
                line.span(),
                "a rule without a preference",
                "add preference NUMBER, so that the order of rules is yours",
            );
        }
        Ok(())
    }
}
