//! One logical line as pieces: words, quoted words and braces (`grammar/line.pest`). Plain lines, nearly all there are, take a
//! path by hand that a test holds equal to the grammar. Comments, conditions, definitions and sequences are gone by now
//! (`expand`); what the words mean is nobody's business here.

use memchr::{memchr, memchr2};
use pest::Parser;
use std::borrow::Cow;

mod grammar {
    // The derive writes undocumented items.
    #![allow(missing_docs)]

    #[derive(pest_derive::Parser)]
    #[grammar = "../grammar/line.pest"]
    pub struct Grammar;
}

pub(super) use grammar::{Grammar, Rule};

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A word as it stands.
    Word,
    /// What stands between two double quotes, backslashes kept.
    Quoted,
    /// What stands behind a double quote that nothing closes.
    Unclosed,
    /// `{`
    Open,
    /// `}`
    Close,
}

/// A piece of a line, by offsets into the line. Quotes are not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub kind: Kind,
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

/// Calls `each` with every piece of the line, in order.
#[inline]
pub fn pieces(line: &[u8], each: impl FnMut(Piece)) {
    if memchr2(b'"', b'$', line).is_none() {
        plain(line, each)
    } else {
        by_grammar(line, each)
    }
}

/// Whether a byte separates words.
#[inline]
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0b | 0x0c | b'\r')
}

/// A line without quotes and references.
#[inline]
fn plain(line: &[u8], mut each: impl FnMut(Piece)) {
    let mut start = 0;
    let word = |start: usize, end: usize, each: &mut dyn FnMut(Piece)| {
        if start < end {
            each(Piece {
                kind: Kind::Word,
                start,
                end,
            });
        }
    };
    for (at, &byte) in line.iter().enumerate() {
        if byte > b' ' && byte != b'{' && byte != b'}' {
            continue;
        }
        match byte {
            b'{' | b'}' => {
                word(start, at, &mut each);
                let kind = if byte == b'{' {
                    Kind::Open
                } else {
                    Kind::Close
                };
                each(Piece {
                    kind,
                    start: at,
                    end: at + 1,
                });
                start = at + 1;
            }
            byte if is_blank(byte) => {
                word(start, at, &mut each);
                start = at + 1;
            }
            _ => {}
        }
    }
    word(start, line.len(), &mut each);
}

/// Any line, by the grammar.
fn by_grammar(line: &[u8], mut each: impl FnMut(Piece)) {
    let text = structure(line);
    let mut at = 0;
    let mut rule = Rule::piece;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let found = Grammar::parse(rule, rest)
            .ok()
            .and_then(|mut pairs| pairs.next());
        let Some(pair) = found.filter(|pair| pair.as_rule() != Rule::EOI) else {
            return;
        };
        let (first, last) = (at + pair.as_span().start(), at + pair.as_span().end());
        let piece = |kind, start, end| Piece { kind, start, end };
        match pair.as_rule() {
            Rule::open => each(piece(Kind::Open, first, last)),
            Rule::close => each(piece(Kind::Close, first, last)),
            Rule::quoted | Rule::plain_quoted => each(piece(Kind::Quoted, first + 1, last - 1)),
            Rule::unclosed
                if rule == Rule::piece && memchr(b'"', &line[first + 1..last]).is_some() =>
            {
                rule = Rule::simple;
                continue;
            }
            Rule::unclosed => unclosed(line, first, &mut each),
            _ => each(piece(Kind::Word, first, last)),
        }
        at = last;
    }
}

/// The rest of a line behind a quote that nothing closes. A brace at its end is taken for one that was meant as such: the block
/// it opens or closes is worth more than the word.
fn unclosed(line: &[u8], quote: usize, each: &mut impl FnMut(Piece)) {
    let text = line[quote + 1..].trim_ascii_end();
    let (text, brace) = match text.split_last() {
        Some((b'{', text)) => (text, Some(Kind::Open)),
        Some((b'}', text)) => (text, Some(Kind::Close)),
        _ => (text, None),
    };
    let at = quote + 1 + text.len();
    each(Piece {
        kind: Kind::Unclosed,
        start: quote + 1,
        end: quote + 1 + text.trim_ascii_end().len(),
    });
    if let Some(kind) = brace {
        each(Piece {
            kind,
            start: at,
            end: at + 1,
        });
    }
}

/// The line as the grammar sees it: every byte that is not ASCII is a letter.
pub(super) fn structure(line: &[u8]) -> Cow<'_, str> {
    const LETTER: u8 = b'x';
    match std::str::from_utf8(line) {
        Ok(text) if line.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(
            line.iter()
                .map(|&byte| char::from(if byte.is_ascii() { byte } else { LETTER }))
                .collect(),
        ),
    }
}
