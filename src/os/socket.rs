//! What the sockets here share: making them, options, buffer sizes.

use super::check;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// A non-blocking, close-on-exec socket.
pub(super) fn open(
    family: libc::c_int,
    kind: libc::c_int,
    protocol: libc::c_int,
) -> io::Result<OwnedFd> {
    // SAFETY: no pointers; a descriptor that is not -1 is ours alone.
    unsafe {
        let fd = check(libc::socket(
            family,
            kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
            protocol,
        ))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Types that may be handed to the kernel as socket options or addresses: plain C values without padding rules of our own.
///
/// # Safety
/// Only for types of which every byte is initialised and whose layout is the kernel's.
pub(super) unsafe trait Plain: Copy {}
// SAFETY: integers have no padding.
unsafe impl Plain for libc::c_int {}
// SAFETY: two addresses and an index, of 4 bytes each: no padding.
unsafe impl Plain for libc::ip_mreqn {}

/// Sets a socket option.
pub(super) fn set_option<T: Plain>(
    socket: &impl AsRawFd,
    level: libc::c_int,
    option: libc::c_int,
    value: T,
) -> io::Result<()> {
    // SAFETY: `value` outlives the call and its size is given.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    })?;
    Ok(())
}

/// Reads a socket option that is a number.
pub(super) fn option(
    socket: &impl AsRawFd,
    level: libc::c_int,
    option: libc::c_int,
) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: value and size outlive the call, and the size is that of the value.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw mut value).cast(),
            &raw mut size,
        )
    })?;
    Ok(value)
}

/// Sets a socket option whose value is a name.
pub(super) fn set_option_bytes(
    socket: &impl AsRawFd,
    level: libc::c_int,
    option: libc::c_int,
    value: &[u8],
) -> io::Result<()> {
    // SAFETY: `value` outlives the call and its length is given.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            value.as_ptr().cast(),
            value.len() as libc::socklen_t,
        )
    })?;
    Ok(())
}

/// Asks for a receive buffer of so many bytes: past the system's limit when we may, else up to it.
pub(super) fn receive_buffer(socket: &impl AsRawFd, bytes: usize) -> io::Result<()> {
    set_option(
        socket,
        libc::SOL_SOCKET,
        libc::SO_RCVBUFFORCE,
        to_int(bytes),
    )
    .or_else(|_| limited_receive_buffer(socket, bytes))
}

/// Asks for a receive buffer of so many bytes, within the system's limit.
pub(super) fn limited_receive_buffer(socket: &impl AsRawFd, bytes: usize) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, to_int(bytes))
}

/// The kernel doubles the size, and takes no more than what that leaves room for.
fn to_int(bytes: usize) -> libc::c_int {
    libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX / 2)
}

/// The same for sending.
pub(super) fn send_buffer(socket: &impl AsRawFd, bytes: usize) -> io::Result<()> {
    let bytes = to_int(bytes);
    set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, bytes)
        .or_else(|_| set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUF, bytes))
}

/// An all-zero value of a C struct, to be filled in.
///
/// # Safety
/// Zero must be a valid value of every field.
pub(super) unsafe fn zeroed<T>() -> T {
    // SAFETY: promised by the caller.
    unsafe { std::mem::zeroed() }
}
