//! Services that are wanted no more but for the connections of those of their destinations that drain: they go with the last of these. And
//! which services are ours, for a process that takes this one's place: it is to know also those that its own configuration does not name.

use super::{Known, Reconciler, ServiceKey, Slot};

/// Whether another process has to be left other services than before.
#[derive(Debug, Default)]
pub(super) struct Keep {
    grown: bool,
    shrunk: bool,
    over: bool,
}

impl Keep {
    /// There is another service of ours.
    pub fn grew(&mut self) {
        self.grown = true;
    }

    /// A service is not ours any more.
    pub fn shrank(&mut self) {
        self.shrunk = true;
    }

    /// The process ends, and leaves services that it does not know any more: what was said last holds.
    pub fn end(&mut self) {
        self.over = true;
    }
}

impl Reconciler {
    /// This service is wanted no more, but for those of its destinations that drain.
    pub fn retire_service(&mut self, key: ServiceKey) {
        if let Some(slot) = self.slots.get_mut(&key).filter(|it| it.wanted.is_some()) {
            slot.retiring = true;
            self.want_no_destinations(&key);
            self.end_retired(key);
        }
    }

    /// Another process has left this service, and nobody wants it, unless it is wanted already: it goes when those of its destinations
    /// have drained that did (`inherit_drains`).
    pub fn inherit_service(&mut self, key: ServiceKey) {
        if self.slots.contains_key(&key) {
            return;
        }
        let slot = Slot {
            retiring: true,
            known: Known::Present(None),
            unread: true,
            ..Slot::default()
        };
        self.slots.insert(key, slot);
        self.keep.grew();
        self.read_soon(key);
    }

    /// All services of ours, those that are going as well, if these are others than at the last call that gave any. To be called before
    /// `requests`: what is not known to be ours nobody takes away.
    pub fn services_to_keep(&mut self) -> Option<impl Iterator<Item = ServiceKey>> {
        let keep = &mut self.keep;
        // One by one thousands go; that they have gone may be known later.
        let changed = keep.grown || keep.shrunk && self.queue.is_empty();
        (changed && !keep.over).then(|| {
            self.keep = Keep::default();
            self.slots.keys().copied()
        })
    }

    /// Whether there is any destination that drains.
    pub fn has_drains(&self) -> bool {
        self.drains.next_due().is_some()
    }

    /// Those that are wanted only for their connections.
    pub(super) fn retiring(&self) -> impl Iterator<Item = ServiceKey> {
        let all = self.slots.iter();
        all.filter(|(_, slot)| slot.retiring).map(|(key, _)| *key)
    }

    /// A service that is wanted only for its connections goes, if none is left.
    pub(super) fn end_retired(&mut self, key: ServiceKey) {
        let is_over = self.slots.get(&key).is_some_and(|slot| {
            let needless = slot.wanted.is_none() || !self.drains.has_any(&key);
            slot.retiring && !slot.unread && needless
        });
        if is_over {
            self.want_service(key, None);
        }
    }
}
