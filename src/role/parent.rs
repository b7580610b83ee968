//! The parent process, running: it forks the roles, watches them, replaces those that die, and carries signals and reloads to them.
//! How it comes up is in start.rs, what a reload does in reload.rs.

use super::board::Board;
use super::child::{self, Inheritance};
use super::control::{self, Answer, Order, ToChild};
use super::handover::Handover;
use super::systemd::{self, Progress};
use super::watch::{BackOff, Verdict, Watch};
use super::{Exit, Role};
use crate::cli::signum::Function;
use crate::cli::{Options, VERSION};
use crate::config::model::Model;
use crate::logging;
use crate::os::clock;
use crate::os::memory;
use crate::os::pid_file::PidFile;
use crate::os::poll::{Loop, Ready, Want};
use crate::os::process::{self, End, Fork, ProcessId};
use crate::os::signals::Signals;
use crate::time::Instant;
use crate::wheel::Wheel;
use log::{error, info, warn};
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Signals,
    Child(Role),
    Log,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// A dead child is due to be replaced.
    Replace(Role),
    /// A child has been silent.
    Silent(Role),
    /// The children had their time to stop.
    StopLimit,
}

/// A child that runs.
struct Child {
    pid: ProcessId,
    line: ToChild,
    started: Instant,
    watch: Watch,
    /// It was told to stop, as the configuration no longer wants it.
    leaving: bool,
}

/// A role and who plays it.
struct Post {
    role: Role,
    /// The configuration asks for it.
    wanted: bool,
    child: Option<Child>,
    /// To be forked at the next turn.
    vacant: bool,
    /// The next child replaces one that died.
    resume: bool,
    back_off: BackOff,
    /// It has not yet acted on the configuration it was given last.
    awaited: bool,
}

/// What the daemon is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The children have not all begun; a SIGHUP has arrived since.
    Starting {
        again: bool,
    },
    Running,
    /// The children are told of a new configuration; another SIGHUP has arrived since.
    Reloading {
        again: bool,
    },
    Stopping {
        status: i32,
    },
}

/// The parent.
pub(super) struct Parent {
    pub(super) options: Rc<Options>,
    /// Where the daemon was started: relative names in the configuration count from there.
    pub(super) directory: PathBuf,
    pub(super) model: Rc<Model>,
    pub(super) handover: Rc<Handover>,
    board: Rc<Board>,
    pid_file: Option<PidFile>,
    signals: Signals,
    events: Loop<Source>,
    wheel: Wheel<Key>,
    posts: [Post; Role::ALL.len()],
    phase: Phase,
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
        let posts = Role::ALL.map(|role| {
            let wanted = role.wanted(&options, &model);
            Post {
                role,
                wanted,
                child: None,
                vacant: wanted,
                resume: false,
                back_off: BackOff::default(),
                awaited: wanted,
            }
        });
        Ok(Parent {
            options,
            directory,
            model,
            handover: Rc::new(Handover::new()?),
            board: Rc::new(Board::new()?),
            pid_file,
            signals,
            events,
            wheel: Wheel::new(clock::now()),
            posts,
            phase: Phase::Starting { again: false },
        })
    }

    /// Runs until the daemon is told to stop, or a child until it is: both return the exit status of their process.
    pub fn run(mut self) -> i32 {
        let mut ready = Vec::new();
        loop {
            if let Some(role) = self.vacancy() {
                match self.fill(role) {
                    None => continue,
                    Some((line, held)) => return self.into_child(role, line, held),
                }
            }
            self.settle();
            if let Some(status) = self.finished() {
                info!("Stopped Keepalived v{VERSION}");
                // The pid file first: whoever waits for it may start the next daemon at once.
                drop(self.pid_file.take());
                logging::finish();
                return status;
            }
            logging::pump(&mut self.events, Source::Log);
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
                Source::Log => logging::writable(&mut self.events),
            }
        }
        let now = clock::now();
        while let Some((key, _)) = self.wheel.pop_expired(now) {
            match key {
                Key::Replace(role) => self.post(role).vacant = true,
                Key::Silent(role) => self.silent(role, now),
                Key::StopLimit => self.kill_all(),
            }
        }
    }

    fn post(&mut self, role: Role) -> &mut Post {
        // `Role::ALL` is in the order of the variants.
        &mut self.posts[role as usize]
    }

    // ---- children ----

    fn vacancy(&self) -> Option<Role> {
        let stopping = matches!(self.phase, Phase::Stopping { .. });
        self.posts
            .iter()
            .find(|post| post.vacant && post.wanted && !stopping)
            .map(|post| post.role)
    }

    /// Forks a child for a role. `Some` is the child's side of it.
    fn fill(&mut self, role: Role) -> Option<(control::ToParent, process::Held)> {
        // What the parent has to say comes before what the child says.
        logging::flush();
        let result =
            control::pair().and_then(|(upper, lower)| Ok((upper, lower, process::fork()?)));
        let now = clock::now();
        match result {
            Ok((_, lower, Fork::Child(held))) => return Some((lower, held)),
            Ok((upper, _, Fork::Parent(pid))) => self.started(role, pid, upper, now),
            Err(error) => {
                error!("Cannot start the {} child process: {error}", role.title());
                let post = self.post(role);
                post.vacant = false;
                let delay = post.back_off.died(Duration::ZERO).max(FORK_RETRY);
                self.wheel.arm(Key::Replace(role), now + delay);
            }
        }
        None
    }

    fn started(&mut self, role: Role, pid: ProcessId, line: ToChild, now: Instant) {
        info!("Starting {} child process, pid={pid}", role.title());
        if let Err(error) = self.events.add(&line, Source::Child(role), Want::Read) {
            error!(
                "Cannot listen to the {} child process: {error}",
                role.title()
            );
        }
        let watch = Watch::new(now);
        self.wheel.arm(Key::Silent(role), watch.deadline);
        let post = self.post(role);
        post.vacant = false;
        post.child = Some(Child {
            pid,
            line,
            started: now,
            watch,
            leaving: false,
        });
    }

    /// This process is the child: the parent's things are dropped, the role is played to its end.
    fn into_child(self, role: Role, line: control::ToParent, held: process::Held) -> i32 {
        let resume = self
            .posts
            .iter()
            .any(|post| post.role == role && post.resume);
        let Parent {
            options,
            model,
            board,
            handover,
            pid_file,
            signals,
            events,
            posts,
            ..
        } = self;
        drop((signals, events, posts));
        if let Some(pid_file) = pid_file {
            pid_file.abandon();
        }
        let exit = child::run(
            Inheritance {
                role,
                line,
                options,
                model,
                board,
                handover,
                resume,
            },
            held,
        );
        logging::finish();
        exit as i32
    }

    fn hear(&mut self, role: Role) {
        let now = clock::now();
        let post = self.post(role);
        let Some(child) = post.child.as_mut() else {
            return;
        };
        let mut heard = false;
        while let Some(answer) = child.line.receive() {
            heard = true;
            match answer {
                Answer::Alive => {}
                Answer::Started | Answer::Reloaded => post.awaited = false,
            }
        }
        if heard {
            child.watch.heard(now);
            let deadline = child.watch.deadline;
            self.wheel.arm(Key::Silent(role), deadline);
        }
    }

    fn silent(&mut self, role: Role, now: Instant) {
        let Some(child) = self.post(role).child.as_mut() else {
            return;
        };
        let pid = child.pid;
        match child.watch.expired(now) {
            Verdict::Ask => {
                // A line that is full is no answer either.
                let _ = child.line.send(Order::AreYouAlive);
                let deadline = child.watch.deadline;
                self.wheel.arm(Key::Silent(role), deadline);
            }
            Verdict::GiveUp => {
                warn!(
                    "{} child process({pid}) does not answer its watchdog: killing it",
                    role.title()
                );
                if let Err(error) = process::kill_now(pid) {
                    error!("Cannot kill process {pid}: {error}");
                }
            }
        }
    }

    fn reap(&mut self) {
        while let Some((pid, end)) = process::ended_child() {
            let role = self
                .posts
                .iter()
                .find(|post| post.child.as_ref().is_some_and(|child| child.pid == pid));
            if let Some(role) = role.map(|post| post.role) {
                self.ended(role, pid, end);
            }
        }
    }

    fn ended(&mut self, role: Role, pid: ProcessId, end: End) {
        let now = clock::now();
        let Some(child) = self.post(role).child.take() else {
            return;
        };
        let _ = self.events.remove(&child.line);
        self.wheel.disarm(Key::Silent(role));
        let title = role.title();
        if matches!(self.phase, Phase::Stopping { .. }) || child.leaving {
            return;
        }
        let permanent = match end {
            End::Status(1) => Some("FATAL"),
            End::Status(2) => Some("CONFIG"),
            End::Status(4) => Some("missing permission"),
            _ => None,
        };
        if let (Some(reason), End::Status(status)) = (permanent, end) {
            error!(
                "{title} child process({pid}) exited with permanent error {reason}. Terminating"
            );
            return self.stop(status);
        }
        match end {
            End::Status(status) => {
                warn!("{title} child process({pid}) exited with status {status}")
            }
            End::Signal(signal) => {
                warn!("{title} child process({pid}) was ended by signal {signal}")
            }
        }
        if !self.options.respawn {
            error!("{title} child process({pid}) died: Exiting");
            return self.stop(Exit::Fatal as i32);
        }
        let post = self.post(role);
        post.resume = true;
        let delay = post.back_off.died(now.since(child.started));
        if delay.is_zero() {
            warn!("{title} child process({pid}) died: Respawning");
            post.vacant = true;
        } else {
            warn!(
                "{title} child process({pid}) died: Respawning in {} seconds",
                delay.as_secs()
            );
            self.wheel.arm(Key::Replace(role), now + delay);
        }
    }

    /// Gives a role up, or takes it on, as the configuration now wants.
    pub(super) fn want(&mut self, role: Role, wanted: bool) {
        let post = self.post(role);
        let before = std::mem::replace(&mut post.wanted, wanted);
        match (before, wanted) {
            (false, true) => {
                // A predecessor that is just leaving ends first.
                post.vacant = true;
                post.awaited = true;
                post.resume = false;
                post.back_off = BackOff::default();
            }
            (true, false) => {
                post.vacant = false;
                post.awaited = false;
                if let Some(child) = &mut post.child {
                    child.leaving = true;
                    // One that cannot be told is given up by the watchdog.
                    let _ = child.line.send(Order::Stop);
                }
                self.wheel.disarm(Key::Replace(role));
            }
            _ => {}
        }
    }

    /// Tells one child that runs; it is awaited until it answers.
    pub(super) fn tell_to_reload(&mut self, role: Role, length: u64) {
        let post = self.post(role);
        if let Some(child) = post.child.as_ref().filter(|child| !child.leaving) {
            post.awaited = true;
            if let Err(error) = child.line.send(Order::Reload(length)) {
                error!(
                    "Cannot tell the {} child process of the new configuration: {error}",
                    role.title()
                );
            }
        }
    }

    fn tell_all(&self, order: Order) {
        for child in self.posts.iter().filter_map(|post| post.child.as_ref()) {
            if let Err(error) = child.line.send(order) {
                warn!("Cannot tell process {}: {error}", child.pid);
            }
        }
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
        if !self.reload() {
            self.phase = Phase::Running;
            systemd::notify(Progress::Ready);
        }
    }

    /// Says so when everybody has acted on the configuration, and begins the reload that was asked for meanwhile.
    fn settle(&mut self) {
        while !self.posts.iter().any(|post| post.awaited) {
            match self.phase {
                Phase::Starting { .. } => info!("Startup complete"),
                Phase::Reloading { .. } => {
                    info!("Reload complete");
                    // Memory that nobody needs any more; if it cannot be given back, so be it.
                    let _ = self.handover.clear();
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

    fn stop(&mut self, status: i32) {
        if matches!(self.phase, Phase::Stopping { .. }) {
            return;
        }
        info!("Stopping");
        systemd::notify(Progress::Stopping);
        self.phase = Phase::Stopping { status };
        self.tell_all(Order::Stop);
        let limit = Duration::from_secs(u64::from(self.model.global.child_wait_time));
        self.wheel.arm(Key::StopLimit, clock::now() + limit);
    }

    fn kill_all(&self) {
        for child in self.posts.iter().filter_map(|post| post.child.as_ref()) {
            warn!("Process {} has not stopped in time: killing it", child.pid);
            if let Err(error) = process::kill_now(child.pid) {
                error!("Cannot kill process {}: {error}", child.pid);
            }
        }
    }

    fn finished(&self) -> Option<i32> {
        let Phase::Stopping { status } = self.phase else {
            return None;
        };
        self.posts
            .iter()
            .all(|post| post.child.is_none())
            .then_some(status)
    }
}

/// Least time between two forks that fail.
const FORK_RETRY: Duration = Duration::from_secs(1);

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
