//! Policy rule lines: `virtual_rules`, `static_rules`.

use super::route::{byte, narrow};
use super::route_values::{
    Agreed, Checked, Fault, any_base, interface, named, number, prefix, range, realms,
};
use super::{Phrase, Rule, text};
use crate::config::build::Context;
use crate::config::model::{self, PROTOCOL_KEEPALIVED, RuleAction};
use crate::config::tree::{Statement, Word};
use crate::config::world::Names;

const U8: u64 = u8::MAX as u64;
const U32: u64 = u32::MAX as u64;
const I32: u64 = i32::MAX as u64;

/// Protocols above IP (IANA) by the names that rules are written with.
const IP_PROTOCOLS: [(&str, u8); 9] = [
    ("tcp", 6),
    ("udp", 17),
    ("sctp", 132),
    ("icmp", 1),
    ("ipv6-icmp", 58),
    ("icmpv6", 58),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
];

/// A rule as far as it was read, and what its parts must agree on.
struct Reader<'t> {
    family: Agreed,
    action: Option<(Word<'t>, RuleAction)>,
    goto: Option<Word<'t>>,
    preference: Option<u32>,
    protocol: Option<u8>,
    needs_table: Option<Word<'t>>,
    track_group: Option<Word<'t>>,
    rule: model::Rule,
}

/// Reads a rule and the `track_group` that it names; `None` when it is to be dropped, which is said. `fixed` are the options of
/// static lines only.
pub fn rule_line<'t>(
    context: &mut Context<'_>,
    line: Statement<'t>,
    fixed: bool,
) -> Option<(model::Rule, Option<Word<'t>>)> {
    read(context, line, fixed)
        .map_err(|fault| fault.report(context, "the rule is not used"))
        .ok()
}

fn read<'t>(
    context: &mut Context<'_>,
    line: Statement<'t>,
    fixed: bool,
) -> Checked<'t, (model::Rule, Option<Word<'t>>)> {
    let phrase = Phrase::new(line);
    let mut reader = Reader::new();
    for pair in phrase.parse(Rule::rule_line).into_iter().flatten() {
        let word = phrase.word(&pair);
        match pair.as_rule() {
            Rule::family => reader.family.agree(word == "inet6", word)?,
            Rule::rule_flag => match word.bytes() {
                b"l3mdev" => reader.acts(word, RuleAction::L3Master)?,
                b"not" => reader.rule.inverted = true,
                _ => reader.rule.tracked = false,
            },
            Rule::rule_action => {
                let Some(inner) = pair.into_inner().next() else {
                    continue;
                };
                let name = phrase.word(&inner);
                let target = inner.into_inner().next().map(|part| phrase.word(&part));
                let action = match (target, name.bytes()) {
                    (Some(target), _) => {
                        reader.goto = Some(target);
                        RuleAction::Goto(narrow(number(target, U32)?))
                    }
                    (None, b"nop") => RuleAction::Nop,
                    (None, b"blackhole") => RuleAction::Blackhole,
                    (None, b"unreachable") => RuleAction::Unreachable,
                    (None, _) => RuleAction::Prohibit,
                };
                reader.acts(word, action)?;
            }
            Rule::rule_valued => {
                let (key, value) = super::route::two(&phrase, pair, word);
                reader.option(context, key, value, fixed)?;
            }
            Rule::stray => {
                let help =
                    "see 'virtual_rules' in the manual for the words; an option needs its value";
                return Err(Fault::new(word, "unknown rule option", help));
            }
            _ => {}
        }
    }
    let group = reader.track_group;
    let rule = reader.finish(context, line)?;
    Ok((rule, group))
}

impl<'t> Reader<'t> {
    fn new() -> Self {
        Reader {
            family: Agreed::default(),
            action: None,
            goto: None,
            preference: None,
            protocol: None,
            needs_table: None,
            track_group: None,
            rule: model::Rule {
                ipv6: false,
                from: None,
                to: None,
                action: RuleAction::Nop,
                preference: 0,
                inverted: false,
                input: None,
                output: None,
                tos: 0,
                mark: None,
                mask: None,
                realms: None,
                suppress_prefix: None,
                suppress_group: None,
                tunnel: None,
                users: None,
                protocol: PROTOCOL_KEEPALIVED,
                ip_protocol: None,
                source_ports: None,
                destination_ports: None,
                tracked: true,
            },
        }
    }

    fn acts(&mut self, word: Word<'t>, action: RuleAction) -> Checked<'t> {
        match self.action.replace((word, action)) {
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
        let rule = &mut self.rule;
        match key.bytes() {
            b"from" | b"to" => {
                let selected = match value.bytes() {
                    b"all" | b"any" | b"default" => None,
                    _ => Some(prefix(&mut self.family, value)?),
                };
                match key == "from" {
                    true => rule.from = selected,
                    false => rule.to = selected,
                }
            }
            b"table" | b"lookup" => match narrow(named(context, Names::Tables, value, U32)?) {
                0 => return Err(Fault::new(value, "invalid table", "table 0 does not exist")),
                table => self.acts(key, RuleAction::Table(table))?,
            },
            b"preference" | b"order" | b"priority" => {
                self.preference = Some(narrow(number(value, U32)?));
            }
            b"iif" | b"dev" => rule.input = Some(interface(context, value)?),
            b"oif" => rule.output = Some(interface(context, value)?),
            b"tos" | b"dsfield" => rule.tos = byte(named(context, Names::DsField, value, U8)?),
            b"fwmark" => self.mark(value)?,
            b"realms" => {
                self.needs_table = Some(key);
                rule.realms = Some(realms(context, &mut self.family, value)?);
            }
            b"suppress_prefixlength" | b"sup_pl" => {
                self.needs_table = Some(key);
                rule.suppress_prefix = Some(narrow(number(value, I32)?));
            }
            b"suppress_ifgroup" | b"sup_group" => {
                self.needs_table = Some(key);
                rule.suppress_group = Some(narrow(named(context, Names::Groups, value, U32)?));
            }
            b"tunnel-id" => rule.tunnel = Some(number(value, u64::MAX)?),
            b"uidrange" => rule.users = Some(range(value)?),
            b"sport" => rule.source_ports = Some(range(value)?),
            b"dport" => rule.destination_ports = Some(range(value)?),
            b"protocol" => self.protocol = Some(byte(number(value, U8)?)),
            b"ipproto" => {
                let named = IP_PROTOCOLS.iter().find(|(name, _)| value == *name);
                rule.ip_protocol = Some(match named {
                    Some((_, protocol)) => *protocol,
                    None => byte(number(value, U8)?),
                });
            }
            b"track_group" if !fixed => {
                return Err(Fault::new(key, "only static rules have", "remove it"));
            }
            _ => self.track_group = Some(value),
        }
        Ok(())
    }

    fn mark(&mut self, value: Word<'t>) -> Checked<'t> {
        let shown = text(&value);
        let part = |text| any_base(text).and_then(|number| u32::try_from(number).ok());
        let read = match shown.split_once('/') {
            Some((mark, mask)) => part(mark).zip(part(mask).map(Some)),
            None => part(&shown).map(|mark| (mark, None)),
        };
        let Some((mark, mask)) = read else {
            return Err(Fault::new(
                value,
                "invalid fwmark",
                "write MARK or MARK/MASK",
            ));
        };
        self.rule.mark = Some(mark);
        self.rule.mask = mask;
        Ok(())
    }

    fn finish(
        mut self,
        context: &mut Context<'_>,
        line: Statement<'t>,
    ) -> Checked<'t, model::Rule> {
        let Some((_, action)) = self.action else {
            return Err(Fault::new(
                line.keyword(),
                "no action in the rule that begins with",
                "add table TABLE, or another action",
            ));
        };
        let table = matches!(action, RuleAction::Table(_));
        if let Some(word) = self.needs_table.filter(|_| !table) {
            return Err(Fault::new(
                word,
                "only a rule with a table has",
                "add table TABLE",
            ));
        }
        match (action, self.goto, self.preference) {
            (RuleAction::Goto(target), Some(word), Some(own)) if own >= target => {
                return Err(Fault::new(
                    word,
                    "goto does not lead forward to",
                    "its target must have a higher preference",
                ));
            }
            (_, Some(word), None) => {
                return Err(Fault::new(
                    word,
                    "no preference before goto",
                    "add preference NUMBER",
                ));
            }
            _ => {}
        }
        self.rule.action = action;
        self.rule.ipv6 = self.family.is_ipv6();
        self.rule.preference = match self.preference {
            Some(preference) => preference,
            None => {
                let assigned = context.next_preference(self.rule.ipv6);
                context.fault(
                    line.span(),
                    format!("a rule without a preference gets {assigned}"),
                    "add preference NUMBER, so that the order of rules is yours",
                );
                assigned
            }
        };
        if let Some(protocol) = self.protocol.filter(|_| !self.rule.tracked) {
            self.rule.protocol = protocol;
        }
        Ok(self.rule)
    }
}
