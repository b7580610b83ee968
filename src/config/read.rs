//! The words of a statement as values, by the form that its row in the keyword table gives: ranges are checked here, in
//! keepalived's wording where people search logs for it. What a value means is `build`'s.

mod check;
mod number;
mod script;

pub use number::{parse_decimal, parse_integer};
pub use script::Script;

use super::build::Context;
use super::diagnostic::{Class, Span, quote};
use super::keywords::form::{Family, Head, Strictness};
use super::keywords::{Block, Form, Keyword, Missing};
use super::tree::{Statement, Statements, Word};
use std::net::IpAddr;
use std::time::Duration;

/// The longest name of an interface, in bytes (IFNAMSIZ less its NUL).
pub const INTERFACE_NAME_MAX: usize = 15;

/// A statement that its block knows.
#[derive(Clone, Copy, Debug)]
pub struct Item<'t> {
    /// Its row in the table; of a synonym, the row of the spelling it stands for.
    pub keyword: &'static Keyword,
    /// Where it stands.
    pub block: Block,
    /// Its words and its block.
    pub statement: Statement<'t>,
}

impl<'t> Item<'t> {
    /// The keyword, in its proper spelling.
    pub fn name(&self) -> &'static str {
        self.keyword.word
    }

    /// The place of the statement.
    pub fn span(&self) -> Span {
        self.statement.span()
    }

    /// A word behind the keyword, 0 being the first.
    pub fn argument(&self, index: usize) -> Option<Word<'t>> {
        self.statement.word(index + 1)
    }

    /// How many words stand behind the keyword.
    pub fn count(&self) -> usize {
        self.statement.len().saturating_sub(1)
    }

    /// The place of an argument; of the keyword when there is none.
    pub fn argument_span(&self, index: usize) -> Span {
        self.argument(index)
            .unwrap_or(self.statement.keyword())
            .span()
    }

    /// The first argument; says what its absence means.
    pub fn required(&self, context: &mut Context<'_>) -> Option<Word<'t>> {
        self.required_at(context, 0)
    }

    /// An argument; says what its absence means.
    pub fn required_at(&self, context: &mut Context<'_>, index: usize) -> Option<Word<'t>> {
        let found = self.argument(index);
        if found.is_none() {
            let (word, span) = (self.name(), self.statement.keyword().span());
            let help = format!("write: {word} {}", self.keyword.syntax);
            match self.keyword.missing {
                Missing::Refuses => context.diagnostics.advise(
                    Class::MissingArgument,
                    span,
                    missing_argument(word, index),
                    help,
                ),
                Missing::Warns => context.diagnostics.advise(
                    Class::General,
                    span,
                    missing_argument(word, index),
                    help,
                ),
                Missing::Quiet => {}
            }
        }
        found
    }

    /// The name in front of a block; says when there is none, or words behind it.
    pub fn block_name(&self, context: &mut Context<'_>) -> Option<&'t str> {
        let Some(word) = self.argument(0) else {
            let word = self.name();
            match self.keyword.missing {
                Missing::Refuses => return self.required(context).and(None),
                _ => context.diagnostics.advise(
                    Class::General,
                    self.statement.keyword().span(),
                    format!("{word} must have a name"),
                    format!("write: {word} NAME {{; the block is ignored"),
                ),
            }
            return None;
        };
        self.extra_head_words(context, 1);
        self.utf8(context, word)
    }

    fn extra_head_words(&self, context: &mut Context<'_>, expected: usize) {
        if let Some(extra) = self.argument(expected) {
            let message = format!(
                "Block {} has extra parameters {} ...",
                self.name(),
                quote(extra.bytes())
            );
            context.diagnostics.advise(
                Class::General,
                extra.span(),
                message,
                "the words before the '{' that do not belong there are ignored",
            );
        }
    }

    /// The statements or lines of the block; says when there is no block where one belongs, or a word before the brace of a value
    /// block.
    pub fn open(&self, context: &mut Context<'_>) -> Option<Statements<'t>> {
        if !self.statement.has_block() {
            let message = format!("Missing '{{' after {}", self.name());
            let help = format!(
                "write: {} {}; this line has no effect",
                self.name(),
                self.keyword.syntax
            );
            context
                .diagnostics
                .advise(Class::Braces, self.span(), message, help);
            return None;
        }
        if matches!(
            self.keyword.form,
            Form::Lines(_) | Form::Block(_, Head::Nothing)
        ) && self.name() != "virtual_server_group"
        {
            self.extra_head_words(context, 0);
        }
        Some(self.statement.children())
    }

    /// A boolean; nothing means true. None when it is neither.
    pub fn bool(&self, context: &mut Context<'_>) -> Option<bool> {
        let Some(word) = self.argument(0) else {
            return Some(true);
        };
        let value = parse_bool(word.bytes());
        if value.is_none() {
            let message = format!(
                "Invalid {} parameter '{}'",
                self.name(),
                quote(word.bytes())
            );
            context.diagnostics.advise(
                Class::General,
                word.span(),
                message,
                "write on, off, true, false, yes or no, in lower case",
            );
        }
        value
    }

    /// An integer in the range of the row.
    pub fn int(&self, context: &mut Context<'_>) -> Option<i64> {
        let (low, high, strictness) = match self.keyword.form {
            Form::Int(low, high, strictness) | Form::OptionalInt(low, high, strictness) => {
                (low, high, strictness)
            }
            Form::Weight(low, high) => (low, high, Strictness::Strict),
            _ => return None,
        };
        let word = self.required(context)?;
        number::integer(context, word, low, high, strictness)
    }

    /// `[all] NUMBER`: whether `all` stands there, and the number.
    pub fn all_int(&self, context: &mut Context<'_>) -> Option<(bool, i64)> {
        let Form::AllInt(low, high) = self.keyword.form else {
            return None;
        };
        let all = self.argument(0).is_some_and(|word| word == "all");
        let word = self.required_at(context, usize::from(all))?;
        number::integer(context, word, low, high, Strictness::Strict).map(|number| (all, number))
    }

    /// The same as an unsigned number of 32 bits.
    pub fn u32(&self, context: &mut Context<'_>) -> Option<u32> {
        self.int(context)
            .and_then(|value| u32::try_from(value).ok())
    }

    /// Whole seconds.
    pub fn whole_seconds(&self, context: &mut Context<'_>) -> Option<Duration> {
        self.u32(context)
            .map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// Decimal seconds or milliseconds in the range of the row.
    pub fn duration(&self, context: &mut Context<'_>) -> Option<Duration> {
        let (low, high, unit) = match self.keyword.form {
            Form::Seconds(low, high, decimals) => (low, high, number::Unit::Seconds { decimals }),
            Form::Millis(low, high) => (low, high, number::Unit::Milliseconds),
            _ => return None,
        };
        let word = self.required(context)?;
        number::decimal(context, word, low, high, unit).map(Duration::from_micros)
    }

    /// One word as text.
    pub fn text(&self, context: &mut Context<'_>) -> Option<&'t str> {
        let word = self.required(context)?;
        self.utf8(context, word)
    }

    fn utf8(&self, context: &mut Context<'_>, word: Word<'t>) -> Option<&'t str> {
        let text = word.as_str();
        if text.is_none() {
            let message = format!(
                "{} '{}' is not valid UTF-8",
                self.name(),
                quote(word.bytes())
            );
            context.diagnostics.advise(
                Class::General,
                word.span(),
                message,
                "save the file as UTF-8, or keep to ASCII in names",
            );
        }
        text
    }

    /// One of the words of the row.
    pub fn choice(&self, context: &mut Context<'_>) -> Option<&'static str> {
        let (choices, any_case) = match self.keyword.form {
            Form::Choice(choices) | Form::OptionalChoice(choices) => (choices, false),
            Form::AnyCase(choices) => (choices, true),
            _ => return None,
        };
        let word = self.required(context)?;
        let same = |choice: &&&str| {
            choice.as_bytes() == word.bytes()
                || any_case && choice.as_bytes().eq_ignore_ascii_case(word.bytes())
        };
        let found = choices.iter().find(same).copied();
        if found.is_none() {
            let message = format!("unknown {} '{}'", self.name(), quote(word.bytes()));
            context.diagnostics.advise(
                Class::General,
                word.span(),
                message,
                format!("write one of {}", choices.join(", ")),
            );
        }
        found
    }

    /// The name of an interface, whether it exists or not.
    pub fn interface(&self, context: &mut Context<'_>) -> Option<&'t str> {
        let name = self.text(context)?;
        if name.len() > INTERFACE_NAME_MAX {
            let message = format!(
                "Interface name '{}' too long - ignoring",
                quote(name.as_bytes())
            );
            let help = format!("interface names have at most {INTERFACE_NAME_MAX} bytes");
            context
                .diagnostics
                .advise(Class::General, self.argument_span(0), message, help);
            return None;
        }
        Some(name)
    }

    /// An address. A prefix length behind it is cut off, as keepalived does without a word.
    pub fn address(&self, context: &mut Context<'_>) -> Option<IpAddr> {
        let word = self.required(context)?;
        let address = plain_address(context, word);
        if address.is_none() {
            let message = format!("Invalid {} address '{}'", self.name(), quote(word.bytes()));
            context.diagnostics.advise(
                Class::General,
                word.span(),
                message,
                "write an IPv4 or IPv6 address; names are not looked up here",
            );
        }
        address
    }

    /// A multicast address of the family that the row asks for.
    pub fn multicast(&self, context: &mut Context<'_>) -> Option<IpAddr> {
        let Form::Multicast(family) = self.keyword.form else {
            return None;
        };
        let address = self.address(context)?;
        let right_family = match family {
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
            Family::Either => true,
        };
        if right_family && address.is_multicast() {
            return Some(address);
        }
        let message = format!(
            "{} '{address}' is not {} multicast address",
            self.name(),
            match family {
                Family::V4 => "an IPv4",
                Family::V6 => "an IPv6",
                Family::Either => "a",
            }
        );
        context.diagnostics.advise(
            Class::General,
            self.argument_span(0),
            message,
            "the line has no effect; multicast is 224.0.0.0/4 or ff00::/8",
        );
        None
    }
}

/// Says that a keyword lacks one of its arguments, 0 being the first.
pub fn missing_argument(keyword: &str, index: usize) -> String {
    if index == 0 {
        format!("{keyword} needs a value")
    } else {
        format!("{keyword} needs {} values, only {index} given", index + 1)
    }
}

/// An address in a place where no prefix length belongs; one that is there is cut off with a note.
pub fn plain_address(context: &mut Context<'_>, word: Word<'_>) -> Option<IpAddr> {
    let text = word.as_str()?;
    let Some((address, prefix)) = text.split_once('/') else {
        return text.parse().ok();
    };
    let address = address.parse().ok()?;
    let message = format!(
        "'/{}' behind {address} has no meaning here",
        quote(prefix.as_bytes())
    );
    context
        .diagnostics
        .advise(Class::Note, word.span(), message, "write the address alone");
    Some(address)
}

/// A boolean word.
pub fn parse_bool(word: &[u8]) -> Option<bool> {
    match word {
        b"true" | b"on" | b"yes" => Some(true),
        b"false" | b"off" | b"no" => Some(false),
        _ => None,
    }
}
