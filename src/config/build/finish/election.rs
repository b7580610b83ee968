//! What the statements of an instance mean for the election: priority, preemption, intervals, what is tracked, and how it is announced.

use super::super::Context;
use super::super::instance::Draft;
use super::super::state::Builder;
use super::{OWNER, PRIORITY, addresses};
use crate::config::diagnostic::{Class, Span};
use crate::config::model::{
    GarpPolicy, InitialState, Tracked, TrackedInterface, Version, VrrpInstance,
};
use crate::config::phrase::TrackerKind;
use std::time::Duration;

/// Adverts missed before a master is dead, where the rules are kept strictly.
const STRICT_DOWN_TIMER_ADVERTS: u32 = 3;

/// The initial state and the priority, which follow from one another when one is missing.
pub(super) fn standing(
    context: &mut Context<'_>,
    draft: &Draft,
    strict: bool,
    span: Span,
) -> (InitialState, u8) {
    let state = draft.state.map(|(state, _)| state);
    let priority = draft
        .priority
        .unwrap_or(if state == Some(InitialState::Master) {
            OWNER
        } else {
            PRIORITY
        });
    let owner = priority == OWNER;
    let at = draft.state.map_or(span, |(_, span)| span);
    match state {
        Some(InitialState::Backup) if owner => {
            let message = format!(
                "({}) State BACKUP with priority {OWNER}: the address owner starts as MASTER",
                draft.name
            );
            context.fault(at, message, "write state MASTER, or a priority below 255");
            (InitialState::Master, priority)
        }
        Some(InitialState::Master) if strict && !owner => {
            let message = format!(
                "({}) State MASTER must match being address owner",
                draft.name
            );
            context.fault(
                at,
                message,
                "write state BACKUP, or priority 255 on the node that owns the addresses",
            );
            (InitialState::Backup, priority)
        }
        Some(state) => (state, priority),
        None if owner => (InitialState::Master, priority),
        None => (InitialState::Backup, priority),
    }
}

pub(super) fn preemption(
    context: &mut Context<'_>,
    draft: &Draft,
    state: InitialState,
    priority: u8,
    strict: bool,
) -> (bool, Duration) {
    let mut delay = Duration::ZERO;
    let master = state == InitialState::Master || priority == OWNER;
    let name = &draft.name;
    if let Some((given, span)) = draft.preempt_delay.filter(|(given, _)| !given.is_zero()) {
        if strict {
            let message = format!(
                "({name}) Warning - preempt delay will not work with strict mode - clearing"
            );
            context.fault(
                span,
                message,
                "the standard knows no delay: remove preempt_delay, or vrrp_strict and strict_mode",
            );
        } else if master {
            let message = format!(
                "({name}) Warning - preempt delay will not work with initial state MASTER - clearing"
            );
            context.fault(
                span,
                message,
                "write state BACKUP on all nodes when you want a delay",
            );
        } else if draft.nopreempt.is_some() {
            let message =
                format!("({name}) Warning - preempt delay will not work with nopreempt - clearing");
            context.fault(span, message, "keep one of the two");
        } else {
            delay = given;
        }
    }
    let nopreempt = match draft.nopreempt {
        Some(span) if master => {
            let message = format!(
                "({name}) Warning - nopreempt will not work with initial state MASTER - clearing"
            );
            context.fault(
                span,
                message,
                "write state BACKUP on all nodes when you want nopreempt",
            );
            false
        }
        nopreempt => nopreempt.is_some(),
    };
    (nopreempt, delay)
}

pub(super) fn timer_expired_backup(
    context: &mut Context<'_>,
    draft: &Draft,
    nopreempt: bool,
) -> Option<u8> {
    let (best_rival, span) = draft.timer_expired_backup?;
    if !nopreempt {
        let message = format!(
            "({}) timer_expired_backup is only for instances with nopreempt - ignoring",
            draft.name
        );
        context.fault(
            span,
            message,
            "add nopreempt, or remove the line: one that may preempt takes over again anyway",
        );
        return None;
    }
    Some(best_rival)
}

pub(super) fn owner_ignore_adverts(
    builder: &Builder,
    context: &mut Context<'_>,
    draft: &Draft,
    priority: u8,
    strict: bool,
) -> bool {
    let owner = priority == OWNER;
    match draft.owner_ignore_adverts {
        Some((true, span)) if !owner => {
            let message = format!(
                "({}) owner_ignore_adverts is only for the address owner - ignoring",
                draft.name
            );
            context.fault(span, message, "remove the line, or write priority 255");
            false
        }
        Some((false, span)) if owner && strict => {
            let message = format!(
                "({}) Strict mode: the address owner does not listen to adverts",
                draft.name
            );
            context.fault(
                span,
                message,
                "remove the line, or vrrp_strict and strict_mode",
            );
            true
        }
        given => {
            owner
                && (strict
                    || given.map_or(builder.defaults.owner_ignore_adverts, |(ignores, _)| {
                        ignores
                    }))
        }
    }
}

pub(super) fn down_timer_adverts(
    builder: &Builder,
    context: &mut Context<'_>,
    draft: &Draft,
    strict: bool,
) -> u32 {
    let adverts = draft
        .down_timer_adverts
        .map_or(builder.defaults.down_timer_adverts, |(adverts, _)| adverts);
    if !strict || adverts == STRICT_DOWN_TIMER_ADVERTS {
        return adverts;
    }
    let message = format!(
        "({}) Strict mode requires down_timer_adverts {STRICT_DOWN_TIMER_ADVERTS} - resetting",
        draft.name
    );
    let at = draft.down_timer_adverts.map(|(_, span)| span);
    let help = "remove the line, or vrrp_down_timer_adverts";
    context
        .diagnostics
        .advise(Class::General, at, message, help);
    STRICT_DOWN_TIMER_ADVERTS
}

pub(super) fn trackers(
    context: &mut Context<'_>,
    draft: &mut Draft,
    priority: u8,
) -> (Vec<TrackedInterface>, Vec<Tracked>) {
    let own = draft.interface.as_ref().map(|(name, _)| name.as_str());
    let name = &draft.name;
    let (mut tracked, mut trackers) = (Vec::new(), Vec::new());
    for line in std::mem::take(&mut draft.trackers.lines) {
        if line.kind == TrackerKind::Interface && Some(line.name.as_str()) == own {
            let message = format!(
                "({name}) Ignoring track_interface {} since own interface",
                line.name
            );
            context.fault(
                line.span,
                message,
                "the interface of an instance is tracked anyway: remove the line",
            );
        } else if line.weight != 0 && priority == OWNER {
            let message = format!(
                "({name}) ignoring tracked {} {} with weights due to address_owner",
                line.kind.name(),
                line.name
            );
            context.fault(line.span, message, "an address owner has priority 255 always: lower the priority, or remove the weight");
        } else if line.kind == TrackerKind::Interface {
            tracked.push(line.interface());
        } else {
            trackers.extend(line.object());
        }
    }
    for interface in addresses::needed_interfaces(draft) {
        if Some(interface) == own {
            continue;
        }
        let known = tracked
            .iter_mut()
            .find(|line: &&mut TrackedInterface| line.interface == *interface);
        match known {
            // Down is a fault whatever it would weigh.
            Some(line) => (line.weight, line.reverse) = (0, false),
            None => tracked.push(TrackedInterface {
                interface: interface.to_owned(),
                weight: 0,
                reverse: false,
                implied: true,
            }),
        }
    }
    (tracked, trackers)
}

pub(super) fn advert_interval(
    context: &mut Context<'_>,
    draft: &Draft,
    version: Version,
) -> Duration {
    const SECOND: Duration = Duration::from_secs(1);
    const HUNDREDTH: u128 = 10_000;
    const V3_MAX: Duration = Duration::from_millis(40_950);
    let Some((given, span)) = draft.advert_interval else {
        return VrrpInstance::ADVERT_INTERVAL;
    };
    let (used, why) = match version {
        Version::V2 => {
            let rounded =
                Duration::from_secs(given.as_secs() + u64::from(given.subsec_millis() >= 500));
            (rounded.max(SECOND), "VRRP version 2 counts whole seconds")
        }
        Version::V3 => {
            let hundredths = (given.as_micros() + HUNDREDTH / 2) / HUNDREDTH;
            let rounded =
                Duration::from_micros(u64::try_from(hundredths * HUNDREDTH).unwrap_or(u64::MAX));
            (
                rounded.min(V3_MAX),
                "VRRP version 3 counts hundredths of a second, up to 40.95 s",
            )
        }
    };
    if used != given {
        let message = format!(
            "({}) advert_int {} rounded to {}",
            draft.name,
            given.as_secs_f64(),
            used.as_secs_f64()
        );
        context.fault(span, message, why);
    }
    used
}

pub(super) fn garp(
    builder: &Builder,
    context: &mut Context<'_>,
    draft: &Draft,
    strict: bool,
) -> GarpPolicy {
    let defaults = &builder.defaults;
    let usual = &defaults.garp;
    let given = &draft.garp;
    let master_delay = given.master_delay.unwrap_or(usual.master_delay);
    let master_repeat = given.master_repeat.unwrap_or(usual.master_repeat);
    let lower = given.lower_prio_delay.is_some_and(|delay| !delay.is_zero())
        || given.lower_prio_repeat.is_some_and(|repeat| repeat > 0);
    if strict && lower {
        let message = format!(
            "({}) Strict mode requires no repeat garps - resetting",
            draft.name
        );
        context.diagnostics.say(Class::General, None, message);
    }
    let (extra_interfaces, extra_only_vmacs) = given
        .extra_interfaces
        .unwrap_or((usual.extra_interfaces, usual.extra_only_vmacs));
    GarpPolicy {
        master_delay,
        master_repeat,
        master_refresh: given.master_refresh.unwrap_or(usual.master_refresh),
        master_refresh_repeat: given
            .master_refresh_repeat
            .unwrap_or(usual.master_refresh_repeat),
        lower_prio_delay: match given.lower_prio_delay.or(defaults.lower_prio_delay) {
            _ if strict => Duration::ZERO,
            delay => delay.unwrap_or(master_delay),
        },
        lower_prio_repeat: match given.lower_prio_repeat.or(defaults.lower_prio_repeat) {
            _ if strict => 0,
            repeat => repeat.unwrap_or(master_repeat),
        },
        interval: usual.interval,
        extra_interfaces,
        extra_only_vmacs,
        neighbour_interval: usual.neighbour_interval,
    }
}
