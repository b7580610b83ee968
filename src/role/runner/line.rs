//! What a role and its runner tell each other, over one pair of packet sockets: a request or an answer a packet.

use crate::config::model::{Command, InitFile, NetlinkBuffer, ProcessMatch};
use crate::notify::mail::{Envelope, Left, MailId, Notice, Outlet};
use crate::track::census::WatchId;
use crate::track::file::{FileId, Reading};
pub use crate::track::script::Outcome;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind};
use std::marker::PhantomData;
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

/// The longest packet, bytes: a command line that the kernel takes is not longer, and a socket's buffer is not smaller.
const PACKET_MAX: usize = 128 * 1024;

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
    /// About a file with a number.
    File(FileId, FileRequest),
    /// About processes that are counted.
    Process(ProcessRequest),
    /// Hand this in with a mail server; `Mail` answers tell what becomes of it, and `Left` what is still to be done.
    Mail(MailId, Envelope),
    /// Mail that waits goes there from now on.
    Outlet(Outlet),
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
    /// `WouldBlock` when the other end has not read for long; anything else when it has gone.
    pub fn send_packed(&self, packed: &[u8]) -> io::Result<()> {
        self.socket.send(packed).map(drop)
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
