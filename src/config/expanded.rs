//! The expanded text: what is left of the files when comments, conditions, definitions, sequences and includes are done with. One
//! buffer of logical lines, each with the place it came from. The tree is built from it; the parent hands it to its children as
//! bytes. How it comes about is `expand`'s.

use super::diagnostic::{FileId, Span, characters};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where a logical line begins, in the buffer and in its file. It ends where the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line {
    start: u32,
    file: FileId,
    line: u32,
    column: u32,
}

/// From this offset on the text stems from another place than the line as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub at: u32,
    pub origin: Origin,
}

/// The place of a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Origin {
    pub file: FileId,
    pub line: u32,
    pub column: u32,
    /// 0: the text stands there as it is, character by character. Else it took the place of so many characters.
    pub length: u32,
}

/// Logical lines and their origins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    files: Vec<PathBuf>,
    text: Vec<u8>,
    lines: Vec<Line>,
    /// Ascending in `at`; few lines have any.
    marks: Vec<Mark>,
}

/// Why bytes are no expanded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError(pub &'static str);

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not an expanded configuration: {}", self.0)
    }
}

impl std::error::Error for DecodeError {}

impl Expanded {
    /// The files that were read, by `FileId`; 0 is the top-level file.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The path of a file.
    pub fn path(&self, file: FileId) -> Option<&Path> {
        self.files.get(file as usize).map(PathBuf::as_path)
    }

    /// How many logical lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The logical lines: no comments, no blanks at the ends, never empty.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.lines.len()).map(|i| self.line(i).1)
    }

    /// All the text, line after line without anything between them.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// A line and where it begins in the text.
    pub(super) fn line(&self, index: usize) -> (usize, &[u8]) {
        let Some(line) = self.lines.get(index) else {
            return (self.text.len(), &[]);
        };
        let end = self
            .lines
            .get(index + 1)
            .map_or(self.text.len(), |next| next.start as usize);
        (
            line.start as usize,
            self.text.get(line.start as usize..end).unwrap_or_default(),
        )
    }

    /// Makes room for a file of so many bytes.
    pub(super) fn reserve(&mut self, bytes: usize) {
        // Lines of real files are longer; where they are not, the room grows as it always does.
        const SHORT_LINE: usize = 16;
        self.text.reserve(bytes);
        self.lines.reserve(bytes / SHORT_LINE);
    }

    /// Adds a line that stands in a file as it is. False when the text is full.
    #[inline]
    pub(super) fn push(&mut self, text: &[u8], file: FileId, line: u32, column: u32) -> bool {
        if self.text.len() + text.len() >= u32::MAX as usize {
            return false;
        }
        self.lines.push(Line {
            start: self.text.len() as u32,
            file,
            line,
            column,
        });
        self.text.extend_from_slice(text);
        true
    }

    /// Adds a line put together of pieces; the marks count from its start. False when the text is full.
    pub(super) fn push_marked(&mut self, text: &[u8], marks: &[Mark]) -> bool {
        let start = self.text.len() as u32;
        let Some(first) = marks.first() else {
            return true;
        };
        if !self.push(
            text,
            first.origin.file,
            first.origin.line,
            first.origin.column,
        ) {
            return false;
        }
        self.marks.extend(marks.iter().map(|mark| Mark {
            at: start + mark.at,
            origin: mark.origin,
        }));
        true
    }

    /// Makes the file table.
    pub(super) fn set_files<'a>(&mut self, paths: impl Iterator<Item = &'a Path>) {
        self.files = paths.map(Path::to_owned).collect();
    }

    /// The place in its file of a piece of the text.
    pub(super) fn span(&self, start: usize, length: usize) -> Span {
        let before = self
            .lines
            .partition_point(|line| line.start as usize <= start);
        let Some(line) = before.checked_sub(1).and_then(|i| self.lines.get(i)) else {
            return Span {
                file: 0,
                line: 1,
                column: 1,
                length: 0,
            };
        };
        let own = Mark {
            at: line.start,
            origin: Origin {
                file: line.file,
                line: line.line,
                column: line.column,
                length: 0,
            },
        };
        let first = self.mark(own, start);
        let span = Span {
            file: first.origin.file,
            line: first.origin.line,
            column: 0,
            length: 0,
        };
        let column = self.column(first, start);
        if length == 0 {
            return Span {
                column,
                length: 1,
                ..span
            };
        }
        let last_at = start + length - 1;
        let last = self.mark(own, last_at);
        let end = match last.origin.length {
            0 => self.column(last, last_at + 1),
            length => last.origin.column.saturating_add(length),
        };
        // Pieces of several lines can be glued together: then what stands in the first line is shown.
        let same_line =
            (first.origin.file, first.origin.line) == (last.origin.file, last.origin.line);
        let length = if same_line && end > column {
            end - column
        } else {
            first.origin.length.max(1)
        };
        Span {
            column,
            length,
            ..span
        }
    }

    /// The last mark at or before an offset, in the line that `own` stands for.
    fn mark(&self, own: Mark, at: usize) -> Mark {
        let before = self.marks.partition_point(|mark| mark.at as usize <= at);
        let mark = before
            .checked_sub(1)
            .and_then(|i| self.marks.get(i))
            .copied();
        mark.filter(|mark| mark.at >= own.at).unwrap_or(own)
    }

    /// The column of an offset that a mark governs.
    fn column(&self, mark: Mark, at: usize) -> u32 {
        match mark.origin.length {
            0 => mark.origin.column.saturating_add(characters(
                self.text.get(mark.at as usize..at).unwrap_or_default(),
            )),
            _ => mark.origin.column,
        }
    }
}

/// The first bytes of an encoded text; the digit is the version of the format, for a binary swapped while the parent runs.
const MAGIC: &[u8; 8] = b"kaconf1\n";

impl Expanded {
    /// The text as bytes, to be handed to a child.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(
            self.text.len() + self.lines.len() * 16 + self.marks.len() * 20 + 64,
        );
        out.extend_from_slice(MAGIC);
        let mut numbers = |values: &[u32]| {
            values
                .iter()
                .for_each(|value| out.extend_from_slice(&value.to_le_bytes()))
        };
        numbers(&[
            self.files.len() as u32,
            self.text.len() as u32,
            self.lines.len() as u32,
            self.marks.len() as u32,
        ]);
        for path in &self.files {
            numbers(&[path.as_os_str().len() as u32]);
        }
        for line in &self.lines {
            numbers(&[line.start, line.file, line.line, line.column]);
        }
        for Mark { at, origin } in &self.marks {
            numbers(&[*at, origin.file, origin.line, origin.column, origin.length]);
        }
        for path in &self.files {
            out.extend_from_slice(path.as_os_str().as_bytes());
        }
        out.extend_from_slice(&self.text);
        out
    }

    /// The text from bytes; refuses anything that `encode` cannot have made.
    pub fn decode(bytes: &[u8]) -> Result<Expanded, DecodeError> {
        let mut rest = Reader(
            bytes
                .strip_prefix(MAGIC)
                .ok_or(DecodeError("other format or version"))?,
        );
        let [files, text, lines, marks] = rest.numbers()?;
        let lengths = rest
            .records(files)?
            .map(|[length]: [u32; 1]| length)
            .collect::<Vec<_>>();
        let lines = rest
            .records(lines)?
            .map(|[start, file, line, column]| Line {
                start,
                file,
                line,
                column,
            })
            .collect::<Vec<_>>();
        let marks = rest
            .records(marks)?
            .map(|[at, file, line, column, length]| Mark {
                at,
                origin: Origin {
                    file,
                    line,
                    column,
                    length,
                },
            })
            .collect::<Vec<_>>();
        let mut paths = Vec::with_capacity(lengths.len());
        for length in lengths {
            paths.push(PathBuf::from(OsStr::from_bytes(
                rest.take(length as usize)?,
            )));
        }
        let text = rest.take(text as usize)?.to_vec();
        if !rest.0.is_empty() {
            return Err(DecodeError("bytes left over"));
        }
        let mut ends = lines
            .iter()
            .skip(1)
            .map(|line| line.start)
            .chain([text.len() as u32]);
        let first = lines.first().map_or(text.len(), |line| line.start as usize);
        if first != 0
            || lines
                .iter()
                .any(|line| ends.next().is_none_or(|end| end <= line.start))
        {
            return Err(DecodeError("lines out of order"));
        }
        if marks
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a.at >= b.at))
            || marks.last().is_some_and(|m| m.at as usize >= text.len())
        {
            return Err(DecodeError("marks out of order"));
        }
        let known = |file: FileId| (file as usize) < paths.len();
        if !lines.iter().all(|line| known(line.file))
            || !marks.iter().all(|mark| known(mark.origin.file))
        {
            return Err(DecodeError("unknown file"));
        }
        Ok(Expanded {
            files: paths,
            text,
            lines,
            marks,
        })
    }
}

/// Takes encoded bytes apart from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(DecodeError("too short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn numbers<const N: usize>(&mut self) -> Result<[u32; N], DecodeError> {
        self.records(1)?.next().ok_or(DecodeError("too short"))
    }

    fn records<const N: usize>(
        &mut self,
        count: u32,
    ) -> Result<impl Iterator<Item = [u32; N]> + use<'a, N>, DecodeError> {
        let length = (count as usize)
            .checked_mul(N * 4)
            .ok_or(DecodeError("too short"))?;
        let (numbers, _) = self.take(length)?.as_chunks::<4>();
        Ok(numbers
            .as_chunks::<N>()
            .0
            .iter()
            .map(|record| record.map(u32::from_le_bytes)))
    }
}
