//! All links of this network namespace, asked for once and waited for: for the parent and `-t`. The VRRP process hears of links as they
//! change.

use super::netlink::{Netlink, Received};
use crate::kernel::netlink::{self, LinkReport, Message, Request};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;

/// The kernel answers at once; whoever has to wait for longer goes on without, in milliseconds.
const PATIENCE: u16 = 1000;
/// The number of the one request.
const SEQUENCE: u32 = 1;

/// Asks for them.
///
/// # Errors
/// The kernel cannot be asked, or has not told all of them.
pub fn all() -> io::Result<Vec<LinkReport>> {
    let mut socket = Netlink::open(libc::NETLINK_ROUTE, &[])?;
    let mut request = Vec::new();
    Request::DumpLinks.encode(SEQUENCE, &mut request);
    socket.send(&request)?;
    let mut links = Vec::new();
    loop {
        match socket.receive()? {
            Received::Messages(bytes) => {
                for received in netlink::decode(bytes).flatten() {
                    match received.message {
                        Message::Link(link) => links.push(link),
                        Message::Done(0) => return Ok(links),
                        Message::Done(errno) | Message::Ack(errno) => {
                            return Err(io::Error::from_raw_os_error(errno));
                        }
                        _ => {}
                    }
                }
            }
            Received::Overrun => return Err(io::ErrorKind::Interrupted.into()),
            Received::Nothing => wait(&socket)?,
        }
    }
}

fn wait(socket: &Netlink) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as the socket, which outlives the call.
    let descriptor = unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) };
    let mut readable = [PollFd::new(descriptor, PollFlags::POLLIN)];
    match poll(&mut readable, PollTimeout::from(PATIENCE))? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_among_them() {
        let links = all().expect("links");
        let lo = links
            .iter()
            .find(|link| link.name.as_deref() == Some("lo"))
            .expect("every namespace has it");
        assert!(lo.mtu.is_some() && lo.nature.base.is_none());
    }
}
