//! Whether an instance answers what is sent to its virtual addresses while it does not own them, and the words about those that do not.

use super::super::Context;
use super::super::instance::Draft;
use super::super::state::Builder;
use super::OWNER;
use crate::config::diagnostic::{Class, Span};
use crate::config::model::Version;

/// How many instances a message names.
const NAMED: usize = 3;

/// An instance whose virtual addresses do not answer.
pub(in crate::config::build) struct Unanswered {
    name: String,
    /// Where that is said, or the instance.
    at: Span,
    /// It is because strict mode has it so.
    strict: bool,
}

/// Accept_Mode (RFC 9568 section 6.1), on unless said otherwise or strict.
pub(super) fn accept(
    builder: &mut Builder,
    context: &mut Context<'_>,
    draft: &Draft,
    (version, priority, strict): (Version, u8, bool),
    span: Span,
) -> bool {
    let owner = priority == OWNER;
    let accepts = match draft.accept {
        Some((true, at)) if strict && version == Version::V2 && !owner => {
            let message = format!(
                "({}) warning - accept mode for VRRP version 2 does not comply with RFC3768 - resetting",
                draft.name
            );
            let help = "write version 3, or remove vrrp_strict and strict_mode, or the line";
            context.fault(at, message, help);
            false
        }
        Some((accepts, _)) => accepts,
        None => !strict || owner,
    };
    if !accepts && !owner {
        builder.unanswered.push(Unanswered {
            name: draft.name.clone(),
            at: draft.accept.map_or(span, |(_, at)| at),
            strict: strict && !matches!(draft.accept, Some((false, _))),
        });
    }
    accepts
}

/// Warns of addresses that will not answer: nobody who did not ask for that in so many words expects it.
pub(in crate::config::build) fn report(builder: &Builder, context: &mut Context<'_>) {
    let Some(first) = builder.unanswered.first() else {
        return;
    };
    let mut names: Vec<&str> = builder
        .unanswered
        .iter()
        .map(|instance| instance.name.as_str())
        .collect();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let names = names.join(", ");
    let more = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "WARNING - the virtual addresses of {names}{more} will not answer: neither ping nor any service of this host is reached through \
         them, they only lead traffic on"
    );
    let help = if builder.unanswered.iter().any(|instance| instance.strict) {
        "strict mode has it so for all but the address owner (priority 255): remove vrrp_strict and strict_mode, or write version 3 and accept"
    } else {
        "no_accept has it so: write accept if they are to answer"
    };
    context
        .diagnostics
        .advise(Class::Note, first.at, message, help);
}
