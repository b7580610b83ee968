//! What the parent orders: to stop, to write what is known; what it takes to go over to another configuration is in reload.rs.

use super::links::Owner;
use super::{Key, Phase, STOP_LIMIT, STOP_PER_LINK, Shell};
use crate::os::clock;
use crate::report::{self, JsonVersion, Trackers, View};
use crate::role::control::Order;
use crate::role::paths::{self, Dump};
use crate::role::programs::PROGRAMS_LIMIT;
use crate::time::Instant;
use crate::vrrp::Event;
use log::info;
use std::path::PathBuf;

impl Shell {
    /// What the parent says.
    pub(super) fn obey(&mut self) {
        let now = clock::now();
        while let Some(order) = self.context.parent.receive(now) {
            match order {
                Order::Stop | Order::Restart => self.stop(now),
                Order::Leave => {
                    self.programs.leave_fifos();
                    self.stop(now);
                }
                Order::Reload(length) => self.reload(now, length),
                Order::Data => self.write(Dump::Data),
                Order::Stats => self.write(Dump::Stats),
                Order::StatsClear => {
                    self.write(Dump::Stats);
                    self.router.clear_stats();
                }
                Order::Json => self.write(Dump::Json),
                // Answered where it is read.
                Order::AreYouAlive => {}
            }
        }
    }

    pub(super) fn stop(&mut self, now: Instant) {
        if self.phase == Phase::Stopping {
            return;
        }
        if self.phase == Phase::Reading {
            // What a process before this one has left can be given up only when it is known.
            if !std::mem::replace(&mut self.stops_once_begun, true) {
                self.wheel.arm(Key::StopLimit, now + STOP_LIMIT);
            }
            return;
        }
        self.phase = Phase::Stopping;
        self.next = None;
        let released = self.context.options.release_vrrp;
        self.router.keep_addresses(!released);
        let links = self.kernel.vmacs.count();
        self.router.handle(now, Event::Stop, &mut self.actions);
        self.send_adverts_first(now);
        self.perform(now);
        if released {
            self.kernel.hold_fixed(false);
            self.kernel.release_links();
        }
        self.synchronise();
        self.programs.stop(now, &mut self.events, &mut self.wheel);
        let limit = if self.programs.is_done() {
            STOP_LIMIT
        } else {
            PROGRAMS_LIMIT
        };
        let links = u32::try_from(links).unwrap_or(u32::MAX);
        let limit = limit + STOP_PER_LINK.saturating_mul(links);
        self.wheel.arm(Key::StopLimit, now + limit);
    }

    /// Has a dump file written.
    fn write(&mut self, dump: Dump) {
        let extension = dump.extension();
        info!(
            "Printing VRRP {extension} for process({}) on signal",
            std::process::id()
        );
        self.write_to(paths::dump_file(&self.model.global, dump, ""), dump);
    }

    /// `config_save_dir`: what is so before, and after, a reload.
    pub(super) fn save(&mut self, when: &str) {
        let name = format!(
            "keepalived_vrrp.{}.{}.{when}",
            std::process::id(),
            self.reloads
        );
        if let Some(path) = paths::saved_file(&self.model.global, &name) {
            self.write_to(path, Dump::Data);
        }
    }

    fn write_to(&mut self, path: PathBuf, dump: Dump) {
        let reconciler = self.kernel.reconciler();
        let view = View {
            global: &self.model.global,
            fixed: &self.model.vrrp.fixed,
            router: &self.router,
            polled: self.linkbeats.polled(),
            trackers: Trackers {
                scripts: &self.scripts,
                files: self.programs.files(),
                processes: self.programs.processes(),
                sessions: self.followed.sessions(),
            },
            fifos: self.programs.fifo_states(),
            known: reconciler.known(),
            mail: self.programs.mail_counts(),
            is_filtered: self.filters.is_in_place(),
            now: (clock::now(), clock::wall()),
            is_placed: &|id| reconciler.is_placed(Owner::Instance(id)),
        };
        let json = match self.model.global.files.json_version_2 {
            true => JsonVersion::V2,
            false => JsonVersion::V1,
        };
        self.dumps.write(path, || match dump {
            Dump::Data => report::data(&view),
            Dump::Stats => report::stats(view.router),
            Dump::Json => report::json(&view, json),
        });
    }
}
