//! SIGHUP: the parent reads the files again. A configuration that cannot be run changes nothing; one that can is handed to the
//! children whose part of it changed.

use super::configuration::{self, Occasion};
use super::parent::Parent;
use super::paths::Dump;
use super::{Role, config_test, dump, paths};
use crate::check::marks;
use crate::config::Loaded;
use crate::config::diagnostic::status;
use crate::config::model::{Model, ReloadCheck};
use crate::os::process;
use crate::report;
use log::{error, info, warn};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::rc::Rc;

impl Parent {
    /// Reads the files, and tells the children. False: nothing was changed.
    pub(super) fn reload(&mut self) -> bool {
        info!("Reloading");
        let loaded = {
            let _marker = paths::reload_file(&self.model.global).map(Marker::new);
            configuration::read(&self.options, &self.directory, Occasion::Reload)
        };
        configuration::tell(&loaded.diagnostics);
        if loaded.refused_at_reload() {
            error!(
                "The new configuration in {} cannot be run; the old one stays in force. Mend it and reload again",
                self.options.file.display()
            );
            return false;
        }
        if !self.passes_the_test(&loaded) {
            return false;
        }
        let mut model = loaded.model;
        if model.global.net_namespace != self.model.global.net_namespace {
            error!(
                "Cannot change net_namespace at a reload: the processes run where they were started. The old configuration stays in force; \
                 please restart keepalived, or take the change out of {}",
                self.options.file.display()
            );
            return false;
        }
        keep_what_cannot_change(&self.model, &mut model);
        marks::assign(&mut model.lvs, &self.model.lvs);
        let mut handed = Vec::new();
        for role in Role::ALL {
            if !role.concerned(&self.model, &model) {
                continue;
            }
            match self.hand_over(role, &model) {
                Ok(length) => handed.push((role, length)),
                Err(error) => {
                    error!(
                        "Cannot hand the new configuration over: {error}; the old one stays in force"
                    );
                    return false;
                }
            }
        }
        process::set_name(super::process_name(&model.global, None));
        for (role, _) in &handed {
            let model = self.model.clone();
            self.post(*role).is_behind(&model);
        }
        self.model = Rc::new(model);
        self.reloads = self.reloads.saturating_add(1);
        // Before the children are told: they write into the same directory.
        self.save_configuration();
        for (role, length) in handed {
            if role.wanted(&self.options, &self.model) {
                self.recall(role);
            }
            self.tell_to_reload(role, length);
        }
        for role in Role::ALL {
            let wanted = role.wanted(&self.options, &self.model);
            self.want(role, wanted);
        }
        true
    }

    /// `reload_check_config`: whether the test of the configuration finds nothing, where that is asked for.
    fn passes_the_test(&self, loaded: &Loaded) -> bool {
        let Some(check) = &self.model.global.files.reload_check else {
            return true;
        };
        let clean = loaded.diagnostics.exit_status() == status::CLEAN;
        let details = match check {
            ReloadCheck::Log => "the lines above".to_owned(),
            ReloadCheck::File(path) => {
                let mut text = Vec::new();
                let written = config_test::write(loaded, &mut text, false)
                    .and_then(|()| dump::write(path, &text));
                if let Err(error) = written {
                    error!("Cannot write {}: {error}", path.display());
                }
                path.display().to_string()
            }
        };
        if !clean {
            error!(
                "New config failed validation, see {details} for details; the old one stays in force (reload_check_config)"
            );
        }
        clean
    }

    /// `config_save_dir`: what is in force from now on, as it was understood; kept for those who look for a fault later.
    pub(super) fn save_configuration(&self) {
        let name = format!("keepalived.conf.{}.{}", std::process::id(), self.reloads);
        let Some(path) = paths::saved_file(&self.model.global, &name) else {
            return;
        };
        let text = report::configuration(&self.model);
        if let Err(error) = dump::write_in_new_directory(&path, text.as_bytes()) {
            error!("Cannot write {}: {error}", path.display());
        }
    }

    /// Writes what the parent knows.
    pub(super) fn write_data(&self) {
        let path = paths::dump_file(&self.model.global, Dump::Data, "_parent");
        let text = report::configuration(&self.model);
        if let Err(error) = dump::write(&path, text.as_bytes()) {
            error!("Cannot write {}: {error}", path.display());
        }
    }
}

/// Names of files and log messages are made of these: they stay as they were at the start.
fn keep_what_cannot_change(old: &Model, new: &mut Model) {
    if old.global.instance != new.global.instance {
        warn!("Cannot change instance at a reload - please restart");
        new.global.instance.clone_from(&old.global.instance);
    }
    if old.global.ipvs.namespace != new.global.ipvs.namespace {
        warn!("Cannot change net_namespace_ipvs at a reload - please restart");
        let old = &old.global.ipvs.namespace;
        new.global.ipvs.namespace.clone_from(old);
    }
    if old.global.use_pid_dir != new.global.use_pid_dir {
        warn!("Cannot change use_pid_dir at a reload - please restart");
        new.global.use_pid_dir = old.global.use_pid_dir;
    }
}

/// `reload_file`: there, and empty, for as long as this lives.
struct Marker(PathBuf);

impl Marker {
    fn new(path: PathBuf) -> Self {
        let made = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(&path);
        if let Err(error) = made {
            warn!("Cannot make reload_file {}: {error}", path.display());
        }
        Marker(path)
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        // Who waits for it to go sees it go even where it was not made by us.
        if let Err(error) = fs::remove_file(&self.0) {
            warn!("Cannot remove reload_file {}: {error}", self.0.display());
        }
    }
}
