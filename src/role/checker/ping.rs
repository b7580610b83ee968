//! What the kernel must allow before an echo can be sent: its datagram sockets for ICMP are for groups of a range, which is empty on
//! many systems, for root as well.

use crate::config::model::{Dialogue, Lvs, Probe};
use crate::os::sysctl;
use log::{info, warn};
use nix::unistd::getegid;

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
        Err(error) => warn!("PING_CHECK: cannot let group {own} send echoes ({RANGE}): {error}"),
    }
}
