//! What the world is told: which programs are run for an event and in which order, and what the FIFOs say. Pure; running programs is
//! the runner's, writing the shell's. What happens to instances and groups is worded here; `programs` and `fifo` take any event.

pub mod fifo;
pub mod mail;
pub mod programs;
#[cfg(test)]
mod programs_tests;

use crate::config::model::{Command, Notify};
use fifo::Line;
use programs::{Owner, Program};
use std::rc::Rc;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A `vrrp_instance`.
    Instance,
    /// A `vrrp_sync_group`.
    Group,
}

impl Kind {
    /// As scripts and FIFOs read it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Instance => "INSTANCE",
            Kind::Group => "GROUP",
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// It became MASTER.
    Master,
    /// It became BACKUP.
    Backup,
    /// It cannot run.
    Fault,
    /// The daemon stops.
    Stop,
    /// It was removed from the configuration.
    Deleted,
    /// A MASTER heard an advert of lower priority.
    MasterRxLowerPri,
    /// The priority of a MASTER changed.
    MasterPriority,
    /// The priority of a BACKUP changed.
    BackupPriority,
}

impl What {
    /// As scripts and FIFOs read it.
    pub fn word(self) -> &'static str {
        match self {
            What::Master => "MASTER",
            What::Backup => "BACKUP",
            What::Fault => "FAULT",
            What::Stop => "STOP",
            What::Deleted => "DELETED",
            What::MasterRxLowerPri => "MASTER_RX_LOWER_PRI",
            What::MasterPriority => "MASTER_PRIORITY",
            What::BackupPriority => "BACKUP_PRIORITY",
        }
    }

    /// Whether it is a state, so that it makes what was told before it old.
    pub fn is_state(self) -> bool {
        !matches!(
            self,
            What::MasterRxLowerPri | What::MasterPriority | What::BackupPriority
        )
    }

    /// The program of its own, if one is configured.
    fn command(self, notify: &Notify) -> Option<&Command> {
        match self {
            What::Master => notify.master.as_ref(),
            What::Backup => notify.backup.as_ref(),
            What::Fault => notify.fault.as_ref(),
            What::Stop => notify.stop.as_ref(),
            What::Deleted => notify.deleted.as_ref(),
            What::MasterRxLowerPri => notify.master_rx_lower_pri.as_ref(),
            What::MasterPriority | What::BackupPriority => None,
        }
    }
}

/// Something that happened to an instance or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// To which of them.
    pub kind: Kind,
    /// Its name.
    pub name: Rc<str>,
    /// What.
    pub what: What,
    /// Its effective priority; 0 of a group.
    pub priority: u8,
}

impl Event {
    /// As FIFOs are told of it.
    pub fn line(&self) -> Line {
        let owner = format!("{} \"{}\"", self.kind.word(), self.name);
        Line {
            text: format!("{owner} {} {}\n", self.what.word(), self.priority).into(),
            state_of: self.what.is_state().then(|| owner.into()),
        }
    }

    /// What is run for it, in this order: its own program, then `notify`, which is told more behind its own arguments.
    pub fn programs(&self, notify: &Notify) -> impl Iterator<Item = Program> {
        let own = self.what.command(notify).cloned();
        let any = notify.any.clone().filter(|_| self.what.is_state());
        let any = any.map(|mut command| {
            command.arguments.extend([
                self.kind.word().into(),
                self.name.as_bytes().to_vec(),
                self.what.word().into(),
                self.priority.to_string().into_bytes(),
            ]);
            command
        });
        let limit = notify.timeout;
        own.into_iter().chain(any).map(move |command| Program {
            owner: Owner {
                kind: self.kind.word(),
                name: self.name.clone(),
            },
            what: self.what.word(),
            is_state: self.what.is_state(),
            command,
            limit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_keepaliveds() {
        let event = Event {
            kind: Kind::Instance,
            name: "VI_1".into(),
            what: What::Master,
            priority: 100,
        };
        let group = Event {
            kind: Kind::Group,
            what: What::Stop,
            priority: 0,
            ..event.clone()
        };
        let lower = Event {
            what: What::MasterRxLowerPri,
            ..event.clone()
        };
        for (event, text, owner) in [
            (
                event,
                "INSTANCE \"VI_1\" MASTER 100\n",
                Some("INSTANCE \"VI_1\""),
            ),
            (group, "GROUP \"VI_1\" STOP 0\n", Some("GROUP \"VI_1\"")),
            (lower, "INSTANCE \"VI_1\" MASTER_RX_LOWER_PRI 100\n", None),
        ] {
            let line = event.line();
            assert_eq!((&*line.text, line.state_of.as_deref()), (text, owner));
        }
    }
}
