//! What the kernel must allow before an echo can be sent: its datagram sockets for ICMP are for groups of a range, which is empty on
//! many systems, for root as well. Where it cannot be widened, as in most containers, raw sockets carry echoes.

use crate::check::ping::Carrier;
use crate::config::model::{Dialogue, Lvs, Probe};
use crate::os::check_socket::Transport;
use crate::os::sysctl;
use log::info;
use nix::unistd::getegid;
use std::io;

const RANGE: &str = "net/ipv4/ping_group_range";

/// Makes sure that echoes can be sent, when there are any to be sent.
pub(super) fn prepare(lvs: &Lvs) {
    let servers = lvs.virtual_servers.iter().flat_map(|it| &it.real_servers);
    let mut checkers = servers.flat_map(|server| &server.checkers);
    if !checkers.any(|checker| matches!(checker.probe, Probe::Connect(_, Dialogue::Ping))) {
        return;
    }
    let own = getegid().as_raw();
    let Ok(now) = sysctl::read_range(RANGE) else {
        return;
    };
    if (now.0..=now.1).contains(&own) {
        return;
    }
    // A range that excludes everybody has its ends the wrong way round, or beyond the groups of a user namespace.
    let widened = (now.0.min(own), now.1.max(own));
    let written = match now.0 <= now.1 {
        true => sysctl::write_range(RANGE, widened),
        false => sysctl::write_range(RANGE, (own, own)),
    };
    match written.or_else(|_| sysctl::write_range(RANGE, (own, own))) {
        Ok(()) => info!(
            "PING_CHECK: group {own} may send echoes now ({RANGE} was {} {})",
            now.0, now.1
        ),
        Err(error) => info!(
            "PING_CHECK: group {own} may not send echoes ({RANGE}: {error}): raw sockets do, with CAP_NET_RAW"
        ),
    }
}

/// What may carry echoes where a socket was refused for what it is.
pub(super) fn other_carrier(refused: Transport, why: &io::Error) -> Option<Carrier> {
    let errno = why.raw_os_error()?;
    if !matches!(
        errno,
        libc::EACCES | libc::EPERM | libc::EPROTONOSUPPORT | libc::ESOCKTNOSUPPORT
    ) {
        return None;
    }
    match refused {
        Transport::Echo => Some(Carrier::Raw),
        Transport::RawEcho => Some(Carrier::Datagram),
        Transport::Stream | Transport::Datagram => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refused_the_other_is_tried() {
        let rows = [
            (Transport::Echo, libc::EACCES, Some(Carrier::Raw)),
            (Transport::Echo, libc::EPROTONOSUPPORT, Some(Carrier::Raw)),
            (Transport::Echo, libc::EMFILE, None),
            (Transport::RawEcho, libc::EPERM, Some(Carrier::Datagram)),
            (Transport::RawEcho, libc::EINVAL, None),
            (Transport::Stream, libc::EPERM, None),
            (Transport::Datagram, libc::EACCES, None),
        ];
        for (refused, errno, other) in rows {
            let why = io::Error::from_raw_os_error(errno);
            assert_eq!(other_carrier(refused, &why), other, "{refused:?} {why}");
        }
    }
}
