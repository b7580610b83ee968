//! One logical line as pieces: words, quoted words and braces (`grammar/line.pest`). Plain lines, nearly all there are, take a
//! path by hand that a test holds equal to the grammar. Comments, conditions, definitions and sequences are gone by now
//! (`expand`); what the words mean is nobody's business here.

use memchr::{memchr, memchr_iter, memchr2, memchr3};
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
    if is_plain(line) {
        plain(line, each)
    } else {
        by_grammar(line, each)
    }
}

/// Whether a line has neither references nor backslashes, and its quotes come in pairs.
#[inline]
fn is_plain(line: &[u8]) -> bool {
    memchr3(b'"', b'$', b'\\', line).is_none()
        || (memchr2(b'$', b'\\', line).is_none()
            && memchr_iter(b'"', line).count().is_multiple_of(2))
}

/// Whether a byte separates words.
#[inline]
pub const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0b | 0x0c | b'\r')
}

/// A plain line.
#[inline]
fn plain(line: &[u8], mut each: impl FnMut(Piece)) {
    const NOTHING: u8 = 0;
    const BLANK: u8 = 1;
    const MARK: u8 = 2;
    const ENDS: [u8; 256] = {
        let mut table = [NOTHING; 256];
        let mut byte = 0;
        while byte < 256 {
            table[byte] = match byte as u8 {
                b'{' | b'}' | b'"' => MARK,
                byte if is_blank(byte) => BLANK,
                _ => NOTHING,
            };
            byte += 1;
        }
        table
    };
    let effect = |at: usize| {
        let byte = *line.get(at)?;
        Some((byte, *ENDS.get(usize::from(byte))?))
    };
    let mut at = 0;
    loop {
        let start = at;
        while matches!(effect(at), Some((_, NOTHING))) {
            at += 1;
        }
        if at > start {
            each(Piece {
                kind: Kind::Word,
                start,
                end: at,
            });
        }
        match effect(at) {
            None => return,
            Some((b'{', _)) => each(Piece {
                kind: Kind::Open,
                start: at,
                end: at + 1,
            }),
            Some((b'}', _)) => each(Piece {
                kind: Kind::Close,
                start: at,
                end: at + 1,
            }),
            Some((_, MARK)) => {
                let rest = line.get(at + 1..).unwrap_or_default();
                let end = at + 1 + memchr(b'"', rest).unwrap_or(rest.len());
                each(Piece {
                    kind: Kind::Quoted,
                    start: at + 1,
                    end,
                });
                at = end;
            }
            Some(_) => {}
        }
        at += 1;
    }
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
                if rule == Rule::piece
                    && memchr(b'"', line.get(first + 1..last).unwrap_or_default()).is_some() =>
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
    let text = line.get(quote + 1..).unwrap_or_default().trim_ascii_end();
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pieces as text: `w:word`, `q:quoted`, `u:unclosed`, braces as they are.
    fn show(line: &[u8], by: impl Fn(&[u8], &mut dyn FnMut(Piece))) -> Vec<String> {
        let mut out = Vec::new();
        by(line, &mut |piece| {
            let text = String::from_utf8_lossy(&line[piece.start..piece.end]);
            out.push(match piece.kind {
                Kind::Word => format!("w:{text}"),
                Kind::Quoted => format!("q:{text}"),
                Kind::Unclosed => format!("u:{text}"),
                Kind::Open | Kind::Close => text.into_owned(),
            });
        });
        out
    }

    #[test]
    fn words_quotes_and_braces() {
        for (line, expected) in [
            ("a b\tc", &["w:a", "w:b", "w:c"][..]),
            (
                "global_defs{router_id x}",
                &["w:global_defs", "{", "w:router_id", "w:x", "}"],
            ),
            ("a\"b c\"d", &["w:a", "q:b c", "w:d"]),
            ("a \"\" b", &["w:a", "q:", "w:b"]),
            ("'a b'", &["w:'a", "w:b'"]),
            ("a \"{ } # ! $X\" }}", &["w:a", "q:{ } # ! $X", "}", "}"]),
            ("a \"b\\\"c\" d", &["w:a", "q:b\\\"c", "w:d"]),
            ("a \"C:\\\" d", &["w:a", "q:C:\\", "w:d"]),
            ("a b${C}d {", &["w:a", "w:b${C}d", "{"]),
            ("a ${_RANDOM x}", &["w:a", "w:${_RANDOM x}"]),
            ("a $ {", &["w:a", "w:$", "{"]),
            ("a \"b c", &["w:a", "u:b c"]),
            ("a \"b c {", &["w:a", "u:b c", "{"]),
            ("a \"", &["w:a", "u:"]),
            ("", &[]),
        ] {
            assert_eq!(
                show(line.as_bytes(), |line, each| pieces(line, each)),
                expected,
                "{line}"
            );
        }
    }

    #[test]
    fn bytes_that_are_no_text() {
        assert_eq!(
            show(b"J\xfcrgen \"\xfc x\" ${\xfc", |line, each| pieces(
                line, each
            ))
            .len(),
            5
        );
    }

    proptest! {
        /// The path by hand is the grammar, where it is taken.
        #[test]
        fn plain_is_the_grammar(line in r#"[ab \t\r\x0b{}"'#é/.]{0,30}"#) {
            prop_assume!(is_plain(line.as_bytes()));
            let by_hand = show(line.as_bytes(), |line, each| plain(line, each));
            prop_assert_eq!(by_hand, show(line.as_bytes(), |line, each| by_grammar(line, each)));
        }

        /// No byte but blanks and quotes is lost, none comes twice, none out of order.
        #[test]
        fn pieces_cover_the_line(line in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(&b"\"\\${} aA_"[..])], 0..60)) {
            let mut at = 0;
            pieces(&line, |piece| {
                assert!(at <= piece.start && piece.start <= piece.end && piece.end <= line.len());
                assert!(line[at..piece.start].iter().all(|&byte| byte.is_ascii_whitespace() || is_blank(byte) || byte == b'"'), "{:?}", &line[at..piece.start]);
                at = piece.end;
            });
            prop_assert!(line[at..].iter().all(|&byte| byte.is_ascii_whitespace() || is_blank(byte) || byte == b'"'));
        }
    }
}
