//! All virtual servers of a host at work, and the checks of their servers: what is due is begun, what a check finds moves its server, and a
//! new configuration takes the place of the old one. How a check talks is `dialogue`'s, when it is due `schedule`'s, what its verdict does
//! `service`'s; connecting, running and the kernel are the role's.
//!
//! Services and servers are known by their places in the model, checks by a number that they keep for as long as they are configured.

use super::dialogue::{Failure, Verdict};
use super::expiry::Expiring;
use super::notice::{Kind, Names, Notice, Why};
use super::schedule::{Found, Plan, Schedule};
use super::service::{Scene, Server, Service};
use super::{Action, CheckId};
use crate::config::model::{Checker, Lvs, Probe, RealServer, VirtualServer};
use crate::time::Instant;
use crate::wire::bfd::State;
use std::rc::Rc;

/// Where a check is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    service: u32,
    server: u32,
    checker: u16,
}

impl At {
    pub(super) fn new(service: usize, server: usize, checker: usize) -> Self {
        At {
            service: u32::try_from(service).unwrap_or(u32::MAX),
            server: u32::try_from(server).unwrap_or(u32::MAX),
            checker: u16::try_from(checker).unwrap_or(u16::MAX),
        }
    }

    /// Place of the service in the model.
    pub fn service(self) -> usize {
        self.service as usize
    }

    /// Place of the server in its service.
    pub fn server(self) -> usize {
        self.server as usize
    }

    /// What is configured there.
    pub fn find(self, lvs: &Lvs) -> Option<(&VirtualServer, &RealServer, &Checker)> {
        let service = lvs.virtual_servers.get(self.service())?;
        let server = service.real_servers.get(self.server())?;
        let checker = server.checkers.get(usize::from(self.checker))?;
        Some((service, server, checker))
    }
}

/// A check at work. There may be many.
#[derive(Debug)]
pub struct Check {
    pub(super) schedule: Schedule,
    pub(super) at: At,
    /// What it adds to the weight of its server.
    pub(super) extra: i64,
    /// Why it failed last, and when.
    trouble: Option<Box<(Instant, Failure)>>,
}

impl Check {
    pub(super) fn new(at: At, up: bool) -> Self {
        Check {
            schedule: Schedule::new(!up),
            at,
            extra: 0,
            trouble: None,
        }
    }

    /// When it is done, and what it says.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Where it is configured.
    pub fn at(&self) -> At {
        self.at
    }

    /// What it adds to the weight of its server.
    pub fn extra(&self) -> i64 {
        self.extra
    }

    /// When and why it failed last.
    pub fn trouble(&self) -> Option<(Instant, &Failure)> {
        self.trouble.as_deref().map(|(when, why)| (*when, why))
    }
}

/// Whether a check is done at times of its own.
pub(super) fn is_timed(probe: &Probe) -> bool {
    matches!(probe, Probe::Connect(..) | Probe::Script(_))
}

/// All of them.
#[derive(Debug, Default)]
pub struct Director {
    pub(super) services: Vec<Service>,
    checks: Vec<Option<Check>>,
    free: Vec<CheckId>,
    pub(super) expiring: Expiring,
}

impl Director {
    /// The services, in the order of the model.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// Certificates that end soon.
    pub fn expiring(&self) -> &Expiring {
        &self.expiring
    }

    /// A check, if it is still configured.
    pub fn check(&self, id: CheckId) -> Option<&Check> {
        self.checks.get(id.index())?.as_ref()
    }

    pub(super) fn check_mut(&mut self, id: CheckId) -> Option<&mut Check> {
        self.checks.get_mut(id.index())?.as_mut()
    }

    pub(super) fn add(&mut self, check: Check) -> CheckId {
        if let Some(id) = self.free.pop() {
            if let Some(slot) = self.checks.get_mut(id.index()) {
                *slot = Some(check);
            }
            return id;
        }
        let id = CheckId::at(self.checks.len());
        self.checks.push(Some(check));
        id
    }

    pub(super) fn remove(&mut self, id: CheckId, actions: &mut Vec<Action>) {
        if let Some(slot) = self
            .checks
            .get_mut(id.index())
            .filter(|slot| slot.is_some())
        {
            *slot = None;
            self.free.push(id);
            self.expiring.forget(id);
            actions.push(Action::Disarm(id));
            actions.push(Action::Abandon(id));
        }
    }

    /// The checks that follow a file, each with its name.
    pub fn file_checks<'m>(&self, lvs: &'m Lvs) -> impl Iterator<Item = (&'m Rc<str>, CheckId)> {
        self.following(lvs, |probe| match probe {
            Probe::File { track_file, .. } => Some(track_file),
            _ => None,
        })
    }

    /// The checks that follow a BFD session, each with its name.
    pub fn session_checks<'m>(&self, lvs: &'m Lvs) -> impl Iterator<Item = (&'m Rc<str>, CheckId)> {
        self.following(lvs, |probe| match probe {
            Probe::Bfd(name) => Some(name),
            _ => None,
        })
    }

    fn following<'m>(
        &self,
        lvs: &'m Lvs,
        what: impl Fn(&'m Probe) -> Option<&'m Rc<str>>,
    ) -> impl Iterator<Item = (&'m Rc<str>, CheckId)> {
        let all = self.checks.iter().enumerate();
        all.filter_map(move |(index, check)| {
            let (_, _, checker) = check.as_ref()?.at.find(lvs)?;
            Some((what(&checker.probe)?, CheckId::at(index)))
        })
    }

    /// The time of a check has come. Which page it looks at; None when it is not to be done now.
    pub fn due(&mut self, id: CheckId, deadline: Instant) -> Option<u16> {
        let check = self.check(id)?;
        let suspended = self.services.get(check.at.service())?.suspended;
        let check = self.check_mut(id)?;
        if suspended || check.schedule.is_busy() {
            return None;
        }
        Some(check.schedule.start(deadline))
    }

    /// A check that was due is not begun after all, for want of room: it will be `due` again.
    pub fn withdraw(&mut self, id: CheckId) {
        if let Some(check) = self.check_mut(id) {
            check.schedule.withdraw();
        }
    }

    /// A check that was due could not be done, which says nothing about the server: it is done the next time.
    pub fn postpone(&mut self, now: Instant, lvs: &Lvs, id: CheckId, actions: &mut Vec<Action>) {
        let Some(check) = self.check_mut(id) else {
            return;
        };
        if let Some((_, _, checker)) = check.at.find(lvs) {
            let next = check.schedule.postpone(now, Plan::from(checker));
            actions.push(Action::Arm(id, next));
        }
    }

    /// A check has ended. `weight`: what it says that the server weighs.
    pub fn ended(
        &mut self,
        now: Instant,
        lvs: &Lvs,
        id: CheckId,
        verdict: Verdict,
        weight: Option<u32>,
        actions: &mut Vec<Action>,
    ) {
        let Some(at) = self.check(id).map(Check::at) else {
            return;
        };
        let Some((config, server, checker)) = at.find(lvs) else {
            return;
        };
        let (Some(service), Some(Some(check))) = (
            self.services.get_mut(at.service()),
            self.checks.get_mut(id.index()),
        ) else {
            return;
        };
        let mut scene = Scene {
            now,
            service: at.service(),
            config,
            actions,
        };
        let was_up = check.schedule.is_up();
        let (found, next) = check
            .schedule
            .ended(now, Plan::from(checker), verdict.is_ok());
        if let Err(why) = &verdict {
            check.trouble = Some(Box::new((now, why.clone())));
        }
        let extra = match (found, weight) {
            (Found::Fails(_), _) if matches!(checker.probe, Probe::Script(_)) => Some(0),
            (_, Some(weight)) => Some(i64::from(weight) - i64::from(server.weight)),
            _ => None,
        };
        if let Some(extra) = extra.filter(|extra| *extra != check.extra) {
            let by = extra - std::mem::replace(&mut check.extra, extra);
            service.weight_changes(&mut scene, at.server(), by);
        }
        let kind = Kind::from(&checker.probe);
        match (found, verdict) {
            (Found::Passes, _) => {
                let names = scene.names(server);
                scene.actions.push(Action::Say(match &checker.probe {
                    Probe::Script(script) => Notice::ScriptPasses(names, script.shown()),
                    Probe::Bfd(session) => Notice::Session(names, session.clone(), true),
                    _ => Notice::Passes(kind, names),
                }));
                if !was_up {
                    let why = Why::passes(&checker.probe);
                    service.check_passes(&mut scene, at.server(), why);
                }
            }
            (Found::Fails(retries), Err(why)) => {
                let names = scene.names(server);
                scene.actions.push(Action::Say(match &checker.probe {
                    Probe::Script(script) => {
                        Notice::ScriptFails(names, script.shown(), retries, why.clone())
                    }
                    Probe::Bfd(session) => Notice::Session(names, session.clone(), false),
                    _ => Notice::Fails(kind, names, retries, why.clone()),
                }));
                let why = Why::fails(&checker.probe, why);
                service.check_fails(&mut scene, at.server(), was_up, why);
            }
            (Found::Borne(count), Err(why))
                if checker.log_all_failures.unwrap_or(lvs.log_all_failures) =>
            {
                let names = scene.names(server);
                let notice = Notice::Borne(kind, names, count, why);
                scene.actions.push(Action::Say(notice));
            }
            (Found::Same | Found::Borne(_) | Found::Fails(_), _) => {}
        }
        if is_timed(&checker.probe) && !service.suspended {
            actions.push(Action::Arm(id, next));
        }
    }

    /// The file that a check follows has this number.
    pub fn file_says(
        &mut self,
        now: Instant,
        lvs: &Lvs,
        id: CheckId,
        value: i32,
        actions: &mut Vec<Action>,
    ) {
        let Some(check) = self.check_mut(id) else {
            return;
        };
        let at = check.at;
        let Some((config, _, checker)) = at.find(lvs) else {
            return;
        };
        let &Probe::File {
            weight, reverse, ..
        } = &checker.probe
        else {
            return;
        };
        let extra = i64::from(value) * i64::from(weight);
        let extra = if reverse { -extra } else { extra };
        let by = extra - std::mem::replace(&mut check.extra, extra);
        if let Some(service) = self.services.get_mut(at.service()) {
            let mut scene = Scene {
                now,
                service: at.service(),
                config,
                actions,
            };
            service.weight_changes(&mut scene, at.server(), by);
        }
        let fails = weight == 0 && (value != 0) != reverse;
        let verdict = match fails {
            true => Err(Failure::Unexpected(format!("the file says {value}"))),
            false => Ok(()),
        };
        self.ended(now, lvs, id, verdict, None, actions);
    }

    /// The session that a check follows is up, or is not.
    pub fn session_says(
        &mut self,
        now: Instant,
        lvs: &Lvs,
        id: CheckId,
        state: State,
        actions: &mut Vec<Action>,
    ) {
        let verdict = match state {
            State::Up => Ok(()),
            state => Err(Failure::Unexpected(format!("the session is {state}"))),
        };
        self.ended(now, lvs, id, verdict, None, actions);
    }

    /// The checks of a service pause, or go on: what they said stands meanwhile. `random` gives any numbers.
    pub fn suspend(
        &mut self,
        now: Instant,
        lvs: &Lvs,
        place: usize,
        suspended: bool,
        random: &mut dyn FnMut() -> u64,
        actions: &mut Vec<Action>,
    ) {
        let (Some(service), Some(config)) =
            (self.services.get_mut(place), lvs.virtual_servers.get(place))
        else {
            return;
        };
        if std::mem::replace(&mut service.suspended, suspended) == suspended {
            return;
        }
        for (server, config_of_server) in service.servers.iter().zip(&config.real_servers) {
            if !server.checks.is_empty() {
                let names = Names::of(config, config_of_server);
                actions.push(Action::Say(match suspended {
                    true => Notice::Suspending(names),
                    false => Notice::Activating(names),
                }));
            }
            for (id, checker) in server.checks.iter().zip(&config_of_server.checkers) {
                let check = self.checks.get_mut(id.index()).and_then(Option::as_mut);
                let Some(check) = check.filter(|_| is_timed(&checker.probe)) else {
                    continue;
                };
                let due = check.schedule.begin(now, Plan::from(checker), random());
                if suspended {
                    actions.push(Action::Disarm(*id));
                    actions.push(Action::Abandon(*id));
                } else {
                    actions.push(Action::Arm(*id, due));
                }
            }
        }
    }

    /// The daemon stops: whoever wants to hear of it is told.
    pub fn stop(&mut self, now: Instant, lvs: &Lvs, actions: &mut Vec<Action>) {
        for (place, (service, config)) in self.services.iter().zip(&lvs.virtual_servers).enumerate()
        {
            service.end(&mut Scene {
                now,
                service: place,
                config,
                actions,
            });
        }
    }

    /// A server, if it is configured.
    pub fn server(&self, at: At) -> Option<&Server> {
        self.services.get(at.service())?.servers.get(at.server())
    }
}
