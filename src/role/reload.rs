//! SIGHUP: the parent reads the files again. A configuration that cannot be run changes nothing; one that can is handed to the
//! children whose part of it changed.

use super::parent::Parent;
use super::{Role, configuration, dump, paths};
use crate::config::model::Model;
use crate::os::process;
use crate::report;
use log::{error, info, warn};
use std::rc::Rc;

impl Parent {
    /// Reads the files, and tells the children. False: nothing was changed.
    pub(super) fn reload(&mut self) -> bool {
        info!("Reloading");
        let loaded = configuration::read(&self.options, &self.directory, false);
        configuration::tell(&loaded.diagnostics);
        if loaded.refused_at_reload() {
            error!(
                "The new configuration in {} cannot be run; the old one stays in force. Mend it and reload again",
                self.options.file.display()
            );
            return false;
        }
        let mut model = loaded.model;
        keep_what_cannot_change(&self.model, &mut model);
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
        self.model = Rc::new(model);
        for (role, length) in handed {
            self.tell_to_reload(role, length);
        }
        for role in Role::ALL {
            let wanted = role.wanted(&self.options, &self.model);
            self.want(role, wanted);
        }
        true
    }

    /// Writes what the parent knows.
    pub(super) fn write_data(&self) {
        let path = paths::dump_file("_parent", "data");
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
    if old.global.use_pid_dir != new.global.use_pid_dir {
        warn!("Cannot change use_pid_dir at a reload - please restart");
        new.global.use_pid_dir = old.global.use_pid_dir;
    }
}
