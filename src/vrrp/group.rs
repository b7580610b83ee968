//! Sync groups: their members are in one state, always. One that cannot run takes the others along to FAULT, one that hears a
//! better master takes them to BACKUP, and they become MASTER together when the last of them wants to. Outside the RFC.
//!
//! A group holds names and places; what its members are doing is asked of them each time, never remembered. The state machine
//! that each of them follows is table.rs.

use super::instance::Instance;
use super::notice::Notice;
use super::router::Router;
use super::table::{Cause, State};
use super::{Action, Actions, InstanceId};
use crate::config::model::{Notify, Vrrp};
use crate::notify::{self, Kind, What};
use crate::time::Instant;
use std::collections::HashMap;
use std::rc::Rc;

/// A sync group, by its place in the router; good until the next reload.
pub(super) type GroupId = usize;

/// Instances that move together.
#[derive(Debug)]
pub struct Group {
    name: Rc<str>,
    members: Rc<[InstanceId]>,
    notify: Rc<Notify>,
    state: State,
    /// The place of a member that did not want to be MASTER when last asked: asked first, so that thousands of members whose
    /// timers fire one after the other do not each ask all others.
    reluctant: usize,
}

impl Group {
    /// Its name in the file.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// Its members, in the order of the file.
    pub fn members(&self) -> &[InstanceId] {
        &self.members
    }
    /// The state of all its members, as it was last told.
    pub fn state(&self) -> State {
        self.state
    }
}

impl Router {
    /// All sync groups, in the order of the file.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter()
    }

    /// The sync group of an instance.
    pub fn group_of(&self, instance: &Instance) -> Option<&Group> {
        self.groups.get(instance.group()?)
    }

    /// Who belongs together, computed anew; a group that was there keeps its state.
    pub(super) fn index_groups(&mut self, config: &Vrrp) {
        let mut before: HashMap<Rc<str>, State> = self
            .groups
            .drain(..)
            .map(|group| (group.name, group.state))
            .collect();
        self.slots
            .iter_mut()
            .flatten()
            .for_each(|instance| instance.set_group(None));
        for (place, group) in config.sync_groups.iter().enumerate() {
            let members: Rc<[InstanceId]> = group
                .members
                .iter()
                .filter_map(|member| self.by_name.get(member.as_str()).copied())
                .collect();
            for id in members.iter() {
                if let Some(instance) = self.instance_mut(*id) {
                    instance.set_group(Some(place));
                }
            }
            let name: Rc<str> = group.name.as_str().into();
            let state = before.remove(&name).unwrap_or(State::Initialize);
            self.groups.push(Group {
                name,
                members,
                notify: Rc::new(group.notify.clone()),
                state,
                reluctant: 0,
            });
        }
    }

    /// Starts instances that are in INIT: those of a group in the state that fits all of it.
    pub(super) fn start(&mut self, now: Instant, ids: &[InstanceId], actions: &mut Actions) {
        let mut groups: Vec<GroupId> = Vec::new();
        for &id in ids {
            self.with(now, id, actions, Instance::look);
            match self.instance(id).and_then(Instance::group) {
                Some(group) => groups.push(group),
                None => self.with(now, id, actions, Instance::start),
            }
        }
        groups.sort_unstable();
        groups.dedup();
        for group in groups {
            self.start_group(now, group, actions);
        }
    }

    fn start_group(&mut self, now: Instant, id: GroupId, actions: &mut Actions) {
        let members = self.members(id);
        let every = |what: &dyn Fn(&Instance) -> bool| {
            members
                .iter()
                .filter_map(|member| self.instance(*member))
                .all(what)
        };
        let waits = |member: &Instance| member.state() == State::Initialize && member.waits();
        let any_fails = !every(&|member| member.is_able() || waits(member));
        if !any_fails && !every(&|member| !waits(member)) {
            return;
        }
        let fresh = every(&|member| member.state() == State::Initialize);
        let cause = if !every(&|member| member.is_able()) {
            Cause::StartUnfit
        } else if fresh && every(&|member| member.can_resume(now)) {
            Cause::ResumeMaster
        } else if !fresh
            && every(&|member| matches!(member.state(), State::Initialize | State::Master))
        {
            // New members of a group that rules: it shall not stop ruling for them.
            Cause::StartInMasterGroup
        } else {
            Cause::Start
        };
        for member in members.iter() {
            self.with(now, *member, actions, |member, context| {
                member.start_in_group(cause, context)
            });
        }
        self.settle(now, id, actions);
    }

    /// Master_Down_Timer of a member fired, and it has heard nothing: it is MASTER when all the others want to be as well.
    pub(super) fn wants_master(
        &mut self,
        now: Instant,
        id: GroupId,
        first: InstanceId,
        actions: &mut Actions,
    ) {
        if !self.all_want(now, id) {
            return;
        }
        self.with(now, first, actions, Instance::take_over);
        self.tell_syncing(id, State::Master, actions);
        for member in self.members(id).iter().filter(|member| **member != first) {
            self.with(now, *member, actions, Instance::take_over);
        }
        self.now_in(id, State::Master, actions);
    }

    fn all_want(&mut self, now: Instant, id: GroupId) -> bool {
        let Some(group) = self.groups.get(id) else {
            return false;
        };
        let (before, after) = group
            .members
            .split_at(group.reluctant.min(group.members.len()));
        let reluctant = after.iter().chain(before).position(|member| {
            !self
                .instance(*member)
                .is_some_and(|member| member.still_wants_master(now))
        });
        let count = group.members.len();
        match (reluctant, self.groups.get_mut(id)) {
            (Some(steps), Some(group)) => {
                group.reluctant = (group.reluctant + steps) % count.max(1);
                false
            }
            _ => count > 0,
        }
    }

    /// Brings the members of a group together, after one of them moved or what they are fit for changed.
    pub(super) fn settle(&mut self, now: Instant, id: GroupId, actions: &mut Actions) {
        let members = self.members(id);
        let (mut unable, mut backup, mut master) = (false, false, false);
        for member in members.iter().filter_map(|member| self.instance(*member)) {
            unable |= member.state() != State::Initialize && !member.is_able();
            backup |= matches!(member.state(), State::Backup | State::Fault);
            master |= member.state() == State::Master;
        }
        let target = match (unable, backup, master) {
            (true, ..) => State::Fault,
            (_, true, _) => State::Backup,
            (_, _, true) => State::Master,
            _ => State::Initialize,
        };
        if target == State::Fault {
            // Those that are the reason go first, and say it.
            for member in members.iter() {
                self.with(now, *member, actions, |member, context| {
                    if !member.is_able() {
                        member.fit(true, context);
                    }
                });
            }
        }
        let from = self.groups.get(id).map(Group::state);
        if from != Some(target) && from != Some(State::Initialize) {
            self.tell_syncing(id, target, actions);
        }
        for member in members.iter() {
            self.with(now, *member, actions, |member, context| {
                member.fit(target == State::Fault, context);
                if target == State::Backup && member.state() == State::Master {
                    member.follow_to_backup(context);
                }
            });
        }
        self.now_in(id, target, actions);
        if target == State::Backup
            && self.all_want(now, id)
            && let Some(first) = members.first()
        {
            self.wants_master(now, id, *first, actions);
        }
    }

    /// All members of a group announce what they hold: one of them heard another master, and where one was, others may have been.
    pub(super) fn announce_group(
        &mut self,
        now: Instant,
        id: GroupId,
        but: InstanceId,
        actions: &mut Actions,
    ) {
        for member in self.members(id).iter().filter(|member| **member != but) {
            self.with(now, *member, actions, Instance::contradict_with_garps);
        }
    }

    fn members(&self, id: GroupId) -> Rc<[InstanceId]> {
        self.groups
            .get(id)
            .map_or_else(|| Rc::from([]), |group| group.members.clone())
    }

    fn tell_syncing(&self, id: GroupId, state: State, actions: &mut Actions) {
        if let Some(group) = self.groups.get(id)
            && state != State::Initialize
            && group.members.len() > 1
        {
            actions.push(Action::Tell(Notice::Syncing {
                group: group.name.clone(),
                state,
            }));
        }
    }

    fn now_in(&mut self, id: GroupId, to: State, actions: &mut Actions) {
        if let Some(group) = self.groups.get_mut(id)
            && group.state != to
        {
            group.state = to;
            let event = notify::Event {
                kind: Kind::Group,
                name: group.name.clone(),
                what: match to {
                    State::Master => What::Master,
                    State::Backup => What::Backup,
                    State::Fault => What::Fault,
                    State::Initialize => What::Stop,
                },
                priority: 0,
            };
            actions.push(Action::Notify(event, group.notify.clone()));
        }
    }
}
