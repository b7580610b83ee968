//! The addresses of this host, for services with `ha_suspend`: the socket that the kernel tells them over, which is open only while
//! there is such a service. Whose checks pause is `check::presence`'s to say.

use super::{Key, Shell, Source};
use crate::check::presence::Presence;
use crate::config::model::Lvs;
use crate::kernel::{Addresses, netlink};
use crate::os::netlink::{Netlink, Received};
use crate::os::poll::{Loop, Want};
use crate::os::random;
use crate::time::Instant;
use log::{error, warn};
use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

/// `NETLINK_ROUTE`.
const ROUTE: i32 = 0;
/// `RTNLGRP_IPV4_IFADDR`, `RTNLGRP_IPV6_IFADDR`.
const GROUPS: [u32; 2] = [5, 9];
/// Datagrams read in one turn.
const DATAGRAMS_PER_TURN: usize = 64;
/// After a failure to write it is tried again this much later.
const SEND_RETRY: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Default)]
pub(super) struct Watch {
    /// None: nobody waits for an address, or it cannot be known which there are.
    socket: Option<Netlink>,
    addresses: Addresses,
    presence: Presence,
    request: Vec<u8>,
}

impl Watch {
    /// Goes over to a configuration.
    fn configure(&mut self, lvs: &Lvs, events: &mut Loop<Source>) {
        self.presence = Presence::of(lvs, self.addresses.all());
        match (&self.socket, self.presence.is_empty()) {
            (Some(socket), true) => {
                let _ = events.remove(socket);
                *self = Watch::default();
            }
            (None, false) => match open(events) {
                Ok(socket) => self.socket = Some(socket),
                Err(error) => error!(
                    "Cannot learn which addresses are on this host ({error}): servers of services with ha_suspend are checked all the time"
                ),
            },
            _ => {}
        }
    }

    /// Whether the checks of a service are to pause.
    fn suspends(&self, service: usize) -> bool {
        self.socket.is_some() && self.presence.is_awaited(service)
    }

    /// Reads what has come; true when there may be more.
    fn receive(&mut self, now: Instant) -> bool {
        let Some(socket) = &mut self.socket else {
            return false;
        };
        for _ in 0..DATAGRAMS_PER_TURN {
            match socket.receive() {
                Ok(Received::Messages(bytes)) => {
                    for message in netlink::decode(bytes) {
                        match message {
                            Ok(message) => self.addresses.handle(now, message),
                            Err(error) => warn!("{error}"),
                        }
                    }
                }
                Ok(Received::Overrun) => self.addresses.read_again(now),
                Ok(Received::Nothing) => return false,
                Err(error) => {
                    error!("Cannot read the addresses of this host: {error}");
                    return false;
                }
            }
        }
        true
    }

    /// Asks the kernel, when there is something to ask; when to come again.
    fn send(&mut self, now: Instant) -> Option<Instant> {
        let socket = self.socket.as_ref()?;
        if let Some((sequence, request)) = self.addresses.request(now) {
            self.request.clear();
            request.encode(sequence, &mut self.request);
            if let Err(error) = socket.send(&self.request) {
                error!("Cannot ask for the addresses of this host: {error}");
                self.addresses.read_again(now + SEND_RETRY);
            }
        }
        self.addresses.next_due()
    }

    /// The services for which it has changed whether one of their addresses is here.
    fn take_turned(&mut self) -> BTreeSet<usize> {
        let changes = self.addresses.take_changes().into_iter();
        changes
            .flat_map(|(address, here)| self.presence.change(address, here))
            .collect()
    }
}

fn open(events: &mut Loop<Source>) -> io::Result<Netlink> {
    let socket = Netlink::open(ROUTE, &GROUPS)?;
    events.add(&socket, Source::Addresses, Want::Read)?;
    Ok(socket)
}

impl Shell {
    /// Lets services pause or go on as a new configuration wants.
    pub(super) fn configure_addresses(&mut self, now: Instant) {
        self.watch.configure(&self.model.lvs, &mut self.events);
        self.ask_for_addresses(now);
        for service in 0..self.model.lvs.virtual_servers.len() {
            self.suspend(now, service);
        }
        self.perform(now);
    }

    /// The kernel has told something of addresses; true when there may be more.
    pub(super) fn hear_of_addresses(&mut self, now: Instant) -> bool {
        let more = self.watch.receive(now);
        for service in self.watch.take_turned() {
            self.suspend(now, service);
        }
        self.perform(now);
        self.ask_for_addresses(now);
        more
    }

    /// Asks which addresses there are, when that is not known.
    pub(super) fn ask_for_addresses(&mut self, now: Instant) {
        if let Some(due) = self.watch.send(now) {
            self.wheel.arm(Key::Addresses, due);
        }
    }

    fn suspend(&mut self, now: Instant, service: usize) {
        if self.stopping {
            return;
        }
        let (lvs, suspended) = (&self.model.lvs, self.watch.suspends(service));
        let (random, actions) = (&mut random::number, &mut self.actions);
        self.director
            .suspend(now, lvs, service, suspended, random, actions);
    }
}
