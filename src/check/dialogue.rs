//! What a check says to a server over one connection, and what it makes of the answers. No socket and no clock is here: the shell
//! connects, passes on what arrives, and ends the connection when there is a verdict.

use crate::time::Wall;
use std::fmt;

/// One connection's worth of a check. A stream delivers bytes as they come; a datagram socket, one datagram a call.
///
/// After a verdict nothing more is asked of it.
pub trait Dialogue {
    /// The connection stands (with TLS: the handshake is over). What is put in `out` is sent, for a datagram socket as one datagram.
    fn opened(&mut self, out: &mut Vec<u8>) -> Step;

    /// The server said this. What is put in `out` is sent.
    fn received(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Step;

    /// The server will say no more.
    fn ended(&mut self) -> Verdict;

    /// The time for an answer is over.
    fn timed_out(&mut self) -> Verdict {
        Err(Failure::NoAnswer)
    }

    /// When the certificate ends that the server has shown, where somebody wants to know it.
    fn certificate_end(&self) -> Option<Wall> {
        None
    }
}

/// What a dialogue wants next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// What it has put in `out` sent, and what the server says to it.
    GoOn,
    /// An end: this is what the check has found. What it has put in `out` is a goodbye, sent if it can be without waiting.
    Done(Verdict),
}

/// What a check found.
pub type Verdict = Result<(), Failure>;

/// Why a server did not pass. The wording is in `Display`, here and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection: the kernel's reason (errno).
    NotConnected(i32),
    /// No connection within the time.
    ConnectTimeout,
    /// No answer, or no end of it, within the time.
    NoAnswer,
    /// The connection ended too early.
    Ended,
    /// The connection broke: the kernel's reason (errno).
    Broken(i32),
    /// The answer is not what it has to be; what is wrong with it, in words that can end a sentence.
    Unexpected(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NotConnected(errno) => write!(f, "cannot connect: {}", reason(*errno)),
            Failure::ConnectTimeout => f.write_str("no connection in time"),
            Failure::NoAnswer => f.write_str("no answer in time"),
            Failure::Ended => f.write_str("the server closed the connection too early"),
            Failure::Broken(errno) => write!(f, "the connection broke: {}", reason(*errno)),
            Failure::Unexpected(what) => f.write_str(what),
        }
    }
}

fn reason(errno: i32) -> std::io::Error {
    std::io::Error::from_raw_os_error(errno)
}
