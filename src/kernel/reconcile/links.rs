//! Links that we make (virtual MACs): what is wanted, what is there, and the request that comes next. A link is made, then set up as
//! it has to be, then switched on; one that was made by somebody else is left alone. Settings of links that we find are in
//! `tunings`; their requests go with those of links.

use super::tunings::{SETTINGS_BASE, Saved, Tuning, Tunings};
use super::{EEXIST, ENODEV, Reconciler};
use crate::config::model::{LinkKind, VirtualLink};
use crate::kernel::backoff::{Backoff, FIRST_DELAY, PATIENCE};
use crate::kernel::link::{Kind, LinkUpdate, Setting};
use crate::kernel::netlink::Request;
use crate::kernel::notice::Notice;
use crate::time::Instant;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

/// What a link that bears addresses of IPv4 needs, whose network its base has: it answers for its own addresses alone (as does the
/// base), and accepts packets that the base would answer.
const SETTINGS_IPV4: [(Setting, u32); 4] = [
    (Setting::RpFilter, 0),
    (Setting::ArpIgnore, 1),
    (Setting::PromoteSecondaries, 1),
    (Setting::AcceptLocal, 1),
];
/// A kernel that does not do as it is asked is believed after so many changes of one link.
pub(super) const CHANGES_MAX: u32 = 8;

/// A link that is wanted, or was.
#[derive(Debug, Default)]
struct Wish {
    /// Nothing when it is not wanted any more.
    link: Option<VirtualLink>,
    /// The link that is ours.
    ours: Option<u32>,
    /// What was asked to be made last, until it is there or was refused.
    asked: Option<VirtualLink>,
    busy: bool,
    /// Somebody else removed it.
    lost: bool,
    /// Another's link has its name; told.
    foreign: bool,
    /// How often it was changed since it is ours.
    changes: u32,
    backoff: Backoff,
}

/// A request under way.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Flight {
    Make(String),
    Change(String, u32, LinkUpdate),
    Remove(String),
    /// Settings of a link that is not ours.
    Tune(u32, LinkUpdate),
}

/// Everything about links that is wanted or under way.
#[derive(Debug, Default)]
pub(super) struct Links {
    wishes: BTreeMap<String, Wish>,
    /// By the name of the base: whose wishes depend on it.
    upon: HashMap<String, BTreeSet<String>>,
    tunings: Tunings,
    /// Names to look at.
    dirty: BTreeSet<String>,
    in_flight: HashMap<u32, Flight>,
    retries: BTreeSet<(Instant, String)>,
    /// Made, and not yet told.
    made: Vec<VirtualLink>,
}

impl Links {
    /// Nothing is left to be done, and no answer is outstanding.
    pub fn is_settled(&self) -> bool {
        self.dirty.is_empty() && self.in_flight.is_empty()
    }

    pub fn next_retry(&self) -> Option<Instant> {
        self.retries.first().map(|(due, _)| *due)
    }

    /// Something about a link of this name is new.
    pub fn mark(&mut self, name: &str) {
        if self.wishes.contains_key(name) || self.tunings.concerns(name) {
            self.dirty.insert(name.to_owned());
        }
        if let Some(upon) = self.upon.get(name) {
            self.dirty.extend(upon.iter().cloned());
        }
    }
}

impl<O: Copy + Eq + Hash> Reconciler<O> {
    /// Says which links there have to be, which settings links need that we did not make, and which all of those need; replaces what
    /// was said before. What is no longer wanted goes, if it is ours.
    pub fn want_links(
        &mut self,
        links: impl IntoIterator<Item = VirtualLink>,
        tunings: impl IntoIterator<Item = (String, Tuning)>,
        everywhere: Vec<Tuning>,
    ) {
        let wanted = &mut self.links;
        let mut before: BTreeSet<String> = wanted.wishes.keys().cloned().collect();
        wanted.upon.clear();
        let mut settings = Vec::new();
        for link in links {
            before.remove(&link.name);
            if matches!(link.kind, LinkKind::Macvlan { .. }) && !link.for_ipv6 {
                settings.extend(SETTINGS_BASE.map(|tuning| (link.base.clone(), tuning)));
            }
            let upon = wanted.upon.entry(link.base.clone()).or_default();
            upon.insert(link.name.clone());
            let wish = wanted.wishes.entry(link.name.clone()).or_default();
            if wish.link.as_ref() != Some(&link) {
                wish.backoff.not_before = Instant(0);
                wanted.dirty.insert(link.name.clone());
                wish.link = Some(link);
            }
        }
        for name in before {
            if let Some(wish) = wanted.wishes.get_mut(&name) {
                wish.link = None;
                wish.backoff.not_before = Instant(0);
            }
            wanted.dirty.insert(name);
        }
        let everywhere = wanted.tunings.want(
            settings.into_iter().chain(tunings),
            everywhere,
            &mut wanted.dirty,
        );
        if everywhere {
            let all = self.known.links().map(|(_, link)| link.name.clone());
            wanted.dirty.extend(all);
        }
    }

    /// From now on only links are asked for, or everything is: who holds what is known when those are there that they need.
    pub fn only_links(&mut self, only: bool) {
        self.links_only = only;
    }

    /// Settings that an earlier process changed and did not put back.
    pub fn recall(&mut self, saved: impl IntoIterator<Item = ((String, Setting), Saved)>) {
        self.links.tunings.recall(saved, &mut self.links.dirty);
    }

    /// What settings were before we changed them; nothing when that is as it was at the last call.
    pub fn take_saved(&mut self) -> Option<Vec<((String, Setting), Saved)>> {
        self.links.tunings.take_saved()
    }

    /// The links that have been made, or found as they have to be, since the last call.
    pub fn take_made(&mut self) -> Vec<VirtualLink> {
        std::mem::take(&mut self.links.made)
    }

    /// Whether a link has the name of one that is wanted, and is another's.
    pub fn is_foreign(&self, name: &str) -> bool {
        self.links.wishes.get(name).is_some_and(|wish| wish.foreign)
    }

    /// Whether a link of this name has been made or changed and soon is as it has to be: until then it is nobody's business.
    pub fn is_in_the_making(&self, name: &str) -> bool {
        let Some(Wish {
            link: Some(link),
            busy,
            foreign,
            changes,
            backoff,
            ..
        }) = self.links.wishes.get(name)
        else {
            return false;
        };
        if *foreign {
            return true;
        }
        let trying = self.known.index(&link.base).is_some()
            && backoff.attempts <= PATIENCE
            && *changes <= CHANGES_MAX;
        let ready = self.known.index(name).is_some_and(|index| {
            self.is_right(link, index) && self.missing(link, index).is_empty()
        });
        *busy || trying && !ready
    }

    /// Whether every wanted link is as it has to be, or cannot be yet.
    pub fn links_are_settled(&self) -> bool {
        let mut wishes = self.links.wishes.iter();
        self.links.is_settled()
            && wishes.all(|(name, wish)| wish.foreign || !self.is_in_the_making(name))
    }

    /// Where a link belongs that is made upon this one: the kernel puts it upon that one's own base, when it is a macvlan itself.
    fn ground(&self, base: u32) -> u32 {
        let nature = self.known.link(base).map(|link| &link.nature);
        nature
            .filter(|nature| matches!(nature.kind, Kind::Macvlan(_)))
            .and_then(|nature| nature.base)
            .unwrap_or(base)
    }

    /// Whether a link is what is wanted, whatever its settings.
    fn is_right(&self, link: &VirtualLink, index: u32) -> bool {
        let base = self.known.index(&link.base).map(|base| self.ground(base));
        let (Some(base), Some(there)) = (base, self.known.link(index)) else {
            return false;
        };
        there.nature.is(link, base, there.mac)
    }

    /// What has to be different about a link that is ours. It is switched on when all else is done.
    fn missing(&self, wish: &VirtualLink, index: u32) -> LinkUpdate {
        let mut update = LinkUpdate::default();
        let Some(link) = self.known.link(index) else {
            return update;
        };
        let base = self.known.index(&wish.base);
        if let Some(base) = base.and_then(|base| self.known.link(base)) {
            let is_vrf = |index: &u32| {
                let master = self.known.link(*index);
                master.is_some_and(|master| master.nature.vrf_table().is_some())
            };
            let vrf = base.nature.master.filter(is_vrf);
            if link.nature.master != vrf {
                update.master = Some(vrf.unwrap_or(0));
            }
            let group = wish.group.unwrap_or(base.nature.group);
            update.group = (link.nature.group != group).then_some(group);
            // The kernel takes a smaller one over, and never goes back.
            update.mtu = (link.mtu != base.mtu).then_some(base.mtu);
        }
        if !wish.for_ipv6 && matches!(wish.kind, LinkKind::Macvlan { .. }) {
            update.settings = SETTINGS_IPV4
                .into_iter()
                .filter(|(setting, value)| {
                    link.nature.setting(*setting).is_some_and(|is| is != *value)
                })
                .collect();
        }
        let by_itself = matches!(wish.kind, LinkKind::Ipvlan { address: None, .. });
        update.no_link_local = !by_itself && link.nature.makes_link_local();
        if update.is_empty() && !link.is_enabled() {
            update.up = true;
        }
        update
    }

    /// The requests about links that come next.
    pub(super) fn link_requests(
        &mut self,
        now: Instant,
        limit: usize,
        requests: &mut Vec<(u32, Request)>,
    ) {
        while let Some((due, name)) = self.links.retries.first().cloned()
            && due <= now
        {
            self.links.retries.remove(&(due, name.clone()));
            self.links.dirty.insert(name);
        }
        while requests.len() < limit
            && let Some(name) = self.links.dirty.pop_first()
        {
            let (request, flight) = if self.links.wishes.contains_key(&name) {
                match self.look_at_link(now, &name) {
                    Some(next) => next,
                    None => continue,
                }
            } else {
                match self.tune(&name) {
                    Some((index, update)) => {
                        let flight = Flight::Tune(index, update.clone());
                        (Request::SetLink { index, update }, flight)
                    }
                    None => continue,
                }
            };
            let sequence = self.next_sequence();
            self.links.in_flight.insert(sequence, flight);
            requests.push((sequence, request));
        }
    }

    fn look_at_link(&mut self, now: Instant, name: &str) -> Option<(Request, Flight)> {
        let here = self.known.index(name);
        let wish = self.links.wishes.get_mut(name)?;
        if wish.busy {
            return None;
        }
        if now < wish.backoff.not_before {
            let retry = (wish.backoff.not_before, name.to_owned());
            self.links.retries.insert(retry);
            return None;
        }
        let asked = wish.asked.take();
        let owned = wish.ours.filter(|ours| self.known.link(*ours).is_some());
        // What is wanted may have changed while it was being made.
        let outdated = |asked: &VirtualLink| owned.is_none() && wish.link.as_ref() != Some(asked);
        let outdated = asked.filter(outdated);
        let made = here.filter(|here| outdated.is_some_and(|asked| self.is_right(&asked, *here)));
        let owned = owned.or(made);
        let wish = self.links.wishes.get_mut(name)?;
        wish.ours = owned;
        let Some(link) = wish.link.clone() else {
            return match owned {
                Some(index) => self.ask(now, name, Request::DeleteLink { index }),
                None => {
                    self.links.wishes.remove(name);
                    // Its name is a name like any other now.
                    self.links.mark(name);
                    None
                }
            };
        };
        // Somebody has given ours another name: it goes, and another is made.
        if let Some(index) = owned.filter(|_| owned != here) {
            return self.ask(now, name, Request::DeleteLink { index });
        }
        let Some(base) = self.known.index(&link.base) else {
            // With its base it was gone, too; one that is still there is upon another.
            wish.lost = false;
            let index = owned?;
            return self.ask(now, name, Request::DeleteLink { index });
        };
        let Some(index) = here else {
            let group = self.known.link(base).map_or(0, |base| base.nature.group);
            let group = link.group.unwrap_or(group);
            return self.ask(now, name, Request::NewLink { link, base, group });
        };
        if self.is_right(&link, index) {
            return self.set_up(now, name, &link, index);
        }
        let there = self.known.link(index)?;
        if owned.is_some() || there.nature.was(&link, there.mac) {
            let wish = self.links.wishes.get_mut(name)?;
            wish.backoff.attempt(now);
            return self.ask(now, name, Request::DeleteLink { index });
        }
        let wish = self.links.wishes.get_mut(name)?;
        if !std::mem::replace(&mut wish.foreign, true) {
            let interface = name.to_owned();
            self.notices.push(Notice::LinkForeign { interface });
        }
        None
    }

    /// The link is there: what is still to be done about it.
    fn set_up(
        &mut self,
        now: Instant,
        name: &str,
        link: &VirtualLink,
        index: u32,
    ) -> Option<(Request, Flight)> {
        let update = self.missing(link, index);
        let wish = self.links.wishes.get_mut(name)?;
        wish.foreign = false;
        if wish.ours.replace(index) != Some(index) {
            wish.changes = 0;
            self.links.made.push(link.clone());
        }
        if update.is_empty() || wish.changes > CHANGES_MAX {
            return None;
        }
        wish.changes += 1;
        self.ask(now, name, Request::SetLink { index, update })
    }

    fn ask(&mut self, now: Instant, name: &str, request: Request) -> Option<(Request, Flight)> {
        let of = name.to_owned();
        let flight = match &request {
            Request::NewLink { .. } => Flight::Make(of),
            Request::SetLink { index, update } => Flight::Change(of, *index, update.clone()),
            _ => Flight::Remove(of),
        };
        let wish = self.links.wishes.get_mut(name)?;
        if let Request::NewLink { link, .. } = &request {
            wish.asked = Some(link.clone());
        }
        wish.busy = true;
        wish.backoff.last_attempt = now.max(Instant(1));
        Some((request, flight))
    }

    fn tune(&mut self, name: &str) -> Option<(u32, LinkUpdate)> {
        let index = self.known.index(name)?;
        let nature = &self.known.link(index)?.nature;
        let update = self.links.tunings.look(name, nature)?;
        Some((index, update))
    }

    /// A link went away, or another has its name.
    pub(super) fn link_gone(&mut self, now: Instant, index: u32, name: &str) {
        let ours = |wish: &&mut Wish| wish.ours == Some(index);
        let removing = Flight::Remove(name.to_owned());
        let removing = self
            .links
            .in_flight
            .values()
            .any(|flight| *flight == removing);
        let wish = self.links.wishes.get_mut(name).filter(|wish| ours(wish));
        if let Some(wish) = wish {
            wish.ours = None;
            if !removing && wish.link.is_some() {
                wish.lost = true;
                wish.backoff.attempt(now);
            }
        }
        self.links.tunings.forget(name);
        self.links.mark(name);
    }

    /// Takes in the answer to a request about a link; false when it is to another request.
    pub(super) fn link_answered(&mut self, now: Instant, sequence: u32, errno: i32) -> bool {
        let Some(flight) = self.links.in_flight.remove(&sequence) else {
            return false;
        };
        if let Flight::Change(_, index, update) | Flight::Tune(index, update) = &flight
            && errno == 0
        {
            // Of settings the kernel does not tell.
            self.known.updated(*index, update);
        }
        let (Flight::Make(name) | Flight::Change(name, ..) | Flight::Remove(name)) = &flight else {
            // A link that went away takes its settings along; any other refusal leaves them as they are.
            return true;
        };
        self.links.dirty.insert(name.clone());
        let Some(wish) = self.links.wishes.get_mut(name) else {
            return true;
        };
        wish.busy = false;
        let interface = name.clone();
        match (&flight, errno) {
            (Flight::Make(_), 0) => {
                let notify = wish.link.as_ref().filter(|link| link.notify);
                let base = notify.map(|link| link.base.clone());
                if std::mem::take(&mut wish.lost) {
                    self.notices.push(Notice::LinkPutBack { interface });
                }
                if let Some(base) = base {
                    self.links.dirty.insert(base.clone());
                    self.links.tunings.announce(base);
                }
            }
            // It, or its base, went away meanwhile: the kernel's next messages tell.
            (Flight::Remove(_) | Flight::Change(..), ENODEV) | (_, 0) => {}
            (_, errno) => {
                wish.asked = None;
                if matches!(flight, Flight::Change(..)) {
                    // It was not done.
                    wish.changes = wish.changes.saturating_sub(1);
                }
                // That its base went away meanwhile shows in the kernel's next messages.
                if errno != ENODEV
                    && (wish.backoff.attempts == 0 || wish.backoff.attempts == PATIENCE)
                {
                    let base = wish.link.as_ref().map(|link| link.base.clone());
                    self.notices.push(Notice::LinkRefused {
                        interface,
                        base: base.unwrap_or_default(),
                        errno,
                    });
                }
                wish.backoff.attempt(now);
                wish.backoff.wait(now, FIRST_DELAY);
                if errno == EEXIST {
                    self.resync(now);
                }
            }
        }
        true
    }

    /// Messages were lost: answers are not waited for any more.
    pub(super) fn forget_link_requests(&mut self) {
        let links = &mut self.links;
        links.in_flight.clear();
        for wish in links.wishes.values_mut() {
            wish.busy = false;
        }
        links.dirty.extend(links.wishes.keys().cloned());
        links.dirty.extend(links.tunings.names());
    }
}
