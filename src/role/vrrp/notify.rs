//! Telling the world what happens to instances and groups: by the programs, FIFOs and mail of `role::programs`.

use super::Shell;
use crate::config::model::Notify;
use crate::notify::{Event, Kind, What};
use crate::role::programs::Part;
use crate::time::Instant;
use crate::vrrp::State;
use std::rc::Rc;

impl Shell {
    /// Has the programs of an event run, writes it to the FIFOs, and has it mailed.
    pub(super) fn notify(&mut self, now: Instant, event: &Event, whom: &Notify) {
        self.programs.write(|| event.line());
        if whom.mails {
            self.programs.mail_event(event);
        }
        if whom.runs_programs() {
            let programs = event.programs(whom);
            self.programs.notify(now, programs, &mut self.wheel);
        }
    }

    /// Makes the FIFOs those of the configuration, and has them read by whom it says.
    pub(super) fn configure_fifos(&mut self) {
        let part = match self.context.resume {
            true => Part::Inherits,
            false => Part::Leads,
        };
        let wanted = &self.model.vrrp.fifos;
        self.programs
            .configure_fifos(wanted, |_| part, &mut self.events);
    }

    /// Writes the state of everything to the FIFOs, as `fifo_write_vrrp_states_on_reload` says.
    pub(super) fn tell_all_states(&mut self) {
        let instances = self.router.instances().map(|instance| {
            let name: Rc<str> = instance.name().into();
            (
                Kind::Instance,
                name,
                instance.state(),
                instance.effective_priority(),
            )
        });
        let groups = self.router.groups().map(|group| {
            let name: Rc<str> = group.name().into();
            (Kind::Group, name, group.state(), 0)
        });
        for (kind, name, state, priority) in groups.chain(instances) {
            let what = match state {
                State::Master => What::Master,
                State::Backup => What::Backup,
                State::Fault => What::Fault,
                State::Initialize => continue,
            };
            let event = Event {
                kind,
                name,
                what,
                priority,
            };
            self.programs.write(|| event.line());
        }
    }
}
