//! Gratuitous ARPs on their way out: in order, in batches, after adverts and addresses, and never waited for.

use crate::os::link_socket::{Frame, LinkSocket};
use std::collections::VecDeque;
use std::io;

/// Frames sent in one turn of the loop, so that a burst for thousands of addresses lets packets and timers in between: each costs
/// some five microseconds.
const PER_TURN: usize = 32;
/// Frames that may wait; past that the oldest are lost, as they would be on a full link.
const WAITING_MAX: usize = 100_000;

/// What was left by `Frames::send`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing waits.
    Nothing,
    /// The turn's share was sent.
    More,
    /// The socket takes no more now.
    NoRoom,
}

/// What waits, and the socket.
pub(super) struct Frames {
    socket: LinkSocket,
    waiting: VecDeque<Frame>,
}

impl Frames {
    /// Opens the socket.
    pub fn open() -> io::Result<Self> {
        Ok(Frames {
            socket: LinkSocket::open()?,
            waiting: VecDeque::new(),
        })
    }

    /// Takes a frame over.
    pub fn push(&mut self, interface: u32, bytes: Vec<u8>) {
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Frame { interface, bytes });
    }

    /// Sends what can be sent in one turn.
    pub fn send(&mut self) -> Left {
        let mut budget = PER_TURN;
        while budget > 0 && !self.waiting.is_empty() {
            let batch = self.waiting.make_contiguous();
            let batch = batch.get(..budget).unwrap_or(batch);
            match self.socket.send(batch) {
                Ok(sent) => {
                    let sent = sent.max(1).min(self.waiting.len());
                    self.waiting.drain(..sent);
                    budget = budget.saturating_sub(sent);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Left::NoRoom,
                // This one will never go: its interface is down or gone.
                Err(_) => {
                    self.waiting.pop_front();
                    budget -= 1;
                }
            }
        }
        if self.waiting.is_empty() {
            Left::Nothing
        } else {
            Left::More
        }
    }
}
