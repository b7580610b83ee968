//! Adverts on their way out. What the core wants sent is gathered while events and due timers are handled, and leaves with one system
//! call a socket and batch: before any address or gratuitous ARP, and never later than the turn that gathered it.

use super::Shell;
use super::sockets::Sockets;
use crate::time::Instant;
use crate::vrrp::{Action, Event, InstanceId};
use crate::wire;
use crate::wire::vrrp::Family;
use std::io;
use std::net::IpAddr;

/// As many are gathered before they leave: the first of a thousand that are due together does not wait for the last to be made.
const GATHERED_MAX: usize = 64;

/// An advert, and the socket it leaves by.
struct Waiting {
    socket: (Family, u32),
    instance: InstanceId,
    packet: Vec<u8>,
}

impl Waiting {
    fn failed(&self, errno: i32) -> Failure {
        (self.instance, wire::destination(&self.packet), errno)
    }
}

impl AsRef<[u8]> for Waiting {
    fn as_ref(&self) -> &[u8] {
        &self.packet
    }
}

/// What was gathered. Of one interface and family in the order it leaves in; between sockets there is no order.
#[derive(Default)]
pub(super) struct Adverts {
    waiting: Vec<Waiting>,
}

/// One that did not leave: whose, to whom, and the errno.
type Failure = (InstanceId, Option<IpAddr>, i32);

impl Adverts {
    /// Takes a packet over: to be sent out of the interface with this kernel index.
    pub fn push(&mut self, instance: InstanceId, family: Family, interface: u32, packet: Vec<u8>) {
        self.waiting.push(Waiting {
            socket: (family, interface),
            instance,
            packet,
        });
    }

    /// True when they should leave now.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= GATHERED_MAX
    }

    /// Sends all, and gives those that could not leave.
    pub fn send(&mut self, sockets: &Sockets) -> Vec<Failure> {
        let mut failures = Vec::new();
        self.waiting.sort_by_key(|waiting| waiting.socket);
        for batch in self
            .waiting
            .chunk_by(|one, other| one.socket == other.socket)
        {
            send_batch(batch, sockets, &mut failures);
        }
        self.waiting.clear();
        failures
    }
}

/// Sends what leaves by one socket.
fn send_batch(batch: &[Waiting], sockets: &Sockets, failures: &mut Vec<Failure>) {
    let mut rest = batch;
    while let Some((first, others)) = rest.split_first() {
        let (family, interface) = first.socket;
        let sent = match sockets.get(family.into(), interface) {
            Some(socket) => socket.send(rest),
            None => Err(io::Error::from_raw_os_error(libc::ENODEV)),
        };
        match sent {
            Ok(count) => rest = rest.get(count.max(1)..).unwrap_or_default(),
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(0);
                if matches!(errno, libc::EAGAIN | libc::ENODEV) {
                    // True of the others, too.
                    failures.extend(rest.iter().map(|waiting| waiting.failed(errno)));
                    return;
                }
                failures.push(first.failed(errno));
                rest = others;
            }
        }
    }
}

impl Shell {
    /// Sends what adverts the core wants sent before the rest is done: where thousands resign, the last does not wait for the addresses
    /// and log lines of the others.
    pub(super) fn send_adverts_first(&mut self, now: Instant) {
        let actions = std::mem::take(&mut self.actions).into_iter();
        let (adverts, others): (Vec<Action>, Vec<Action>) =
            actions.partition(|action| matches!(action, Action::SendAdvert { .. }));
        for advert in adverts {
            self.act(now, advert);
        }
        self.send_adverts(now);
        // What could not leave comes after what was to be done anyhow.
        let failures = std::mem::replace(&mut self.actions, others);
        self.actions.extend(failures);
    }

    /// Sends the adverts that were gathered. The core hears of those that could not leave.
    pub(super) fn send_adverts(&mut self, now: Instant) {
        for (instance, destination, error) in self.adverts.send(&self.sockets) {
            let failed = Event::SendFailed {
                instance,
                destination,
                error,
            };
            self.router.handle(now, failed, &mut self.actions);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_socket_every_instance_is_told() {
        let mut adverts = Adverts::default();
        for (instance, interface) in [(1, 7), (2, 8), (3, 7)] {
            adverts.push(
                instance,
                Family::V4,
                interface,
                [vec![0x45; 16], vec![10, 0, 0, 1]].concat(),
            );
        }
        let failed = [1, 3, 2].map(|instance| (instance, "10.0.0.1".parse().ok(), libc::ENODEV));
        assert_eq!(adverts.send(&Sockets::default()), failed);
        assert_eq!(adverts.send(&Sockets::default()), []);
    }
}
