//! The load balancer's side of the checker role: the socket to the kernel's IPVS and the reconciler behind it. Which servers are wanted
//! is the core's to say, what that is for the kernel `check::table`'s.

use crate::check::claims::{self, Claimant, Claims};
use crate::check::kept;
use crate::check::service::Place;
use crate::check::table::{self, Groups, Server};
use crate::config::model::{self, IpvsNamespace, Model, VirtualServer};
use crate::kernel::ipvs::{
    self, DestinationKey, Leave, Message, Notice, Reading, Reconciler, ServiceKey,
};
use crate::os::netlink::{Netlink, Received};
use crate::os::process;
use crate::role::ledger::Ledger;
use crate::time::Instant;
use log::{error, info, warn};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// `NETLINK_GENERIC`.
const GENERIC: i32 = 16;
/// Datagrams of requests in one turn: each holds us for some hundred microseconds, and checks come due meanwhile.
const REQUESTS_PER_TURN: usize = 4;
/// Datagrams of answers read in one turn: more than the answers to all that is under way (`reconcile::WINDOW`), so that none is left that
/// nothing tells of any more. A table comes in more, but the kernel makes one part, and wakes us for it, as another is read.
const DATAGRAMS_PER_TURN: usize = 144;
/// A kernel that has no IPVS may get it later.
const RETRY: Duration = Duration::from_secs(30);
/// After a failure to write it is tried again this much later.
const SEND_RETRY: Duration = Duration::from_millis(100);

const EPERM: i32 = 1;

/// How far we are with the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// It is to be asked for the number of the family, no sooner than then.
    Unknown(Instant),
    Asked(u32),
    Known(u16),
}

/// Does something where the load balancer is.
pub(super) fn in_namespace<T>(
    namespace: &IpvsNamespace,
    act: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    match namespace {
        IpvsNamespace::Same => act(),
        IpvsNamespace::Original => process::in_network_namespace(None, act),
        IpvsNamespace::Named(name) => process::in_network_namespace(Some(name), act),
    }
}

/// See the module.
pub struct Ipvs {
    socket: Netlink,
    family: Family,
    /// It was said that there is no IPVS.
    told: bool,
    not_before: Instant,
    reconciler: Reconciler,
    /// Keeps the timeouts that are to be put back, and what drains.
    ledger: Rc<Ledger>,
    /// The services of each virtual server, by its place in the model.
    keys: Vec<Box<[ServiceKey]>>,
    /// At services where several may want the same.
    claims: Claims,
    /// How long servers drain that say nothing themselves.
    usual_drain: Option<Duration>,
    ending: bool,
}

impl Ipvs {
    /// Opens the socket; the first `send` asks whether the kernel has IPVS. `ledger` may know what another process has changed; `first`: the
    /// daemon has been started just now.
    pub fn open(config: &model::Ipvs, ledger: Rc<Ledger>, first: bool) -> io::Result<Self> {
        let open = || Netlink::open(GENERIC, &[]);
        let socket = in_namespace(&config.namespace, open)?;
        let mut ipvs = Ipvs {
            socket,
            family: Family::Unknown(Instant::default()),
            told: false,
            not_before: Instant::default(),
            reconciler: Reconciler::default(),
            ledger,
            keys: Vec::new(),
            claims: Claims::default(),
            usual_drain: None,
            ending: false,
        };
        if let Some(before) = ipvs.ledger.timeouts() {
            ipvs.reconciler.inherit_timeouts(before);
        }
        ipvs.reconciler.inherit_drains(ipvs.ledger.drains());
        // What another process of ours has left is ours, and people are connected; what is there at a reload is known to whoever reloads.
        if config.flush && first && !ipvs.ledger.has_services() {
            ipvs.reconciler.flush();
        }
        Ok(ipvs)
    }

    /// The socket, to be waited for.
    pub fn socket(&self) -> &Netlink {
        &self.socket
    }

    /// Goes over from a configuration to another: services that are no longer in it go, as soon as their servers have
    /// drained where that is asked for. `put_all` has to follow for each virtual server.
    pub fn configure(&mut self, now: Instant, old: &Model, model: &Model) {
        self.settings(&model.global.ipvs);
        let drain = |model: &Model| model.global.ipvs.drain_timeout;
        self.usual_drain = drain(old).or(drain(model));
        let groups = Groups::of(&model.lvs);
        let before: Vec<Box<[ServiceKey]>> = std::mem::take(&mut self.keys);
        let mut owners: HashMap<ServiceKey, &VirtualServer> = HashMap::default();
        self.claims = Claims::default();
        let mut several = None;
        for config in &model.lvs.virtual_servers {
            let keys = groups.keys(config);
            let may_meet = claims::may_meet(config);
            for key in &keys {
                // The first in the file says how, each of them to which servers.
                let owner = *owners.entry(*key).or_insert(config);
                let is_shared = !std::ptr::eq(owner, config);
                several = several.or(is_shared.then_some(*key));
                if is_shared || may_meet {
                    self.claims.contest(*key);
                }
            }
            self.keys.push(keys.into());
        }
        if let Some(key) = several {
            warn!(
                "IPVS service {key} is in more than one virtual server: the first in the file says how connections are spread, and a \
                 server that several name is there while any of them wants it, with the greatest weight; put the real servers into \
                 one block"
            );
        }
        let stay: HashSet<_> = model.lvs.virtual_servers.iter().map(kept::key).collect();
        for (config, keys) in old.lvs.virtual_servers.iter().zip(&before) {
            // What becomes of the servers at its other services the core says.
            let goes = !stay.contains(&kept::key(config));
            let all = keys.iter();
            let keys = all.filter(|key| goes || !owners.contains_key(key));
            self.drain_all(now, config, keys);
        }
        for key in before.iter().flatten() {
            if !owners.contains_key(key) {
                self.reconciler.retire_service(*key);
            }
        }
        for key in self.keys.iter().flatten() {
            if let Some(config) = owners.remove(key) {
                let wanted = table::service(config, key.family());
                self.reconciler.want_service(*key, Some(wanted));
            }
        }
        for key in self.claims.contested() {
            self.reconciler.want_no_destinations(key);
        }
    }

    /// Goes over to other settings that are not those of any service.
    pub fn settings(&mut self, config: &model::Ipvs) {
        self.size(config);
        self.reconciler.want_timeouts(config.timeouts);
    }

    /// These servers, each with its weight, and no others are wanted behind a virtual server, after `configure`.
    pub fn put_all(&mut self, service: usize, wanted: impl Iterator<Item = (Place, Server, u32)>) {
        let Some(keys) = self.keys.get(service) else {
            return;
        };
        for key in keys {
            if !self.claims.is_contested(key) {
                self.reconciler.want_no_destinations(key);
            }
        }
        for (place, server, weight) in wanted {
            self.put((service, place), server, Some(weight));
        }
    }

    /// A server is wanted behind a virtual server with this weight, or (None) is not wanted.
    pub fn put(&mut self, claimant: Claimant, server: Server, weight: Option<u32>) {
        for key in self.keys.get(claimant.0).into_iter().flatten() {
            if let Some(destination) = server.key(key) {
                let wanted = weight.map(|weight| server.destination(weight));
                let wanted = self.claims.put(key, destination, claimant, wanted);
                self.reconciler.want_destination(key, destination, wanted);
            }
        }
    }

    /// A server is wanted behind a virtual server no more, but for its connections, if it is to drain: for so long at most, where it has a
    /// limit of its own. `put_all` has to follow.
    pub fn drain(&mut self, now: Instant, place: usize, server: &Server, limit: Option<Duration>) {
        let Some(limit) = self.drain_limit(limit) else {
            return;
        };
        for key in self.keys.get(place).into_iter().flatten() {
            let Some(destination) = server.key(key) else {
                continue;
            };
            // What another virtual server wants there by now, it wants after the change.
            let contested = self.claims.is_contested(key);
            if !(contested && self.reconciler.is_wanted(key, &destination)) {
                self.reconciler.drain(now, key, destination, limit);
            }
        }
    }

    /// How long a server may drain that has this limit of its own; None: it does not.
    fn drain_limit(&self, own: Option<Duration>) -> Option<Duration> {
        own.or(self.usual_drain).filter(|limit| !limit.is_zero())
    }

    /// All servers of a virtual server drain at these services; `put_all` follows for those that somebody else wants there.
    fn drain_all<'k>(
        &mut self,
        now: Instant,
        config: &VirtualServer,
        keys: impl Iterator<Item = &'k ServiceKey> + Clone,
    ) {
        for server in &config.real_servers {
            let Some(limit) = self.drain_limit(server.drain_timeout()) else {
                continue;
            };
            let server = Server::from(server);
            for key in keys.clone() {
                if let Some(destination) = server.key(key) {
                    self.reconciler.drain(now, key, destination, limit);
                }
            }
        }
    }

    /// Takes over the services that another process has left, where the configuration does not name them.
    pub fn inherit_services(&mut self) {
        let ledger = self.ledger.clone();
        for key in ledger.services() {
            self.reconciler.inherit_service(key);
        }
    }

    /// Whether the kernel has what is wanted, and nothing drains.
    pub fn is_clear(&self) -> bool {
        self.is_settled() && !self.reconciler.has_drains()
    }

    /// Those that drain, with the end of their time.
    pub fn draining(&self) -> Vec<(ServiceKey, DestinationKey, Instant)> {
        let mut all: Vec<_> = self.reconciler.draining().collect();
        all.sort_unstable();
        all
    }

    /// Reads what has come; true when there may be more.
    pub fn receive(&mut self, now: Instant) -> bool {
        for _ in 0..DATAGRAMS_PER_TURN {
            match self.socket.receive() {
                Ok(Received::Messages(bytes)) => {
                    let mut refused = None;
                    for received in ipvs::decode(bytes) {
                        match received {
                            Ok(received) => match (&received.message, self.family) {
                                (Message::Family(number), Family::Asked(_)) => {
                                    self.family = Family::Known(*number);
                                }
                                (Message::Answer { errno, .. }, Family::Asked(asked))
                                    if asked == received.sequence =>
                                {
                                    refused = Some(*errno);
                                }
                                (Message::Answer { errno: EPERM, .. }, _) => refused = Some(EPERM),
                                _ => self.reconciler.handle(now, received),
                            },
                            Err(error) => warn!("IPVS: {error}"),
                        }
                    }
                    if let Some(errno) = refused.filter(|errno| *errno != 0) {
                        self.is_missing(now, errno);
                    } else if self.reconciler.take_end_of_family() {
                        warn!(
                            "The kernel has no IPVS any more, as when its module is removed: looking for it again"
                        );
                        // Its number may be another, and it may have to be loaded, which asking for it does.
                        self.family = Family::Unknown(now);
                    }
                }
                Ok(Received::Overrun) if matches!(self.family, Family::Asked(_)) => {
                    self.family = Family::Unknown(now);
                }
                Ok(Received::Overrun) => self.reconciler.handle(
                    now,
                    ipvs::Received {
                        sequence: 0,
                        message: Message::Overrun,
                    },
                ),
                Ok(Received::Nothing) => return false,
                Err(error) => {
                    error!("Cannot read from the IPVS socket: {error}");
                    return false;
                }
            }
        }
        true
    }

    /// Asks the kernel for a part of what is wanted; true when there may be more to ask now.
    pub fn send(&mut self, now: Instant) -> bool {
        for _ in 0..REQUESTS_PER_TURN {
            if !self.is_ready(now) {
                break;
            }
            let bytes = match self.family {
                Family::Asked(_) => break,
                Family::Unknown(_) => {
                    const FIRST: u32 = 0;
                    self.family = Family::Asked(FIRST);
                    ipvs::resolve(FIRST)
                }
                Family::Known(family) => {
                    // Before they are changed: nobody can read them any more then.
                    if let Some(before) = self.reconciler.timeouts_before() {
                        self.ledger.write_timeouts(before);
                    }
                    self.keep();
                    let requests = self.reconciler.requests(now);
                    if requests.is_empty() {
                        break;
                    }
                    ipvs::datagram(family, &requests)
                }
            };
            if let Err(error) = self.socket.send(&bytes) {
                error!("Cannot write to the IPVS socket: {error}");
                self.reconciler.lost();
                self.not_before = now + SEND_RETRY;
                if let Family::Asked(_) = self.family {
                    self.family = Family::Unknown(self.not_before);
                }
                break;
            }
            // The kernel has carried it out, so the answers are there.
            self.receive(now);
        }
        self.keep();
        self.is_ready(now)
    }

    /// Leaves to whoever replaces this process what it has to know.
    fn keep(&mut self) {
        if let Some(services) = self.reconciler.services_to_keep() {
            self.ledger.write_services(services);
        }
        if let Some(drains) = self.reconciler.drains_to_keep() {
            self.ledger.write_drains(&drains);
        }
    }

    /// When `send` has to be called though nothing arrived and nothing is wanted.
    pub fn next_due(&self) -> Option<Instant> {
        match self.family {
            Family::Unknown(due) => Some(due),
            Family::Asked(_) => None,
            Family::Known(_) => Some(self.reconciler.next_due()?.max(self.not_before)),
        }
    }

    /// True when the kernel has what is wanted, as far as it takes it.
    pub fn is_settled(&self) -> bool {
        match self.family {
            Family::Known(_) => self.reconciler.is_settled(),
            Family::Asked(_) => false,
            Family::Unknown(_) => self.told,
        }
    }

    /// Has what all services carry read.
    pub fn ask_all(&mut self) {
        if let Family::Known(_) = self.family {
            self.reconciler.ask_all();
        }
    }

    /// Whether all that was asked for has been read, or cannot be.
    pub fn has_told(&self) -> bool {
        !matches!(self.family, Family::Known(_)) || self.reconciler.has_told()
    }

    /// What was asked for and has been read.
    pub fn take_readings(&mut self) -> Vec<Reading> {
        self.reconciler.take_readings()
    }

    /// Logs what there is to say.
    pub fn tell(&mut self) {
        for notice in self.reconciler.take_notices() {
            match notice {
                Notice::TakenOver(_) | Notice::Draining(..) => info!("{notice}"),
                Notice::Drained { left: Some(0), .. } => info!("{notice}"),
                _ => warn!("{notice}"),
            }
        }
    }

    /// The process ends: `leave` says what stays of the table. None: what the configuration wants to stay.
    pub fn end(&mut self, config: &model::Ipvs, leave: Option<Leave>) {
        self.ending = true;
        self.keep();
        self.reconciler
            .end(leave.unwrap_or(match config.flush_on_stop {
                true => Leave::Nothing,
                false => Leave::Others,
            }));
    }

    fn is_ready(&self, now: Instant) -> bool {
        now >= self.not_before
            && match self.family {
                Family::Unknown(due) => now >= due && !(self.ending && self.told),
                Family::Asked(_) => false,
                Family::Known(_) => self.reconciler.is_ready(now),
            }
    }

    /// There is no IPVS, or not for us.
    fn is_missing(&mut self, now: Instant, errno: i32) {
        self.reconciler.lost();
        self.family = Family::Unknown(now + RETRY);
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let seconds = RETRY.as_secs();
        if errno == EPERM {
            error!(
                "Not allowed to change IPVS: CAP_NET_ADMIN on the host itself is needed (a container has to be given it); servers are checked, \
                 but nothing is forwarded until it works, which is tried every {seconds} s"
            );
            return;
        }
        error!(
            "This kernel has no IPVS ({}): load it with 'modprobe ip_vs'; servers are checked, but nothing is forwarded until it is there, \
             which is looked at every {seconds} s",
            io::Error::from_raw_os_error(errno)
        );
    }

    /// How much the kernel may have told us that is not read yet.
    fn size(&self, config: &model::Ipvs) {
        let Some(buffer) = config.netlink else { return };
        let bytes = usize::try_from(buffer.bytes).unwrap_or(usize::MAX);
        match self.socket.resize(bytes, buffer.force) {
            Ok(granted) if granted < bytes => warn!(
                "The receive buffer of the IPVS socket is {granted} bytes, not {bytes}: net.core.rmem_max is the limit, which \
                 lvs_netlink_cmd_rcv_bufs_force lifts for a process with CAP_NET_ADMIN"
            ),
            Ok(_) => {}
            Err(error) => warn!("The receive buffer of the IPVS socket stays as it is: {error}"),
        }
    }
}
