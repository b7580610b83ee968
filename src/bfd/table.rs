//! The state machine of a session: RFC 5880 section 6.2 as one table, with the diagnostics of sections 6.8.4, 6.8.6 and 6.8.16.
//!
//! Only what follows what lives here; session.rs knows what entering a state means.

use crate::wire::bfd::{Diagnostic, State};

/// What made the state machine move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The neighbour says that it is in this state.
    Heard(State),
    /// Nothing was heard of it for the detection time.
    Expired,
    /// The daemon stops or the session was removed.
    Shutdown,
}

/// The next state and why; `None` when nothing changes.
#[rustfmt::skip]
pub(super) fn follows(state: State, cause: Cause) -> Option<(State, Diagnostic)> {
    use Cause::*;
    use Diagnostic::*;
    use State::*;
    Some(match (state, cause) {
        // Held down: section 6.8.6 discards the packet.
        (AdminDown, _)                       => return Option::None,
        (_, Shutdown)                        => (AdminDown, AdministrativelyDown),

        (Down, Heard(Down))                  => (Init, None),
        (Down, Heard(Init))                  => (Up, None),
        (Down, Heard(AdminDown | Up) | Expired) => return Option::None,

        (Init, Heard(Init | Up))             => (Up, None),
        (Init, Heard(Down))                  => return Option::None,
        (Init, Heard(AdminDown))             => (Down, NeighborSignaledDown),
        (Init, Expired)                      => (Down, DetectionTimeExpired),

        (Up, Heard(Init | Up))               => return Option::None,
        (Up, Heard(AdminDown | Down))        => (Down, NeighborSignaledDown),
        (Up, Expired)                        => (Down, DetectionTimeExpired),
    })
}
