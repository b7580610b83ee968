//! What is wrong with a configuration, where, and what to do about it. Values only: printing is `report`'s and `cli`'s.

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
    /// A file of an include check is missing.
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
