//! What the kernel's answers mean. An errno that tells what is there mends what we know; any other is told once, with what was wanted,
//! and asked again after a growing delay.

use super::{Known, Notice, Reconciler, Wish, Work};
use crate::kernel::ipvs::{DestinationKey, Message, Received, ServiceKey};
use crate::time::Instant;
use std::time::Duration;

const ENOENT: i32 = 2;
const ESRCH: i32 = 3;
const EEXIST: i32 = 17;

/// So many surprises in a row are answered at once; somebody else may be at work too.
const PATIENCE: u32 = 4;
/// The delay after that; it doubles each time.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// Doublings at most: some four minutes.
const MOST_DOUBLINGS: u32 = 8;

/// Something that the kernel did not take as it should.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trouble {
    attempts: u32,
    told: bool,
    /// It is looked at again when its retry is due.
    pub(super) held: bool,
}

impl Trouble {
    /// How long to wait before the next attempt.
    fn delay(&mut self) -> Duration {
        self.attempts = self.attempts.saturating_add(1);
        match self.attempts.checked_sub(PATIENCE + 1) {
            None => Duration::ZERO,
            Some(doublings) => FIRST_DELAY.saturating_mul(1u32 << doublings.min(MOST_DOUBLINGS)),
        }
    }
}

/// Whether an errno tells what is there, see `learn`.
fn is_news(wish: &Wish, errno: i32) -> bool {
    match wish {
        Wish::Service(_, wanted) => errno == ESRCH || errno == EEXIST && wanted.is_some(),
        Wish::Destination(_, _, wanted) => {
            matches!(errno, ESRCH | ENOENT) || errno == EEXIST && wanted.is_some()
        }
        Wish::Flush | Wish::Timeouts(_) => false,
    }
}

/// What was asked, as far as it tells apart what to look at again.
fn work(wish: &Wish) -> Option<Work> {
    match wish {
        Wish::Service(key, _) => Some(Work::Service(*key)),
        Wish::Destination(key, server, _) => Some(Work::Destination(*key, *server)),
        Wish::Flush | Wish::Timeouts(_) => None,
    }
}

impl Reconciler {
    /// Takes in one message of the kernel.
    pub fn handle(&mut self, now: Instant, received: Received) {
        let sequence = received.sequence;
        // The kernel carries requests out in their order and tells of every failure: those before one that is answered were done.
        if !matches!(received.message, Message::Overrun) {
            while let Some(wish) = self.first_in_flight(|number| is_before(number, sequence)) {
                self.done(wish);
            }
        }
        match received.message {
            Message::Answer { errno, words } => {
                match self.first_in_flight(|number| number == sequence) {
                    Some(wish) if errno == 0 => self.done(wish),
                    Some(wish) => self.failed(now, wish, errno, words),
                    None => self.read_answered(now, sequence, errno),
                }
            }
            Message::Timeouts(timeouts) => self.timeouts.heard(sequence, timeouts),
            Message::Service {
                key,
                service,
                traffic,
            } => self.service_read(sequence, key, service, traffic),
            Message::Destination {
                key,
                destination,
                connections,
                traffic,
            } => self.destination_read(now, sequence, key, destination, connections, traffic),
            Message::Done(errno) => self.dump_done(now, sequence, errno),
            Message::Overrun => {
                self.notices.push(Notice::Overrun);
                self.lost();
            }
            Message::Family(_) | Message::Daemon(_) | Message::Other => {}
        }
    }

    /// Answers were lost, or a datagram could not be sent: what is under way is asked again, and the errno will tell what was done.
    pub fn lost(&mut self) {
        self.reader.give_up();
        self.timeouts.asked_in_vain();
        for (_, wish) in std::mem::take(&mut self.in_flight) {
            match wish {
                Wish::Flush => self.flush = true,
                Wish::Timeouts(_) => {}
                Wish::Service(key, Some(_)) => self.may_be_there(key),
                Wish::Destination(key, server, Some(_)) => {
                    self.destination_is(key, server, Known::Present(None));
                }
                Wish::Service(_, None) | Wish::Destination(_, _, None) => {}
            }
            if let Some(work) = work(&wish) {
                self.landed(work);
                self.mark(work);
            }
        }
    }

    /// Whether the kernel knows nothing of IPVS any more, by its answers since the last call: the module was removed, for which its table
    /// must have been empty. All of it is wanted anew then, from whatever takes its place.
    pub fn take_end_of_family(&mut self) -> bool {
        let is_gone = std::mem::take(&mut self.family_is_gone);
        if is_gone {
            // Those were the old one's.
            self.troubles.clear();
            self.retries.clear();
            self.lost();
            self.all_are_gone();
        }
        is_gone
    }

    fn all_are_gone(&mut self) {
        let all: Vec<ServiceKey> = self.slots.keys().copied().collect();
        for key in all {
            self.service_is_gone(key);
        }
    }

    /// Takes off the first that is under way, if it is meant.
    fn first_in_flight(&mut self, is_meant: impl FnOnce(u32) -> bool) -> Option<Wish> {
        let (number, _) = self.in_flight.front()?;
        if !is_meant(*number) {
            return None;
        }
        self.in_flight.pop_front().map(|(_, wish)| wish)
    }

    /// Nothing is under way for it any more.
    fn landed(&mut self, work: Work) {
        match work {
            Work::Service(key) => {
                if let Some(slot) = self.slots.get_mut(&key) {
                    slot.in_flight = false;
                }
            }
            Work::Destination(key, server) => {
                if let Some(place) = self.place(key, server) {
                    place.in_flight = false;
                }
            }
        }
    }

    fn done(&mut self, wish: Wish) {
        if let Some(work) = work(&wish) {
            self.landed(work);
            self.troubles.remove(&work);
        }
        match wish {
            Wish::Service(key, None) => self.service_is_gone(key),
            Wish::Service(key, wanted) => {
                if let Some(slot) = self.slots.get_mut(&key) {
                    slot.known = Known::from(wanted);
                }
                self.service_is_there(key);
                self.mark_service(key);
            }
            Wish::Destination(key, server, wanted) => {
                if let Some(place) = self.place(key, server) {
                    place.known = Known::from(wanted);
                    self.mark_destination(key, server);
                }
            }
            Wish::Timeouts(timeouts) => self.timeouts.taken(timeouts),
            Wish::Flush => self.all_are_gone(),
        }
    }

    fn failed(&mut self, now: Instant, wish: Wish, errno: i32, words: Option<String>) {
        let Some(work) = work(&wish) else {
            self.notices.push(Notice::Refused { wish, errno, words });
            return;
        };
        self.landed(work);
        let trouble = self.troubles.entry(work).or_default();
        if !is_news(&wish, errno) {
            trouble.attempts = trouble.attempts.max(PATIENCE);
        }
        // What is news again and again is a refusal as well.
        if trouble.attempts >= PATIENCE && !std::mem::replace(&mut trouble.told, true) {
            let wish = wish.clone();
            self.notices.push(Notice::Refused { wish, errno, words });
        }
        let delay = trouble.delay();
        trouble.held = !delay.is_zero();
        if trouble.held {
            self.retries.insert((now + delay, work));
        }
        self.learn(&wish, errno);
        if delay.is_zero() {
            self.mark(work);
        }
    }

    /// What is there, as an errno tells it.
    fn learn(&mut self, wish: &Wish, errno: i32) {
        match (wish, errno) {
            (Wish::Service(key, Some(_)), EEXIST) => {
                self.may_be_there(*key);
                self.taken_over = self.taken_over.saturating_add(1);
            }
            (Wish::Service(key, _) | Wish::Destination(key, ..), ESRCH) => {
                let slot = self.slots.get(key);
                if slot.is_some_and(|slot| slot.known.is_present() && slot.wanted.is_some()) {
                    self.notices.push(Notice::ServiceRepaired(*key));
                }
                self.service_is_gone(*key);
            }
            (Wish::Destination(key, server, Some(_)), EEXIST) => {
                self.destination_is(*key, *server, Known::Present(None));
            }
            (Wish::Destination(key, server, _), ENOENT) => {
                self.destination_is(*key, *server, Known::Absent);
            }
            _ => {}
        }
    }

    /// A service is there, or may be: nothing is known of it before it is read.
    fn may_be_there(&mut self, key: ServiceKey) {
        if let Some(slot) = self.slots.get_mut(&key) {
            (slot.known, slot.unread) = (Known::Present(None), true);
            self.read_soon(key);
        }
    }

    fn place(&mut self, key: ServiceKey, server: DestinationKey) -> Option<&mut super::Place> {
        self.slots.get_mut(&key)?.destinations.get_mut(&server)
    }

    fn destination_is(
        &mut self,
        key: ServiceKey,
        server: DestinationKey,
        known: Known<super::Destination>,
    ) {
        if let Some(place) = self.place(key, server) {
            place.known = known;
        }
    }

    /// A service is not there, and its destinations are not either.
    pub(super) fn service_is_gone(&mut self, key: ServiceKey) {
        self.drains_are_gone(&key);
        let Some(slot) = self.slots.get_mut(&key) else {
            return;
        };
        (slot.known, slot.unread) = (Known::Absent, false);
        let mut wanted = Vec::new();
        slot.destinations.retain(|server, place| {
            place.known = Known::Absent;
            if place.wanted.is_some() {
                wanted.push(*server);
            }
            place.wanted.is_some() || place.in_flight || place.queued
        });
        // They have no order of their own any more.
        wanted.sort_unstable();
        // Somebody may take it away as often as we make it, or the kernel may contradict itself.
        if !self.is_held(Work::Service(key)) {
            self.mark_service(key);
        }
        for server in wanted {
            if !self.is_held(Work::Destination(key, server)) {
                self.mark_destination(key, server);
            }
        }
        self.end_retired(key);
    }

    /// Whether it has been refused, and waits for its time.
    fn is_held(&self, work: Work) -> bool {
        self.troubles.get(&work).is_some_and(|trouble| trouble.held)
    }

    /// A service is there and its destinations are known: those that waited for that can be looked at.
    pub(super) fn service_is_there(&mut self, key: ServiceKey) {
        let Some(slot) = self.slots.get_mut(&key) else {
            return;
        };
        if slot.unread || !slot.known.is_present() {
            return;
        }
        for server in std::mem::take(&mut slot.waiting) {
            self.queue.push_back(Work::Destination(key, server));
        }
    }
}

/// Whether a number was given out before another; they wrap around.
fn is_before(number: u32, other: u32) -> bool {
    number != other && other.wrapping_sub(number) <= u32::MAX / 2
}
