//! What the parent orders: to stop, to take another configuration, to write what is known.

use super::Shell;
use crate::bfd::{Event, Known};
use crate::os::clock;
use crate::report::{self, BfdView};
use crate::role::Exit;
use crate::role::control::{Answer, Order};
use crate::role::paths::{self, Dump};
use log::{error, info};

/// What tells the process in the name of its data file.
const DATA_SUFFIX: &str = "_bfd";

impl Shell {
    /// What the parent says.
    pub(super) fn obey(&mut self) {
        while let Some(order) = self.context.parent.receive(clock::now()) {
            match order {
                Order::Reload(length) => self.reload(length),
                Order::Stop | Order::Restart => self.stop(),
                Order::Leave => {
                    self.stop();
                    // The others go on: nobody speaks for these sessions any more.
                    self.context.sessions.truncate(0);
                    self.untold = true;
                }
                Order::Data => self.write_data(),
                // keepalived has none of sessions.
                Order::Stats | Order::StatsClear | Order::Json => {}
                // Answered where it is read.
                Order::AreYouAlive => {}
            }
        }
    }

    /// Says to all neighbours that it ends.
    pub(super) fn stop(&mut self) {
        let now = clock::now();
        self.handle(now, Event::Stop);
        self.perform(now);
        // Neighbours know that these are over.
        self.context.sessions.end_resumption();
        self.exit = Some(Exit::Clean);
    }

    fn reload(&mut self, length: u64) {
        match self.context.handed_over(length) {
            Ok(model) => {
                self.context.model = model;
                // One that comes too late is answered by the process that comes next.
                if self.exit.is_some() {
                    return;
                }
                self.configure(clock::now(), &Known::new());
            }
            Err(error) => {
                error!("The new configuration cannot be taken over, the old one stays: {error}")
            }
        }
        self.context.parent.answer(Answer::Reloaded);
    }

    fn write_data(&mut self) {
        info!(
            "Printing BFD data for process({}) on signal",
            std::process::id()
        );
        let global = &self.context.model.global;
        let view = BfdView {
            global,
            sessions: &self.sessions,
            now: (clock::now(), clock::wall()),
        };
        let path = paths::dump_file(global, Dump::Data, DATA_SUFFIX);
        self.dumps.write(path, || report::bfd_data(&view));
    }
}
