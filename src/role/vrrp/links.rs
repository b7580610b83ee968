//! The kernel's side of the VRRP role: the netlink socket and the reconciler behind it.

use super::vmacs::{LinkId, Vmacs};
use crate::config::model::{Holdings, NetlinkBuffer, TrackGroup, Vrrp, VrrpInstance};
use crate::kernel::{Claim, LinkState, Policy, Reconciler, netlink};
use crate::os::netlink::{Netlink, Received};
use crate::time::Instant;
use crate::vrrp::{InstanceId, Interface};
use log::{error, warn};
use std::collections::HashSet;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// `RTNLGRP_LINK`, `RTNLGRP_IPV4_IFADDR`, `RTNLGRP_IPV6_IFADDR`.
const GROUPS: [u32; 3] = [1, 5, 9];
/// `RTNLGRP_IPV4_ROUTE`, `RTNLGRP_IPV4_RULE`, `RTNLGRP_IPV6_ROUTE`, `RTNLGRP_IPV6_RULE`: listened to only by those who have such,
/// as a router has very many.
const POLICY_GROUPS: [u32; 4] = [7, 8, 11, 19];
/// `NETLINK_ROUTE`.
const ROUTE: i32 = 0;
/// Requests of one turn of the loop: a request holds us for some ten to thirty microseconds.
const REQUESTS_PER_TURN: usize = 8;
/// Receive buffer of the netlink socket in bytes: a burst of link changes on a host with thousands of interfaces.
const RECEIVE_BUFFER: usize = 8 * 1024 * 1024;
/// Datagrams read in one turn, so that a storm of events lets packets and timers in between.
const DATAGRAMS_PER_TURN: usize = 64;

/// After a failure to write it is tried again this much later.
const SEND_RETRY: Duration = Duration::from_millis(100);

/// Who holds things on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    Instance(InstanceId),
    /// The `static_*` blocks.
    Host,
    /// Those lines of them that name a `track_group`, by its place; the host has them anyway.
    Group(u32),
    /// A link that is made for an instance.
    Link(LinkId),
}

impl Owner {
    fn instance(self) -> Option<InstanceId> {
        match self {
            Owner::Instance(id) => Some(id),
            Owner::Host | Owner::Group(_) | Owner::Link(_) => None,
        }
    }
}

/// Links, addresses and what we want of them.
pub(super) struct Kernel {
    socket: Netlink,
    pub(super) reconciler: Reconciler<Owner>,
    pub(super) vmacs: Vmacs,
    claimed: HashSet<InstanceId>,
    fixed: Holdings,
    groups: Vec<TrackGroup>,
    hears_policies: bool,
    buffer: Vec<u8>,
}

impl Kernel {
    /// Opens the socket; the first `send` asks for everything. `saved`: where it is written what settings were before.
    pub fn open(buffer: Option<NetlinkBuffer>, saved: PathBuf) -> io::Result<Self> {
        let (vmacs, of_links) = Vmacs::recall(saved);
        let mut reconciler = Reconciler::new();
        reconciler.recall(of_links);
        reconciler.only_links(true);
        let kernel = Kernel {
            socket: Netlink::open(ROUTE, &GROUPS)?,
            reconciler,
            vmacs,
            claimed: HashSet::new(),
            fixed: Holdings::default(),
            groups: Vec::new(),
            hears_policies: false,
            buffer: Vec::new(),
        };
        kernel.size(buffer);
        Ok(kernel)
    }

    /// How much the kernel may have told us that is not read yet, as the configuration says or, else, plenty.
    pub fn size(&self, buffer: Option<NetlinkBuffer>) {
        let (bytes, force) = buffer.map_or((RECEIVE_BUFFER, true), |buffer| {
            let bytes = usize::try_from(buffer.bytes).unwrap_or(usize::MAX);
            (bytes, buffer.force)
        });
        match self.socket.resize(bytes, force) {
            Ok(granted) if granted < bytes && buffer.is_some() => warn!(
                "The receive buffer of the netlink socket is {granted} bytes, not {bytes}: net.core.rmem_max is the limit{}",
                if force {
                    ", as CAP_NET_ADMIN is missing"
                } else {
                    " without vrrp_netlink_monitor_rcv_bufs_force"
                }
            ),
            Ok(_) => {}
            Err(error) => warn!("The receive buffer of the netlink socket stays as it is: {error}"),
        }
    }

    /// The socket, to be waited for.
    pub fn socket(&self) -> &Netlink {
        &self.socket
    }

    /// What is known and wanted.
    pub fn reconciler(&self) -> &Reconciler<Owner> {
        &self.reconciler
    }

    /// Says which addresses these instances, and no others, may come to hold.
    pub fn claim_all<'a>(
        &mut self,
        instances: impl Iterator<Item = (InstanceId, &'a VrrpInstance)>,
    ) {
        let mut before = std::mem::take(&mut self.claimed);
        for (id, config) in instances {
            self.claim(id, config);
            before.remove(&id);
        }
        for gone in before {
            self.reconciler.claim(Owner::Instance(gone), []);
        }
    }

    fn claim(&mut self, id: InstanceId, config: &VrrpInstance) {
        let claims = config
            .virtual_addresses
            .iter()
            .chain(&config.holdings.addresses)
            .map(|line| Claim::from_virtual(line, config.home()));
        let policies = policies(&config.holdings);
        self.listen_to(&config.holdings);
        self.reconciler
            .claim_all(Owner::Instance(id), claims, policies);
        self.claimed.insert(id);
    }

    /// Says which source addresses are to be told of (`track_src_ip`).
    pub fn watch_sources(&mut self, vrrp: &Vrrp) {
        let tracking = vrrp.instances.iter();
        let tracking = tracking.filter(|instance| instance.transport.track_source);
        self.reconciler
            .watch(tracking.filter_map(|instance| instance.source).collect());
    }

    /// What the `static_*` blocks say, now or from now on.
    pub fn claim_fixed(&mut self, vrrp: &Vrrp) {
        if self.fixed == vrrp.fixed && self.groups == vrrp.track_groups {
            return;
        }
        self.fixed = vrrp.fixed.clone();
        self.listen_to(&vrrp.fixed);
        self.claim_host(Owner::Host, &vrrp.fixed);
        for place in (0..).take(self.groups.len()) {
            self.reconciler.claim(Owner::Group(place), []);
        }
        self.groups.clone_from(&vrrp.track_groups);
        for (place, group) in (0..).zip(&vrrp.track_groups) {
            self.claim_host(Owner::Group(place), &group.holdings);
        }
        self.hold_fixed(true);
    }

    fn claim_host(&mut self, owner: Owner, holdings: &Holdings) {
        // Every static address names its interface.
        let addresses = holdings.addresses.iter();
        let claims = addresses.map(|line| Claim::from_virtual(line, ""));
        self.reconciler.claim_all(owner, claims, policies(holdings));
    }

    /// What the `static_*` blocks say shall, or shall not, be on this host.
    pub fn hold_fixed(&mut self, held: bool) {
        self.reconciler.hold(Owner::Host, held);
        for place in (0..).take(self.groups.len()) {
            self.reconciler.hold(Owner::Group(place), held);
        }
    }

    /// Whether everything that names this group is on the host.
    pub fn has_all_of_group(&self, place: u32) -> bool {
        self.reconciler.is_placed(Owner::Group(place))
    }

    fn listen_to(&mut self, holdings: &Holdings) {
        if self.hears_policies || holdings.routes.is_empty() && holdings.rules.is_empty() {
            return;
        }
        self.hears_policies = true;
        if let Err(error) = self.socket.join(&POLICY_GROUPS) {
            warn!("Routes and rules removed by others will not be put back: {error}");
        }
    }

    /// An instance's addresses shall, or shall not, be on this host.
    pub fn hold(&mut self, id: InstanceId, held: bool) {
        self.reconciler.hold(Owner::Instance(id), held);
    }

    /// Reads what has come; true when there may be more.
    pub fn receive(&mut self, now: Instant) -> bool {
        for _ in 0..DATAGRAMS_PER_TURN {
            match self.socket.receive() {
                Ok(Received::Messages(bytes)) => {
                    for message in netlink::decode(bytes) {
                        match message {
                            Ok(message) => self.reconciler.handle(now, message),
                            Err(error) => warn!("{error}"),
                        }
                    }
                }
                Ok(Received::Overrun) => self.reconciler.resync(now),
                Ok(Received::Nothing) => return false,
                Err(error) => {
                    error!("Cannot read from the netlink socket: {error}");
                    return false;
                }
            }
        }
        true
    }

    /// Sends what is to be requested now; true when there may be more for the next turn.
    pub fn send(&mut self, now: Instant) -> bool {
        let requests = self.reconciler.requests(now, REQUESTS_PER_TURN);
        if requests.is_empty() {
            return false;
        }
        self.buffer.clear();
        netlink::encode_all(&requests, &mut self.buffer);
        if let Err(error) = self.socket.send(&self.buffer) {
            error!("Cannot write to the netlink socket: {error}");
            // None of them was carried out, so no answer will come: look anew.
            self.reconciler.resync(now + SEND_RETRY);
            return false;
        }
        requests.len() >= REQUESTS_PER_TURN
    }

    /// Whose addresses were put back.
    pub fn take_restored(&mut self) -> HashSet<InstanceId> {
        let restored = self.reconciler.take_restored().into_iter();
        restored.filter_map(Owner::instance).collect()
    }

    /// Which addresses have passed duplicate address detection, or are there at last.
    pub fn take_usable(&mut self) -> Vec<(InstanceId, IpAddr)> {
        of_instances(self.reconciler.take_usable())
    }

    /// Which addresses the kernel has refused.
    pub fn take_unavailable(&mut self) -> Vec<(InstanceId, IpAddr)> {
        of_instances(self.reconciler.take_unavailable())
    }

    /// Logs what the reconciler has to say.
    pub fn tell(&mut self) {
        for notice in self.reconciler.take_notices() {
            warn!("{notice}");
        }
    }
}

fn of_instances(addresses: Vec<(Owner, IpAddr)>) -> Vec<(InstanceId, IpAddr)> {
    addresses
        .into_iter()
        .filter_map(|(owner, address)| Some((owner.instance()?, address)))
        .collect()
}

/// Routes, then rules: the order in which a master lays them down.
fn policies(holdings: &Holdings) -> impl Iterator<Item = Policy> {
    let routes = holdings.routes.iter();
    let rules = holdings.rules.iter();
    routes
        .map(|route| Policy::Route(Rc::new(route.clone())))
        .chain(rules.map(|rule| Policy::Rule(Rc::new(rule.clone()))))
}

/// A link as the core knows it.
pub(super) fn interface(link: LinkState) -> Interface {
    Interface {
        index: link.index,
        name: link.name,
        up: link.up,
        mac: link.mac,
        mtu: link.mtu,
        primary_v4: link.primary_v4,
        link_local: link.link_local,
        sources: link.watched,
    }
}
