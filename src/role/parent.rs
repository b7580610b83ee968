//! The parent process, running: it forks the roles, watches them, replaces those that die, and carries signals and reloads to them.
//! What it does with its children is in children.rs, how it comes up in start.rs, what a reload does in reload.rs.

use super::board::Board;
use super::children::Post;
use super::control::Order;
use super::handover::Handover;
use super::ledger::Ledger;
use super::lifecycle::Lifecycle;
use super::reload_time::Appointment;
use super::sessions::SessionBoard;
use super::systemd::{self, Progress};
use super::watch::BackOff;
use super::{Exit, Role, paths};
use crate::cli::signum::Function;
use crate::cli::{Options, VERSION};
use crate::config::model::Model;
use crate::logging;
use crate::os::clock;
use crate::os::memory;
use crate::os::pid_file::PidFile;
use crate::os::poll::{Loop, Ready, Want};
use crate::os::process;
use crate::os::signals::Signals;
use crate::wheel::Wheel;
use log::{error, info, warn};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Signals,
    Child(Role),
    /// The silence of a child.
    Silence(Role),
    Log,
    /// Something happened to the reload_time_file.
    ReloadTime,
    /// The time it named has come.
    ReloadDue,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A dead child is due to be replaced.
    Replace(Role),
    /// A child that was asked has had its time to answer.
    Unanswered(Role),
    /// A child may have room for an order.
    Owed,
    /// The children had their time to stop.
    StopLimit,
    /// A script of the daemon's own had its time.
    OwnScript,
}

/// What the daemon is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The children have not all begun; a SIGHUP has arrived since.
    Starting {
        again: bool,
    },
    Running,
    /// The children are told of a new configuration; another SIGHUP has arrived since.
    Reloading {
        again: bool,
    },
    /// The children are told so by this order.
    Stopping {
        status: i32,
        order: Order,
    },
}

/// The parent.
pub(super) struct Parent {
    pub(super) options: Rc<Options>,
    /// Where the daemon was started: relative names in the configuration count from there.
    pub(super) directory: PathBuf,
    pub(super) model: Rc<Model>,
    pub(super) board: Rc<Board>,
    pub(super) ledger: Rc<Ledger>,
    pub(super) sessions: Rc<SessionBoard>,
    pub(super) pid_file: Option<PidFile>,
    pub(super) signals: Signals,
    pub(super) events: Loop<Source>,
    pub(super) wheel: Wheel<Key>,
    pub(super) posts: [Post; Role::ALL.len()],
    pub(super) phase: Phase,
    pub(super) appointment: Appointment,
    pub(super) lifecycle: Lifecycle,
    /// How many reloads there were.
    pub(super) reloads: u32,
}

impl Parent {
    /// A parent without children yet.
    pub fn new(
        options: Rc<Options>,
        directory: PathBuf,
        model: Rc<Model>,
        pid_file: Option<PidFile>,
    ) -> io::Result<Self> {
        let signals = Signals::new(&signals(&options))?;
        let mut events = Loop::new()?;
        events.add(&signals, Source::Signals, Want::Read)?;
        let mut appointment = Appointment::new(&mut events)?;
        appointment.follow(&mut events, &model.global.files);
        let ledger = Rc::new(Ledger::new()?);
        if options.checker {
            let file = paths::left_services(&options, &model.global);
            ledger.load(&file, &model.global.ipvs.namespace);
        }
        let post = |role: Role| -> io::Result<Post> {
            let wanted = role.wanted(&options, &model);
            // What another daemon has left is seen to also where nothing like that is configured any more.
            let left = role == Role::Checker && ledger.has_services();
            let vacant = wanted || left;
            Ok(Post {
                role,
                handover: Rc::new(Handover::new()?),
                wanted,
                child: None,
                vacant,
                first: vacant,
                resume: false,
                back_off: BackOff::default(),
                awaited: wanted,
                before: None,
            })
        };
        let [vrrp, checker, bfd] = Role::ALL.map(post);
        let posts = [vrrp?, checker?, bfd?];
        Ok(Parent {
            options,
            directory,
            model,
            board: Rc::new(Board::new()?),
            ledger,
            sessions: Rc::new(SessionBoard::new()?),
            pid_file,
            signals,
            events,
            wheel: Wheel::new(clock::now()),
            posts,
            phase: Phase::Starting { again: false },
            appointment,
            lifecycle: Lifecycle::default(),
            reloads: 0,
        })
    }

    /// Runs until the daemon is told to stop, or a child until it is: both return the exit status of their process.
    pub fn run(mut self) -> i32 {
        let mut ready = Vec::new();
        self.save_configuration();
        loop {
            if !self.is_opening()
                && let Some(role) = self.vacancy()
            {
                match self.fill(role) {
                    None => continue,
                    Some((line, held)) => return self.into_child(role, line, held),
                }
            }
            self.settle();
            if let Some(status) = self.finished() {
                self.leave_services();
                info!("Stopped Keepalived v{VERSION}");
                // The pid file first: whoever waits for it may start the next daemon at once.
                drop(self.pid_file.take());
                if let Some(directory) = paths::own_directory(&self.model.global) {
                    // Another daemon may still have files there.
                    let _ = fs::remove_dir(directory);
                }
                logging::finish();
                return status;
            }
            logging::pump(&mut self.events, Source::Log);
            self.pay();
            if let Err(error) = self.events.wait(&self.wheel, &mut ready) {
                error!("Cannot wait for events: {error}");
                self.stop(Exit::Internal as i32);
            }
            self.turn(&ready);
        }
    }

    fn turn(&mut self, ready: &[Ready<Source>]) {
        for event in ready {
            match event.token {
                Source::Signals => self.take_signals(),
                Source::Child(role) => self.hear(role),
                Source::Silence(role) => self.silence(role),
                Source::Log => logging::writable(&mut self.events),
                Source::ReloadTime => self.appointment.look(),
                Source::ReloadDue => {
                    self.appointment.kept();
                    self.reload_wanted();
                }
            }
        }
        let now = clock::now();
        while let Some((key, _)) = self.wheel.pop_expired(now) {
            match key {
                Key::Replace(role) => self.post(role).vacant = true,
                Key::Unanswered(role) => self.silent(role, now),
                // Seen to in every turn.
                Key::Owed => {}
                Key::StopLimit => self.kill_all(),
                Key::OwnScript => self.own_script_is_late(),
            }
        }
    }

    pub(super) fn post(&mut self, role: Role) -> &mut Post {
        // `Role::ALL` is in the order of the variants.
        &mut self.posts[role as usize]
    }

    // ---- signals ----

    fn take_signals(&mut self) {
        let arrived: Vec<i32> = self.signals.pending().collect();
        for signal in arrived {
            if signal == libc::SIGCHLD {
                self.reap();
                continue;
            }
            if signal == libc::SIGINT {
                self.stop(Exit::Clean as i32);
                continue;
            }
            let function = Function::all()
                .into_iter()
                .find(|&(_, _, number)| number == signal);
            match function.map(|(function, _, _)| function) {
                Some(Function::Stop) => self.stop(Exit::Clean as i32),
                Some(Function::Restart) => self.stop_by(Order::Restart, Exit::Clean as i32),
                Some(Function::Reload) => self.reload_wanted(),
                Some(Function::Data) => {
                    self.tell_all(Order::Data);
                    self.write_data();
                }
                Some(Function::Stats) => self.tell_all(Order::Stats),
                Some(Function::StatsClear) => self.tell_all(Order::StatsClear),
                Some(Function::Json) => self.tell_all(Order::Json),
                Some(Function::ThreadDump) => {
                    info!(
                        "{} timers are armed, the loop woke up {} times",
                        self.wheel.len(),
                        self.events.wakeups()
                    );
                }
                None => {}
            }
        }
    }

    fn reload_wanted(&mut self) {
        match &mut self.phase {
            Phase::Starting { again } | Phase::Reloading { again } => *again = true,
            Phase::Stopping { .. } => {}
            Phase::Running => self.begin_reload(),
        }
    }

    fn begin_reload(&mut self) {
        self.phase = Phase::Reloading { again: false };
        systemd::notify(Progress::Reloading);
        logging::reopen();
        let reloaded = self.reload();
        self.appointment
            .follow(&mut self.events, &self.model.global.files);
        if !reloaded {
            self.phase = Phase::Running;
            systemd::notify(Progress::Ready);
        }
    }

    /// Says so when everybody has acted on the configuration, and begins the reload that was asked for meanwhile.
    fn settle(&mut self) {
        let again = matches!(
            self.phase,
            Phase::Starting { again: true } | Phase::Reloading { again: true }
        );
        // A child that keeps dying is forked with whatever is read now, which may be what cures it.
        let mut awaited = self.posts.iter().filter(|post| post.awaited).peekable();
        if again && awaited.peek().is_some() && awaited.all(Post::is_down) {
            return self.begin_reload();
        }
        while !self.posts.iter().any(|post| post.awaited) {
            match self.phase {
                Phase::Starting { .. } => info!("Startup complete"),
                Phase::Reloading { .. } => {
                    info!("Reload complete");
                    // Memory that nobody needs any more; if it cannot be given back, so be it.
                    for post in &self.posts {
                        let _ = post.handover.clear();
                    }
                }
                Phase::Running | Phase::Stopping { .. } => return,
            }
            let again = matches!(
                self.phase,
                Phase::Starting { again: true } | Phase::Reloading { again: true }
            );
            self.phase = Phase::Running;
            systemd::notify(Progress::Ready);
            if again {
                self.begin_reload();
            } else {
                memory::give_back();
            }
        }
    }

    // ---- the end ----

    pub(super) fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Stopping { .. })
    }

    pub(super) fn stop(&mut self, status: i32) {
        self.stop_by(Order::Stop, status);
    }

    fn stop_by(&mut self, order: Order, status: i32) {
        if self.is_stopping() {
            return;
        }
        info!(
            "{}",
            match order {
                Order::Restart => "Stopping to be started again",
                _ => "Stopping",
            }
        );
        systemd::notify(Progress::Stopping);
        self.phase = Phase::Stopping { status, order };
        self.tell_all(order);
        self.close_posts();
        self.end_own_script();
        let limit = self.model.global.child_wait_time();
        self.wheel.arm(Key::StopLimit, clock::now() + limit);
    }

    /// Tells the daemon that is started next which services it finds, if it is to go on with them.
    fn leave_services(&self) {
        let Phase::Stopping { order, .. } = self.phase else {
            return;
        };
        let path = paths::left_services(&self.options, &self.model.global);
        let namespace = &self.model.global.ipvs.namespace;
        if order == Order::Restart
            && let Err(error) = self.ledger.save(&path, namespace)
        {
            warn!(
                "Cannot write {} ({error}): of the IPVS services, those stay that the configuration does not have at the next start",
                path.display()
            );
        }
    }

    fn kill_all(&self) {
        for child in self.posts.iter().filter_map(|post| post.child.as_ref()) {
            warn!("Process {} has not stopped in time: killing it", child.pid);
            if let Err(error) = process::kill_now(child.pid) {
                error!("Cannot kill process {}: {error}", child.pid);
            }
        }
    }

    fn finished(&mut self) -> Option<i32> {
        let Phase::Stopping { status, .. } = self.phase else {
            return None;
        };
        let are_alone = self.posts.iter().all(|post| post.child.is_none());
        (are_alone && !self.is_closing()).then_some(status)
    }
}

/// The signals that the parent listens to.
fn signals(options: &Options) -> Vec<i32> {
    let mut signals: Vec<i32> = Function::all()
        .iter()
        .map(|&(_, _, number)| number)
        .collect();
    signals.push(libc::SIGCHLD);
    if !options.ignore_sigint {
        signals.push(libc::SIGINT);
    }
    signals
}
