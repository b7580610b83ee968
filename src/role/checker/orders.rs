//! What the parent orders: to stop, to take another configuration, to write what is known.

use super::{KERNEL_LIMIT, Key, Shell, say_what_is_missing};
use crate::config::model::Model;
use crate::os::{clock, random};
use crate::report::{self, CheckerView};
use crate::role::control::{Answer, Order};
use crate::role::paths::{self, Dump};
use crate::role::programs::PROGRAMS_LIMIT;
use crate::time::Instant;
use log::{error, info};
use std::rc::Rc;

/// What tells the data file of this process from the others.
const DATA_SUFFIX: &str = "_check";

impl Shell {
    /// What the parent says.
    pub(super) fn obey(&mut self) {
        let now = clock::now();
        while let Some(order) = self.context.parent.receive(now) {
            match order {
                Order::Stop => self.stop(now),
                Order::Reload(length) => {
                    match self.context.handed_over(length) {
                        Ok(model) if !self.stopping => self.take(now, model),
                        Ok(_) => {}
                        Err(error) => error!(
                            "The new configuration cannot be taken over, the old one stays: {error}"
                        ),
                    }
                    self.context.parent.answer(Answer::Reloaded);
                }
                Order::Data => self.write_data(now),
                // keepalived has none of checkers.
                Order::Stats | Order::StatsClear | Order::Json => {}
                // Answered where it is read.
                Order::AreYouAlive => {}
            }
        }
    }

    /// Has the data file written.
    fn write_data(&mut self, now: Instant) {
        info!(
            "Printing checker data for process({}) on signal",
            std::process::id()
        );
        let path = paths::dump_file(&self.model.global, Dump::Data, DATA_SUFFIX);
        let view = CheckerView {
            global: &self.model.global,
            lvs: &self.model.lvs,
            director: &self.director,
            now: (now, clock::wall()),
        };
        self.dumps.write(path, || report::checker_data(&view));
    }

    pub(super) fn stop(&mut self, now: Instant) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        let lvs = &self.model.lvs;
        self.director.stop(now, lvs, &mut self.actions);
        self.perform(now);
        self.synchronise();
        let release = self.context.options.release_ipvs;
        self.ipvs.end(&self.model.global.ipvs, release);
        self.programs.stop(now, &mut self.events, &mut self.wheel);
        self.wheel.arm(Key::StopLimit, now + PROGRAMS_LIMIT);
        self.wheel.arm(Key::KernelLimit, now + KERNEL_LIMIT);
    }

    /// Goes over to another configuration. What did not change is not touched.
    fn take(&mut self, now: Instant, model: Rc<Model>) {
        let old = std::mem::replace(&mut self.model, model);
        self.ipvs.settings(&self.model.global.ipvs);
        self.programs.configure_mail(&self.model.global);
        self.prepare_runner();
        self.synchronise();
        if old.lvs == self.model.lvs {
            return;
        }
        say_what_is_missing(&self.model.lvs);
        self.configure_fifos();
        self.prepare_checks();
        self.ipvs.configure(&self.model);
        let new = &self.model.lvs;
        self.director.configure(
            now,
            &old.lvs,
            new,
            &|_| None,
            &mut random::number,
            &mut self.actions,
        );
        self.perform(now);
        self.configure_addresses(now);
        self.write_ledger();
        self.configure_files(now, false);
    }
}
