//! Reading the kernel's table back. The kernel tells nobody when the table changes, so it is read: a service that was there before us
//! as soon as possible, and each of ours in turn, at a pace that costs next to nothing, to find what somebody else has changed. One
//! service is read at a time, as a socket can have one dump.
//!
//! What we change while we read is not taken from the reading.

use super::{Known, Notice, Place, Reconciler, Request, Wish};
use crate::kernel::ipvs::{Connections, Destination, DestinationKey, Service, ServiceKey, Traffic};
use crate::time::Instant;
use rustc_hash::FxHashSet as HashSet;
use std::collections::VecDeque;
use std::time::Duration;

/// Each service of ours is read so often ...
const CYCLE: Duration = Duration::from_secs(60);
/// ... but no sooner than so long after another: a table of thousands takes longer.
const LEAST_PAUSE: Duration = Duration::from_millis(10);
/// One that could not be read is tried again after so long.
const FAILED_PAUSE: Duration = Duration::from_secs(1);

const ENOENT: i32 = 2;
const ESRCH: i32 = 3;

/// What a service carries, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Which service.
    pub key: ServiceKey,
    /// All it has carried.
    pub traffic: Traffic,
    /// Its destinations, with what each carries and has carried.
    pub destinations: Vec<(DestinationKey, Connections, Traffic)>,
}

/// A reading under way.
#[derive(Debug)]
struct Open {
    service: u32,
    dump: u32,
    /// There was a change of the service itself meanwhile: nothing of this counts.
    void: bool,
    /// There before us: that it is not as we want it is nobody's doing.
    first: bool,
    seen: HashSet<DestinationKey>,
    /// Changed by us meanwhile.
    touched: HashSet<DestinationKey>,
    /// We have removed some meanwhile. The kernel goes on with a list by counting, so that it may have left out others.
    has_gaps: bool,
    /// Destinations that are not as we left them.
    surprises: usize,
    /// Those whose last connection is over, of the ones that drain.
    drained: Vec<DestinationKey>,
    reading: Reading,
}

/// What is to be read, and how far that is.
#[derive(Debug, Default)]
pub(super) struct Reader {
    open: Option<Open>,
    soon: VecDeque<ServiceKey>,
    /// Those that could not be read and have to be, with when they are tried again.
    failed: VecDeque<(Instant, ServiceKey)>,
    /// The services whose turn is still to come.
    cycle: VecDeque<ServiceKey>,
    next: Instant,
    asked: HashSet<ServiceKey>,
    readings: Vec<Reading>,
}

impl Reader {
    /// We change something.
    pub fn touch(&mut self, wish: &Wish) {
        let Some(open) = &mut self.open else { return };
        match wish {
            Wish::Service(key, _) if *key == open.reading.key => open.void = true,
            Wish::Destination(key, server, wanted) if *key == open.reading.key => {
                open.touched.insert(*server);
                open.has_gaps |= wanted.is_none();
            }
            _ => {}
        }
    }

    pub fn is_reading(&self) -> bool {
        self.open.is_some()
    }

    /// The reading under way is not believed; the service is read again.
    pub fn give_up(&mut self) {
        if let Some(open) = self.open.take() {
            self.soon.push_front(open.reading.key);
        }
    }
}

impl Reconciler {
    /// Has what a service carries read; `take_readings` gives it.
    pub fn ask(&mut self, key: ServiceKey) {
        if self.slots.contains_key(&key) && self.reader.asked.insert(key) {
            self.read_soon(key);
        }
    }

    /// The same of all services.
    pub fn ask_all(&mut self) {
        let all: Vec<ServiceKey> = self.slots.keys().copied().collect();
        all.into_iter().for_each(|key| self.ask(key));
    }

    /// Whether all that was asked for has been read, or cannot be.
    pub fn has_told(&self) -> bool {
        self.reader.asked.is_empty()
    }

    /// What was asked for and has been read since the last call. Nobody waits for the rest any more.
    pub fn take_readings(&mut self) -> Vec<Reading> {
        self.reader.asked.clear();
        std::mem::take(&mut self.reader.readings)
    }

    pub(super) fn read_soon(&mut self, key: ServiceKey) {
        self.reader.soon.push_back(key);
    }

    /// Whether any waits to be read soon.
    pub(super) fn has_unread(&self) -> bool {
        !self.reader.soon.is_empty()
    }

    /// Whether the next can be asked for.
    pub(super) fn has_to_read(&self) -> bool {
        self.has_unread() && self.reader.open.is_none()
    }

    /// When the next service is read in its turn.
    pub(super) fn next_read(&self) -> Option<Instant> {
        let failed = self.reader.failed.front().map(|(due, _)| *due);
        let next = (!self.slots.is_empty()).then_some(self.reader.next);
        next.into_iter()
            .chain(failed)
            .min()
            .filter(|_| self.reader.open.is_none())
    }

    pub(super) fn read_requests(&mut self, now: Instant, requests: &mut Vec<(u32, Request)>) {
        if self.reader.open.is_some() {
            return;
        }
        let Some(key) = self.next_to_read(now) else {
            return;
        };
        let (service, dump) = (self.next_sequence(), self.next_sequence());
        requests.push((service, Request::GetService(key)));
        requests.push((dump, Request::DumpDestinations(key)));
        self.reader.open = Some(Open {
            service,
            dump,
            void: false,
            first: self.slots.get(&key).is_some_and(|slot| slot.unread),
            seen: HashSet::default(),
            touched: HashSet::default(),
            has_gaps: false,
            surprises: 0,
            drained: Vec::new(),
            reading: Reading {
                key,
                traffic: Traffic::default(),
                destinations: Vec::new(),
            },
        });
    }

    fn next_to_read(&mut self, now: Instant) -> Option<ServiceKey> {
        let due = self.reader.failed.partition_point(|(due, _)| *due <= now);
        let again = self.reader.failed.drain(..due).map(|(_, key)| key);
        self.reader.soon.extend(again);
        while let Some(key) = self.reader.soon.pop_front() {
            if self.is_to_be_read(&key) {
                return Some(key);
            }
            self.reader.asked.remove(&key);
        }
        if now < self.reader.next {
            return None;
        }
        let count = u32::try_from(self.slots.len()).unwrap_or(u32::MAX).max(1);
        // What we have just written need not be read back at once.
        let first = self.reader.next == Instant::default();
        self.reader.next = now + (CYCLE / count).max(LEAST_PAUSE);
        if first {
            return None;
        }
        if self.reader.cycle.is_empty() {
            self.reader.cycle.extend(self.slots.keys());
        }
        while let Some(key) = self.reader.cycle.pop_front() {
            if self.is_to_be_read(&key) {
                return Some(key);
            }
        }
        None
    }

    fn is_to_be_read(&self, key: &ServiceKey) -> bool {
        self.slots.get(key).is_some_and(|slot| {
            let matters = slot.wanted.is_some() || slot.retiring && slot.unread;
            slot.known.is_present() && matters
        })
    }

    /// The service itself, as the kernel has it.
    pub(super) fn service_read(
        &mut self,
        sequence: u32,
        key: ServiceKey,
        told: Option<Service>,
        traffic: Traffic,
    ) {
        let Some(open) = &mut self.reader.open else {
            return;
        };
        if open.service != sequence || open.reading.key != key || open.void {
            return;
        }
        open.reading.traffic = traffic;
        let Some(slot) = self.slots.get_mut(&key) else {
            return;
        };
        if slot.retiring && slot.wanted.is_none() {
            slot.wanted.clone_from(&told);
        }
        let told = Known::Present(told);
        if slot.known != told {
            if !open.first {
                self.notices.push(Notice::ServiceRepaired(key));
            }
            slot.known = told;
        }
    }

    /// A request of a reading has failed, or it was acknowledged besides being answered.
    pub(super) fn read_answered(&mut self, now: Instant, sequence: u32, errno: i32) {
        let Some(open) = &mut self.reader.open else {
            return;
        };
        // Nothing that is read is answered so by IPVS itself.
        self.family_is_gone |= errno == ENOENT && [open.service, open.dump].contains(&sequence);
        if sequence == open.service && errno == ESRCH {
            let key = open.reading.key;
            // The dump that follows is empty.
            if !std::mem::replace(&mut open.void, true) {
                if !open.first {
                    self.notices.push(Notice::ServiceRepaired(key));
                }
                self.service_is_gone(key);
            }
        } else if sequence == open.dump && errno != 0 {
            self.dump_done(now, sequence, errno);
        }
    }

    pub(super) fn destination_read(
        &mut self,
        now: Instant,
        sequence: u32,
        server: DestinationKey,
        told: Option<Destination>,
        connections: Connections,
        traffic: Traffic,
    ) {
        let Some(open) = &mut self.reader.open else {
            return;
        };
        if open.dump != sequence || open.void {
            return;
        }
        let (key, first) = (open.reading.key, open.first);
        open.reading
            .destinations
            .push((server, connections, traffic));
        let Some(slot) = self.slots.get_mut(&key) else {
            return;
        };
        if !open.seen.insert(server) || open.touched.contains(&server) {
            return;
        }
        let place = slot.destinations.entry(server).or_default();
        if first
            && place.wanted.is_none()
            && let Some(there) = told
            && self.drains.resume(now, key, server)
        {
            place.wanted = Some(Destination { weight: 0, ..there });
        }
        let active = connections.active;
        if self.drains.is_over(&key, &server, told.as_ref(), active) {
            open.drained.push(server);
        }
        let told = Known::Present(told);
        if place.known != told {
            if !first && !place.in_flight {
                open.surprises += 1;
            }
            place.known = told;
            self.mark_destination(key, server);
        }
    }

    pub(super) fn dump_done(&mut self, now: Instant, sequence: u32, errno: i32) {
        let Some(open) = self.reader.open.take_if(|open| open.dump == sequence) else {
            return;
        };
        let key = open.reading.key;
        if errno != 0 || open.void {
            if errno != 0 {
                self.reader.asked.remove(&key);
                self.reader.next = now + LEAST_PAUSE;
            }
            // Another one is asked for when it is still there and has to be known.
            let again = self.slots.get(&key).is_some_and(|slot| slot.unread)
                || self.reader.asked.contains(&key);
            match errno {
                _ if !again => {}
                0 => self.reader.soon.push_back(key),
                _ => self.reader.failed.push_back((now + FAILED_PAUSE, key)),
            }
            return;
        }
        let Some(slot) = self.slots.get_mut(&key) else {
            self.reader.asked.remove(&key);
            return;
        };
        let is_lost = |(server, place): &(&DestinationKey, &mut Place)| {
            let ours = open.touched.contains(server) || open.seen.contains(server);
            !ours && place.known.is_present()
        };
        let mut lost = Vec::new();
        for (server, place) in slot.destinations.iter_mut().filter(is_lost) {
            lost.push(*server);
            if !open.has_gaps {
                place.known = Known::Absent;
            }
        }
        if open.has_gaps && !lost.is_empty() {
            self.reader.soon.push_back(key);
            return;
        }
        slot.unread = false;
        if self.reader.asked.remove(&key) {
            self.reader.readings.push(open.reading);
        }
        lost.sort_unstable();
        let surprises = open.surprises.saturating_add(lost.len());
        if surprises > 0 && !open.first {
            self.notices
                .push(Notice::DestinationsRepaired(key, surprises));
        }
        for server in lost {
            match self.drains.is_draining(&key, &server) {
                true => self.want_destination(&key, server, None),
                false => self.mark_destination(key, server),
            }
        }
        for server in open.drained {
            self.drained(key, server);
        }
        self.end_retired(key);
        self.mark_service(key);
        self.service_is_there(key);
    }
}
