//! The data file: the kernel is asked what services carry, and the file is written once it has told. Its words are `report`'s.

use super::{Key, Shell};
use crate::os::clock;
use crate::report::{self, CheckerView};
use crate::role::paths::{self, Dump};
use crate::time::Instant;
use log::info;
use std::time::Duration;

/// What tells the data file of this process from the others.
const DATA_SUFFIX: &str = "_check";
/// Who asked for the file gets it by then, with what is known: tens of thousands of services are read in less.
const PATIENCE: Duration = Duration::from_secs(3);

impl Shell {
    /// Has the data file written.
    pub(super) fn want_data(&mut self, now: Instant) {
        info!(
            "Printing checker data for process({}) on signal",
            std::process::id()
        );
        self.ipvs.ask_all();
        self.data_wanted = true;
        self.wheel.arm(Key::Data, now + PATIENCE);
    }

    /// Writes the data file, if it is wanted and the kernel has told all that was asked.
    pub(super) fn write_told_data(&mut self, now: Instant) {
        if self.data_wanted && self.ipvs.has_told() {
            self.write_data(now);
        }
    }

    /// Writes the data file, if it is wanted, with what is known.
    pub(super) fn write_data(&mut self, now: Instant) {
        if !std::mem::take(&mut self.data_wanted) {
            return;
        }
        self.wheel.disarm(Key::Data);
        let path = paths::dump_file(&self.model.global, Dump::Data, DATA_SUFFIX);
        let readings = self.ipvs.take_readings();
        let draining = self.ipvs.draining();
        let view = CheckerView {
            global: &self.model.global,
            lvs: &self.model.lvs,
            director: &self.director,
            readings: &readings,
            is_marked: self.marks.is_in_place(),
            draining: &draining,
            sessions: self.followed.sessions(),
            now: (now, clock::wall()),
        };
        self.dumps.write(path, || report::checker_data(&view));
    }
}
