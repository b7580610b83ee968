//! A configuration takes the place of another: what stays keeps its state, so that a reload neither lets a dead server in nor takes a
//! living one out, runs no program and changes nothing in the kernel that was not changed in the file.
//!
//! A service stays by its address and protocol, a server by address and port, a check by what it does. A check that is new to a server
//! that stays says of it what was known before.

use super::director::{At, Check, Director, is_timed};
use super::kept::{self, Past, server_identity, service_identity};
use super::notice::{Names, Notice, Why};
use super::schedule::{Plan, Schedule};
use super::service::{Scene, Server, Service};
use super::{Action, CheckId};
use crate::config::model::{Checker, Lvs, Probe, RealServer, VirtualServer};
use crate::time::Instant;
use std::collections::HashMap;
use std::hash::Hash;

/// What was there before, to be found by its place or by its key: places hardly ever change.
struct Before<'m, K, C, S> {
    configs: &'m [C],
    states: Vec<Option<S>>,
    key: fn(&'m C) -> K,
    /// Made when a place was not enough.
    by_key: Option<HashMap<K, usize>>,
}

impl<'m, K: Eq + Hash, C, S> Before<'m, K, C, S> {
    fn new(configs: &'m [C], states: Vec<S>, key: fn(&'m C) -> K) -> Self {
        Before {
            configs,
            states: states.into_iter().map(Some).collect(),
            key,
            by_key: None,
        }
    }

    fn take(&mut self, place: usize, key: K) -> Option<(&'m C, S)> {
        let stays = |config| (self.key)(config) == key;
        let found = if self.configs.get(place).is_some_and(stays) {
            place
        } else {
            let (configs, of) = (self.configs, self.key);
            let by_key = self.by_key.get_or_insert_with(|| {
                let keys = configs.iter().enumerate();
                keys.map(|(place, config)| (of(config), place)).collect()
            });
            *by_key.get(&key)?
        };
        let state = self.states.get_mut(found)?.take()?;
        Some((self.configs.get(found)?, state))
    }

    /// Those that nobody took, with their places.
    fn rest(self) -> impl Iterator<Item = (usize, &'m C, S)> {
        let all = self.states.into_iter().zip(self.configs).enumerate();
        all.filter_map(|(place, (state, config))| Some((place, config, state?)))
    }
}

/// The numbers and the rest that every step needs.
struct Step<'a> {
    now: Instant,
    past: &'a Past,
    random: &'a mut dyn FnMut() -> u64,
    actions: &'a mut Vec<Action>,
    /// `rs_init_notifies`.
    init_notifies: bool,
    /// The checks of the service pause.
    suspended: bool,
}

impl Step<'_> {
    /// A check is due then, unless it pauses: it begins when the shell says how the address stands.
    fn arm(&mut self, id: CheckId, due: Instant) {
        if !self.suspended {
            self.actions.push(Action::Arm(id, due));
        }
    }

    fn scene<'s>(&'s mut self, service: usize, config: &'s VirtualServer) -> Scene<'s> {
        Scene {
            now: self.now,
            service,
            config,
            actions: self.actions,
        }
    }
}

impl Director {
    /// Works by the configuration `new` from now on, in the place of `old`, which is empty at start. `random` gives any numbers; `past`
    /// is what is known of those that are new to this process.
    ///
    /// What is told of what is gone comes first; places in actions are those of `new`. New services with `ha_suspend` wait to be told
    /// that their address is here (`suspend`).
    pub fn configure(
        &mut self,
        now: Instant,
        old: &Lvs,
        new: &Lvs,
        past: &Past,
        random: &mut dyn FnMut() -> u64,
        actions: &mut Vec<Action>,
    ) {
        let mut step = Step {
            now,
            past,
            random,
            actions,
            init_notifies: new.init_notifies,
            suspended: false,
        };
        let states = std::mem::take(&mut self.services);
        let mut before = Before::new(&old.virtual_servers, states, kept::key);
        let taken: Vec<_> = new
            .virtual_servers
            .iter()
            .enumerate()
            .map(|(place, config)| before.take(place, kept::key(config)))
            .collect();
        for (place, config, service) in before.rest() {
            service.end(&mut step.scene(place, config));
            for id in service.servers.iter().flat_map(|server| &*server.checks) {
                self.remove(*id, step.actions);
            }
        }
        for (place, (config, taken)) in new.virtual_servers.iter().zip(taken).enumerate() {
            let service = match taken {
                Some((was, service)) => self.keep(&mut step, place, was, config, service),
                None => self.start(&mut step, place, config),
            };
            self.services.push(service);
        }
    }

    fn start(&mut self, step: &mut Step<'_>, place: usize, config: &VirtualServer) -> Service {
        let mut service = Service::new(step.now);
        service.suspended = config.ha_suspend;
        step.suspended = service.suspended;
        let servers = config.real_servers.iter().enumerate();
        service.servers = servers
            .map(|(server, of_server)| self.new_server(step, (place, server), config, of_server))
            .collect();
        let past = step.past;
        let kept = past.of(service_identity(config));
        let had_quorum = kept.is_some_and(|kept| kept.up);
        let mut scene = step.scene(place, config);
        if kept.is_some() && !past.has_stopped {
            service.resume(&mut scene, had_quorum);
            return service;
        }
        service.begin(&mut scene, had_quorum);
        for (server, of_server) in config.real_servers.iter().enumerate() {
            let up = service.servers.get(server).is_some_and(Server::is_up);
            // Nobody was told so at this start.
            if is_alpha(of_server) && up {
                service.rises(&mut scene, server, Why::Restarted);
            }
        }
        service
    }

    fn keep(
        &mut self,
        step: &mut Step<'_>,
        place: usize,
        was: &VirtualServer,
        config: &VirtualServer,
        mut service: Service,
    ) -> Service {
        let states = std::mem::take(&mut service.servers);
        let key = |server: &RealServer| (server.address, server.port);
        let mut before = Before::new(&was.real_servers, states, key);
        step.suspended = service.suspended;
        let mut risen = Vec::new();
        for (server, of_server) in config.real_servers.iter().enumerate() {
            let state = match before.take(server, key(of_server)) {
                Some((of_old, state)) => {
                    let was_up = state.is_up();
                    let at = (place, server);
                    let state = self.keep_server(step, at, config, (of_old, of_server), state);
                    if state.is_up() && !was_up {
                        risen.push(server);
                    }
                    state
                }
                None => self.new_server(step, (place, server), config, of_server),
            };
            service.servers.push(state);
        }
        for (gone, of_gone, state) in before.rest() {
            Service::server_gone(&state, gone, &mut step.scene(place, was));
            step.actions.push(Action::Drain {
                service: place,
                server: of_gone.into(),
                limit: of_gone.drain_timeout(),
            });
            for id in &state.checks {
                self.remove(*id, step.actions);
            }
        }
        let mut scene = step.scene(place, config);
        for server in risen {
            service.rises(&mut scene, server, Why::Unchecked);
        }
        service.reconsider(&mut scene);
        service
    }

    fn new_server(
        &mut self,
        step: &mut Step<'_>,
        (place, server): (usize, usize),
        config: &VirtualServer,
        of_server: &RealServer,
    ) -> Server {
        if !of_server.checkers.is_empty() {
            let names = Names::of(config, of_server);
            step.actions.push(Action::Say(match step.suspended {
                true => Notice::Suspending(names),
                false => Notice::Activating(names),
            }));
        }
        let kept = step.past.of(server_identity(config, of_server));
        let goes_on = kept.is_some() && !step.past.has_stopped;
        let mut extra = kept.map_or(0, |kept| i64::from(kept.extra));
        let (all, mut failing) = (extra, 0);
        let checkers = of_server.checkers.iter().enumerate();
        let checks = checkers
            .map(|(index, checker)| {
                let up = kept.map_or(!checker.alpha, |kept| kept.up);
                failing += u16::from(!up);
                let mut check = Check::new(At::new(place, server, index), up);
                // Who listens to a daemon that has begun hears of a server that is down as at any start.
                if up && kept.is_some() || goes_on {
                    check.schedule = Schedule::resumed(up);
                }
                // The first that may have added it; the others add their own when they know it.
                if matches!(checker.probe, Probe::Script(_) | Probe::File { .. }) {
                    check.extra = std::mem::take(&mut extra);
                }
                self.begin_check(step, check, checker)
            })
            .collect();
        let mut state = Server::new(step.now, checks, failing);
        state.extra = all - extra;
        // Of one that has to be checked first the verdict tells.
        if step.init_notifies && state.is_up() && !is_alpha(of_server) && !goes_on {
            step.scene(place, config).tell_of_server(server, true, None);
        }
        state
    }

    fn begin_check(&mut self, step: &mut Step<'_>, mut check: Check, checker: &Checker) -> CheckId {
        let due = is_timed(&checker.probe).then(|| {
            let random = (step.random)();
            check.schedule.begin(step.now, Plan::from(checker), random)
        });
        let id = self.add(check);
        if let Some(due) = due {
            step.arm(id, due);
        }
        id
    }

    fn keep_server(
        &mut self,
        step: &mut Step<'_>,
        (place, server): (usize, usize),
        config: &VirtualServer,
        (of_old, of_new): (&RealServer, &RealServer),
        mut state: Server,
    ) -> Server {
        let (was_up, before) = (state.is_up(), state.weight(of_old));
        let mut old: Vec<Option<CheckId>> = state.checks.iter().copied().map(Some).collect();
        let mut extra = 0;
        let mut failing = 0;
        let mut checks = Vec::with_capacity(of_new.checkers.len());
        for (index, checker) in of_new.checkers.iter().enumerate() {
            let same = |(_, other): &(usize, &Checker)| other.probe.is_like(&checker.probe);
            let stays = of_old
                .checkers
                .iter()
                .enumerate()
                .filter(same)
                .find_map(|(place, other)| Some((old.get_mut(place)?.take()?, other)));
            let at = At::new(place, server, index);
            let id = match stays {
                Some((id, other)) => {
                    self.keep_check(step, id, at, (other, checker), (of_old, of_new));
                    id
                }
                None => self.begin_check(step, Check::new(at, was_up), checker),
            };
            if let Some(check) = self.check(id) {
                extra += check.extra;
                failing += u16::from(!check.schedule.is_up());
            }
            checks.push(id);
        }
        for id in old.into_iter().flatten() {
            self.remove(id, step.actions);
        }
        state.checks = checks.into();
        (state.failing, state.extra) = (failing, extra);
        let after = state.weight(of_new);
        if before != after {
            let names = step.scene(place, config).names(of_new);
            let notice = Notice::Weight(names, before, after, state.is_up());
            step.actions.push(Action::Say(notice));
        }
        state
    }

    fn keep_check(
        &mut self,
        step: &mut Step<'_>,
        id: CheckId,
        at: At,
        (old, new): (&Checker, &Checker),
        (of_old, of_new): (&RealServer, &RealServer),
    ) {
        let Some(check) = self.check_mut(id) else {
            return;
        };
        check.at = at;
        // A script says what the weight is, not what is added.
        if check.extra != 0 && matches!(new.probe, Probe::Script(_)) {
            check.extra += i64::from(of_old.weight) - i64::from(of_new.weight);
        }
        if old.timing != new.timing
            && let Some(due) = check.schedule.hasten(step.now, Plan::from(new))
        {
            step.arm(id, due);
        }
    }
}

/// Whether a server is down until it was checked.
fn is_alpha(server: &RealServer) -> bool {
    server.checkers.iter().any(|checker| checker.alpha)
}
