//! The runner: a process that starts and ends the user's programs for a role, reads the files that it tracks, and hands in its mail.
//!
//! Starting a program means copying a process and waiting for a disk, and the process that speaks VRRP may do neither. So it tells
//! its runner, which was forked from it before it grew, and hears how each program ended. A runner ends with its role.

mod adopted;
mod files;
mod line;
mod mail;
mod processes;
mod runs;

pub use line::{
    Answer, Counted, End, FileRequest, Orphan, Outcome, ProcessRequest, Received, Request, RunId,
    ToRole, ToRunner, outcome, pack, pair,
};

use crate::config::model::Command;
use crate::os::family::{self, Family, Member};
use crate::os::poll::{Loop, Want};
use crate::os::process::{self, Fork, ProcessId};
use crate::os::signals::ChildrenEnded;
use crate::os::spawn::{self, Launcher};
use crate::os::{clock, descriptors, memory};
use crate::time::Instant;
use crate::wheel::Wheel;
use files::Files;
use mail::Post;
use processes::Processes;
use runs::Runs;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// How long a program that takes too long may take to end by itself.
const GRACE: Duration = Duration::from_secs(1);
/// When the role has gone, what has not begun may take so long to: a disk that it waits for may never come back.
const SEE_OFF: Duration = Duration::from_secs(60);
/// How often files and processes are looked at of which nobody tells.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// So much of what the role wants is begun before programs that take too long are ended, and answers given.
const REQUESTS_PER_TURN: usize = 16;
/// The name of the process in lists of processes.
const NAME: &str = "keepalived_run";
/// What a program's beginning with this means: only whether the file behind it can be opened for reading is asked.
const OPENS: u8 = b'<';

/// Forks a runner. The number of its process, and the line to it.
pub fn start() -> io::Result<(ProcessId, ToRunner)> {
    let (ours, theirs): (ToRunner, _) = pair()?;
    match process::fork()? {
        Fork::Parent(pid) => Ok((pid, ours)),
        // Signals stay held back: this process ends with its role.
        Fork::Child(_held) => {
            process::close_all_but(theirs.as_raw_fd());
            descriptors::as_started();
            process::set_name(NAME);
            let end = Runner::new(theirs).and_then(|mut runner| {
                runner.run()?;
                // What has not begun would take this end for a death, and leave what it was to do to another runner.
                runner.launcher.see_off(SEE_OFF);
                Ok(())
            });
            process::exit_at_once(i32::from(end.is_err()))
        }
    }
}

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Role,
    Children,
    Files,
    Processes,
    /// The mail server, or who looks up its name.
    Mail,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// The run has taken as long as it may.
    Limit(RunId),
    /// It was asked to end, and may take no longer.
    Kill(RunId),
    /// Files of which nobody tells are to be looked at.
    Files,
    /// The kernel has had time enough to say that it tells of processes; or all are to be looked at.
    Processes,
    /// Numbers of processes that decide nothing are to be told.
    Counts,
    /// Mail has waited for as long as it may.
    Mail,
    /// The role has gone, and mail may take no longer.
    Parting,
    /// Programs that another runner began may have ended.
    Adopted,
}

struct Runner {
    events: Loop<Source>,
    wheel: Wheel<Key>,
    children: ChildrenEnded,
    role: ToRole,
    launcher: Launcher,
    runs: Runs,
    /// Those that another runner began.
    adopted: Vec<(RunId, Member)>,
    files: Files,
    processes: Processes,
    post: Post,
    /// What the role wants, in order, and has not been done.
    requests: VecDeque<Request>,
    /// It has gone, and wants no more than that.
    heard_out: bool,
    /// What the role has no room for now.
    answers: VecDeque<Answer>,
    /// The role has gone, and all that it wanted was begun.
    gone: bool,
    /// That was so long ago that mail is given up.
    parted: bool,
    /// Runs that are to be asked to end in this turn.
    asked: Vec<RunId>,
    /// Programs that are to be killed in this turn, or that have ended and may have left something behind.
    killed: Vec<Family>,
}

impl Runner {
    fn new(role: ToRole) -> io::Result<Self> {
        let mut events = Loop::new()?;
        let children = ChildrenEnded::new()?;
        events.add(&role, Source::Role, Want::ReadWrite)?;
        events.add(&children, Source::Children, Want::Read)?;
        spawn::adopt_orphans()?;
        memory::give_back();
        Ok(Runner {
            events,
            wheel: Wheel::new(clock::now()),
            children,
            role,
            launcher: Launcher::new()?,
            runs: Runs::default(),
            adopted: Vec::new(),
            files: Files::default(),
            processes: Processes::default(),
            post: Post::default(),
            requests: VecDeque::new(),
            heard_out: false,
            answers: VecDeque::new(),
            gone: false,
            parted: false,
            asked: Vec::new(),
            killed: Vec::new(),
        })
    }

    fn run(&mut self) -> io::Result<()> {
        let mut ready = Vec::new();
        // Programs that may take as long as they like go on without this process: they were told of something that happened.
        while !self.gone || self.runs.is_any_held() || !(self.parted || self.post.is_done()) {
            self.events.wait(&self.wheel, &mut ready)?;
            for event in &ready {
                match event.token {
                    Source::Role => self.listen(),
                    Source::Children => self.children.clear(),
                    Source::Files => self.answers.extend(self.files.changed()),
                    Source::Processes => self.hear_of_processes(*event),
                    Source::Mail => self.post.ready(&mut self.events, &mut self.wheel),
                }
            }
            self.obey();
            self.watch_files();
            self.watch_processes();
            self.reap();
            while let Some((key, _)) = self.wheel.pop_expired(clock::now()) {
                self.expired(key);
            }
            self.end_families();
            self.post.advance(&mut self.events, &mut self.wheel);
            self.answer();
        }
        Ok(())
    }

    /// Takes in what the role wants, at once: it may be about to end.
    fn listen(&mut self) {
        while !self.heard_out {
            match self.role.receive() {
                Received::Packet(request) => self.requests.push_back(request),
                Received::Nothing => return,
                Received::Gone => self.heard_out = true,
            }
        }
    }

    /// Does some of what the role wants, as long as that has room for what is to be said of it: a program announces itself there, and
    /// waits until it can.
    fn obey(&mut self) {
        for _ in 0..REQUESTS_PER_TURN {
            self.answer();
            if !self.answers.is_empty() || !self.role.has_room() {
                return;
            }
            match self.requests.pop_front() {
                Some(request) => self.perform(request),
                None if self.heard_out => return self.role_has_gone(),
                None => return,
            }
        }
        self.events.soon();
    }

    fn perform(&mut self, request: Request) {
        match request {
            Request::Run { id, command, limit } => {
                if let Err(outcome) = self.start(id, &command, limit) {
                    self.answers.push_back(Answer::Ended(id, outcome));
                }
            }
            Request::End(id) => self.end(id),
            Request::Adopt(id, orphan, until) => self.adopt(id, orphan, until),
            Request::File(id, FileRequest::Watch(path, init)) => {
                let answer = self.files.watch(id, path, init);
                self.answers.push_back(answer);
            }
            Request::File(id, FileRequest::Forget) => self.files.forget(id),
            Request::Process(request) => match request {
                ProcessRequest::Watch(id, matching, quorum) => {
                    self.processes.watch(id, matching, quorum);
                }
                ProcessRequest::Forget(id) => self.processes.forget(id),
                ProcessRequest::Buffer(buffer) => self.processes.set_buffer(buffer),
            },
            Request::Mail(id, envelope) => self.post.send(id, envelope),
            Request::Outlet(outlet) => self.post.redirect(outlet),
            Request::AreYouAlive => self.answers.push_back(Answer::Alive),
        }
    }

    /// Starts a program. Error: how it ended.
    fn start(
        &mut self,
        id: RunId,
        command: &Command,
        limit: Option<Duration>,
    ) -> Result<(), Outcome> {
        let first = command.arguments.first();
        let started = match first.and_then(|first| first.strip_prefix(&[OPENS])) {
            Some(path) => self.launcher.start_opening(path),
            None => self.role.announcement(id).and_then(|mut announcement| {
                self.launcher.start(command, move || announcement.send())
            }),
        };
        match started {
            Ok(process) => {
                self.began(id, process, limit.map(|limit| clock::now() + limit));
                Ok(())
            }
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
                Err(Outcome::NotStarted(errno))
            }
        }
    }

    fn began(&mut self, id: RunId, process: ProcessId, until: Option<Instant>) {
        self.runs.began(id, process, until.is_some());
        if let Some(until) = until {
            self.wheel.arm(Key::Limit(id), until);
        }
    }

    fn expired(&mut self, key: Key) {
        match key {
            Key::Files => self.look_at_files(),
            Key::Processes => self.look_at_processes(),
            Key::Counts => self.tell_counts(),
            Key::Limit(id) => {
                self.runs.is_late(id);
                self.answers.push_back(Answer::Late(id));
                self.end(id);
            }
            Key::Kill(id) => {
                self.killed.extend(self.runs.ending(id).cloned());
                if self.gone
                    && let Some(leader) = self.runs.leader(id)
                {
                    self.runs.forget(leader);
                }
            }
            Key::Mail => self.post.expired(&mut self.events, &mut self.wheel),
            Key::Adopted => self.look_at_adopted(),
            Key::Parting => self.parted = true,
        }
    }

    /// What programs say interests nobody any more.
    fn role_has_gone(&mut self) {
        if std::mem::replace(&mut self.gone, true) {
            return;
        }
        self.events.soon();
        let now = clock::now();
        self.post.hurry(now);
        self.wheel.arm(Key::Parting, now + mail::PARTING);
        let held: Vec<RunId> = self.runs.held().collect();
        for id in held.into_iter().filter(|id| id.ends_with_role()) {
            self.end(id);
        }
    }

    fn end(&mut self, id: RunId) {
        if self.runs.ends(id) {
            self.asked.push(id);
            self.wheel.arm(Key::Kill(id), clock::now() + GRACE);
        }
    }

    fn reap(&mut self) {
        while let Some((process, end)) = process::ended_child() {
            let failure = self.launcher.failure(process, end);
            if let Some((id, outcome, family)) = self.runs.ended(process, end, failure) {
                self.over(id, outcome, family);
            }
        }
    }

    fn over(&mut self, id: RunId, outcome: Outcome, family: Option<Family>) {
        self.wheel.disarm(Key::Limit(id));
        self.wheel.disarm(Key::Kill(id));
        self.killed.extend(family);
        self.answers.push_back(Answer::Ended(id, outcome));
    }

    /// Asks and kills who is to be asked and killed, with all they started.
    fn end_families(&mut self) {
        let runs = &mut self.runs;
        // Who has ended meanwhile is among the killed.
        let mut asked = std::mem::take(&mut self.asked);
        asked.retain(|id| runs.ending(*id).is_some());
        let mut families: Vec<Family> = asked
            .iter()
            .filter_map(|id| runs.ending(*id).cloned())
            .collect();
        families.append(&mut self.killed);
        if families.is_empty() {
            return;
        }
        family::halt(&mut families);
        let mut families = families.into_iter();
        for (id, family) in asked.into_iter().zip(&mut families) {
            family.ask();
            if let Some(known) = runs.ending(id) {
                *known = family;
            }
        }
        families.for_each(|family| family.kill());
    }

    fn answer(&mut self) {
        self.answers
            .extend(self.post.notices.drain(..).map(Answer::Mail));
        self.answers
            .extend(self.post.take_left().into_iter().map(Answer::Left));
        self.answers
            .extend(self.post.take_sending().map(Answer::Sending));
        if self.gone {
            self.answers.clear();
        }
        while let Some(answer) = self.answers.front() {
            match self.role.send(answer) {
                Ok(()) => drop(self.answers.pop_front()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // What a server said or a name is too long to be told: the role can do without.
                Err(error) if error.kind() == ErrorKind::ArgumentListTooLong => {
                    self.answers.pop_front();
                }
                // It has gone, which is heard behind all that it asked for before.
                Err(_) => return self.answers.clear(),
            }
        }
    }
}
