//! What the runner says, to whom it concerns.

use super::Shell;
use crate::os::clock;
use crate::role::runner::{Answer, Received, RunId};

impl Shell {
    /// Whether anything is configured that the runner has to run.
    fn needs_runner(&self) -> bool {
        let vrrp = &self.model.vrrp;
        let mails = self.model.global.mail.outlet().is_some();
        let instances = vrrp.instances.iter().map(|instance| &instance.notify);
        let groups = vrrp.sync_groups.iter().map(|group| &group.notify);
        !vrrp.scripts.is_empty()
            || !vrrp.files.is_empty()
            || !vrrp.processes.is_empty()
            || vrrp.fifos.iter().any(|fifo| fifo.reader.is_some())
            || instances
                .chain(groups)
                .any(|notify| notify.runs_programs() || notify.mails && mails)
    }

    /// Starts the runner, if it is needed.
    pub(super) fn prepare_runner(&mut self) {
        let (needed, now) = (self.needs_runner(), clock::now());
        self.runner
            .need(needed, now, &mut self.events, &mut self.wheel);
    }

    /// The runner has something to say.
    pub(super) fn listen_to_runner(&mut self) {
        let now = clock::now();
        loop {
            let received = self.runner.receive(now, &mut self.events, &mut self.wheel);
            match received {
                Received::Packet(Answer::Late(RunId::Script(run))) => self.script_late(now, run),
                Received::Packet(Answer::Late(_)) => {}
                Received::Packet(Answer::Ended(RunId::Script(run), outcome)) => {
                    self.script_ended(now, run, outcome);
                }
                Received::Packet(Answer::Ended(RunId::Notify(run), outcome)) => self
                    .notifier
                    .ended(now, run, outcome, &self.runner, &mut self.wheel),
                Received::Packet(Answer::Ended(RunId::Reader(run), outcome)) => {
                    self.fifos.reader_ended(run, outcome);
                }
                Received::Packet(Answer::File(id, reading)) => self.file_found(now, id, reading),
                Received::Packet(Answer::Process(counted)) => self.processes_counted(now, counted),
                Received::Packet(Answer::Mail(notice)) => self.mailer.heard(&notice),
                Received::Nothing => return,
                Received::Gone => {
                    self.scripts.lost();
                    self.watched.lost(now, &self.runner, &mut self.wheel);
                    self.notifier.lost(now, &self.runner, &mut self.wheel);
                }
            }
        }
    }
}
