//! What can be tracked besides interfaces, and the lines that track it.

use super::{Command, Holdings};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One `vrrp_script`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// Its name in the file.
    pub name: String,
    /// What is run, and by whom; one argument that begins with `<` asks whether a file can be opened.
    pub command: Command,
    /// `interval`: from one start to the next.
    pub interval: Duration,
    /// `timeout`: how long a run may take; the interval when not given.
    pub timeout: Duration,
    /// `rise`: how many successes in a row end a failure; at least 1.
    pub rise: u32,
    /// `fall`: how many failures in a row are one; at least 1.
    pub fall: u32,
    /// `init_fail`: it counts as failed until its first run has ended.
    pub init_fail: bool,
}

/// What a line of `track_script`, `track_file`, `track_process` or `track_bfd` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TrackerKind {
    /// A `vrrp_script`.
    Script,
    /// A `track_file`.
    File,
    /// A `vrrp_track_process`.
    Process,
    /// A `bfd_instance`.
    Bfd,
    /// The static addresses, routes and rules of a `track_group`.
    Statics,
}

impl TrackerKind {
    /// As messages call it.
    pub fn name(self) -> &'static str {
        match self {
            TrackerKind::Script => "script",
            TrackerKind::File => "file",
            TrackerKind::Process => "process",
            TrackerKind::Bfd => "bfd",
            TrackerKind::Statics => "group",
        }
    }
}

/// One such line, with the default weight of what it names filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracked {
    /// What it names.
    pub kind: TrackerKind,
    /// Its name in the file.
    pub name: String,
    /// `weight`; 0 = its failure is a FAULT.
    pub weight: i32,
    /// `reverse`: success is the failure.
    pub reverse: bool,
}

/// One `track_group`: static things of this host without which its members do not run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackGroup {
    /// Its name in the file.
    pub name: String,
    /// What of `Vrrp::fixed` names it; never empty.
    pub holdings: Holdings,
}
