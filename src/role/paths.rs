//! Where the files of the processes are: pid files, dumps, log files. Names only; making them is `os` and dump.rs.

use super::Role;
use crate::cli::Options;
use crate::config::model::{DumpPlace, Global, ReloadFile};
use crate::logging::file_of_process;
use std::path::{Path, PathBuf};

/// Where pid files are.
const RUN_DIRECTORY: &str = "/run";
/// Where they are when several daemons share a host; those of one in a network namespace in a directory of its name there.
const OWN_RUN_DIRECTORY: &str = "/run/keepalived";
/// Where dumps go when TMPDIR names no directory.
const TEMPORARY_DIRECTORY: &str = "/tmp";

/// The pid file of a role (`None`: of the parent).
pub fn pid_file(options: &Options, global: &Global, role: Option<Role>) -> PathBuf {
    let (given, name) = match role {
        None => (&options.pid_file, "keepalived"),
        Some(Role::Vrrp) => (&options.vrrp_pid_file, "vrrp"),
        Some(Role::Checker) => (&options.checker_pid_file, "checkers"),
        Some(Role::Bfd) => (&options.bfd_pid_file, "bfd"),
    };
    given
        .clone()
        .unwrap_or_else(|| run_file(global, name, "pid"))
}

/// The file that is there while the configuration is read again, if there is to be one.
pub fn reload_file(global: &Global) -> Option<PathBuf> {
    Some(match global.files.reload_file.as_ref()? {
        ReloadFile::Usual => run_file(global, "keepalived", "reload"),
        ReloadFile::At(path) => path.clone(),
    })
}

/// The directory of the pid files of a daemon in a network namespace.
pub fn own_directory(global: &Global) -> Option<PathBuf> {
    let namespace = global.net_namespace.as_ref()?;
    Some(Path::new(OWN_RUN_DIRECTORY).join(namespace))
}

fn run_file(global: &Global, name: &str, extension: &str) -> PathBuf {
    let own = global.use_pid_dir || global.instance.is_some();
    let directory = match own_directory(global) {
        Some(directory) => directory,
        None if own => OWN_RUN_DIRECTORY.into(),
        None => RUN_DIRECTORY.into(),
    };
    match &global.instance {
        Some(instance) => directory.join(format!("{name}_{instance}.{extension}")),
        None => directory.join(format!("{name}.{extension}")),
    }
}

/// What is dumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dump {
    /// What is configured and what runs.
    Data,
    /// Counters.
    Stats,
    /// Both, for programs.
    Json,
}

impl Dump {
    /// The extension of the file.
    pub fn extension(self) -> &'static str {
        match self {
            Dump::Data => "data",
            Dump::Stats => "stats",
            Dump::Json => "json",
        }
    }
}

/// The file of a dump, such as `keepalived.data`; the suffix, which tells the process, goes before the dot.
pub fn dump_file(global: &Global, dump: Dump, suffix: &str) -> PathBuf {
    let files = &global.files;
    let place = match dump {
        Dump::Data => &files.state_dump,
        Dump::Stats => &files.stats_dump,
        Dump::Json => &files.json_dump,
    };
    let usual = || PathBuf::from(format!("keepalived.{}", dump.extension()));
    let path = match place {
        None => temporary_directory().join(usual()),
        Some(DumpPlace::Directory(directory)) => directory.join(usual()),
        Some(DumpPlace::File(path)) => path.clone(),
        Some(DumpPlace::Name(name)) => temporary_directory().join(name),
    };
    let mut infix = suffix.to_owned();
    if files.data_use_instance && dump == Dump::Data {
        let parts = [&global.net_namespace, &global.instance];
        for (place, part) in parts.into_iter().flatten().enumerate() {
            infix.push(if place == 0 { '.' } else { '_' });
            infix.push_str(part);
        }
    }
    file_of_process(&path, &infix)
}

/// A file of `config_save_dir`, if there is one.
pub fn saved_file(global: &Global, name: &str) -> Option<PathBuf> {
    let directory = global.files.save_directory.as_ref()?;
    Some(directory.join(name))
}

/// Where the VRRP process keeps what settings of the kernel were before it changed them: beside the pid file of the daemon.
pub fn saved_settings(options: &Options, global: &Global) -> PathBuf {
    pid_file(options, global, None).with_extension("sysctl")
}

/// Where a daemon that stops for another says which services of IPVS it has left in place: beside its pid file.
pub fn left_services(options: &Options, global: &Global) -> PathBuf {
    pid_file(options, global, None).with_extension("ipvs")
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
        Some(Role::Bfd) => "_bfd",
    };
    Some(file_of_process(&path, suffix))
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
            [None, Some(Role::Vrrp), Some(Role::Checker), Some(Role::Bfd)]
                .map(|role| pid_file(options, global, role).display().to_string())
        };
        assert_eq!(
            paths(&options, &global),
            [
                "/run/keepalived.pid",
                "/run/vrrp.pid",
                "/run/checkers.pid",
                "/run/bfd.pid"
            ]
        );
        global.use_pid_dir = true;
        assert_eq!(paths(&options, &global)[1], "/run/keepalived/vrrp.pid");
        global.instance = Some("blue".into());
        global.use_pid_dir = false;
        assert_eq!(
            paths(&options, &global)[0],
            "/run/keepalived/keepalived_blue.pid"
        );
        global.net_namespace = Some("sky".into());
        assert_eq!(
            paths(&options, &global)[2],
            "/run/keepalived/sky/checkers_blue.pid"
        );
        assert_eq!(reload_file(&global), None);
        global.files.reload_file = Some(ReloadFile::Usual);
        assert_eq!(
            reload_file(&global),
            Some("/run/keepalived/sky/keepalived_blue.reload".into())
        );
        global.net_namespace = None;
        options.pid_file = Some("/x.pid".into());
        assert_eq!(
            paths(&options, &global),
            [
                "/x.pid",
                "/run/keepalived/vrrp_blue.pid",
                "/run/keepalived/checkers_blue.pid",
                "/run/keepalived/bfd_blue.pid"
            ]
        );
    }

    #[test]
    fn dumps_are_where_they_were_sent() {
        let temporary = temporary_directory();
        let mut global = Global::default();
        let path = |global: &Global, dump, suffix| dump_file(global, dump, suffix);
        let in_temporary = |name: &str| temporary.join(name);
        assert_eq!(
            path(&global, Dump::Stats, ""),
            in_temporary("keepalived.stats")
        );
        global.files.data_use_instance = true;
        assert_eq!(
            path(&global, Dump::Data, ""),
            in_temporary("keepalived.data")
        );
        global.instance = Some("inst".into());
        assert_eq!(
            path(&global, Dump::Data, "_parent"),
            in_temporary("keepalived_parent.inst.data")
        );
        global.net_namespace = Some("blue".into());
        assert_eq!(
            path(&global, Dump::Data, ""),
            in_temporary("keepalived.blue_inst.data")
        );
        assert_eq!(
            path(&global, Dump::Json, ""),
            in_temporary("keepalived.json")
        );
        global.files.data_use_instance = false;
        global.files.state_dump = Some(DumpPlace::Directory("/var/d/".into()));
        assert_eq!(
            path(&global, Dump::Data, "_parent"),
            Path::new("/var/d/keepalived_parent.data")
        );
        global.files.state_dump = Some(DumpPlace::File("/var/d.e/state".into()));
        assert_eq!(
            path(&global, Dump::Data, "_parent"),
            Path::new("/var/d.e/state_parent")
        );
        global.files.json_dump = Some(DumpPlace::Name("x.y".into()));
        assert_eq!(path(&global, Dump::Json, ""), in_temporary("x.y"));
    }
}
