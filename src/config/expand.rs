//! Files to logical lines: comments, `@` conditions, `$` definitions, `~SEQ` and `~LST`, includes. Reads nothing but through
//! `source::Files`; host name, environment and random numbers come in as values.

use super::diagnostic::{Class, Diagnostics};
use super::expanded::Expanded;
use super::source::{Files, Lines};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

/// What the world outside contributes.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// What `@ID` is compared with: `-i`, else the host name up to its first dot.
    pub config_id: Vec<u8>,
    /// For `${_ENV NAME}`.
    pub environment: BTreeMap<Vec<u8>, Vec<u8>>,
    /// For `${_RANDOM}`.
    pub seed: u64,
    /// The checks of plain `include` lines (`-e` sets all).
    pub checks: Checks,
    /// How far expansion may go.
    pub limits: Limits,
}

/// What is checked of an include.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Each match must be a readable regular file.
    pub readable: bool,
    /// Something must match, unless there are wildcards.
    pub matching: bool,
    /// Something must match wildcards, too.
    pub wildcard: bool,
    /// Something must match each of the brace alternatives.
    pub braces: bool,
}

/// The bounds of expansion. Whatever the text says, it ends.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all text read and produced, lines and steps costing a little extra.
    pub work: u64,
    /// Bytes of one line.
    pub line: usize,
    /// How deep includes, sequences and definitions may lie in one another.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            work: 1 << 30,
            line: 1 << 20,
            depth: 64,
        }
    }
}

/// Reads the top-level file and all it includes. Always gives what could be understood; a top-level file that cannot be read is
/// `Class::NoConfiguration`.
pub fn expand(
    path: &Path,
    context: &Context,
    files: &dyn Files,
    diagnostics: &mut Diagnostics,
) -> Expanded {
    let _ = context;
    let mut expanded = Expanded::default();
    match files.read(path) {
        Ok(text) => {
            let text = Rc::new(text);
            let file = diagnostics.add_file(path, Some(text.clone()));
            for ((_, line), number) in Lines::new(&text).zip(1..) {
                let line = &line[..line
                    .iter()
                    .position(|&b| b == b'#' || b == b'!')
                    .unwrap_or(line.len())];
                let blanks = line.len() - line.trim_ascii_start().len();
                if !line.trim_ascii().is_empty() {
                    expanded.push(line.trim_ascii(), file, number, blanks as u32 + 1);
                }
            }
        }
        Err(reason) => {
            let message = format!("cannot read {}: {reason}", path.display());
            diagnostics.advise(
                Class::NoConfiguration,
                None,
                message,
                "name the configuration with -f",
            );
        }
    }
    expanded.set_files(diagnostics.paths());
    expanded
}
