//! One turn of the loop, whose order is told in mod.rs: what others say, timers, adverts, orders, addresses, announcements, lines. What
//! is done at each of these is its own file's.

use super::frames::Left;
use super::{Key, Phase, Shell, Source};
use crate::logging;
use crate::os::clock;
use crate::os::poll::Ready;
use crate::os::vrrp_socket::Carrier;
use crate::role::Exit;
use crate::role::programs;
use crate::time::Instant;
use crate::vrrp::{Event, InstanceId, TimerKey, UNBOUND};
use log::{debug, warn};
use std::io;
use std::time::Duration;

/// Batches of packets read from one socket in one turn: a flood on one interface must not stop the timers of the others.
const BATCHES_PER_TURN: usize = 16;
/// So long at most what follows adverts waits for timers that keep coming due; then a piece of it is done.
const CROWD_PATIENCE: Duration = Duration::from_millis(5);
/// When gratuitous ARPs that found no room are tried again.
const FRAMES_RETRY: Duration = Duration::from_millis(1);

/// Timers that have expired, with their deadlines.
type Expired = Vec<(Key, Instant)>;

impl Shell {
    /// One turn of the loop; see the module for the order.
    pub(super) fn turn(&mut self, ready: &[Ready<Source>]) {
        self.router.set_wall(clock::now(), clock::wall_time());
        self.listen(ready);
        self.look_for_gap();
        let now = clock::now();
        let others = self.believe_timers(now);
        self.context.parent.alive(now);
        self.attend(ready, others);
        if self.is_crowded() {
            self.events.soon();
        } else {
            self.follow_up();
        }
    }

    /// What a timer may have to be judged by: packets, and the links they come by.
    fn listen(&mut self, ready: &[Ready<Source>]) {
        self.doubts.begin();
        for event in ready {
            match event.token {
                Source::Vrrp(carrier, index) if self.hear(*event, carrier, index) => {
                    self.doubts.unread(index);
                }
                Source::Netlink => self.listen_to_kernel(),
                Source::Linkbeat => self.listen_to_linkbeat(),
                _ => {}
            }
        }
        self.doubts.settle();
    }

    /// Reads the packets that wait at a socket; true when more may wait.
    fn hear(&mut self, event: Ready<Source>, carrier: Carrier, index: u32) -> bool {
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

    fn look_for_gap(&mut self) {
        if let Some(gap) = clock::clocks().and_then(|clocks| self.gaps.look(clocks)) {
            let now = clock::now();
            self.router
                .handle(now, Event::StoodStill { gap }, &mut self.actions);
            self.perform(now);
        }
    }

    /// Hands the core its timers that are due, and sends the adverts that follow from them and from what was heard. The timers that are
    /// due for other things are given back: no advert waits for those.
    fn believe_timers(&mut self, now: Instant) -> Expired {
        let mut first_due = None;
        let (mut doubted, mut others) = (Expired::new(), Expired::new());
        while let Some((key, deadline)) = self.wheel.pop_expired(now) {
            match key {
                Key::Core(TimerKey::MasterDown(id)) if self.is_doubted(now, id) => {
                    doubted.push((key, deadline));
                }
                Key::Core(key) => {
                    first_due.get_or_insert(deadline);
                    self.router
                        .handle(now, Event::Timer { key, deadline }, &mut self.actions);
                    self.perform(now);
                }
                key => others.push((key, deadline)),
            }
        }
        for (key, deadline) in doubted {
            if self.wheel.deadline(key).is_none() {
                self.wheel.arm(key, deadline);
            }
        }
        self.send_adverts(now);
        if let Some(due) = first_due {
            // Of the core's alone: what has to be tried again at once has a deadline long past.
            self.context.scheduler.late(now.since(due));
        }
        others
    }

    fn is_doubted(&mut self, now: Instant, id: InstanceId) -> bool {
        let router = &self.router;
        self.doubts.doubts(now, id, || {
            let config = router.instance(id)?.config();
            match router.interface_named(config.wire()) {
                Some(interface) => Some(interface.index),
                None => (!config.is_bound()).then_some(UNBOUND),
            }
        })
    }

    /// What else has happened, or is due; and the adverts that come of that.
    fn attend(&mut self, ready: &[Ready<Source>], due: Expired) {
        for event in ready {
            match event.token {
                // Heard already.
                Source::Vrrp(..) | Source::Linkbeat => {}
                Source::Netlink => self.see_to_held(),
                Source::Filter => {
                    if self.filters.receive(clock::now()) {
                        self.events.again(*event);
                    }
                }
                Source::Parent => self.obey(),
                Source::Sessions => self.hear_of_sessions(),
                Source::Sync => self.sync_daemons.listen(&mut self.events),
                Source::Programs(programs::Source::Runner) => self.hear_of_programs(),
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
        }
        let now = clock::now();
        for (key, deadline) in due {
            self.other_timer(now, key, deadline);
        }
        self.perform(now);
        self.send_adverts(now);
    }

    /// A timer that is not the core's.
    fn other_timer(&mut self, now: Instant, key: Key, deadline: Instant) {
        match key {
            // The first are handed over where they expire; what the others are for is looked after in every turn.
            Key::Core(_) | Key::Kernel | Key::Filter | Key::Frames => {}
            Key::Begin => {
                if self.phase == Phase::Delayed {
                    self.begin(now);
                }
            }
            Key::Script(id) => self.script_due(now, id, deadline),
            Key::Programs(timer) => self.programs_timer(now, timer),
            Key::Statics => self.look_at_statics(now),
            Key::Linkbeat => self.look_after_linkbeat(now),
            Key::Links => self.take_next(now),
            Key::StopLimit => {
                let patience = self.model.global.child_wait_time();
                if let Some(again) = self.programs.hurry(now, patience, &mut self.wheel) {
                    self.wheel.arm(Key::StopLimit, again);
                    return;
                }
                if !self.kernel.reconciler().is_settled() {
                    warn!("The kernel has not confirmed in time that all addresses are gone");
                }
                self.end(now);
            }
        }
    }

    /// Whether timers have come due meanwhile: in a burst of takeovers the adverts of all go before the addresses of the first, for a
    /// little while.
    fn is_crowded(&mut self) -> bool {
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

    /// A piece of what adverts do not wait for: addresses, announcements, lines for the log.
    fn follow_up(&mut self) {
        let now = clock::now();
        self.ask_kernel(now);
        if self.has_links_to_tell() {
            self.tell_of_links(now);
        }
        // After the adverts of this turn.
        if self.next.is_some() && self.phase != Phase::Reading && self.has_its_links() {
            self.take_next(now);
            self.events.soon();
        }
        if !self.frames.is_empty() && self.kernel.reconciler().awaits_answers() {
            // The kernel has answered by now: what it refuses is not announced. What else it says is for the next turn.
            self.kernel.receive(now);
            self.events.again(Source::Netlink.readable());
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
        self.send_adverts(now);
        match self.frames.send() {
            Left::Nothing => {}
            Left::More => self.events.soon(),
            Left::NoRoom => self.wheel.arm(Key::Frames, now + FRAMES_RETRY),
        }
        self.kernel.tell();
        self.filters.tell();
        if self
            .programs
            .follow_up(now, &mut self.events, &mut self.wheel)
        {
            self.events.soon();
        }
        self.dumps.reap();
        self.linkbeats.reap();
        self.follow();
        self.hand_on_lines();
        let is_done = self.programs.is_done() && self.kernel.reconciler().is_settled();
        if self.phase == Phase::Stopping && is_done {
            self.end(now);
        }
    }

    /// Asks the kernel for some of what is wanted of it. An address that is not to be answered comes after the filter that sees to it,
    /// and goes before it.
    fn ask_kernel(&mut self, now: Instant) {
        let reconciler = self.kernel.reconciler();
        let settled = reconciler.is_settled();
        if reconciler.is_synchronised() {
            if self.filters.send(&mut self.events, now, settled) {
                self.events.soon();
                return;
            }
            self.try_again(now, Key::Filter, self.filters.next_retry());
        }
        let more = self.kernel.send(now);
        if more || self.filters.has_leaving() && self.kernel.reconciler().is_settled() {
            self.events.soon();
        } else {
            self.try_again(now, Key::Kernel, self.kernel.reconciler().next_retry());
        }
    }

    /// Sets a timer for another attempt. One that might be made already waits for an answer, which wakes us anyway.
    fn try_again(&mut self, now: Instant, key: Key, at: Option<Instant>) {
        if let Some(at) = at.filter(|at| *at > now) {
            self.wheel.arm(key, at);
        }
    }

    /// The end: what keeps addresses silent goes, as they are gone.
    fn end(&mut self, now: Instant) {
        if self.context.options.release_vrrp {
            self.filters.end();
            // One batch removes the tables with all that is in them.
            self.filters.send(&mut self.events, now, true);
        }
        self.exit = Some(Exit::Clean);
    }
}
