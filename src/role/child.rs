//! The first steps of a child after its fork: what it must not share with the parent, its log, its signals, its pid file.

use super::control::ToParent;
use super::schedule::Scheduler;
use super::{Exit, Role, RoleContext, bfd, checker, paths, vrrp};
use crate::logging;
use crate::os::pid_file::{Failure, PidFile};
use crate::os::process::{self, Held};
use crate::os::signals::Signals;
use log::{error, warn};

/// What a child takes over from the parent's memory.
pub struct Inheritance {
    /// Which role it plays.
    pub role: Role,
    /// Its end of the line.
    pub line: ToParent,
    /// The rest of what it is given.
    pub options: std::rc::Rc<crate::cli::Options>,
    /// The configuration.
    pub model: std::rc::Rc<crate::config::model::Model>,
    /// The board.
    pub board: std::rc::Rc<super::board::Board>,
    /// The ledger.
    pub ledger: std::rc::Rc<super::ledger::Ledger>,
    /// The session board.
    pub sessions: std::rc::Rc<super::sessions::SessionBoard>,
    /// The handover.
    pub handover: std::rc::Rc<super::handover::Handover>,
    /// Whether nobody has played the role since the daemon was started.
    pub first: bool,
    /// Whether it replaces one that died.
    pub resume: bool,
}

/// Plays the role to its end, and says how it ended.
pub fn run(inheritance: Inheritance, held: Held) -> Exit {
    let Inheritance {
        role,
        line,
        options,
        model,
        board,
        ledger,
        sessions,
        handover,
        first,
        resume,
    } = inheritance;
    logging::start(&super::log_settings(&options, &model.global, Some(role)));
    let signals = match Signals::new(&heard()) {
        Ok(signals) => signals,
        Err(error) => {
            error!("Cannot listen to signals: {error}");
            return Exit::Internal;
        }
    };
    // Signals that arrived since the fork are heard now.
    drop(held);
    let path = paths::pid_file(&options, &model.global, Some(role));
    let mut pid_file = PidFile::lock(&path);
    match &mut pid_file {
        Ok(file) => {
            if let Err(error) = file.write() {
                warn!("Cannot write pid file {}: {error}", path.display());
            }
        }
        // The parent's pid file is what keeps two daemons apart.
        Err(Failure::Running) => warn!("Pid file {} is held by another process", path.display()),
        Err(Failure::Io(error)) => warn!("Cannot make pid file {}: {error}", path.display()),
    }
    process::set_name(super::process_name(&model.global, Some(role)));
    let mut scheduler = Scheduler::new(role);
    scheduler.apply(&model.global.processes);
    let context = RoleContext {
        role,
        options,
        model,
        parent: line,
        signals,
        board,
        ledger,
        sessions,
        handover,
        first,
        resume,
        scheduler,
    };
    match role {
        Role::Vrrp => vrrp::run(context),
        Role::Checker => checker::run(context),
        Role::Bfd => bfd::run(context),
    }
}

/// SIGTERM, the end of the processes that help this one, the warning of RLIMIT_RTTIME, and what a terminal or a person may send to a
/// whole group of processes but only the parent acts on.
fn heard() -> [i32; 7] {
    [
        libc::SIGTERM,
        libc::SIGCHLD,
        libc::SIGXCPU,
        libc::SIGINT,
        libc::SIGHUP,
        libc::SIGUSR1,
        libc::SIGUSR2,
    ]
}
