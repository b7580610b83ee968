//! One connection and the dialogue over it, from the first packet to the verdict. When it is looked at again, and how long it may take,
//! is decided by whoever holds it: the checker process, which has thousands, and genhash, which has one.

use crate::check::dialogue::{Dialogue, Failure, Step, Verdict};
use crate::os::check_socket::{CheckSocket, Origin, Progress, Refusal, Transport};
use crate::os::poll::{Ready, Want};
use crate::time::Instant;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

/// Bytes read at once; one datagram is not longer.
pub(super) const READ_SIZE: usize = 64 * 1024;
/// Reads from one connection in one turn: a server that talks without end must not delay the checks of others.
const READS_PER_TURN: usize = 8;
/// A server may take the time for an answer so many times in all, whatever it says meanwhile.
const ANSWERS_MAX: u32 = 10;

/// A connection.
pub(super) struct Flight {
    socket: CheckSocket,
    transport: Transport,
    dialogue: Box<dyn Dialogue>,
    connected: bool,
    /// What is still to be sent.
    out: Vec<u8>,
    limit: Duration,
    /// It is over then, whatever is said.
    last: Instant,
}

/// What came of looking at a connection.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// It is over.
    pub verdict: Option<Verdict>,
    /// There may be more to read.
    pub more: bool,
    /// Something was said: the time for an answer begins anew.
    pub heard: bool,
}

impl Flight {
    /// Connects. The verdict, if that was all. `limit` is the time for the connection, and for each answer.
    pub fn begin(
        transport: Transport,
        (to, from): (SocketAddr, Origin<'_>),
        dialogue: Box<dyn Dialogue>,
        limit: Duration,
        now: Instant,
    ) -> Result<(Self, Option<Verdict>), Refusal> {
        let (socket, progress) = CheckSocket::connect(transport, to, from)?;
        let mut flight = Flight {
            socket,
            transport,
            dialogue,
            connected: false,
            out: Vec::new(),
            limit,
            last: now + limit,
        };
        let verdict = match progress {
            Progress::Connected => flight.opened(now),
            Progress::UnderWay => None,
        };
        Ok((flight, verdict))
    }

    /// What is said over it.
    pub fn dialogue(&self) -> &dyn Dialogue {
        &*self.dialogue
    }

    /// To be waited for.
    pub fn socket(&self) -> &CheckSocket {
        &self.socket
    }

    /// What is to be waited for.
    pub fn want(&self) -> Want {
        match self.connected && self.out.is_empty() {
            true => Want::Read,
            false => Want::ReadWrite,
        }
    }

    /// When it is over unless something is heard.
    pub fn deadline(&self, now: Instant) -> Instant {
        self.last.min(now + self.limit)
    }

    /// It is ready to be read or written.
    pub fn ready<T>(&mut self, now: Instant, event: &Ready<T>, buffer: &mut [u8]) -> Seen {
        let mut seen = Seen::default();
        let (readable, writable) = (event.readable, event.writable);
        if !self.connected {
            // The reason is asked for where there is one: a question to the kernel less for each server that is up.
            let failure = event.broken.then(|| self.socket.failure()).flatten();
            seen.verdict = match failure {
                Some(errno) => Some(Err(Failure::NotConnected(errno))),
                None if writable => self.opened(now),
                None => None,
            };
            seen.heard = self.connected;
        } else if writable {
            seen.verdict = self.send();
        }
        if seen.verdict.is_none() && self.connected && readable {
            (seen.verdict, seen.more) = self.hear(buffer);
            seen.heard = true;
        }
        seen
    }

    /// Its time is over.
    pub fn expired(&mut self) -> Verdict {
        match self.connected {
            true => self.dialogue.timed_out(),
            false => Err(Failure::ConnectTimeout),
        }
    }

    /// The connection stands.
    fn opened(&mut self, now: Instant) -> Option<Verdict> {
        self.connected = true;
        let answers = match self.transport {
            Transport::Stream => ANSWERS_MAX,
            // There is one, whatever else comes meanwhile, of whomever.
            Transport::Datagram | Transport::Echo | Transport::RawEcho => 1,
        };
        self.last = now + self.limit.saturating_mul(answers);
        match self.dialogue.opened(&mut self.out) {
            Step::Done(verdict) => Some(verdict),
            Step::GoOn => self.send(),
        }
    }

    fn send(&mut self) -> Option<Verdict> {
        while !self.out.is_empty() {
            match self.socket.write(&self.out) {
                Ok(sent) => drop(self.out.drain(..sent.min(self.out.len()))),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Some(Err(broken(&error))),
            }
        }
        None
    }

    /// Reads what is there; whether there may be more.
    fn hear(&mut self, buffer: &mut [u8]) -> (Option<Verdict>, bool) {
        for _ in 0..READS_PER_TURN {
            let length = match self.socket.read(buffer) {
                Ok(0) if self.transport == Transport::Stream => {
                    return (Some(self.dialogue.ended()), false);
                }
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return (None, false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return (Some(Err(broken(&error))), false),
            };
            let bytes = buffer.get(..length).unwrap_or_default();
            let step = self.dialogue.received(bytes, &mut self.out);
            let failed = self.send();
            match step {
                // A goodbye that cannot be said changes nothing.
                Step::Done(verdict) => return (Some(verdict), false),
                Step::GoOn if failed.is_some() => return (failed, false),
                Step::GoOn => {}
            }
        }
        (None, true)
    }
}

fn broken(error: &io::Error) -> Failure {
    Failure::Broken(error.raw_os_error().unwrap_or(libc::EIO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};

    /// Waits for ever.
    struct Patient;

    impl Dialogue for Patient {
        fn opened(&mut self, _: &mut Vec<u8>) -> Step {
            Step::GoOn
        }

        fn received(&mut self, _: &[u8], _: &mut Vec<u8>) -> Step {
            Step::GoOn
        }

        fn ended(&mut self) -> Verdict {
            Err(Failure::Ended)
        }
    }

    #[test]
    fn what_is_heard_lengthens_the_time_of_streams_alone() {
        let stream = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let datagram = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let limit = Duration::from_secs(2);
        for (transport, to, longest) in [
            (Transport::Stream, stream.local_addr(), limit * ANSWERS_MAX),
            (Transport::Datagram, datagram.local_addr(), limit),
        ] {
            let (to, begun) = (to.expect("an address"), Instant(1));
            let from = (to, Origin::default());
            let flight = Flight::begin(transport, from, Box::new(Patient), limit, begun);
            let (mut flight, verdict) = flight.expect("a connection");
            assert_eq!((verdict, flight.deadline(begun)), (None, begun + limit));
            if transport == Transport::Stream {
                let event = Ready {
                    token: (),
                    readable: false,
                    writable: true,
                    broken: false,
                };
                assert!(flight.ready(begun, &event, &mut []).heard);
            }
            let late = begun + longest - Duration::from_millis(1);
            assert_eq!(flight.deadline(late), begun + longest, "{transport:?}");
        }
    }
}
