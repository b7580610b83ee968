//! The checker process: sockets, programs and the time in, the checkers' cores, what the kernel and the world are to know out. No
//! decision about a server is made here.
//!
//! A turn has an order: what has happened is heard, and reaches the kernel in the same turn; then checks that are due begin, a few at a
//! time, so that the verdict of one is not delayed by the beginning of a thousand others.

mod addresses;
mod connect;
mod ipvs;
mod marks;
mod orders;
mod ping;
mod runs;
mod sessions;
mod statistics;
mod turn;
mod waiting;

use super::control::Answer;
use super::dumps::Dumps;
use super::programs::{self, Part, Programs};
use super::sessions::Followed;
use super::sync_daemon::SyncDaemons;
use super::{Exit, Role, RoleContext};
use crate::check::director::Director;
use crate::check::kept::Past;
use crate::check::service::Place;
use crate::check::{Action, CheckId};
use crate::config::model::{Lvs, Model};
use crate::kernel::ipvs::SyncRole;
use crate::logging;
use crate::os::poll::{Loop, Want};
use crate::os::{clock, descriptors, memory, random};
use crate::time::Instant;
use crate::wheel::Wheel;
use addresses::Watch;
use connect::Connections;
use ipvs::Ipvs;
use log::{debug, error, info, warn};
use marks::Marks;
use runs::Runs;
use rustc_hash::FxHashMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// How long a stop waits for the kernel: a table of hundreds of thousands goes in less.
const KERNEL_LIMIT: Duration = Duration::from_secs(4);
/// Descriptors that are not for connections: the log, the parent, the kernel, FIFOs, the runner.
const DESCRIPTORS_KEPT: u64 = 64;
/// Actions that there is always room for.
const ACTIONS_KEPT: usize = 256;
/// More connections than that at once are of no use to anybody.
const CONNECTIONS_MAX: usize = 32 * 1024;

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// A connection of a check.
    Check(u32),
    /// The kernel's load balancer.
    Ipvs,
    /// What marks packets for it.
    Marks,
    /// The addresses of this host.
    Addresses,
    /// The bell of the BFD process.
    Sessions,
    Parent,
    /// The process that sees to connection synchronisation.
    Sync,
    Programs(programs::Source),
    Signals,
    Log,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// A check is due.
    Check(CheckId),
    /// The time of a connection is over.
    Limit(u32),
    /// The kernel is to be asked for something.
    Ipvs,
    /// The same of what marks packets.
    Marks,
    /// The kernel is to be asked which addresses there are.
    Addresses,
    Programs(programs::Timer),
    /// Checks that found no room are tried again.
    Room,
    /// The data file is written, whatever is known.
    Data,
    StopLimit,
    KernelLimit,
}

impl From<programs::Source> for Source {
    fn from(source: programs::Source) -> Self {
        Source::Programs(source)
    }
}

impl From<programs::Timer> for Key {
    fn from(timer: programs::Timer) -> Self {
        Key::Programs(timer)
    }
}

struct Shell {
    context: RoleContext,
    model: Rc<Model>,
    events: Loop<Source>,
    wheel: Wheel<Key>,
    director: Director,
    connections: Connections,
    runs: Runs,
    ipvs: Ipvs,
    marks: Marks,
    watch: Watch,
    sync_daemons: SyncDaemons,
    programs: Programs,
    /// The checks that follow each file.
    file_checks: FxHashMap<Rc<str>, Vec<CheckId>>,
    /// The BFD sessions that checks follow, and the checks that follow each.
    followed: Followed,
    session_checks: FxHashMap<Rc<str>, Vec<CheckId>>,
    dumps: Dumps,
    /// The data file is to be written when the kernel has told what is asked of it.
    data_wanted: bool,
    actions: Vec<Action>,
    /// Something is wanted of the kernel that it has not been asked for.
    unasked: bool,
    /// Where in the ledger each service begins; its servers follow.
    places: Vec<usize>,
    /// There is no work any more, but what drains is seen to.
    leaving: bool,
    stopping: bool,
    exit: Option<Exit>,
}

/// Runs until told to stop.
pub fn run(context: RoleContext) -> Exit {
    match Shell::new(context) {
        Ok(mut shell) => shell.run(),
        Err(error) => {
            error!("The checker process cannot go on: {error}");
            Exit::Internal
        }
    }
}

impl Shell {
    fn new(context: RoleContext) -> io::Result<Self> {
        let model = context.model.clone();
        let mut shell = Shell {
            events: Loop::new()?,
            wheel: Wheel::new(clock::now()),
            director: Director::default(),
            connections: Connections::new(connections_max()),
            runs: Runs::default(),
            ipvs: Ipvs::open(&model.global.ipvs, context.ledger.clone(), context.first)?,
            marks: Marks::default(),
            watch: Watch::default(),
            sync_daemons: SyncDaemons::default(),
            programs: Programs::default(),
            file_checks: FxHashMap::default(),
            followed: Followed::new(Role::Checker),
            session_checks: FxHashMap::default(),
            dumps: Dumps::default(),
            data_wanted: false,
            actions: Vec::new(),
            unasked: false,
            places: Vec::new(),
            leaving: false,
            stopping: false,
            exit: None,
            model,
            context,
        };
        shell
            .events
            .add(&shell.context.parent, Source::Parent, Want::Read)?;
        shell
            .events
            .add(&shell.context.signals, Source::Signals, Want::Read)?;
        shell
            .events
            .add(shell.ipvs.socket(), Source::Ipvs, Want::Read)?;
        let bell = shell.context.sessions.bell(Role::Checker);
        shell.events.add(bell, Source::Sessions, Want::Read)?;
        shell.programs.configure_mail(&shell.model.global);
        // Sooner than anything that makes this process larger: the runner begins as a copy of it.
        shell.prepare_runner();
        shell.synchronise();
        shell.configure_fifos();
        shell.prepare_checks(&Lvs::default());
        Ok(shell)
    }

    fn run(&mut self) -> Exit {
        let now = clock::now();
        let model = self.model.clone();
        let nothing = Lvs::default();
        let (resume, first) = (self.context.resume, self.context.first);
        // The first process finds what the daemon before has left.
        let kept = (resume || first).then(|| self.context.ledger.read());
        let past = Past {
            kept: kept.unwrap_or_default(),
            has_stopped: !resume,
        };
        self.ipvs.configure(now, &Model::default(), &model);
        self.marks.begin(&model);
        self.ipvs.inherit_services();
        self.director.configure(
            now,
            &nothing,
            &model.lvs,
            &past,
            &mut random::number,
            &mut self.actions,
        );
        self.perform(now);
        self.configure_addresses(now);
        self.write_ledger();
        self.configure_files(now, !self.context.resume);
        self.configure_sessions(now);
        memory::give_back();
        self.ask_kernel(now);
        self.context.parent.answer(Answer::Started);
        let mut ready = Vec::new();
        loop {
            logging::pump(&mut self.events, Source::Log);
            if let Err(error) = self.events.wait(&self.wheel, &mut ready) {
                error!("Cannot wait for events: {error}");
                return Exit::Internal;
            }
            self.turn(&ready);
            if let Some(exit) = self.exit {
                logging::finish();
                return exit;
            }
        }
    }

    /// Does what the cores want done, in order.
    fn perform(&mut self, now: Instant) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            self.act(now, action);
        }
        // Nothing that is done here leads to more. The room is used again, but not that which a whole configuration took.
        actions.shrink_to(ACTIONS_KEPT);
        self.actions = actions;
    }

    fn act(&mut self, now: Instant, action: Action) {
        match action {
            Action::Destination {
                service,
                place,
                weight,
            } => {
                let configs = &self.model.lvs.virtual_servers;
                if let Some(behind) = configs.get(service).and_then(|it| place.find(it)) {
                    self.ipvs.put((service, place), behind, weight);
                    self.unasked = true;
                }
            }
            Action::Service(place) => {
                let configs = &self.model.lvs.virtual_servers;
                let services = self.director.services();
                if let (Some(config), Some(service)) = (configs.get(place), services.get(place)) {
                    let wanted = Place::all(config)
                        .filter_map(|at| Some((at, at.find(config)?, service.wanted(config, at)?)));
                    self.ipvs.put_all(place, wanted);
                    self.unasked = true;
                }
            }
            Action::Drain {
                service,
                server,
                limit,
            } => self.ipvs.drain(now, service, &server, limit),
            Action::Arm(check, at) => self.wheel.arm(Key::Check(check), at),
            Action::Disarm(check) => drop(self.wheel.disarm(Key::Check(check))),
            Action::Abandon(check) => {
                self.connections
                    .abandon(check, &mut self.events, &mut self.wheel);
                self.runs.abandon(check, &mut self.programs);
            }
            Action::Keep { service, server } => self.keep(service, server),
            Action::Tell(told) => {
                self.programs.write(|| told.line());
                if let Some(mail) = told.mail(self.model.global.mail.alerts) {
                    self.programs.mail(mail);
                }
                let program = told.program(self.model.global.notify_timeout);
                self.programs.notify(now, program, &mut self.wheel);
            }
            Action::Say(notice) if notice.is_detail() => debug!("{notice}"),
            Action::Say(notice) if notice.is_warning() => warn!("{notice}"),
            Action::Say(notice) => info!("{notice}"),
        }
    }

    /// Makes ready for the checks of a configuration that comes after `old`.
    fn prepare_checks(&mut self, old: &Lvs) {
        let tls = &self.model.lvs.tls;
        self.connections.configure((*tls != old.tls).then_some(tls));
        ping::prepare(&self.model.lvs);
    }

    /// Connections are told and heard all the time, unless that follows a VRRP instance.
    fn synchronise(&mut self) {
        let ipvs = &self.model.global.ipvs;
        let settings = ipvs
            .sync
            .as_ref()
            .filter(|it| it.instance.is_none() && !self.stopping);
        self.sync_daemons.want(
            settings,
            &[SyncRole::Master, SyncRole::Backup],
            &ipvs.namespace,
            (&mut self.events, Source::Sync),
        );
    }

    /// Leaves what is known to whoever replaces this process.
    fn keep(&self, service: usize, server: Option<usize>) {
        let kept = self.director.kept(&self.model.lvs, service, server);
        if let (Some((identity, kept)), Some(start)) = (kept, self.places.get(service)) {
            let place = start + server.map_or(0, |server| server + 1);
            self.context.ledger.write(place, identity, kept);
        }
    }

    /// The same of everything: places may have changed.
    fn write_ledger(&mut self) {
        let mut next = 0;
        self.places.clear();
        for config in &self.model.lvs.virtual_servers {
            self.places.push(next);
            next += config.real_servers.len() + 1;
        }
        for (service, config) in self.model.lvs.virtual_servers.iter().enumerate() {
            let servers = (0..config.real_servers.len()).map(Some);
            for server in [None].into_iter().chain(servers) {
                self.keep(service, server);
            }
        }
        self.context.ledger.truncate(next);
    }

    fn configure_fifos(&mut self) {
        let vrrp = self.context.options.vrrp;
        let leads = match self.context.resume {
            true => Part::Inherits,
            false => Part::Leads,
        };
        // Where both processes write to one, that of VRRP sees to it.
        self.programs.configure_fifos(
            &self.model.lvs.fifos,
            |fifo| match fifo.shared && vrrp {
                true => Part::Follows,
                false => leads,
            },
            &mut self.events,
        );
    }
}

/// How many connections there may be at once.
fn connections_max() -> usize {
    let most = descriptors::raise().unwrap_or_else(|error| {
        warn!("Cannot raise the limit of open files: {error}");
        DESCRIPTORS_KEPT * 2
    });
    let most = usize::try_from(most.saturating_sub(DESCRIPTORS_KEPT)).unwrap_or(usize::MAX);
    most.clamp(1, CONNECTIONS_MAX)
}
