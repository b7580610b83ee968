//! Raw sockets for VRRP (IP protocol 112): one an interface and carrier, however many instances and groups it serves, and one of a
//! carrier that is bound to no interface and hears what is sent to any address of this host. What is different with IPv6 is in
//! vrrp_socket_v6.rs.
//!
//! Packets go in and out whole, IP header included. What we send does not come back (IP_MULTICAST_LOOP off), and groups that other
//! processes of the host joined are not heard (IP_MULTICAST_ALL off).

use super::batch::{self, BATCH};
use super::check;
use super::socket::{open, receive_buffer, send_buffer, set_option, set_option_bytes, zeroed};
use super::vrrp_socket_v6 as v6;
use crate::wire::vrrp::Family;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// IP protocol number of VRRP (RFC 3768 section 5.2.4).
pub(super) const IPPROTO_VRRP: libc::c_int = 112;
/// IP protocol number of the authentication header (RFC 2402 section 2).
const IPPROTO_AH: libc::c_int = 51;
/// `TC_PRIO_CONTROL`: the first band of the default queue, so that a full link does not hold back adverts.
const PRIORITY_CONTROL: libc::c_int = 7;
/// The same where CAP_NET_ADMIN is missing.
const PRIORITY_INTERACTIVE: libc::c_int = 6;
/// Room for one packet: 255 IPv4 addresses, IP header with options, authentication header and MAC are less than 1400 bytes; with IPv6
/// an advert is no longer than an Ethernet frame.
pub(super) const PACKET_MAX: usize = 2048;

/// What VRRP messages travel in: each needs a socket of its own to be heard. Packets with an authentication header leave by the
/// one of their family, as whole packets may be of any protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// IPv4, protocol 112.
    Ipv4,
    /// IPv6, protocol 112.
    Ipv6,
    /// IPv4, protocol 51: an authentication header (RFC 2402).
    Ah,
}

impl Carrier {
    /// All there are.
    pub const ALL: [Carrier; 3] = [Carrier::Ipv4, Carrier::Ipv6, Carrier::Ah];

    /// Which IP that is.
    pub fn family(self) -> Family {
        match self {
            Carrier::Ipv4 | Carrier::Ah => Family::V4,
            Carrier::Ipv6 => Family::V6,
        }
    }
}

impl From<Family> for Carrier {
    fn from(family: Family) -> Self {
        match family {
            Family::V4 => Carrier::Ipv4,
            Family::V6 => Carrier::Ipv6,
        }
    }
}

/// The VRRP socket of one interface and carrier.
pub struct VrrpSocket {
    fd: OwnedFd,
    index: u32,
    family: Family,
}

impl VrrpSocket {
    /// Opens the socket of the interface `name` (kernel index `index`; "" and 0 for none).
    pub fn open(carrier: Carrier, name: &str, index: u32) -> io::Result<Self> {
        let family = carrier.family();
        let fd = match carrier {
            Carrier::Ipv4 => open_v4(IPPROTO_VRRP)?,
            Carrier::Ah => open_v4(IPPROTO_AH)?,
            Carrier::Ipv6 => v6::open_v6()?,
        };
        if !name.is_empty() {
            bind_to(&fd, family, name, index)?;
        }
        set_option(&fd, libc::SOL_SOCKET, libc::SO_PRIORITY, PRIORITY_CONTROL).or_else(|_| {
            set_option(
                &fd,
                libc::SOL_SOCKET,
                libc::SO_PRIORITY,
                PRIORITY_INTERACTIVE,
            )
        })?;
        Ok(VrrpSocket { fd, index, family })
    }

    /// Lets so many bytes wait, one way and the other; the kernel grants twice of that and counts its own bookkeeping.
    pub fn resize(&self, receive: usize, send: usize) -> io::Result<()> {
        receive_buffer(&self.fd, receive)?;
        send_buffer(&self.fd, send)
    }

    /// Hears a group from now on. Joining twice is no error.
    pub fn join(&self, group: IpAddr) -> io::Result<()> {
        let joined = match group {
            IpAddr::V4(group) => set_option(
                &self.fd,
                libc::IPPROTO_IP,
                libc::IP_ADD_MEMBERSHIP,
                membership(group, self.index)?,
            ),
            IpAddr::V6(group) => {
                v6::membership(&self.fd, group, self.index, libc::IPV6_ADD_MEMBERSHIP)
            }
        };
        match joined {
            Err(error) if error.raw_os_error() == Some(libc::EADDRINUSE) => Ok(()),
            result => result,
        }
    }

    /// Hears a group no more.
    pub fn leave(&self, group: IpAddr) -> io::Result<()> {
        match group {
            IpAddr::V4(group) => set_option(
                &self.fd,
                libc::IPPROTO_IP,
                libc::IP_DROP_MEMBERSHIP,
                membership(group, self.index)?,
            ),
            IpAddr::V6(group) => {
                v6::membership(&self.fd, group, self.index, libc::IPV6_DROP_MEMBERSHIP)
            }
        }
    }

    /// Sends whole IP packets in order, each to the destination of its header, and says how many were taken; with one system call,
    /// so that some may be left for the next. `Err` is about the first one: `WouldBlock` means that the socket's buffer is full and
    /// nothing more leaves now; any other error is that packet's alone.
    pub fn send<P: AsRef<[u8]>>(&self, packets: &[P]) -> io::Result<usize> {
        let fd = self.fd.as_raw_fd();
        // SAFETY: socket addresses of the family of the socket, as C has them.
        unsafe {
            match self.family {
                Family::V4 => batch::send(fd, packets, |packet| {
                    let packet = packet.as_ref();
                    Some((destination(packet)?, packet))
                }),
                Family::V6 => batch::send(fd, packets, |packet| {
                    let packet = packet.as_ref();
                    Some((v6::destination(packet, self.index)?, packet))
                }),
            }
        }
    }

    /// Takes what has arrived, up to a batch; `WouldBlock` when there is nothing (more).
    pub fn receive(&self, batch: &mut Batch) -> io::Result<()> {
        batch.count = 0;
        let fd = self.fd.as_raw_fd();
        let count = match self.family {
            Family::V4 => batch.fill(fd)?,
            Family::V6 => v6::fill(fd, &mut batch.packets, &mut batch.lengths)?,
        };
        batch.count = count;
        Ok(())
    }
}

impl AsRawFd for VrrpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// Where the destination stands in an IPv4 header (RFC 791 section 3.1).
const DESTINATION: std::ops::Range<usize> = 16..20;

/// Where a packet goes; `None` when it is too short to say.
fn destination(packet: &[u8]) -> Option<libc::sockaddr_in> {
    let octets: [u8; 4] = packet.get(DESTINATION)?.try_into().ok()?;
    // SAFETY: an all-zero sockaddr_in is valid.
    let mut address: libc::sockaddr_in = unsafe { zeroed() };
    address.sin_family = libc::AF_INET as libc::sa_family_t;
    address.sin_addr.s_addr = u32::from_ne_bytes(octets);
    Some(address)
}

/// A socket that takes and gives whole packets, does not hear itself, and no groups but its own.
fn open_v4(protocol: libc::c_int) -> io::Result<OwnedFd> {
    let fd = open(libc::AF_INET, libc::SOCK_RAW, protocol)?;
    set_option(&fd, libc::IPPROTO_IP, libc::IP_HDRINCL, 1)?;
    set_option(&fd, libc::IPPROTO_IP, libc::IP_MULTICAST_LOOP, 0)?;
    set_option(&fd, libc::IPPROTO_IP, libc::IP_MULTICAST_ALL, 0)?;
    Ok(fd)
}

/// Hears what comes in by one interface alone, and sends everything out of it.
fn bind_to(fd: &OwnedFd, family: Family, name: &str, index: u32) -> io::Result<()> {
    let name = name.as_bytes();
    set_option_bytes(fd, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, name)?;
    match family {
        Family::V4 => set_option(
            fd,
            libc::IPPROTO_IP,
            libc::IP_MULTICAST_IF,
            membership(Ipv4Addr::UNSPECIFIED, index)?,
        ),
        Family::V6 => v6::leave_by(fd, index),
    }
}

fn membership(group: Ipv4Addr, index: u32) -> io::Result<libc::ip_mreqn> {
    Ok(libc::ip_mreqn {
        imr_multiaddr: libc::in_addr {
            s_addr: u32::from_ne_bytes(group.octets()),
        },
        imr_address: libc::in_addr { s_addr: 0 },
        imr_ifindex: libc::c_int::try_from(index)
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?,
    })
}

/// Buffers for received packets: one for the whole process, used for every socket in turn.
pub struct Batch {
    packets: Vec<u8>,
    lengths: [usize; BATCH],
    count: usize,
}

impl Default for Batch {
    fn default() -> Self {
        Batch {
            packets: vec![0; BATCH * PACKET_MAX],
            lengths: [0; BATCH],
            count: 0,
        }
    }
}

impl Batch {
    /// What the last `receive` brought, in order of arrival. A packet longer than any valid one is cut.
    pub fn packets(&self) -> impl Iterator<Item = &[u8]> {
        self.packets
            .chunks(PACKET_MAX)
            .zip(&self.lengths)
            .take(self.count)
            .map(|(packet, &length)| packet.get(..length).unwrap_or(packet))
    }

    fn fill(&mut self, fd: RawFd) -> io::Result<usize> {
        // SAFETY: all-zero iovecs and headers are valid; they are filled in below.
        let mut parts: [libc::iovec; BATCH] = unsafe { zeroed() };
        // SAFETY: as above.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
        for ((part, header), packet) in parts
            .iter_mut()
            .zip(&mut headers)
            .zip(self.packets.chunks_mut(PACKET_MAX))
        {
            *part = libc::iovec {
                iov_base: packet.as_mut_ptr().cast(),
                iov_len: packet.len(),
            };
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: each header points at one iovec, and that at its own part of `packets`; all outlive the call.
        let count = check(unsafe {
            libc::recvmmsg(
                fd,
                headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        })?;
        for (length, header) in self.lengths.iter_mut().zip(&headers) {
            *length = (header.msg_len as usize).min(PACKET_MAX);
        }
        Ok(usize::try_from(count).unwrap_or(0).min(BATCH))
    }
}
