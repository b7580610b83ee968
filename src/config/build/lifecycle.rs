//! `startup_script`, `shutdown_script` and how long each may take.

use super::Context;
use super::global::set;
use crate::config::model::{BoundedCommand, Lifecycle};
use crate::config::read::{Item, Script};
use std::time::Duration;

/// How long a script may take that names no time.
const LIMIT: Duration = Duration::from_secs(10);

/// The daemon's own scripts as they were read.
#[derive(Clone, Debug, Default)]
pub(super) struct DraftLifecycle {
    startup: Draft,
    shutdown: Draft,
}

#[derive(Clone, Debug)]
struct Draft {
    script: Option<Script>,
    limit: Duration,
}

impl Default for Draft {
    fn default() -> Self {
        Draft {
            script: None,
            limit: LIMIT,
        }
    }
}

impl DraftLifecycle {
    /// Reads a statement; false when it is another one.
    pub fn statement(&mut self, context: &mut Context<'_>, item: &Item<'_>) -> bool {
        match item.name() {
            "startup_script" => set(&mut self.startup.script, item.script(context).map(Some)),
            "shutdown_script" => set(&mut self.shutdown.script, item.script(context).map(Some)),
            "startup_script_timeout" => {
                set(&mut self.startup.limit, item.whole_seconds(context));
            }
            "shutdown_script_timeout" => {
                set(&mut self.shutdown.limit, item.whole_seconds(context));
            }
            _ => return false,
        }
        true
    }

    /// What of it can be run.
    pub fn finish(self, context: &mut Context<'_>) -> Lifecycle {
        let [startup, shutdown] = [self.startup, self.shutdown].map(|Draft { script, limit }| {
            let command = context.vouch(script?)?;
            Some(BoundedCommand { command, limit })
        });
        Lifecycle { startup, shutdown }
    }
}
