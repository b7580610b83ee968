//! The timer wheel: typed keys, absolute deadlines, one deadline a key.

use crate::time::Instant;
use std::hash::Hash;

/// A hierarchical timer wheel. A key has at most one deadline: arming it again replaces the old one, so that a stale expiry
/// cannot reach a refreshed object.
pub struct Wheel<K> {
    _keys: std::marker::PhantomData<K>,
}

impl<K: Copy + Eq + Hash> Wheel<K> {
    /// An empty wheel; no deadline before `now` will ever be asked for.
    pub fn new(now: Instant) -> Self {
        let _ = now;
        todo!("wheel")
    }
    /// Sets or replaces the deadline of `key`. A deadline in the past expires at the next `expire`.
    pub fn arm(&mut self, key: K, deadline: Instant) {
        let _ = (key, deadline);
        todo!("wheel")
    }
    /// Forgets `key`; true when it was armed.
    pub fn disarm(&mut self, key: K) -> bool {
        let _ = key;
        todo!("wheel")
    }
    /// The earliest deadline, exactly.
    pub fn next_deadline(&self) -> Option<Instant> {
        todo!("wheel")
    }
    /// Takes the earliest timer whose deadline is at or before `now`, with that deadline; in order of deadlines. The caller loops
    /// until `None`, handling each before it asks for the next, so a handler that disarms a key stops its expiry.
    pub fn pop_expired(&mut self, now: Instant) -> Option<(K, Instant)> {
        let _ = now;
        todo!("wheel")
    }
}
