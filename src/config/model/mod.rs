//! What the user configured, checked and resolved: immutable once built, shared by all roles. What runs is elsewhere.

use serde::{Deserialize, Serialize};

mod auth_hmac;
mod bfd;
mod buffers;
mod checker;
mod command;
mod files;
mod filter;
mod global;
mod ipvs;
mod lifecycle;
mod linkbeat;
mod lvs;
mod mail;
mod marking;
mod notify;
mod process;
mod route;
mod tls;
mod track;
mod unicast;
mod vmac;
mod vrrp;
mod watched;
mod web;

pub use auth_hmac::{AuthHmac, Freshness, HmacMode};
pub use bfd::{BFD_INSTANCES_MAX, BfdInstance};
pub use buffers::{BufferPolicy, NetlinkBuffer, ReceiveBuffers};
pub use checker::{
    Checker, Connection, Dialogue, DnsProbe, PatternByte, Probe, Reply, ScriptProbe, Source,
    Timing, UdpProbe,
};
pub use command::Command;
pub use files::{DumpPlace, Files, ReloadCheck, ReloadFile};
pub use filter::Firewall;
pub use global::{Global, ProcessNames};
pub use ipvs::{Ipvs, IpvsNamespace, IpvsTimeouts, SyncSettings};
pub use lifecycle::{BoundedCommand, Lifecycle};
pub use linkbeat::{LinkMethod, Linkbeat};
pub use lvs::{
    Encapsulation, EndpointName, Family, Forwarding, Granularity, LINE_SERVICES_MAX, Lvs, Member,
    Persistence, Protocol, RealServer, RealServerExtra, SchedulerFlags, ServerGroup, Service,
    ServiceName, SorryServer, TunnelChecksum, VirtualServer,
};
pub use mail::{Alerts, Mail, MailServer, Mailbox};
pub use marking::Marking;
pub use notify::{Fifo, Notify};
pub use process::{AutoPriority, Processes, Scheduling};
pub use route::{
    Encap, Holdings, Insertion, Metric, NextHop, PROTOCOL_KEEPALIVED, Prefix, ROUTE_KINDS,
    ROUTE_METRICS, ROUTE_UNICAST, Route, Rule, RuleAction, TABLE_MAIN,
};
pub use tls::{Identity, PemFile, ServerName, Tls, TlsProbe, TlsProfile};
pub use track::{Script, TrackGroup, Tracked, TrackerKind};
pub use unicast::{OldChecksum, Transport, Unicast, UnicastPeer};
pub use vmac::{IpvlanMode, LinkKind, VirtualLink, Vmac};
pub use vrrp::{
    Authentication, GarpGroup, GarpPolicy, InitialState, LinkDelay, SyncGroup, TrackedInterface,
    Version, VirtualAddress, Vrrp, VrrpInstance,
};
pub use watched::{InitFile, ParameterMatch, ProcessMatch, TrackFile, TrackProcess};
pub use web::{Header, HttpVersion, Method, Regex, Request, Url, WebProbe, is_one_word};

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Daemon-wide settings.
    pub global: Global,
    /// What the VRRP role runs.
    pub vrrp: Vrrp,
    /// What the checker role runs.
    pub lvs: Lvs,
    /// What the BFD role runs, in the order of the file.
    pub bfd: Vec<BfdInstance>,
}
