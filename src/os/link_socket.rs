//! The AF_PACKET socket for frames that we only send: gratuitous ARP. Its protocol is 0, so that it receives nothing and costs
//! other traffic nothing. One serves all interfaces.

use super::batch;
use super::socket::{open, set_option, zeroed};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// `TC_PRIO_INTERACTIVE`: before bulk traffic, after adverts.
const PRIORITY_INTERACTIVE: libc::c_int = 6;

/// Sends whole Ethernet frames.
pub struct LinkSocket(OwnedFd);

/// A frame and the kernel index of the interface it goes out of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Kernel index.
    pub interface: u32,
    /// From destination MAC on, without FCS.
    pub bytes: Vec<u8>,
}

impl LinkSocket {
    /// Opens the socket.
    pub fn open() -> io::Result<Self> {
        let fd = open(libc::AF_PACKET, libc::SOCK_RAW, 0)?;
        set_option(
            &fd,
            libc::SOL_SOCKET,
            libc::SO_PRIORITY,
            PRIORITY_INTERACTIVE,
        )?;
        Ok(LinkSocket(fd))
    }

    /// Sends frames in order, and says how many were taken. `Err` is about the first one: `WouldBlock` means that the queue is
    /// full and waiting helps; with any other error that frame will never go (its interface is down or gone) and is to be dropped.
    pub fn send(&self, frames: &[Frame]) -> io::Result<usize> {
        // SAFETY: addresses of this socket's family, as C has them.
        unsafe {
            batch::send(self.0.as_raw_fd(), frames, |frame: &Frame| {
                // SAFETY: an all-zero sockaddr_ll is valid.
                let mut address: libc::sockaddr_ll = zeroed();
                address.sll_family = libc::AF_PACKET as libc::c_ushort;
                address.sll_ifindex = libc::c_int::try_from(frame.interface).unwrap_or(0);
                Some((address, frame.bytes.as_slice()))
            })
        }
    }
}

impl AsRawFd for LinkSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
