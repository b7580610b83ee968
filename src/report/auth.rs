//! Authentication as the data file shows it: everything but the secrets.

use super::outline::Outline;
use crate::config::model::{AuthHmac, Authentication, Freshness, HmacMode};
use crate::config::secret::MASK;

/// What an instance asks of adverts.
pub(super) fn write(out: &mut Outline, authentication: &Authentication) {
    match authentication {
        Authentication::None => out.value(3, "Authentication type", "none"),
        Authentication::Pass(_) => {
            out.value(3, "Authentication type", "SIMPLE_PASSWORD");
            out.value(3, "Password", MASK);
        }
        Authentication::Ah(_) => {
            out.value(3, "Authentication type", "IPSEC_AH");
            out.value(3, "Password", MASK);
        }
        Authentication::Hmac(hmac) => auth_hmac(out, hmac),
    }
}

fn auth_hmac(out: &mut Outline, config: &AuthHmac) {
    let mode = match config.mode {
        HmacMode::Enforce => "enforce",
        HmacMode::Permissive => "permissive",
        HmacMode::ReceiveOnly => "receive-only",
    };
    out.value(3, "Authentication type", "HMAC-SHA256");
    out.value(4, "Mode", mode);
    match config.freshness {
        Freshness::Time(window) => {
            out.value(4, "Anti replay", "time");
            out.value(4, "Time window", window.as_secs());
        }
        Freshness::Monotonic => out.value(4, "Anti replay", "monotonic"),
    }
    out.value(4, "Active key", config.active_key);
    for id in config.keys.keys() {
        out.value(4, &format!("Key {id}"), MASK);
    }
}
