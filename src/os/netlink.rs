//! The transport of netlink: bytes to and from the kernel. What they mean is `kernel`'s.
//!
//! Only messages of the kernel itself are let through: any process of the host may write to a netlink socket.

use super::socket::{limited_receive_buffer, open, option, receive_buffer, set_option, zeroed};
use super::{check, check_size};
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// The kernel makes dump replies as large as the reader's buffer, up to 32 KiB; one message of any other kind is far smaller.
const DATAGRAM_MAX: usize = 64 * 1024;

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
            buffer: vec![0; DATAGRAM_MAX],
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

    /// Hears these multicast groups too.
    pub fn join(&self, groups: &[u32]) -> io::Result<()> {
        for &group in groups {
            let group = libc::c_int::try_from(group)
                .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
            set_option(
                &self.fd,
                libc::SOL_NETLINK,
                libc::NETLINK_ADD_MEMBERSHIP,
                group,
            )?;
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

    /// Reads one datagram. To be called until `Nothing`.
    pub fn receive(&mut self) -> io::Result<Received<'_>> {
        let length = loop {
            match self.read() {
                Ok(Some(length)) => break length,
                // Not the kernel, or cut short: another one may follow.
                Ok(None) => continue,
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN) => return Ok(Received::Nothing),
                    Some(libc::ENOBUFS) => return Ok(Received::Overrun),
                    Some(libc::EINTR) => continue,
                    _ => return Err(error),
                },
            }
        };
        match length {
            Length::Whole(length) => Ok(Received::Messages(
                self.buffer.get(..length).unwrap_or(&self.buffer),
            )),
            // What was cut away cannot be had again but by asking anew.
            Length::Cut => Ok(Received::Overrun),
        }
    }

    fn read(&mut self) -> io::Result<Option<Length>> {
        // SAFETY: all-zero values of these C structs are valid.
        let (mut address, mut header): (libc::sockaddr_nl, libc::msghdr) =
            unsafe { (zeroed(), zeroed()) };
        let mut part = libc::iovec {
            iov_base: self.buffer.as_mut_ptr().cast(),
            iov_len: self.buffer.len(),
        };
        header.msg_name = (&raw mut address).cast();
        header.msg_namelen = ADDRESS_SIZE;
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        // SAFETY: the header points at an address, an iovec and through it at the buffer; all outlive the call.
        let length = check_size(unsafe {
            libc::recvmsg(self.fd.as_raw_fd(), &raw mut header, libc::MSG_DONTWAIT)
        })?;
        if header.msg_namelen != ADDRESS_SIZE || address.nl_pid != 0 {
            return Ok(None);
        }
        Ok(Some(if header.msg_flags & libc::MSG_TRUNC == 0 {
            Length::Whole(length)
        } else {
            Length::Cut
        }))
    }
}

impl AsRawFd for Netlink {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

enum Length {
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

    #[test]
    fn the_kernel_answers_a_dump_of_links() {
        let mut netlink = Netlink::open(libc::NETLINK_ROUTE, &[]).expect("a socket");
        // nlmsghdr (length, RTM_GETLINK, NLM_F_REQUEST|NLM_F_DUMP, sequence 1, port 0) and an empty ifinfomsg.
        let mut request = vec![0u8; 32];
        request[0..4].copy_from_slice(&32u32.to_ne_bytes());
        request[4..6].copy_from_slice(&libc::RTM_GETLINK.to_ne_bytes());
        request[6..8]
            .copy_from_slice(&((libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16).to_ne_bytes());
        request[8..12].copy_from_slice(&1u32.to_ne_bytes());
        netlink.send(&request).expect("send");
        match netlink.receive().expect("receive") {
            Received::Messages(bytes) => assert_eq!(bytes[4..6], libc::RTM_NEWLINK.to_ne_bytes()),
            other => panic!("{other:?}"),
        }
    }
}
