//! The parent and its children: forking them into their roles, hearing from them, learning of their end, replacing them.

use super::child::{self, Inheritance};
use super::configuration;
use super::control::{self, Answer, Order, ToChild};
use super::handover::Handover;
use super::parent::{Key, Parent, Phase, Source};
use super::watch::{BackOff, Verdict, Watch};
use super::{Exit, Role};
use crate::config::model::Model;
use crate::logging;
use crate::os::clock;
use crate::os::poll::Want;
use crate::os::process::{self, End, Fork, ProcessId};
use crate::time::Instant;
use log::{error, info, warn};
use std::rc::Rc;
use std::time::Duration;

/// A child that runs.
pub(super) struct Child {
    pub(super) pid: ProcessId,
    pub(super) line: ToChild,
    pub(super) started: Instant,
    pub(super) watch: Watch,
    /// It was told to leave, as the configuration no longer wants it.
    pub(super) leaving: bool,
    /// It was, but is wanted again: it may stay, or leave all the same if that was too late.
    pub(super) recalled: bool,
    /// How often it was told to reload and has not answered: that it has started says nothing of that.
    pub(super) reloads: u32,
    /// It began with the configuration of `Post::before`.
    pub(super) behind: bool,
}

/// A role and who plays it.
pub(super) struct Post {
    pub(super) role: Role,
    /// Where a child that runs finds a new configuration.
    pub(super) handover: Rc<Handover>,
    /// The configuration asks for it.
    pub(super) wanted: bool,
    pub(super) child: Option<Child>,
    /// To be forked at the next turn.
    pub(super) vacant: bool,
    /// Nobody has played it since the daemon was started.
    pub(super) first: bool,
    /// The next child replaces one that died.
    pub(super) resume: bool,
    pub(super) back_off: BackOff,
    /// It has not yet acted on the configuration it was given last.
    pub(super) awaited: bool,
    /// What it acted on before that, until it has: what a process that dies meanwhile has left in the kernel is named by this alone.
    pub(super) before: Option<Rc<Model>>,
}

impl Post {
    /// Nobody plays it until the delay after a death is over.
    pub(super) fn is_down(&self) -> bool {
        self.child.is_none() && !self.vacant
    }

    /// Whether a process that replaces one which died knows all that it left in the kernel.
    fn knows_what_was_left(&self) -> bool {
        self.role.leaves_nothing_unknown() || self.before.is_some()
    }

    /// Another configuration is in force than this one, which is what it has acted on, if anybody plays it.
    pub(super) fn is_behind(&mut self, model: &Rc<Model>) {
        let may_have_left = self.child.is_some() || self.resume;
        if may_have_left && !self.awaited && !self.knows_what_was_left() {
            self.before = Some(model.clone());
        }
    }

    /// Another daemon has left something, if it has `left` any services, that nobody has taken up.
    fn inherits(&self, left: bool) -> bool {
        self.role.leaves_nothing_unknown() && self.first && left
    }
}

/// A child that has left so much unread that there is no room for an order gets it when it has read some.
const ROOM_RETRY: Duration = Duration::from_millis(100);
/// Least time between two forks that fail.
const FORK_RETRY: Duration = Duration::from_secs(1);

impl Parent {
    pub(super) fn vacancy(&self) -> Option<Role> {
        self.posts
            .iter()
            .find(|post| post.vacant && post.child.is_none())
            .map(|post| post.role)
    }

    /// Nobody is to begin work any more. But what a process that died, or another daemon, has left in the kernel is given up by one
    /// that is started for that alone.
    pub(super) fn close_posts(&mut self) {
        let left = self.ledger.has_services();
        for post in &mut self.posts {
            post.vacant = post.child.is_none() && (post.resume || post.inherits(left));
            self.wheel.disarm(Key::Replace(post.role));
        }
    }

    /// Forks a child for a role. `Some` is the child's side of it.
    pub(super) fn fill(&mut self, role: Role) -> Option<(control::ToParent, process::Held)> {
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
                let stopping = self.is_stopping();
                let post = self.post(role);
                post.vacant = false;
                if !stopping {
                    let delay = post.back_off.died(Duration::ZERO).max(FORK_RETRY);
                    self.wheel.arm(Key::Replace(role), now + delay);
                }
            }
        }
        None
    }

    pub(super) fn started(&mut self, role: Role, pid: ProcessId, mut line: ToChild, now: Instant) {
        info!("Starting {} child process, pid={pid}", role.title());
        let listening = self
            .events
            .add(&line, Source::Child(role), Want::Read)
            .and_then(|()| {
                self.events
                    .add(&line.silence, Source::Silence(role), Want::Read)
            })
            .and_then(|()| line.silence.broken(now));
        if let Err(error) = listening {
            error!(
                "Cannot listen to the {} child process: {error}",
                role.title()
            );
        }
        self.wheel.disarm(Key::Replace(role));
        let phase = self.phase;
        let post = self.post(role);
        let order = match phase {
            Phase::Stopping { order, .. } => Some(order),
            // It only sees to what another one has left.
            _ => (!post.wanted).then_some(Order::Leave),
        };
        if let Some(order) = order
            && let Err(error) = line.send(order)
        {
            warn!("Cannot tell process {pid}: {error}");
        }
        (post.vacant, post.first) = (false, false);
        let behind = post.before.is_some();
        post.child = Some(Child {
            pid,
            line,
            started: now,
            watch: Watch::default(),
            leaving: !post.wanted,
            recalled: false,
            reloads: 0,
            behind,
        });
        if behind && order.is_none() {
            self.catch_up(role);
        }
    }

    /// A child that began with an older configuration, which names what its predecessor left, is told of the one in force.
    fn catch_up(&mut self, role: Role) {
        match self.hand_over(role, &self.model) {
            Ok(length) => {
                // Another configuration waits until it has read this one.
                if self.phase == Phase::Running {
                    self.phase = Phase::Reloading { again: false };
                }
                self.tell_to_reload(role, length);
            }
            Err(error) => error!(
                "Cannot hand the configuration over to the {} child process: {error}; it runs by the one before until the next reload that changes something",
                role.title()
            ),
        }
    }

    /// This process is the child: the parent's things are dropped, the role is played to its end.
    pub(super) fn into_child(
        self,
        role: Role,
        line: control::ToParent,
        held: process::Held,
    ) -> i32 {
        let Some(post) = self.posts.iter().find(|post| post.role == role) else {
            return Exit::Internal as i32;
        };
        let (first, resume) = (post.first, post.resume);
        let handover = post.handover.clone();
        let before = post.before.clone();
        let Parent {
            options,
            model,
            board,
            ledger,
            sessions,
            pid_file,
            signals,
            events,
            posts,
            appointment,
            ..
        } = self;
        drop((signals, events, posts, appointment));
        if let Some(pid_file) = pid_file {
            pid_file.abandon();
        }
        let exit = child::run(
            Inheritance {
                role,
                line,
                options,
                model: before.unwrap_or(model),
                board,
                ledger,
                sessions,
                handover,
                first,
                resume,
            },
            held,
        );
        logging::finish();
        exit as i32
    }

    pub(super) fn hear(&mut self, role: Role) {
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
                Answer::Started | Answer::Reloaded => {
                    if answer == Answer::Reloaded {
                        child.reloads = child.reloads.saturating_sub(1);
                    }
                    if child.reloads == 0 {
                        // It was recalled in time.
                        (child.recalled, child.behind) = (false, false);
                        post.awaited = false;
                        post.before = None;
                    }
                }
            }
        }
        if heard {
            child.watch.heard();
            // It is set by the child as well, at its next turn.
            let _ = child.line.silence.broken(now);
            self.wheel.disarm(Key::Unanswered(role));
        }
    }

    /// The timer that a child puts off has expired, or so it was when this process was woken.
    pub(super) fn silence(&mut self, role: Role) {
        let child = self.post(role).child.as_ref();
        if child.is_some_and(|child| child.line.silence.is_over()) {
            self.silent(role, clock::now());
        }
    }

    pub(super) fn silent(&mut self, role: Role, now: Instant) {
        let Some(child) = self.post(role).child.as_mut() else {
            return;
        };
        let pid = child.pid;
        match child.watch.silent(now) {
            Verdict::Ask(deadline) => {
                // A line that is full is no answer either.
                let _ = child.line.send(Order::AreYouAlive);
                self.wheel.arm(Key::Unanswered(role), deadline);
            }
            Verdict::Wait => {}
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

    pub(super) fn reap(&mut self) {
        while let Some((pid, end)) = process::ended_child() {
            let role = self
                .posts
                .iter()
                .find(|post| post.child.as_ref().is_some_and(|child| child.pid == pid));
            match role.map(|post| post.role) {
                Some(role) => self.ended(role, pid, end),
                None => self.own_script_ended(pid, end),
            }
        }
    }

    pub(super) fn ended(&mut self, role: Role, pid: ProcessId, end: End) {
        let now = clock::now();
        // What it has acted on it may have said just before.
        self.hear(role);
        let Some(child) = self.post(role).child.take() else {
            return;
        };
        let _ = self.events.remove(&child.line);
        let _ = self.events.remove(&child.line.silence);
        self.wheel.disarm(Key::Unanswered(role));
        let title = role.title();
        if self.is_stopping() {
            return;
        }
        let told = child.leaving || child.recalled;
        let post = self.post(role);
        if child.behind {
            // One that dies of what its predecessor died of: the new configuration may be what mends it.
            post.before = None;
        }
        let has_left_something = match role.leaves_nothing_unknown() {
            true => end != End::Status(Exit::Clean as i32),
            false => post.before.is_some() && matches!(end, End::Signal(_)),
        };
        if told && !has_left_something {
            post.resume = false;
            post.before = None;
            post.vacant |= child.recalled;
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
        self.post(role).resume = true;
        if !self.options.respawn {
            error!("{title} child process({pid}) died: Exiting");
            return self.stop(Exit::Fatal as i32);
        }
        let post = self.post(role);
        let delay = match child.behind {
            // The next one has another configuration.
            true => Duration::ZERO,
            false => post.back_off.died(now.since(child.started)),
        };
        if delay.is_zero() {
            warn!("{title} child process({pid}) died: Respawning");
            post.vacant = true;
        } else {
            warn!(
                "{title} child process({pid}) died: Respawning in {} seconds",
                delay.as_secs()
            );
            if role == Role::Bfd {
                // Who follows sessions is not to rely on what nobody looks after.
                self.sessions.fall();
            }
            self.wheel.arm(Key::Replace(role), now + delay);
        }
    }

    /// Gives a role up, or takes it on, as the configuration now wants.
    pub(super) fn want(&mut self, role: Role, wanted: bool) {
        let left = self.ledger.has_services();
        let post = self.post(role);
        let inherits = post.inherits(left) || post.resume && post.knows_what_was_left();
        let before = std::mem::replace(&mut post.wanted, wanted);
        match (before, wanted) {
            (false, true) => {
                // A predecessor that is just leaving ends first.
                post.vacant = post.child.as_ref().is_none_or(|child| child.leaving);
                post.awaited = true;
                post.back_off = BackOff::default();
            }
            (true, false) => {
                post.awaited = false;
                match &mut post.child {
                    Some(child) => {
                        (child.leaving, child.recalled) = (true, false);
                        // One that cannot be told is given up by the watchdog.
                        let _ = child.line.send(Order::Leave);
                    }
                    // Another one is still to see to what it has left in the kernel.
                    None if inherits => return,
                    None => (post.resume, post.before) = (false, None),
                }
                post.vacant = false;
                self.wheel.disarm(Key::Replace(role));
            }
            _ => {}
        }
    }

    /// One that is leaving while something drains may stay: it is told of a configuration that has work for it again.
    pub(super) fn recall(&mut self, role: Role) {
        if let Some(child) = &mut self.post(role).child
            && role.leaves_nothing_unknown()
            && std::mem::take(&mut child.leaving)
        {
            child.recalled = true;
        }
    }

    /// Hands a role its part of a new configuration.
    pub(super) fn hand_over(&self, role: Role, model: &Model) -> Result<u64, String> {
        let part = configuration::encode(role, model)?;
        match self.posts.iter().find(|post| post.role == role) {
            Some(post) => post
                .handover
                .write(&part)
                .map_err(|error| error.to_string()),
            None => Err("there is no such role".to_owned()),
        }
    }

    /// Tells one child that runs of what was handed over; it is awaited until it answers.
    pub(super) fn tell_to_reload(&mut self, role: Role, length: u64) {
        let post = self.post(role);
        if let Some(child) = post.child.as_mut().filter(|child| !child.leaving) {
            post.awaited = true;
            child.reloads = child.reloads.saturating_add(1);
            if let Err(error) = child.line.send(Order::Reload(length)) {
                error!(
                    "Cannot tell the {} child process of the new configuration: {error}",
                    role.title()
                );
            }
        }
    }

    pub(super) fn tell_all(&mut self, order: Order) {
        for child in self.posts.iter_mut().filter_map(|post| post.child.as_mut()) {
            if let Err(error) = child.line.send(order) {
                warn!("Cannot tell process {}: {error}", child.pid);
            }
        }
    }

    /// Sends what found no room before; looks again soon while some does not.
    pub(super) fn pay(&mut self) {
        let children = self.posts.iter_mut().filter_map(|post| post.child.as_mut());
        for child in children.filter(|child| child.line.owes()) {
            // One that has gone is replaced, and its successor knows.
            let _ = child.line.pay();
            if child.line.owes() {
                self.wheel.arm(Key::Owed, clock::now() + ROOM_RETRY);
            }
        }
    }
}
