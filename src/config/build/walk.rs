//! The walk over the statements of a block.

use super::Context;
use crate::config::diagnostic::{Class, quote};
use crate::config::keywords::{Block, Deprecation, Form, Keyword, Repeated, advise, taught_slip};
use crate::config::read::Item;
use crate::config::tree::{Statement, Statements};

/// Which rows of a block were met: one bit each.
#[derive(Default)]
struct Seen([u64; 4]);

impl Seen {
    /// Marks a row; whether it was marked before.
    fn mark(&mut self, place: usize) -> bool {
        let Some(bits) = self.0.get_mut(place / 64) else {
            return false;
        };
        let bit = 1u64 << (place % 64);
        let before = *bits & bit != 0;
        *bits |= bit;
        before
    }
}

impl Context<'_> {
    /// Calls `act` for each statement of a block that the block knows, in order. Unknown ones are reported and lost with their own
    /// block, and with nothing else.
    pub fn each_statement<'t>(
        &mut self,
        block: Block,
        statements: Statements<'t>,
        mut act: impl FnMut(&mut Self, Item<'t>),
    ) {
        let mut seen = Seen::default();
        for statement in statements {
            let mut rest = Some(statement);
            while let Some(statement) = rest.take() {
                let Some(keyword) = self.recognise(block, statement) else {
                    continue;
                };
                let statement = match self.next_on_line(block, keyword, statement) {
                    Some((this, next)) => {
                        rest = Some(next);
                        this
                    }
                    None => statement,
                };
                let item = Item {
                    keyword,
                    block,
                    statement,
                };
                if statement.has_block() && !keyword.form.opens_block() {
                    self.diagnostics.advise(
                        Class::Braces,
                        statement.block_span(),
                        "Unexpected '{' - ignoring",
                        format!(
                            "{} takes no block; what stands inside the braces is ignored",
                            keyword.word
                        ),
                    );
                }
                if seen.mark(block.place(keyword)) && !self.repeated(&item) {
                    continue;
                }
                if !keyword.acts {
                    self.pend(&item);
                }
                self.inside(!keyword.acts, |context| act(context, item));
            }
        }
    }

    /// The row of a statement; of a synonym, the row it stands for.
    fn recognise(&mut self, block: Block, statement: Statement<'_>) -> Option<&'static Keyword> {
        let word = statement.keyword();
        let Some(row) = block.find(word.bytes()) else {
            return self.unknown(block, statement);
        };
        let meant = row
            .same_as
            .and_then(|target| block.find(target))
            .unwrap_or(row);
        let instead = row
            .see
            .and_then(|see| see.split_once("use "))
            .map(|(_, other)| other);
        let advice = match (row.same_as, instead) {
            (Some(other), _) => format!(" - please use '{other}'"),
            (None, Some(other)) if other.contains(' ') => format!(" - please use {other}"),
            (None, Some(other)) => format!(" - please use '{other}'"),
            (None, None) => String::new(),
        };
        let class = match row.deprecation {
            Deprecation::No => return Some(meant),
            Deprecation::Said => Class::Note,
            Deprecation::Counted => Class::Deprecated,
        };
        self.diagnostics.say(
            class,
            word.span(),
            format!("{} is deprecated{advice}", row.word),
        );
        Some(meant)
    }

    fn unknown(&mut self, block: Block, statement: Statement<'_>) -> Option<&'static Keyword> {
        let word = statement.keyword();
        let message = format!("Unknown keyword '{}'", quote(word.bytes()));
        if let Some(meant) = taught_slip(block, word.bytes()) {
            let help = format!("it is taken as '{}'; write it that way", meant.word);
            self.diagnostics
                .advise(Class::UnknownKeyword, word.span(), message, help);
            return Some(meant);
        }
        let lost = if statement.has_block() {
            "the block is ignored"
        } else {
            "the line is ignored"
        };
        // Comparing the word with every keyword there is takes its time.
        let advice = Some(word)
            .filter(|_| !self.diagnostics.is_full())
            .and_then(|word| advise(block, word.as_str()?))
            .map(|advice| advice.help());
        let help = advice.map_or(lost.to_owned(), |advice| format!("{advice} ({lost})"));
        self.diagnostics
            .advise(Class::UnknownKeyword, word.span(), message, help);
        None
    }

    /// A keyword met again; whether it is to be acted on.
    fn repeated(&mut self, item: &Item<'_>) -> bool {
        let (span, word) = (item.statement.keyword().span(), item.name());
        match item.keyword.repeated {
            Repeated::Last | Repeated::Appends => true,
            Repeated::KeepsFirst => {
                self.fault(
                    span,
                    format!("{word} has already been specified - ignoring"),
                    "the first one counts; remove this one",
                );
                false
            }
            Repeated::ReplacesLoudly => {
                self.fault(
                    span,
                    format!("{word} has already been specified - replacing"),
                    "this one counts; remove the other",
                );
                true
            }
        }
    }

    /// Splits a line on which another statement follows: words behind those that the keyword takes, the first of which is a
    /// keyword of the same block.
    fn next_on_line<'t>(
        &mut self,
        block: Block,
        keyword: &'static Keyword,
        statement: Statement<'t>,
    ) -> Option<(Statement<'t>, Statement<'t>)> {
        let most = keyword.form.words()?;
        let least = usize::from(keyword.form.requires_argument());
        if statement.len() <= 1 + least || matches!(keyword.form, Form::Escaped) {
            return None;
        }
        let starts = |index: &usize| {
            let word = statement.word(*index);
            word.is_some_and(|word| !word.quoted() && block.find(word.bytes()).is_some())
        };
        let index = (1 + least..=1 + most.max(least)).find(starts)?;
        let (this, next) = statement.split(index)?;
        let word = next.keyword();
        let message = format!(
            "'{}' starts another statement on the same line",
            quote(word.bytes())
        );
        self.diagnostics.advise(
            Class::Warning,
            word.span(),
            message,
            "write it on a line of its own: keepalived ignores it here",
        );
        Some((this, next))
    }
}
