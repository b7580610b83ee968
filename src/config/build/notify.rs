//! `notify` and its kin, of instances and groups, and the FIFOs.

use super::Context;
use crate::config::diagnostic::quote;
use crate::config::model::{Command, Fifo, Global, Model, Notify};
use crate::config::read::{Item, Script};
use crate::config::source::path;
use std::time::Duration;

/// The notifications of an instance or a group as they were read.
#[derive(Default)]
pub(super) struct DraftNotify {
    scripts: Vec<(&'static str, Script)>,
    tells_deleted: bool,
    priority_changes: Option<bool>,
    timeout: Option<Duration>,
    mails: Option<bool>,
}

impl DraftNotify {
    /// Reads a statement; false when it is another one.
    pub fn statement(&mut self, context: &mut Context<'_>, item: &Item<'_>) -> bool {
        match item.name() {
            "notify_priority_changes" => {
                self.priority_changes = item.bool(context).or(self.priority_changes);
            }
            "notify_timeout" => self.timeout = item.duration(context).or(self.timeout),
            "smtp_alert" => self.mails = item.bool(context).or(self.mails),
            "notify_deleted" => {
                self.tells_deleted = true;
                if item.count() > 0 {
                    self.script(context, item);
                }
            }
            "notify_backup"
            | "notify_master"
            | "notify_fault"
            | "notify_stop"
            | "notify"
            | "notify_master_rx_lower_pri" => self.script(context, item),
            _ => return false,
        }
        true
    }

    fn script(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        let script = item.script(context);
        self.scripts
            .extend(script.map(|script| (item.name(), script)));
    }

    /// What of it can be run. `priority_changes` and what is daemon-wide hold where nothing was said.
    pub fn finish(
        self,
        context: &mut Context<'_>,
        priority_changes: bool,
        global: &Global,
    ) -> Notify {
        let mut notify = Notify {
            tells_deleted: self.tells_deleted,
            priority_changes: self.priority_changes.unwrap_or(priority_changes),
            timeout: self.timeout.or(global.notify_timeout),
            mails: self.mails.unwrap_or(global.mail.alerts.of_vrrp()),
            ..Notify::default()
        };
        for (word, script) in self.scripts {
            let Some(command) = context.vouch(script) else {
                continue;
            };
            let place = match word {
                "notify_master" => &mut notify.master,
                "notify_backup" => &mut notify.backup,
                "notify_fault" => &mut notify.fault,
                "notify_stop" => &mut notify.stop,
                "notify_deleted" => &mut notify.deleted,
                "notify_master_rx_lower_pri" => &mut notify.master_rx_lower_pri,
                _ => &mut notify.any,
            };
            *place = Some(command);
        }
        notify
    }

    /// `notify_priority_changes`, where it was said.
    pub fn priority_changes(&self) -> Option<bool> {
        self.priority_changes
    }
}

/// The FIFOs of `global_defs` as they were read.
#[derive(Clone, Debug, Default)]
pub(super) struct DraftFifos {
    /// `notify_fifo`.
    general: DraftFifo,
    /// `vrrp_notify_fifo`.
    vrrp: DraftFifo,
    /// `lvs_notify_fifo`.
    lvs: DraftFifo,
}

#[derive(Clone, Debug, Default)]
struct DraftFifo {
    fifo: Option<Fifo>,
    reader: Option<Script>,
}

impl DraftFifos {
    /// Reads a statement; false when it is another one.
    pub fn statement(&mut self, context: &mut Context<'_>, item: &Item<'_>) -> bool {
        let fifo = match item.name() {
            "notify_fifo" | "notify_fifo_script" => &mut self.general,
            "vrrp_notify_fifo" | "vrrp_notify_fifo_script" => &mut self.vrrp,
            "lvs_notify_fifo" | "lvs_notify_fifo_script" => &mut self.lvs,
            _ => return false,
        };
        if item.name().ends_with("_script") {
            fifo.reader = item.script(context).or(fifo.reader.take());
        } else {
            fifo.fifo = read_fifo(context, item).or(fifo.fifo.take());
        }
        true
    }

    /// Gives each process those that it writes to.
    pub fn finish(self, context: &mut Context<'_>, model: &mut Model) {
        let [general, vrrp, lvs] =
            [self.general, self.vrrp, self.lvs].map(|draft| draft.finish(context));
        let general = |shared| general.clone().map(|fifo| Fifo { shared, ..fifo });
        let has_services = !model.lvs.virtual_servers.is_empty();
        model.lvs.fifos = different(general(model.vrrp.has_work()), lvs);
        model.vrrp.fifos = different(general(has_services), vrrp);
    }
}

impl DraftFifo {
    fn finish(self, context: &mut Context<'_>) -> Option<Fifo> {
        let Some(fifo) = self.fifo else {
            if let Some(reader) = self.reader {
                let message = "a script for a notify FIFO without the FIFO - ignoring";
                context.fault(reader.span, message, "name the FIFO, too");
            }
            return None;
        };
        let reader = self.reader.and_then(|reader| context.vouch(reader));
        Some(Fifo {
            reader: reader.map(|reader| with_path(reader, &fifo)),
            ..fifo
        })
    }
}

/// One of its own counts only when it is another one.
fn different(general: Option<Fifo>, own: Option<Fifo>) -> Vec<Fifo> {
    let path = general.as_ref().map(|general| general.path.clone());
    let own = own.filter(|own| Some(&own.path) != path.as_ref());
    general.into_iter().chain(own).collect()
}

fn with_path(mut command: Command, fifo: &Fifo) -> Command {
    use std::os::unix::ffi::OsStrExt;
    command
        .arguments
        .push(fifo.path.as_os_str().as_bytes().to_vec());
    command
}

/// `PATH [USER [GROUP]]`.
fn read_fifo(context: &mut Context<'_>, item: &Item<'_>) -> Option<Fifo> {
    let name = item.required(context)?;
    if !name.bytes().starts_with(b"/") {
        let message = format!("{} '{}' is no full path", item.name(), quote(name.bytes()));
        context.fault(
            name.span(),
            message,
            "begin it with /; the line has no effect",
        );
        return None;
    }
    let owner = match item.argument(1) {
        None => context.world.own_account(),
        Some(user) => {
            let group = item.argument(2).map(|word| word.bytes());
            let found = context.account(user.bytes(), group);
            if found.is_none() {
                let message = format!(
                    "Unable to set uid/gid for {} '{}'",
                    item.name(),
                    quote(user.bytes())
                );
                context.fault(
                    user.span(),
                    message,
                    "the user or its group does not exist on this host",
                );
            }
            found?
        }
    };
    Some(Fifo {
        path: path(name.bytes()).to_owned(),
        owner,
        reader: None,
        shared: false,
    })
}
