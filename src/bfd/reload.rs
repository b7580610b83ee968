//! Which sessions there are: at start, after another process, and when the configuration changes.

use super::notice::Said;
use super::resume::neighbor_hash;
use super::session::Session;
use super::sessions::Sessions;
use super::{Action, Context, Known, SessionId};
use crate::config::model::BfdInstance;
use std::collections::HashMap;
use std::num::NonZeroU32;

impl Sessions {
    /// Goes over to these sessions. One that did not change is not touched; one with another neighbour is another one.
    pub(super) fn configure(
        &mut self,
        instances: &[BfdInstance],
        known: &Known,
        cx: &mut Context<'_>,
    ) {
        let wanted: HashMap<&str, &BfdInstance> = instances
            .iter()
            .map(|instance| (instance.name.as_str(), instance))
            .collect();
        let removed: Vec<SessionId> = self
            .sessions()
            .filter(|(_, session)| {
                let wanted = wanted.get(session.config().name.as_str());
                !wanted.is_some_and(|wanted| is_same(wanted, session.config()))
            })
            .map(|(id, _)| id)
            .collect();
        for id in removed {
            self.remove(id, cx);
        }
        for instance in instances {
            let found = self.by_name.get(&instance.name).copied();
            let slot = found.and_then(|id| self.slots.get_mut(id)?.as_mut());
            match slot {
                None => self.add(instance, known, cx),
                Some(session) if session.config() != instance => {
                    session.reconfigure(instance.clone(), cx);
                }
                Some(_) => {}
            }
        }
    }

    fn remove(&mut self, id: SessionId, cx: &mut Context<'_>) {
        let Some(mut session) = self.slots.get_mut(id).and_then(Option::take) else {
            return;
        };
        session.shut_down(cx);
        session.tell(Said::Removed, cx);
        cx.actions.push(Action::Record(id));
        let config = session.config();
        self.by_discriminator.remove(&session.discriminator());
        let at = (config.neighbor, config.multihop);
        if let Some(all) = self.by_neighbor.get_mut(&at) {
            all.retain(|other| *other != id);
            if all.is_empty() {
                self.by_neighbor.remove(&at);
            }
        }
        self.by_name.remove(&config.name);
        self.free.push(id);
    }

    fn add(&mut self, instance: &BfdInstance, known: &Known, cx: &mut Context<'_>) {
        let neighbor = neighbor_hash(instance.neighbor, instance.multihop);
        let known = known.get(&instance.name).copied();
        let known = known.filter(|(_, resume)| resume.neighbor == neighbor);
        // The neighbour may still answer to the one that it knows.
        let left = known.map(|(_, resume)| resume.discriminator);
        let discriminator = self.unused_discriminator(left, cx);
        let id = self.free.pop().unwrap_or(self.slots.len());
        let mut session = Session::new(id, instance.clone(), discriminator);
        if let Some((_, resume)) = &known {
            session.inherit_port(resume);
        }
        session.begin(known, cx);
        self.by_discriminator.insert(discriminator, id);
        let at = (instance.neighbor, instance.multihop);
        self.by_neighbor.entry(at).or_default().push(id);
        self.by_name.insert(instance.name.clone(), id);
        match self.slots.get_mut(id) {
            Some(slot) => *slot = Some(session),
            None => self.slots.push(Some(session)),
        }
    }

    /// One that no other session has: this one, or any (RFC 5880 section 6.3).
    fn unused_discriminator(&self, wanted: Option<NonZeroU32>, cx: &mut Context<'_>) -> NonZeroU32 {
        let mut next = wanted;
        loop {
            match next {
                Some(it) if !self.by_discriminator.contains_key(&it) => return it,
                _ => next = NonZeroU32::new((cx.random)() as u32),
            }
        }
    }
}

/// Whether a session goes on under this configuration.
fn is_same(wanted: &BfdInstance, running: &BfdInstance) -> bool {
    wanted.neighbor == running.neighbor && wanted.multihop == running.multihop
}
