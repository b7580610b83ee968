//! The reconciler: which services and destinations are wanted, what the kernel has, and the requests that make the second like the
//! first. Start, reload, a server that dies and a table that somebody else emptied are the same code: something is marked, look again.
//! Here are the wants and the requests; what the answers mean is in `answer`, reading the kernel's table back in `read`, destinations that
//! stay until their connections are over in `drain`, services that stay for those in `retire`, the timeouts in `timeouts`.
//!
//! What is wanted once is ours, with everything in it: a service under its key, and all its destinations. Other services are never looked
//! at. Nothing is read before it is asked for: the kernel says by its errno what is there already, and then that is read.

mod answer;
mod drain;
mod read;
mod retire;
#[cfg(test)]
mod tests;
mod timeouts;

use super::notice::{Notice, Wish};
use super::{Destination, DestinationKey, Request, Service, ServiceKey, Timeouts};
use crate::time::Instant;
use answer::Trouble;
use drain::Drains;
use read::Reader;
pub use read::Reading;
use retire::Keep;
use rustc_hash::FxHashMap as HashMap;
use std::collections::{BTreeSet, VecDeque};
use timeouts::TimeoutWish;

/// Requests that may be unanswered at once: should all be refused, their answers fit a receive buffer of the default size.
const WINDOW: usize = 128;

/// What is there under a key, as far as we know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Known<T> {
    #[default]
    Absent,
    /// None = like nothing that we could want, or not known.
    Present(Option<T>),
}

impl<T> Known<T> {
    fn from(wanted: Option<T>) -> Self {
        wanted.map_or(Known::Absent, |value| Known::Present(Some(value)))
    }

    fn is_present(&self) -> bool {
        matches!(self, Known::Present(_))
    }
}

impl<T: PartialEq> Known<T> {
    fn is(&self, wanted: Option<&T>) -> bool {
        match self {
            Known::Absent => wanted.is_none(),
            Known::Present(known) => wanted.is_some() && known.as_ref() == wanted,
        }
    }
}

/// A service of ours.
#[derive(Debug, Default)]
struct Slot {
    wanted: Option<Service>,
    /// It is wanted only until none of its destinations drains; one of another process, which nobody wants, first has to be read.
    retiring: bool,
    known: Known<Service>,
    /// Which destinations the kernel has has to be read first.
    unread: bool,
    queued: bool,
    in_flight: bool,
    destinations: HashMap<DestinationKey, Place>,
    /// Destinations to be looked at when the service is there and read, in the order of their wanting.
    waiting: Vec<DestinationKey>,
}

/// A destination of ours.
#[derive(Debug, Default)]
struct Place {
    wanted: Option<Destination>,
    known: Known<Destination>,
    /// In the queue, or waiting for its service.
    queued: bool,
    in_flight: bool,
}

/// Something to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Work {
    Service(ServiceKey),
    Destination(ServiceKey, DestinationKey),
}

/// What stays of the table when the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Nothing of ours.
    Others,
    /// What is wanted, and others'.
    Wanted,
    /// All of it, as it is: another process goes on with it.
    Everything,
    /// Nothing.
    Nothing,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Reconciler {
    slots: HashMap<ServiceKey, Slot>,
    queue: VecDeque<Work>,
    /// In the order of their numbers.
    in_flight: VecDeque<(u32, Wish)>,
    troubles: HashMap<Work, Trouble>,
    retries: BTreeSet<(Instant, Work)>,
    reader: Reader,
    drains: Drains,
    timeouts: TimeoutWish,
    flush: bool,
    keep: Keep,
    family_is_gone: bool,
    sequence: u32,
    notices: Vec<Notice>,
    taken_over: usize,
}

impl Reconciler {
    /// From now on this service is wanted; none = it goes, and its destinations are no longer wanted.
    pub fn want_service(&mut self, key: ServiceKey, wanted: Option<Service>) {
        if wanted.is_none() && !self.slots.contains_key(&key) {
            return;
        }
        let slot = self.slots.entry(key).or_insert_with(|| {
            self.keep.grew();
            Slot::default()
        });
        slot.retiring = false;
        let returns = slot.wanted.is_none() && wanted.is_some();
        let goes = wanted.is_none();
        slot.wanted = wanted;
        self.troubles.remove(&Work::Service(key));
        self.mark_service(key);
        // When it returns: its going would have taken along those that are not wanted again.
        if goes || returns {
            self.drains.forget_service(&key);
            self.want_no_destinations(&key);
        }
    }

    /// From now on this destination is wanted; none = it goes. Nothing happens when its service is not wanted, or only for those that
    /// drain.
    pub fn want_destination(
        &mut self,
        service: &ServiceKey,
        key: DestinationKey,
        wanted: Option<Destination>,
    ) {
        let Some(slot) = self.slots.get_mut(service) else {
            return;
        };
        let is_taken = match wanted {
            Some(_) => !slot.retiring,
            None => slot.destinations.contains_key(&key),
        };
        if slot.wanted.is_none() || !is_taken {
            return;
        }
        let place = slot.destinations.entry(key).or_default();
        place.wanted = wanted;
        self.drains.forget(service, &key);
        self.troubles.remove(&Work::Destination(*service, key));
        self.mark_destination(*service, key);
    }

    /// No destination of this service is wanted, until it is wanted again; those that drain go on.
    pub fn want_no_destinations(&mut self, key: &ServiceKey) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        let mut left = Vec::with_capacity(slot.destinations.len());
        for (server, place) in &mut slot.destinations {
            if !self.drains.is_draining(key, server) {
                place.wanted = None;
                left.push(*server);
            }
        }
        for server in left {
            self.mark_destination(*key, server);
        }
    }

    /// Makes the table empty before anything else is done.
    pub fn flush(&mut self) {
        self.flush = true;
    }

    /// From now on these timeouts are wanted; none = those that were there before.
    pub fn want_timeouts(&mut self, wanted: Option<Timeouts>) {
        self.timeouts.want(wanted);
    }

    /// The timeouts that were there before they were changed; none = not known, and nothing was changed.
    pub fn timeouts_before(&self) -> Option<Timeouts> {
        self.timeouts.before()
    }

    /// These timeouts were there before another process, which ended without putting them back, changed them.
    pub fn inherit_timeouts(&mut self, before: Timeouts) {
        self.timeouts.inherit(before);
    }

    /// The process ends.
    pub fn end(&mut self, leave: Leave) {
        self.timeouts.want(None);
        let going: Vec<ServiceKey> = match leave {
            Leave::Others => self.slots.keys().copied().collect(),
            Leave::Wanted => self.retiring().collect(),
            Leave::Everything | Leave::Nothing => Vec::new(),
        };
        for key in going {
            self.want_service(key, None);
        }
        match leave {
            Leave::Others => return,
            // Nobody would ever take away what was to go just now.
            Leave::Wanted => self.slots.retain(|_, slot| slot.wanted.is_none()),
            Leave::Everything | Leave::Nothing => self.slots.clear(),
        }
        if leave != Leave::Nothing {
            self.keep.end();
        }
        self.retries.clear();
        self.reader = Reader::default();
        self.drains = Drains::default();
        self.flush = leave == Leave::Nothing;
    }

    /// The requests to send now in one datagram, with their numbers, which go to `answered` and `heard`. None while the answers to
    /// earlier ones fill the window.
    pub fn requests(&mut self, now: Instant) -> Vec<(u32, Request)> {
        let mut requests = Vec::new();
        if self.flush {
            if self.in_flight.is_empty() {
                self.flush = false;
                self.send(&mut requests, Request::Flush, Wish::Flush);
            }
            return requests;
        }
        self.timeout_requests(&mut requests);
        self.look_at_drains(now);
        self.notices.extend(self.drains.take_begun(now));
        while let Some(&(due, work)) = self.retries.first()
            && due <= now
        {
            self.retries.remove(&(due, work));
            if let Some(trouble) = self.troubles.get_mut(&work) {
                trouble.held = false;
            }
            self.mark(work);
        }
        while self.in_flight.len() < WINDOW {
            let Some(work) = self.queue.pop_front() else {
                break;
            };
            let found = match work {
                Work::Service(key) => self.look_at_service(key),
                Work::Destination(key, server) => self.look_at_destination(key, server),
            };
            if let Some((request, wish)) = found {
                self.reader.touch(&wish);
                self.send(&mut requests, request, wish);
            }
        }
        if self.queue.is_empty() {
            // All of a configuration was in it once.
            self.queue.shrink_to(WINDOW);
        }
        self.read_requests(now, &mut requests);
        requests
    }

    /// When `requests` has to be asked again though nothing arrived and nothing is wanted.
    pub fn next_due(&self) -> Option<Instant> {
        let retry = self.retries.first().map(|(due, _)| *due);
        let others = self.next_read().into_iter().chain(self.drains.next_due());
        retry.into_iter().chain(others).min()
    }

    /// True when there may be requests to send now.
    pub fn is_ready(&self, now: Instant) -> bool {
        let room = self.in_flight.len() < WINDOW;
        room && (self.flush
            || !self.queue.is_empty()
            || self.has_to_read()
            || self.timeouts.is_ready()
            || self.next_due().is_some_and(|due| due <= now))
    }

    /// True when the kernel has what is wanted, as far as it takes it, and no answer is outstanding.
    pub fn is_settled(&self) -> bool {
        self.in_flight.is_empty()
            && self.queue.is_empty()
            && !self.flush
            && !self.has_to_read()
            && !self.reader.is_reading()
            && !self.timeouts.is_ready()
    }

    /// What there is to say since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        if self.taken_over > 0 && self.is_settled() {
            self.notices
                .push(Notice::TakenOver(std::mem::take(&mut self.taken_over)));
        }
        std::mem::take(&mut self.notices)
    }

    fn send(&mut self, requests: &mut Vec<(u32, Request)>, request: Request, wish: Wish) {
        let sequence = self.next_sequence();
        self.in_flight.push_back((sequence, wish));
        requests.push((sequence, request));
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.sequence
    }

    fn mark(&mut self, work: Work) {
        match work {
            Work::Service(key) => self.mark_service(key),
            Work::Destination(key, server) => self.mark_destination(key, server),
        }
    }

    fn mark_service(&mut self, key: ServiceKey) {
        if let Some(slot) = self.slots.get_mut(&key)
            && !slot.queued
            && !slot.in_flight
        {
            slot.queued = true;
            self.queue.push_back(Work::Service(key));
        }
    }

    fn mark_destination(&mut self, key: ServiceKey, server: DestinationKey) {
        if let Some(place) = self
            .slots
            .get_mut(&key)
            .and_then(|slot| slot.destinations.get_mut(&server))
            && !place.queued
            && !place.in_flight
        {
            place.queued = true;
            self.queue.push_back(Work::Destination(key, server));
        }
    }

    fn look_at_service(&mut self, key: ServiceKey) -> Option<(Request, Wish)> {
        let slot = self.slots.get_mut(&key)?;
        slot.queued = false;
        if slot.in_flight || slot.unread && slot.wanted.is_some() {
            return None;
        }
        if slot.known.is(slot.wanted.as_ref()) {
            if slot.wanted.is_none() {
                self.forget(key);
            }
            self.troubles.remove(&Work::Service(key));
            return None;
        }
        slot.in_flight = true;
        let wish = Wish::Service(key, slot.wanted.clone());
        let request = match (&slot.wanted, &slot.known) {
            (None, _) => Request::DeleteService(key),
            (Some(wanted), Known::Absent) => Request::NewService(key, wanted.clone()),
            (Some(wanted), Known::Present(_)) => Request::SetService(key, wanted.clone()),
        };
        Some((request, wish))
    }

    fn look_at_destination(
        &mut self,
        key: ServiceKey,
        server: DestinationKey,
    ) -> Option<(Request, Wish)> {
        let slot = self.slots.get_mut(&key)?;
        let place = slot.destinations.get_mut(&server)?;
        if slot.unread || !slot.known.is_present() {
            slot.waiting.push(server);
            return None;
        }
        place.queued = false;
        // A service that goes takes its destinations along.
        if place.in_flight || slot.wanted.is_none() {
            return None;
        }
        if place.known.is(place.wanted.as_ref()) {
            if place.wanted.is_none() {
                slot.destinations.remove(&server);
            }
            self.troubles.remove(&Work::Destination(key, server));
            return None;
        }
        place.in_flight = true;
        let wish = Wish::Destination(key, server, place.wanted);
        let request = match (place.wanted, &place.known) {
            (None, _) => Request::DeleteDestination(key, server),
            (Some(wanted), Known::Absent) => Request::NewDestination(key, server, wanted),
            (Some(wanted), Known::Present(_)) => Request::SetDestination(key, server, wanted),
        };
        Some((request, wish))
    }

    /// Forgets a service that is neither wanted nor there.
    fn forget(&mut self, key: ServiceKey) {
        if let Some(slot) = self.slots.remove(&key) {
            self.keep.shrank();
            let servers = slot.destinations.keys();
            let mut works: Vec<Work> = servers.map(|&s| Work::Destination(key, s)).collect();
            works.push(Work::Service(key));
            for work in works {
                self.troubles.remove(&work);
            }
        }
    }
}
