//! Lines to tree. Goes on after every fault: a surplus `}` is passed over, a missing one is said with the block it should have
//! closed. No recursion, and what a fault costs in memory is bounded.

use super::{NO_BLOCK, Node, Tree, WordRange};
use crate::config::diagnostic::{Class, Diagnostics, quote};
use crate::config::expanded::Expanded;
use crate::config::line::{Kind, Piece, pieces};

/// How deep blocks can lie in one another. The language needs five.
const DEEPEST: usize = 32;

/// How many faults of one kind are told one by one.
const TOLD: usize = 5;

/// A question about a word.
pub type Predicate<'a> = &'a dyn Fn(&[u8]) -> bool;

/// What the builder may be told of keywords.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// Whether a word opens a block that can stand in no other block. Met inside one, it shows that a `}` is missing.
    pub root_only: Option<Predicate<'a>>,
    /// Whether a keyword reads its line by shell rules (`Statement::shell_words`), and so judges the quotes itself.
    pub reads_raw: Option<Predicate<'a>>,
}

impl Tree {
    /// Builds the tree of a text.
    pub fn build(expanded: Expanded, options: Options<'_>, diagnostics: &mut Diagnostics) -> Tree {
        let lines = expanded.len();
        let mut builder = Builder {
            nodes: Vec::with_capacity(lines),
            words: Vec::with_capacity(lines.saturating_mul(2)),
            text: &expanded,
            options,
            diagnostics,
            open: vec![Open {
                node: None,
                unexpected: 0,
            }],
            pending: None,
            candidate: None,
            too_deep: 0,
            surplus: 0,
            unexpected: 0,
        };
        for index in 0..lines {
            let (base, line) = expanded.line(index);
            pieces(line, |piece| builder.piece(base, piece));
            builder.end_statement(None);
        }
        builder.finish();
        let Builder { nodes, words, .. } = builder;
        Tree {
            expanded,
            words,
            nodes,
        }
    }
}

/// A block that waits for its `}`.
struct Open {
    /// None: the configuration as a whole.
    node: Option<u32>,
    /// Braces opened in it for no statement; as many `}` are theirs.
    unexpected: usize,
}

/// A statement whose words are still coming.
struct Pending {
    words: usize,
    stop: usize,
}

struct Builder<'a> {
    nodes: Vec<Node>,
    words: Vec<WordRange>,
    text: &'a Expanded,
    options: Options<'a>,
    diagnostics: &'a mut Diagnostics,
    open: Vec<Open>,
    pending: Option<Pending>,
    /// The statement just before, which a `{` on a later line would belong to.
    candidate: Option<usize>,
    /// Blocks that are open beyond `DEEPEST`: only counted.
    too_deep: usize,
    surplus: usize,
    unexpected: usize,
}

impl Builder<'_> {
    #[inline]
    fn piece(&mut self, base: usize, piece: Piece) {
        let (start, end) = (base + piece.start, base + piece.end);
        match piece.kind {
            Kind::Open => self.open_block(start),
            Kind::Close => self.close_block(start),
            _ if self.too_deep > 0 => {}
            Kind::Word => self.word(start, end, false, end),
            Kind::Quoted => {
                self.glued(start - 1);
                self.word(start, end, true, end + 1);
            }
            Kind::Unclosed => {
                self.glued(start - 1);
                self.word(start, end, true, end);
                self.unclosed(start - 1);
            }
        }
    }

    #[inline]
    fn word(&mut self, start: usize, end: usize, quoted: bool, stop: usize) {
        match &mut self.pending {
            Some(pending) => pending.stop = stop,
            None => {
                self.pending = Some(Pending {
                    words: self.words.len(),
                    stop,
                })
            }
        }
        self.words.push(WordRange::new(start, end, quoted));
    }

    /// `script" pidof nginx "`, as tutorials have it.
    fn glued(&mut self, quote: usize) {
        let keyword = self
            .pending
            .as_ref()
            .and_then(|pending| self.words.get(pending.words));
        let Some(keyword) = keyword.filter(|word| word.end() == quote && !word.quoted()) else {
            return;
        };
        let name = quoted_text(self.text, *keyword);
        let span = self.text.span(quote, 1);
        self.diagnostics.advise(
            Class::Warning,
            span,
            format!("no blank between '{name}' and the quote"),
            format!("write '{name} \"...\"'"),
        );
    }

    fn unclosed(&mut self, quote: usize) {
        let keyword = self
            .pending
            .as_ref()
            .and_then(|pending| self.words.get(pending.words));
        let raw = |word: &WordRange| {
            let bytes = self
                .text
                .text()
                .get(word.start as usize..word.end())
                .unwrap_or_default();
            self.options
                .reads_raw
                .is_some_and(|reads_raw| reads_raw(bytes))
        };
        if !keyword.is_some_and(raw) {
            let span = self.text.span(quote, 1);
            let help = "close it on the same line; the rest of the line was taken for its text";
            self.diagnostics.advise(
                Class::UnmatchedQuote,
                span,
                "this quote is not closed",
                help,
            );
        }
    }

    /// Makes a node of the words so far.
    #[inline]
    fn end_statement(&mut self, brace: Option<usize>) -> Option<usize> {
        let pending = self.pending.take()?;
        let index = self.nodes.len();
        let brace = brace.map_or(NO_BLOCK, |brace| brace as u32);
        self.nodes.push(Node {
            words: pending.words as u32,
            stop: pending.stop as u32,
            end: index as u32 + 1,
            brace,
        });
        self.candidate = Some(index);
        Some(index)
    }

    fn open_block(&mut self, brace: usize) {
        if self.too_deep > 0 {
            self.too_deep += 1;
            return;
        }
        self.end_statement(None);
        let Some(index) = self.candidate.take() else {
            if let Some(top) = self.open.last_mut() {
                top.unexpected += 1;
            }
            self.unexpected += 1;
            if self.unexpected <= TOLD {
                let span = self.text.span(brace, 1);
                let help = "remove it and its '}', or put the keyword it belongs to before it";
                self.diagnostics.advise(
                    Class::Braces,
                    span,
                    "'{' without a keyword before it",
                    help,
                );
            }
            return;
        };
        let name = self.name(index);
        if self.open.len() > 1
            && self
                .options
                .root_only
                .is_some_and(|root_only| root_only(&name))
        {
            let message = format!("'{}' inside {}", quote(&name), self.describe_innermost());
            let help = "a '}' is missing before this line; read as if it stood there";
            let span = self.text.span(
                self.word_of(index)
                    .map_or(brace, |word| word.start as usize),
                name.len(),
            );
            self.diagnostics.advise(Class::Braces, span, message, help);
            for open in self.open.drain(1..) {
                close(&mut self.nodes, open, index);
            }
        }
        if self.open.len() > DEEPEST {
            self.too_deep = 1;
            let span = self.text.span(brace, 1);
            let help = format!(
                "nothing needs more than a few; what lies deeper than {DEEPEST} is not read"
            );
            self.diagnostics.advise(
                Class::Braces,
                span,
                "blocks lie too deep in one another",
                help,
            );
            return;
        }
        if let Some(node) = self.nodes.get_mut(index) {
            node.brace = brace as u32;
        }
        self.open.push(Open {
            node: Some(index as u32),
            unexpected: 0,
        });
    }

    fn close_block(&mut self, brace: usize) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        self.end_statement(None);
        self.candidate = None;
        match self.open.last_mut() {
            Some(top) if top.unexpected > 0 => top.unexpected -= 1,
            Some(Open { node: Some(_), .. }) => {
                let end = self.nodes.len();
                if let Some(open) = self.open.pop() {
                    close(&mut self.nodes, open, end);
                }
            }
            _ => {
                self.surplus += 1;
                if self.surplus <= TOLD {
                    let span = self.text.span(brace, 1);
                    let help = "remove it, or look for a '}' too many before it";
                    self.diagnostics.advise(
                        Class::Braces,
                        span,
                        "'}' without a block to close",
                        help,
                    );
                }
            }
        }
    }

    /// Closes what is still open, and says so.
    fn finish(&mut self) {
        let count = self.nodes.len();
        let unclosed: Vec<Open> = self.open.drain(1..).collect();
        let mut untold = self.surplus.saturating_sub(TOLD) + self.unexpected.saturating_sub(TOLD);
        for (place, open) in unclosed.into_iter().enumerate() {
            let node = open
                .node
                .and_then(|node| self.nodes.get(node as usize))
                .copied();
            close(&mut self.nodes, open, count);
            let Some(node) = node.filter(|_| place < TOLD) else {
                untold += 1;
                continue;
            };
            let name = self
                .words
                .get(node.words as usize)
                .map(|word| quoted_text(self.text, *word))
                .unwrap_or_default();
            let span = self.text.span(node.brace as usize, 1);
            let help = "add a '}' where it should end; it was read up to the end of the file";
            self.diagnostics.advise(
                Class::Braces,
                span,
                format!("the block of '{name}' that begins here is never closed"),
                help,
            );
        }
        if untold > 0 {
            self.diagnostics.say(
                Class::Braces,
                None,
                format!("{untold} more braces do not match"),
            );
        }
    }

    fn word_of(&self, node: usize) -> Option<WordRange> {
        self.nodes
            .get(node)
            .and_then(|node| self.words.get(node.words as usize))
            .copied()
    }

    fn name(&self, node: usize) -> Vec<u8> {
        let range = self
            .word_of(node)
            .map_or(0..0, |word| word.start as usize..word.end());
        self.text.text().get(range).unwrap_or_default().to_vec()
    }

    fn describe_innermost(&self) -> String {
        let node = self.open.last().and_then(|open| open.node).unwrap_or(0) as usize;
        let line = self
            .nodes
            .get(node)
            .map_or(0, |node| self.text.span(node.brace as usize, 1).line);
        format!(
            "the block of '{}' that begins at line {line}",
            quote(&self.name(node))
        )
    }
}

fn close(nodes: &mut [Node], open: Open, end: usize) {
    if let Some(node) = open.node.and_then(|node| nodes.get_mut(node as usize)) {
        node.end = end as u32;
    }
}

fn quoted_text(text: &Expanded, word: WordRange) -> String {
    quote(
        text.text()
            .get(word.start as usize..word.end())
            .unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests;
