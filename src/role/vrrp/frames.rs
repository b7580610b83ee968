//! Gratuitous ARPs on their way out: in order, in batches, after adverts and addresses, and never waited for.

use crate::os::link_socket::{Frame, LinkSocket};
use crate::wire::arp::Arp;
use crate::wire::ethernet::{self, TYPE_ARP};
use crate::wire::ndisc::NeighbourAdvertisement;
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;

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

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Forgets what would announce an address.
    pub fn discard(&mut self, address: IpAddr) {
        self.waiting
            .retain(|frame| announced(&frame.bytes) != Some(address));
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

/// Which address a frame tells the neighbours of.
fn announced(frame: &[u8]) -> Option<IpAddr> {
    let (header, packet) = ethernet::Header::parse(frame)?;
    if header.kind == TYPE_ARP {
        return Arp::parse(packet).map(|arp| arp.sender_ip.into());
    }
    NeighbourAdvertisement::parse(packet).map(|(_, told)| told.target.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{arp, ndisc};

    #[test]
    fn a_frame_says_whom_it_announces() {
        let mac = [2, 0, 0, 0, 0, 1];
        let (four, six) = ([10, 0, 0, 1].into(), [0xfd00, 0, 0, 0, 0, 0, 0, 1].into());
        assert_eq!(announced(&arp::gratuitous(mac, four)), Some(four.into()));
        assert_eq!(announced(&ndisc::unsolicited(mac, six)), Some(six.into()));
        assert_eq!(announced(&[0; 64]), None);
    }
}
