//! Telling a service manager how far we are (`sd_notify`), when it asks for it with NOTIFY_SOCKET.

use crate::os::clock;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Microseconds have so many nanoseconds.
const NANOS_PER_MICRO: u64 = 1000;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Started, or done with a reload.
    Ready,
    /// Reading the configuration again.
    Reloading,
    /// Stopping.
    Stopping,
}

/// Tells the service manager; one that does not listen is none of our business.
pub fn notify(progress: Progress) {
    let text = match progress {
        Progress::Ready => "READY=1".to_owned(),
        Progress::Reloading => format!(
            "RELOADING=1\nMONOTONIC_USEC={}",
            clock::now().0 / NANOS_PER_MICRO
        ),
        Progress::Stopping => "STOPPING=1".to_owned(),
    };
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&path),
    };
    let Ok(address) = address else { return };
    let Ok(socket) = UnixDatagram::unbound() else {
        return;
    };
    if socket.set_nonblocking(true).is_ok() {
        let _ = socket.send_to_addr(text.as_bytes(), &address);
    }
}
