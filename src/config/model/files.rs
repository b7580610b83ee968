//! The files that the daemon writes for people, and those by which a reload is arranged.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where they are; what is not said has a usual place (`role::paths`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// `data_use_instance`: names of data files tell the instance and the network namespace.
    pub data_use_instance: bool,
    /// `state_dump_file`.
    pub state_dump: Option<DumpPlace>,
    /// `stats_dump_file`.
    pub stats_dump: Option<DumpPlace>,
    /// `json_dump_file`.
    pub json_dump: Option<DumpPlace>,
    /// `json_version` 2: an object with the instances in it, instead of a list of them.
    pub json_version_2: bool,
    /// `reload_check_config`: a reload is refused when the test of the configuration finds anything.
    pub reload_check: Option<ReloadCheck>,
    /// `reload_file`: there while the configuration is being read.
    pub reload_file: Option<ReloadFile>,
    /// `reload_time_file`: an absolute path.
    pub reload_time: Option<PathBuf>,
    /// `reload_repeat`: that file stays, and a time without a date is a time of every day.
    pub reload_repeat: bool,
    /// `config_save_dir`: an absolute path.
    pub save_directory: Option<PathBuf>,
}

/// Where a dump goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DumpPlace {
    /// Into this directory, under its usual name.
    Directory(PathBuf),
    /// To this file.
    File(PathBuf),
    /// Under this name, in the directory for temporary files.
    Name(PathBuf),
}

/// What becomes of the messages of a test before a reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReloadCheck {
    /// The log has them anyway.
    Log,
    /// They are written to this file.
    File(PathBuf),
}

/// Which file says that the configuration is being read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReloadFile {
    /// `keepalived.reload` beside the pid files.
    Usual,
    /// This one, by an absolute path.
    At(PathBuf),
}
