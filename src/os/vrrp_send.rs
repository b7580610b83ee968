//! Adverts on their way out: as many packets of one VRRP socket as wait, with one system call. Which packets, and what follows from
//! one that cannot leave, is the role's.

use super::check;
use super::socket::zeroed;
use super::vrrp_socket::BATCH;
use super::vrrp_socket_v6 as v6;
use crate::wire::vrrp::Family;
use std::io;
use std::mem::size_of;
use std::os::fd::RawFd;

/// Where the destination stands in an IPv4 header (RFC 791 section 3.1).
const DESTINATION: std::ops::Range<usize> = 16..20;

/// Sends whole IP packets of a family in order, each to the destination of its header, and says how many were taken, `BATCH` at
/// most. `index` is the interface they leave by.
pub(super) fn send<P: AsRef<[u8]>>(
    fd: RawFd,
    family: Family,
    index: u32,
    packets: &[P],
) -> io::Result<usize> {
    match family {
        Family::V4 => send_to_each(fd, packets, destination),
        Family::V6 => send_to_each(fd, packets, |packet| v6::destination(packet, index)),
    }
}

/// Where a packet goes; `None` when it is too short to say.
fn destination(packet: &[u8]) -> Option<libc::sockaddr_in> {
    let octets: [u8; 4] = packet.get(DESTINATION)?.try_into().ok()?;
    // SAFETY: an all-zero sockaddr_in is valid.
    let mut address: libc::sockaddr_in = unsafe { zeroed() };
    address.sin_family = libc::AF_INET as libc::sa_family_t;
    address.sin_addr.s_addr = u32::from_ne_bytes(octets);
    Some(address)
}

/// `A` is a socket address of the family of `fd`.
fn send_to_each<A, P: AsRef<[u8]>>(
    fd: RawFd,
    packets: &[P],
    destination: impl Fn(&[u8]) -> Option<A>,
) -> io::Result<usize> {
    // SAFETY: all-zero addresses, iovecs and headers are valid; they are filled in below.
    let mut addresses: [A; BATCH] = unsafe { zeroed() };
    // SAFETY: as above.
    let mut parts: [libc::iovec; BATCH] = unsafe { zeroed() };
    // SAFETY: as above.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
    let mut count: libc::c_uint = 0;
    let places = addresses.iter_mut().zip(&mut parts).zip(&mut headers);
    for (((address, part), header), packet) in places.zip(packets) {
        let packet = packet.as_ref();
        // What is before it is sent now, and it is the first of the next call.
        let Some(found) = destination(packet) else {
            break;
        };
        *address = found;
        *part = libc::iovec {
            iov_base: packet.as_ptr().cast_mut().cast(),
            iov_len: packet.len(),
        };
        header.msg_hdr.msg_name = (&raw mut *address).cast();
        header.msg_hdr.msg_namelen = size_of::<A>() as libc::socklen_t;
        header.msg_hdr.msg_iov = part;
        header.msg_hdr.msg_iovlen = 1;
        count += 1;
    }
    if count == 0 && !packets.is_empty() {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: each of the first `count` headers points at its own address and iovec, and that at the bytes of its packet, which the
    // kernel only reads; all outlive the call.
    let sent = check(unsafe {
        libc::sendmmsg(
            fd,
            headers.as_mut_ptr(),
            count,
            libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT,
        )
    })?;
    Ok(usize::try_from(sent).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;

    #[test]
    fn a_batch_leaves_in_order_up_to_one_that_cannot() {
        let here = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let there = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let port = there.local_addr().expect("its address").port();
        // What is shorter than a port number has no destination.
        let to_there = |packet: &[u8]| {
            let mut address = destination(&[127, 0, 0, 1].repeat(5))?;
            address.sin_port = port.to_be();
            (packet.len() > 1).then_some(address)
        };
        let packets: Vec<Vec<u8>> = (0..BATCH as u8 + 1).map(|n| vec![n; 2]).collect();
        let send = |packets: &[Vec<u8>]| send_to_each(here.as_raw_fd(), packets, to_there);
        assert_eq!(send(&packets).expect("sent"), BATCH);
        assert_eq!(send(&[vec![7; 2], vec![8], vec![9; 2]]).expect("sent"), 1);
        let refused = send(&[vec![8], vec![9; 2]]).expect_err("no destination");
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        let mut buffer = [0; 8];
        let expected = packets
            .iter()
            .take(BATCH)
            .map(|packet| packet[0])
            .chain([7]);
        for first in expected {
            assert_eq!(there.recv(&mut buffer).expect("received"), 2);
            assert_eq!(buffer[0], first);
        }
    }
}
