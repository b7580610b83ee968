//! Lines that name something to watch: trackers, polled interfaces, delays of interfaces.

use super::{Phrase, Rule, text};
use crate::config::build::Context;
use crate::config::diagnostic::{Class, quote};
use crate::config::model::{LinkDelay, LinkMethod, Linkbeat};
use crate::config::read::{parse_decimal, parse_integer};
use crate::config::tree::{Statement, Word};
use std::time::Duration;

/// The greatest weight of what is up or down: one less than the distance from 1 to 254, so that it never means FAULT.
const WEIGHT_MAX: i64 = 253;
/// The greatest weight that is read.
const WEIGHT_READ_MAX: i64 = 254;

/// What a tracker line names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackerKind {
    /// An interface.
    Interface,
    /// A `vrrp_script`.
    Script,
    /// A `track_file`.
    File,
    /// A `vrrp_track_process`.
    Process,
    /// A `bfd_instance`.
    Bfd,
}

impl TrackerKind {
    /// As messages call it.
    pub fn name(self) -> &'static str {
        match self {
            TrackerKind::Interface => "interface",
            TrackerKind::Script => "script",
            TrackerKind::File => "file",
            TrackerKind::Process => "process",
            TrackerKind::Bfd => "bfd",
        }
    }

    fn weight_max(self) -> i64 {
        match self {
            TrackerKind::File | TrackerKind::Process => WEIGHT_READ_MAX,
            _ => WEIGHT_MAX,
        }
    }
}

/// One line of a tracker block.
#[derive(Clone, Copy, Debug)]
pub struct Tracker<'t> {
    /// What is watched.
    pub name: Word<'t>,
    /// `weight`; the default of what is watched when not given.
    pub weight: Option<i32>,
    /// `reverse`, when a direction is given.
    pub reverse: Option<bool>,
}

/// Reads a tracker line; `None` when it is to be dropped, which is said with the name of the instance or group.
pub fn tracker<'t>(
    context: &mut Context<'_>,
    owner: &str,
    kind: TrackerKind,
    line: Statement<'t>,
) -> Option<Tracker<'t>> {
    let mut tracker = Tracker {
        name: line.keyword(),
        weight: None,
        reverse: None,
    };
    if line.len() == 1 {
        return Some(tracker);
    }
    let phrase = Phrase::new(line);
    for pair in phrase.parse(Rule::tracker_line)?.skip(1) {
        match pair.as_rule() {
            Rule::tracker_weight => {
                for inner in pair.into_inner() {
                    let word = phrase.word(&inner);
                    match inner.as_rule() {
                        Rule::word => tracker.weight = weight(context, owner, kind, word),
                        _ if word == "noreverse" && kind == TrackerKind::Interface => {
                            context.fault(
                                word.span(),
                                format!("({owner}) track_interface knows only 'reverse'"),
                                "remove the word; it is ignored",
                            );
                        }
                        _ => tracker.reverse = Some(word == "reverse"),
                    }
                }
            }
            Rule::stray => {
                let word = phrase.word(&pair);
                let name = kind.name();
                let message = format!(
                    "({owner}) unknown track {name} option {} - ignoring",
                    quote(word.bytes())
                );
                let help = match word.bytes() {
                    b"weight" => "a number belongs after weight; the line is ignored".to_owned(),
                    _ => format!(
                        "write one {name} a line, and after it: weight NUMBER [reverse]; the line is ignored"
                    ),
                };
                context.fault(word.span(), message, help);
                return None;
            }
            _ => {}
        }
    }
    Some(tracker)
}

fn weight(
    context: &mut Context<'_>,
    owner: &str,
    kind: TrackerKind,
    word: Word<'_>,
) -> Option<i32> {
    let most = kind.weight_max();
    match parse_integer(word.bytes()) {
        Ok(weight) if weight.abs() <= most => i32::try_from(weight).ok(),
        Ok(weight) if weight.abs() == WEIGHT_READ_MAX && kind != TrackerKind::Bfd => {
            let clamped = weight.signum() * most;
            context.fault(
                word.span(),
                format!("({owner}) weight {weight} is outside [-{most}, {most}]"),
                format!("{clamped} is used"),
            );
            i32::try_from(clamped).ok()
        }
        _ => {
            let message = format!(
                "({owner}) weight '{}' must be between [-{most}..{most}] inclusive",
                quote(word.bytes())
            );
            context.diagnostics.advise(
                Class::InvalidNumber,
                word.span(),
                message,
                "the default weight is used",
            );
            None
        }
    }
}

/// Reads a line of `linkbeat_interfaces`; `None` when it is to be dropped, which is said.
pub fn linkbeat(context: &mut Context<'_>, line: Statement<'_>) -> Option<Linkbeat> {
    let phrase = Phrase::new(line);
    let interface = text(&line.keyword()).into_owned();
    let known = context.must_exist(&interface, line.keyword().span());
    let mut preferred = LinkMethod::default();
    for pair in phrase.parse(Rule::linkbeat_line)?.skip(1) {
        let word = phrase.word(&pair);
        match pair.as_rule() {
            Rule::linkbeat_kind => {
                let named = LinkMethod::ALL.iter().find(|method| word == method.name());
                preferred = named.copied().unwrap_or(preferred);
            }
            Rule::stray => {
                let message = format!("unknown linkbeat type '{}'", quote(word.bytes()));
                context.fault(
                    word.span(),
                    message,
                    "write MII, ETHTOOL or IOCTL after the interface, one interface a line",
                );
            }
            _ => {}
        }
    }
    (known || context.dynamic_interfaces).then_some(Linkbeat {
        interface,
        preferred,
    })
}

/// Reads a line of `interface_up_down_delays`; `None` when it is to be dropped, which is said.
pub fn link_delay(context: &mut Context<'_>, line: Statement<'_>) -> Option<LinkDelay> {
    const MICROS: u32 = 6;
    const LONGEST: u64 = 255_000_000;
    let phrase = Phrase::new(line);
    let interface = text(&line.keyword()).into_owned();
    context.must_exist(&interface, line.keyword().span());
    let mut delays: Vec<Duration> = Vec::new();
    let mut valid = true;
    if line.len() == 1 {
        context.fault(
            line.span(),
            "a delay belongs after the interface",
            "write: IFNAME DOWN_SECONDS [UP_SECONDS]",
        );
    }
    for pair in phrase.parse(Rule::delay_line)?.skip(1) {
        let word = phrase.word(&pair);
        match pair.as_rule() {
            Rule::word => {
                if let Ok(micros @ 0..=LONGEST) = parse_decimal(word.bytes(), MICROS, MICROS) {
                    delays.push(Duration::from_micros(micros));
                    continue;
                }
                valid = false;
                let message = format!("invalid delay '{}'", quote(word.bytes()));
                context.diagnostics.advise(
                    Class::InvalidNumber,
                    word.span(),
                    message,
                    "write seconds from 0 to 255; the line is ignored",
                );
            }
            Rule::stray => {
                let message = format!("extra word '{}' after the delays", quote(word.bytes()));
                context.fault(
                    word.span(),
                    message,
                    "write: IFNAME DOWN_SECONDS [UP_SECONDS]",
                );
            }
            _ => {}
        }
    }
    let down = *delays.first().filter(|_| valid)?;
    Some(LinkDelay {
        interface,
        down,
        up: delays.get(1).copied().unwrap_or(down),
    })
}
