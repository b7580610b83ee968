//! Patterns of PCRE2 in the writing of the library that searches, where the same signs mean something else to the two: `$`, `\h`,
//! `\<`, braces and brackets that are characters (pcre2pattern(3)).

use std::iter::Peekable;
use std::str::Chars;

/// `$` and `\Z`: the end, or before a line feed at the end. Right in both modes of `multiline`.
const END: &str = r"(?:$|\n\z)";
const LAST: &str = r"(?:\z|\n\z)";
/// `\h`: blanks within a line.
const BLANKS: &str = r" \t\xa0";
/// `\v`: what ends lines.
const LINE_ENDS: &str = r"\n\x0b\f\r\x85";

/// The pattern rewritten. `dollar_endonly` and `extended` are PCRE2's options. The error ends a sentence.
pub(super) fn translate(
    pattern: &[u8],
    dollar_endonly: bool,
    extended: bool,
) -> Result<String, String> {
    let mut text = String::with_capacity(pattern.len());
    for chunk in pattern.utf8_chunks() {
        text.push_str(chunk.valid());
        // Bytes that are no text go by their numbers.
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    // To the library these letters set a mode.
    if text.contains("(?R)") {
        return Err("recursion, (?R), is not supported".to_owned());
    }
    let mut translation = Translation {
        rest: text.chars().peekable(),
        out: String::with_capacity(text.len()),
        dollar_endonly,
        extended,
    };
    translation.run()?;
    Ok(translation.out)
}

struct Translation<'p> {
    rest: Peekable<Chars<'p>>,
    out: String,
    dollar_endonly: bool,
    extended: bool,
}

impl Translation<'_> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(character) = self.rest.next() {
            match character {
                '$' if !self.dollar_endonly => self.out.push_str(END),
                '\\' => self.escape(),
                '[' => self.class()?,
                '{' if !is_count(self.rest.clone()) => self.out.push_str(r"\{"),
                '#' if self.extended => {
                    while self.rest.next_if(|&inner| inner != '\n').is_some() {}
                }
                _ => self.out.push(character),
            }
        }
        Ok(())
    }

    /// Behind a backslash outside of brackets.
    fn escape(&mut self) {
        match self.rest.next() {
            Some('h') => self.out.push_str(&format!("[{BLANKS}]")),
            Some('H') => self.out.push_str(&format!("[^{BLANKS}]")),
            Some('v') => self.out.push_str(&format!("[{LINE_ENDS}]")),
            Some('V') => self.out.push_str(&format!("[^{LINE_ENDS}]")),
            Some('Z') => self.out.push_str(LAST),
            Some(bare @ ('<' | '>')) => self.out.push(bare),
            Some('Q') => self.quoted(),
            Some('E') => {}
            Some(escaped) => self.out.extend(['\\', escaped]),
            None => self.out.push('\\'),
        }
    }

    /// Behind `\Q`, up to `\E`: characters without a meaning.
    fn quoted(&mut self) {
        while let Some(character) = self.rest.next() {
            if character == '\\' && self.rest.next_if_eq(&'E').is_some() {
                return;
            }
            self.literal(character);
        }
    }

    fn literal(&mut self, character: char) {
        if character.is_ascii_punctuation() || character == ' ' {
            self.out.push('\\');
        }
        self.out.push(character);
    }

    /// Behind an opening bracket, up to the closing one.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        self.out.extend(self.rest.next_if_eq(&'^'));
        let mut first = true;
        while let Some(character) = self.rest.next() {
            match character {
                ']' if !first => {
                    self.out.push(']');
                    return Ok(());
                }
                '\\' => match self.rest.next() {
                    Some('h') => self.out.push_str(BLANKS),
                    Some('v') => self.out.push_str(LINE_ENDS),
                    Some('Q') => self.quoted(),
                    Some('E') => {}
                    Some(other @ ('H' | 'V')) => {
                        return Err(format!("\\{other} within brackets is not supported"));
                    }
                    Some(escaped) => self.out.extend(['\\', escaped]),
                    None => self.out.push('\\'),
                },
                // `[:alpha:]`
                '[' if self.rest.peek() == Some(&':') => {
                    self.out.push('[');
                    for inner in self.rest.by_ref() {
                        self.out.push(inner);
                        if inner == ']' {
                            break;
                        }
                    }
                }
                // The library has sets within sets, and operations on them, and leaves out blanks where `extended` is set.
                '[' | ']' | '&' | '~' | ' ' | '#' => self.literal(character),
                _ => self.out.push(character),
            }
            first = false;
        }
        // Without an end: the library finds that too.
        Ok(())
    }
}

/// Whether a brace opens a count: `{2}`, `{2,}`, `{2,3}`.
fn is_count(rest: Peekable<Chars<'_>>) -> bool {
    let inner: String = rest.take_while(|&character| character != '}').collect();
    let (least, most) = inner.split_once(',').unwrap_or((&inner, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}
