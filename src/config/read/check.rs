//! Statements that nothing acts on yet, checked all the same: by the form of their row alone.

use super::{Item, number};
use crate::config::build::Context;
use crate::config::diagnostic::quote;
use crate::config::keywords::form::{Custom, Head, Strictness};
use crate::config::keywords::{Block, Form};
use crate::config::tree::Statements;

impl<'t> Item<'t> {
    /// Reads the statement as its row says and throws the values away: only the messages count.
    pub fn check(&self, context: &mut Context<'_>) {
        match self.keyword.form {
            Form::Flag | Form::Words | Form::OptionalWord => {}
            Form::Bool => drop(self.bool(context)),
            Form::Int(..) => drop(self.int(context)),
            Form::OptionalInt(..) if self.count() > 0 => drop(self.int(context)),
            Form::OptionalChoice(_) if self.count() > 0 => drop(self.choice(context)),
            Form::OptionalScript if self.count() > 0 => self.checked_script(context),
            Form::OptionalInt(..) | Form::OptionalChoice(_) | Form::OptionalScript => {}
            Form::AllInt(..) => drop(self.all_int(context)),
            Form::Seconds(..) | Form::Millis(..) => drop(self.duration(context)),
            Form::Word | Form::Command => drop(self.text(context)),
            Form::Interface => drop(self.existing_interface(context)),
            Form::Address => drop(self.address(context)),
            Form::Multicast(_) => drop(self.multicast(context)),
            Form::Server => drop(self.endpoint(context)),
            Form::Choice(_) | Form::AnyCase(_) => drop(self.choice(context)),
            Form::Weight(..) => drop(self.weight(context)),
            Form::Script => self.checked_script(context),
            Form::User => drop(self.user(context)),
            Form::Fifo => self.check_fifo(context),
            Form::Escaped => self.check_regex(context),
            Form::Custom(custom) => self.check_custom(context, custom),
            Form::Lines(_) => drop(self.open(context)),
            Form::Block(block, head) => self.check_block(context, block, head),
        }
    }

    fn check_block(&self, context: &mut Context<'_>, block: Block, head: Head) {
        match head {
            Head::Name => drop(self.block_name(context)),
            Head::Endpoint => drop(self.endpoint(context)),
            Head::Nothing | Head::Service => {}
        }
        if let Some(children) = self.open(context) {
            check_statements(context, block, children);
        }
    }

    fn checked_script(&self, context: &mut Context<'_>) {
        let script = self.script(context);
        script.and_then(|script| context.vouch(script));
    }

    /// An interface that must exist.
    pub fn existing_interface(&self, context: &mut Context<'_>) -> Option<&'t str> {
        let name = self.interface(context)?;
        context.must_exist(name, self.argument_span(0));
        Some(name)
    }

    /// `IP [PORT]`; port 0 means none.
    pub fn endpoint(&self, context: &mut Context<'_>) -> Option<(std::net::IpAddr, Option<u16>)> {
        let address = self.address(context)?;
        let port = match self.argument(1) {
            None => None,
            Some(word) => Some(number::integer(
                context,
                word,
                0,
                u16::MAX.into(),
                Strictness::Strict,
            )?),
        };
        Some((
            address,
            port.and_then(|port| u16::try_from(port).ok())
                .filter(|port| *port != 0),
        ))
    }

    /// `INT [reverse]`: the weight and whether it is reversed.
    pub fn weight(&self, context: &mut Context<'_>) -> Option<(i32, bool)> {
        let weight = self.int(context)?;
        let reverse = match self.argument(1) {
            None => false,
            Some(word) if word == "reverse" => true,
            Some(word) if word == "noreverse" && self.keyword.syntax.contains("noreverse") => false,
            Some(word) => {
                let message = format!("unknown weight option '{}'", quote(word.bytes()));
                context.fault(
                    word.span(),
                    message,
                    "only 'reverse' may follow the weight; the word is ignored",
                );
                false
            }
        };
        Some((i32::try_from(weight).ok()?, reverse))
    }

    fn check_fifo(&self, context: &mut Context<'_>) {
        if self.required(context).is_none() {
            return;
        }
        if let Some(user) = self.argument(1)
            && context
                .account(user.bytes(), self.argument(2).map(|word| word.bytes()))
                .is_none()
        {
            let message = format!(
                "Unable to set uid/gid for {} '{}'",
                self.name(),
                quote(user.bytes())
            );
            context.fault(
                user.span(),
                message,
                "the user or its group does not exist on this host",
            );
        }
    }

    fn check_regex(&self, context: &mut Context<'_>) {
        match self.statement.shell_words() {
            Err(diagnostic) => context.diagnostics.push(diagnostic),
            Ok(words) if words.len() == 1 => {}
            Ok(_) => context.fault(
                self.span(),
                format!("{} takes exactly one pattern", self.name()),
                "put the pattern in double quotes",
            ),
        }
    }

    /// The few forms of their own; those with more to them are checked by the builders of their blocks.
    fn check_custom(&self, context: &mut Context<'_>, custom: Custom) {
        let integers = |context: &mut Context<'_>, low: i64, high: i64| {
            for index in 0..self.count() {
                if let Some(word) = self.argument(index) {
                    number::integer(context, word, low, high, Strictness::Strict);
                }
            }
        };
        match custom {
            Custom::Cpus => {
                const MOST_CPUS: i64 = 8191;
                self.required(context);
                integers(context, 0, MOST_CPUS);
            }
            Custom::TwoInts => integers(context, 0, i32::MAX.into()),
            Custom::UseVmac
            | Custom::UseIpvlan
            | Custom::IncludeCheck
            | Custom::InitFile
            | Custom::HexPattern => {}
            _ => drop(self.required(context)),
        }
    }
}

/// Checks the statements of a block that nothing acts on yet.
pub(crate) fn check_statements(
    context: &mut Context<'_>,
    block: Block,
    statements: Statements<'_>,
) {
    context.each_statement(block, statements, |context, item| item.check(context));
}
