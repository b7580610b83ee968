//! What is said of sessions in the log: one variant a line, the wording in `Display`, here and nowhere else.

use crate::quiet::more;
use crate::wire::bfd::{Diagnostic, Malformed, State};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Something is wrong.
    Warning,
    /// Something happened.
    Info,
    /// For those who look closer.
    Detail,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// About a session.
    Session {
        /// Its name.
        name: String,
        /// What.
        said: Said,
    },
    /// A packet that is none.
    Malformed {
        /// Who sent it.
        source: IpAddr,
        /// What is wrong with it.
        fault: Malformed,
        /// Not told since the last one.
        suppressed: u32,
    },
    /// A packet that is for no session.
    Stranger {
        /// Who sent it.
        source: IpAddr,
        /// For which session it says it is.
        discriminator: Option<NonZeroU32>,
        /// Not told since the last one.
        suppressed: u32,
    },
}

/// What is said of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It has a new state.
    Entering {
        /// Which.
        state: State,
        /// Why, as far as we know.
        local: Diagnostic,
        /// Why, as far as the neighbour knows.
        remote: Diagnostic,
    },
    /// It goes on as Up in a new process.
    Resumed,
    /// Nothing was heard for the detection time.
    Expired(Duration),
    /// The neighbour is asked to confirm new intervals.
    Polling,
    /// The neighbour confirmed them.
    Polled,
    /// What counts now.
    Intervals {
        /// How often we send.
        transmit: Duration,
        /// How long nothing need be heard until the neighbour is lost.
        detection: Duration,
    },
    /// A packet came from too far away.
    TooFar {
        /// Who sent it.
        source: IpAddr,
        /// Its TTL; `None`: not known.
        ttl: Option<u8>,
        /// What it has to be at least.
        least: u16,
        /// Not told since the last one.
        suppressed: u32,
    },
    /// It speaks to this host itself.
    OwnAddress {
        /// Which address that is.
        source: IpAddr,
        /// Not told since the last one.
        suppressed: u32,
    },
    /// Packets cannot be sent (errno).
    SendFailed(i32),
    /// They can again.
    SendsAgain,
    /// Removed from the configuration.
    Removed,
}

impl Notice {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        let said = match self {
            Notice::Session { said, .. } => said,
            Notice::Malformed { .. } | Notice::Stranger { .. } => return Severity::Warning,
        };
        match said {
            Said::Entering {
                state: State::Down, ..
            }
            | Said::Expired(_)
            | Said::TooFar { .. }
            | Said::OwnAddress { .. }
            | Said::SendFailed(_) => Severity::Warning,
            Said::Entering { .. } | Said::Resumed | Said::SendsAgain | Said::Removed => {
                Severity::Info
            }
            Said::Polling | Said::Polled | Said::Intervals { .. } => Severity::Detail,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Session { name, said } => write!(f, "({name}) {said}"),
            Notice::Malformed {
                source,
                fault,
                suppressed,
            } => {
                write!(f, "BFD packet from {source} discarded: {fault}")?;
                more(f, *suppressed)
            }
            Notice::Stranger {
                source,
                discriminator,
                suppressed,
            } => {
                write!(f, "BFD packet from {source} is for no session")?;
                if let Some(discriminator) = discriminator {
                    write!(f, " (discriminator {discriminator:#010x})")?;
                }
                more(f, *suppressed)
            }
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Entering {
                state: state @ State::Down,
                local,
                remote,
            } => write!(
                f,
                "Entering {state} state (Local diagnostic - {local}, Remote diagnostic - {remote})"
            ),
            Said::Entering { state, .. } => write!(f, "Entering {state} state"),
            Said::Resumed => f.write_str("Goes on in Up state"),
            Said::Expired(detection) => {
                write!(f, "Expired after {} ms", milliseconds(*detection))
            }
            Said::Polling => f.write_str("Starting poll sequence"),
            Said::Polled => f.write_str("Poll sequence is over"),
            Said::Intervals {
                transmit,
                detection,
            } => write!(
                f,
                "Transmit interval is {} ms, detection time is {} ms",
                milliseconds(*transmit),
                milliseconds(*detection)
            ),
            Said::TooFar {
                source,
                ttl: Some(ttl),
                least,
                suppressed,
            } => {
                write!(
                    f,
                    "Packet from {source} discarded: its TTL or hop limit of {ttl} is less than {least}; see max_hops"
                )?;
                more(f, *suppressed)
            }
            Said::TooFar {
                source, suppressed, ..
            } => {
                write!(f, "Packet from {source} discarded: its TTL is not known")?;
                more(f, *suppressed)
            }
            Said::OwnAddress { source, suppressed } => {
                write!(
                    f,
                    "Packet discarded: it comes from this host; neighbor_ip {source} is not another's"
                )?;
                more(f, *suppressed)
            }
            Said::SendFailed(errno) => {
                let reason = io::Error::from_raw_os_error(*errno);
                write!(f, "Cannot send: {reason}; trying again")
            }
            Said::SendsAgain => f.write_str("Can send again"),
            Said::Removed => f.write_str("Removed from the configuration"),
        }
    }
}

/// With as many decimal places as it has.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
