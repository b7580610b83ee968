//! Many messages with one system call (`sendmmsg`), each with an address of its own or, on a connected socket, with none.

use super::check;
use super::socket::zeroed;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, RawFd};

/// Messages that one system call may bring, or take.
pub(super) const BATCH: usize = 32;

/// Sends messages in order and says how many were taken, `BATCH` at most. `describe` gives address and bytes of one, `None` when it
/// cannot be sent: what is before it is sent, and as the first it is `InvalidInput`. Any other `Err` is about the first one, too.
///
/// # Safety
/// `A` is `()` or a socket address of the family of `fd`, for which all-zero is valid.
pub(super) unsafe fn send<'a, T, A>(
    fd: RawFd,
    messages: &'a [T],
    describe: impl Fn(&'a T) -> Option<(A, &'a [u8])>,
) -> io::Result<usize> {
    // SAFETY: all-zero addresses, iovecs and headers are valid; they are filled in below.
    let (mut addresses, mut parts, mut headers): (
        [A; BATCH],
        [libc::iovec; BATCH],
        [libc::mmsghdr; BATCH],
    ) = unsafe { (zeroed(), zeroed(), zeroed()) };
    let mut count: libc::c_uint = 0;
    let places = addresses.iter_mut().zip(&mut parts).zip(&mut headers);
    for (((address, part), header), message) in places.zip(messages) {
        let Some((to, bytes)) = describe(message) else {
            break;
        };
        *address = to;
        *part = libc::iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        };
        header.msg_hdr.msg_name = (&raw mut *address).cast();
        header.msg_hdr.msg_namelen = size_of::<A>() as libc::socklen_t;
        header.msg_hdr.msg_iov = part;
        header.msg_hdr.msg_iovlen = 1;
        count += 1;
    }
    if count == 0 && !messages.is_empty() {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: each of the first `count` headers points at its own address and iovec, and that at the bytes of its message, which the
    // kernel only reads; all outlive the call.
    let sent = check(unsafe { libc::sendmmsg(fd, headers.as_mut_ptr(), count, flags) })?;
    Ok(usize::try_from(sent).unwrap_or(0))
}

/// Sends datagrams by a connected socket, in order, and says how many were taken. `Err` is about the first one.
pub fn send_datagrams(socket: &impl AsRawFd, datagrams: &[&[u8]]) -> io::Result<usize> {
    // SAFETY: no addresses.
    unsafe { send(socket.as_raw_fd(), datagrams, |bytes| Some(((), *bytes))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn a_batch_leaves_in_order_up_to_one_that_cannot() {
        let (here, there) = UnixDatagram::pair().expect("sockets");
        let to_there = |packet: &'static [u8]| (packet.len() > 1).then_some(((), packet));
        let send = |packets: &'static [&'static [u8]]| {
            // SAFETY: no addresses.
            unsafe { send(here.as_raw_fd(), packets, |packet| to_there(packet)) }
        };
        assert_eq!(send(&[b"aa", b"bb", b"c", b"dd"]).expect("sent"), 2);
        let refused = send(&[b"c", b"dd"]).expect_err("it has no destination");
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        let many = send(&[b"ee" as &[u8]; BATCH + 1]);
        assert_eq!(many.expect("sent"), BATCH);
        let mut buffer = [0; 8];
        for first in [b'a', b'b'].into_iter().chain([b'e'; BATCH]) {
            assert_eq!(there.recv(&mut buffer).expect("received"), 2);
            assert_eq!(buffer[0], first);
        }
    }

    #[test]
    fn a_full_socket_takes_a_part_and_then_nothing() {
        let (here, there) = UnixDatagram::pair().expect("sockets");
        let lines = [&b"line"[..]; BATCH];
        let mut taken = 0;
        let full = loop {
            match send_datagrams(&here, &lines) {
                Ok(count) => taken += count,
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        let mut buffer = [0; 8];
        for _ in 0..taken {
            assert_eq!(there.recv(&mut buffer).expect("received"), 4);
        }
        there.set_nonblocking(true).expect("non-blocking");
        assert!(there.recv(&mut buffer).is_err(), "nothing was sent twice");
    }
}
