//! The scripts that are tracked: their core says when, the runner runs them, and the router hears what they say.

use super::{Key, Phase, Shell};
use crate::config::model::TrackerKind;
use crate::time::Instant;
use crate::track::script::{Action, Outcome, Said, ScriptId};
use crate::vrrp::Event;
use log::{info, warn};

impl Shell {
    /// Runs the scripts of the configuration from now on, those that it had already undisturbed.
    pub(super) fn configure_scripts(&mut self, now: Instant) {
        let mut actions = Vec::new();
        self.scripts
            .configure(now, &self.model.vrrp.scripts, &mut actions);
        self.perform_for_scripts(now, actions);
    }

    /// A script's time has come.
    pub(super) fn script_due(&mut self, now: Instant, id: ScriptId, deadline: Instant) {
        if self.phase == Phase::Stopping {
            return;
        }
        let mut actions = Vec::new();
        self.scripts.due(now, id, deadline, &mut actions);
        self.perform_for_scripts(now, actions);
    }

    /// A run takes longer than it may.
    pub(super) fn script_late(&mut self, now: Instant, run: u64) {
        let mut actions = Vec::new();
        self.scripts.late(run, &mut actions);
        self.perform_for_scripts(now, actions);
    }

    /// A run has ended.
    pub(super) fn script_ended(&mut self, now: Instant, run: u64, outcome: Outcome) {
        let mut actions = Vec::new();
        self.scripts.ended(run, outcome, &mut actions);
        self.perform_for_scripts(now, actions);
    }

    fn perform_for_scripts(&mut self, now: Instant, mut actions: Vec<Action>) {
        // What cannot be run leads to more.
        while !actions.is_empty() {
            for action in std::mem::take(&mut actions) {
                match action {
                    Action::Run { run, config } => {
                        let (command, limit) = (&config.command, config.timeout);
                        if let Err(outcome) = self.programs.run_script(run, command, limit) {
                            self.scripts.ended(run, outcome, &mut actions);
                        }
                    }
                    Action::End(run) => self.programs.end_script(run),
                    Action::Arm(id, at) => self.wheel.arm(Key::Script(id), at),
                    Action::Disarm(id) => drop(self.wheel.disarm(Key::Script(id))),
                    Action::Level { name, level } => {
                        let event = Event::Tracker {
                            kind: TrackerKind::Script,
                            name: &name,
                            level,
                        };
                        self.router.handle(now, event, &mut self.actions);
                    }
                    Action::Tell(notice) => match notice.said {
                        Said::Failed(_) | Said::Overrun => warn!("{notice}"),
                        Said::Succeeded | Said::Now(_) => info!("{notice}"),
                    },
                }
            }
        }
        self.perform(now);
    }
}
