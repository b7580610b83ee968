//! The words of every log line that an instance or a group says, and nowhere else. Which there are is notice.rs.

use super::*;

impl Said {
    pub(super) fn word(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
                kind,
                name: tracked,
                level,
            } => {
                let says = |up, down| if *level == Level::Up { up } else { down };
                write!(f, "({name}) entering FAULT state (")?;
                match kind {
                    TrackerKind::Statics => {
                        write!(f, "something static of track group {tracked} is missing)")
                    }
                    TrackerKind::File => write!(f, "tracked file {tracked} says {level})"),
                    TrackerKind::Script => {
                        let says = says("succeeded", "failed");
                        write!(f, "tracked script {tracked} {says})")
                    }
                    TrackerKind::Process => {
                        let says = says("has its quorum", "lacks its quorum");
                        write!(f, "tracked process {tracked} {says})")
                    }
                    TrackerKind::Bfd => {
                        let says = says("is up", "is down");
                        write!(f, "tracked BFD session {tracked} {says})")
                    }
                }
            }
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
                "({name}) the clocks went on by {:.3} s unnoticed (this process slept, the host was paused, or its clock was set): \
                 listening before claiming to be MASTER",
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
