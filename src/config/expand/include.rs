//! `include` lines: which files they mean, which of them are read, and what the checks say.

use super::draft::Draft;
use super::{Checks, Expander, Fault, Frame};
use crate::config::diagnostic::{Class, Span, quote};
use crate::config::line::{Piece, pieces};
use crate::config::read::parse_integer;
use crate::config::source::{self, Unreadable, alternatives};
use std::path::{Path, PathBuf};
use std::rc::Rc;

impl Checks {
    /// Everything that can be checked, as `-e` and a bare `include_check` have it.
    pub const ALL: Checks = Checks {
        readable: true,
        matching: true,
        wildcard: true,
        braces: true,
    };

    /// With those of the other, too.
    fn and(self, other: Checks) -> Checks {
        Checks {
            readable: self.readable | other.readable,
            matching: self.matching | other.matching,
            wildcard: self.wildcard | other.wildcard,
            braces: self.braces | other.braces,
        }
    }

    /// Sets or clears a check by its name. False when there is none of that name.
    fn set(&mut self, name: &[u8], value: bool) -> bool {
        let check = match name {
            b"read" | b"readable" => &mut self.readable,
            b"match" => &mut self.matching,
            b"wildcard_match" => &mut self.wildcard,
            b"brace_match" => &mut self.braces,
            _ => return false,
        };
        *check = value;
        true
    }
}

/// The checks that an include keyword adds; None for any other word.
fn keyword(word: &[u8]) -> Option<Checks> {
    let readable = Checks {
        readable: true,
        ..Checks::default()
    };
    let matching = Checks {
        matching: true,
        ..readable
    };
    Some(match word {
        b"include" => Checks::default(),
        b"includer" => readable,
        b"includem" => matching,
        b"includew" => Checks {
            wildcard: true,
            ..matching
        },
        b"includeb" => Checks {
            braces: true,
            ..readable
        },
        b"includea" => Checks::ALL,
        _ => return None,
    })
}

/// The statement that makes `${_RANDOM}` give the same numbers every time.
const RANDOM_SEED: &[u8] = b"random_seed";

/// Whether a line could be one of those that are handled here: one look, as every line gets it.
#[inline]
pub(super) fn candidate(line: &[u8]) -> bool {
    line.starts_with(b"include") || line.starts_with(RANDOM_SEED)
}

impl Expander<'_> {
    /// Handles a line that begins like an include. False when it is something else. `include_check` and `random_seed` are noted here,
    /// as they say how the rest is read, but stay in the text for the keyword table to judge.
    pub(super) fn include(&mut self, draft: &Draft) -> Result<bool, Fault> {
        let text = draft.text();
        let end = text
            .iter()
            .position(|&byte| !(byte.is_ascii_alphanumeric() || byte == b'_'))
            .unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        if word == b"include_check" {
            self.include_check(rest);
            return Ok(false);
        }
        if word == RANDOM_SEED {
            let rest = rest.trim_ascii();
            let bare = rest
                .strip_prefix(b"\"")
                .and_then(|rest| rest.strip_suffix(b"\""));
            let seed = parse_integer(bare.unwrap_or(rest)).ok();
            self.seed = seed
                .and_then(|seed| u32::try_from(seed).ok())
                .map_or(self.seed, u64::from);
            return Ok(false);
        }
        let Some(checks) = keyword(word) else {
            return Ok(false);
        };
        if rest
            .first()
            .is_some_and(|&byte| !crate::config::line::is_blank(byte) && byte != b'"')
        {
            return Ok(false);
        }
        let start = end + rest.len() - rest.trim_ascii_start().len();
        let mut pattern = text.get(start..).unwrap_or_default();
        if let [b'"', inner @ .., b'"'] = pattern {
            pattern = inner;
        }
        let span = draft.span(if pattern.is_empty() {
            0..end
        } else {
            start..text.len()
        });
        if pattern.is_empty() {
            let message = format!("'{}' without a file", quote(word));
            self.diagnostics.advise(
                Class::MissingArgument,
                span,
                message,
                "name a file or a pattern",
            );
            return Ok(true);
        }
        self.include_pattern(pattern, checks.and(self.checks), span)?;
        Ok(true)
    }

    fn include_pattern(&mut self, pattern: &[u8], checks: Checks, span: Span) -> Result<(), Fault> {
        let Some(patterns) = alternatives(pattern) else {
            let help = "name the files with wildcards, or in several includes";
            self.diagnostics.advise(
                Class::IncludeCheck,
                span,
                "the braces stand for too many files",
                help,
            );
            return Ok(());
        };
        let directory = source::directory(self.current_path()).to_owned();
        let wildcards = pattern
            .iter()
            .any(|byte| matches!(byte, b'*' | b'?' | b'['));
        let mut paths = Vec::new();
        for alternative in &patterns {
            self.charge(alternative.len())?;
            let found = self.matching(&directory, alternative, wildcards, span);
            if found.is_empty() {
                let required =
                    (patterns.len() > 1 && checks.braces) || (wildcards && checks.wildcard);
                let class = if required {
                    Class::IncludeCheck
                } else {
                    Class::Note
                };
                if required || patterns.len() > 1 {
                    self.diagnostics.say(
                        class,
                        span,
                        format!("no file matches '{}'", quote(alternative)),
                    );
                }
            }
            paths.extend(found);
        }
        if paths.is_empty() && patterns.len() == 1 {
            let required = if wildcards {
                checks.wildcard
            } else {
                checks.matching
            };
            let class = if required {
                Class::IncludeCheck
            } else {
                Class::Note
            };
            self.diagnostics.advise(
                class,
                span,
                format!("no file '{}'", quote(pattern)),
                "nothing is included here",
            );
        } else if paths.is_empty() && checks.matching && !wildcards {
            self.diagnostics.say(
                Class::IncludeCheck,
                span,
                format!("no file matches '{}'", quote(pattern)),
            );
        }
        paths.sort();
        self.push_frame(
            Frame::Files {
                paths: Rc::from(paths),
                next: 0,
                checks,
                span,
            },
            span,
        )
    }

    /// The files that one pattern without braces means.
    fn matching(
        &mut self,
        directory: &Path,
        pattern: &[u8],
        wildcards: bool,
        span: Span,
    ) -> Vec<PathBuf> {
        let path = directory.join(source::path(pattern));
        if !wildcards {
            return if self.files.exists(&path) {
                vec![path]
            } else {
                Vec::new()
            };
        }
        self.files
            .matching(directory, pattern)
            .unwrap_or_else(|reason| {
                let message = format!("the pattern '{}' cannot be read: {reason}", quote(pattern));
                self.diagnostics.say(Class::General, span, message);
                Vec::new()
            })
    }

    /// Begins to read a file that an include names, unless something speaks against it.
    pub(super) fn open(&mut self, path: &Path, checks: Checks, span: Span) -> Result<(), Fault> {
        let shown = path.display();
        let identity = self.files.identity(path);
        if self
            .frames
            .iter()
            .any(|frame| matches!(frame, Frame::File(file) if file.identity == identity))
        {
            let message = format!("'{shown}' includes itself, perhaps by way of other files");
            self.diagnostics.advise(
                Class::General,
                span,
                message,
                "it is not read again; remove this include",
            );
            return Ok(());
        }
        match self.files.read(path) {
            Ok(text) => self.push_file(path, identity, text, Some(span)),
            Err(reason) => {
                let class = match reason {
                    _ if checks.readable => Class::IncludeCheck,
                    Unreadable::NotRegular | Unreadable::Executable => Class::Note,
                    _ => Class::General,
                };
                let message = format!("'{shown}' is not included: {reason}");
                self.diagnostics.advise(
                    class,
                    span,
                    message,
                    "includes take plain text files that are not executable",
                );
                Ok(())
            }
        }
    }

    /// `include_check`: no word means all checks; a first bare word replaces the set, `+` and `-` change it. Words that are no
    /// checks are the keyword table's to report.
    fn include_check(&mut self, arguments: &[u8]) {
        let mut words = Vec::new();
        pieces(arguments, |Piece { start, end, .. }| {
            words.extend(arguments.get(start..end))
        });
        if words.is_empty() {
            self.checks = Checks::ALL;
        }
        for (place, word) in words.into_iter().enumerate() {
            match word {
                [b'+', name @ ..] => _ = self.checks.set(name, true),
                [b'-', name @ ..] => _ = self.checks.set(name, false),
                name if place == 0 => {
                    let mut checks = Checks::default();
                    if checks.set(name, true) {
                        self.checks = checks;
                    }
                }
                _ => {}
            }
        }
    }
}
