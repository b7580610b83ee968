//! The expanded text: what is left of the files when comments, conditions, definitions, sequences and includes are done with. One
//! buffer of logical lines, each with the place it came from. The tree is built from it; how it comes about is `expand`'s.

use super::diagnostic::{FileId, Span, characters};
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

impl Expanded {
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

    /// Whether a line begins at this place of the text.
    pub(super) fn begins_line(&self, at: usize) -> bool {
        let found = self
            .lines
            .binary_search_by_key(&at, |line| line.start as usize);
        found.is_ok()
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
