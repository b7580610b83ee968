//! What a role and its runner tell each other, over one pair of packet sockets: a request or an answer a packet.

use crate::config::model::{Command, InitFile, NetlinkBuffer, ProcessMatch};
use crate::notify::mail::{Envelope, Left, MailId, Notice, Outlet};
use crate::os::process::{self, ProcessId};
use crate::time::Instant;
use crate::track::census::WatchId;
use crate::track::file::{FileId, Reading};
pub use crate::track::script::Outcome;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, getsockopt, send, setsockopt, socketpair, sockopt,
};
use nix::unistd::{Pid, getpid, getppid};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, ErrorKind};
use std::marker::PhantomData;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

/// A program that runs, by the number its role gave it; no other run has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RunId {
    /// Of a script that is tracked.
    Script(u64),
    /// Of a program that is told of an event.
    Notify(u64),
    /// Of one that reads a FIFO.
    Reader(u64),
}

impl RunId {
    /// Whether nobody needs it when the role has gone: who takes the role's place starts its own. Who is told of an event hears it out.
    pub fn ends_with_role(self) -> bool {
        !matches!(self, RunId::Notify(_))
    }
}

/// The longest packet, bytes: a command line that the kernel takes is not longer.
const PACKET_MAX: usize = 128 * 1024;
/// So much of a socket's buffer the kernel keeps from a packet, at most.
const BUFFER_SPARE: usize = 64;

/// A program whose runner is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orphan {
    /// Its process.
    pub process: ProcessId,
    /// When the runner was found to be gone, as `os::family::ticks` has it: who began later is somebody else.
    pub at: u64,
}

/// What a role wants of its runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Run this program, and end it with everything it started when it takes longer than `limit`.
    Run {
        /// Not in use for another program that runs.
        id: RunId,
        /// Which program, and as whom.
        command: Command,
        /// `None` = for as long as it likes.
        limit: Option<Duration>,
    },
    /// End this program with everything it started.
    End(RunId),
    /// This program was begun by a runner that is gone, as this process; tell when it ends, and end it when it is still there then.
    Adopt(RunId, Orphan, Option<Instant>),
    /// About a file with a number.
    File(FileId, FileRequest),
    /// About processes that are counted.
    Process(ProcessRequest),
    /// Hand this in with a mail server; `Mail` answers tell what becomes of it, and `Left` what is still to be done.
    Mail(MailId, Envelope),
    /// Mail that waits goes there from now on.
    Outlet(Outlet),
    /// Say so, if nothing holds you up.
    AreYouAlive,
}

/// What is wanted, as it stands behind "Cannot".
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Run { command, .. } => write!(f, "run {}", command.program.display()),
            Request::End(_) => f.write_str("end a program"),
            Request::Adopt(_, orphan, _) => write!(f, "look after process {}", orphan.process),
            Request::File(_, FileRequest::Watch(path, _)) => {
                write!(f, "watch the file {}", path.display())
            }
            Request::Process(ProcessRequest::Watch(_, matching, _)) => {
                let (ProcessMatch::Name(name) | ProcessMatch::Command { program: name, .. }) =
                    matching;
                write!(f, "count processes of {}", String::from_utf8_lossy(name))
            }
            Request::Process(ProcessRequest::Buffer(_)) => {
                f.write_str("size the buffer of what the kernel tells of processes")
            }
            Request::File(_, FileRequest::Forget) | Request::Process(ProcessRequest::Forget(_)) => {
                f.write_str("stop watching")
            }
            Request::Mail(_, envelope) => write!(f, "mail '{}'", envelope.subject),
            Request::Outlet(outlet) => {
                let server = &outlet.server;
                write!(f, "mail by [{}]:{}", server.host, server.port)
            }
            Request::AreYouAlive => f.write_str("look after the process that runs programs"),
        }
    }
}

/// What a role wants of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileRequest {
    /// Tell what it says, now and whenever that changes; write it first when there is something to write.
    Watch(PathBuf, Option<InitFile>),
    /// Tell no more.
    Forget,
}

/// What a role wants of the processes of this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProcessRequest {
    /// Tell how many there are of these, now and whenever that changes: at once when the number enters or leaves these limits, else
    /// within a second.
    Watch(WatchId, ProcessMatch, (u32, u32)),
    /// Tell no more.
    Forget(WatchId),
    /// So much may wait to be read where the kernel tells of them.
    Buffer(Option<NetlinkBuffer>),
}

/// What was found out about processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Counted {
    /// So many there are.
    Count(WatchId, u32),
    /// The kernel tells nothing of them, so that all are looked at again and again; why, as an errno, or 0.
    Looked(i32),
}

/// What a runner tells its role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// This run has begun, as the process of this number (`Announcement`).
    Began(RunId, [u8; size_of::<ProcessId>()]),
    /// This run takes longer than it may; it is being ended, and `Ended` follows.
    Late(RunId),
    /// This run is over.
    Ended(RunId, Outcome),
    /// This is what a file that is watched says.
    File(FileId, Reading),
    /// This is what is known of processes.
    Process(Counted),
    /// About mail.
    Mail(Notice),
    /// So much is left of a mail.
    Left(Left),
    /// This mail is being sent from now on; none is.
    Sending(Option<MailId>),
    /// As was asked.
    Alive,
}

/// `Began`, as the program's own process sends it before it becomes the program. So the role, when its runner has gone and it has heard
/// that out (`End::hear_out`), knows of every program that has begun or will.
pub struct Announcement<'a> {
    line: BorrowedFd<'a>,
    packed: Vec<u8>,
    runner: Pid,
}

impl Announcement<'_> {
    /// Sends it, when there is room for it. Makes system calls only.
    ///
    /// # Errors
    /// `ESRCH`: the runner has gone or hangs, and the role hears no more of it; it has the program begun by another. A role that has
    /// gone need not know.
    pub fn send(&mut self) -> io::Result<()> {
        let process = std::process::id().to_ne_bytes();
        // It stands last, and is as long packed as not.
        let place = self.packed.len().saturating_sub(process.len());
        if let Some(last) = self.packed.get_mut(place..) {
            last.copy_from_slice(&process);
        }
        loop {
            match send(self.line.as_raw_fd(), &self.packed, MsgFlags::MSG_NOSIGNAL) {
                Err(Errno::EAGAIN) => self.wait_for_room()?,
                Err(_) if getppid() != self.runner || self.role_is_there() => {
                    return Err(Errno::ESRCH.into());
                }
                _ => return Ok(()),
            }
        }
    }

    /// Whether the other end is open, though nobody may hear there any more.
    fn role_is_there(&self) -> bool {
        let mut asked = [PollFd::new(self.line, PollFlags::empty())];
        poll(&mut asked, PollTimeout::ZERO).is_ok_and(|hung_up| hung_up == 0)
    }

    fn wait_for_room(&self) -> io::Result<()> {
        let mut asked = [PollFd::new(self.line, PollFlags::POLLOUT)];
        match poll(&mut asked, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// How a program went whose process ended like this; `failure`: it did not become the program (`Launcher::failure`).
pub fn outcome(end: process::End, failure: Option<i32>) -> Outcome {
    match (failure, end) {
        (Some(errno), _) => Outcome::NotStarted(errno),
        (None, process::End::Status(status)) => Outcome::Exited(status),
        (None, process::End::Signal(signal)) => Outcome::Killed(signal),
    }
}

/// One end of the line: sends `S`, receives `R`. Never blocks.
pub struct End<S, R> {
    socket: UnixDatagram,
    buffer: Vec<u8>,
    kinds: PhantomData<fn(S) -> R>,
}

/// The role's end.
pub type ToRunner = End<Request, Answer>;
/// The runner's end.
pub type ToRole = End<Answer, Request>;

/// A new pair of ends.
pub fn pair<S, R>() -> io::Result<(End<S, R>, End<R, S>)>
where
    S: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned,
{
    // Of the kinds that keep packets apart the only one that tells when the other end has gone.
    let (role, runner) = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
    )?;
    for end in [&role, &runner] {
        // Whoever may not exceed the system's limit gets what that allows: `End::longest`.
        if setsockopt(end, sockopt::SndBufForce, &PACKET_MAX).is_err() {
            let _ = setsockopt(end, sockopt::SndBuf, &PACKET_MAX);
        }
    }
    Ok((End::new(role.into()), End::new(runner.into())))
}

/// A packet as it goes over the line.
///
/// # Errors
/// `ArgumentListTooLong`: it does not go over it.
pub fn pack(packet: &impl Serialize) -> io::Result<Vec<u8>> {
    let packed = postcard::to_allocvec(packet).map_err(io::Error::other)?;
    if packed.len() > PACKET_MAX {
        return Err(ErrorKind::ArgumentListTooLong.into());
    }
    Ok(packed)
}

/// What was found at an end of the line.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<R> {
    /// This.
    Packet(R),
    /// Nothing (now).
    Nothing,
    /// The other process has gone.
    Gone,
}

impl<S: Serialize, R: DeserializeOwned> End<S, R> {
    fn new(socket: UnixDatagram) -> Self {
        End {
            socket,
            buffer: Vec::new(),
            kinds: PhantomData,
        }
    }

    /// Sends a packet.
    ///
    /// # Errors
    /// `ArgumentListTooLong`, and what `send_packed` says.
    pub fn send(&self, packet: &S) -> io::Result<()> {
        self.send_packed(&pack(packet)?)
    }

    /// Sends a packet that was packed.
    ///
    /// # Errors
    /// `WouldBlock` when the other end has not read for long; `ArgumentListTooLong` when it never goes over this line; anything else
    /// when the other end has gone.
    pub fn send_packed(&self, packed: &[u8]) -> io::Result<()> {
        let sent = self.socket.send(packed).map(drop);
        sent.map_err(|error| match error.raw_os_error() {
            Some(libc::EMSGSIZE) => ErrorKind::ArgumentListTooLong.into(),
            _ => error,
        })
    }

    /// The longest packet that goes over this line.
    pub fn longest(&self) -> usize {
        let buffer = getsockopt(&self.socket, sockopt::SndBuf).unwrap_or_default();
        PACKET_MAX.min(buffer.saturating_sub(BUFFER_SPARE))
    }

    /// Whether there is plenty of room now.
    pub fn has_room(&self) -> bool {
        let mut asked = [PollFd::new(self.as_fd(), PollFlags::POLLOUT)];
        poll(&mut asked, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    /// The other process has gone, or hangs: what it and its children have said is received yet, and then that it is `Gone`; from now on they can
    /// say no more, though a child may hold the other end for long.
    pub fn hear_out(&self) {
        // What is no longer connected has nothing to say.
        let _ = self.socket.shutdown(Shutdown::Read);
    }

    /// The next packet.
    pub fn receive(&mut self) -> Received<R> {
        self.buffer.resize(PACKET_MAX, 0);
        loop {
            let length = match self.socket.recv(&mut self.buffer) {
                Ok(0) => return Received::Gone,
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Received::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // It went with something unread; what it said before comes next, and then the end.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => continue,
                Err(_) => return Received::Gone,
            };
            // Both ends are the same program: what cannot be read was cut off by the kernel, and is no packet.
            if let Ok(packet) = postcard::from_bytes(self.buffer.get(..length).unwrap_or_default())
            {
                return Received::Packet(packet);
            }
        }
    }
}

impl ToRole {
    /// What the process of this run is to send when it has begun.
    pub fn announcement(&self, id: RunId) -> io::Result<Announcement<'_>> {
        Ok(Announcement {
            line: self.as_fd(),
            packed: pack(&Answer::Began(id, Default::default()))?,
            runner: getpid(),
        })
    }
}

impl<S, R> AsFd for End<S, R> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<S, R> AsRawFd for End<S, R> {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever goes with something unread is found to have been cut off; what it said before that is heard all the same.
    #[test]
    fn what_was_said_before_the_end_is_heard() {
        let (mut role, runner): (ToRunner, ToRole) = pair().expect("a line");
        let answers =
            [RunId::Notify(1), RunId::Reader(2)].map(|id| Answer::Ended(id, Outcome::Exited(0)));
        for answer in &answers {
            runner.send(answer).expect("room");
        }
        role.send(&Request::End(RunId::Notify(3))).expect("room");
        drop(runner);
        for answer in answers {
            assert_eq!(role.receive(), Received::Packet(answer));
        }
        assert_eq!(role.receive(), Received::Gone);
    }

    #[test]
    fn what_is_too_long_is_told_from_what_has_to_wait() {
        let (role, _runner): (ToRunner, ToRole) = pair().expect("a line");
        let longest = role.longest();
        assert!(role.send_packed(&vec![0; longest]).is_ok());
        // More than any buffer: `pack` lets none of these pass.
        let error = role.send_packed(&vec![0; PACKET_MAX * 8]);
        let kind = error.expect_err("too long").kind();
        assert_eq!(kind, ErrorKind::ArgumentListTooLong);
        let full = loop {
            if let Err(error) = role.send_packed(&[0]) {
                break error.kind();
            }
        };
        assert_eq!(full, ErrorKind::WouldBlock);
        assert!(!role.has_room());
    }

    #[test]
    fn a_program_announces_its_own_process() {
        let (mut role, runner): (ToRunner, ToRole) = pair().expect("a line");
        let id = RunId::Notify(u64::MAX);
        let mut announcement = runner.announcement(id).expect("short");
        // As if this were the child.
        announcement.runner = getppid();
        announcement.send().expect("room");
        let own = std::process::id().to_ne_bytes();
        assert_eq!(role.receive(), Received::Packet(Answer::Began(id, own)));
        role.send(&Request::End(id)).expect("room");
        drop(role);
        assert!(announcement.send().is_ok(), "nobody need know");
        assert!(runner.has_room(), "nothing is waited for");
    }

    /// Whoever has announced itself is known, whoever has not begins nothing: no program is begun twice or by nobody.
    #[test]
    fn who_outlives_a_runner_that_was_heard_out_does_not_begin() {
        let (mut role, runner): (ToRunner, ToRole) = pair().expect("a line");
        let [heard, late] = [RunId::Notify(1), RunId::Notify(2)].map(|id| {
            let mut announcement = runner.announcement(id).expect("short");
            announcement.runner = getppid();
            (id, announcement)
        });
        let (id, mut announcement) = heard;
        announcement.send().expect("room");
        role.hear_out();
        let (_, mut announcement) = late;
        for (runner, what) in [(getppid(), "hangs"), (Pid::from_raw(1 << 30), "gone")] {
            announcement.runner = runner;
            let errno = announcement.send().expect_err(what).raw_os_error();
            assert_eq!(errno, Some(libc::ESRCH), "{what}");
        }
        let own = std::process::id().to_ne_bytes();
        assert_eq!(role.receive(), Received::Packet(Answer::Began(id, own)));
        assert_eq!(role.receive(), Received::Gone);
    }
}
