//! The timeouts of connections: those that are wanted while we run, and those that were there before.

use super::{Reconciler, Request, Timeouts, Wish};

/// What is wanted of the timeouts, and how far that is.
#[derive(Debug, Default)]
pub(super) struct TimeoutWish {
    wanted: Option<Timeouts>,
    /// What was there before us, or before the process that we replace.
    before: Option<Timeouts>,
    /// What is there, once it was read.
    known: Option<Timeouts>,
    /// The number of the request that reads them.
    reading: Option<u32>,
    /// Being set, or refused.
    asked: Option<Timeouts>,
}

impl TimeoutWish {
    pub fn want(&mut self, wanted: Option<Timeouts>) {
        self.wanted = wanted;
    }

    pub fn before(&self) -> Option<Timeouts> {
        self.before
    }

    /// What was there before the process that we replace.
    pub fn inherit(&mut self, before: Timeouts) {
        self.before = Some(before);
    }

    /// True when there is something to ask.
    pub fn is_ready(&self) -> bool {
        let matters = self.wanted.is_some() || self.before.is_some();
        let unread = matters && self.known.is_none() && self.reading.is_none();
        unread || self.to_set().is_some()
    }

    /// The kernel has told them.
    pub fn heard(&mut self, sequence: u32, timeouts: Timeouts) {
        if self.reading == Some(sequence) {
            self.before.get_or_insert(timeouts);
            self.known = Some(timeouts);
        }
    }

    /// The kernel has taken them.
    pub fn taken(&mut self, timeouts: Timeouts) {
        self.known = Some(timeouts);
    }

    /// What was asked may not have been heard.
    pub fn asked_in_vain(&mut self) {
        self.asked = None;
        if self.known.is_none() {
            self.reading = None;
        }
    }

    /// What is not there though it should be.
    fn to_set(&self) -> Option<Timeouts> {
        let (before, known) = (self.before?, self.known?);
        let pick = |wanted: u32, before: u32| if wanted == 0 { before } else { wanted };
        let target = self.wanted.map_or(before, |wanted| Timeouts {
            tcp: pick(wanted.tcp, before.tcp),
            tcp_fin: pick(wanted.tcp_fin, before.tcp_fin),
            udp: pick(wanted.udp, before.udp),
        });
        (target != known && self.asked != Some(target)).then_some(target)
    }
}

impl Reconciler {
    pub(super) fn timeout_requests(&mut self, requests: &mut Vec<(u32, Request)>) {
        let timeouts = &mut self.timeouts;
        if let Some(target) = timeouts.to_set() {
            timeouts.asked = Some(target);
            self.send(
                requests,
                Request::SetTimeouts(target),
                Wish::Timeouts(target),
            );
        } else if timeouts.is_ready() {
            let sequence = self.next_sequence();
            self.timeouts.reading = Some(sequence);
            requests.push((sequence, Request::GetTimeouts));
        }
    }
}
