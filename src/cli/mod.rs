//! The command line: what is asked for, and the requests that are answered at once. Running the daemon is `role`'s.

mod config_test;
mod parse;
pub mod signum;
mod table;

pub use parse::{Parsed, parse};
pub use table::OPTIONS;

use crate::role;
use std::path::PathBuf;
use std::process::ExitCode;
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
    /// genhash.
    Genhash,
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
            config_id: None,
            namespace: None,
            core_dump: false,
            ignore_sigint: false,
        }
    }
}

/// The exit status of a command line that cannot be read.
const EXIT_USAGE: u8 = 1;

/// Does what the command line asks for, and says how it went.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments
        .next()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let Parsed {
        request,
        options,
        remarks,
    } = match parse(arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            eprintln!("{program}: {error}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    for remark in &remarks {
        eprintln!("{program}: {remark}");
    }
    match request {
        Request::Help => eprint!("{}", table::help(&program)),
        Request::Version => eprintln!("Keepalived v{VERSION}"),
        Request::Signum(function) => match signum::number(&function) {
            Some(number) => println!("{number}"),
            None => {
                eprintln!(
                    "{program}: no signal does '{function}'; there are {}",
                    signum::functions()
                );
                return ExitCode::from(EXIT_USAGE);
            }
        },
        Request::Genhash => {
            eprintln!("{program}: genhash is not implemented yet");
            return ExitCode::from(EXIT_USAGE);
        }
        Request::ConfigTest(file) => return exit_code(config_test::run(&options, file.as_deref())),
        Request::Run => return exit_code(role::start::run(options, &command_line())),
    }
    ExitCode::SUCCESS
}

fn exit_code(status: i32) -> ExitCode {
    ExitCode::from(u8::try_from(status).unwrap_or(EXIT_USAGE))
}

/// The command line as it was typed, each word in quotes.
fn command_line() -> String {
    std::env::args_os()
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect::<Vec<_>>()
        .join(" ")
}
