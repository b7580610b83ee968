//! How script keywords read their line: like a shell, but without one. Two passes: the first splits the line at blanks outside of
//! quotes and keeps backslashes; the second splits the command word again into the argument vector and decodes escapes.

use super::diagnostic::{Class, Diagnostic, Span};
use super::line::is_blank;
use std::ops::Range;

/// A word and where it stands in the text it was read from, quotes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellWord {
    /// Its bytes, quotes removed.
    pub bytes: Vec<u8>,
    /// Its place.
    pub at: Range<usize>,
}

/// A quote that nothing closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnclosedQuote {
    /// The offset of the quote.
    pub at: usize,
    /// The quote.
    pub quote: char,
}

impl UnclosedQuote {
    /// As a message about that place.
    pub fn diagnostic(&self, span: Span) -> Diagnostic {
        Diagnostic::new(
            Class::UnmatchedQuote,
            span,
            format!("this {} is not closed", self.quote),
        )
        .help("close it on the same line, or write a backslash before it if it is meant literally")
    }
}

/// The first pass: words of a line; backslashes are kept, a quote behind one does not count.
pub fn shell_words(line: &[u8]) -> Result<Vec<ShellWord>, UnclosedQuote> {
    words(line, false)
}

/// The second pass: a command word as the vector of its arguments, escapes decoded.
pub fn arguments(command: &[u8]) -> Result<Vec<Vec<u8>>, UnclosedQuote> {
    Ok(words(command, true)?
        .into_iter()
        .map(|word| word.bytes)
        .collect())
}

/// Both passes in one, for keywords that take a single text with escapes (`regex`).
pub fn decoded_words(line: &[u8]) -> Result<Vec<ShellWord>, UnclosedQuote> {
    words(line, true)
}

/// A shell that a command is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// Any.
    Posix,
    /// Bash: what it says means nothing, or something else, to others.
    Bash,
}

impl Shell {
    /// Where it is on every system that has it.
    pub fn path(self) -> &'static str {
        match self {
            Shell::Posix => "/bin/sh",
            Shell::Bash => "/bin/bash",
        }
    }
}

/// What begins a command and is no program.
const SHELL_COMMANDS: [&str; 25] = [
    "[[", "((", "(", "{", "!", ":", ".", "if", "while", "until", "for", "case", "function",
    "source", "exit", "return", "cd", "eval", "exec", "export", "set", "trap", "ulimit", "umask",
    "wait",
];
/// Words that stand between commands.
const SHELL_OPERATORS: [&str; 6] = ["&&", "||", ";", "|", "|&", "&"];
/// What of these only bash understands.
const BASH_WORDS: [&str; 5] = ["[[", "((", "function", "source", "|&"];
/// The same, when a word begins with it.
const BASH_BEGINNINGS: [&str; 4] = ["&>", "<<<", "<(", ">("];

/// The shell that a command word is written for; `None` for a plain program with arguments, which needs none.
///
/// Only what stands outside of quotes and is a word of its own counts, or a redirection: `(a|b)$` is an argument like any other.
pub fn written_for(command: &[u8]) -> Option<Shell> {
    let found = shell_words(command).ok()?;
    let bare = |word: &ShellWord| {
        let written = command.get(word.at.clone());
        (written == Some(&word.bytes)).then(|| String::from_utf8_lossy(&word.bytes).into_owned())
    };
    let (mut shell, mut begins_command) = (None, true);
    for (place, word) in found
        .iter()
        .enumerate()
        .filter_map(|(place, word)| Some((place, bare(word)?)))
    {
        let word = word.as_str();
        let is_one_of = |list: &[&str]| list.contains(&word);
        let begins = |list: &[&str]| list.iter().any(|beginning| word.starts_with(beginning));
        if begins_command && is_one_of(&BASH_WORDS) || place > 0 && begins(&BASH_BEGINNINGS) {
            return Some(Shell::Bash);
        }
        let first = place == 0 && (is_one_of(&SHELL_COMMANDS) || is_assignment(word));
        let later = place > 0 && (is_one_of(&SHELL_OPERATORS) || is_redirection(word));
        let ends = word.ends_with(';') && !word.ends_with("\\;");
        let substitutes = word.starts_with("$(") || word.starts_with('`');
        if first || later || ends || substitutes {
            shell = Some(Shell::Posix);
        }
        begins_command = first || ends || is_one_of(&SHELL_OPERATORS);
    }
    shell
}

fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else {
        return false;
    };
    let letter = |byte: u8| byte == b'_' || byte.is_ascii_alphabetic();
    name.bytes().next().is_some_and(letter)
        && name
            .bytes()
            .all(|byte| letter(byte) || byte.is_ascii_digit())
}

fn is_redirection(word: &str) -> bool {
    let word = word.trim_start_matches(|digit: char| digit.is_ascii_digit());
    word.starts_with('>') || word.starts_with('<')
}

/// A command word as the text that a shell is given: quotes that were only escaped for the word around them are quotes.
pub fn text_for_shell(command: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(command.len());
    let mut bytes = command.iter().peekable();
    while let Some(&byte) = bytes.next() {
        if byte != b'\\' || bytes.peek() != Some(&&b'"') {
            text.push(byte);
        }
    }
    text
}

fn words(line: &[u8], decode: bool) -> Result<Vec<ShellWord>, UnclosedQuote> {
    let mut found: Vec<ShellWord> = Vec::new();
    let mut word: Option<ShellWord> = None;
    let mut quote: Option<(usize, u8)> = None;
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        let start = at;
        at += 1;
        match quote {
            Some((_, open)) if byte == open => {
                quote = None;
                if let Some(word) = &mut word {
                    word.at.end = at;
                }
                continue;
            }
            None if is_blank(byte) => {
                found.extend(word.take());
                continue;
            }
            _ => {}
        }
        let word = word.get_or_insert_with(|| ShellWord {
            bytes: Vec::new(),
            at: start..at,
        });
        match byte {
            b'"' | b'\'' if quote.is_none() => quote = Some((start, byte)),
            b'\\' if decode => at += escape(line.get(at..).unwrap_or_default(), &mut word.bytes),
            b'\\' => {
                word.bytes.push(byte);
                if let Some(&next) = line.get(at) {
                    word.bytes.push(next);
                    at += 1;
                }
            }
            _ => word.bytes.push(byte),
        }
        word.at.end = at;
    }
    if let Some((at, quote)) = quote {
        return Err(UnclosedQuote {
            at,
            quote: char::from(quote),
        });
    }
    found.extend(word);
    Ok(found)
}

/// Decodes what stands behind a backslash; how many bytes of it were used.
fn escape(rest: &[u8], out: &mut Vec<u8>) -> usize {
    const CONTROL: u8 = 0x1f;
    let Some(&first) = rest.first() else {
        out.push(b'\\');
        return 0;
    };
    let number = |digits: &[u8], base: u32, most: usize| -> (u8, usize) {
        let count = digits
            .iter()
            .take(most)
            .take_while(|&&digit| char::from(digit).is_digit(base))
            .count();
        let value = digits.iter().take(count).fold(0u32, |sum, &digit| {
            sum * base + char::from(digit).to_digit(base).unwrap_or(0)
        });
        (value as u8, count)
    };
    let plain = match first {
        b'a' => 0x07,
        b'b' => 0x08,
        b'E' => 0x1b,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'0'..=b'7' => {
            let (value, count) = number(rest, 8, 3);
            out.push(value);
            return count;
        }
        b'x' => match number(rest.get(1..).unwrap_or_default(), 16, 2) {
            (_, 0) => b'x',
            (value, count) => {
                out.push(value);
                return 1 + count;
            }
        },
        b'c' => match rest.get(1) {
            Some(letter) => {
                out.push(letter & CONTROL);
                return 2;
            }
            None => b'c',
        },
        other => other,
    };
    out.push(plain);
    1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn first(line: &str) -> Vec<String> {
        let words = shell_words(line.as_bytes()).expect(line);
        words
            .into_iter()
            .map(|word| String::from_utf8(word.bytes).expect(line))
            .collect()
    }

    #[test]
    fn the_first_pass_splits() {
        for (line, expected) in [
            ("/x a b", &["/x", "a", "b"][..]),
            ("\"/x a\" user group", &["/x a", "user", "group"]),
            ("'/x \"a b\"' user", &["/x \"a b\"", "user"]),
            ("\"it's\"", &["it's"]),
            ("a\"b c\"'d e'f", &["ab cd ef"]),
            ("\" /x \"", &[" /x "]),
            ("\"/x \\\"a b\\\"\"", &["/x \\\"a b\\\""]),
            ("a\\ b", &["a\\ b"]),
            ("\"\" x", &["", "x"]),
            ("a \\", &["a", "\\"]),
            ("", &[]),
        ] {
            assert_eq!(first(line), expected, "{line}");
        }
    }

    #[test]
    fn what_needs_a_shell_and_which() {
        use Shell::{Bash, Posix};
        for (command, expected) in [
            ("/usr/bin/killall -0 nginx", None),
            ("pidof nginx", None),
            ("</etc/keepalived/up", None),
            ("/usr/bin/pgrep -f (a|b)$", None),
            ("/bin/x 'a && b' \"c; d\"", None),
            ("find / -exec rm {} \\;", None),
            ("/bin/x a=b --y=z source function", None),
            ("test -f /etc/x", None),
            (
                "[[ -f /etc/keepalived/down ]] && exit 1 || exit 0",
                Some(Bash),
            ),
            ("killall -0 nginx && exit 0 || exit 1", Some(Posix)),
            ("test -f /x && [[ a == b ]]", Some(Bash)),
            ("/bin/x >/dev/null 2>&1", Some(Posix)),
            ("/bin/x 2>/dev/null", Some(Posix)),
            ("/bin/x &> /dev/null", Some(Bash)),
            ("cd /tmp; ./x", Some(Posix)),
            ("if true; then exit 0; fi", Some(Posix)),
            ("LANG=C /bin/x", Some(Posix)),
            ("exit 0", Some(Posix)),
            ("! test -f /x", Some(Posix)),
        ] {
            assert_eq!(written_for(command.as_bytes()), expected, "{command}");
        }
        assert_eq!(
            text_for_shell(br#"[ \"$(pidof x)\" ] && echo a\ b"#),
            br#"[ "$(pidof x)" ] && echo a\ b"#
        );
    }

    #[test]
    fn the_second_pass_decodes() {
        for (command, expected) in [
            ("/x a  b", &["/x", "a", "b"][..]),
            ("/x \\\"a b\\\"", &["/x", "\"a", "b\""]),
            ("/x 'a b' \"c d\"", &["/x", "a b", "c d"]),
            ("/x a\\ b", &["/x", "a b"]),
            (
                r"/x \a\b\E\f\n\r\t\v\\\q",
                &["/x", "\x07\x08\x1b\x0c\n\r\t\x0b\\q"],
            ),
            (
                r"/x \101\60x \x41\x4g \cA\xg",
                &["/x", "A0x", "A\x04g", "\x01xg"],
            ),
            ("/x \\", &["/x", "\\"]),
        ] {
            let found = arguments(command.as_bytes()).expect(command);
            assert_eq!(
                found,
                expected
                    .iter()
                    .map(|word| word.as_bytes().to_vec())
                    .collect::<Vec<_>>(),
                "{command}"
            );
        }
    }

    #[test]
    fn open_quotes_are_named() {
        for (line, at, quote) in [
            ("a \"b", 2, '"'),
            ("a 'b\"", 2, '\''),
            ("a \"b\\\"", 2, '"'),
            ("\"a\"'", 3, '\''),
        ] {
            assert_eq!(
                shell_words(line.as_bytes()),
                Err(UnclosedQuote { at, quote }),
                "{line}"
            );
        }
    }

    proptest! {
        #[test]
        fn words_lie_in_the_line(line in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(&b"\"'\\ ax0c"[..])], 0..60)) {
            let mut end = 0;
            for word in shell_words(&line).unwrap_or_default() {
                prop_assert!(end <= word.at.start && word.at.start < word.at.end && word.at.end <= line.len());
                end = word.at.end;
            }
            let _ = arguments(&line);
        }

        /// Quoting a text and reading it gives the text.
        #[test]
        fn quoted_text_comes_back(text in "[ a-z'\"\\\\#]{0,20}") {
            let quoted: String = text.chars().flat_map(|c| if matches!(c, '"' | '\\') { vec!['\\', c] } else { vec![c] }).collect();
            let quoted = format!("\"{quoted}\"");
            prop_assert_eq!(arguments(quoted.as_bytes()), Ok(vec![text.into_bytes()]));
        }
    }
}
