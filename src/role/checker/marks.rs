//! The nftables side of `nftables_ipvs`: the socket and the reconciler behind it, where the load balancer is. Which packets get which mark
//! is `check::marks`' to say.

use super::Source;
use super::ipvs::in_namespace;
use crate::check::marks;
use crate::config::model::{IpvsNamespace, Marking, Model};
use crate::os::poll::{Loop, Want};
use crate::role::nftables::{Nftables, not_sent};
use crate::time::Instant;
use log::warn;
use std::io;

/// See the module.
#[derive(Default)]
pub(super) struct Marks {
    /// None while there is nothing to mark: other people's changes of nftables would wake us.
    socket: Option<Nftables>,
    reconciler: crate::kernel::Marks,
    namespace: IpvsNamespace,
    leaving: bool,
}

impl Marks {
    /// Begins with a configuration; a process before this one may have left something.
    pub fn begin(&mut self, model: &Model) {
        let marking = model.lvs.marking.as_ref();
        // Two daemons share a host by names of their own, and then the tables of the other are none of our business.
        if marking.is_some() || model.global.instance.is_none() {
            let usual = Marking::default().table;
            let table = marking.map_or(&usual, |marking| &marking.table);
            self.reconciler.expect_leftovers(table);
        }
        self.configure(model);
    }

    /// Goes over to a configuration.
    pub fn configure(&mut self, model: &Model) {
        self.namespace.clone_from(&model.global.ipvs.namespace);
        self.reconciler.want(marks::table(&model.lvs));
    }

    /// The process ends; `stays`: the services stay in IPVS, and so do their marks.
    pub fn end(&mut self, stays: bool) {
        self.leaving = true;
        match stays {
            true => self.reconciler.leave(),
            false => self.reconciler.want(None),
        }
    }

    /// Reads what has come; true when there may be more.
    pub fn receive(&mut self, now: Instant) -> bool {
        let reconciler = &mut self.reconciler;
        let socket = self.socket.as_mut();
        socket.is_some_and(|socket| socket.receive(|told| reconciler.handle(now, told)))
    }

    /// Does what is to be done now. `services_settled`: IPVS has the services that are wanted, and no others.
    pub fn send(&mut self, events: &mut Loop<Source>, now: Instant, services_settled: bool) {
        // Services that go need no marks.
        let settled = services_settled || self.leaving;
        while let Some((sequence, bytes)) = self.reconciler.batch(now, settled) {
            let sent = self.socket(events).and_then(|it| it.send_deaf(&bytes));
            match sent {
                Ok(()) => drop(self.receive(now)),
                Err(error) => self.reconciler.handle(now, not_sent(sequence, &error)),
            }
        }
        for notice in self.reconciler.take_notices() {
            warn!("{notice}");
        }
        if !self.reconciler.is_needed()
            && let Some(socket) = self.socket.take()
        {
            // One that cannot be removed is not waited for either.
            let _ = events.remove(&socket);
        }
    }

    /// When `send` has to be called though nothing happens.
    pub fn next_due(&self, services_settled: bool) -> Option<Instant> {
        self.reconciler.next_retry(services_settled)
    }

    /// True when the packets are marked that are to be.
    pub fn is_in_place(&self) -> bool {
        self.reconciler.is_in_place()
    }

    fn socket(&mut self, events: &mut Loop<Source>) -> io::Result<&Nftables> {
        match &mut self.socket {
            Some(socket) => Ok(socket),
            none => {
                let socket = in_namespace(&self.namespace, Nftables::open)?;
                events.add(&socket, Source::Marks, Want::Read)?;
                Ok(none.insert(socket))
            }
        }
    }
}
