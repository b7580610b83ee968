//! The command line: words in, what is asked for out. Doing it is `main.rs`'s and `role`'s.

pub mod genhash;
mod parse;
pub mod signum;
mod table;

pub use parse::{Parsed, parse};
pub use table::{OPTIONS, help};

use std::ffi::OsString;
use std::path::PathBuf;
use syslog::Facility;

/// The configuration file when `-f` does not name another.
pub const DEFAULT_FILE: &str = "/etc/keepalived/keepalived.conf";
/// The version as logged and printed.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The daemon.
    Run,
    /// A check of the configuration, with messages to a file or to standard error.
    ConfigTest(Option<PathBuf>),
    /// The number of the signal that does this.
    Signum(String),
    /// genhash, with these arguments.
    Genhash(Vec<OsString>),
    /// The version.
    Version,
    /// The help.
    Help,
}

/// The settings of the command line, with defaults filled in.
#[derive(Clone, Debug)]
pub struct Options {
    /// `-f`.
    pub file: PathBuf,
    /// Run the VRRP role (not `-C`).
    pub vrrp: bool,
    /// Run the checker role (not `-P`).
    pub checker: bool,
    /// Run the BFD role (not `-B`).
    pub bfd: bool,
    /// `--all`.
    pub all_roles: bool,
    /// `-l`.
    pub log_console: bool,
    /// How many `-D`.
    pub log_detail: u8,
    /// `-S`.
    pub facility: Facility,
    /// `-g`: no file, the default file, or this one.
    pub log_file: Option<Option<PathBuf>>,
    /// Log to syslog (not `-G`).
    pub syslog: bool,
    /// `-u`.
    pub umask: Option<u32>,
    /// Take virtual addresses away at stop (not `-V`).
    pub release_vrrp: bool,
    /// Take the IPVS table away at stop (not `-I`).
    pub release_ipvs: bool,
    /// Replace children that die (not `-R`).
    pub respawn: bool,
    /// `-n`.
    pub foreground: bool,
    /// `-d`.
    pub dump_configuration: bool,
    /// `-p`.
    pub pid_file: Option<PathBuf>,
    /// `-r`.
    pub vrrp_pid_file: Option<PathBuf>,
    /// `-c`.
    pub checker_pid_file: Option<PathBuf>,
    /// `-b`.
    pub bfd_pid_file: Option<PathBuf>,
    /// `-i`.
    pub config_id: Option<String>,
    /// `-s`.
    pub namespace: Option<String>,
    /// `-m`.
    pub core_dump: bool,
    /// `--ignore-sigint`.
    pub ignore_sigint: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            file: PathBuf::from(DEFAULT_FILE),
            vrrp: true,
            checker: true,
            bfd: true,
            all_roles: false,
            log_console: false,
            log_detail: 0,
            facility: Facility::LOG_DAEMON,
            log_file: None,
            syslog: true,
            umask: None,
            release_vrrp: true,
            release_ipvs: true,
            respawn: true,
            foreground: false,
            dump_configuration: false,
            pid_file: None,
            vrrp_pid_file: None,
            checker_pid_file: None,
            bfd_pid_file: None,
            config_id: None,
            namespace: None,
            core_dump: false,
            ignore_sigint: false,
        }
    }
}
