//! One turn of the loop, whose order is told in mod.rs: packets, other events, timers, adverts, addresses, announcements.

use super::frames::Left;
use super::{Key, Phase, Shell, Source};
use crate::logging;
use crate::os::clock;
use crate::os::poll::Ready;
use crate::os::vrrp_socket::Carrier;
use crate::role::Exit;
use crate::role::programs::{self, Timer};
use crate::time::Instant;
use crate::vrrp::{Event, TimerKey};
use log::{debug, warn};
use std::io;
use std::time::Duration;

/// Batches of packets read from one socket in one turn: a flood on one interface must not stop the timers of the others.
const BATCHES_PER_TURN: usize = 16;
/// While packets wait unread, a master that seems silent is given so much longer: its advert may be among them. Not longer, or a flood
/// would keep a dead master in office.
const UNREAD_PATIENCE: Duration = Duration::from_millis(50);
/// So long at most what follows adverts waits for timers that keep coming due; then a piece of it is done.
const CROWD_PATIENCE: Duration = Duration::from_millis(5);
/// When gratuitous ARPs that found no room are tried again.
const FRAMES_RETRY: Duration = Duration::from_millis(1);

impl Shell {
    /// One turn of the loop; see the module for the order.
    pub(super) fn turn(&mut self, ready: &[Ready<Source>]) {
        self.router.set_wall(clock::now(), clock::wall_time());
        let mut unread = false;
        for event in ready {
            if let Source::Vrrp(carrier, index) = event.token {
                unread |= self.hear(*event, carrier, index);
            }
        }
        for event in ready {
            match event.token {
                Source::Vrrp(..) => {}
                Source::Netlink => self.listen_to_kernel(*event),
                Source::Filter => {
                    if self.filters.receive(clock::now()) {
                        self.events.again(*event);
                    }
                }
                Source::Parent => self.obey(),
                Source::Programs(programs::Source::Runner) => self.listen_to_runner(),
                Source::Programs(programs::Source::Fifo) => self.fifos.writable(),
                Source::Linkbeat => self.listen_to_linkbeat(),
                Source::Signals => {
                    if self.context.terminated() {
                        self.stop(clock::now());
                    }
                }
                Source::Log => logging::writable(&mut self.events),
            }
        }
        let now = clock::now();
        if let Some(gap) = clock::clocks().and_then(|clocks| self.gaps.look(clocks)) {
            self.router
                .handle(now, Event::StoodStill { gap }, &mut self.actions);
            self.perform(now);
        }
        let mut first_due = None;
        let mut unbelieved = Vec::new();
        while let Some((key, deadline)) = self.wheel.pop_expired(now) {
            match key {
                Key::Core(TimerKey::MasterDown(_))
                    if unread && now.since(deadline) < UNREAD_PATIENCE =>
                {
                    unbelieved.push((key, deadline));
                }
                Key::Core(key) => {
                    // Of the core's alone: what has to be tried again at once has a deadline long past.
                    first_due.get_or_insert(deadline);
                    self.router
                        .handle(now, Event::Timer { key, deadline }, &mut self.actions);
                    self.perform(now);
                }
                // What they are for is looked after in every turn.
                Key::Kernel | Key::Filter | Key::Frames => {}
                Key::Begin => {
                    if self.phase == Phase::Delayed {
                        self.begin(now);
                    }
                }
                Key::Script(id) => self.script_due(now, id, deadline),
                Key::Programs(Timer::Watched) => {
                    self.watched.send(now, &self.runner, &mut self.wheel);
                }
                Key::Programs(Timer::Runner) => {
                    self.runner.replace(now, &mut self.events, &mut self.wheel);
                }
                Key::Programs(Timer::Slow(run)) => {
                    self.notifier.slow(now, run, &self.runner, &mut self.wheel);
                }
                Key::Statics => self.look_at_statics(now),
                Key::StopLimit => {
                    if !self.kernel.reconciler().is_settled() {
                        warn!("The kernel has not confirmed in time that all addresses are gone");
                    }
                    if !self.notifier.is_done() {
                        warn!("Some notify scripts have not ended in time");
                        self.notifier.flush(now, &self.runner, &mut self.wheel);
                    }
                    self.remove_filters(now);
                    self.exit = Some(Exit::Clean);
                }
            }
        }
        for (key, deadline) in unbelieved {
            if self.wheel.deadline(key).is_none() {
                self.wheel.arm(key, deadline);
            }
        }
        self.send_adverts(now);
        if let Some(due) = first_due {
            self.context.scheduler.late(now.since(due));
        }
        if self.is_crowded() {
            self.events.soon();
            return;
        }
        let more = self.ask_kernel(now);
        if self.kernel.withholds() || self.phase == Phase::Reading {
            self.links_changed(now);
        }
        if !self.frames.is_empty() {
            // The kernel has answered by now: what it refuses is not announced. What else it says is for the next turn.
            self.kernel.receive(now);
            self.events.again(Ready {
                token: Source::Netlink,
                readable: true,
                writable: false,
            });
        }
        for (instance, address) in self.kernel.take_unavailable() {
            let event = Event::AddressUnavailable { instance, address };
            self.router.handle(now, event, &mut self.actions);
            self.frames.discard(address);
        }
        for (instance, address) in self.kernel.take_usable() {
            let event = Event::AddressUsable { instance, address };
            self.router.handle(now, event, &mut self.actions);
        }
        self.perform(now);
        if more {
            self.events.soon();
        } else if let Some(retry) = self.kernel.reconciler().next_retry() {
            self.wheel.arm(Key::Kernel, retry);
        }
        match self.frames.send() {
            Left::Nothing => {}
            Left::More => self.events.soon(),
            Left::NoRoom => self.wheel.arm(Key::Frames, now + FRAMES_RETRY),
        }
        self.kernel.tell();
        self.filters.tell();
        self.dumps.reap();
        self.linkbeats.reap();
        self.runner.reap();
        self.context.parent.alive(now);
        if self.phase == Phase::Stopping
            && self.notifier.is_done()
            && self.kernel.reconciler().is_settled()
        {
            self.remove_filters(now);
            self.exit = Some(Exit::Clean);
        }
    }

    /// Whether timers have come due meanwhile: in a burst of takeovers the adverts of all go before the addresses of the first, for a
    /// little while.
    pub(super) fn is_crowded(&mut self) -> bool {
        let now = clock::now();
        if self.wheel.next_deadline().is_none_or(|due| due > now) {
            self.crowded_since = None;
            return false;
        }
        let since = *self.crowded_since.get_or_insert(now);
        let patient = now.since(since) < CROWD_PATIENCE;
        if !patient {
            self.crowded_since = None;
        }
        patient
    }

    /// Asks the kernel for what is wanted of it; true when there may be more for the next turn. An address that is not to be answered
    /// comes after the filter that sees to it, and goes before it.
    pub(super) fn ask_kernel(&mut self, now: Instant) -> bool {
        let reconciler = self.kernel.reconciler();
        let settled = reconciler.is_settled();
        if reconciler.is_synchronised() && self.filters.send(&mut self.events, now, settled) {
            return true;
        }
        if let Some(retry) = self.filters.next_retry() {
            self.wheel.arm(Key::Filter, retry);
        }
        let more = self.kernel.send(now);
        more || self.filters.has_leaving() && self.kernel.reconciler().is_settled()
    }

    /// Removes what keeps addresses silent, as they are gone.
    pub(super) fn remove_filters(&mut self, now: Instant) {
        if !self.context.options.release_vrrp {
            return;
        }
        self.filters.end();
        while self.filters.send(&mut self.events, now, true) {}
    }

    /// Reads the packets that wait at a socket; true when more may wait.
    pub(super) fn hear(&mut self, event: Ready<Source>, carrier: Carrier, index: u32) -> bool {
        for _ in 0..BATCHES_PER_TURN {
            let Some(socket) = self.sockets.get(carrier, index) else {
                return false;
            };
            match socket.receive(&mut self.batch) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // Told once, when the interface goes down or away (netlink says so too, and that is acted on); packets may follow.
                Err(error) => {
                    debug!("Cannot read from a VRRP socket: {error}");
                    continue;
                }
            }
            let now = clock::now();
            for bytes in self.batch.packets() {
                self.router.handle(
                    now,
                    Event::Packet {
                        interface: index,
                        bytes,
                    },
                    &mut self.actions,
                );
            }
            self.perform(now);
        }
        self.events.again(event);
        true
    }
}
