//! The transport of netlink: bytes to and from the kernel. What they mean is `kernel`'s.
//!
//! Only messages of the kernel itself are let through: any process of the host may write to a netlink socket.

use super::socket::{
    limited_receive_buffer, open, option, receive_buffer, send_buffer, set_option, zeroed,
};
use super::{check, check_size};
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Datagrams read by one system call: of a burst of events each is small, and asking for each is most of what it costs.
const SLOTS: usize = 8;
/// The kernel makes dump replies as large as the reader's buffer, up to 32 KiB; one message of any other kind is far smaller.
const SLOT: usize = 32 * 1024;

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// One or more messages of the kernel, each with its `nlmsghdr`.
    Messages(&'a [u8]),
    /// Events were lost: what is known of the kernel's state has to be asked for anew.
    Overrun,
    /// Nothing (more) to read.
    Nothing,
}

/// A netlink socket.
pub struct Netlink {
    fd: OwnedFd,
    port: u32,
    buffer: Vec<u8>,
    /// Of `buffer`, the room for one datagram: a slot, or all once a datagram did not fit into one.
    room: usize,
    read: Batch,
}

/// What one system call brought, in the order of its arrival.
#[derive(Default)]
struct Batch {
    lengths: [Length; SLOTS],
    count: usize,
    next: usize,
    /// There was nothing after it.
    was_last: bool,
}

impl Netlink {
    /// A socket of a family (`NETLINK_ROUTE` ...) that also hears the given multicast groups (`RTNLGRP_LINK` ...).
    pub fn open(family: libc::c_int, groups: &[u32]) -> io::Result<Self> {
        let fd = open(libc::AF_NETLINK, libc::SOCK_RAW, family)?;
        // Kernels older than these options answer without the comfort they ask for.
        for option in [
            libc::NETLINK_EXT_ACK,
            libc::NETLINK_CAP_ACK,
            libc::NETLINK_GET_STRICT_CHK,
        ] {
            let _ = set_option(&fd, libc::SOL_NETLINK, option, 1);
        }
        // SAFETY: an all-zero sockaddr_nl is valid, and asks the kernel to choose our port.
        let mut address: libc::sockaddr_nl = unsafe { zeroed() };
        address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
        // SAFETY: the address outlives the call, with its size.
        check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), ADDRESS_SIZE) })?;
        let mut size = ADDRESS_SIZE;
        // SAFETY: the kernel fills in at most the size of the address; both outlive the call.
        check(unsafe {
            libc::getsockname(fd.as_raw_fd(), (&raw mut address).cast(), &raw mut size)
        })?;
        let netlink = Netlink {
            fd,
            port: address.nl_pid,
            buffer: vec![0; SLOTS * SLOT],
            room: SLOT,
            read: Batch::default(),
        };
        netlink.join(groups)?;
        Ok(netlink)
    }

    /// The number by which the kernel tells our requests from those of others.
    pub fn port(&self) -> u32 {
        self.port
    }

    /// Lets so many bytes wait to be read, past the system's limit only when that is forced; gives how many were granted.
    pub fn resize(&self, bytes: usize, force: bool) -> io::Result<usize> {
        if force {
            receive_buffer(&self.fd, bytes)?;
        } else {
            limited_receive_buffer(&self.fd, bytes)?;
        }
        let doubled = option(&self.fd, libc::SOL_SOCKET, libc::SO_RCVBUF)?;
        Ok(usize::try_from(doubled / 2).unwrap_or(0))
    }

    /// Lets a datagram of so many bytes be sent.
    pub fn make_room(&self, bytes: usize) -> io::Result<()> {
        let granted = option(&self.fd, libc::SOL_SOCKET, libc::SO_SNDBUF)?;
        if usize::try_from(granted).is_ok_and(|granted| granted / 2 > bytes) {
            return Ok(());
        }
        // The kernel doubles it, which is room enough for what it keeps with each datagram.
        send_buffer(&self.fd, bytes)
    }

    /// Hears these multicast groups too.
    pub fn join(&self, groups: &[u32]) -> io::Result<()> {
        self.membership(libc::NETLINK_ADD_MEMBERSHIP, groups)
    }

    /// Hears these multicast groups no more.
    pub fn leave(&self, groups: &[u32]) -> io::Result<()> {
        self.membership(libc::NETLINK_DROP_MEMBERSHIP, groups)
    }

    fn membership(&self, change: libc::c_int, groups: &[u32]) -> io::Result<()> {
        for &group in groups {
            let group = libc::c_int::try_from(group)
                .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
            set_option(&self.fd, libc::SOL_NETLINK, change, group)?;
        }
        Ok(())
    }

    /// Hands the kernel one datagram of one or more messages. All of it or, on an error, nothing; requests are carried out within
    /// the call, answers are read later.
    pub fn send(&self, messages: &[u8]) -> io::Result<()> {
        // SAFETY: as in `open`; port 0 is the kernel.
        let mut address: libc::sockaddr_nl = unsafe { zeroed() };
        address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
        // SAFETY: messages and address outlive the call, with their lengths.
        check_size(unsafe {
            libc::sendto(
                self.fd.as_raw_fd(),
                messages.as_ptr().cast(),
                messages.len(),
                0,
                (&raw const address).cast(),
                ADDRESS_SIZE,
            )
        })?;
        Ok(())
    }

    /// Gives one datagram. To be called until `Nothing`.
    pub fn receive(&mut self) -> io::Result<Received<'_>> {
        let (place, length) = loop {
            let place = self.read.next;
            match self.read.lengths.get(place) {
                Some(length) if place < self.read.count => {
                    self.read.next += 1;
                    match *length {
                        Length::Foreign => continue,
                        Length::Whole(length) => break (place, length),
                        // What was cut away cannot be had again but by asking anew, and what came after it is asked for, too.
                        Length::Cut => {
                            self.room = self.buffer.len();
                            self.read = Batch::default();
                            return Ok(Received::Overrun);
                        }
                    }
                }
                _ if std::mem::take(&mut self.read.was_last) => return Ok(Received::Nothing),
                _ => {}
            }
            if let Err(error) = self.read() {
                match error.raw_os_error() {
                    Some(libc::EAGAIN) => return Ok(Received::Nothing),
                    Some(libc::ENOBUFS) => return Ok(Received::Overrun),
                    Some(libc::EINTR) => {}
                    _ => return Err(error),
                }
            }
        };
        let datagram = self.buffer.chunks(self.room).nth(place).unwrap_or_default();
        Ok(Received::Messages(
            datagram.get(..length).unwrap_or(datagram),
        ))
    }

    /// Takes what waits, as much as there is room for.
    fn read(&mut self) -> io::Result<()> {
        self.read = Batch::default();
        // SAFETY: all-zero values of these C structs are valid; they are filled in below.
        let mut addresses: [libc::sockaddr_nl; SLOTS] = unsafe { zeroed() };
        // SAFETY: as above.
        let mut parts: [libc::iovec; SLOTS] = unsafe { zeroed() };
        // SAFETY: as above.
        let mut headers: [libc::mmsghdr; SLOTS] = unsafe { zeroed() };
        let mut rooms: libc::c_uint = 0;
        let slots = self.buffer.chunks_mut(self.room).zip(&mut headers);
        for (((slot, header), part), address) in slots.zip(&mut parts).zip(&mut addresses) {
            *part = libc::iovec {
                iov_base: slot.as_mut_ptr().cast(),
                iov_len: slot.len(),
            };
            header.msg_hdr.msg_name = (&raw mut *address).cast();
            header.msg_hdr.msg_namelen = ADDRESS_SIZE;
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
            rooms += 1;
        }
        // SAFETY: each of the headers points at an address, an iovec and through it at its part of the buffer; all outlive the call.
        let count = check(unsafe {
            libc::recvmmsg(
                self.fd.as_raw_fd(),
                headers.as_mut_ptr(),
                rooms,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        })?;
        self.read.count = usize::try_from(count).unwrap_or(0);
        // The kernel ends a reading early when nothing more waits, or at an error, which wakes us once more.
        self.read.was_last = count.cast_unsigned() < rooms;
        for ((length, header), address) in
            self.read.lengths.iter_mut().zip(&headers).zip(&addresses)
        {
            let from_kernel = header.msg_hdr.msg_namelen == ADDRESS_SIZE && address.nl_pid == 0;
            *length = if !from_kernel {
                Length::Foreign
            } else if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
                Length::Cut
            } else {
                Length::Whole(usize::try_from(header.msg_len).unwrap_or(0))
            };
        }
        Ok(())
    }
}

impl AsRawFd for Netlink {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

#[derive(Clone, Copy, Default)]
enum Length {
    /// Not of the kernel.
    #[default]
    Foreign,
    Whole(usize),
    Cut,
}

const ADDRESS_SIZE: libc::socklen_t = size_of::<libc::sockaddr_nl>() as libc::socklen_t;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_another_process_is_not_let_through() {
        let mut ours = Netlink::open(libc::NETLINK_ROUTE, &[]).expect("a socket");
        let theirs = Netlink::open(libc::NETLINK_ROUTE, &[]).expect("a socket");
        // SAFETY: all-zero is valid.
        let mut address: libc::sockaddr_nl = unsafe { zeroed() };
        address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
        address.nl_pid = ours.port();
        // SAFETY: the bytes and the address outlive the call. Either the kernel refuses it to us (no CAP_NET_ADMIN) or `receive` must.
        let _ = unsafe {
            libc::sendto(
                theirs.as_raw_fd(),
                [0u8; 16].as_ptr().cast(),
                16,
                0,
                (&raw const address).cast(),
                ADDRESS_SIZE,
            )
        };
        assert_eq!(ours.receive().expect("receive"), Received::Nothing);
    }

    /// nlmsghdr (length, RTM_GETLINK, flags, sequence, port 0) and an empty ifinfomsg.
    fn about_links(flags: libc::c_int, sequence: u32) -> Vec<u8> {
        let mut request = vec![0u8; 32];
        request[0..4].copy_from_slice(&32u32.to_ne_bytes());
        request[4..6].copy_from_slice(&libc::RTM_GETLINK.to_ne_bytes());
        request[6..8].copy_from_slice(&((libc::NLM_F_REQUEST | flags) as u16).to_ne_bytes());
        request[8..12].copy_from_slice(&sequence.to_ne_bytes());
        request
    }

    /// The sequence numbers of what waits, until there is nothing more.
    fn waiting(netlink: &mut Netlink) -> Vec<u32> {
        let mut sequences = Vec::new();
        while let Received::Messages(bytes) = netlink.receive().expect("receive") {
            let number = bytes[8..12].try_into().expect("four bytes");
            sequences.push(u32::from_ne_bytes(number));
        }
        sequences
    }

    #[test]
    fn all_that_waits_is_given_once_and_in_order() {
        let mut netlink = Netlink::open(libc::NETLINK_ROUTE, &[]).expect("a socket");
        for count in [0, 1, 7, 8, 9, 16, 27] {
            // There is no link of index 0: each of them is answered with an error.
            for sequence in 0..count {
                netlink.send(&about_links(0, sequence)).expect("send");
            }
            let expected: Vec<u32> = (0..count).collect();
            assert_eq!(waiting(&mut netlink), expected);
        }
    }

    #[test]
    fn what_does_not_fit_is_told_of_and_fits_the_next_time() {
        let mut netlink = Netlink::open(libc::NETLINK_ROUTE, &[]).expect("a socket");
        netlink.room = 16;
        netlink
            .send(&about_links(libc::NLM_F_DUMP, 1))
            .expect("send");
        assert_eq!(netlink.receive().expect("receive"), Received::Overrun);
        while netlink.receive().expect("receive") != Received::Nothing {}
        netlink.send(&about_links(0, 2)).expect("send");
        assert_eq!(waiting(&mut netlink), [2]);
    }

    #[test]
    fn the_kernel_answers_a_dump_of_links() {
        let mut netlink = Netlink::open(libc::NETLINK_ROUTE, &[]).expect("a socket");
        netlink
            .send(&about_links(libc::NLM_F_DUMP, 1))
            .expect("send");
        match netlink.receive().expect("receive") {
            Received::Messages(bytes) => assert_eq!(bytes[4..6], libc::RTM_NEWLINK.to_ne_bytes()),
            other => panic!("{other:?}"),
        }
    }
}
