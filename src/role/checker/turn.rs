//! One turn of the loop, whose order is told in mod.rs: what has happened, the kernel, checks that begin.

use super::connect::{Outcome, Over, Wish};
use super::{Key, Shell, Source};
use crate::check::CheckId;
use crate::check::dialogue::Verdict;
use crate::config::model::Probe;
use crate::kernel::ipvs::Leave;
use crate::logging;
use crate::os::clock;
use crate::os::poll::Ready;
use crate::role::{Exit, programs};
use crate::time::Instant;
use log::warn;
use std::time::Duration;

/// Checks that begin in one turn.
const BEGIN_PER_TURN: usize = 32;
/// When checks that found no room are tried again, where no other makes room by ending.
const ROOM_RETRY: Duration = Duration::from_millis(100);

impl Shell {
    /// One turn of the loop; see the module for the order.
    pub(super) fn turn(&mut self, ready: &[Ready<Source>]) {
        for event in ready {
            match event.token {
                Source::Check(slot) => {
                    let now = clock::now();
                    let (events, wheel) = (&mut self.events, &mut self.wheel);
                    let over = self.connections.ready(now, slot, *event, events, wheel);
                    if let Some(over) = over {
                        self.over(now, over);
                    }
                }
                Source::Ipvs => {
                    if self.ipvs.receive(clock::now()) {
                        self.events.again(*event);
                    }
                }
                Source::Marks => {
                    if self.marks.receive(clock::now()) {
                        self.events.again(*event);
                    }
                }
                Source::Addresses => {
                    if self.hear_of_addresses(clock::now()) {
                        self.events.again(*event);
                    }
                }
                Source::Sessions => self.hear_of_sessions(*event),
                Source::Parent => self.obey(),
                Source::Sync => self.sync_daemons.listen(&mut self.events),
                Source::Programs(programs::Source::Runner) => self.hear_of_programs(*event),
                Source::Programs(programs::Source::Fifo) => self.programs.writable(),
                Source::Signals => {
                    let terminated = self.context.terminated();
                    self.programs.child_ended();
                    if terminated {
                        self.stop(clock::now());
                    }
                }
                Source::Log => logging::writable(&mut self.events),
            }
            // A change does not wait for whatever else has happened.
            if self.unasked {
                self.ask_kernel(clock::now());
            }
        }
        let now = clock::now();
        self.ask_kernel(now);
        let mut begun = 0;
        let mut first_due = None;
        while let Some((key, deadline)) = self.wheel.pop_expired(now) {
            match key {
                Key::Check(check) => {
                    first_due.get_or_insert(deadline);
                    self.begin(now, check, deadline);
                    begun += 1;
                    if begun >= BEGIN_PER_TURN {
                        self.events.soon();
                        break;
                    }
                }
                Key::Limit(slot) => {
                    let (events, wheel) = (&mut self.events, &mut self.wheel);
                    if let Some(over) = self.connections.expired(slot, events, wheel) {
                        self.over(now, over);
                    }
                }
                // Nothing that is watched here speaks by a timer.
                Key::Programs(timer) => {
                    let (events, wheel) = (&mut self.events, &mut self.wheel);
                    self.programs.expired(now, timer, events, wheel);
                }
                Key::Addresses => self.ask_for_addresses(now),
                // Looked after below.
                Key::Room | Key::Ipvs | Key::Marks => {}
                Key::Data => self.write_data(now),
                Key::KernelLimit => {
                    warn!("The kernel has not confirmed in time that all services are gone");
                    self.exit = Some(Exit::Clean);
                }
                Key::StopLimit => {
                    let patience = self.model.global.child_wait_time();
                    match self.programs.hurry(now, patience, &mut self.wheel) {
                        Some(again) => self.wheel.arm(Key::StopLimit, again),
                        None if self.ipvs.is_settled() => self.exit = Some(Exit::Clean),
                        None => {}
                    }
                }
            }
            // A change does not wait for whatever else has happened.
            if self.unasked {
                self.ask_kernel(clock::now());
            }
        }
        if let Some(due) = first_due {
            self.context.scheduler.late(now.since(due));
        }
        // One that finds no room waits again.
        for _ in 0..self.connections.waiting() {
            let Some((check, deadline)) = self.connections.next_waiting() else {
                break;
            };
            self.begin(now, check, deadline);
        }
        if self.connections.is_stuck() {
            self.wheel.arm(Key::Room, now + ROOM_RETRY);
        }
        self.ask_kernel(now);
        self.write_told_data(now);
        if self
            .programs
            .follow_up(now, &mut self.events, &mut self.wheel)
        {
            self.events.soon();
        }
        self.sync_daemons.reap();
        self.dumps.reap();
        self.context.parent.alive(now);
        if self.leaving && self.ipvs.is_clear() {
            // The daemon goes on: lvs_flush_on_stop is not for this.
            self.stop_with(now, Some(Leave::Others));
        }
        let kernel = self.ipvs.is_settled() && self.sync_daemons.is_settled();
        if self.stopping && self.programs.is_done() && kernel {
            self.exit = Some(Exit::Clean);
        }
    }

    /// Asks the kernel for what is wanted of it.
    pub(super) fn ask_kernel(&mut self, now: Instant) {
        self.unasked = false;
        self.mark(now);
        if self.ipvs.send(now) {
            self.events.soon();
        } else if let Some(due) = self.ipvs.next_due() {
            self.wheel.arm(Key::Ipvs, due);
        }
        self.ipvs.tell();
        // What had to wait for the services.
        self.mark(now);
    }

    /// Has packets marked as they are to be.
    fn mark(&mut self, now: Instant) {
        let settled = self.ipvs.is_settled();
        self.marks.send(&mut self.events, now, settled);
        if let Some(due) = self.marks.next_due(settled) {
            self.wheel.arm(Key::Marks, due);
        }
    }

    /// A connection has found something.
    fn over(&mut self, now: Instant, over: Over) {
        if let Some(end) = over.certificate_end {
            let (times, lvs) = ((now, clock::wall_time()), &self.model.lvs);
            let (check, actions) = (over.check, &mut self.actions);
            self.director.certificate(times, lvs, check, end, actions);
        }
        self.ended(now, over.check, over.verdict, None);
    }

    /// A check has found something.
    pub(super) fn ended(
        &mut self,
        now: Instant,
        check: CheckId,
        verdict: Verdict,
        weight: Option<u32>,
    ) {
        if self.stopping {
            return;
        }
        let lvs = &self.model.lvs;
        self.director
            .ended(now, lvs, check, verdict, weight, &mut self.actions);
        self.perform(now);
    }

    /// A check is due.
    fn begin(&mut self, now: Instant, check: CheckId, deadline: Instant) {
        if self.stopping {
            return;
        }
        let model = self.model.clone();
        let found = self.director.check(check).map(|check| check.at());
        let Some((_, _, checker)) = found.and_then(|at| at.find(&model.lvs)) else {
            return;
        };
        let Some(page) = self.director.due(check, deadline) else {
            return;
        };
        match &checker.probe {
            Probe::Connect(connection, kind) => {
                let wish = Wish {
                    check,
                    page,
                    connection,
                    kind,
                    limit: checker.timing.connect_timeout,
                };
                let (events, wheel) = (&mut self.events, &mut self.wheel);
                match self.connections.begin(now, wish, events, wheel) {
                    Outcome::Begun => {}
                    Outcome::Over(verdict) => self.ended(now, check, verdict, None),
                    Outcome::NoRoom => {
                        self.director.withdraw(check);
                        self.connections.wait(check, deadline);
                    }
                    Outcome::NotDone => self.postpone(now, check),
                }
            }
            Probe::Script(script) => self.run_script(now, check, script),
            // They are told, not asked.
            Probe::File { .. } | Probe::Bfd(_) => {}
        }
    }

    /// A check that is due cannot be done, for a reason that says nothing about the server.
    pub(super) fn postpone(&mut self, now: Instant, check: CheckId) {
        let lvs = &self.model.lvs;
        self.director.postpone(now, lvs, check, &mut self.actions);
        self.perform(now);
    }
}
