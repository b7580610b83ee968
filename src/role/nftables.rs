//! A socket to nftables, for the roles that keep tables there. What the tables hold is the reconcilers' of `kernel`.

use crate::kernel::nft::{self, Message};
use crate::os::netlink::{Netlink, Received};
use log::{error, warn};
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// `NETLINK_NETFILTER`.
const NETFILTER: i32 = 12;
/// `NFNLGRP_NFTABLES`.
const GROUPS: [u32; 1] = [7];
/// Datagrams read in one turn.
const DATAGRAMS_PER_TURN: usize = 64;
/// `EIO`, when the system gives no number.
const UNKNOWN_ERROR: i32 = 5;

/// See the module.
pub(super) struct Nftables(Netlink);

impl Nftables {
    /// One that hears of changes, too.
    pub fn open() -> io::Result<Self> {
        Netlink::open(NETFILTER, &GROUPS).map(Nftables)
    }

    /// Hands what has come to `take`; true when there may be more.
    pub fn receive(&mut self, mut take: impl FnMut(nft::Received)) -> bool {
        let port = self.0.port();
        for _ in 0..DATAGRAMS_PER_TURN {
            match self.0.receive() {
                Ok(Received::Messages(bytes)) => {
                    for message in nft::decode(bytes) {
                        match message {
                            // What we have done ourselves.
                            Ok(told)
                                if told.port == port
                                    && matches!(told.message, Message::Removed { .. }) => {}
                            Ok(told) => take(told),
                            Err(error) => warn!("{error}"),
                        }
                    }
                }
                Ok(Received::Overrun) => take(of_ourselves(0, Message::Overrun)),
                Ok(Received::Nothing) => return false,
                Err(error) => {
                    error!("Cannot read from the nftables socket: {error}");
                    return false;
                }
            }
        }
        true
    }

    /// Hands a batch to the kernel, which carries it out within the call, so that the answer is there.
    pub fn send(&self, batch: &[u8]) -> io::Result<()> {
        self.0.send(batch)
    }

    /// The same with a batch of any length. The kernel tells each of those who hear of changes of all that is in it, which we know: it does
    /// not fit into what it keeps for us to read, and would leave no room for what others do.
    pub fn send_deaf(&self, batch: &[u8]) -> io::Result<()> {
        self.0.make_room(batch.len())?;
        self.0.leave(&GROUPS)?;
        let sent = self.0.send(batch);
        self.0.join(&GROUPS)?;
        sent
    }
}

/// What the reconciler is told when its batch cannot be handed over.
pub(super) fn not_sent(sequence: u32, error: &io::Error) -> nft::Received {
    let errno = error.raw_os_error().unwrap_or(UNKNOWN_ERROR);
    of_ourselves(sequence, Message::Answer(errno))
}

fn of_ourselves(sequence: u32, message: Message) -> nft::Received {
    nft::Received {
        sequence,
        port: 0,
        message,
    }
}

impl AsRawFd for Nftables {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
