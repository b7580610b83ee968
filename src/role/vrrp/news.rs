//! What the kernel says, and who is told: the core of links that appear, change and go, sockets and filters that come and go with them,
//! instances whose addresses were put back. A piece of it a turn: thousands of links may appear at once.

use super::links::interface;
use super::sockets::Place;
use super::{Phase, Shell, Source, refused};
use crate::kernel::LinkChange;
use crate::os::clock;
use crate::os::poll::Ready;
use crate::time::Instant;
use crate::vrrp::Event;
use log::debug;

/// Links of which is told in one turn: each may need sockets, at some hundred microseconds.
const LINKS_PER_TURN: usize = 16;

impl Source {
    /// As the loop tells that there is something to read.
    pub(super) fn readable(self) -> Ready<Source> {
        Ready {
            token: self,
            readable: true,
            writable: false,
            broken: false,
        }
    }
}

impl Shell {
    /// The kernel has something to say. Of links it is told at once: a timer may have to be judged by that.
    pub(super) fn listen_to_kernel(&mut self) {
        let now = clock::now();
        if self.kernel.receive(now) {
            self.events.again(Source::Netlink.readable());
        }
        self.tell_of_links(now);
    }

    /// The kernel has said something about what is held.
    pub(super) fn see_to_held(&mut self) {
        let now = clock::now();
        self.look_at_statics(now);
        for instance in self.kernel.take_restored() {
            let event = Event::AddressesRestored { instance };
            self.router.handle(now, event, &mut self.actions);
        }
        self.perform(now);
    }

    /// Whether links have to be looked at though the kernel has not said anything more.
    pub(super) fn has_links_to_tell(&self) -> bool {
        !self.untold.is_empty() || self.kernel.withholds() || self.phase == Phase::Reading
    }

    /// Tells of links what is new, and begins when they are known and those that had to be made are there.
    pub(super) fn tell_of_links(&mut self, now: Instant) {
        let mut names = self.kernel.set_up_links();
        let changes = self.kernel.take_link_changes();
        names.extend(changes.iter().map(|change| change.name().to_owned()));
        self.untold.extend(changes);
        let known = self.kernel.reconciler().known();
        for name in names {
            self.filters.interface_changed(&name, &self.router, known);
        }
        // A socket that joins a group on a virtual MAC has the kernel report that at once: first the filter that leads it elsewhere.
        if !self.untold.is_empty() && self.filters.send(&mut self.events, now, false) {
            self.events.soon();
            return;
        }
        self.tell_changes(now, LINKS_PER_TURN);
        if !self.untold.is_empty() {
            self.events.soon();
            return;
        }
        if self.phase == Phase::Reading && self.has_its_links() {
            self.start(now);
            match self.stops_once_begun {
                true => self.stop(now),
                false => self.prepare(now),
            }
            // What is wanted of the kernel from now on is asked for in the next turn.
            self.events.soon();
        }
    }

    /// Whether the links are there that had to be made, as far as they can be, and all is told of them.
    pub(super) fn has_its_links(&self) -> bool {
        let reconciler = self.kernel.reconciler();
        self.untold.is_empty() && reconciler.is_synchronised() && reconciler.links_are_settled()
    }

    /// Tells all that is new of links, before the configuration is another.
    pub(super) fn tell_all_of_links(&mut self, now: Instant) {
        let changes = self.kernel.take_link_changes();
        self.untold.extend(changes);
        self.tell_changes(now, usize::MAX);
    }

    fn tell_changes(&mut self, now: Instant, most: usize) {
        for _ in 0..most {
            let Some(change) = self.untold.pop_front() else {
                return;
            };
            self.link_changed(now, change);
        }
    }

    fn link_changed(&mut self, now: Instant, change: LinkChange) {
        match change {
            LinkChange::Gone { index, name } => {
                debug!("Interface {name} deleted");
                self.sockets.close(&mut self.events, index);
                self.router
                    .handle(now, Event::InterfaceGone { index }, &mut self.actions);
            }
            LinkChange::Changed(link) => {
                debug!(
                    "Netlink reports {} {}",
                    link.name,
                    if link.up { "up" } else { "down" }
                );
                let place = Place::of(link.index, &link.name, link.mtu);
                self.fit_sockets(&place);
                let believed = self.linkbeats.believe(interface(link));
                self.router
                    .handle(now, Event::Interface(&believed), &mut self.actions);
            }
        }
        self.perform(now);
    }

    /// Opens or closes the sockets of a link.
    pub(super) fn fit_sockets(&mut self, place: &Place<'_>) {
        if let Err(error) = self.sockets.fit(&mut self.events, place) {
            self.exit = Some(refused(&error));
        }
    }

    /// Says which links there have to be.
    pub(super) fn want_links(&mut self) {
        let model = self.model.clone();
        let disable = model.global.disable_local_igmp;
        self.kernel.want_links(&model.vrrp, disable);
    }
}
