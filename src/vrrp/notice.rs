//! Every log line of the core: what is said as values, and how much it matters. How it is worded is in words.rs (why packets
//! were dropped: fault.rs), how often at most in limit.rs, and nowhere else.
//!
//! The fixed parts are those that people's log watchers look for; changing one is a change of behaviour.

mod fault;
mod limit;
mod words;

pub(super) use limit::{Limiter, Topic};

use super::receive::{AddressFault, PacketFault};
use super::table::{Cause, State};
use crate::config::model::{TrackerKind, VrrpInstance};
use crate::quiet::more;
use crate::track::Level;
use crate::wire::vrrp::Family;
use crate::wire::vrrp::v3::Coverage;
use fault::word_fault;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something is broken.
    Error,
    /// Something is not as it should be.
    Warning,
    /// A change of state.
    Info,
    /// Worth a line with `--log-detail`.
    Detail,
}

/// A log line of the core, as a value. `Display` words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// About one instance.
    Instance {
        /// Its name.
        name: Rc<str>,
        /// What is said.
        said: Said,
    },
    /// A sync group brings its members to this state.
    Syncing {
        /// Its name.
        group: Rc<str>,
        /// Which state.
        state: State,
    },
    /// The first gratuitous ARP of a burst for an address leaves.
    GratuitousArp {
        /// Name of the interface.
        interface: String,
        /// Which address.
        address: IpAddr,
    },
    /// A packet for a virtual router that is not configured on its interface; only with `log_unknown_vrids`.
    UnknownVrid {
        /// The virtual router ID.
        vrid: u8,
        /// Name of the interface.
        interface: String,
        /// Who sent it.
        source: IpAddr,
        /// How many of these were not told since the last one.
        suppressed: u32,
    },
}

/// What can be said about an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is now in this state; `init` = it begins there.
    Entering {
        /// Which state.
        state: State,
        /// It comes from INIT.
        init: bool,
    },
    /// Goes on as MASTER in the place of a process that died.
    Resumed,
    /// Cannot run: no interface of this name.
    FaultMissing(String),
    /// Cannot run: this interface is down.
    FaultDown(String),
    /// Cannot run: no address of this family to send from.
    FaultNoAddress(Family),
    /// Cannot run: its source address, which `track_src_ip` watches, is not on this host.
    FaultNoSource(IpAddr),
    /// Cannot run: a unicast instance without peers (`unicast_fault_no_peer`).
    FaultNoPeers,
    /// Cannot run: a tracked interface is down, or up where it has to be down.
    FaultTracked {
        /// Which.
        interface: String,
        /// It is up.
        up: bool,
    },
    /// Cannot run: a tracked script has failed, or succeeded where it has to fail, and the like; or something static is missing.
    FaultTracker {
        /// What it is.
        kind: TrackerKind,
        /// Its name.
        name: String,
        /// What it says.
        level: Level,
    },
    /// Cannot run: another member of its sync group cannot.
    FaultGroup,
    /// A MASTER of lower priority is left alone for so long.
    PreemptDelayed(Duration),
    /// It no longer is: there is a MASTER to be obeyed.
    PreemptDelayEnded,
    /// So much time passed that no timer of this process saw, and it listens before it goes on as MASTER or becomes it.
    Listening(Duration),
    /// Master_Down_Timer fired.
    AdvertTimeout,
    /// Stepping down for this sender of higher priority.
    HeardHigher {
        /// Who.
        source: IpAddr,
        /// Theirs.
        priority: u8,
        /// Ours.
        ours: u8,
    },
    /// Stepping down for this sender of the same priority and a higher address.
    HeardEqualHigher {
        /// Who.
        source: IpAddr,
        /// Both.
        priority: u8,
    },
    /// A lower-priority advert.
    HeardLower {
        /// Who.
        source: IpAddr,
        /// Theirs.
        priority: u8,
        /// Ours.
        ours: u8,
        /// Not told since the last one.
        suppressed: u32,
    },
    /// A resignation, heard as BACKUP.
    HeardResign,
    /// An advert of our priority from our own address.
    HeardSelf {
        /// The address.
        source: IpAddr,
        /// Not told since the last one.
        suppressed: u32,
    },
    /// Another router says that it owns the addresses, too.
    HeardRivalOwner {
        /// Who.
        source: IpAddr,
        /// Not told since the last one.
        suppressed: u32,
    },
    /// Sent priority 0.
    Resigned,
    /// The priority that counts is another.
    Priority {
        /// Before.
        from: u8,
        /// Now.
        to: u8,
    },
    /// The first master heard of, or another one.
    MasterIs {
        /// Before.
        before: Option<IpAddr>,
        /// Now.
        now: IpAddr,
    },
    /// The master's interval, which is now ours to wait by (RFC 9568 section 6.4.2).
    Interval {
        /// Who.
        source: IpAddr,
        /// Theirs.
        theirs: Duration,
        /// Ours.
        ours: Duration,
    },
    /// A version 3 checksum that covers something else than ours.
    Coverage {
        /// Who.
        source: IpAddr,
        /// What theirs covers.
        theirs: Coverage,
    },
    /// This peer computes version 3 checksums as if its adverts went to the group; so do we to it.
    OldChecksum(IpAddr),
    /// An advert that is not signed, as `auth_hmac` would like it, and is heard all the same.
    Unsigned {
        /// Who.
        source: IpAddr,
        /// Not told since the last one.
        suppressed: u32,
    },
    /// A signed advert that is heard, made so far from our clock that soon they may not be.
    Skew {
        /// Who.
        source: IpAddr,
        /// How far.
        skew: Duration,
        /// How far it may be.
        window: Duration,
    },
    /// Addresses on.
    SettingVips,
    /// It is MASTER, but its virtual addresses do not answer.
    Unanswered,
    /// Addresses off.
    RemovingVips,
    /// A burst of gratuitous ARPs begins.
    Announcing {
        /// Name of the interface.
        interface: String,
        /// Which address.
        address: IpAddr,
    },
    /// A packet was dropped.
    BadPacket {
        /// Who sent it.
        source: IpAddr,
        /// What is wrong with it.
        fault: PacketFault,
        /// Virtual router ID.
        vrid: u8,
        /// Not told since the last one.
        suppressed: u32,
    },
    /// An advert about other addresses than ours.
    Addresses {
        /// Who sent it.
        source: IpAddr,
        /// What differs.
        fault: AddressFault,
        /// Virtual router ID.
        vrid: u8,
        /// Not told since the last one.
        suppressed: u32,
    },
    /// The kernel refused an advert.
    SendFailed {
        /// To whom.
        destination: Option<IpAddr>,
        /// errno.
        error: i32,
        /// Not told since the last one.
        suppressed: u32,
    },
    /// The state machine has no row for this pair; nothing was done.
    Unexpected {
        /// Where it was.
        state: State,
        /// What came.
        cause: Cause,
    },
    /// Removed from the configuration.
    Removed,
}

impl Notice {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        let said = match self {
            Notice::Instance { said, .. } => said,
            Notice::GratuitousArp { .. } => return Severity::Detail,
            Notice::Syncing { .. } => return Severity::Info,
            Notice::UnknownVrid { .. } => return Severity::Warning,
        };
        match said {
            Said::Unexpected { .. } | Said::SendFailed { .. } => Severity::Error,
            Said::FaultMissing(_)
            | Said::FaultDown(_)
            | Said::FaultNoAddress(_)
            | Said::FaultNoSource(_)
            | Said::FaultNoPeers
            | Said::FaultTracked { .. }
            | Said::FaultTracker { .. }
            | Said::FaultGroup
            | Said::Listening(_)
            | Said::HeardSelf { .. }
            | Said::HeardRivalOwner { .. }
            | Said::Unanswered
            | Said::BadPacket { .. }
            | Said::Skew { .. }
            | Said::Addresses { .. } => Severity::Warning,
            Said::Entering { .. }
            | Said::Resumed
            | Said::AdvertTimeout
            | Said::HeardHigher { .. }
            | Said::HeardEqualHigher { .. }
            | Said::HeardLower { .. }
            | Said::HeardResign
            | Said::Resigned
            | Said::Priority { .. }
            | Said::PreemptDelayed(_)
            | Said::PreemptDelayEnded
            | Said::Interval { .. }
            | Said::Coverage { .. }
            | Said::Unsigned { .. }
            | Said::OldChecksum(_)
            | Said::Removed => Severity::Info,
            Said::MasterIs { .. }
            | Said::SettingVips
            | Said::RemovingVips
            | Said::Announcing { .. } => Severity::Detail,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Instance { name, said } => said.word(name, f),
            Notice::Syncing { group, state } => {
                write!(f, "VRRP_Group({group}) Syncing instances to {state} state")
            }
            Notice::GratuitousArp { interface, address } if address.is_ipv4() => {
                write!(f, "Sending gratuitous ARP on {interface} for {address}")
            }
            Notice::GratuitousArp { interface, address } => {
                write!(
                    f,
                    "Sending unsolicited Neighbour Advert on {interface} for {address}"
                )
            }
            Notice::UnknownVrid {
                vrid,
                interface,
                source,
                suppressed,
            } => {
                write!(
                    f,
                    "Unknown VRID({vrid}) received on interface({interface}). ignoring... (from {source})"
                )?;
                more(f, *suppressed)
            }
        }
    }
}
