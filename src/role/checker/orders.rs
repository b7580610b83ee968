//! What the parent orders: to stop, to take another configuration, to write what is known.

use super::{KERNEL_LIMIT, Key, Shell};
use crate::check::kept::Past;
use crate::config::model::Model;
use crate::kernel::ipvs::Leave;
use crate::os::{clock, random};
use crate::role::control::{Answer, Order};
use crate::role::programs::PROGRAMS_LIMIT;
use crate::time::Instant;
use log::error;
use std::rc::Rc;

impl Shell {
    /// What the parent says.
    pub(super) fn obey(&mut self) {
        let now = clock::now();
        while let Some(order) = self.context.parent.receive(now) {
            match order {
                Order::Stop => self.stop(now),
                Order::Restart => self.stop_with(now, Some(Leave::Everything)),
                Order::Leave => self.leaving = true,
                Order::Reload(length) => {
                    match self.context.handed_over(length) {
                        Ok(model) if !self.stopping => {
                            self.leaving = false;
                            self.take(now, model);
                        }
                        // It came too late: the answer is given by the process that comes next.
                        Ok(_) => continue,
                        Err(error) => error!(
                            "The new configuration cannot be taken over, the old one stays: {error}"
                        ),
                    }
                    self.context.parent.answer(Answer::Reloaded);
                }
                Order::Data => self.want_data(now),
                // keepalived has none of checkers.
                Order::Stats | Order::StatsClear | Order::Json => {}
                // Answered where it is read.
                Order::AreYouAlive => {}
            }
        }
    }

    pub(super) fn stop(&mut self, now: Instant) {
        let release = self.context.options.release_ipvs;
        self.stop_with(now, (!release).then_some(Leave::Wanted));
    }

    /// `leave`: see `Ipvs::end`.
    pub(super) fn stop_with(&mut self, now: Instant, leave: Option<Leave>) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        // What services carry is not known any more when they are gone.
        self.write_data(now);
        let lvs = &self.model.lvs;
        self.director.stop(now, lvs, &mut self.actions);
        self.perform(now);
        self.synchronise();
        self.ipvs.end(&self.model.global.ipvs, leave);
        let stays = matches!(leave, Some(Leave::Wanted | Leave::Everything));
        self.marks.end(stays);
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
        self.configure_fifos();
        self.prepare_checks(&old.lvs);
        self.ipvs.configure(now, &old, &self.model);
        self.marks.configure(&self.model);
        let new = &self.model.lvs;
        self.director.configure(
            now,
            &old.lvs,
            new,
            &Past::default(),
            &mut random::number,
            &mut self.actions,
        );
        self.perform(now);
        self.configure_addresses(now);
        self.write_ledger();
        self.configure_files(now, false);
        self.configure_sessions(now);
    }
}
