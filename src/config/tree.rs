//! Blocks and statements as they stand in the text, before anyone asks what a keyword means. Storage is flat: the nodes in the
//! order of the text, their words as ranges of one buffer. Building it is `build`'s; here are the views.

mod build;

use super::diagnostic::{Diagnostic, FileId, Span};
use super::expanded::Expanded;
use super::shell::{self, ShellWord};
use std::borrow::Cow;
use std::path::Path;

pub use build::Options;

/// A range of the text, and whether double quotes stood around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WordRange {
    start: u32,
    /// Bytes; the top bit says "quoted".
    length: u32,
}

const QUOTED: u32 = 1 << 31;

impl WordRange {
    fn new(start: usize, end: usize, quoted: bool) -> Self {
        WordRange {
            start: start as u32,
            length: (end - start) as u32 & !QUOTED | if quoted { QUOTED } else { 0 },
        }
    }
    fn quoted(self) -> bool {
        self.length & QUOTED != 0
    }
    fn len(self) -> usize {
        (self.length & !QUOTED) as usize
    }
    fn end(self) -> usize {
        self.start as usize + self.len()
    }
}

/// A statement: its words are those from `words` to the next node's, its block's nodes those behind it up to `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    words: u32,
    /// Where its own text ends: at the line's end or before a brace.
    stop: u32,
    end: u32,
    /// The offset of its `{`, or `NO_BLOCK`.
    brace: u32,
}

const NO_BLOCK: u32 = u32::MAX;

/// All statements of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    expanded: Expanded,
    words: Vec<WordRange>,
    nodes: Vec<Node>,
}

impl Tree {
    /// The statements outside of all blocks.
    pub fn statements(&self) -> Statements<'_> {
        Statements {
            tree: self,
            next: 0,
            end: self.nodes.len() as u32,
        }
    }

    /// The path of a file.
    pub fn path(&self, file: FileId) -> Option<&Path> {
        self.expanded.path(file)
    }

    /// How many statements there are, of all depths.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn node(&self, index: u32) -> Node {
        const NOTHING: Node = Node {
            words: 0,
            stop: 0,
            end: 0,
            brace: NO_BLOCK,
        };
        self.nodes.get(index as usize).copied().unwrap_or(NOTHING)
    }

    fn words_end(&self, index: u32) -> u32 {
        self.nodes
            .get(index as usize + 1)
            .map_or(self.words.len() as u32, |next| next.words)
    }
}

/// Sibling statements, in the order of the text.
#[derive(Clone, Copy, Debug)]
pub struct Statements<'t> {
    tree: &'t Tree,
    next: u32,
    end: u32,
}

impl<'t> Iterator for Statements<'t> {
    type Item = Statement<'t>;

    fn next(&mut self) -> Option<Statement<'t>> {
        if self.next >= self.end {
            return None;
        }
        let (index, tree) = (self.next, self.tree);
        // A node ends behind itself: `max` only keeps a broken tree from standing still.
        self.next = tree.node(index).end.max(index + 1);
        Some(Statement {
            tree,
            node: index,
            first: tree.node(index).words,
            last: tree.words_end(index),
            block: true,
        })
    }
}

/// Words, and perhaps a block behind them. A statement always has a word.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'t> {
    tree: &'t Tree,
    node: u32,
    first: u32,
    last: u32,
    /// Whether this view of the node has the node's block.
    block: bool,
}

impl<'t> Statement<'t> {
    /// How many words it has, the keyword included. At least 1.
    pub fn len(&self) -> usize {
        (self.last - self.first) as usize
    }

    /// Never true; here because `len` is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The word at a place; 0 is the keyword.
    pub fn word(&self, index: usize) -> Option<Word<'t>> {
        let range = self
            .tree
            .words
            .get(self.first as usize + index)
            .filter(|_| index < self.len())?;
        Some(Word {
            tree: self.tree,
            range: *range,
        })
    }

    /// The first word.
    pub fn keyword(&self) -> Word<'t> {
        self.word(0).unwrap_or(Word {
            tree: self.tree,
            range: WordRange {
                start: 0,
                length: 0,
            },
        })
    }

    /// All words, the keyword first.
    pub fn words(
        &self,
    ) -> impl DoubleEndedIterator<Item = Word<'t>> + ExactSizeIterator + Clone + use<'t> {
        let tree = self.tree;
        let words = tree
            .words
            .get(self.first as usize..self.last as usize)
            .unwrap_or_default();
        words.iter().map(move |&range| Word { tree, range })
    }

    /// The words behind the keyword.
    pub fn arguments(
        &self,
    ) -> impl DoubleEndedIterator<Item = Word<'t>> + ExactSizeIterator + Clone + use<'t> {
        let tree = self.tree;
        let words = tree
            .words
            .get(self.first as usize + 1..self.last as usize)
            .unwrap_or_default();
        words.iter().map(move |&range| Word { tree, range })
    }

    /// Whether a `{` follows.
    pub fn has_block(&self) -> bool {
        self.block && self.tree.node(self.node).brace != NO_BLOCK
    }

    /// The statements of its block.
    pub fn children(&self) -> Statements<'t> {
        let end = if self.block {
            self.tree.node(self.node).end
        } else {
            0
        };
        Statements {
            tree: self.tree,
            next: self.node + 1,
            end,
        }
    }

    /// Whether nothing stands before it on its line.
    pub fn begins_its_line(&self) -> bool {
        self.tree.expanded.begins_line(self.keyword().outer().0)
    }

    /// The place of its words, from the first to the last.
    pub fn span(&self) -> Span {
        let (start, end) = (self.keyword().outer().0, self.stop());
        self.tree.expanded.span(start, end.saturating_sub(start))
    }

    /// The place of its `{`.
    pub fn block_span(&self) -> Option<Span> {
        let brace = Some(self.tree.node(self.node).brace)
            .filter(|&brace| self.block && brace != NO_BLOCK)?;
        Some(self.tree.expanded.span(brace as usize, 1))
    }

    /// The file it stands in.
    pub fn path(&self) -> Option<&'t Path> {
        self.tree.path(self.span().file)
    }

    /// The text behind the keyword as it stands, quotes and backslashes included, without blanks at its ends.
    pub fn raw(&self) -> &'t [u8] {
        let (start, end) = self.raw_range();
        self.tree
            .expanded
            .text()
            .get(start..end)
            .unwrap_or_default()
    }

    /// The place of a part of `raw`.
    pub fn raw_span(&self, part: std::ops::Range<usize>) -> Span {
        self.tree.expanded.span(
            self.raw_range().0 + part.start,
            part.end.saturating_sub(part.start),
        )
    }

    /// The words behind the keyword as script keywords see them: both kinds of quotes, adjacent parts joined, backslashes kept.
    pub fn shell_words(&self) -> Result<Vec<ShellWord>, Diagnostic> {
        shell::shell_words(self.raw())
            .map_err(|error| error.diagnostic(self.raw_span(error.at..error.at + 1)))
    }

    /// Two statements that stand on one line: the words before `index`, which have no block, and those from it, which have this
    /// statement's block. None when one would have no word.
    pub fn split(&self, index: usize) -> Option<(Statement<'t>, Statement<'t>)> {
        if index == 0 || index >= self.len() {
            return None;
        }
        let middle = self.first + index as u32;
        Some((
            Statement {
                last: middle,
                block: false,
                ..*self
            },
            Statement {
                first: middle,
                ..*self
            },
        ))
    }

    /// Where its text ends.
    fn stop(&self) -> usize {
        let node = self.tree.node(self.node);
        if self.last == self.tree.words_end(self.node) {
            return node.stop as usize;
        }
        let last = self.len().checked_sub(1).and_then(|index| self.word(index));
        last.map_or(node.stop as usize, |word| word.outer().1)
    }

    fn raw_range(&self) -> (usize, usize) {
        let end = self.stop();
        let start = self.keyword().outer().1.min(end);
        let text = self
            .tree
            .expanded
            .text()
            .get(start..end)
            .unwrap_or_default();
        let blanks = text.len() - text.trim_ascii_start().len();
        (start + blanks, start + blanks + text.trim_ascii().len())
    }
}

/// One word.
#[derive(Clone, Copy, Debug)]
pub struct Word<'t> {
    tree: &'t Tree,
    range: WordRange,
}

impl<'t> Word<'t> {
    /// Its bytes, without quotes. Not necessarily UTF-8.
    #[inline]
    pub fn bytes(&self) -> &'t [u8] {
        self.tree
            .expanded
            .text()
            .get(self.range.start as usize..self.range.end())
            .unwrap_or_default()
    }

    /// The word when it is UTF-8.
    pub fn as_str(&self) -> Option<&'t str> {
        std::str::from_utf8(self.bytes()).ok()
    }

    /// The word, with replacement characters for what is not UTF-8.
    pub fn text(&self) -> Cow<'t, str> {
        String::from_utf8_lossy(self.bytes())
    }

    /// Whether it stood in double quotes.
    pub fn quoted(&self) -> bool {
        self.range.quoted()
    }

    /// Its place, without the quotes.
    pub fn span(&self) -> Span {
        self.tree
            .expanded
            .span(self.range.start as usize, self.range.len())
    }

    /// The range of the text with its quotes.
    fn outer(&self) -> (usize, usize) {
        let quotes = self.range.quoted() as usize;
        (
            (self.range.start as usize).saturating_sub(quotes),
            self.range.end() + quotes,
        )
    }
}

impl PartialEq<&str> for Word<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.bytes() == other.as_bytes()
    }
}
