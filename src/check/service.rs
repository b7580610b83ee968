//! One virtual server at work: which of its servers are up and what they weigh, whether that makes a quorum, and which destinations the
//! kernel is to have for it. What makes a server go up or down is the checks' business (`director`).
//!
//! With a sorry server, the servers that are up get traffic only while there is a quorum; without one they always do. The kernel is told
//! of the one that steps in before the one that steps back, so that there is always a destination.

use super::notice::{self, Names, Notice, Subject, Told, Why};
use super::{Action, CheckId, table};
use crate::config::model::{RealServer, SorryServer, VirtualServer};
use crate::time::Instant;

/// The greatest weight the kernel takes.
const WEIGHT_MAX: i64 = i32::MAX as i64;

/// A destination of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A real server, by its place in the model.
    Server(usize),
    /// The sorry server.
    Sorry,
}

impl Place {
    /// Those of a virtual server.
    pub fn all(config: &VirtualServer) -> impl Iterator<Item = Place> {
        let servers = (0..config.real_servers.len()).map(Place::Server);
        servers.chain(config.sorry_server.is_some().then_some(Place::Sorry))
    }

    /// What is configured there.
    pub fn find(self, config: &VirtualServer) -> Option<table::Server> {
        match self {
            Place::Server(place) => config.real_servers.get(place).map(table::Server::from),
            Place::Sorry => config.sorry_server.as_ref().map(table::Server::from),
        }
    }
}

/// A real server at work. There may be many.
#[derive(Debug)]
pub struct Server {
    /// Its checks, in the order of the model.
    pub(super) checks: Box<[CheckId]>,
    /// How many of them say that it is down.
    pub(super) failing: u16,
    /// The world knows that it is down, or was never told that it is up.
    told_down: bool,
    /// What checks add to its weight.
    pub(super) extra: i64,
    /// When it last went up or down.
    pub(super) since: Instant,
}

impl Server {
    /// One whose checks have not been done.
    pub(super) fn new(now: Instant, checks: Box<[CheckId]>, failing: u16) -> Self {
        Server {
            checks,
            failing,
            told_down: false,
            extra: 0,
            since: now,
        }
    }

    /// Whether all its checks say so.
    pub fn is_up(&self) -> bool {
        self.failing == 0
    }

    /// How many of its checks say that it is down.
    pub fn failing(&self) -> u16 {
        self.failing
    }

    /// Since when it is up or down.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// What it weighs, as configured and as checks say.
    pub fn weight(&self, config: &RealServer) -> u32 {
        let weight = i64::from(config.weight).saturating_add(self.extra);
        u32::try_from(weight.clamp(0, WEIGHT_MAX)).unwrap_or(0)
    }

    /// Its checks.
    pub fn checks(&self) -> &[CheckId] {
        &self.checks
    }
}

/// A virtual server at work.
#[derive(Debug)]
pub struct Service {
    pub(super) servers: Vec<Server>,
    /// The weight of the servers that are up.
    live_weight: u64,
    has_quorum: bool,
    since: Instant,
    /// Its checks pause.
    pub(super) suspended: bool,
}

/// What a service is told with: its place in the model, its configuration, and where to put what follows.
pub(super) struct Scene<'a> {
    pub now: Instant,
    pub service: usize,
    pub config: &'a VirtualServer,
    pub actions: &'a mut Vec<Action>,
}

impl Scene<'_> {
    fn say(&mut self, notice: Notice) {
        self.actions.push(Action::Say(notice));
    }

    pub fn names(&self, server: &RealServer) -> Names {
        Names::of(self.config, server)
    }

    fn sorry_names(&self, sorry: &SorryServer) -> Names {
        Names {
            server: notice::sorry_name(self.config, sorry),
            service: notice::service_name(self.config),
        }
    }

    /// `why`: nobody is mailed where there is none.
    pub fn tell_of_server(&mut self, place: usize, up: bool, why: impl Into<Option<Why>>) {
        let Some(server) = self.config.real_servers.get(place) else {
            return;
        };
        let extra = server.extra.as_deref();
        let command = extra.and_then(|extra| match up {
            true => extra.notify_up.clone(),
            false => extra.notify_down.clone(),
        });
        self.actions.push(Action::Tell(Box::new(Told {
            subject: Subject::Server(self.names(server)),
            up,
            why: why.into(),
            command,
            alert: server.smtp_alert,
        })));
    }

    fn tell_of_service(&mut self, up: bool, why: Why) {
        let command = match up {
            true => self.config.quorum_up.clone(),
            false => self.config.quorum_down.clone(),
        };
        self.actions.push(Action::Tell(Box::new(Told {
            subject: Subject::Service(notice::service_name(self.config)),
            up,
            why: Some(why),
            command,
            alert: self.config.smtp_alert,
        })));
    }
}

impl Service {
    /// One that has not begun.
    pub(super) fn new(now: Instant) -> Self {
        Service {
            servers: Vec::new(),
            live_weight: 0,
            has_quorum: false,
            since: now,
            suspended: false,
        }
    }

    /// Its servers, in the order of the model.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Whether enough of them are up.
    pub fn has_quorum(&self) -> bool {
        self.has_quorum
    }

    /// Since when it has a quorum or none.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Whether its checks pause.
    pub fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// The weight of those that are up.
    pub fn live_weight(&self) -> u64 {
        self.live_weight
    }

    /// The weight that a destination is to have as this one; None: as this one it is not to be there (`claims`).
    pub fn wanted(&self, config: &VirtualServer, place: Place) -> Option<u32> {
        let sorry = config.sorry_server.as_ref();
        match place {
            Place::Sorry => self.sorry_weight(sorry?),
            Place::Server(place) => {
                let (server, config) = (self.servers.get(place)?, config.real_servers.get(place)?);
                if server.is_up() && (self.has_quorum || sorry.is_none()) {
                    return Some(server.weight(config));
                }
                config.inhibit_on_failure.then_some(0)
            }
        }
    }

    fn sorry_weight(&self, sorry: &SorryServer) -> Option<u32> {
        match self.has_quorum {
            false => Some(1),
            true => sorry.inhibit_on_failure.then_some(0),
        }
    }

    /// A process that replaces this one has to know.
    fn keep(&self, scene: &mut Scene<'_>, server: Option<usize>) {
        scene.actions.push(Action::Keep {
            service: scene.service,
            server,
        });
    }

    fn put(&self, scene: &mut Scene<'_>, place: Place) {
        let weight = self.wanted(scene.config, place);
        scene.actions.push(Action::Destination {
            service: scene.service,
            place,
            weight,
        });
    }

    fn put_live(&self, scene: &mut Scene<'_>) {
        for (place, server) in self.servers.iter().enumerate() {
            if server.is_up() {
                self.put(scene, Place::Server(place));
            }
        }
    }

    /// It begins to work: its servers are known, and whether there was a quorum before.
    pub(super) fn begin(&mut self, scene: &mut Scene<'_>, had_quorum: bool) {
        self.weigh(scene.config);
        let (quorum, hysteresis) = (scene.config.quorum, scene.config.hysteresis);
        let (weight, name) = (self.live_weight, notice::service_name(scene.config));
        self.has_quorum = had_quorum;
        self.has_quorum = self.is_enough(scene.config);
        if self.has_quorum {
            scene.say(Notice::Gained(name, quorum, hysteresis, weight));
            scene.tell_of_service(true, Why::Gained(quorum, hysteresis, weight));
        } else if let Some(sorry) = &scene.config.sorry_server {
            scene.say(Notice::StartsWithout(name, quorum, hysteresis, weight));
            let names = scene.sorry_names(sorry);
            scene.say(Notice::AddingSorry(names, sorry.inhibit_on_failure));
            scene.tell_of_service(false, Why::StartsWithout(quorum, hysteresis, weight));
        }
        scene.actions.push(Action::Service(scene.service));
    }

    /// It goes on where another process was. What changed meanwhile is acted on.
    pub(super) fn resume(&mut self, scene: &mut Scene<'_>, had_quorum: bool) {
        self.has_quorum = had_quorum;
        self.reconsider(scene);
    }

    /// Its servers, their states or the configuration changed otherwise than one by one: its quorum is judged anew.
    pub(super) fn reconsider(&mut self, scene: &mut Scene<'_>) {
        self.weigh(scene.config);
        self.judge(scene);
        scene.actions.push(Action::Service(scene.service));
    }

    fn weigh(&mut self, config: &VirtualServer) {
        let both = self.servers.iter().zip(&config.real_servers);
        self.live_weight = both
            .filter(|(server, _)| server.is_up())
            .map(|(server, config)| u64::from(server.weight(config)))
            .sum();
    }

    /// One of a server's checks fails from now on. `first`: there was no verdict before, which counts as news even where the server had
    /// to be down until checked.
    pub(super) fn check_fails(
        &mut self,
        scene: &mut Scene<'_>,
        place: usize,
        was_up: bool,
        why: Why,
    ) {
        let (Some(server), Some(config)) = (
            self.servers.get_mut(place),
            scene.config.real_servers.get(place),
        ) else {
            return;
        };
        let went_down = was_up && server.is_up();
        server.failing = server.failing.saturating_add(u16::from(was_up));
        let news = went_down || !server.told_down;
        server.told_down = true;
        if went_down {
            server.since = scene.now;
            self.live_weight = self
                .live_weight
                .saturating_sub(u64::from(server.weight(config)));
            let inhibited = config.inhibit_on_failure;
            scene.say(Notice::Removing(scene.names(config), inhibited));
            self.put(scene, Place::Server(place));
            self.keep(scene, Some(place));
        }
        if news {
            scene.tell_of_server(place, false, why);
        }
        if went_down {
            self.judge(scene);
        }
    }

    /// One of a server's checks that failed passes.
    pub(super) fn check_passes(&mut self, scene: &mut Scene<'_>, place: usize, why: Why) {
        let (Some(server), Some(config)) = (
            self.servers.get_mut(place),
            scene.config.real_servers.get(place),
        ) else {
            return;
        };
        server.failing = server.failing.saturating_sub(1);
        if server.is_up() {
            let weight = server.weight(config);
            self.live_weight = self.live_weight.saturating_add(weight.into());
            self.rises(scene, place, why);
            self.judge(scene);
        }
    }

    /// A server is up again.
    pub(super) fn rises(&mut self, scene: &mut Scene<'_>, place: usize, why: Why) {
        let (Some(server), Some(config)) = (
            self.servers.get_mut(place),
            scene.config.real_servers.get(place),
        ) else {
            return;
        };
        server.since = scene.now;
        server.told_down = false;
        let inhibited = config.inhibit_on_failure;
        scene.say(Notice::Adding(scene.names(config), inhibited));
        self.put(scene, Place::Server(place));
        self.keep(scene, Some(place));
        scene.tell_of_server(place, true, why);
    }

    /// A check adds something else to a server's weight than before.
    pub(super) fn weight_changes(&mut self, scene: &mut Scene<'_>, place: usize, by: i64) {
        let (Some(server), Some(config)) = (
            self.servers.get_mut(place),
            scene.config.real_servers.get(place),
        ) else {
            return;
        };
        let before = server.weight(config);
        server.extra = server.extra.saturating_add(by);
        let (after, up) = (server.weight(config), server.is_up());
        if before == after {
            return;
        }
        scene.say(Notice::Weight(scene.names(config), before, after, up));
        self.keep(scene, Some(place));
        if up {
            self.live_weight = self
                .live_weight
                .saturating_sub(before.into())
                .saturating_add(after.into());
            self.put(scene, Place::Server(place));
            self.judge(scene);
        }
    }

    /// Whether what is up makes a quorum; how much that takes depends on whether there is one.
    fn is_enough(&self, config: &VirtualServer) -> bool {
        let (quorum, hysteresis) = (config.quorum, config.hysteresis);
        let needed = match self.has_quorum {
            true => u64::from(quorum.saturating_sub(hysteresis)),
            false => u64::from(quorum) + u64::from(hysteresis),
        };
        self.live_weight >= needed
    }

    /// Whether what is up makes a quorum: a change of that is acted on.
    fn judge(&mut self, scene: &mut Scene<'_>) {
        let (quorum, hysteresis) = (scene.config.quorum, scene.config.hysteresis);
        let weight = self.live_weight;
        let enough = self.is_enough(scene.config);
        if enough == self.has_quorum {
            return;
        }
        self.has_quorum = enough;
        self.since = scene.now;
        self.keep(scene, None);
        let name = notice::service_name(scene.config);
        let sorry = scene.config.sorry_server.as_ref();
        let sorry = sorry.map(|sorry| (scene.sorry_names(sorry), sorry.inhibit_on_failure));
        let why = if enough {
            scene.say(Notice::Gained(name.clone(), quorum, hysteresis, weight));
            if let Some((sorry, inhibited)) = sorry {
                scene.say(Notice::AddingAlive(name));
                self.put_live(scene);
                scene.say(Notice::RemovingSorry(sorry, inhibited));
                self.put(scene, Place::Sorry);
            }
            Why::Gained(quorum, hysteresis, weight)
        } else {
            scene.say(Notice::Lost(name.clone(), quorum, hysteresis, weight));
            if let Some((sorry, inhibited)) = sorry {
                scene.say(Notice::AddingSorry(sorry, inhibited));
                self.put(scene, Place::Sorry);
                scene.say(Notice::RemovingAlive(name));
                self.put_live(scene);
            }
            Why::Lost(quorum, hysteresis, weight)
        };
        scene.tell_of_service(enough, why);
    }

    /// It is no more, as the daemon stops or the configuration has it no longer: with `omega`, who was told that something is up is told
    /// that it is down.
    pub(super) fn end(&self, scene: &mut Scene<'_>) {
        if !scene.config.omega {
            return;
        }
        for (place, server) in self.servers.iter().enumerate() {
            if server.is_up() {
                scene.tell_of_server(place, false, Why::ShuttingDown);
            }
        }
        if self.has_quorum {
            scene.tell_of_service(false, Why::ShuttingDown);
        }
    }

    /// A server is configured no more; the scene is that of the configuration that had it.
    pub(super) fn server_gone(server: &Server, place: usize, scene: &mut Scene<'_>) {
        let Some(config) = scene.config.real_servers.get(place) else {
            return;
        };
        let names = scene.names(config);
        scene.say(Notice::Gone(names.clone()));
        if !server.is_up() {
            return;
        }
        scene.say(Notice::Removing(names, false));
        if scene.config.omega {
            scene.tell_of_server(place, false, Why::Removing);
        }
    }
}
