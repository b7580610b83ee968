//! What is watched rather than run: the numbers in files (`track_file`) and how many processes there are (`vrrp_track_process`).

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// One `track_file`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackFile {
    /// Its name in the configuration.
    pub name: String,
    /// `file`.
    pub path: PathBuf,
    /// `init_file`: what is written when the daemon starts.
    pub init: Option<InitFile>,
}

/// `init_file [INT] [overwrite]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitFile {
    /// The number.
    pub value: i32,
    /// Also when there is a file already.
    pub overwrite: bool,
}

/// One `vrrp_track_process`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackProcess {
    /// Its name in the configuration.
    pub name: String,
    /// `process`, `param_match`, `full_command`.
    pub matching: ProcessMatch,
    /// `quorum` and `quorum_max`: with how many of them all is well; the second is `u32::MAX` when there is no limit.
    pub quorum: (u32, u32),
    /// `weight`, for those who track it without one of their own.
    pub weight: i32,
    /// `reverse` behind that.
    pub reverse: bool,
    /// `fork_delay`: how long all has to be well until that counts.
    pub fork_delay: Duration,
    /// `terminate_delay`: how long it must not be until that counts.
    pub terminate_delay: Duration,
}

/// Which processes are meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProcessMatch {
    /// Those of this name (`/proc/PID/comm`), as far as the kernel keeps names.
    Name(Vec<u8>),
    /// Those with this command line (`/proc/PID/cmdline`).
    Command {
        /// The program, as it stands first in the command line.
        program: Vec<u8>,
        /// What follows it.
        parameters: Vec<Vec<u8>>,
        /// How the parameters are compared.
        how: ParameterMatch,
    },
}

/// `param_match`: how the parameters of a process are compared with those that are configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterMatch {
    /// Not at all: only the program counts.
    None,
    /// They are the same.
    Exact,
    /// They begin with the same; others may follow.
    Partial,
    /// They are the same, but the last one may be longer.
    Initial,
}

impl ParameterMatch {
    /// As the JSON file has it.
    pub fn name(self) -> &'static str {
        match self {
            ParameterMatch::None => "none",
            ParameterMatch::Exact => "exact",
            ParameterMatch::Partial => "partial",
            ParameterMatch::Initial => "initial",
        }
    }
}
