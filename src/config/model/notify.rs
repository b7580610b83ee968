//! Whom an instance or a group tells of what happens to it.

use super::Command;
use crate::config::world::Account;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// `notify` and its kin, of an instance or a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    /// `notify_master`.
    pub master: Option<Command>,
    /// `notify_backup`.
    pub backup: Option<Command>,
    /// `notify_fault`.
    pub fault: Option<Command>,
    /// `notify_stop`.
    pub stop: Option<Command>,
    /// `notify_deleted` is there: a removed instance is told as DELETED, not as FAULT.
    pub tells_deleted: bool,
    /// `notify_deleted` with a script.
    pub deleted: Option<Command>,
    /// `notify`: after any of them, with four more arguments.
    pub any: Option<Command>,
    /// `notify_master_rx_lower_pri`.
    pub master_rx_lower_pri: Option<Command>,
    /// `notify_priority_changes`: the FIFOs hear of changes of priority, too.
    pub priority_changes: bool,
    /// `notify_timeout`: how long a program may run; `None` = for as long as it likes.
    pub timeout: Option<Duration>,
    /// `smtp_alert`: its states are mailed.
    pub mails: bool,
}

impl Notify {
    /// Whether anything is run.
    pub fn runs_programs(&self) -> bool {
        let commands = [
            &self.master,
            &self.backup,
            &self.fault,
            &self.stop,
            &self.deleted,
            &self.any,
            &self.master_rx_lower_pri,
        ];
        commands.iter().any(|command| command.is_some())
    }
}

/// One of the FIFOs that hear of everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fifo {
    /// `notify_fifo`, `vrrp_notify_fifo` or `lvs_notify_fifo`: where it is made.
    pub path: PathBuf,
    /// Whose it is.
    pub owner: Account,
    /// `notify_fifo_script`: who reads it; the path is its last argument.
    pub reader: Option<Command>,
    /// The other process that writes to it has work, too: where both have, that of VRRP starts the script.
    pub shared: bool,
}
