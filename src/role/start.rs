//! How the daemon comes up: log, configuration, permissions, pid file, daemon, children; in this order, so that whatever is wrong is
//! said while somebody still listens, with an exit status that tells it apart.

use super::configuration::{self, Occasion};
use super::parent::Parent;
use super::{Exit, Role, paths};
use crate::check::marks;
use crate::cli::{Options, VERSION};
use crate::config::Loaded;
use crate::config::diagnostic::Class;
use crate::config::model::{Global, Lvs};
use crate::logging;
use crate::os::pid_file::{Failure, PidFile};
use crate::os::process;
use crate::report;
use log::{error, info, warn};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;

/// New files are for the daemon's user alone.
const UMASK: u32 = 0o177;
/// Mode of the directory of pid files.
const RUN_DIRECTORY_MODE: u32 = 0o755;
/// A configuration that cannot be read, or holds nothing to run.
const EXIT_NO_CONFIGURATION: i32 = 6;

/// Runs the daemon, and returns the exit status of this process (the parent's, or that of a child forked on the way).
pub fn run(options: Options, command_line: &str) -> i32 {
    // A reload that is asked for while the configuration is being read must not end the daemon: it follows.
    let held = process::hold_most_signals();
    process::set_umask(options.umask.unwrap_or(UMASK));
    let global = Global {
        net_namespace: options.namespace.clone(),
        ..Global::default()
    };
    logging::start(&super::log_settings(&options, &global, None));
    std::panic::set_hook(Box::new(|panic| {
        error!("Internal error: {panic}");
        logging::finish();
    }));
    match start(options, command_line) {
        Ok(parent) => {
            drop(held);
            parent.run()
        }
        Err(status) => {
            // Nor does one that waits change how this ends.
            std::mem::forget(held);
            logging::finish();
            status
        }
    }
}

fn start(options: Options, command_line: &str) -> Result<Parent, i32> {
    info!("Starting Keepalived v{VERSION}");
    info!("Running on {}", process::kernel_description());
    info!("Command line: {command_line}");
    info!("Configuration file {}", options.file.display());
    enter_namespace(&options, options.namespace.as_deref())?;
    let directory = std::env::current_dir().unwrap_or_default();
    let loaded = configuration::read(&options, &directory, Occasion::Start);
    configuration::tell(&loaded.diagnostics);
    refuse(&options, &loaded)?;
    let mut model = loaded.model;
    marks::assign(&mut model.lvs, &Lvs::default());
    let model = Rc::new(model);
    enter_namespace(&options, model.global.net_namespace.as_deref())?;
    process::set_umask(options.umask.or(model.global.umask).unwrap_or(UMASK));
    process::set_name(super::process_name(&model.global, None));
    if model.global.instance.is_some() || model.global.net_namespace.is_some() {
        logging::rename(&super::log_settings(&options, &model.global, None));
    }
    if Role::Vrrp.wanted(&options, &model) {
        check_capabilities(&options)?;
    }
    let mut pid_file = lock_pid_file(&options, &model.global)?;
    if options.core_dump
        && let Err(error) = process::allow_core_dumps()
    {
        warn!("Cannot allow core files: {error}");
    }
    if options.dump_configuration {
        for line in report::configuration(&model).lines() {
            info!("{line}");
        }
    }
    logging::flush();
    let starter = if options.foreground {
        None
    } else {
        let starter = process::daemonise(options.log_console).map_err(|error| {
            fail(&options, &format!("Cannot become a daemon: {error}"));
            Exit::Fatal as i32
        })?;
        // Messages carry the id of the process that writes them.
        logging::rename(&super::log_settings(&options, &model.global, None));
        Some(starter)
    };
    if let Some(pid_file) = &mut pid_file
        && let Err(error) = pid_file.write()
    {
        warn!("Cannot write the pid file: {error}");
    }
    if !Role::ALL.iter().any(|role| role.wanted(&options, &model)) {
        warn!("The configuration and the options leave nothing to run; waiting for a reload");
    }
    let parent = Parent::new(Rc::new(options), directory, model, pid_file).map_err(|error| {
        error!("Cannot start: {error}");
        Exit::Fatal
    });
    if let Some(starter) = starter {
        starter.release(parent.as_ref().err().map_or(0, |&exit| exit as u8));
    }
    parent.map_err(|exit| exit as i32)
}

/// Says why the daemon does not start, in the log and, unless the log goes there, on standard error.
fn fail(options: &Options, message: &str) {
    error!("{message}");
    if !options.log_console {
        logging::to_terminal(&format!("keepalived: {message}"));
    }
}

fn refuse(options: &Options, loaded: &Loaded) -> Result<(), i32> {
    if !loaded.refused() {
        return Ok(());
    }
    if !options.log_console {
        for diagnostic in loaded.diagnostics.iter() {
            logging::to_terminal(&loaded.diagnostics.line(diagnostic));
        }
    }
    fail(
        options,
        &format!(
            "The configuration in {} cannot be run",
            options.file.display()
        ),
    );
    if loaded.diagnostics.has(Class::MissingArgument) {
        Err(Exit::Config as i32)
    } else {
        Err(EXIT_NO_CONFIGURATION)
    }
}

/// Goes to a network namespace, also again: there must be no start in any other.
fn enter_namespace(options: &Options, name: Option<&str>) -> Result<(), i32> {
    let Some(name) = name else {
        return Ok(());
    };
    process::enter_network_namespace(name).map_err(|error| {
        fail(
            options,
            &format!("Cannot enter network namespace {name}: {error}"),
        );
        Exit::Fatal as i32
    })
}

fn check_capabilities(options: &Options) -> Result<(), i32> {
    let missing = process::missing_capabilities();
    if missing.is_empty() {
        return Ok(());
    }
    fail(
        options,
        &format!(
            "{} missing: VRRP needs it; run as root, or grant it (AmbientCapabilities= in the systemd unit, --cap-add with a container)",
            missing.join(" and ")
        ),
    );
    Err(Exit::Permission as i32)
}

fn lock_pid_file(options: &Options, global: &Global) -> Result<Option<PidFile>, i32> {
    let path = paths::pid_file(options, global, None);
    let missing: Vec<&Path> = path
        .ancestors()
        .skip(1)
        .take_while(|directory| !directory.as_os_str().is_empty() && !directory.exists())
        .collect();
    for directory in missing.into_iter().rev() {
        let made = fs::create_dir(directory).and_then(|()| {
            fs::set_permissions(directory, Permissions::from_mode(RUN_DIRECTORY_MODE))
        });
        if let Err(error) = made {
            warn!("Cannot make directory {}: {error}", directory.display());
        }
    }
    match PidFile::lock(&path) {
        Ok(file) => Ok(Some(file)),
        Err(Failure::Running) => {
            fail(
                options,
                &format!("daemon is already running (it holds {})", path.display()),
            );
            Err(Exit::Clean as i32)
        }
        // A read-only /run (a container) is no reason not to run; nothing then keeps a second daemon away.
        Err(Failure::Io(error)) => {
            warn!(
                "Cannot make pid file {}: {error}; a second daemon would not be noticed",
                path.display()
            );
            Ok(None)
        }
    }
}
