//! The VRRP process: descriptors and the time in, the core, what it wants done out. No decision about the protocol is made here.
//!
//! A turn of the loop has an order, and the order matters. Packets are heard before timers are believed, so that a process that slept
//! does not take over from a master whose adverts wait unread; so is what is said of the links they come by. Adverts of every timer that
//! is due leave next; then come orders, programs and whatever else happened, then addresses are asked of the kernel; gratuitous ARPs
//! follow, log lines come last. What comes after the adverts is done a small piece a turn (some hundred microseconds in all), and the
//! next turn begins with the timers that have become due meanwhile: when a thousand instances take over within milliseconds, the work
//! of the first does not delay the adverts of the last.

mod adverts;
mod doubt;
mod filters;
mod frames;
mod gap;
mod linkbeat;
mod links;
mod news;
mod notify;
mod orders;
mod reload;
mod room;
mod runner;
mod scripts;
mod sessions;
mod sockets;
mod statics;
mod succession;
mod sync;
mod sysctls;
mod turn;
mod vmacs;

use super::control::Answer;
use super::programs::{self, Programs};
use super::sessions::Followed;
use super::sync_daemon::SyncDaemons;
use super::{Exit, Role, RoleContext, paths};
use crate::config::model::Model;
use crate::kernel::LinkChange;
use crate::logging;
use crate::os::poll::{Loop, Want};
use crate::os::vrrp_socket::{Batch, Carrier};
use crate::os::{clock, memory};
use crate::role::dumps::Dumps;
use crate::time::Instant;
use crate::track::script::{ScriptId, Scripts};
use crate::vrrp::{Action, Actions, Event, Notice, Router, Severity, TimerKey};
use crate::wheel::Wheel;
use adverts::Adverts;
use doubt::Doubts;
use filters::Filters;
use frames::Frames;
use gap::Gaps;
use linkbeat::Linkbeats;
use links::Kernel;
use log::{debug, error, info, warn};
use sockets::{Place, Sockets};
use statics::Statics;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// Things said, and log lines handed on, in one turn: thousands of instances that change state say thousands of things. Each costs about
/// a microsecond, and each time lines are handed on some ten more.
const LINES_PER_TURN: usize = 64;
/// Notices that may wait to be said; past that they are said at once, and the log's own bound counts what is lost.
const NOTICES_MAX: usize = 16 * 1024;
/// How long a stop waits for the kernel to confirm that the addresses are gone.
const STOP_LIMIT: Duration = Duration::from_millis(500);
/// How much longer for each link: the kernel waits for all processors before it takes one away.
const STOP_PER_LINK: Duration = Duration::from_millis(50);

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The VRRP socket of a link, by carrier and index.
    Vrrp(Carrier, u32),
    Netlink,
    /// nftables.
    Filter,
    Parent,
    Programs(programs::Source),
    /// The process that polls links.
    Linkbeat,
    /// The bell of the BFD process.
    Sessions,
    /// The process that sees to connection synchronisation.
    Sync,
    Signals,
    Log,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Core(TimerKey),
    Kernel,
    Filter,
    Frames,
    /// `vrrp_startup_delay` is over.
    Begin,
    StopLimit,
    /// The next run of a script.
    Script(ScriptId),
    Programs(programs::Timer),
    /// Something static has been missing for a while.
    Statics,
    /// Another process that polls links may be started.
    Linkbeat,
    /// The next configuration has waited for its links.
    Links,
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

/// How far the process has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Reading the state of the kernel.
    Reading,
    /// Waiting as `vrrp_startup_delay` says.
    Delayed,
    Running,
    /// Resigned; waiting for the addresses to be gone.
    Stopping,
}

struct Shell {
    context: RoleContext,
    model: Rc<Model>,
    /// To be taken over when the links are there that it needs.
    next: Option<Rc<Model>>,
    /// Links are wanted that `model` does not have.
    prepared: bool,
    events: Loop<Source>,
    wheel: Wheel<Key>,
    sockets: Sockets,
    adverts: Adverts,
    frames: Frames,
    kernel: Kernel,
    filters: Filters,
    batch: Batch,
    dumps: Dumps,
    programs: Programs,
    scripts: Scripts,
    followed: Followed,
    statics: Statics,
    linkbeats: Linkbeats,
    sync_daemons: SyncDaemons,
    /// The instance that they follow has changed its state.
    sync_due: bool,
    router: Router,
    actions: Actions,
    /// What is still to be said in the log.
    notices: VecDeque<Notice>,
    gaps: Gaps,
    doubts: Doubts,
    /// Links of which is still to be told.
    untold: VecDeque<LinkChange>,
    /// Since when what follows adverts waits for timers.
    crowded_since: Option<Instant>,
    phase: Phase,
    /// Told to stop while `Phase::Reading`.
    stops_once_begun: bool,
    /// How many reloads this process has seen.
    reloads: u32,
    exit: Option<Exit>,
}

/// Runs until told to stop.
pub fn run(context: RoleContext) -> Exit {
    match Shell::new(context) {
        Ok(mut shell) => shell.run(),
        Err(error) => refused(&error),
    }
}

/// Says why the process cannot run.
fn refused(error: &io::Error) -> Exit {
    if error.kind() == io::ErrorKind::PermissionDenied {
        error!(
            "Not allowed to open a VRRP socket ({error}): CAP_NET_RAW and CAP_NET_ADMIN are needed; run as root, or grant both \
             (AmbientCapabilities= in the systemd unit, --cap-add with a container)"
        );
        return Exit::Permission;
    }
    error!("Cannot start the VRRP process: {error}");
    Exit::Fatal
}

impl Shell {
    fn new(context: RoleContext) -> io::Result<Self> {
        let model = context.model.clone();
        let mut shell = Shell {
            events: Loop::new()?,
            wheel: Wheel::new(clock::now()),
            sockets: Sockets::default(),
            adverts: Adverts::default(),
            frames: Frames::open()?,
            filters: Filters::default(),
            kernel: Kernel::open(
                model.global.buffers.netlink,
                paths::saved_settings(&context.options, &model.global),
            )?,
            batch: Batch::default(),
            dumps: Dumps::default(),
            programs: Programs::default(),
            scripts: Scripts::default(),
            followed: Followed::new(Role::Vrrp),
            statics: Statics::default(),
            linkbeats: Linkbeats::default(),
            sync_daemons: SyncDaemons::default(),
            sync_due: false,
            router: Router::new(&model.vrrp, model.global.log_unknown_vrids),
            actions: Actions::new(),
            notices: VecDeque::new(),
            gaps: Gaps::default(),
            doubts: Doubts::default(),
            untold: VecDeque::new(),
            crowded_since: None,
            phase: Phase::Reading,
            stops_once_begun: false,
            reloads: 0,
            exit: None,
            model,
            next: None,
            prepared: false,
            context,
        };
        shell
            .events
            .add(shell.kernel.socket(), Source::Netlink, Want::Read)?;
        shell
            .events
            .add(&shell.context.parent, Source::Parent, Want::Read)?;
        shell
            .events
            .add(&shell.context.signals, Source::Signals, Want::Read)?;
        let bell = shell.context.sessions.bell(Role::Vrrp);
        shell.events.add(bell, Source::Sessions, Want::Read)?;
        shell
            .sockets
            .plan(&shell.model.vrrp, &shell.model.global.buffers);
        shell.fit_sockets(&Place::EVERYWHERE);
        shell.kernel.watch_sources(&shell.model.vrrp);
        shell.want_links();
        shell.kernel.claim_fixed(&shell.model.vrrp);
        shell.statics.watch(&shell.model.vrrp.track_groups);
        shell.poll_links(clock::now());
        shell.kernel.claim_all(
            shell
                .router
                .instances()
                .map(|instance| (instance.id(), instance.config())),
        );
        let known = shell.kernel.reconciler().known();
        shell.filters.begin(&shell.model, known);
        if shell.context.resume {
            for instance in shell.router.instances() {
                let (id, config) = (instance.id(), instance.config());
                shell.filters.presume(id, config, known);
            }
        }
        shell.programs.configure_mail(&shell.model.global);
        // Sooner than anything that makes this process larger: the runner begins as a copy of it.
        shell.prepare_runner();
        shell.synchronise();
        info!("Registering Kernel netlink reflector");
        Ok(shell)
    }

    fn run(&mut self) -> Exit {
        let mut ready = Vec::new();
        self.kernel.send(clock::now());
        self.hand_on_lines();
        loop {
            if let Err(error) = self.events.wait(&self.wheel, &mut ready) {
                error!("Cannot wait for events: {error}");
                return Exit::Internal;
            }
            self.turn(&ready);
            if let Some(exit) = self.exit {
                self.say(usize::MAX);
                logging::finish();
                return exit;
            }
        }
    }

    /// The interfaces are known: begin.
    fn start(&mut self, now: Instant) {
        self.configure_fifos();
        self.follow_sessions(now);
        // A process that replaces a dead one carries on at once: its peers will not wait.
        let delay = if self.context.resume {
            Duration::ZERO
        } else {
            self.startup_delay(now)
        };
        if delay.is_zero() {
            self.begin(now);
        } else {
            info!("Delaying startup for {} seconds", delay.as_secs_f64());
            self.phase = Phase::Delayed;
            self.wheel.arm(Key::Begin, now + delay);
        }
        self.configure_scripts(now);
        self.configure_watched(now, !self.context.resume);
        self.kernel.reconciler.only_links(false);
        self.context.parent.answer(Answer::Started);
    }

    /// How long VRRP has to wait from now on.
    fn startup_delay(&self, now: Instant) -> Duration {
        let global = &self.model.global;
        // The clock counts from the boot of the host.
        let boot = Instant::default();
        let after_boot = (boot + global.vrrp_delay_after_boot).since(now);
        global.vrrp_startup_delay.max(after_boot)
    }

    fn begin(&mut self, now: Instant) {
        self.phase = Phase::Running;
        if self.context.resume {
            self.resume();
        }
        // What the dead process knew is worth nothing once this one has begun.
        self.context.board.truncate(0);
        self.router.handle(now, Event::Start, &mut self.actions);
        self.perform(now);
        self.filters.settle();
        self.synchronise();
        if !self.context.resume {
            memory::give_back();
        }
    }

    /// Does what the core wants done, in order.
    fn perform(&mut self, now: Instant) {
        while !self.actions.is_empty() {
            let mut actions = std::mem::take(&mut self.actions);
            for action in actions.drain(..) {
                self.act(now, action);
            }
            // Failures led to new ones; else the room is used again.
            if self.actions.is_empty() {
                self.actions = actions;
                return;
            }
        }
    }

    fn act(&mut self, now: Instant, action: Action) {
        match action {
            Action::SendAdvert {
                instance,
                interface,
                family,
                packets,
            } => {
                for packet in packets {
                    self.adverts.push(instance, family, interface, packet);
                }
                if self.adverts.is_full() {
                    self.send_adverts(now);
                }
            }
            Action::SendFrame { interface, frame } => self.frames.push(interface, frame),
            Action::Arm(key, deadline) => self.wheel.arm(Key::Core(key), deadline),
            Action::Disarm(key) => {
                self.wheel.disarm(Key::Core(key));
            }
            // Which addresses these are was claimed at start, or at the reload that changed them.
            Action::HoldAddresses(id, true) => {
                if let Some(instance) = self.router.instance(id) {
                    let known = self.kernel.reconciler().known();
                    self.filters.hold(id, instance.config(), known);
                }
                self.kernel.hold(id, true);
                self.may_synchronise(id);
            }
            Action::HoldAddresses(id, false) => {
                self.kernel.hold(id, false);
                self.filters.release(id);
                self.may_synchronise(id);
            }
            Action::Record(id, record) => self.record(id, record),
            Action::Mark(id, mark) => self.mark(id, mark),
            Action::Notify(event, whom) => self.notify(now, &event, &whom),
            Action::Tell(notice) => {
                if self.notices.len() >= NOTICES_MAX {
                    self.say(1);
                }
                self.notices.push_back(notice);
            }
        }
    }

    /// Says something of what was told, and hands on lines of the log as far as they are taken.
    fn hand_on_lines(&mut self) {
        self.say(LINES_PER_TURN);
        let unwritten = logging::pump_some(&mut self.events, Source::Log, LINES_PER_TURN);
        if unwritten || !self.notices.is_empty() {
            self.events.soon();
        }
    }

    /// Puts what was told into words and into the log's queue, so many at most: the wording must not stand before an advert.
    fn say(&mut self, most: usize) {
        for notice in self.notices.drain(..most.min(self.notices.len())) {
            match notice.severity() {
                Severity::Error => error!("{notice}"),
                Severity::Warning => warn!("{notice}"),
                Severity::Info => info!("{notice}"),
                Severity::Detail => debug!("{notice}"),
            }
        }
    }
}
