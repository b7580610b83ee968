//! The VRRP sockets: one per interface and carrier that an instance runs on, in the groups of its instances; unicast comes to the same
//! one. Instances without interface share one of each family that is on all interfaces, by the name "" and the index `UNBOUND`. An
//! interface that is made anew gets a new socket; one that goes away loses its own.

use super::Source;
use super::room::Room;
use crate::config::model::{Authentication, ReceiveBuffers, Vrrp};
use crate::os::poll::{Loop, Want};
use crate::os::vrrp_socket::{Carrier, VrrpSocket};
use crate::vrrp::UNBOUND;
use log::{error, warn};
use rustc_hash::FxHashMap as HashMap;
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

/// What an interface is needed for.
#[derive(Debug, Default)]
struct Need {
    groups: BTreeSet<IpAddr>,
    room: Room,
}

/// An open socket and the groups it hears.
struct Open {
    socket: VrrpSocket,
    name: String,
    groups: BTreeSet<IpAddr>,
    /// Bytes that may wait, to be read and to leave.
    room: (usize, usize),
}

/// A link that may need sockets.
pub(super) struct Place<'a> {
    /// Kernel index.
    pub index: u32,
    pub name: &'a str,
    /// In bytes.
    pub mtu: usize,
}

impl<'a> Place<'a> {
    /// A link that the kernel tells of.
    pub fn of(index: u32, name: &'a str, mtu: u32) -> Self {
        Place {
            index,
            name,
            mtu: usize::try_from(mtu).unwrap_or(usize::MAX),
        }
    }

    /// All links at once, as if each were Ethernet.
    pub const EVERYWHERE: Place<'static> = Place {
        index: UNBOUND,
        name: "",
        mtu: 1500,
    };
}

/// All VRRP sockets.
#[derive(Default)]
pub(super) struct Sockets {
    needs: HashMap<(Carrier, String), Need>,
    open: HashMap<(Carrier, u32), Open>,
}

impl Sockets {
    /// Says which interfaces are needed from now on. `fit` then has to be called for every link. What is no longer needed stays open
    /// until `shed`, so that those who ran on it can resign.
    pub fn plan(&mut self, config: &Vrrp, buffers: &ReceiveBuffers) {
        self.needs.clear();
        for instance in &config.instances {
            let ah = matches!(instance.authentication, Authentication::Ah(_));
            let carriers = [Some(instance.family().into()), ah.then_some(Carrier::Ah)];
            for carrier in carriers.into_iter().flatten() {
                let place = (carrier, instance.wire().to_owned());
                let need = self.needs.entry(place).or_default();
                need.room.add(instance, buffers);
                if instance.transport.unicast.is_none() {
                    need.groups.insert(instance.multicast_group);
                }
            }
        }
    }

    /// Closes what is no longer needed.
    pub fn shed(&mut self, events: &mut Loop<Source>) {
        let needless = |(place, open): (&(Carrier, u32), &Open)| {
            let wanted = (place.0, open.name.clone());
            (!self.needs.contains_key(&wanted)).then_some(*place)
        };
        let needless: Vec<_> = self.open.iter().filter_map(needless).collect();
        for place in needless {
            self.close_one(events, place);
        }
    }

    /// Makes the sockets of a link what they are needed to be: there, in these groups. Only a missing permission is an error;
    /// anything else is logged, and tried again when something about the link changes.
    pub fn fit(&mut self, events: &mut Loop<Source>, place: &Place<'_>) -> io::Result<()> {
        for carrier in Carrier::ALL {
            self.fit_one(events, carrier, place)?;
        }
        Ok(())
    }

    fn fit_one(
        &mut self,
        events: &mut Loop<Source>,
        carrier: Carrier,
        link: &Place<'_>,
    ) -> io::Result<()> {
        let Place { index, name, mtu } = *link;
        let (place, wanted) = ((carrier, index), (carrier, name.to_owned()));
        let renamed = self.open.get(&place).is_some_and(|open| open.name != name);
        if renamed {
            self.close_one(events, place);
        }
        let Some(need) = self.needs.get(&wanted) else {
            return Ok(());
        };
        let open = match self.open.entry(place) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let opened = VrrpSocket::open(carrier, name, index).and_then(|socket| {
                    events.add(&socket, Source::Vrrp(carrier, index), Want::Read)?;
                    Ok(socket)
                });
                match opened {
                    Ok(socket) => entry.insert(Open {
                        socket,
                        name: name.to_owned(),
                        groups: BTreeSet::new(),
                        room: (0, 0),
                    }),
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                        return Err(error);
                    }
                    Err(error) => {
                        error!(
                            "Cannot open a VRRP socket on {}: {error}; trying again when the interface changes",
                            if name.is_empty() {
                                "all interfaces"
                            } else {
                                name
                            }
                        );
                        return Ok(());
                    }
                }
            }
        };
        let room = (need.room.receive(mtu), need.room.send());
        if open.room != room {
            match open.socket.resize(room.0, room.1) {
                Ok(()) => open.room = room,
                Err(error) => warn!("The buffers on {name} stay as they are: {error}"),
            }
        }
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

    /// Closes the sockets of a link.
    pub fn close(&mut self, events: &mut Loop<Source>, index: u32) {
        for carrier in Carrier::ALL {
            self.close_one(events, (carrier, index));
        }
    }

    fn close_one(&mut self, events: &mut Loop<Source>, place: (Carrier, u32)) {
        if let Some(open) = self.open.remove(&place) {
            // One that cannot be removed is not waited for either.
            let _ = events.remove(&open.socket);
        }
    }

    /// The socket of a link.
    pub fn get(&self, carrier: Carrier, index: u32) -> Option<&VrrpSocket> {
        self.open.get(&(carrier, index)).map(|open| &open.socket)
    }
}
