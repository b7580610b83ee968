//! What the runner watches for a role: files with numbers, and how many processes there are. The cores say which and what that means,
//! the runner looks, and whoever tracks one hears what it says.

use super::{Key, Runner, Timer};
use crate::config::model::{NetlinkBuffer, TrackFile, TrackProcess, TrackerKind};
use crate::role::runner::{Counted, FileRequest, ProcessRequest, Request};
use crate::time::Instant;
use crate::track::Level;
use crate::track::census::WatchId;
use crate::track::file::{self, FileId, Files, Reading};
use crate::track::process::{self, Processes};
use crate::wheel::Wheel;
use log::{info, warn};
use std::collections::VecDeque;
use std::rc::Rc;

/// What something says from now on, by its name in the configuration.
#[derive(Debug)]
pub struct Word {
    /// What it is.
    pub kind: TrackerKind,
    /// Its name.
    pub name: Rc<str>,
    /// What it says.
    pub level: Level,
}

/// All that is watched.
#[derive(Default)]
pub struct Watched {
    files: Files,
    processes: Processes,
    buffer: Option<NetlinkBuffer>,
    words: VecDeque<Word>,
    /// Whether it was said that processes are looked at.
    told: bool,
}

impl Watched {
    /// The files.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// The processes.
    pub fn processes(&self) -> &Processes {
        &self.processes
    }

    /// The next of what was said.
    pub fn next_word(&mut self) -> Option<Word> {
        self.words.pop_front()
    }

    /// Takes over the files of a configuration. `begins`: the daemon starts.
    pub fn configure_files(&mut self, files: &[TrackFile], begins: bool, runner: &mut Runner) {
        let mut actions = Vec::new();
        self.files.configure(files, begins, &mut actions);
        self.perform_for_files(actions, runner);
    }

    /// Takes over the processes of a configuration, and how much may wait to be read where the kernel tells of them.
    pub fn configure_processes<K: Key>(
        &mut self,
        processes: &[TrackProcess],
        buffer: Option<NetlinkBuffer>,
        runner: &mut Runner,
        wheel: &mut Wheel<K>,
    ) {
        let before = std::mem::replace(&mut self.buffer, buffer);
        // A runner that counts nothing need not know, and may not be there.
        if !processes.is_empty() && (buffer.is_some() || before.is_some()) {
            self.ask_for_buffer(runner);
        }
        let mut actions = Vec::new();
        self.processes.configure(processes, &mut actions);
        self.perform_for_processes(actions, runner, wheel);
    }

    /// What a file was found to say.
    pub fn found(&mut self, id: FileId, reading: Reading, runner: &mut Runner) {
        let mut actions = Vec::new();
        self.files.found(id, reading, &mut actions);
        self.perform_for_files(actions, runner);
    }

    /// What was found out about processes.
    pub fn counted<K: Key>(
        &mut self,
        now: Instant,
        counted: Counted,
        runner: &mut Runner,
        wheel: &mut Wheel<K>,
    ) {
        match counted {
            Counted::Count(id, count) => {
                let mut actions = Vec::new();
                self.processes.counted(now, id, count, &mut actions);
                self.perform_for_processes(actions, runner, wheel);
            }
            Counted::Looked(errno) => {
                if !std::mem::replace(&mut self.told, true) {
                    let why = why_not(errno);
                    info!(
                        "The kernel does not tell of processes here ({why}): those that are tracked are looked for every second"
                    );
                }
            }
        }
    }

    /// A delay of a process is over.
    pub fn process_due<K: Key>(
        &mut self,
        now: Instant,
        id: WatchId,
        runner: &mut Runner,
        wheel: &mut Wheel<K>,
    ) {
        let mut actions = Vec::new();
        self.processes.due(now, id, &mut actions);
        self.perform_for_processes(actions, runner, wheel);
    }

    /// The runner is gone; another one is told everything anew.
    pub fn lost<K: Key>(&mut self, runner: &mut Runner, wheel: &mut Wheel<K>) {
        if self.buffer.is_some() {
            self.ask_for_buffer(runner);
        }
        let mut actions = Vec::new();
        self.files.lost(&mut actions);
        self.perform_for_files(actions, runner);
        let mut actions = Vec::new();
        self.processes.lost(&mut actions);
        self.perform_for_processes(actions, runner, wheel);
    }

    fn ask_for_buffer(&self, runner: &mut Runner) {
        ask(
            runner,
            &Request::Process(ProcessRequest::Buffer(self.buffer)),
        );
    }

    fn perform_for_files(&mut self, actions: Vec<file::Action>, runner: &mut Runner) {
        for action in actions {
            let (id, request) = match action {
                file::Action::Watch { id, path, init } => (id, FileRequest::Watch(path, init)),
                file::Action::Forget(id) => (id, FileRequest::Forget),
                file::Action::Level { name, level } => {
                    let kind = TrackerKind::File;
                    self.words.push_back(Word { kind, name, level });
                    continue;
                }
                file::Action::Tell(notice) => {
                    if notice.is_fault() {
                        warn!("{notice}");
                    } else {
                        info!("{notice}");
                    }
                    continue;
                }
            };
            ask(runner, &Request::File(id, request));
        }
    }

    fn perform_for_processes<K: Key>(
        &mut self,
        actions: Vec<process::Action>,
        runner: &mut Runner,
        wheel: &mut Wheel<K>,
    ) {
        for action in actions {
            let request = match action {
                process::Action::Watch {
                    id,
                    matching,
                    quorum,
                } => ProcessRequest::Watch(id, matching, quorum),
                process::Action::Forget(id) => ProcessRequest::Forget(id),
                process::Action::Arm(id, at) => {
                    wheel.arm(Timer::Process(id).into(), at);
                    continue;
                }
                process::Action::Disarm(id) => {
                    wheel.disarm(Timer::Process(id).into());
                    continue;
                }
                process::Action::Level { name, level } => {
                    let kind = TrackerKind::Process;
                    self.words.push_back(Word { kind, name, level });
                    continue;
                }
                process::Action::Tell(notice) => {
                    info!("{notice}");
                    continue;
                }
            };
            ask(runner, &Request::Process(request));
        }
    }
}

fn ask(runner: &mut Runner, request: &Request) {
    if let Err(outcome) = runner.ask(request) {
        warn!("Cannot {request}: the process that does so {outcome}");
    }
}

/// Why the kernel does not tell of processes.
fn why_not(errno: i32) -> String {
    match errno {
        0 => "this is another process namespace than that of the host".to_owned(),
        libc::EPERM | libc::EACCES => "CAP_NET_ADMIN of the host is needed".to_owned(),
        libc::ECONNREFUSED => "this is another network namespace than that of the host".to_owned(),
        libc::EPROTONOSUPPORT | libc::ETIMEDOUT => {
            "it was built without CONFIG_PROC_EVENTS, or this is a container".to_owned()
        }
        errno => std::io::Error::from_raw_os_error(errno).to_string(),
    }
}
