//! Definitions and the places where their values go. A value is read again at each use, so what it refers to is what that means
//! there and then. Values are whole texts: a reference never begins in one and ends in another.

use super::draft::Draft;
use super::{Expander, Fault, Frame};
use crate::config::diagnostic::{Class, quote};
use crate::config::expanded::Origin;
use crate::config::line::{Grammar, Rule, structure};
use crate::config::source;
use memchr::memchr;
use pest::Parser;
use std::ops::Range;
use std::rc::Rc;

/// The largest value of `${_RANDOM}` unless it is given.
const RANDOM_MOST: u32 = 32767;

/// What a name stands for: one line, or several.
pub(super) type Value = Rc<[Draft]>;

/// A text on its way into a line.
struct Source {
    draft: Draft,
    at: usize,
    /// The reference that all of it stands for, unless the text keeps its own places.
    reference: Option<Origin>,
}

/// A reference found in a text.
struct Reference<'a> {
    part: Range<usize>,
    name: &'a [u8],
    arguments: Vec<&'a [u8]>,
    /// `$NAME` before a character that may not follow.
    near: bool,
    braced: bool,
}

/// What became of a line.
pub(super) struct Substituted {
    pub draft: Draft,
    /// Whether a value of several lines goes on behind it.
    pub more: bool,
}

/// What a reference stands for.
enum Found {
    Nothing,
    /// Text that is not read again: what the environment holds is no configuration.
    Text(Vec<u8>),
    Value(Value),
}

/// What a line begins with.
pub(super) enum Lead {
    /// No reference.
    None,
    /// A reference; this is the line with its value.
    Text(Draft),
    /// A reference to several lines, which are a frame now.
    Frame,
}

impl Expander<'_> {
    /// Puts values in the place of the references in a line. Further lines of values become frames of their own.
    pub(super) fn substitute(&mut self, draft: Draft) -> Result<Substituted, Fault> {
        let mut out = Draft::default();
        let whole = draft.span(0..draft.len());
        let mut more = false;
        let mut stack = vec![Source {
            draft,
            at: 0,
            reference: None,
        }];
        while let Some(top) = stack.last_mut() {
            let rest = top.draft.text().get(top.at..).unwrap_or_default();
            let next = memchr(b'$', rest).map_or(top.draft.len(), |at| at + top.at);
            append(&mut out, &top.draft, top.at..next, top.reference);
            top.at = next;
            if next >= top.draft.len() {
                stack.pop();
                continue;
            }
            self.charge(STEP)?;
            if out.len() > self.context.limits.line {
                return Err(Fault::Line(whole, "the line grows beyond all bounds"));
            }
            let Some(reference) = find(&top.draft, next) else {
                append(&mut out, &top.draft, next..next + 1, top.reference);
                top.at = next + 1;
                continue;
            };
            let origin = top
                .reference
                .unwrap_or_else(|| top.draft.replaced(reference.part.clone()));
            let part = reference.part.clone();
            let found = self.look_up(&reference, origin, &out);
            top.at = part.end;
            let value = match found {
                Found::Nothing => {
                    append(&mut out, &top.draft, part, top.reference);
                    continue;
                }
                Found::Text(text) => {
                    out.push(&text, origin);
                    continue;
                }
                Found::Value(value) => value,
            };
            match &*value {
                [] => {}
                [only] => {
                    if stack.len() >= self.context.limits.depth {
                        return Err(Fault::Line(
                            whole,
                            "a definition refers to itself, or definitions lie too deep in one another",
                        ));
                    }
                    stack.push(Source {
                        draft: only.clone(),
                        at: 0,
                        reference: Some(origin),
                    });
                }
                [first, ..] => {
                    more = true;
                    // What stands behind the reference belongs behind the last line of the value.
                    let mut tail = Draft::default();
                    for source in stack.drain(..).rev() {
                        append(
                            &mut tail,
                            &source.draft,
                            source.at..source.draft.len(),
                            source.reference,
                        );
                    }
                    stack.push(Source {
                        draft: first.clone(),
                        at: 0,
                        reference: None,
                    });
                    self.push_frame(
                        Frame::Value {
                            lines: value,
                            next: 1,
                            tail: tail.trimmed(),
                        },
                        whole,
                    )?;
                }
            }
        }
        Ok(Substituted {
            draft: out.trimmed(),
            more,
        })
    }

    /// Puts the value of the reference that a line begins with in its place, and nothing else: the value may be a condition, a
    /// definition or a sequence, whose line is not to be touched yet.
    pub(super) fn lead(&mut self, draft: &Draft) -> Result<Lead, Fault> {
        let Some(reference) = find(draft, 0).filter(|reference| !reference.near) else {
            return Ok(Lead::None);
        };
        let Some(value) = self.definitions.get(reference.name).cloned() else {
            return Ok(Lead::None);
        };
        let rest = reference.part.end..draft.len();
        self.charge(draft.len() + STEP)?;
        match &*value {
            [] => Ok(Lead::Text(draft.part(rest).trimmed())),
            [only] => {
                let mut line = Draft::default();
                append(
                    &mut line,
                    only,
                    0..only.len(),
                    Some(draft.replaced(reference.part)),
                );
                line.push_part(draft, rest);
                Ok(Lead::Text(line))
            }
            _ => {
                let tail = draft.part(rest).trimmed();
                self.push_frame(
                    Frame::Value {
                        lines: value,
                        next: 0,
                        tail,
                    },
                    draft.span(0..draft.len()),
                )?;
                Ok(Lead::Frame)
            }
        }
    }

    fn look_up(&mut self, reference: &Reference<'_>, origin: Origin, out: &Draft) -> Found {
        if !reference.name.starts_with(b"_") && !reference.arguments.is_empty() {
            return Found::Nothing;
        }
        match self.definitions.get(reference.name) {
            Some(_) if reference.near => {
                let name = quote(reference.name);
                self.advise(
                    Class::Note,
                    origin,
                    format!("'${name}' is not replaced here"),
                    format!("write '${{{name}}}'"),
                );
                return Found::Nothing;
            }
            Some(value) => return Found::Value(value.clone()),
            None if reference.near => return Found::Nothing,
            None => {}
        }
        if let Some(text) = self.built_in(reference, origin) {
            return text.map_or(Found::Nothing, Found::Text);
        }
        if reference.braced && out.quotes().is_multiple_of(2) {
            let message = format!("'{}' is not defined", quote(reference.name));
            let help = "define it before this line, or put the text into double quotes if it is meant literally";
            self.advise(Class::General, origin, message, help);
        }
        Found::Nothing
    }

    /// The value of a name that is always there. None: no such name. Some(None): not with these arguments.
    fn built_in(&mut self, reference: &Reference<'_>, origin: Origin) -> Option<Option<Vec<u8>>> {
        let arguments = reference.arguments.as_slice();
        let value = match (reference.name, arguments) {
            (b"_PWD", []) => self.directory(),
            (b"_INSTANCE", []) => self.context.config_id.clone(),
            (b"_HASH", []) => b"#".to_vec(),
            (b"_BANG", []) => b"!".to_vec(),
            (b"_ENV", [name]) => self
                .context
                .environment
                .get(*name)
                .cloned()
                .unwrap_or_default(),
            (b"_RANDOM", [] | [_] | [_, _]) => {
                let number = |text: &&[u8]| std::str::from_utf8(text).ok()?.parse::<u32>().ok();
                let least = arguments.first().map_or(Some(0), number);
                let most = arguments.get(1).map_or(Some(RANDOM_MOST), number);
                match (least, most) {
                    (Some(least), Some(most)) if least <= most || arguments.len() < 2 => {
                        self.random(least, most.max(least))
                    }
                    (Some(least), Some(_)) => {
                        self.advise(
                            Class::General,
                            origin,
                            "the smallest number is above the largest",
                            "write ${_RANDOM MIN MAX}",
                        );
                        least
                    }
                    _ => {
                        let help = "write ${_RANDOM MIN MAX} with numbers";
                        self.advise(
                            Class::General,
                            origin,
                            "these are no bounds for a random number",
                            help,
                        );
                        return Some(None);
                    }
                }
                .to_string()
                .into_bytes()
            }
            (b"_PWD" | b"_INSTANCE" | b"_HASH" | b"_BANG" | b"_ENV" | b"_RANDOM", _) => {
                let name = quote(reference.name);
                let help = "${_ENV NAME} takes one, ${_RANDOM MIN MAX} up to two, the others none";
                self.advise(
                    Class::General,
                    origin,
                    format!("'{name}' with a wrong number of arguments"),
                    help,
                );
                return Some(None);
            }
            _ => return None,
        };
        Some(Some(value))
    }

    /// The directory of the file being read.
    fn directory(&self) -> Vec<u8> {
        use std::os::unix::ffi::OsStrExt;
        let directory = self
            .context
            .directory
            .join(source::directory(self.current_path()));
        directory.as_os_str().as_bytes().to_vec()
    }

    /// A number from `least` to `most` (SplitMix64, by Steele, Lea and Flood).
    fn random(&mut self, least: u32, most: u32) -> u32 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let width = u64::from(most.saturating_sub(least)) + 1;
        least.saturating_add((z % width) as u32)
    }
}

/// What a reference costs beside the bytes it makes: even an empty value takes time.
const STEP: usize = 256;

/// Adds a part of a text, at its own place or at that of the reference it stands for.
fn append(out: &mut Draft, from: &Draft, part: Range<usize>, reference: Option<Origin>) {
    match reference {
        None => out.push_part(from, part),
        Some(origin) => out.push(from.text().get(part).unwrap_or_default(), origin),
    }
}

/// The reference that begins at a `$`.
fn find(draft: &Draft, at: usize) -> Option<Reference<'_>> {
    let text = draft.text();
    // No reference is longer than the text up to the next `$`, its own aside.
    let end = memchr(b'$', text.get(at + 1..)?).map_or(text.len(), |next| at + 1 + next);
    let rest = text.get(at..end)?;
    let rest = if rest.starts_with(b"${") {
        rest.get(..=memchr(b'}', rest)?)?
    } else {
        rest
    };
    let front = structure(rest);
    let pair = Grammar::parse(Rule::reference, &front).ok()?.next()?;
    let part = at..at + pair.as_span().end();
    let mut reference = Reference {
        part,
        name: b"",
        arguments: Vec::new(),
        near: false,
        braced: rest.starts_with(b"${"),
    };
    let mut visit = |pair: &pest::iterators::Pair<'_, Rule>| {
        let text = rest
            .get(pair.as_span().start()..pair.as_span().end())
            .unwrap_or_default();
        match pair.as_rule() {
            Rule::name => reference.name = text,
            Rule::argument => reference.arguments.push(text),
            _ => {}
        }
    };
    let mut near = false;
    for pair in pair.into_inner() {
        visit(&pair);
        if pair.as_rule() == Rule::near_ref {
            near = true;
            pair.into_inner().for_each(|inner| visit(&inner));
        }
    }
    // A `$` ends no name: `$A$B` is not replaced, as little as `$A/24`.
    reference.near = near || (!reference.braced && reference.part.end == end && end < text.len());
    Some(reference)
}
