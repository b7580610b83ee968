//! A line in the making: text that may have been put together of pieces from several places, and where each came from.

use crate::config::diagnostic::{Span, characters};
use crate::config::expanded::{Expanded, Mark, Origin};
use std::ops::Range;

/// Text with its origins. The marks ascend; the first one is at 0 unless there is no text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Draft {
    text: Vec<u8>,
    marks: Vec<Mark>,
    quotes: usize,
}

impl Draft {
    /// Text that stands in a file as it is.
    pub fn new(text: &[u8], origin: Origin) -> Self {
        let mut draft = Draft::default();
        draft.push(text, origin);
        draft
    }

    pub fn text(&self) -> &[u8] {
        &self.text
    }

    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// How many double quotes are in it.
    pub fn quotes(&self) -> usize {
        self.quotes
    }

    /// Adds text of one origin.
    pub fn push(&mut self, text: &[u8], origin: Origin) {
        if text.is_empty() {
            return;
        }
        self.mark(self.text.len() as u32, origin);
        self.quotes += count_quotes(text);
        self.text.extend_from_slice(text);
    }

    /// Adds a part of another draft with its origins.
    pub fn push_part(&mut self, other: &Draft, part: Range<usize>) {
        let Some(text) = other.text.get(part.clone()).filter(|text| !text.is_empty()) else {
            return;
        };
        let base = self.text.len();
        self.mark(base as u32, other.origin(part.start));
        let first = other
            .marks
            .partition_point(|mark| mark.at as usize <= part.start);
        for mark in other
            .marks
            .iter()
            .skip(first)
            .take_while(|mark| (mark.at as usize) < part.end)
        {
            self.mark((base + mark.at as usize - part.start) as u32, mark.origin);
        }
        self.quotes += count_quotes(text);
        self.text.extend_from_slice(text);
    }

    /// Adds a mark, unless the text just goes on where the last mark's reference stood: one reference may come in many pieces.
    fn mark(&mut self, at: u32, origin: Origin) {
        if origin.length == 0 || self.marks.last().is_none_or(|last| last.origin != origin) {
            self.marks.push(Mark { at, origin });
        }
    }

    /// A part of it.
    pub fn part(&self, part: Range<usize>) -> Draft {
        let mut draft = Draft::default();
        draft.push_part(self, part);
        draft
    }

    /// It without blanks at its ends.
    pub fn trimmed(self) -> Draft {
        let start = self.text.len() - self.text.trim_ascii_start().len();
        let end = start + self.text.trim_ascii().len();
        if (start, end) == (0, self.text.len()) {
            self
        } else {
            self.part(start..end)
        }
    }

    /// Where the text at an offset came from.
    pub fn origin(&self, at: usize) -> Origin {
        let index = self
            .marks
            .partition_point(|mark| mark.at as usize <= at)
            .saturating_sub(1);
        let Some(mark) = self.marks.get(index) else {
            return Origin::default();
        };
        match mark.origin.length {
            0 => {
                let before = self.text.get(mark.at as usize..at).unwrap_or_default();
                Origin {
                    column: mark.origin.column.saturating_add(characters(before)),
                    ..mark.origin
                }
            }
            _ => mark.origin,
        }
    }

    /// The origin of a part that something else will stand for.
    pub fn replaced(&self, part: Range<usize>) -> Origin {
        let origin = self.origin(part.start);
        match origin.length {
            0 => Origin {
                length: characters(self.text.get(part).unwrap_or_default()).max(1),
                ..origin
            },
            _ => origin,
        }
    }

    /// The place of a part.
    pub fn span(&self, part: Range<usize>) -> Span {
        let Origin {
            file,
            line,
            column,
            length,
        } = self.replaced(part);
        Span {
            file,
            line,
            column,
            length,
        }
    }

    /// Adds it to the expanded text. False when that is full.
    pub fn emit(&self, expanded: &mut Expanded) -> bool {
        expanded.push_marked(&self.text, &self.marks)
    }
}

fn count_quotes(text: &[u8]) -> usize {
    memchr::memchr_iter(b'"', text).count()
}
