//! What stands inside one line of a value block (`grammar/phrase.pest`): addresses, routes, rules, trackers, peers, delays. The
//! grammar tells options from values; each file here checks the values of one kind of line and names the word that is wrong.

mod address;
mod encap;
mod peer;
mod route;
mod route_values;
mod rule;
#[cfg(test)]
mod tests;
mod tracker;

pub use address::{AddressLine, address_line};
pub use peer::{PeerLine, peer_line};
pub use route::route_line;
pub use rule::rule_line;
pub use tracker::{Tracker, TrackerKind, link_delay, linkbeat, tracker};

use super::tree::{Statement, Word};
use pest::Parser;
use pest::iterators::{Pair, Pairs};
use std::borrow::Cow;
use std::net::IpAddr;

mod grammar {
    // The derive writes undocumented items.
    #![allow(missing_docs)]

    #[derive(pest_derive::Parser)]
    #[grammar = "../grammar/phrase.pest"]
    pub struct Grammar;
}

use grammar::{Grammar, Rule};

/// Stands for a blank inside a word, so that a blank always parts two words.
const INNER_BLANK: char = '\u{1f}';

/// The words of a line as one text, and the way back from a place in it to the word.
struct Phrase<'t> {
    text: String,
    starts: Vec<usize>,
    statement: Statement<'t>,
}

impl<'t> Phrase<'t> {
    fn new(statement: Statement<'t>) -> Self {
        let (mut text, mut starts) = (String::new(), Vec::with_capacity(statement.len()));
        for word in statement.words() {
            if !text.is_empty() {
                text.push(' ');
            }
            starts.push(text.len());
            text.extend(
                word.text()
                    .chars()
                    .map(|c| if c <= ' ' { INNER_BLANK } else { c }),
            );
            // An empty word ("") must still be one.
            if word.bytes().is_empty() {
                text.push(INNER_BLANK);
            }
        }
        Phrase {
            text,
            starts,
            statement,
        }
    }

    /// The parts of the line; none when the grammar does not know it, which cannot be while it ends in catch-alls.
    fn parse(&self, rule: Rule) -> Option<Pairs<'_, Rule>> {
        let line = Grammar::parse(rule, &self.text).ok()?.next()?;
        Some(line.into_inner())
    }

    /// The word that a part stands for.
    fn word(&self, pair: &Pair<'_, Rule>) -> Word<'t> {
        let start = pair.as_span().start();
        let index = self
            .starts
            .partition_point(|s| *s <= start)
            .saturating_sub(1);
        self.statement
            .word(index)
            .unwrap_or(self.statement.keyword())
    }
}

/// An address with its prefix length, as `ADDRESS[/LENGTH]`.
struct Prefixed {
    address: IpAddr,
    /// The length as it was written, valid or not.
    prefix: Option<Result<u8, ()>>,
}

impl Prefixed {
    fn parse(text: &str) -> Option<Prefixed> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let prefix = prefix.map(|digits| match digits.parse::<u8>() {
            Ok(length)
                if length <= full_length(address) && digits.bytes().all(|b| b.is_ascii_digit()) =>
            {
                Ok(length)
            }
            _ => Err(()),
        });
        Some(Prefixed { address, prefix })
    }

    /// The valid length, else the full one.
    fn length(&self) -> u8 {
        self.prefix
            .and_then(Result::ok)
            .unwrap_or(full_length(self.address))
    }
}

/// The prefix length of a single address.
pub fn full_length(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// A word as text.
fn text<'t>(word: &Word<'t>) -> Cow<'t, str> {
    word.text()
}
