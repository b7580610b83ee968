//! `vrrp_track_process`: how many processes of a kind there are.

use super::Context;
use super::state::Builder;
use crate::config::diagnostic::{Class, Span, quote};
use crate::config::keywords::Block;
use crate::config::model::{ParameterMatch, ProcessMatch, TrackProcess};
use crate::config::read::Item;
use std::collections::hash_map::Entry;
use std::time::Duration;

/// A `vrrp_track_process` as it was read.
#[derive(Default)]
struct Draft {
    command: Option<(Vec<Vec<u8>>, Span)>,
    how: Option<ParameterMatch>,
    full_command: bool,
    weight: (i32, bool),
    quorum: Option<u32>,
    quorum_max: Option<u32>,
    fork_delay: Duration,
    terminate_delay: Duration,
}

/// Reads a `vrrp_track_process`.
pub(super) fn read(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    let (Some(name), Some(statements)) = (item.block_name(context), item.open(context)) else {
        return;
    };
    let mut draft = Draft::default();
    context.each_statement(Block::VrrpTrackProcess, statements, |context, item| {
        draft.statement(context, &item);
    });
    let least = draft.quorum.unwrap_or(1);
    let most = draft.quorum_max.unwrap_or(u32::MAX);
    let quorum = match most {
        // None may run: a least number has no meaning beside it.
        0 => (0, 0),
        _ if least > most => {
            context.fault(
                item.span(),
                format!("({name}) quorum {least} is above quorum_max {most}"),
                "quorum_max is ignored",
            );
            (least, u32::MAX)
        }
        _ => (least, most),
    };
    let Some(matching) = draft.matching(context) else {
        context.fault(
            item.span(),
            format!("No process set for vrrp_track_process {name} - removing"),
            "add: process NAME",
        );
        return;
    };
    if let Entry::Vacant(place) = builder.tracked.processes.entry(name.to_owned()) {
        place.insert(draft.weight);
        builder.model.vrrp.processes.push(TrackProcess {
            name: name.to_owned(),
            matching,
            quorum,
            weight: draft.weight.0,
            reverse: draft.weight.1,
            fork_delay: draft.fork_delay,
            terminate_delay: draft.terminate_delay,
        });
    }
}

impl Draft {
    fn statement(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        match item.name() {
            "process" => {
                let words = item.statement.arguments();
                let words: Vec<Vec<u8>> = words.map(|word| word.bytes().to_vec()).collect();
                if item.required(context).is_some() {
                    self.command = Some((words, item.span()));
                }
            }
            "param_match" => {
                self.how = match item.argument(0) {
                    None => Some(ParameterMatch::Exact),
                    Some(_) => match item.choice(context) {
                        Some("initial") => Some(ParameterMatch::Initial),
                        Some(_) => Some(ParameterMatch::Partial),
                        None => self.how,
                    },
                }
            }
            "full_command" => self.full_command = true,
            "weight" => self.weight = item.weight(context).unwrap_or(self.weight),
            "quorum" => self.quorum = item.u32(context).or(self.quorum),
            "quorum_max" => self.quorum_max = item.u32(context).or(self.quorum_max),
            "fork_delay" => self.fork_delay = item.duration(context).unwrap_or(self.fork_delay),
            "terminate_delay" => {
                self.terminate_delay = item.duration(context).unwrap_or(self.terminate_delay);
            }
            "delay" => {
                if let Some(delay) = item.duration(context) {
                    (self.fork_delay, self.terminate_delay) = (delay, delay);
                }
            }
            _ => item.check(context),
        }
    }

    /// Which processes are meant; parameters, and the word that says how to compare them, ask for the whole command line.
    fn matching(&mut self, context: &mut Context<'_>) -> Option<ProcessMatch> {
        let (mut words, span) = self.command.take()?;
        let parameters = words.split_off(1);
        let program = words.pop()?;
        let usual = if parameters.is_empty() {
            ParameterMatch::None
        } else {
            ParameterMatch::Exact
        };
        if !self.full_command && self.how.is_none() && parameters.is_empty() {
            if program.starts_with(b"/") {
                let message = format!(
                    "process {} is compared with names of processes, which have no path",
                    quote(&program)
                );
                context.diagnostics.advise(
                    Class::Note,
                    span,
                    message,
                    "add full_command, or write the name alone as 'ps -o comm' shows it",
                );
            }
            return Some(ProcessMatch::Name(program));
        }
        Some(ProcessMatch::Command {
            program,
            parameters,
            how: self.how.unwrap_or(usual),
        })
    }
}
