//! Where the files of the processes are: pid files, dumps, log files. Names only; making them is `os` and dump.rs.

use super::Role;
use crate::cli::Options;
use crate::config::model::Global;
use std::path::{Path, PathBuf};

/// Where pid files are.
const RUN_DIRECTORY: &str = "/run";
/// Where they are when several daemons share a host.
const OWN_RUN_DIRECTORY: &str = "/run/keepalived";
/// Where dumps go when TMPDIR names no directory.
const TEMPORARY_DIRECTORY: &str = "/tmp";

/// The pid file of a role (`None`: of the parent).
pub fn pid_file(options: &Options, global: &Global, role: Option<Role>) -> PathBuf {
    let (given, name) = match role {
        None => (&options.pid_file, "keepalived"),
        Some(Role::Vrrp) => (&options.vrrp_pid_file, "vrrp"),
        Some(Role::Checker) => (&options.checker_pid_file, "checkers"),
    };
    if let Some(path) = given {
        return path.clone();
    }
    let own = global.use_pid_dir || global.instance.is_some() || options.namespace.is_some();
    let directory = if own {
        OWN_RUN_DIRECTORY
    } else {
        RUN_DIRECTORY
    };
    match &global.instance {
        Some(instance) => Path::new(directory).join(format!("{name}_{instance}.pid")),
        None => Path::new(directory).join(format!("{name}.pid")),
    }
}

/// The file of a dump, such as `keepalived.data`; the suffix goes before the dot.
pub fn dump_file(suffix: &str, extension: &str) -> PathBuf {
    temporary_directory().join(format!("keepalived{suffix}.{extension}"))
}

/// The log file of a process.
pub fn log_file(options: &Options, role: Option<Role>) -> Option<PathBuf> {
    let path = match options.log_file.as_ref()? {
        Some(path) => path.clone(),
        None => temporary_directory().join("keepalived.log"),
    };
    let suffix = match role {
        None => "",
        Some(Role::Vrrp) => "_vrrp",
        Some(Role::Checker) => "_healthcheckers",
    };
    Some(crate::logging::file_of_process(&path, suffix))
}

fn temporary_directory() -> PathBuf {
    std::env::var_os("TMPDIR")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute() && path.is_dir())
        .unwrap_or_else(|| PathBuf::from(TEMPORARY_DIRECTORY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pid_files_are_where_scripts_look_for_them() {
        let mut options = Options::default();
        let mut global = Global::default();
        let paths = |options: &Options, global: &Global| {
            [None, Some(Role::Vrrp), Some(Role::Checker)]
                .map(|role| pid_file(options, global, role).display().to_string())
        };
        assert_eq!(
            paths(&options, &global),
            ["/run/keepalived.pid", "/run/vrrp.pid", "/run/checkers.pid"]
        );
        global.use_pid_dir = true;
        assert_eq!(paths(&options, &global)[1], "/run/keepalived/vrrp.pid");
        global.instance = Some("blue".into());
        global.use_pid_dir = false;
        assert_eq!(
            paths(&options, &global)[0],
            "/run/keepalived/keepalived_blue.pid"
        );
        options.pid_file = Some("/x.pid".into());
        assert_eq!(
            paths(&options, &global),
            [
                "/x.pid",
                "/run/keepalived/vrrp_blue.pid",
                "/run/keepalived/checkers_blue.pid"
            ]
        );
    }
}
