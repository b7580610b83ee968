//! A reload. The links that the new configuration needs are made first, while the old one is in force, so that who runs on one of them
//! does not begin with a fault. Then it is taken over: what did not change is not touched, no address, no advert.

use super::sockets::Place;
use super::{Key, Phase, Shell};
use crate::config::model::{LinkKind, Model, VirtualLink, VrrpInstance};
use crate::role::control::Answer;
use crate::time::Instant;
use crate::vrrp::Event;
use log::error;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

/// A configuration waits so long at most for its links.
const LINKS_LIMIT: Duration = Duration::from_secs(2);

impl Shell {
    /// The parent has read another configuration.
    pub(super) fn reload(&mut self, now: Instant, length: u64) {
        match self.context.handed_over(length) {
            Ok(model) if self.phase != Phase::Stopping => {
                if self.next.replace(model).is_some() {
                    self.context.parent.answer(Answer::Reloaded);
                }
                self.prepare(now);
            }
            Ok(_) => self.context.parent.answer(Answer::Reloaded),
            Err(error) => {
                error!("The new configuration cannot be taken over, the old one stays: {error}");
                self.context.parent.answer(Answer::Reloaded);
            }
        }
    }

    /// Has the links made that the next configuration needs, or takes it over if there are none.
    pub(super) fn prepare(&mut self, now: Instant) {
        let Some(next) = &self.next else {
            return;
        };
        // What a process before this one has left is named by the configuration that this one began with.
        if self.phase == Phase::Reading {
            return;
        }
        let Some(both) = with_links(&self.model, next) else {
            return self.take_next(now);
        };
        self.prepared = true;
        let disable_local_igmp = both.global.disable_local_igmp;
        self.kernel.want_links(&both.vrrp, disable_local_igmp);
        let known = self.kernel.reconciler().known();
        self.filters.reload(&both, &self.router, known);
        self.wheel.arm(Key::Links, now + LINKS_LIMIT);
    }

    /// Goes over to the configuration that was waiting.
    pub(super) fn take_next(&mut self, now: Instant) {
        let Some(model) = self.next.take() else {
            return;
        };
        self.wheel.disarm(Key::Links);
        self.reloads = self.reloads.saturating_add(1);
        self.save("pre");
        self.take(now, model);
        if self.model.global.fifo_states_on_reload {
            self.tell_all_states();
        }
        self.save("post");
        self.context.parent.answer(Answer::Reloaded);
    }

    fn take(&mut self, now: Instant, model: Rc<Model>) {
        let log_unknown_vrids = model.global.log_unknown_vrids;
        let changed = model.vrrp != self.model.vrrp || model.global != self.model.global;
        let changed = std::mem::take(&mut self.prepared) || changed;
        self.model = model;
        self.programs.configure_mail(&self.model.global);
        if !changed {
            self.synchronise();
            return;
        }
        self.prepare_runner();
        self.configure_fifos();
        self.sockets
            .plan(&self.model.vrrp, &self.model.global.buffers);
        self.kernel.size(self.model.global.buffers.netlink);
        // Told before anybody needs it: a source address that is there must not look missing.
        self.kernel.watch_sources(&self.model.vrrp);
        self.tell_all_of_links(now);
        self.fit_all_sockets();
        self.follow_sessions(now);
        self.router.handle(
            now,
            Event::Reload {
                vrrp: &self.model.vrrp,
                log_unknown_vrids,
            },
            &mut self.actions,
        );
        // Who is gone resigns by the socket, and from the link, that only the old configuration has.
        self.send_adverts_first(now);
        self.sockets.shed(&mut self.events);
        self.want_links();
        self.kernel.claim_fixed(&self.model.vrrp);
        self.statics.watch(&self.model.vrrp.track_groups);
        self.poll_links(now);
        self.look_at_statics(now);
        self.kernel.claim_all(
            self.router
                .instances()
                .map(|instance| (instance.id(), instance.config())),
        );
        self.perform(now);
        self.sweep_board();
        self.configure_scripts(now);
        self.configure_watched(now, false);
        let known = self.kernel.reconciler().known();
        self.filters.reload(&self.model, &self.router, known);
        self.synchronise();
    }

    fn fit_all_sockets(&mut self) {
        self.fit_sockets(&Place::EVERYWHERE);
        let known = self.kernel.reconciler().known();
        for (index, link) in known.links() {
            let place = Place::of(index, &link.name, link.mtu);
            if let Err(error) = self.sockets.fit(&mut self.events, &place) {
                self.exit = Some(super::refused(&error));
            }
        }
    }
}

/// A configuration, and the instances of the next one whose links it does not have: what is wanted of links until that is taken over.
/// Nothing when there are no such. A link that cannot be made beside those that there are comes when they go.
fn with_links(now: &Model, next: &Model) -> Option<Model> {
    let instances = now.vrrp.instances.iter();
    let there = instances.flat_map(|instance| instance.vmac.links());
    let (mut names, mut upon) = (HashSet::new(), HashMap::<&str, Vec<&LinkKind>>::new());
    for link in there {
        names.insert(link.name.as_str());
        upon.entry(&link.base).or_default().push(&link.kind);
    }
    let is_possible = |link: &VirtualLink| {
        let beside = upon.get(link.base.as_str()).into_iter().flatten();
        let mut beside = beside.copied();
        !names.contains(link.name.as_str()) && !beside.any(|there| excludes(there, &link.kind))
    };
    let is_new = |instance: &&VrrpInstance| {
        let mut links = instance.vmac.links().peekable();
        links.peek().is_some() && links.all(is_possible)
    };
    let next = next.vrrp.instances.iter();
    let new: Vec<VrrpInstance> = next.filter(is_new).cloned().collect();
    if new.is_empty() {
        return None;
    }
    let mut both = now.clone();
    both.vrrp.instances.extend(new);
    Some(both)
}

/// Whether the kernel refuses one of these where the other is, upon one base: it takes a MAC or an address once, ipvlans of one mode,
/// and no macvlan beside them.
fn excludes(one: &LinkKind, other: &LinkKind) -> bool {
    match (one, other) {
        (LinkKind::Macvlan { mac: one }, LinkKind::Macvlan { mac: other }) => one == other,
        (
            LinkKind::Ipvlan { mode, address },
            LinkKind::Ipvlan {
                mode: other_mode,
                address: other_address,
            },
        ) => mode != other_mode || address == other_address,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::IpvlanMode;

    #[test]
    fn which_links_exclude_each_other() {
        let vmac = |vrid| LinkKind::Macvlan {
            mac: [0, 0, 0x5e, 0, 1, vrid],
        };
        let ipvlan = |mode, last| LinkKind::Ipvlan {
            mode,
            address: Some(([10, 0, 0, last].into(), 24)),
        };
        let (bridge, private) = (IpvlanMode::Bridge, IpvlanMode::Private);
        for (one, other, excluded) in [
            (vmac(1), vmac(1), true),
            (vmac(1), vmac(2), false),
            (vmac(1), ipvlan(bridge, 1), true),
            (ipvlan(bridge, 1), ipvlan(bridge, 1), true),
            (ipvlan(bridge, 1), ipvlan(bridge, 2), false),
            (ipvlan(bridge, 1), ipvlan(private, 2), true),
        ] {
            assert_eq!(excludes(&one, &other), excluded, "{one:?} {other:?}");
            assert_eq!(excludes(&other, &one), excluded, "{other:?} {one:?}");
        }
    }
}
