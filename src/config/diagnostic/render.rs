//! A message as text: one line for a log, or the source line with a mark under the fault for a terminal. Secrets in the shown
//! line are masked. Nothing is written here.

use super::{Class, Diagnostic, Diagnostics, Span};
use crate::config::secret::MASK;
use crate::config::source::Lines;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::fmt::Write;

/// Words whose arguments nobody may read. The same words as in the keyword table: a line is shown before it is understood.
const SECRET_WORDS: [&str; 5] = ["auth_pass", "body", "header", "key", "password"];

/// What leads the digits of a key, whatever word stands before it.
const HEX: &str = "hex:";

/// What the name of a definition contains whose value is taken for a secret.
const SECRET_NAMES: [&str; 4] = ["pass", "key", "secret", "pwd"];

/// A longer line, in bytes, is not shown: a hundred megabytes on one line are legal.
const LONGEST: usize = 1 << 14;

/// How many characters before and behind the fault are shown.
const SHOWN: usize = 300;

impl Class {
    /// The word that opens a message on a terminal.
    fn level(self) -> Level<'static> {
        match self {
            Class::Warning | Class::Deprecated | Class::Security | Class::Unimplemented => {
                Level::WARNING
            }
            Class::Note => Level::NOTE,
            _ => Level::ERROR,
        }
    }
}

impl Diagnostics {
    /// `(FILE: Line N, column C) message - help`, for logs.
    pub fn line(&self, diagnostic: &Diagnostic) -> String {
        let mut out = String::new();
        if let Some(span) = diagnostic.span {
            let path = self
                .path(span.file)
                .map(|path| path.display().to_string())
                .unwrap_or_default();
            let _ = write!(out, "({path}: Line {}, column {}) ", span.line, span.column);
        }
        out.push_str(&diagnostic.message);
        if let Some(help) = &diagnostic.help {
            let _ = write!(out, " - {help}");
        }
        out
    }

    /// The message with its source line and a mark under the fault, for a terminal; `colour` adds escape sequences. Falls back to
    /// the one-line form where the text of the file is not at hand.
    pub fn snippet(&self, diagnostic: &Diagnostic, colour: bool) -> String {
        let Some((span, source)) = diagnostic
            .span
            .and_then(|span| Some((span, self.source_line(span)?)))
        else {
            return self.line(diagnostic);
        };
        let path = self
            .path(span.file)
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        let (source, first, last) = shown(&source, span);
        let snippet = Snippet::source(source)
            .line_start(span.line as usize)
            .path(path)
            .annotation(AnnotationKind::Primary.span(first..last));
        let mut group = diagnostic
            .class
            .level()
            .primary_title(diagnostic.message.as_str())
            .element(snippet);
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.render(&[group])
    }

    /// The text of the line, secrets masked. Counts lines as the expander does: LF, CRLF and CR end one.
    fn source_line(&self, span: Span) -> Option<String> {
        let file = self.files.get(span.file as usize)?;
        let text = file.text.as_ref()?;
        let starts = file
            .starts
            .get_or_init(|| Lines::new(text).map(|(at, _)| at).collect());
        let start = *starts.get(span.line.checked_sub(1)? as usize)?;
        let (_, line) = Lines::new(text.get(start..)?).next()?;
        if line.len() > LONGEST {
            return None;
        }
        Some(mask(&String::from_utf8_lossy(line)))
    }
}

/// The part of the line around the span, and the span in it, in bytes on character boundaries.
fn shown(source: &str, span: Span) -> (String, usize, usize) {
    let skip = (span.column as usize).saturating_sub(SHOWN);
    let line: String = source
        .chars()
        .skip(skip)
        .take(SHOWN + SHOWN)
        .map(|c| if c == '\t' { ' ' } else { c })
        .collect();
    let byte = |character: usize| {
        line.char_indices()
            .nth(character)
            .map_or(line.len(), |(at, _)| at)
    };
    let (first, last) = match span.length {
        0 => (line.len() - line.trim_start().len(), line.trim_end().len()),
        length => {
            let first = (span.column as usize)
                .saturating_sub(1)
                .saturating_sub(skip);
            (byte(first), byte(first.saturating_add(length as usize)))
        }
    };
    let last = last.max(first);
    (line, first, last)
}

/// The line without what stands after a secret word, or after the `=` of a definition that is named like a secret.
fn mask(line: &str) -> String {
    match secret(line) {
        Some((shown, hidden)) if !hidden.trim().is_empty() => format!("{shown} {MASK}"),
        _ => line.to_owned(),
    }
}

/// The line in two: up to where its first secret begins, and from there.
fn secret(line: &str) -> Option<(&str, &str)> {
    let blank = |c: char| c.is_whitespace() || matches!(c, '{' | '"');
    let definition = line.match_indices('=').map(|(at, _)| at).find(|&at| {
        let before = line.get(..at).unwrap_or_default();
        let name = before
            .rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .next()
            .unwrap_or_default();
        let lower = name.to_ascii_lowercase();
        before.trim_end_matches(name).ends_with('$')
            && SECRET_NAMES.iter().any(|word| lower.contains(word))
    });
    let keywords = SECRET_WORDS
        .iter()
        .flat_map(|word| line.match_indices(word))
        .filter_map(|(at, word)| {
            let (before, after) = (line.get(..at)?, line.get(at + word.len()..)?);
            let alone = before.chars().next_back().is_none_or(blank)
                && after.chars().next().is_none_or(blank);
            alone.then_some(at + word.len())
        });
    let hex = line.find(HEX).map(|at| at + HEX.len());
    let found = definition.map(|at| at + 1).into_iter().chain(keywords);
    line.split_at_checked(found.chain(hex).min()?)
}
