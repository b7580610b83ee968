//! Every log line of the core: what is said as values, and how it is worded here (why packets were dropped: fault.rs) and nowhere
//! else. How often at most is limit.rs.
//!
//! The fixed parts are those that people's log watchers look for; changing one is a change of behaviour.

mod fault;
mod limit;

pub(super) use limit::{Limiter, Topic};

use super::receive::{AddressFault, PacketFault};
use super::table::{Cause, State};
use crate::config::model::{TrackerKind, VrrpInstance};
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
    /// This process slept for about so long, and listens before it goes on as MASTER or becomes it.
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

/// What every rate-limited line ends with when lines were left out.
fn more(f: &mut fmt::Formatter<'_>, suppressed: u32) -> fmt::Result {
    if suppressed > 0 {
        write!(
            f,
            " ({suppressed} more like this since the last such message)"
        )?;
    }
    Ok(())
}

impl Said {
    fn word(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Entering { state, init } => {
                write!(
                    f,
                    "({name}) Entering {state} STATE{}",
                    if *init { " (init)" } else { "" }
                )
            }
            Said::Resumed => write!(f, "({name}) Continuing in MASTER STATE"),
            Said::FaultMissing(interface) => write!(
                f,
                "({name}) entering FAULT state (interface {interface} does not exist)"
            ),
            // The colon is keepalived's, in this line alone.
            Said::FaultDown(interface) => write!(
                f,
                "({name}): entering FAULT state (interface {interface} down)"
            ),
            Said::FaultNoAddress(Family::V4) => write!(
                f,
                "({name}) entering FAULT state (no IPv4 address for interface)"
            ),
            Said::FaultNoAddress(Family::V6) => write!(
                f,
                "({name}) entering FAULT state (no IPv6 link local address for interface)"
            ),
            Said::FaultNoSource(source) => write!(
                f,
                "({name}): entering FAULT state (src address {source} not configured)"
            ),
            Said::FaultNoPeers => write!(
                f,
                "({name}) Cannot use unicast without any peers - going to fault state"
            ),
            Said::FaultTracked { interface, up } => write!(
                f,
                "({name}) entering FAULT state (tracked interface {interface} {})",
                if *up { "up" } else { "down" }
            ),
            Said::FaultTracker {
                kind: TrackerKind::Statics,
                name: group,
                ..
            } => write!(
                f,
                "({name}) entering FAULT state (something static of track group {group} is missing)"
            ),
            Said::FaultTracker {
                kind: TrackerKind::Script,
                name: script,
                level,
            } => write!(
                f,
                "({name}) entering FAULT state (tracked script {script} {})",
                if *level == Level::Up {
                    "succeeded"
                } else {
                    "failed"
                }
            ),
            Said::FaultTracker {
                kind: TrackerKind::File,
                name: file,
                level,
            } => write!(
                f,
                "({name}) entering FAULT state (tracked file {file} says {level})"
            ),
            Said::FaultTracker {
                kind: TrackerKind::Process,
                name: process,
                level,
            } => write!(
                f,
                "({name}) entering FAULT state (tracked process {process} {})",
                if *level == Level::Up {
                    "has its quorum"
                } else {
                    "lacks its quorum"
                }
            ),
            Said::FaultGroup => write!(
                f,
                "({name}) entering FAULT state (another member of its sync group cannot run)"
            ),
            Said::PreemptDelayed(delay) => write!(
                f,
                "({name}) start preempt delay ({} s)",
                delay.as_secs_f64()
            ),
            Said::PreemptDelayEnded => write!(f, "({name}) stop preempt delay"),
            Said::Listening(late) => write!(
                f,
                "({name}) this process slept for {:.3} s: listening before claiming to be MASTER",
                late.as_secs_f64()
            ),
            Said::AdvertTimeout => write!(f, "({name}) Receive advertisement timeout"),
            Said::HeardHigher {
                source,
                priority,
                ours,
            } => {
                write!(
                    f,
                    "({name}) Master received advert from {source} with higher priority {priority}, ours {ours}"
                )
            }
            Said::HeardEqualHigher { source, priority } => write!(
                f,
                "({name}) Master received advert from {source} with same priority {priority} but higher IP address than ours"
            ),
            Said::HeardLower {
                source,
                priority,
                ours,
                suppressed,
            } => {
                write!(
                    f,
                    "({name}) Received advert from {source} with lower priority {priority}, ours {ours}"
                )?;
                more(f, *suppressed)
            }
            Said::HeardResign => write!(f, "({name}) Backup received priority 0 advertisement"),
            Said::HeardSelf { source, suppressed } => {
                write!(
                    f,
                    "({name}) Received advert with our own address {source} and priority: is the address used twice, or do our \
                     packets come back?"
                )?;
                more(f, *suppressed)
            }
            Said::HeardRivalOwner { source, suppressed } => {
                write!(
                    f,
                    "({name}) {source} claims priority 255 (address owner) as we do: give all but one router a lower priority"
                )?;
                more(f, *suppressed)
            }
            Said::Resigned => write!(f, "({name}) sent 0 priority"),
            Said::Priority { from, to } => write!(
                f,
                "({name}) Changing effective priority from {from} to {to}"
            ),
            Said::MasterIs { before: None, now } => write!(f, "({name}) master set to {now}"),
            Said::MasterIs {
                before: Some(before),
                now,
            } => write!(f, "({name}) master changed from {before} to {now}"),
            Said::Interval {
                source,
                theirs,
                ours,
            } => write!(
                f,
                "({name}) master {source} sends every {} ms, we every {} ms: waiting by its interval",
                theirs.as_millis(),
                ours.as_millis()
            ),
            Said::Coverage { source, theirs } => write!(
                f,
                "({name}) {source} computes VRRPv3 checksums {} the pseudo header, unlike us: both are accepted",
                match theirs {
                    Coverage::PseudoHeader => "with",
                    Coverage::Message => "without",
                }
            ),
            Said::OldChecksum(peer) => write!(
                f,
                "({name}) {peer} computes VRRPv3 checksums as keepalived before 1.3.7: so do we towards it"
            ),
            Said::Unsigned { source, suppressed } => {
                write!(
                    f,
                    "({name}) advert from {source} is not signed (auth_hmac): heard, but not with mode enforce"
                )?;
                more(f, *suppressed)
            }
            Said::Skew {
                source,
                skew,
                window,
            } => write!(
                f,
                "({name}) the clock of {source} is {:.1} s away from ours; with {} s its adverts will be dropped: set the clocks",
                skew.as_secs_f64(),
                window.as_secs()
            ),
            Said::SettingVips => write!(f, "({name}) setting VIPs."),
            Said::Unanswered => write!(
                f,
                "({name}) its virtual addresses do not answer on this host (no_accept or strict mode, and priority is not {}): ping and services \
                 are not reached through them",
                VrrpInstance::OWNER
            ),
            Said::RemovingVips => write!(f, "({name}) removing VIPs."),
            Said::Announcing { interface, address } => {
                let what = if address.is_ipv4() {
                    "gratuitous ARPs"
                } else {
                    "Unsolicited Neighbour Adverts"
                };
                write!(
                    f,
                    "({name}) Sending/queueing {what} on {interface} for {address}"
                )
            }
            Said::BadPacket {
                source,
                fault,
                vrid,
                suppressed,
            } => {
                word_fault(name, *source, *vrid, fault, f)?;
                more(f, *suppressed)
            }
            Said::Addresses {
                source,
                fault,
                vrid,
                suppressed,
            } => {
                match fault {
                    AddressFault::Count { expected, got } => {
                        write!(
                            f,
                            "({name}) expected {expected} VIPs but received {got} from {source}"
                        )?;
                    }
                    AddressFault::Absent(address) => write!(
                        f,
                        "({name}) ip address associated with VRID {vrid} not present in advert from {source}: {address}"
                    )?,
                }
                more(f, *suppressed)
            }
            Said::SendFailed {
                destination,
                error,
                suppressed,
            } => {
                write!(f, "({name}) advert could not be sent")?;
                if let Some(destination) = destination {
                    write!(f, " to {destination}")?;
                }
                write!(f, ": {}", std::io::Error::from_raw_os_error(*error))?;
                more(f, *suppressed)
            }
            Said::Unexpected { state, cause } => write!(
                f,
                "({name}) ignored {cause:?} in {state} state: please report this"
            ),
            Said::Removed => write!(f, "({name}) removed from the configuration"),
        }
    }
}
