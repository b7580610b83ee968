//! How an instance shows that its adverts are its own: `auth_hmac`, or `authentication`, as far as version and family let it.

use super::super::Context;
use super::super::auth_hmac::DraftHmac;
use super::super::instance::{Draft, DraftAuthentication};
use super::OWNER;
use crate::config::diagnostic::Span;
use crate::config::model::{AuthHmac, Authentication, Freshness, HmacMode, InitialState, Version};
use std::time::Duration;

/// The default of `time_window`: three intervals, as after these a master counts as gone, but at least five seconds.
const WINDOW_ADVERTS: u32 = 3;
const WINDOW_MIN: Duration = Duration::from_secs(5);

/// What an instance is, as far as authentication depends on it.
pub(super) struct Kind {
    pub version: Version,
    pub strict: bool,
    pub ipv6: bool,
    pub advert_interval: Duration,
}

pub(super) fn authentication(
    context: &mut Context<'_>,
    draft: &mut Draft,
    kind: &Kind,
) -> Authentication {
    let hmac = std::mem::take(&mut draft.hmac);
    let Some(span) = hmac.span else {
        return legacy(context, draft, kind);
    };
    let name = &draft.name;
    if let Some(DraftAuthentication {
        span: Some(span), ..
    }) = draft.authentication.take()
    {
        let message = format!("({name}) auth_hmac and authentication exclude each other");
        context.fault(span, message, "remove this block; it is ignored");
    }
    match extension(context, name, hmac, span, kind) {
        Some(config) => Authentication::Hmac(config),
        None => Authentication::None,
    }
}

/// `auth_hmac`; nothing when there is no key to sign with.
fn extension(
    context: &mut Context<'_>,
    name: &str,
    draft: DraftHmac,
    span: Span,
    kind: &Kind,
) -> Option<AuthHmac> {
    let Some((active_key, at)) = draft.active_key else {
        let message = format!("({name}) auth_hmac without active_key: adverts are not signed");
        context.fault(
            span,
            message,
            "say with active_key which key is signed with",
        );
        return None;
    };
    if !draft.keys.contains_key(&active_key) {
        let message =
            format!("({name}) active_key {active_key} is not there: adverts are not signed");
        let help = format!("add: key {active_key} VALUE; or see what is wrong with it above");
        context.fault(at, message, help);
        return None;
    }
    let mode = match draft.mode {
        Some((mode, at)) if kind.strict && mode != HmacMode::Enforce => {
            let message = format!("({name}) Strict mode enforces signed adverts");
            context.fault(
                at,
                message,
                "write mode enforce, or leave strict mode out until every node signs",
            );
            HmacMode::Enforce
        }
        mode => mode.map_or(HmacMode::Enforce, |(mode, _)| mode),
    };
    let window = draft.time_window.unwrap_or_else(|| {
        let adverts = kind.advert_interval.saturating_mul(WINDOW_ADVERTS);
        adverts.max(WINDOW_MIN)
    });
    Some(AuthHmac {
        keys: draft.keys,
        active_key,
        freshness: if draft.monotonic {
            Freshness::Monotonic
        } else {
            Freshness::Time(window)
        },
        mode,
    })
}

/// `authentication`, which version 2 over IPv4 alone has (RFC 2338 section 5.3.6).
fn legacy(context: &mut Context<'_>, draft: &mut Draft, kind: &Kind) -> Authentication {
    let Some(DraftAuthentication {
        span: Some(span),
        header,
        password,
    }) = draft.authentication.take()
    else {
        return Authentication::None;
    };
    let name = &draft.name;
    let (message, help) = match (header, password) {
        (None, None) => return Authentication::None,
        (_, _) if kind.strict => (
            format!("({name}) Strict mode does not support authentication. Ignoring."),
            "remove the block, or vrrp_strict and strict_mode",
        ),
        (_, _) if kind.version == Version::V3 => (
            format!("({name}) VRRP version 3 does not support authentication. Ignoring."),
            "remove the block",
        ),
        (_, _) if kind.ipv6 => (
            format!("({name}) VRRP version 2 over IPv6 has no authentication. Ignoring."),
            "remove the block",
        ),
        (Some("AH"), Some(password)) => return Authentication::Ah(password),
        (Some(_), Some(password)) => return Authentication::Pass(password),
        (Some(_), None) => (
            format!("({name}) authentication has no password. Ignoring."),
            "add auth_pass on a line of its own",
        ),
        (None, Some(_)) => (
            format!("({name}) authentication has no auth_type. Ignoring."),
            "add: auth_type PASS",
        ),
    };
    context.fault(span, message, help);
    Authentication::None
}

/// With an authentication header a router has to hear the counter of the others before it speaks, so that it cannot start as MASTER.
pub(super) fn initial_state(
    context: &mut Context<'_>,
    draft: &Draft,
    authentication: &Authentication,
    state: InitialState,
    priority: u8,
) -> InitialState {
    match (authentication, draft.state) {
        (Authentication::Ah(_), Some((InitialState::Master, span)))
            if state == InitialState::Master && priority != OWNER =>
        {
            let message = format!(
                "({}) initial state MASTER with auth_type AH: starting as BACKUP",
                draft.name
            );
            context.fault(
                span,
                message,
                "write state BACKUP: it has to hear the sequence number of the others before it sends",
            );
            InitialState::Backup
        }
        _ => state,
    }
}
