//! `regex` of a web check, ready to search pages: PCRE2's rules on top of a library whose searches take bounded time. It is made
//! when the file is read, to refuse what cannot be searched for, and once more by the process that searches.

mod translate;

use super::model::Regex as Wanted;
use fancy_regex::{BytesMode, Regex, RegexBuilder};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// Options of PCRE2 that change what matches in a way that is not to be had here.
const UNSUPPORTED: [&str; 5] = [
    "allow_empty_class",
    "alt_bsux",
    "alt_verbnames",
    "dupnames",
    "match_unset_backref",
];

/// The compiled form takes no more memory than this.
const COMPILED_MAX: usize = 1024 * 1024;

/// A pattern, ready to search.
#[derive(Debug)]
pub struct Pattern {
    regex: Regex,
    /// `firstline`: a match must begin in the first line.
    first_line: bool,
}

/// A search that took too many steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooHard;

impl Pattern {
    /// Makes a pattern ready. The error says why that cannot be, in words that can end a sentence.
    pub fn new(pattern: &[u8], options: &[Box<str>]) -> Result<Self, String> {
        let has = |name: &str| options.iter().any(|option| **option == *name);
        if let Some(option) = UNSUPPORTED.iter().find(|option| has(option)) {
            return Err(format!("regex option {option} is not supported"));
        }
        let extended = has("extended");
        let mut text = translate::translate(pattern, has("dollar_endonly"), extended)?;
        if has("ungreedy") {
            text.insert_str(0, "(?U)");
        }
        // Without these PCRE2 takes a page as bytes, and only letters of ASCII as letters.
        let mode = match has("utf") || has("ucp") {
            true => BytesMode::UnicodeBytes,
            false => BytesMode::Ascii,
        };
        let built = RegexBuilder::new(&text)
            .bytes_mode(mode)
            .case_insensitive(has("caseless"))
            .dot_matches_new_line(has("dotall"))
            .multi_line(has("multiline"))
            .ignore_whitespace(extended)
            .delegate_size_limit(COMPILED_MAX)
            .build();
        match built {
            Ok(regex) => Ok(Pattern {
                regex,
                first_line: has("firstline"),
            }),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Whether it is found in `page` with a beginning from `least` to `most`.
    pub fn is_found(
        &self,
        page: &[u8],
        least: usize,
        most: Option<usize>,
    ) -> Result<bool, TooHard> {
        if least > page.len() {
            return Ok(false);
        }
        let first_line = memchr::memchr(b'\n', page).filter(|_| self.first_line);
        let found = self.regex.find_from_pos(page, least).map_err(|_| TooHard)?;
        // The leftmost match comes first: when it begins too late, all do.
        Ok(found.is_some_and(|found| {
            most.is_none_or(|most| found.start() <= most)
                && first_line.is_none_or(|end| found.start() <= end)
        }))
    }
}

/// What makes patterns alike, and what became of them: many servers have the same ones.
type Known = FxHashMap<(Vec<u8>, Vec<Box<str>>), Result<Rc<Pattern>, String>>;

/// Patterns, each made once however many pages ask for it.
#[derive(Debug, Default)]
pub struct Patterns(Known);

impl Patterns {
    /// The pattern that is wanted; the error as of `Pattern::new`.
    pub fn get(&mut self, wanted: &Wanted) -> Result<Rc<Pattern>, String> {
        let key = (wanted.pattern.clone(), wanted.options.clone());
        let made = self
            .0
            .entry(key)
            .or_insert_with(|| Pattern::new(&wanted.pattern, &wanted.options).map(Rc::new));
        made.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Vec<Box<str>> {
        text.split_whitespace().map(Box::from).collect()
    }

    fn found(pattern: &[u8], names: &str, page: &[u8], least: usize, most: Option<usize>) -> bool {
        let pattern = Pattern::new(pattern, &options(names)).expect("a pattern");
        pattern.is_found(page, least, most).expect("not hard")
    }

    #[test]
    fn matches_are_those_of_pcre2() {
        let rows: &[(&str, &str, &[u8], bool)] = &[
            ("OK", "", b"all OK\n", true),
            ("ok", "", b"all OK\n", false),
            ("ok", "caseless", b"all OK\n", true),
            ("OK$", "", b"all OK\n", true),
            ("OK$", "", b"all OK", true),
            ("OK$", "", b"all OK\n\n", false),
            ("OK$", "dollar_endonly", b"all OK\n", false),
            ("OK$", "", b"OK\nmore", false),
            ("OK$", "multiline", b"OK\nmore", true),
            ("(?m)OK$", "", b"OK\nmore", true),
            ("^more", "", b"OK\nmore", false),
            ("^more", "multiline", b"OK\nmore", true),
            ("a.b", "", b"a\nb", false),
            ("a.b", "dotall", b"a\nb", true),
            ("a b # c", "extended", b"ab", true),
            ("a [ ] b # $", "extended", b"a b", true),
            ("a[ ]b # $", "extended", b"a b", true),
            // Bytes, and ASCII letters only.
            ("a..b", "", "a\u{e9}b".as_bytes(), true),
            ("a.b", "", "a\u{e9}b".as_bytes(), false),
            ("a.b", "utf", "a\u{e9}b".as_bytes(), true),
            (r"a\wb", "", "a\u{e9}b".as_bytes(), false),
            ("a.b", "", b"a\xffb", true),
            (r"a\xffb", "", b"a\xffb", true),
            // What only a backtracking search finds.
            (r"(\w)\1", "", b"book", true),
            (r"(\w)\1", "", b"bok", false),
            ("(?<=a)b", "", b"ab", true),
            ("(?<!a)b", "", b"ab", false),
            ("a++b", "", b"aab", true),
            // Dollars and brackets that are characters.
            (r"\$5", "", b"$5", true),
            ("[$]5", "", b"$5", true),
            ("[^]$]x", "", b"$x", false),
            ("[[]x", "", b"[x", true),
            ("[]]x", "", b"]x", true),
            ("[[:alpha:]$]x", "", b"$x", true),
            // Signs that mean something else to the library.
            (r#"{"status": "ok"}"#, "", br#"{"status": "ok"}"#, true),
            ("a{2}b{,2}", "", b"aab{,2}", true),
            ("a{2,3}b{1,}", "", b"aaab", true),
            ("x{y", "", b"x{y", true),
            (r"\<b\>", "", b"<b>", true),
            (r"a\h+b", "", b"a \tb", true),
            (r"a\hb", "", b"afb", false),
            (r"a\Hb", "", b"afb", true),
            (r"a[\h.]b", "", b"a b", true),
            (r"a\v+b", "", b"a\r\nb", true),
            (r"a\Vb", "", b"a\rb", false),
            (r"OK\Z", "", b"OK\n", true),
            (r"OK\z", "", b"OK\n", false),
            (r"\Qa.b*\E$", "", b"a.b*", true),
            (r"\Qa.b*", "", b"axb*", false),
            (r"[\Q]\E]", "", b"]", true),
            ("[a&&b]", "", b"&", true),
            ("[a~~b]", "", b"~", true),
            ("x", "firstline", b"a\nx", false),
            ("x", "firstline", b"ax\n", true),
            (
                "x",
                "no_auto_possess no_start_optimize auto_callout use_offset_limit",
                b"x",
                true,
            ),
        ];
        for (pattern, names, page, want) in rows {
            assert_eq!(
                found(pattern.as_bytes(), names, page, 0, None),
                *want,
                "/{pattern}/ {names} in {:?}",
                String::from_utf8_lossy(page)
            );
        }
        assert!(found(b"a\xffb", "", b"a\xffb", 0, None));
    }

    #[test]
    fn a_match_begins_within_the_offsets() {
        let rows: &[(usize, Option<usize>, bool)] = &[
            (0, None, true),
            (4, None, true),
            (5, None, false),
            (0, Some(4), true),
            (0, Some(3), false),
            (4, Some(4), true),
            (6, None, false),
            (7, None, false),
            (usize::MAX, None, false),
        ];
        for &(least, most, want) in rows {
            assert_eq!(
                found(b"x", "", b"....x.", least, most),
                want,
                "{least} {most:?}"
            );
        }
        assert!(
            found(b"(?<=a)x", "", b"ax", 1, Some(1)),
            "what is before is seen"
        );
    }

    #[test]
    fn what_cannot_be_searched_for_is_refused_with_the_reason() {
        let rows = [
            ("(", "", "parenthesis"),
            ("a(?R)?b", "", "recursion"),
            (r"[\H]", "", "not supported"),
            ("[a", "", ""),
            (r"a\", "", ""),
            (
                "x",
                "allow_empty_class",
                "allow_empty_class is not supported",
            ),
            ("x", "caseless alt_bsux", "alt_bsux is not supported"),
        ];
        for (pattern, names, want) in rows {
            let error = Pattern::new(pattern.as_bytes(), &options(names)).expect_err(pattern);
            assert!(error.contains(want), "{pattern}: {error}");
        }
    }

    #[test]
    fn a_search_ends() {
        let pattern = Pattern::new(br"(?:(a)\1?)*(?=$)c", &[]).expect("a pattern");
        assert_eq!(pattern.is_found(&[b'a'; 64], 0, None), Err(TooHard));
    }

    #[test]
    fn alike_patterns_are_one() {
        let wanted = |text: &str| Wanted {
            pattern: text.into(),
            no_match: false,
            options: Vec::new(),
            least_offset: 0,
            most_offset: None,
        };
        let mut patterns = Patterns::default();
        let first = patterns.get(&wanted("a")).expect("a pattern");
        assert!(Rc::ptr_eq(
            &first,
            &patterns.get(&wanted("a")).expect("a pattern")
        ));
        assert!(!Rc::ptr_eq(
            &first,
            &patterns.get(&wanted("b")).expect("a pattern")
        ));
        assert!(patterns.get(&wanted("(")).is_err());
    }
}
