//! `startup_script` and `shutdown_script`: the parent runs the one before it forks a child, the other when all have ended. It goes on
//! hearing signals meanwhile, and ends a script that takes too long, with everything it started.

use super::parent::{Key, Parent};
use super::runner::outcome;
use crate::config::model::BoundedCommand;
use crate::os::clock;
use crate::os::family::{self, Family};
use crate::os::process::{End, ProcessId};
use crate::os::spawn::Launcher;
use crate::track::script::Outcome;
use log::{info, warn};
use std::time::Duration;

/// How long a script that takes too long may take to end by itself.
const GRACE: Duration = Duration::from_secs(1);

/// The script that runs now, and which have run.
#[derive(Debug, Default)]
pub(super) struct Lifecycle {
    running: Option<Running>,
    begun: bool,
    ended: bool,
}

#[derive(Debug)]
struct Running {
    name: &'static str,
    process: ProcessId,
    launcher: Launcher,
    /// It took too long.
    late: bool,
    /// It is being ended, with all of it.
    ending: Option<Family>,
}

impl Parent {
    /// Runs the startup script, once. Nothing else is started while this is true.
    pub(super) fn is_opening(&mut self) -> bool {
        if !std::mem::replace(&mut self.lifecycle.begun, true) && !self.is_stopping() {
            let script = self.model.global.lifecycle.startup.clone();
            self.run_own("startup_script", script);
        }
        self.lifecycle.running.is_some()
    }

    /// Runs the shutdown script, once; a startup script that still runs is ended first. The daemon does not end while this is true.
    pub(super) fn is_closing(&mut self) -> bool {
        if self.lifecycle.running.is_none() && !std::mem::replace(&mut self.lifecycle.ended, true) {
            let script = self.model.global.lifecycle.shutdown.clone();
            self.run_own("shutdown_script", script);
        }
        self.lifecycle.running.is_some()
    }

    fn run_own(&mut self, name: &'static str, script: Option<BoundedCommand>) {
        let Some(BoundedCommand { command, limit }) = script else {
            return;
        };
        let started = Launcher::new()
            .and_then(|launcher| Ok((launcher.start(&command, || Ok(()))?, launcher)));
        match started {
            Ok((process, launcher)) => {
                info!("Running the {name}, pid={process}");
                self.wheel.arm(Key::OwnScript, clock::now() + limit);
                self.lifecycle.running = Some(Running {
                    name,
                    process,
                    launcher,
                    late: false,
                    ending: None,
                });
            }
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
                warn!("The {name} {}", Outcome::NotStarted(errno));
            }
        }
    }

    /// The script has taken as long as it may.
    pub(super) fn own_script_is_late(&mut self) {
        if let Some(running) = &mut self.lifecycle.running {
            running.late |= running.ending.is_none();
        }
        self.end_own_script();
    }

    /// Ends a script that runs: politely, then not.
    pub(super) fn end_own_script(&mut self) {
        let Some(running) = &mut self.lifecycle.running else {
            return;
        };
        match &mut running.ending {
            None => {
                let mut family = Family::of(running.process);
                family::halt(std::slice::from_mut(&mut family));
                family.ask();
                running.ending = Some(family);
            }
            Some(family) => {
                family::halt(std::slice::from_mut(family));
                family.kill();
            }
        }
        self.wheel.arm(Key::OwnScript, clock::now() + GRACE);
    }

    /// A process has ended: says how, if it was a script of the daemon's own.
    pub(super) fn own_script_ended(&mut self, process: ProcessId, end: End) {
        let running = &mut self.lifecycle.running;
        let Some(Running {
            name,
            mut launcher,
            ending,
            late,
            ..
        }) = running.take_if(|running| running.process == process)
        else {
            return;
        };
        self.wheel.disarm(Key::OwnScript);
        let outcome = match late {
            true => Outcome::TimedOut,
            false => outcome(end, launcher.failure(process, end)),
        };
        // Those that did not end with it when they were asked to.
        if let Some(mut family) = ending {
            family::halt(std::slice::from_mut(&mut family));
            family.kill();
        }
        match outcome.is_success() {
            true => info!("The {name} {outcome}"),
            false => warn!("The {name} {outcome}"),
        }
    }
}
