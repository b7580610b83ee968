//! `~SEQ`, `~SEQx` and `~LST`: a line that is read once for each of several values. What comes behind the closing parenthesis is
//! the line; it may begin with another of them.

use super::define::Value;
use super::draft::Draft;
use super::{Expander, Fault, Frame};
use crate::config::diagnostic::{Class, characters};
use crate::config::expanded::Origin;
use crate::config::line::{Grammar, Rule, structure};
use pest::Parser;
use pest::iterators::Pair;
use std::rc::Rc;

/// The values still to come.
#[derive(Clone, Debug)]
pub(super) enum Values {
    /// Numbers from `next` to `end`, both included; None after the last.
    Numbers {
        next: Option<i64>,
        step: i64,
        end: i64,
        hex: bool,
    },
    /// Sets of texts, one for each name.
    Sets { sets: Rc<[Vec<Value>]>, next: usize },
}

impl Values {
    /// The next value of each name.
    pub(super) fn next(&mut self, names: usize) -> Option<Vec<Value>> {
        match self {
            Values::Numbers {
                next,
                step,
                end,
                hex,
            } => {
                let number = (*next)?;
                *next = number
                    .checked_add(*step)
                    .filter(|n| if *step > 0 { n <= end } else { n >= end });
                let text = if *hex {
                    format!("{number:x}")
                } else {
                    number.to_string()
                };
                Some(vec![Rc::from([Draft::literal(text.as_bytes())])])
            }
            Values::Sets { sets, next } => {
                let mut set = sets.get(*next)?.clone();
                *next += 1;
                set.resize(names, Rc::from([]));
                Some(set)
            }
        }
    }
}

impl Expander<'_> {
    /// Reads a line that begins with `~`. None when it is no sequence and so an ordinary line.
    pub(super) fn sequence(&mut self, draft: &Draft) -> Result<Option<()>, Fault> {
        let text = draft.text();
        let (rule, form) = if text.starts_with(b"~SEQ") {
            (
                Rule::sequence,
                "write ~SEQ(NAME, [START, [STEP,]] END) TEXT",
            )
        } else if text.starts_with(b"~LST") {
            (
                Rule::list,
                "write ~LST(NAME, VALUE, ...) TEXT or ~LST({NAME, ...}, {VALUE, ...}, ...) TEXT",
            )
        } else {
            return Ok(None);
        };
        let front = structure(text);
        let Some(pair) = Grammar::parse(rule, &front)
            .ok()
            .and_then(|mut pairs| pairs.next())
        else {
            self.diagnostics.advise(
                Class::General,
                draft.span(0..draft.len()),
                "this sequence cannot be read",
                form,
            );
            return Ok(Some(()));
        };
        let end = pair.as_span().end();
        let header = draft.span(0..end);
        let line = draft.part(end..draft.len());
        let parsed = if rule == Rule::sequence {
            self.numbers(draft, pair)?
        } else {
            lists(draft, pair)
        };
        match parsed {
            Ok((names, values)) => self.push_frame(
                Frame::Sequence {
                    names,
                    values,
                    line,
                },
                header,
            )?,
            Err(message) => self
                .diagnostics
                .advise(Class::General, header, message, form),
        }
        Ok(Some(()))
    }

    /// The header of `~SEQ`.
    fn numbers(&mut self, draft: &Draft, pair: Pair<'_, Rule>) -> Result<Parsed, Fault> {
        let mut hex = false;
        let mut name = Vec::new();
        let mut bounds = Vec::new();
        for pair in pair.into_inner() {
            let part = pair.as_span().start()..pair.as_span().end();
            match pair.as_rule() {
                Rule::hex => hex = true,
                Rule::name => name = draft.text().get(part).unwrap_or_default().to_vec(),
                Rule::bound => {
                    let value = self.substitute(draft.part(part))?;
                    if value.more {
                        self.frames.pop();
                        return Ok(Err("a bound is a number, not a text of several lines"));
                    }
                    match number(value.draft.text()) {
                        Some(bound) => bounds.push(bound),
                        None => return Ok(Err("a bound is not a number")),
                    }
                }
                _ => {}
            }
        }
        let towards = |start: i64, end: i64| if end < start { -1 } else { 1 };
        let (start, step, end) = match *bounds {
            [end] => {
                let start = if end < 0 { -1 } else { 1 };
                (start, towards(start, end), end)
            }
            [start, end] => (start, towards(start, end), end),
            [start, step, end] => (start, step, end),
            _ => return Ok(Err("one, two or three bounds are needed")),
        };
        Ok(
            if step == 0 || (step > 0) != (end >= start) && start != end {
                Err("this never comes to its end")
            } else if hex && (start < 0 || end < 0) {
                Err("negative numbers have no hexadecimal form here")
            } else {
                Ok((
                    vec![name],
                    Values::Numbers {
                        next: Some(start),
                        step,
                        end,
                        hex,
                    },
                ))
            },
        )
    }
}

type Parsed = Result<(Vec<Vec<u8>>, Values), &'static str>;

/// The header of `~LST`.
fn lists(draft: &Draft, pair: Pair<'_, Rule>) -> Parsed {
    let mut names = Vec::new();
    let mut sets = Vec::new();
    let value = |pair: Pair<'_, Rule>| -> Value {
        let part = draft
            .part(pair.as_span().start()..pair.as_span().end())
            .trimmed();
        if part.len() == 0 {
            Rc::from([])
        } else {
            Rc::from([part])
        }
    };
    for pair in pair.into_inner() {
        match pair.as_rule() {
            Rule::name => names.push(
                draft
                    .text()
                    .get(pair.as_span().start()..pair.as_span().end())
                    .unwrap_or_default()
                    .to_vec(),
            ),
            Rule::set => sets.push(pair.into_inner().map(value).collect::<Vec<_>>()),
            Rule::value => sets.push(vec![value(pair)]),
            _ => {}
        }
    }
    if sets.iter().any(|set| set.len() > names.len()) {
        return Err("there are more values than names");
    }
    Ok((
        names,
        Values::Sets {
            sets: Rc::from(sets),
            next: 0,
        },
    ))
}

/// A number as C reads it: decimal, 0x, or octal after a 0.
fn number(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, base) = match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(digits) => (digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    if !digits.starts_with(|c: char| c.is_digit(base)) {
        return None;
    }
    let number = i64::from_str_radix(digits, base).ok()?;
    Some(if negative { -number } else { number })
}

impl Draft {
    /// Text that stands nowhere: its place is that of the reference it will take the place of.
    pub(super) fn literal(text: &[u8]) -> Draft {
        Draft::new(
            text,
            Origin {
                length: characters(text).max(1),
                ..Origin::default()
            },
        )
    }
}
