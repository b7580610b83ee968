//! What is wrong with a configuration, where, and what to do about it. The messages are values; `Diagnostics` collects them with
//! the files they speak of, knows the exit status of `-t`, and `render` turns one into text. Writing that text anywhere is
//! `cli`'s and the log's.

mod render;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// One file of the configuration, by its place in `Diagnostics::files` (0 = the top-level file).
pub type FileId = u32;

/// A place in a file. Lines and columns count from 1, columns in characters; `length` in characters, 0 = the whole line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The line in that file.
    pub line: u32,
    /// The first character.
    pub column: u32,
    /// How many characters.
    pub length: u32,
}

/// What kind of fault it is. The classes that `-t` knows keep keepalived's exit statuses; `Unimplemented` and `Note` are ours and
/// leave the exit status alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A top-level file that cannot be read, or has nothing in it that could run.
    NoConfiguration,
    /// A file is missing that something (not an include) names.
    FileNotFound,
    /// An interface that does not exist.
    BadInterface,
    /// An object that cannot run at all.
    Fatal,
    /// A word no block knows in this place.
    UnknownKeyword,
    /// Braces that do not match.
    Braces,
    /// Quotes that do not match.
    UnmatchedQuote,
    /// A keyword without its argument: the daemon refuses to start.
    MissingArgument,
    /// Not a number, or out of range.
    InvalidNumber,
    /// Anything else that is wrong.
    General,
    /// Valid, but hardly meant.
    Warning,
    /// An old spelling.
    Deprecated,
    /// An include whose checks (`includer`, `include_check`, `-e`) fail.
    IncludeCheck,
    /// Scripts that others could change.
    Security,
    /// A keyword that is checked but not acted on yet.
    Unimplemented,
    /// Advice: works, but is better written another way.
    Note,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its kind.
    pub class: Class,
    /// Where, when it has a place.
    pub span: Option<Span>,
    /// What is wrong, in one line, without the place.
    pub message: String,
    /// What to do about it, in one line.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A message without advice.
    pub fn new(class: Class, span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Diagnostic {
            class,
            span: span.into(),
            message: message.into(),
            help: None,
        }
    }

    /// The same with advice.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The exit statuses of `-t` (and, for 6, of a start that is refused).
pub mod status {
    /// Nothing to say.
    pub const CLEAN: i32 = 0;
    /// A keyword lacks its argument.
    pub const MISSING_ARGUMENT: i32 = 2;
    /// Only missing files, missing interfaces and objects that cannot run.
    pub const WORLD: i32 = 4;
    /// Any other error, a warning or an old spelling.
    pub const CONFIGURATION: i32 = 5;
    /// Scripts that others could change, a failed include check, or nothing to read.
    pub const REFUSED: i32 = 6;
}

/// How many messages are kept; of more only the number is. A file of rubbish must not fill the memory.
pub const KEPT: usize = 1000;

/// How many bytes of a text from the configuration a message quotes at most.
const QUOTED: usize = 80;

/// A file that was read.
#[derive(Clone, Debug)]
struct SourceFile {
    path: PathBuf,
    /// None where only the expanded text is known, as in a child.
    text: Option<Rc<Vec<u8>>>,
    /// Where each line begins, once a line was asked for.
    starts: OnceCell<Vec<usize>>,
}

/// The messages of one reading, and the files they speak of.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    files: Vec<SourceFile>,
    kept: Vec<Diagnostic>,
    dropped: usize,
    /// One bit a class, also of the messages that were not kept.
    seen: u32,
}

impl Diagnostics {
    /// Nothing to say yet, no file read.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a file up; its text is for showing the lines that messages speak of.
    pub fn add_file(&mut self, path: &Path, text: Option<Rc<Vec<u8>>>) -> FileId {
        self.files.push(SourceFile {
            path: path.to_owned(),
            text,
            starts: OnceCell::new(),
        });
        (self.files.len() - 1) as FileId
    }

    /// The path of a file, as it was named (relative includes joined to the directory of the including file).
    pub fn path(&self, file: FileId) -> Option<&Path> {
        self.files
            .get(file as usize)
            .map(|file| file.path.as_path())
    }

    /// The paths of all files, by `FileId`.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// Takes a message up. Past `KEPT` only its class and its number count. The same again at once, as of a definition that is used
    /// many times in one line, is one message.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.seen |= 1 << diagnostic.class as u32;
        if self.kept.last() == Some(&diagnostic) {
            return;
        }
        if !self.is_full() {
            self.kept.push(diagnostic);
        } else {
            self.dropped += 1;
        }
    }

    /// A message without advice.
    pub fn say(&mut self, class: Class, span: impl Into<Option<Span>>, message: impl Into<String>) {
        self.push(Diagnostic::new(class, span, message));
    }

    /// A message with advice.
    pub fn advise(
        &mut self,
        class: Class,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Diagnostic::new(class, span, message).help(help));
    }

    /// The messages that were kept, in the order they came.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.kept.iter()
    }

    /// Whether no more messages are kept: what is costly to find out for one need not be.
    pub fn is_full(&self) -> bool {
        self.kept.len() >= KEPT
    }

    /// How many messages were not kept.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// How many messages there were.
    pub fn len(&self) -> usize {
        self.kept.len() + self.dropped
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether any message was of this class.
    pub fn has(&self, class: Class) -> bool {
        self.seen & 1 << class as u32 != 0
    }

    /// The exit status of `-t`. The gravest class does not win: any ordinary error hides the statuses of missing interfaces and
    /// files, a security message hides both, and a missing argument ends it all, as in keepalived.
    pub fn exit_status(&self) -> i32 {
        let any = |classes: &[Class]| classes.iter().any(|&class| self.has(class));
        if any(&[Class::MissingArgument]) {
            status::MISSING_ARGUMENT
        } else if any(&[Class::Security, Class::IncludeCheck, Class::NoConfiguration]) {
            status::REFUSED
        } else if any(&[
            Class::UnknownKeyword,
            Class::Braces,
            Class::UnmatchedQuote,
            Class::InvalidNumber,
            Class::General,
            Class::Warning,
            Class::Deprecated,
        ]) {
            status::CONFIGURATION
        } else if any(&[Class::FileNotFound, Class::BadInterface, Class::Fatal]) {
            status::WORLD
        } else {
            status::CLEAN
        }
    }
}

/// Configuration text as part of a message: lossy, without control characters, and not longer than fits on a line.
pub fn quote(text: &[u8]) -> String {
    let shown = String::from_utf8_lossy(text.get(..QUOTED).unwrap_or(text));
    let mut out: String = shown
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.len() > QUOTED {
        out.push_str("...");
    }
    out
}

/// How many characters (of UTF-8, else bytes) a piece of text has: columns are counted with it.
pub fn characters(text: &[u8]) -> u32 {
    std::str::from_utf8(text).map_or(text.len(), |text| text.chars().count()) as u32
}
