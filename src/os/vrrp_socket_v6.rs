//! What is different about the raw VRRP socket of IPv6. The kernel takes whole packets, but hands over messages without their header:
//! its fields come beside the message, and are put in front of it again, so that all packets look alike to the rest of the daemon.

use super::batch::BATCH;
use super::check;
use super::socket::{Plain, open, set_option, zeroed};
use super::vrrp_socket::{IPPROTO_VRRP, PACKET_MAX};
use crate::wire::ip::PROTOCOL_VRRP;
use crate::wire::ipv6::{self, HEADER_LENGTH};
use std::io;
use std::mem::size_of;
use std::net::Ipv6Addr;
use std::os::fd::{OwnedFd, RawFd};

/// `IPV6_MULTICAST_ALL`, since Linux 4.20; not in libc.
const IPV6_MULTICAST_ALL: libc::c_int = 29;
/// Room for what comes beside a message: destination and interface, hop limit, traffic class; in words, for alignment.
const CONTROL_WORDS: usize = 16;

// SAFETY: an address and an index of 16 and 4 bytes: no padding.
unsafe impl Plain for libc::ipv6_mreq {}

/// A socket that sends whole packets and tells hop limit, destination and traffic class of what it receives.
pub(super) fn open_v6() -> io::Result<OwnedFd> {
    let fd = open(libc::AF_INET6, libc::SOCK_RAW, IPPROTO_VRRP)?;
    for (option, value) in [
        (libc::IPV6_HDRINCL, 1),
        (libc::IPV6_MULTICAST_LOOP, 0),
        (libc::IPV6_RECVPKTINFO, 1),
        (libc::IPV6_RECVHOPLIMIT, 1),
        (libc::IPV6_RECVTCLASS, 1),
    ] {
        set_option(&fd, libc::IPPROTO_IPV6, option, value)?;
    }
    // An older kernel hears the groups of other processes, too; what is for others is dropped.
    let _ = set_option(&fd, libc::IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
    Ok(fd)
}

/// Chooses the interface that multicast leaves by.
pub(super) fn leave_by(fd: &OwnedFd, index: u32) -> io::Result<()> {
    let index =
        libc::c_int::try_from(index).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_IF, index)
}

/// Joins (or leaves) a group.
pub(super) fn membership(
    fd: &OwnedFd,
    group: Ipv6Addr,
    index: u32,
    option: libc::c_int,
) -> io::Result<()> {
    let request = libc::ipv6_mreq {
        ipv6mr_multiaddr: libc::in6_addr {
            s6_addr: group.octets(),
        },
        ipv6mr_interface: index,
    };
    set_option(fd, libc::IPPROTO_IPV6, option, request)
}

/// Where a packet goes; `None` when it is too short to say.
pub(super) fn destination(packet: &[u8], index: u32) -> Option<libc::sockaddr_in6> {
    let octets: [u8; 16] = packet.get(24..HEADER_LENGTH)?.try_into().ok()?;
    // SAFETY: an all-zero sockaddr_in6 is valid.
    let mut address: libc::sockaddr_in6 = unsafe { zeroed() };
    address.sin6_family = libc::AF_INET6 as libc::sa_family_t;
    address.sin6_addr.s6_addr = octets;
    address.sin6_scope_id = index;
    Some(address)
}

/// Takes what has arrived into `packets`, each with its header in front, and says how long each is; 0 for one whose header the kernel
/// did not tell.
pub(super) fn fill(
    fd: RawFd,
    packets: &mut [u8],
    lengths: &mut [usize; BATCH],
) -> io::Result<usize> {
    // SAFETY: all-zero addresses, iovecs and headers are valid; they are filled in below.
    let mut senders: [libc::sockaddr_in6; BATCH] = unsafe { zeroed() };
    // SAFETY: as above.
    let mut parts: [libc::iovec; BATCH] = unsafe { zeroed() };
    // SAFETY: as above.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
    let mut controls = [[0_u64; CONTROL_WORDS]; BATCH];
    let places = senders.iter_mut().zip(&mut parts).zip(&mut controls);
    for (((sender, part), control), (header, packet)) in
        places.zip(headers.iter_mut().zip(packets.chunks_mut(PACKET_MAX)))
    {
        let room = packet.get_mut(HEADER_LENGTH..).unwrap_or_default();
        *part = libc::iovec {
            iov_base: room.as_mut_ptr().cast(),
            iov_len: room.len(),
        };
        header.msg_hdr.msg_name = (&raw mut *sender).cast();
        header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
        header.msg_hdr.msg_iov = part;
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_control = control.as_mut_ptr().cast();
        header.msg_hdr.msg_controllen = size_of_val(control) as _;
    }
    // SAFETY: each header points at its own address, iovec and control buffer, and each iovec at its own part of `packets`; all
    // outlive the call.
    let count = check(unsafe {
        libc::recvmmsg(
            fd,
            headers.as_mut_ptr(),
            BATCH as libc::c_uint,
            libc::MSG_DONTWAIT,
            std::ptr::null_mut(),
        )
    })?;
    let count = usize::try_from(count).unwrap_or(0).min(BATCH);
    let received = headers.iter().zip(&senders).zip(lengths.iter_mut());
    for (((header, sender), length), packet) in
        received.zip(packets.chunks_mut(PACKET_MAX)).take(count)
    {
        let message = (header.msg_len as usize).min(PACKET_MAX - HEADER_LENGTH);
        *length = match head(&header.msg_hdr, sender) {
            Some(head) => {
                let head = head.emit_head(message);
                for (to, from) in packet.iter_mut().zip(head) {
                    *to = from;
                }
                HEADER_LENGTH + message
            }
            None => 0,
        };
    }
    Ok(count)
}

/// The header of a received message, from what came beside it.
fn head(message: &libc::msghdr, sender: &libc::sockaddr_in6) -> Option<ipv6::Header> {
    let (mut destination, mut hop_limit, mut traffic_class) = (None, None, None);
    // SAFETY: the kernel has filled in `message`, whose control buffer is alive and aligned; the macros stay within it, and the
    // data of a control message are read only when its length says that they are all there.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(message);
        while let Some(header) = control.as_ref() {
            let data = libc::CMSG_DATA(header);
            // The type of `cmsg_len` depends on the C library.
            #[allow(clippy::unnecessary_cast)]
            let holds = |bytes: usize| {
                header.cmsg_len as usize >= libc::CMSG_LEN(bytes as libc::c_uint) as usize
            };
            match (header.cmsg_level, header.cmsg_type) {
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO)
                    if holds(size_of::<libc::in6_pktinfo>()) =>
                {
                    let info: libc::in6_pktinfo = data.cast::<libc::in6_pktinfo>().read_unaligned();
                    destination = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr));
                }
                (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) if holds(size_of::<libc::c_int>()) => {
                    hop_limit = u8::try_from(data.cast::<libc::c_int>().read_unaligned()).ok();
                }
                (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) if holds(size_of::<libc::c_int>()) => {
                    traffic_class = u8::try_from(data.cast::<libc::c_int>().read_unaligned()).ok();
                }
                _ => {}
            }
            control = libc::CMSG_NXTHDR(message, control);
        }
    }
    Some(ipv6::Header {
        traffic_class: traffic_class.unwrap_or(0),
        flow_label: 0,
        next_header: PROTOCOL_VRRP,
        hop_limit: hop_limit?,
        source: Ipv6Addr::from(sender.sin6_addr.s6_addr),
        destination: destination?,
    })
}
