//! The operating system: the only room with `unsafe`, and the only one with calls that could block. Used by `role` alone.
//!
//! Every descriptor made here is close-on-exec and, where it is read in the loop, non-blocking. Errors are plain `io::Error`s:
//! what they mean, and what to do about them, is for the role to say.

pub mod batch;
pub mod bell;
pub mod bfd_socket;
pub mod check_socket;
pub mod clock;
pub mod descriptors;
pub mod directory_watch;
pub mod family;
pub mod fifo;
pub mod file_watch;
mod filesystem;
pub mod link_socket;
pub mod linkbeat;
pub mod links;
pub mod lookup;
pub mod memory;
pub mod netlink;
pub mod pid_file;
pub mod poll;
pub mod process;
pub mod processes;
pub mod random;
pub mod schedule;
pub mod shared;
pub mod signals;
pub mod small_file;
mod socket;
pub mod spawn;
pub mod sysctl;
pub mod timer;
pub mod vrrp_socket;
mod vrrp_socket_v6;
pub mod world;

use std::io;

/// The result of a system call that says -1 on failure.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// The same for calls that count bytes.
fn check_size(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}
