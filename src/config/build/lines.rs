//! Value blocks that several owners have: trackers, routes, rules, lists of names.

use super::Context;
use super::state::Tracked;
use crate::config::diagnostic::{Class, Span, quote};
use crate::config::keywords::Form;
use crate::config::keywords::form::Line;
use crate::config::model::{
    Holdings, Tracked as TrackedObject, TrackedInterface, TrackerKind as ObjectKind,
};
use crate::config::phrase::{TrackerKind, route_line, rule_line, tracker};
use crate::config::read::Item;
use crate::config::tree::{Statement, Statements};
use std::collections::HashSet;

/// Every word of every line.
pub(super) fn names(context: &mut Context<'_>, lines: Statements<'_>) -> Vec<(String, Span)> {
    let mut found = Vec::new();
    for line in lines {
        no_block(context, line);
        found.extend(
            line.words()
                .map(|word| (word.text().into_owned(), word.span())),
        );
    }
    found
}

/// A line of a value block that opens a block of its own: said, and the inner block is lost.
pub(super) fn no_block(context: &mut Context<'_>, line: Statement<'_>) {
    if line.has_block() {
        let message = format!("Unexpected '{{' after '{}'", quote(line.keyword().bytes()));
        context.diagnostics.advise(
            Class::Braces,
            line.block_span(),
            message,
            "a line of this block takes no braces; what stands inside them is ignored",
        );
    }
}

/// The routes or rules of an instance.
pub(super) fn routes_and_rules(
    context: &mut Context<'_>,
    item: &Item<'_>,
    holdings: &mut Holdings,
) {
    let Some(lines) = item.open(context) else {
        return;
    };
    for line in lines {
        no_block(context, line);
        match item.keyword.form {
            Form::Lines(Line::Routes) => {
                let read = route_line(context, line, false);
                holdings.routes.extend(read.map(|(route, _)| route));
            }
            _ => {
                let read = rule_line(context, line, false);
                holdings.rules.extend(read.map(|(rule, _)| rule));
            }
        }
    }
}

/// The trackers of an instance or a group, put to those of it that stand already.
pub(super) fn trackers(
    context: &mut Context<'_>,
    tracked: &Tracked,
    item: &Item<'_>,
    owner: &str,
    met: &mut Met,
) {
    let (kind, known) = match item.keyword.form {
        Form::Lines(Line::TrackInterfaces) => (TrackerKind::Interface, None),
        Form::Lines(Line::TrackScripts) => (TrackerKind::Script, Some(&tracked.scripts)),
        Form::Lines(Line::TrackFiles) => (TrackerKind::File, Some(&tracked.files)),
        Form::Lines(Line::TrackProcesses) => (TrackerKind::Process, Some(&tracked.processes)),
        _ => (TrackerKind::Bfd, Some(&tracked.bfds)),
    };
    let Some(lines) = item.open(context) else {
        return;
    };
    for line in lines {
        no_block(context, line);
        let Some(tracker) = tracker(context, owner, kind, line) else {
            continue;
        };
        let name = tracker.name.text().into_owned();
        let span = tracker.name.span();
        let what = kind.name();
        match known {
            Some(known) if !known.contains_key(&name) => {
                let help = format!(
                    "define it above with {}, or correct the name",
                    definition(kind)
                );
                context.fault(
                    span,
                    format!(
                        "({owner}) track {what} {} not found, ignoring...",
                        quote(name.as_bytes())
                    ),
                    help,
                );
                continue;
            }
            None if !context.interface_exists(&name) && !context.dynamic_interfaces => {
                let message = format!(
                    "({owner}) tracked interface {} doesn't exist",
                    quote(name.as_bytes())
                );
                context.fault(span, message, "name an interface that 'ip link' shows, or set dynamic_interfaces in global_defs");
                continue;
            }
            _ => {}
        }
        if !met.names.insert((kind as u8, name.clone())) {
            context.fault(
                span,
                format!("({owner}) {what} {name} is tracked twice"),
                "remove one of the lines; the first one counts",
            );
            continue;
        }
        let (usual_weight, usually_reverse) = known
            .and_then(|known| known.get(&name).copied())
            .unwrap_or_default();
        met.lines.push(TrackedLine {
            kind,
            name,
            span,
            weight: tracker.weight.unwrap_or(usual_weight),
            // A weight of its own has a direction of its own, but that of a session is the session's.
            reverse: tracker.reverse.unwrap_or(
                usually_reverse && (tracker.weight.is_none() || kind == TrackerKind::Bfd),
            ),
        });
    }
}

fn definition(kind: TrackerKind) -> &'static str {
    match kind {
        TrackerKind::Interface => "an interface",
        TrackerKind::Script => "vrrp_script",
        TrackerKind::File => "track_file",
        TrackerKind::Process => "vrrp_track_process",
        TrackerKind::Bfd => "bfd_instance",
    }
}

/// The trackers of one owner.
#[derive(Default)]
pub(super) struct Met {
    names: HashSet<(u8, String)>,
    /// Those that stand.
    pub lines: Vec<TrackedLine>,
}

/// A tracker that stands.
pub(super) struct TrackedLine {
    pub kind: TrackerKind,
    pub name: String,
    pub span: Span,
    /// 0 = its failure is a FAULT.
    pub weight: i32,
    /// Up is the failure.
    pub reverse: bool,
}

impl TrackedLine {
    /// As the model has it.
    pub fn interface(self) -> TrackedInterface {
        TrackedInterface {
            interface: self.name,
            weight: self.weight,
            reverse: self.reverse,
            implied: false,
        }
    }

    /// The same, when it is something that is acted on.
    pub fn object(self) -> Option<TrackedObject> {
        let kind = match self.kind {
            TrackerKind::Script => ObjectKind::Script,
            TrackerKind::File => ObjectKind::File,
            TrackerKind::Process => ObjectKind::Process,
            TrackerKind::Bfd => ObjectKind::Bfd,
            TrackerKind::Interface => return None,
        };
        Some(TrackedObject {
            kind,
            name: self.name,
            weight: self.weight,
            reverse: self.reverse,
        })
    }
}
