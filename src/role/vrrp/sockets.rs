//! The VRRP sockets: one per interface that an instance runs on, in the groups of its instances. An interface that is made anew gets
//! a new socket; one that goes away loses its own.

use super::Source;
use crate::config::model::Vrrp;
use crate::os::poll::{Loop, Want};
use crate::os::vrrp_socket::VrrpSocket;
use log::{error, warn};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::Ipv4Addr;

/// What an interface is needed for.
#[derive(Debug, Default)]
struct Need {
    groups: BTreeSet<Ipv4Addr>,
    instances: usize,
}

/// An open socket and the groups it hears.
struct Open {
    socket: VrrpSocket,
    name: String,
    groups: BTreeSet<Ipv4Addr>,
}

/// All VRRP sockets.
#[derive(Default)]
pub(super) struct Sockets {
    needs: HashMap<String, Need>,
    open: HashMap<u32, Open>,
}

impl Sockets {
    /// Says which interfaces are needed from now on. `fit` then has to be called for every link.
    pub fn plan(&mut self, config: &Vrrp) {
        self.needs.clear();
        for instance in &config.instances {
            let need = self.needs.entry(instance.interface.clone()).or_default();
            need.groups.insert(instance.multicast_group);
            need.instances += 1;
        }
    }

    /// Makes the socket of a link what it is needed to be: there or not, in these groups. Only a missing permission is an error;
    /// anything else is logged, and tried again when something about the link changes.
    pub fn fit(&mut self, events: &mut Loop<Source>, index: u32, name: &str) -> io::Result<()> {
        let renamed = self.open.get(&index).is_some_and(|open| open.name != name);
        if renamed || !self.needs.contains_key(name) {
            self.close(events, index);
        }
        let Some(need) = self.needs.get(name) else {
            return Ok(());
        };
        let open = match self.open.entry(index) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let opened = VrrpSocket::open(name, index, need.instances).and_then(|socket| {
                    events.add(&socket, Source::Vrrp(index), Want::Read)?;
                    Ok(socket)
                });
                match opened {
                    Ok(socket) => entry.insert(Open {
                        socket,
                        name: name.to_owned(),
                        groups: BTreeSet::new(),
                    }),
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                        return Err(error);
                    }
                    Err(error) => {
                        error!(
                            "Cannot open a VRRP socket on {name}: {error}; trying again when the interface changes"
                        );
                        return Ok(());
                    }
                }
            }
        };
        for group in open.groups.difference(&need.groups) {
            // Hearing too much does no harm: what is for others is dropped.
            let _ = open.socket.leave(*group);
        }
        open.groups.retain(|group| need.groups.contains(group));
        for group in &need.groups {
            if open.groups.contains(group) {
                continue;
            }
            match open.socket.join(*group) {
                Ok(()) => {
                    open.groups.insert(*group);
                }
                Err(error) => warn!(
                    "Cannot hear {group} on {name}: {error}; trying again when the interface changes"
                ),
            }
        }
        Ok(())
    }

    /// Closes the socket of a link.
    pub fn close(&mut self, events: &mut Loop<Source>, index: u32) {
        if let Some(open) = self.open.remove(&index) {
            // One that cannot be removed is not waited for either.
            let _ = events.remove(&open.socket);
        }
    }

    /// The socket of a link.
    pub fn get(&self, index: u32) -> Option<&VrrpSocket> {
        self.open.get(&index).map(|open| &open.socket)
    }
}
