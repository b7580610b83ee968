//! Configuration files: the only part of `config` that touches a disk. Reading, listing what a pattern matches, brace alternatives,
//! physical lines. What an `include` line means and which checks it makes is `expand`'s.

use memchr::{memchr, memchr2};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The largest file that is read, in bytes. Offsets into the text have 32 bits.
pub const LARGEST: u64 = 1 << 30;

/// How many patterns the braces of one include may stand for.
const ALTERNATIVES: usize = 1024;

/// How many pairs of braces are resolved on the way there, and how long a pattern may be.
const RESOLVED: usize = 8 * ALTERNATIVES;
const LONGEST_PATTERN: usize = 1 << 16;

/// Why a file is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// There is none.
    Missing,
    /// A directory, a socket, a device.
    NotRegular,
    /// Somebody may execute it: a script among the configuration, most likely.
    Executable,
    /// Longer than `LARGEST`.
    TooLarge,
    /// What the system said.
    Failed(String),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unreadable::Missing => f.write_str("it does not exist"),
            Unreadable::NotRegular => f.write_str("it is not a regular file"),
            Unreadable::Executable => f.write_str("it is executable"),
            Unreadable::TooLarge => write!(f, "it is longer than {LARGEST} bytes"),
            Unreadable::Failed(reason) => f.write_str(reason),
        }
    }
}

/// Where files come from.
pub trait Files {
    /// The bytes of a file.
    fn read(&self, path: &Path) -> Result<Vec<u8>, Unreadable>;
    /// Whether there is anything by that name.
    fn exists(&self, path: &Path) -> bool;
    /// The files that a pattern of `* ? [ ]` matches, sorted. Relative patterns are relative to `directory`.
    fn matching(&self, directory: &Path, pattern: &[u8]) -> Result<Vec<PathBuf>, String>;
    /// A path by which a file is known again, whatever name it was reached by.
    fn identity(&self, path: &Path) -> PathBuf;
}

/// The files of this host.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> Result<Vec<u8>, Unreadable> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Unreadable::Missing,
            _ => Unreadable::Failed(error.to_string()),
        };
        // Asked before it is opened: opening a FIFO would wait for a writer.
        let metadata = std::fs::metadata(path).map_err(failed)?;
        const EXECUTABLE: u32 = 0o111;
        if !metadata.is_file() {
            return Err(Unreadable::NotRegular);
        }
        if metadata.permissions().mode() & EXECUTABLE != 0 {
            return Err(Unreadable::Executable);
        }
        if metadata.len() > LARGEST {
            return Err(Unreadable::TooLarge);
        }
        std::fs::read(path).map_err(failed)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn matching(&self, directory: &Path, pattern: &[u8]) -> Result<Vec<PathBuf>, String> {
        let pattern = join(directory, pattern, |directory| {
            glob::Pattern::escape(directory)
        })?;
        // As shells do it: a star passes neither a slash nor a leading dot.
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        let found = glob::glob_with(&pattern, options).map_err(|error| error.to_string())?;
        let mut paths: Vec<PathBuf> = found.filter_map(Result::ok).collect();
        paths.sort();
        Ok(paths)
    }

    fn identity(&self, path: &Path) -> PathBuf {
        std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
    }
}

/// A pattern under a directory, as text: the matcher takes no other.
fn join(
    directory: &Path,
    pattern: &[u8],
    escape: impl Fn(&str) -> String,
) -> Result<String, String> {
    let utf8 = |bytes: &[u8]| {
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| "the path is not UTF-8".to_owned())
    };
    let pattern = utf8(pattern)?;
    if pattern.starts_with('/') || directory.as_os_str().is_empty() {
        return Ok(pattern);
    }
    let directory = escape(&utf8(directory.as_os_str().as_bytes())?);
    Ok(format!("{}/{pattern}", directory.trim_end_matches('/')))
}

/// Files in memory, for tests and fuzzing. Paths are compared as they are written.
#[derive(Clone, Debug, Default)]
pub struct Memory(pub BTreeMap<PathBuf, Vec<u8>>);

impl Memory {
    /// One file more.
    pub fn with(mut self, path: &str, text: impl Into<Vec<u8>>) -> Self {
        self.0.insert(PathBuf::from(path), text.into());
        self
    }
}

impl Files for Memory {
    fn read(&self, path: &Path) -> Result<Vec<u8>, Unreadable> {
        self.0.get(path).cloned().ok_or(Unreadable::Missing)
    }

    fn exists(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }

    fn matching(&self, directory: &Path, pattern: &[u8]) -> Result<Vec<PathBuf>, String> {
        let pattern = join(directory, pattern, |directory| {
            glob::Pattern::escape(directory)
        })?;
        let pattern = glob::Pattern::new(&pattern).map_err(|error| error.to_string())?;
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        Ok(self
            .0
            .keys()
            .filter(|path| pattern.matches_path_with(path, options))
            .cloned()
            .collect())
    }

    fn identity(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }
}

/// The patterns that the braces of one pattern stand for, in order; None when they are too many. `{}` and braces without a
/// partner stand for themselves.
pub fn alternatives(pattern: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut done = Vec::new();
    let mut waiting = vec![(pattern.to_vec(), 0)];
    let mut resolved = 0;
    if pattern.len() > LONGEST_PATTERN {
        return None;
    }
    while let Some((pattern, from)) = waiting.pop() {
        resolved += 1;
        if done.len() + waiting.len() >= ALTERNATIVES || resolved > RESOLVED {
            return None;
        }
        let Some((open, commas, close)) = braces(&pattern, from) else {
            done.push(pattern);
            continue;
        };
        let mut cuts = commas;
        cuts.push(close);
        let mut start = open + 1;
        let mut variants = Vec::new();
        for cut in cuts {
            let part = |range: std::ops::Range<usize>| pattern.get(range).unwrap_or_default();
            let variant = [
                part(0..open),
                part(start..cut),
                part(close + 1..pattern.len()),
            ]
            .concat();
            variants.push((variant, open));
            start = cut + 1;
        }
        waiting.extend(variants.into_iter().rev());
    }
    Some(done)
}

/// The first pair of braces from an offset on that has anything in it, and the commas between its parts.
fn braces(pattern: &[u8], from: usize) -> Option<(usize, Vec<usize>, usize)> {
    let mut from = from;
    while let Some(open) = memchr(b'{', pattern.get(from..)?).map(|at| at + from) {
        let mut depth = 0usize;
        let mut commas = Vec::new();
        for (at, &byte) in pattern.iter().enumerate().skip(open) {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                b',' if depth == 1 => commas.push(at),
                _ => {}
            }
            if depth == 0 {
                if at > open + 1 {
                    return Some((open, commas, at));
                }
                break;
            }
        }
        if depth > 0 {
            return None;
        }
        from = open + 1;
    }
    None
}

/// The directory that relative paths in a file are relative to.
pub fn directory(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// A path from configuration bytes.
pub fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// The physical lines of a text with their offsets: LF, CRLF and a lone CR end a line.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    returns: bool,
}

impl<'a> Lines<'a> {
    /// From the first line on.
    pub fn new(text: &'a [u8]) -> Self {
        Lines {
            text,
            at: 0,
            returns: memchr(b'\r', text).is_some(),
        }
    }

    /// From an offset on, which must begin a line.
    pub fn from(text: &'a [u8], at: usize, returns: bool) -> Self {
        Lines { text, at, returns }
    }

    /// The offset of the next line.
    pub fn offset(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(usize, &'a [u8])> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let end = if self.returns {
            memchr2(b'\n', b'\r', rest)
        } else {
            memchr(b'\n', rest)
        }
        .unwrap_or(rest.len());
        let start = self.at;
        self.at += match rest.get(end..) {
            Some([b'\r', b'\n', ..]) => end + 2,
            Some([_, ..]) => end + 1,
            _ => end,
        };
        Some((start, rest.get(..end).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(pattern: &str) -> Option<Vec<String>> {
        let parts = alternatives(pattern.as_bytes())?;
        Some(
            parts
                .into_iter()
                .map(|part| String::from_utf8_lossy(&part).into_owned())
                .collect(),
        )
    }

    #[test]
    fn braces_of_patterns() {
        for (pattern, expected) in [
            ("a", &["a"][..]),
            ("a{b,c}d", &["abd", "acd"]),
            ("{a,b}{c,d}", &["ac", "ad", "bc", "bd"]),
            ("a{b,c{d,e}}", &["ab", "acd", "ace"]),
            ("a{,b}", &["a", "ab"]),
            ("a{}b", &["a{}b"]),
            ("a{b", &["a{b"]),
            ("a}b{c,d}", &["a}bc", "a}bd"]),
            ("{x}{", &["x{"]),
        ] {
            assert_eq!(
                parts(pattern).as_deref(),
                Some(&expected.iter().map(|s| s.to_string()).collect::<Vec<_>>()[..]),
                "{pattern}"
            );
        }
        assert_eq!(parts(&"{a,b}".repeat(11)), None);
        assert_eq!(
            parts(&("{".repeat(20_000) + "x" + &"}".repeat(20_000))),
            None
        );
    }

    #[test]
    fn lines_end_in_three_ways() {
        for (text, expected) in [
            ("a\nb\n", &[(0, "a"), (2, "b")][..]),
            ("a\r\nb\rc", &[(0, "a"), (3, "b"), (5, "c")]),
            ("\n\r\r\n", &[(0, ""), (1, ""), (2, "")]),
            ("", &[]),
        ] {
            let lines: Vec<_> = Lines::new(text.as_bytes())
                .map(|(at, line)| (at, String::from_utf8_lossy(line).into_owned()))
                .collect();
            assert_eq!(
                lines,
                expected
                    .iter()
                    .map(|&(at, line)| (at, line.to_owned()))
                    .collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn files_of_the_host() {
        let directory =
            std::env::temp_dir().join(format!("keepalived-source-{}", std::process::id()));
        std::fs::create_dir_all(directory.join("x[1]")).expect("a directory");
        for (name, mode) in [
            ("b.conf", 0o644),
            ("a.conf", 0o600),
            (".c.conf", 0o644),
            ("s.sh", 0o755),
            ("x[1]/d.conf", 0o644),
        ] {
            std::fs::write(directory.join(name), name).expect("a file");
            std::fs::set_permissions(directory.join(name), std::fs::Permissions::from_mode(mode))
                .expect("its mode");
        }
        let found = Disk.matching(&directory, b"*.conf");
        assert_eq!(
            found,
            Ok(vec![directory.join("a.conf"), directory.join("b.conf")])
        );
        assert_eq!(
            Disk.matching(&directory.join("x[1]"), b"?.conf"),
            Ok(vec![directory.join("x[1]/d.conf")])
        );
        assert!(
            Disk.matching(&directory, b"[").is_err()
                && Disk.matching(&directory, b"\xff*").is_err()
        );
        assert_eq!(Disk.read(&directory.join("a.conf")), Ok(b"a.conf".to_vec()));
        assert_eq!(
            Disk.read(&directory.join("s.sh")),
            Err(Unreadable::Executable)
        );
        assert_eq!(Disk.read(&directory), Err(Unreadable::NotRegular));
        assert_eq!(Disk.read(&directory.join("none")), Err(Unreadable::Missing));
        assert_eq!(
            Disk.identity(&directory.join("x[1]/../a.conf")),
            Disk.identity(&directory.join("a.conf"))
        );
        std::fs::remove_dir_all(&directory).expect("removed");
    }

    proptest! {
        #[test]
        fn braces_never_run_away(pattern in "[ab{},]{0,40}") {
            if let Some(parts) = alternatives(pattern.as_bytes()) {
                prop_assert!(!parts.is_empty() && parts.len() <= ALTERNATIVES);
            }
        }
    }
}
