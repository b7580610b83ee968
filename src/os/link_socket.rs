//! The AF_PACKET socket for frames that we only send: gratuitous ARP. Its protocol is 0, so that it receives nothing and costs
//! other traffic nothing. One serves all interfaces.

use super::check;
use super::socket::{open, set_option, zeroed};
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Frames that one system call may take.
const BATCH: usize = 64;
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
        let count = frames.len().min(BATCH);
        // SAFETY: all-zero addresses, iovecs and headers are valid; they are filled in below.
        let mut addresses: [libc::sockaddr_ll; BATCH] = unsafe { zeroed() };
        // SAFETY: as above.
        let mut parts: [libc::iovec; BATCH] = unsafe { zeroed() };
        // SAFETY: as above.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
        let places = addresses.iter_mut().zip(&mut parts).zip(&mut headers);
        for (((address, part), header), frame) in places.zip(frames) {
            address.sll_family = libc::AF_PACKET as libc::c_ushort;
            address.sll_ifindex = libc::c_int::try_from(frame.interface).unwrap_or(0);
            *part = libc::iovec {
                iov_base: frame.bytes.as_ptr().cast_mut().cast(),
                iov_len: frame.bytes.len(),
            };
            header.msg_hdr.msg_name = (&raw mut *address).cast();
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: each header points at one address and one iovec, and that at the bytes of its frame, which the kernel only
        // reads; all outlive the call.
        let sent = check(unsafe {
            libc::sendmmsg(
                self.0.as_raw_fd(),
                headers.as_mut_ptr(),
                count as libc::c_uint,
                libc::MSG_DONTWAIT,
            )
        })?;
        Ok(usize::try_from(sent).unwrap_or(0))
    }
}

impl AsRawFd for LinkSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
