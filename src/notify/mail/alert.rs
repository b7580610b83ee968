//! What is mailed about instances and groups: subject and body, and what needs no mail as nothing has changed since the last. Servers
//! are `check::notice`'s.

use crate::notify::{Event, Kind, What};
use std::collections::HashMap;
use std::fmt::Display;

/// What a mail says. Nothing of who gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Whose news it is.
    pub owner: String,
    /// The subject, behind the name of the router.
    pub subject: String,
    /// The body: one line.
    pub body: String,
}

impl Mail {
    /// About an instance or a group; `None`: not a state.
    pub fn of_event(event: &Event) -> Option<Mail> {
        let text = match event.what {
            What::Master | What::Backup | What::Fault => {
                format!("Entering {} state", event.what.word())
            }
            What::Stop => "Stopping".to_owned(),
            What::Deleted => "Deleted".to_owned(),
            What::MasterRxLowerPri | What::MasterPriority | What::BackupPriority => return None,
        };
        let owner = match event.kind {
            Kind::Instance => format!("VRRP Instance {}", event.name),
            Kind::Group => format!("VRRP Group {}", event.name),
        };
        let body = match (event.kind, event.what) {
            (Kind::Instance, What::Master) => "VRRP Instance is now owning VRRP VIPs".to_owned(),
            (Kind::Instance, What::Stop) => "VRRP Instance is stopping".to_owned(),
            (Kind::Instance, What::Deleted) => "VRRP Instance is deleted".to_owned(),
            (Kind::Instance, _) => "VRRP Instance is no longer owning VRRP VIPs".to_owned(),
            (Kind::Group, What::Stop) => "All VRRP group instances are stopping".to_owned(),
            (Kind::Group, what) => {
                format!("All VRRP group instances are now in {} state", what.word())
            }
        };
        Some(Mail::new(owner, &text, body))
    }

    /// About an owner, and what is told of it.
    pub fn new(owner: String, text: &str, body: impl Display) -> Mail {
        Mail {
            subject: format!("{owner} - {text}"),
            body: format!("=> {body} <="),
            owner,
        }
    }
}

/// Which states were mailed last: one that is no news needs no mail.
#[derive(Debug, Default)]
pub struct Memory(HashMap<(Kind, std::rc::Rc<str>), What>);

impl Memory {
    /// Whether this is news; then it is what was mailed last. `no_faults`: a FAULT never is.
    pub fn is_news(&mut self, event: &Event, no_faults: bool) -> bool {
        if !event.what.is_state() || (no_faults && event.what == What::Fault) {
            return false;
        }
        let owner = (event.kind, event.name.clone());
        match event.what {
            // An instance that has gone and comes again begins anew.
            What::Stop | What::Deleted => {
                self.0.remove(&owner).is_none_or(|last| last != event.what)
            }
            what => self.0.insert(owner, what) != Some(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: Kind, what: What) -> Event {
        Event {
            kind,
            name: "VI_1".into(),
            what,
            priority: 100,
        }
    }

    #[test]
    fn subjects_and_bodies_of_instances_and_groups() {
        let owning = "=> VRRP Instance is now owning VRRP VIPs <=";
        let not = "=> VRRP Instance is no longer owning VRRP VIPs <=";
        for (kind, what, subject, body) in [
            (
                Kind::Instance,
                What::Master,
                "VRRP Instance VI_1 - Entering MASTER state",
                owning,
            ),
            (
                Kind::Instance,
                What::Backup,
                "VRRP Instance VI_1 - Entering BACKUP state",
                not,
            ),
            (
                Kind::Instance,
                What::Fault,
                "VRRP Instance VI_1 - Entering FAULT state",
                not,
            ),
            (
                Kind::Instance,
                What::Stop,
                "VRRP Instance VI_1 - Stopping",
                "=> VRRP Instance is stopping <=",
            ),
            (
                Kind::Instance,
                What::Deleted,
                "VRRP Instance VI_1 - Deleted",
                "=> VRRP Instance is deleted <=",
            ),
            (
                Kind::Group,
                What::Master,
                "VRRP Group VI_1 - Entering MASTER state",
                "=> All VRRP group instances are now in MASTER state <=",
            ),
            (
                Kind::Group,
                What::Fault,
                "VRRP Group VI_1 - Entering FAULT state",
                "=> All VRRP group instances are now in FAULT state <=",
            ),
            (
                Kind::Group,
                What::Stop,
                "VRRP Group VI_1 - Stopping",
                "=> All VRRP group instances are stopping <=",
            ),
        ] {
            let mail = Mail::of_event(&event(kind, what)).expect("a state");
            assert_eq!((mail.subject.as_str(), mail.body.as_str()), (subject, body));
            assert!(mail.subject.starts_with(&mail.owner));
        }
        assert_eq!(
            Mail::of_event(&event(Kind::Instance, What::MasterPriority)),
            None
        );
    }

    #[test]
    fn what_was_mailed_last_is_no_news() {
        use What::{Backup, Fault, Master, MasterPriority, Stop};
        let told = |no_faults, states: &[What]| {
            let mut memory = Memory::default();
            let news = states
                .iter()
                .map(|what| memory.is_news(&event(Kind::Instance, *what), no_faults));
            news.collect::<Vec<bool>>()
        };
        assert_eq!(
            told(
                false,
                &[Backup, Master, MasterPriority, Fault, Backup, Stop, Backup]
            ),
            [true, true, false, true, true, true, true]
        );
        // Between the two nothing was mailed, so that the second is the same state as the last.
        assert_eq!(
            told(true, &[Backup, Fault, Backup, Master, Fault, Master]),
            [true, false, false, true, false, false]
        );
        let mut memory = Memory::default();
        assert!(memory.is_news(&event(Kind::Instance, Master), false));
        assert!(
            memory.is_news(&event(Kind::Group, Master), false),
            "another owner"
        );
    }
}
