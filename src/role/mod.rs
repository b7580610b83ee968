//! The processes: parent (supervise, watchdog, reload), vrrp, checker and bfd. Thin shells: descriptors and time in, cores, actions out.
//!
//! This file is what the roles share: what a child is given when it is forked, and how it ends.

mod bfd;
pub mod board;
mod checker;
mod child;
mod children;
pub mod config_test;
pub mod configuration;
pub mod control;
pub mod dump;
mod dumps;
mod flight;
pub mod genhash;
pub mod handover;
pub mod ledger;
mod lifecycle;
mod nftables;
mod parent;
pub mod paths;
pub mod programs;
mod reload;
mod reload_time;
pub mod runner;
mod schedule;
pub mod sessions;
mod shared_records;
pub mod start;
pub mod sync_daemon;
mod systemd;
pub mod vrrp;
mod watch;

use crate::cli::Options;
use crate::config::model::{Global, Model};
use crate::logging;
use crate::os::process;
use crate::os::signals::Signals;
use board::Board;
use control::ToParent;
use handover::Handover;
use ledger::Ledger;
use schedule::Scheduler;
use sessions::SessionBoard;
use std::rc::Rc;

/// A process that the parent forks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Speaks VRRP.
    Vrrp,
    /// Checks real servers.
    Checker,
    /// Speaks BFD.
    Bfd,
}

impl Role {
    /// All of them, in the order they are started.
    pub const ALL: [Role; 3] = [Role::Vrrp, Role::Checker, Role::Bfd];

    /// As in "VRRP child process(123) died".
    pub fn title(self) -> &'static str {
        match self {
            Role::Vrrp => "VRRP",
            Role::Checker => "Healthcheck",
            Role::Bfd => "BFD",
        }
    }

    /// The name in syslog.
    pub fn ident(self) -> &'static str {
        match self {
            Role::Vrrp => "Keepalived_vrrp",
            Role::Checker => "Keepalived_healthcheckers",
            Role::Bfd => "Keepalived_bfd",
        }
    }
}

impl Role {
    /// Whether the configuration and the command line want it.
    pub fn wanted(self, options: &Options, model: &Model) -> bool {
        match self {
            Role::Vrrp => options.vrrp && (options.all_roles || model.vrrp.has_work()),
            Role::Checker => {
                options.checker && (options.all_roles || !model.lvs.virtual_servers.is_empty())
            }
            Role::Bfd => options.bfd && (options.all_roles || !model.bfd.is_empty()),
        }
    }
}

impl Role {
    /// Whether a process that replaces one which died knows all that it left in the kernel, whatever is configured by then.
    pub fn leaves_nothing_unknown(self) -> bool {
        match self {
            Role::Vrrp | Role::Bfd => false,
            Role::Checker => true,
        }
    }

    /// Whether its part of the configuration differs: a role is not disturbed for the sake of another.
    pub fn concerned(self, old: &Model, new: &Model) -> bool {
        match self {
            // States are told at each reload where that is asked for.
            Role::Vrrp => {
                old.vrrp != new.vrrp || old.global != new.global || new.global.fifo_states_on_reload
            }
            Role::Checker => old.lvs != new.lvs || old.global != new.global,
            Role::Bfd => old.bfd != new.bfd || old.global != new.global,
        }
    }

    /// Its part of the configuration.
    fn part(self, model: &Model) -> Model {
        let mut part = Model {
            global: model.global.clone(),
            ..Model::default()
        };
        match self {
            Role::Vrrp => part.vrrp.clone_from(&model.vrrp),
            Role::Checker => part.lvs.clone_from(&model.lvs),
            Role::Bfd => part.bfd.clone_from(&model.bfd),
        }
        part
    }
}

/// What a process is called when the configuration says nothing: as the program.
const PROCESS_NAME: &str = "keepalived";

/// What a process (`None`: the parent) is called in lists of processes.
fn process_name(global: &Global, role: Option<Role>) -> &str {
    let names = &global.process_names;
    let (given, own) = match role {
        None => (&names.parent, PROCESS_NAME),
        Some(Role::Vrrp) => (&names.vrrp, "keepalived_vrrp"),
        Some(Role::Checker) => (&names.checker, "keepalived_lvs"),
        Some(Role::Bfd) => (&names.bfd, "keepalived_bfd"),
    };
    match given {
        Some(name) => name,
        None if names.children => own,
        None => PROCESS_NAME,
    }
}

/// Where a process (`None`: the parent) logs to.
fn log_settings(options: &Options, global: &Global, role: Option<Role>) -> logging::Settings {
    let mut ident = role.map_or("Keepalived", Role::ident).to_owned();
    for part in [&global.net_namespace, &global.instance]
        .into_iter()
        .flatten()
    {
        ident.push('_');
        ident.push_str(part);
    }
    logging::Settings {
        ident,
        facility: options.facility,
        syslog: options.syslog,
        console: options.log_console,
        file: paths::log_file(options, role),
        may_wait: role.is_none(),
        detail: options.log_detail,
    }
}

/// How a role ends: the exit statuses that the parent understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Told to stop, and did.
    Clean = 0,
    /// Cannot go on, and replacing it would not help.
    Fatal = 1,
    /// The configuration cannot be run.
    Config = 2,
    /// A permission is missing.
    Permission = 4,
    /// Something that should not happen; a replacement may fare better.
    Internal = 70,
}

/// What a child is given. Nothing in it was used by the parent before the fork but the values.
pub struct RoleContext {
    /// Which role it is.
    pub role: Role,
    /// The command line.
    pub options: Rc<Options>,
    /// The configuration to start with.
    pub model: Rc<Model>,
    /// The line to the parent; to be registered with the loop, and `alive` called every turn.
    pub parent: ToParent,
    /// To be registered with the loop. SIGTERM means `Order::Stop` (it comes when the parent has died); the others are the
    /// parent's business, and only taken off here so that they do no harm.
    pub signals: Signals,
    /// What a predecessor left, and where this process leaves its own state.
    pub board: Rc<Board>,
    /// The same of checkers.
    pub ledger: Rc<Ledger>,
    /// What the BFD process knows of its sessions, and whom it rings.
    pub sessions: Rc<SessionBoard>,
    /// Where the configuration of `Order::Reload` is found.
    pub handover: Rc<Handover>,
    /// The daemon has been started just now.
    pub first: bool,
    /// This process replaces one that died: carry on from the board.
    pub resume: bool,
    /// How the kernel runs this process.
    pub scheduler: Scheduler,
}

impl RoleContext {
    /// The configuration that `Order::Reload` announced. The error says what is wrong with it or with us.
    pub fn handed_over(&mut self, length: u64) -> Result<Rc<Model>, String> {
        let bytes = self
            .handover
            .read(length)
            .map_err(|error| error.to_string())?;
        let model = configuration::decode(&bytes)?;
        process::set_name(process_name(&model.global, Some(self.role)));
        self.scheduler.apply(&model.global.processes);
        Ok(Rc::new(model))
    }

    /// Takes the signals that have arrived; whether SIGTERM is among them.
    pub fn terminated(&mut self) -> bool {
        let mut terminated = false;
        for signal in self.signals.pending() {
            match signal {
                libc::SIGTERM => terminated = true,
                libc::SIGXCPU => self.scheduler.over_limit(),
                libc::SIGCHLD => logging::reap(),
                _ => {}
            }
        }
        terminated
    }
}
