//! Who may speak for a virtual router: what an advert has to prove, and which sequence numbers were sent and heard.
//!
//! The digests themselves are `wire::ah`'s and `wire::vrrp::hmac`'s; the other checks of an advert are receive.rs's.

mod hmac;
mod marks;

use super::instance::Derived;
use super::receive::{Envelope, PacketFault};
use crate::config::model::{AuthHmac, Authentication, Freshness, VrrpInstance};
use crate::config::secret;
use crate::time::{Instant, Wall};
use crate::wire::vrrp::hmac::{Sequence, Trailer};
use crate::wire::vrrp::v2;
use marks::Marks;
use std::net::IpAddr;
use std::time::Duration;

/// What a genuine advert is numbered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing: there is no protection against replay.
    None,
    /// Nothing, where something is hoped for.
    Unsigned,
    /// The sequence number of its authentication header.
    Ah(u32),
    /// The sequence number of its trailer.
    Hmac(Sequence),
}

impl Proof {
    /// The number, if there is one.
    pub fn number(self) -> Option<u64> {
        match self {
            Proof::None | Proof::Unsigned => None,
            Proof::Ah(sequence) => Some(sequence.into()),
            Proof::Hmac(sequence) => Some(sequence.0),
        }
    }
}

/// The highest number heard of a sender, for the next process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Whose.
    pub sender: IpAddr,
    /// As authentication counts.
    pub number: u64,
}

/// Checks what an advert of version 2 proves (RFC 2338 section 5.3.6).
///
/// # Errors
/// A `PacketFault` when it is not what our authentication asks for.
pub(super) fn check_v2(
    config: &VrrpInstance,
    derived: &Derived,
    envelope: &Envelope<'_>,
    advert: &v2::Advert<'_>,
) -> Result<Proof, PacketFault> {
    let expected = match config.authentication {
        Authentication::None | Authentication::Hmac(_) => v2::AUTH_NONE,
        Authentication::Pass(_) => v2::AUTH_PASS,
        Authentication::Ah(_) => v2::AUTH_AH,
    };
    let got = match envelope.sealed {
        // The header says so, whatever the message says.
        Some(_) => v2::AUTH_AH,
        None => advert.auth_type,
    };
    if got > v2::AUTH_AH {
        return Err(PacketFault::AuthType(got));
    }
    if got != expected {
        return Err(PacketFault::AuthMismatch { got, expected });
    }
    let key = derived.password.expose();
    match (&config.authentication, envelope.sealed) {
        (Authentication::None | Authentication::Hmac(_), _) => Ok(Proof::None),
        (Authentication::Pass(_), _) if secret::equal(&advert.authentication, key) => {
            Ok(Proof::None)
        }
        (Authentication::Ah(_), Some(sealed)) if sealed.is_genuine(key) => {
            Ok(Proof::Ah(sealed.sequence))
        }
        (Authentication::Pass(_), _) => Err(PacketFault::AuthFailure),
        (Authentication::Ah(_), _) => Err(PacketFault::AhFailure),
    }
}

/// Checks what the trailer of a message proves, where `auth_hmac` asks for one.
///
/// # Errors
/// A `PacketFault` when it is not what our configuration asks for.
pub(super) fn check_trailer(
    config: &VrrpInstance,
    source: IpAddr,
    message: &[u8],
    trailer: &[u8],
    wall: Wall,
) -> Result<Proof, PacketFault> {
    match &config.authentication {
        Authentication::Hmac(config) => hmac::check(config, source, message, trailer, wall),
        _ => Ok(Proof::None),
    }
}

/// How far the clock of a sender is away from ours, and how far it may be, when that is more than half of the way.
pub(super) fn alarming_skew(
    config: &VrrpInstance,
    sequence: Sequence,
    wall: Wall,
) -> Option<(Duration, Duration)> {
    match &config.authentication {
        Authentication::Hmac(AuthHmac {
            freshness: Freshness::Time(window),
            ..
        }) => {
            let skew = sequence.distance(Sequence::at(wall));
            (skew > *window / 2).then_some((skew, *window))
        }
        _ => None,
    }
}

/// Whether one sequence number comes after another: on a circle, so that nothing happens when it wraps (RFC 1982 section 3.2).
fn is_later(number: u32, than: u32) -> bool {
    (1..=u32::MAX / 2).contains(&number.wrapping_sub(than))
}

/// The sequence numbers of an instance.
///
/// An authentication header's counter is one for all routers of a group: whoever becomes MASTER goes on from the highest number it
/// heard, because keepalived drops what is numbered lower than what it knows, whoever sent it (draft-ietf-vrrp-ipsecah-spec-00
/// section 5.1). What is dropped here is a number that its own sender has used: keepalived's single counter makes it deaf when two
/// routers send at once.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// The last number of an authentication header sent or heard.
    last_ah: u32,
    heard_ah: Marks<u32>,
    hmac: hmac::Numbers,
}

impl Guard {
    /// The number to go on from in the next process.
    pub fn sequence(&self, config: &VrrpInstance) -> u64 {
        match config.authentication {
            Authentication::Hmac(_) => self.hmac.last().unwrap_or_default().0,
            _ => self.last_ah.into(),
        }
    }

    /// Goes on from what the process before this one recorded.
    pub fn resume(&mut self, config: &VrrpInstance, sequence: u64) {
        match config.authentication {
            Authentication::Hmac(_) => self.hmac.resume(Sequence(sequence)),
            // What was heard since the record was made may be higher.
            _ => self.raise_ah(u32::try_from(sequence).unwrap_or_default()),
        }
    }

    /// Takes over what the process before this one had heard, unless it is of another kind of authentication.
    pub fn remember(&mut self, config: &VrrpInstance, mark: Mark) {
        match config.authentication {
            Authentication::None | Authentication::Pass(_) => {}
            Authentication::Ah(_) => {
                if let Ok(number) = u32::try_from(mark.number) {
                    // One that it knows already is not older.
                    let _ = self.admit_ah(mark.sender, number, Instant::default());
                }
            }
            Authentication::Hmac(_) => self.hmac.remember(mark.sender, Sequence(mark.number)),
        }
    }

    /// Numbers the next advert, one number for the copies of all peers.
    pub fn number(&mut self, config: &VrrpInstance, own: IpAddr, now: Instant, wall: Wall) {
        match &config.authentication {
            Authentication::None | Authentication::Pass(_) => {}
            Authentication::Ah(_) => {
                // Never 0 (RFC 2402 section 3.3.2).
                self.last_ah = self.last_ah.checked_add(1).unwrap_or(1);
                // What comes back is a replay, too.
                self.heard_ah.set(own, self.last_ah, now);
            }
            Authentication::Hmac(hmac) => self.hmac.number(hmac.freshness, own, now, wall),
        }
    }

    /// What `number` gave the authentication header.
    pub fn ah(&self) -> u32 {
        self.last_ah
    }

    /// The message with the trailer that it needs, if it needs one, numbered by `number`. The checksum in the message does not count
    /// and is made anew where it covers the trailer; `named`: the destination that it covers.
    pub fn signed(
        &self,
        config: &VrrpInstance,
        message: Vec<u8>,
        source: IpAddr,
        named: IpAddr,
    ) -> Vec<u8> {
        let Authentication::Hmac(hmac) = &config.authentication else {
            return message;
        };
        let Some((key_id, key)) = hmac.signing() else {
            return message;
        };
        let sequence = self.hmac.last().unwrap_or_default();
        Trailer::sign(&message, source, key_id, key.expose(), sequence)
            .append(message, source, named)
    }

    /// Takes note of a genuine advert, if it is not a copy of one before it.
    ///
    /// # Errors
    /// `PacketFault::AhReplay` or `HmacReplay`, and nothing is noted.
    pub fn admit(
        &mut self,
        config: &VrrpInstance,
        sender: IpAddr,
        proof: Proof,
        now: Instant,
        wall: Wall,
    ) -> Result<(), PacketFault> {
        match (proof, &config.authentication) {
            (Proof::Hmac(sequence), Authentication::Hmac(hmac)) => {
                self.hmac.admit(hmac.freshness, sender, sequence, now, wall)
            }
            (Proof::Ah(got), _) => self.admit_ah(sender, got, now),
            (Proof::None | Proof::Unsigned | Proof::Hmac(_), _) => Ok(()),
        }
    }

    fn admit_ah(&mut self, sender: IpAddr, got: u32, now: Instant) -> Result<(), PacketFault> {
        if let Some(seen) = self.heard_ah.get(sender)
            && !is_later(got, seen)
        {
            return Err(PacketFault::AhReplay { got, seen });
        }
        self.heard_ah.set(sender, got, now);
        self.raise_ah(got);
        Ok(())
    }

    fn raise_ah(&mut self, number: u32) {
        // 0 is before all others, not somewhere on the circle: nothing was sent or heard.
        if self.last_ah == 0 || is_later(number, self.last_ah) {
            self.last_ah = number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::secret::Secret;
    use std::net::Ipv4Addr;

    const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
    const NOW: Instant = Instant(1);

    #[test]
    fn later_on_a_circle_rfc_1982() {
        let table = [
            (1, 0, true),
            (0, 0, false),
            (0, 1, false),
            (1, u32::MAX, true),
            (u32::MAX, 1, false),
            (u32::MAX / 2, 0, true),
            (u32::MAX / 2 + 1, 0, false),
        ];
        for (number, than, expected) in table {
            assert_eq!(is_later(number, than), expected, "{number} after {than}");
        }
    }

    fn config() -> VrrpInstance {
        let password = Authentication::Ah(Secret::new("s3cr3t"));
        VrrpInstance {
            authentication: password,
            ..crate::vrrp::tests::config()
        }
    }

    /// The number of the next advert.
    fn next(guard: &mut Guard, own: IpAddr) -> u32 {
        guard.number(&config(), own, NOW, Wall::default());
        guard.ah()
    }

    #[test]
    fn each_sender_has_its_own_counter_and_ours_follows_the_highest() {
        let mut guard = Guard::default();
        let mut admit = |sender, number| guard.admit_ah(sender, number, NOW).is_ok();
        assert!(admit(A, 7));
        assert!(!admit(A, 7), "a copy");
        assert!(!admit(A, 6), "an older one");
        assert!(admit(B, 3), "another sender counts for itself");
        assert!(admit(A, 8));
        assert_eq!(next(&mut guard, B), 9);
        let mut late = Guard::default();
        assert!(late.admit_ah(A, u32::MAX / 2 + 7, NOW).is_ok());
        assert_eq!(next(&mut late, B), u32::MAX / 2 + 8, "of a long life");
        assert_eq!(
            guard.admit_ah(B, 9, NOW),
            Err(PacketFault::AhReplay { got: 9, seen: 9 }),
            "our own packet come back"
        );
    }

    #[test]
    fn a_counter_that_wraps_goes_on_and_skips_zero() {
        let mut guard = Guard::default();
        guard.resume(&config(), (u32::MAX - 1).into());
        assert_eq!(next(&mut guard, A), u32::MAX);
        assert_eq!(next(&mut guard, A), 1);
        assert_eq!(guard.admit_ah(B, u32::MAX, NOW), Ok(()));
        assert_eq!(guard.admit_ah(B, 1, NOW), Ok(()));
        assert_eq!(guard.sequence(&config()), 1);
    }
}
