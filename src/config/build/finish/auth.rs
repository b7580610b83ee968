//! How an instance shows that its adverts are its own: `authentication`, as far as version and family let it.

use super::super::Context;
use super::super::instance::{Draft, DraftAuthentication};
use super::OWNER;
use crate::config::model::{Authentication, InitialState, Version};

pub(super) fn authentication(
    context: &mut Context<'_>,
    draft: &mut Draft,
    version: Version,
    strict: bool,
    ipv6: bool,
) -> Authentication {
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
        (_, _) if strict => (
            format!("({name}) Strict mode does not support authentication. Ignoring."),
            "remove the block, or vrrp_strict and strict_mode",
        ),
        (_, _) if version == Version::V3 => (
            format!("({name}) VRRP version 3 does not support authentication. Ignoring."),
            "remove the block",
        ),
        (_, _) if ipv6 => (
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
