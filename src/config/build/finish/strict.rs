//! What strict mode does not let an instance do (keepalived.conf(5), `vrrp_strict`), as far as it is no default of something else.

use super::super::Context;
use super::super::instance::Draft;
use super::super::state::Builder;

const HELP: &str = "remove the line, or vrrp_strict and strict_mode";

/// Whether an advert of lower priority goes unanswered; strictly, it always does (RFC 9568 section 6.4.3).
pub(super) fn lower_prio_no_advert(
    builder: &Builder,
    context: &mut Context<'_>,
    draft: &Draft,
    strict: bool,
) -> bool {
    match draft.lower_prio_no_advert {
        Some((false, span)) if strict => {
            let message = format!(
                "({}) Strict mode requires no lower priority advert. resetting",
                draft.name
            );
            context.fault(span, message, HELP);
            true
        }
        given => {
            let given = given.map(|(silent, _)| silent);
            strict
                || given
                    .or(builder.defaults.lower_prio_no_advert)
                    .unwrap_or(false)
        }
    }
}

/// Whether one more advert is sent before the instance yields; strictly, none is.
pub(super) fn higher_prio_send_advert(
    builder: &Builder,
    context: &mut Context<'_>,
    draft: &Draft,
    strict: bool,
) -> bool {
    match draft.higher_prio_send_advert {
        Some((true, span)) if strict => {
            let message = format!(
                "({}) strict mode requires higher_prio_send_advert to be clear. resetting",
                draft.name
            );
            context.fault(span, message, HELP);
            false
        }
        given => {
            !strict && given.map_or(builder.defaults.higher_prio_send_advert, |(sends, _)| sends)
        }
    }
}
