//! `lvs_sync_daemon`: the kernel's connection synchronisation daemons follow a VRRP instance, or run as long as we do.
//!
//! The kernel starts and ends their threads and sockets within the call, for which it takes locks that others may hold: nothing for the
//! process that sends adverts. So another process does it, which is told what is wanted and says what was refused. When its role ends
//! without a word, the daemons stay for the one that comes after.

use super::runner::{End, Received, pair};
use crate::config::model::{IpvsNamespace, SyncSettings};
use crate::kernel::ipvs::{self, Message, Request, SyncRole};
use crate::os::netlink::{self, Netlink};
use crate::os::poll::{Loop, Want};
use crate::os::process::{self, Fork, ProcessId};
use log::{error, info, warn};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// The name of the process in lists of processes.
const NAME: &str = "keepalived_sync";
/// `NETLINK_GENERIC`.
const GENERIC: i32 = 16;
/// What was refused is tried again after so many milliseconds: the interface may have come up.
const RETRY: u16 = 5000;

/// What is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Wish {
    settings: Option<SyncSettings>,
    master: bool,
    backup: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Report {
    /// They run as wanted.
    Done(Wish),
    /// They do not, because of this errno.
    Failed(Wish, i32),
}

type Line = End<Wish, Report>;

/// The role's side.
pub struct SyncDaemons {
    line: Option<(ProcessId, Line)>,
    /// None: the process has ended, and what it has made is still there.
    told: Option<Wish>,
    /// It has said what came of that.
    answered: bool,
    /// Processes that have nothing to do any more, until they have ended.
    leaving: Vec<ProcessId>,
}

impl Default for SyncDaemons {
    fn default() -> Self {
        SyncDaemons {
            line: None,
            told: Some(Wish::default()),
            answered: true,
            leaving: Vec::new(),
        }
    }
}

impl SyncDaemons {
    /// These daemons shall run with these settings; none without settings. `source` is for the line of the process that is started then.
    pub fn want<T: Copy + PartialEq>(
        &mut self,
        settings: Option<&SyncSettings>,
        roles: &[SyncRole],
        namespace: &IpvsNamespace,
        (events, source): (&mut Loop<T>, T),
    ) {
        let wish = Wish {
            settings: settings.cloned(),
            master: settings.is_some() && roles.contains(&SyncRole::Master),
            backup: settings.is_some() && roles.contains(&SyncRole::Backup),
        };
        if self.told.as_ref() == Some(&wish) {
            return;
        }
        if self.line.is_none() {
            let started = start(namespace).and_then(|(process, line)| {
                events.add(&line, source, Want::Read)?;
                Ok((process, line))
            });
            match started {
                Ok(line) => self.line = Some(line),
                Err(error) => {
                    error!("Connections are not synchronised: {error}");
                    return;
                }
            }
        }
        let sent = self.line.as_ref().map(|(_, line)| line.send(&wish));
        match sent {
            Some(Err(error)) => {
                error!("Cannot tell the process that sees to connection synchronisation: {error}");
            }
            _ => (self.told, self.answered) = (Some(wish), false),
        }
    }

    /// The process has something to say.
    pub fn listen<T: Copy + PartialEq>(&mut self, events: &mut Loop<T>) {
        loop {
            let Some((process, line)) = &mut self.line else {
                return;
            };
            let received = line.receive();
            if let Received::Packet(Report::Done(wish) | Report::Failed(wish, _)) = &received {
                self.answered |= self.told.as_ref() == Some(wish);
            }
            match received {
                Received::Packet(Report::Done(wish)) => match wish.names() {
                    Some(names) => info!("IPVS sync daemons: {names}"),
                    None => info!("IPVS sync daemons are stopped"),
                },
                Received::Packet(Report::Failed(wish, errno)) => {
                    let names = wish.names().unwrap_or_else(|| "none".into());
                    let error = io::Error::from_raw_os_error(errno);
                    error!(
                        "IPVS sync daemons cannot be made to be {names}: {error}; {} It is tried every {} s",
                        advice(errno),
                        RETRY / 1000
                    );
                }
                Received::Nothing => return,
                Received::Gone => {
                    if self.told.take_if(|wish| wish.settings.is_some()).is_some() {
                        warn!("The process that sees to connection synchronisation has ended");
                    }
                    self.leaving.push(*process);
                    let _ = events.remove(line);
                    self.line = None;
                }
            }
        }
    }

    /// Whether nothing is under way: a process that has not begun when this one ends does nothing any more.
    pub fn is_settled(&self) -> bool {
        self.line.is_none() || self.answered
    }

    /// Takes leave of processes that have ended.
    pub fn reap(&mut self) {
        self.leaving.retain(|process| !process::has_ended(*process));
    }
}

fn advice(errno: i32) -> &'static str {
    match errno {
        libc::ENOENT => "this kernel has no IPVS: modprobe ip_vs.",
        libc::ENODEV | libc::EADDRNOTAVAIL => {
            "the interface of lvs_sync_daemon has to be there, with an address."
        }
        libc::EINVAL => "servers of another family than their service cannot be synchronised.",
        libc::EPERM => "CAP_NET_ADMIN on the host itself is needed.",
        _ => "see lvs_sync_daemon.",
    }
}

impl Wish {
    fn roles(&self) -> impl Iterator<Item = SyncRole> {
        let both = [
            (self.master, SyncRole::Master),
            (self.backup, SyncRole::Backup),
        ];
        both.into_iter()
            .filter(|(wanted, _)| *wanted)
            .map(|(_, role)| role)
    }

    fn names(&self) -> Option<String> {
        let settings = self.settings.as_ref()?;
        let names: Vec<&str> = self
            .roles()
            .map(|role| match role {
                SyncRole::Master => "master",
                SyncRole::Backup => "backup",
            })
            .collect();
        let (interface, id) = (&settings.interface, settings.id);
        (!names.is_empty()).then(|| format!("{} on {interface}, id {id}", names.join(" and ")))
    }
}

fn start(namespace: &IpvsNamespace) -> io::Result<(ProcessId, Line)> {
    let (ours, theirs) = pair()?;
    match process::fork()? {
        Fork::Parent(process) => Ok((process, ours)),
        // Signals stay held back: the end of the line is what ends it.
        Fork::Child(_held) => {
            let entered = match namespace {
                IpvsNamespace::Same => Ok(()),
                IpvsNamespace::Original => process::enter_original_network_namespace(),
                IpvsNamespace::Named(name) => process::enter_network_namespace(name),
            };
            process::close_all_but(theirs.as_raw_fd());
            process::set_name(NAME);
            let end = entered
                .and_then(|()| Netlink::open(GENERIC, &[]))
                .and_then(|socket| serve(theirs, socket));
            process::exit_at_once(i32::from(end.is_err()))
        }
    }
}

/// Does what is wanted last until nobody listens.
fn serve(mut line: End<Report, Wish>, mut socket: Netlink) -> io::Result<()> {
    let (mut wanted, mut told) = (None, None);
    let mut failed = false;
    loop {
        let timeout = if failed {
            PollTimeout::from(RETRY)
        } else {
            PollTimeout::NONE
        };
        poll(&mut [PollFd::new(line.as_fd(), PollFlags::POLLIN)], timeout)?;
        let gone = loop {
            match line.receive() {
                // Each is answered, also when nothing has come of those before it.
                Received::Packet(wish) => (wanted, told) = (Some(wish), None),
                Received::Nothing => break false,
                Received::Gone => break true,
            }
        };
        if let Some(wish) = &wanted {
            let report = match apply(&mut socket, wish) {
                Ok(()) => Report::Done(wish.clone()),
                Err(error) => {
                    let errno = error.raw_os_error().unwrap_or(libc::EIO);
                    Report::Failed(wish.clone(), errno)
                }
            };
            failed = matches!(report, Report::Failed(..));
            if told.as_ref() != Some(&report) {
                // When nobody listens any more, nobody needs to know.
                let _ = line.send(&report);
                told = Some(report);
            }
        }
        if gone {
            return Ok(());
        }
    }
}

fn apply(socket: &mut Netlink, wish: &Wish) -> io::Result<()> {
    let mut family = None;
    ask(socket, &ipvs::resolve(0), |message| {
        if let Message::Family(number) = message {
            family = Some(number);
        }
    })?;
    let family = family.ok_or(io::Error::from_raw_os_error(libc::ENOENT))?;
    let mut running = Vec::new();
    let dump = ipvs::datagram(family, &[(0, Request::DumpDaemons)]);
    ask(socket, &dump, |message| {
        if let Message::Daemon(daemon) = message {
            running.push(daemon);
        }
    })?;
    let settings = wish.settings.as_ref();
    let wanted: Vec<_> = settings
        .into_iter()
        .flat_map(|settings| wish.roles().map(|role| ipvs::sync_daemon(settings, role)))
        .collect();
    for request in ipvs::sync_steps(&running, &wanted) {
        ask(socket, &ipvs::datagram(family, &[(0, request)]), drop)?;
    }
    Ok(())
}

/// Sends a request and reads what is answered: the kernel has done so when it was sent.
fn ask(socket: &mut Netlink, bytes: &[u8], mut hear: impl FnMut(Message)) -> io::Result<()> {
    socket.send(bytes)?;
    let mut result = Ok(());
    loop {
        match socket.receive()? {
            netlink::Received::Messages(bytes) => {
                for received in ipvs::decode(bytes).flatten() {
                    match received.message {
                        Message::Answer { errno, .. } | Message::Done(errno) if errno != 0 => {
                            result = Err(io::Error::from_raw_os_error(errno));
                        }
                        message => hear(message),
                    }
                }
            }
            netlink::Received::Overrun => {}
            netlink::Received::Nothing => return result,
        }
    }
}
