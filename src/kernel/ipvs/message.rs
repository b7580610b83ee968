//! What is asked of the kernel and what it says, as values. Their bytes are encode.rs's and decode.rs's.

use super::{Destination, DestinationKey, Service, ServiceKey, SyncDaemon, SyncRole, Timeouts};

/// A request. Each is answered by an errno; what reads is answered by what it asks for too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Make a service. EEXIST: it is there already; ENOENT: this kernel has no such scheduler or engine.
    NewService(ServiceKey, Service),
    /// Change a service in place: its connections stay. ESRCH: it is not there.
    SetService(ServiceKey, Service),
    /// Take a service away with its destinations. ESRCH: it is not there.
    DeleteService(ServiceKey),
    /// Tell this service. ESRCH: it is not there.
    GetService(ServiceKey),
    /// Make a destination. EEXIST: it is there already; ESRCH: its service is not.
    NewDestination(ServiceKey, DestinationKey, Destination),
    /// Change a destination in place: its connections stay. ENOENT: it is not there; ESRCH: its service is not.
    SetDestination(ServiceKey, DestinationKey, Destination),
    /// Take a destination away. ENOENT: it is not there; ESRCH: its service is not.
    DeleteDestination(ServiceKey, DestinationKey),
    /// Tell every destination of this service: none, when there is no such service.
    DumpDestinations(ServiceKey),
    /// Take all services away, whosever they are.
    Flush,
    /// Tell the timeouts.
    GetTimeouts,
    /// Change the timeouts that are not 0.
    SetTimeouts(Timeouts),
    /// Start a synchronisation daemon. EEXIST: there is one of its role already.
    StartDaemon(SyncDaemon),
    /// Stop the daemon of this role. ESRCH: there is none.
    StopDaemon(SyncRole),
    /// Tell the daemons.
    DumpDaemons,
}

/// What a service or a destination carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Since it was made.
    pub total: Counts,
    /// In a second, as the kernel estimates it: every two seconds anew.
    pub rate: Counts,
}

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections scheduled.
    pub connections: u64,
    /// Packets from clients.
    pub in_packets: u64,
    /// Packets to clients, as far as they come back this way.
    pub out_packets: u64,
    /// Bytes from clients.
    pub in_bytes: u64,
    /// Bytes to clients.
    pub out_bytes: u64,
}

/// The connections that a destination has now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Established.
    pub active: u32,
    /// In any other state.
    pub inactive: u32,
    /// Templates of persistent clients.
    pub persistent: u32,
}

/// What one message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The number of the family IPVS.
    Family(u16),
    /// A service.
    Service {
        /// Which.
        key: ServiceKey,
        /// None = not like any that we could make.
        service: Option<Service>,
        /// What it has carried.
        traffic: Traffic,
    },
    /// A destination of the service that was asked about.
    Destination {
        /// Which.
        key: DestinationKey,
        /// None = not like any that we could make.
        destination: Option<Destination>,
        /// What it carries.
        connections: Connections,
        /// What it has carried.
        traffic: Traffic,
    },
    /// A synchronisation daemon that runs.
    Daemon(SyncDaemon),
    /// The timeouts.
    Timeouts(Timeouts),
    /// How a request went.
    Answer {
        /// 0 = done.
        errno: i32,
        /// The kernel's own words, when it has any.
        words: Option<String>,
    },
    /// The end of a dump, with an errno, 0 = complete.
    Done(i32),
    /// The kernel dropped messages for us.
    Overrun,
    /// Nothing we act on.
    Other,
}

/// A message with what it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Of the request this answers.
    pub sequence: u32,
    /// What it says.
    pub message: Message,
}
