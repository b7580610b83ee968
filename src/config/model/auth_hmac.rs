//! `auth_hmac`: the keys of a virtual router, and what is asked of those who speak for it.

use crate::config::secret::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// One `auth_hmac` block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthHmac {
    /// `key`: by number, 1..=255; each of a length in `wire::vrrp::hmac::KEY_LENGTHS`.
    pub keys: BTreeMap<u8, Secret>,
    /// `active_key`: the number of the one that is signed with; it is among them.
    pub active_key: u8,
    /// `anti_replay` and `time_window`.
    pub freshness: Freshness,
    /// `mode`.
    pub mode: HmacMode,
}

/// `anti_replay`: which sequence numbers are welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Freshness {
    /// `time`: higher than the last one of that sender, and not further from our clock than `time_window`, in seconds 1..=300.
    Time(Duration),
    /// `monotonic`: higher than the last one of that sender.
    Monotonic,
}

/// `mode`: how far a virtual router has come on its way to signed adverts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HmacMode {
    /// Signs, and hears nothing that is not signed.
    Enforce,
    /// Signs, and hears what is not signed, too.
    Permissive,
    /// Does not sign, and hears what is not signed, too.
    ReceiveOnly,
}

impl AuthHmac {
    /// The number and the key to sign with, unless nothing is to be signed.
    pub fn signing(&self) -> Option<(u8, &Secret)> {
        let key = self.keys.get(&self.active_key)?;
        (self.mode != HmacMode::ReceiveOnly).then_some((self.active_key, key))
    }
}
