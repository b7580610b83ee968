//! The VRRP core: packets, timers and interface changes in, actions out. Knows no socket, clock or file.
//!
//! `Router` (router.rs, reload.rs) holds every virtual router of the process and finds the one an event is for. `Instance`
//! (instance.rs) is one of them: its configuration and, apart from it, what runs; group.rs keeps those of a sync group together.
//! table.rs is the state machine of RFC 3768 section 6.4 as one table; receive.rs judges packets (section 7.1), unicast.rs tells whose
//! they are; the rest are their tools. Every log line is a value of notice.rs, which alone knows the words.
//!
//! What the shell owes the core: events one at a time with a time that never goes back; packets drained from the sockets before
//! timers are popped, so that a process that was stopped for a while hears the others before it asserts itself; actions
//! performed in order.

mod auth;
mod garp;
mod group;
mod instance;
mod interfaces;
mod notice;
mod receive;
mod reload;
mod router;
mod stats;
mod table;
mod tally;
mod timing;
mod trackers;
mod unicast;

#[cfg(test)]
pub(crate) mod tests;

pub use auth::Mark;
pub use group::Group;
pub use instance::{Instance, Record};
pub use interfaces::Unfit;
pub use notice::{Notice, Said, Severity};
pub use receive::{AddressFault, PacketFault};
pub use router::Router;
pub use stats::{RouterStats, Stats};
pub use table::{Cause, State};
pub use timing::{master_down_interval, skew_time};
pub use unicast::Packets;

use crate::config::model::{Notify, TrackerKind, Vrrp};
use crate::notify;
use crate::time::Instant;
use crate::track::Level;
use crate::wire::vrrp::Family;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::time::Duration;

/// An instance, by its place in the router. Stable for as long as an instance of that name is configured, across reloads too; a
/// place that became free is given to another.
pub type InstanceId = u32;

/// In the place of a kernel index: no interface in particular (unicast instances without `interface`). The kernel counts from 1.
pub const UNBOUND: u32 = 0;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKey {
    /// Adver_Timer: the next advert of a MASTER (RFC 3768 6.1).
    Advert(InstanceId),
    /// Master_Down_Timer of a BACKUP (RFC 3768 6.1).
    MasterDown(InstanceId),
    /// The next burst of gratuitous ARPs or neighbour advertisements of an instance: the second one, or a refresh.
    Garp(InstanceId),
    /// Gratuitous ARPs that wait for their turn on an interface, by kernel index.
    GarpQueue(u32),
    /// An interface has been down, or up, for so long that it counts as such; by kernel index.
    LinkDelay(u32),
}

/// What the shell knows of a network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Kernel index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Administratively up and with carrier (IFF_UP and IFF_RUNNING).
    pub up: bool,
    /// Hardware address.
    pub mac: [u8; 6],
    /// Path MTU of the link in bytes.
    pub mtu: u32,
    /// Primary IPv4 address that is not one of our own VIPs: the source of adverts.
    pub primary_v4: Option<Ipv4Addr>,
    /// The addresses of instances with `track_src_ip` that are on it and can be used, sorted.
    pub sources: Vec<IpAddr>,
    /// Link-local IPv6 address that is not one of our own VIPs and not tentative: the source of adverts over IPv6.
    pub link_local: Option<Ipv6Addr>,
}

/// What happens to the core.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The interfaces are known (each was told by `Interface` before): every instance begins, in FAULT where it cannot run.
    Start,
    /// An IPv4 or IPv6 packet, header included, of protocol 112 that arrived on an interface.
    Packet {
        /// Kernel index of the interface; `UNBOUND` when it came to a socket that hears all of them.
        interface: u32,
        /// The whole IP packet.
        bytes: &'a [u8],
    },
    /// A timer of the wheel expired; `deadline` is when it was due, never later than `now`.
    Timer {
        /// Which.
        key: TimerKey,
        /// When it was due.
        deadline: Instant,
    },
    /// An interface appeared or changed. Telling what is known already changes nothing.
    Interface(&'a Interface),
    /// An interface went away.
    InterfaceGone {
        /// Its index.
        index: u32,
    },
    /// Something that is tracked says this now. Telling what is known already changes nothing.
    Tracker {
        /// What it is.
        kind: TrackerKind,
        /// Its name in the file.
        name: &'a str,
        /// What it says.
        level: Level,
    },
    /// A packet of an advert could not be sent.
    SendFailed {
        /// Of which instance.
        instance: InstanceId,
        /// To whom.
        destination: Option<IpAddr>,
        /// The errno.
        error: i32,
    },
    /// An address of a MASTER had to be put back: neighbours may have learned another owner, so announce it again.
    AddressesRestored {
        /// Of which instance.
        instance: InstanceId,
    },
    /// The kernel refuses an address of a MASTER: it must not be announced, until `AddressUsable`.
    AddressUnavailable {
        /// Of which instance.
        instance: InstanceId,
        /// Which.
        address: IpAddr,
    },
    /// An address of a MASTER has passed duplicate address detection, or is no longer refused: now it may be announced.
    AddressUsable {
        /// Of which instance.
        instance: InstanceId,
        /// Which.
        address: IpAddr,
    },
    /// Another configuration. Instances are matched by name; one that did not change is not touched at all.
    Reload {
        /// The new instances.
        vrrp: &'a Vrrp,
        /// `log_unknown_vrids`.
        log_unknown_vrids: bool,
    },
    /// The host stood still for so long, which the clock of the events did not count (it was suspended, or paused and its wall clock
    /// set right): others may have taken over meanwhile.
    StoodStill {
        /// How long, about.
        gap: Duration,
    },
    /// The daemon stops: resign everywhere.
    Stop,
}

/// What the core wants done. Plain values; the shell performs them in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send an advert out of an interface, each of its packets to the destination of its header. One that cannot be sent says nothing
    /// of the others.
    SendAdvert {
        /// Whose advert.
        instance: InstanceId,
        /// Kernel index of the interface; `UNBOUND`: whichever the routes say.
        interface: u32,
        /// IPv4 or IPv6.
        family: Family,
        /// IP header and VRRP message, to the group or to each peer.
        packets: Packets,
    },
    /// Send an Ethernet frame (gratuitous ARP, neighbour advertisement).
    SendFrame {
        /// Kernel index of the interface.
        interface: u32,
        /// From destination MAC on, without FCS.
        frame: Vec<u8>,
    },
    /// Set or replace a timer.
    Arm(TimerKey, Instant),
    /// Forget a timer.
    Disarm(TimerKey),
    /// The addresses of this instance (`Router::instance(id).config().virtual_addresses`) shall be (or not be) on this host.
    /// `true` again for an instance that holds them already: the list changed. `false` may be for an instance that a reload has
    /// just removed.
    HoldAddresses(InstanceId, bool),
    /// Keep this where the next VRRP process finds it (`Router::resume`). Follows every change of state and every advert.
    Record(InstanceId, Record),
    /// Keep this beside it (`Router::remember`). Follows every advert that authentication numbers.
    Mark(InstanceId, Mark),
    /// Tell whom this says of this: programs, FIFOs. That the state of an instance changed comes last of what that made to be done;
    /// that of a group after all its members'.
    Notify(notify::Event, Rc<Notify>),
    /// Say something in the log (wording in notice.rs).
    Tell(Notice),
}

/// Where the core puts what it wants done.
pub type Actions = Vec<Action>;
