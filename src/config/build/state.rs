//! What the builders of one configuration share: the model as far as it is made, the defaults, and the names met so far.

use super::finish::accept::Unanswered;
use super::finish::ground::Load;
use super::global::Defaults;
use super::notify::DraftNotify;
use crate::config::diagnostic::Span;
use crate::config::model::{
    Holdings, LinkDelay, Linkbeat, Model, Tracked as TrackedObject, TrackedInterface,
};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// The work on one configuration.
#[derive(Default)]
pub(super) struct Builder {
    /// What is made.
    pub model: Model,
    /// Of `global_defs`.
    pub defaults: Defaults,
    /// What trackers may name.
    pub tracked: Tracked,
    /// Every instance by name, also those that are not started.
    pub instances: HashMap<String, Facts>,
    /// Who is sent which packets for a virtual router id on an interface (or, without one, at a source address), by address family
    /// (true = IPv6).
    pub lanes: HashMap<(String, u8, bool, Lane), String>,
    /// Who has a virtual address.
    pub addresses: HashMap<(IpAddr, Option<String>), String>,
    /// Names of links that instances make, and who.
    pub link_names: HashMap<String, String>,
    /// What interfaces bear, and for whom first.
    pub loads: HashMap<String, (Load, String)>,
    /// `interface_up_down_delays`, fitted to the instances when all are known.
    pub link_delays: Vec<(LinkDelay, Span)>,
    /// The interfaces that a `garp_group` has.
    pub paced: HashSet<String>,
    /// `vrrp_sync_group`, judged when all instances are known.
    pub sync_groups: Vec<SyncGroup>,
    /// `track_group`, likewise.
    pub track_groups: Vec<TrackGroup>,
    /// `linkbeat_use_polling` stands outside of the blocks.
    pub polls_all_links: bool,
    /// The instances whose addresses do not answer.
    pub unanswered: Vec<Unanswered>,
    /// How many objects there are that a daemon could run, whether this one can or not.
    pub objects: usize,
}

impl Builder {
    /// An interface whose link is polled; the first word on it counts.
    pub fn poll_link(&mut self, linkbeat: Linkbeat) {
        let known = &mut self.model.vrrp.linkbeats;
        if !known
            .iter()
            .any(|other| other.interface == linkbeat.interface)
        {
            known.push(linkbeat);
        }
    }
}

/// A `track_group` as it was read, and the static things that name it.
pub(super) struct TrackGroup {
    pub name: String,
    pub span: Span,
    pub members: Vec<(String, Span)>,
    pub holdings: Holdings,
}

/// Names that trackers may refer to, those defined above them, with their default weights and directions.
#[derive(Default)]
pub(super) struct Tracked {
    pub scripts: HashMap<String, (i32, bool)>,
    pub files: HashMap<String, (i32, bool)>,
    pub processes: HashMap<String, (i32, bool)>,
    pub bfds: HashMap<String, (i32, bool)>,
    /// The sessions of which checkers hear.
    pub checked_bfds: HashSet<String>,
}

/// What tells the packets for one virtual router from those for another of the same id: several may share an interface as long as
/// no packet could be for two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// Sent to this group.
    Group(IpAddr),
    /// Sent by this peer.
    Peer(IpAddr),
}

/// What others need to know of an instance.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The sync group that has it.
    pub group: Option<String>,
    /// It says itself whether changes of its priority are told.
    pub tells_priority_changes: bool,
}

/// A group as it was read.
pub(super) struct SyncGroup {
    pub name: String,
    pub span: Span,
    pub members: Option<Vec<(String, Span)>>,
    pub notify: DraftNotify,
    /// The interfaces it tracks on behalf of its members.
    pub tracked: Vec<TrackedInterface>,
    /// What else it tracks on their behalf.
    pub trackers: Vec<TrackedObject>,
    /// `sync_group_tracking_weight`: members may have weights of their own.
    pub own_weights: bool,
}
