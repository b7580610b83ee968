//! Physical lines: byte order marks, characters that only look like blanks and quotes, comments. Whether a line needs any of it is
//! told by one look at its bytes; nearly none does.

use super::draft::Draft;
use crate::config::diagnostic::{Class, Diagnostics, FileId, Span, characters};
use crate::config::expanded::Origin;
use crate::config::line::{Grammar, Rule, is_blank, structure};
use pest::Parser;
use std::borrow::Cow;

/// A physical line without its comment.
pub(super) struct Clean {
    /// The text, trimmed, perhaps empty.
    pub draft: Draft,
    /// Whether a backslash ends it, perhaps that of a comment; only definitions care for it. Not part of the text.
    pub continued: bool,
    /// Where the backslash stood, if that was not in a comment.
    pub backslash: Option<Origin>,
}

/// What a look at a line found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look<'a> {
    /// A statement, and perhaps a comment behind it.
    Plain(&'a [u8]),
    /// No text, or a comment only.
    Empty,
    /// Anything else.
    Special,
}

const NOTHING: u8 = 0;
const COMMENT: u8 = 1;
const SPECIAL: u8 = 2;
const PROTECTS: u8 = 4;

/// What a byte does to a line.
const EFFECTS: [u8; 256] = {
    let mut table = [NOTHING; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'#' | b'!' => COMMENT,
            0 | b'$' | b'~' | b'@' | 0x80.. => SPECIAL,
            b'"' | b'\\' => PROTECTS,
            _ => NOTHING,
        };
        byte += 1;
    }
    table
};

/// Classes a line that has no blanks at its ends.
#[inline]
pub(super) fn look(line: &[u8]) -> Look<'_> {
    let mut seen = NOTHING;
    let mut before = 0;
    let mut end = line.len();
    for (at, &byte) in line.iter().enumerate() {
        let effect = EFFECTS.get(usize::from(byte)).copied().unwrap_or(SPECIAL);
        if effect == COMMENT {
            end = at;
            break;
        }
        if before == b'/' && byte == b'/' {
            return Look::Special;
        }
        seen |= effect;
        before = byte;
    }
    // What protects a comment sign matters only before one; what a definition goes on with, only to definitions.
    if seen & SPECIAL != 0 || (seen != NOTHING && end < line.len()) {
        return Look::Special;
    }
    match trim(line.get(..end).unwrap_or_default()).1 {
        [] => Look::Empty,
        text => Look::Plain(text),
    }
}

/// The line without blanks at its ends, and how many stood before it.
#[inline]
pub(super) fn trim(line: &[u8]) -> (usize, &[u8]) {
    let start = line
        .iter()
        .position(|&byte| !is_blank(byte))
        .unwrap_or(line.len());
    let end = line
        .iter()
        .rposition(|&byte| !is_blank(byte))
        .map_or(start, |last| last + 1);
    (start, line.get(start..end).unwrap_or_default())
}

/// Makes a special line plain text.
pub(super) fn clean(
    line: &[u8],
    file: FileId,
    number: u32,
    diagnostics: &mut Diagnostics,
) -> Clean {
    let span = |text: &[u8], at: usize, length: u32| {
        let column = characters(text.get(..at).unwrap_or_default()) + 1;
        Span {
            file,
            line: number,
            column,
            length,
        }
    };
    let continued = trim(line).1.ends_with(b"\\");
    if memchr::memchr(0, line).is_some() {
        let help = "the line is ignored; save the file as plain text";
        diagnostics.advise(
            Class::General,
            span(line, 0, 0),
            "there is a NUL byte in this line",
            help,
        );
        return Clean {
            draft: Draft::default(),
            continued: false,
            backslash: None,
        };
    }
    let (line, foreign) = readable(line);
    let text = structure(&line);
    let mut end = text.len();
    let mut draft = Draft::default();
    let mut from = 0;
    // The columns of the pieces between removed backslashes.
    let origin = |at: usize| {
        let span = span(&line, at, 0);
        Origin {
            file,
            line: number,
            column: span.column,
            length: 0,
        }
    };
    for pair in Grammar::parse(Rule::physical, &text)
        .into_iter()
        .flatten()
        .flat_map(|pair| pair.into_inner())
    {
        let at = pair.as_span().start();
        match pair.as_rule() {
            Rule::literal => {
                draft.push(line.get(from..at).unwrap_or_default(), origin(from));
                from = at + 1;
            }
            Rule::comment => end = at,
            Rule::slashes => {
                end = at;
                let length = characters(line.get(at..).unwrap_or_default());
                let help = "write '#' or '!' before it";
                diagnostics.advise(
                    Class::Warning,
                    span(&line, at, length),
                    "'//' does not begin a comment",
                    help,
                );
            }
            _ => {}
        }
    }
    draft.push(line.get(from..end).unwrap_or_default(), origin(from));
    // One message a line and kind: such characters come in rows.
    for kind in [Foreign::Blank, Foreign::Quote] {
        if let Some((at, what)) = foreign.iter().find(|&&(at, what)| at < end && what == kind) {
            let (message, help) = what.words();
            diagnostics.advise(Class::Warning, span(&line, *at, 1), message, help);
        }
    }
    let mut draft = draft.trimmed();
    let mut backslash = None;
    if continued && draft.text().ends_with(b"\\") {
        let end = draft.len() - 1;
        backslash = Some(draft.replaced(end..end + 1));
        draft = draft.part(0..end);
    }
    Clean {
        draft,
        continued,
        backslash,
    }
}

/// Characters that look like something they are not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Foreign {
    Blank,
    Quote,
}

impl Foreign {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Foreign::Blank => (
                "this is not an ordinary blank",
                "it was taken for one; replace it, here and in the rest of the line",
            ),
            Foreign::Quote => (
                "this is a typographic quote",
                "it was taken for a plain one; write \" or ', here and in the rest of the line",
            ),
        }
    }
}

/// The line with plain blanks and quotes in the place of what only looks like them, and where that was. Character for character,
/// so that columns stay.
fn readable(line: &[u8]) -> (Cow<'_, [u8]>, Vec<(usize, Foreign)>) {
    if line.is_ascii() {
        return (Cow::Borrowed(line), Vec::new());
    }
    let mut out = Vec::with_capacity(line.len());
    let mut found = Vec::new();
    // What opened the quote that is open: '"' as it should be, 'd' and 's' the typographic ones.
    let mut quote = None;
    let mut at = 0;
    while let Some(rest) = line.get(at..).filter(|rest| !rest.is_empty()) {
        let word_start = out
            .last()
            .is_none_or(|&byte| is_blank(byte) || matches!(byte, b'{' | b'}'));
        let (length, replacement) = match *rest {
            [b'\\', _, ..] => (2, None),
            [b'"', ..] => {
                quote = match quote {
                    None => Some('"'),
                    Some('"') => None,
                    other => other,
                };
                (1, None)
            }
            [byte, ..] if byte.is_ascii() => (1, None),
            _ => foreign(rest, out.last().copied()),
        };
        let byte = match (replacement, quote) {
            (Some(b' '), None) => Some((b' ', Foreign::Blank)),
            (Some(b'"'), None) => {
                quote = Some('d');
                Some((b'"', Foreign::Quote))
            }
            (Some(b'"'), Some('d')) => {
                quote = None;
                Some((b'"', Foreign::Quote))
            }
            (Some(b'\''), None) if word_start => {
                quote = Some('s');
                Some((b'\'', Foreign::Quote))
            }
            (Some(b'\''), Some('s')) => {
                quote = None;
                Some((b'\'', Foreign::Quote))
            }
            _ => None,
        };
        match byte {
            Some((byte, what)) => {
                found.push((out.len(), what));
                out.push(byte);
            }
            None => out.extend_from_slice(rest.get(..length).unwrap_or_default()),
        }
        at += length;
    }
    (Cow::Owned(out), found)
}

/// How long the character at the front is, and what it looks like.
fn foreign(rest: &[u8], before: Option<u8>) -> (usize, Option<u8>) {
    let replacement = |character| match character {
        '\u{a0}' | '\u{2000}'..='\u{200b}' | '\u{202f}' | '\u{3000}' | '\u{feff}' => Some(b' '),
        '\u{201c}'..='\u{201f}' | '\u{ff02}' => Some(b'"'),
        '\u{2018}'..='\u{201b}' | '\u{ff07}' => Some(b'\''),
        _ => None,
    };
    const LONGEST: usize = 4;
    let front = rest.get(..LONGEST).unwrap_or(rest);
    let valid = match std::str::from_utf8(front) {
        Ok(text) => text,
        Err(error) => front
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
    };
    if let Some(character) = valid.chars().next() {
        return (character.len_utf8(), replacement(character));
    }
    // One byte of an older encoding, as Windows-1252; between other such bytes it may be half of a character.
    let alone = before.is_none_or(|byte| byte.is_ascii()) && rest.get(1).is_none_or(u8::is_ascii);
    let old = match rest.first() {
        Some(0xa0) => Some(b' '),
        Some(0x93 | 0x94) => Some(b'"'),
        Some(0x91 | 0x92) => Some(b'\''),
        _ => None,
    };
    (1, old.filter(|_| alone))
}

/// Removes a byte order mark, which some editors put at the front; says what cannot be read at all.
pub(super) fn without_mark(text: Vec<u8>) -> Result<(Vec<u8>, bool), &'static str> {
    const UTF8: &[u8] = b"\xef\xbb\xbf";
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        return Err("it is UTF-16 text; save it as UTF-8");
    }
    match text.strip_prefix(UTF8) {
        Some(rest) => Ok((rest.to_vec(), true)),
        None => Ok((text, false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What one look calls plain or empty is what the grammar makes of it.
        #[test]
        fn a_look_is_the_grammar(line in r#"[ab \t{}"'#!\\/$é]{0,20}"#) {
            let mut diagnostics = Diagnostics::new();
            let (_, trimmed) = trim(line.as_bytes());
            let clean = clean(line.as_bytes(), 0, 1, &mut diagnostics);
            let mut text = clean.draft.text().to_vec();
            text.extend(clean.backslash.map(|_| b'\\'));
            match look(trimmed) {
                Look::Special => {}
                Look::Empty => prop_assert_eq!((text, diagnostics.len()), (Vec::new(), 0)),
                Look::Plain(plain) => prop_assert_eq!((text, diagnostics.len()), (plain.to_vec(), 0)),
            }
        }
    }
}
