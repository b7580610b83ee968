//! The load balancer's part of the model: services, groups of addresses, and the servers behind them, every default and every
//! inherited value filled in. What checks a server is `checker`'s.

use super::{Checker, Command, Fifo, Marking, Tls, TrackFile};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

/// Everything the checker role runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lvs {
    /// What TLS checks show, trust and demand.
    pub tls: Tls,
    /// In the order of the file; names are unique.
    pub groups: Vec<ServerGroup>,
    /// In the order of the file; each has a real server.
    pub virtual_servers: Vec<VirtualServer>,
    /// `notify_fifo` and `lvs_notify_fifo`.
    pub fifos: Vec<Fifo>,
    /// `track_file`, those that a check follows, in the order of the file; names are unique.
    pub files: Vec<TrackFile>,
    /// `checker_log_all_failures`, where a check says nothing.
    pub log_all_failures: bool,
    /// `rs_init_notifies`: servers that are up before anybody has looked are told of.
    pub init_notifies: bool,
    /// `nftables_ipvs`; None = each address of a group is a service of its own.
    pub marking: Option<Marking>,
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Family {
    /// IPv4.
    Inet,
    /// IPv6.
    Inet6,
}

impl Family {
    /// Of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv6() {
            Family::Inet6
        } else {
            Family::Inet
        }
    }
}

/// `virtual_server_group`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerGroup {
    /// Its name.
    pub name: Rc<str>,
    /// At least one.
    pub members: Vec<Member>,
}

/// Services that one line of a group may stand for: each costs the kernel memory and time, and a prefix length is easily mistyped.
pub const LINE_SERVICES_MAX: u32 = 1 << 16;

/// One line of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Member {
    /// Every address from `first` to `last`; both are of one family.
    Addresses {
        /// The lowest address.
        first: IpAddr,
        /// The highest address.
        last: IpAddr,
        /// None = any port.
        port: Option<u16>,
    },
    /// What carries a firewall mark.
    Fwmark {
        /// The mark.
        mark: u32,
        /// None = that of the servers.
        family: Option<Family>,
    },
}

/// What a virtual server stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Service {
    /// An address; no port = every port.
    Address(IpAddr, Option<u16>),
    /// A firewall mark.
    Fwmark(u32),
    /// The members of a group, by name.
    Group(Rc<str>),
}

/// Layer 4 protocol of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// As names of services show it; `none` for services that have no protocol.
    pub fn shown(protocol: Option<Protocol>) -> &'static str {
        match protocol {
            Some(Protocol::Tcp) => "tcp",
            Some(Protocol::Udp) => "udp",
            Some(Protocol::Sctp) => "sctp",
            None => "none",
        }
    }
}

/// `lb_kind`: how packets reach the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Forwarding {
    /// `NAT`: addresses are translated.
    #[default]
    Nat,
    /// `DR`: routed to the server's link address; ports stay.
    DirectRouting,
    /// `TUN`: encapsulated; ports stay.
    Tunnel(Encapsulation, TunnelChecksum),
}

impl Forwarding {
    /// The port by which the kernel knows a server that has `port` behind a service that has `service`: DR and TUN leave the port of
    /// packets alone, whatever the server is called. Two servers of one address and port are one destination there. None = that of each
    /// packet.
    pub fn kernel_port(self, service: Option<u16>, port: Option<u16>) -> Option<u16> {
        match self {
            Forwarding::Nat => port,
            Forwarding::DirectRouting | Forwarding::Tunnel(..) => service,
        }
    }
}

/// How a tunnel wraps packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encapsulation {
    /// IP in IP (RFC 2003).
    Ipip,
    /// Generic UDP encapsulation to this port.
    Gue(u16),
    /// GRE (RFC 2784).
    Gre,
}

/// Checksums of the outer header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TunnelChecksum {
    /// `nocsum`.
    #[default]
    None,
    /// `csum`.
    Full,
    /// `remcsum`: remote checksum offload; `gue` alone has it.
    Remote,
}

/// The flags of a scheduler, as the kernel numbers them. `sh-fallback` and `mh-fallback` are the first, `sh-port` and `mh-port` the
/// second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulerFlags {
    /// `flag-1`.
    pub first: bool,
    /// `flag-2`.
    pub second: bool,
    /// `flag-3`.
    pub third: bool,
}

/// What keeps the connections of a client on one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persistence {
    /// `persistence_timeout`.
    pub timeout: Duration,
    /// `persistence_granularity`; None = single clients.
    pub granularity: Option<Granularity>,
    /// `persistence_engine`, at most 15 bytes.
    pub engine: Option<Box<str>>,
}

/// Which clients count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Granularity {
    /// IPv4: those with the same address under this mask.
    Mask(Ipv4Addr),
    /// IPv6: those in the same prefix of this length, 1..=128.
    Prefix(u8),
}

/// `virtual_server`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VirtualServer {
    /// What it stands for.
    pub service: Service,
    /// By which mark the kernel knows the packets to its group (`check::marks`); None = by their addresses, or marks of the user's.
    pub mark: Option<u32>,
    /// Its family; None = both, which only groups can have.
    pub family: Option<Family>,
    /// None for firewall marks.
    pub protocol: Option<Protocol>,
    /// `lb_algo`, by the kernel's name.
    pub scheduler: Box<str>,
    /// Flags of the scheduler.
    pub flags: SchedulerFlags,
    /// `ops`: schedule each packet by itself.
    pub one_packet: bool,
    /// None = each connection is scheduled by itself.
    pub persistence: Option<Persistence>,
    /// `lb_kind` for servers that name none.
    pub forwarding: Forwarding,
    /// `ha_suspend`: check only while the address is on this host.
    pub ha_suspend: bool,
    /// `alpha`: servers are down until they were checked.
    pub alpha: bool,
    /// `omega`: run the down notifiers at stop.
    pub omega: bool,
    /// `smtp_alert`; None = the daemon-wide setting.
    pub smtp_alert: Option<bool>,
    /// `quorum`: the weight that must be up; 0 only when no server has any weight.
    pub quorum: u32,
    /// `hysteresis`, below `quorum` unless both are 0.
    pub hysteresis: u32,
    /// `quorum_up`.
    pub quorum_up: Option<Command>,
    /// `quorum_down`.
    pub quorum_down: Option<Command>,
    /// `snmp_name`.
    pub snmp_name: Option<Box<str>>,
    /// `sorry_server`.
    pub sorry_server: Option<SorryServer>,
    /// At least one, in the order of the file; no two with the same address and port.
    pub real_servers: Vec<RealServer>,
}

/// `sorry_server`: gets the traffic when the quorum is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SorryServer {
    /// Its address.
    pub address: IpAddr,
    /// None = the port of the service.
    pub port: Option<u16>,
    /// How packets reach it.
    pub forwarding: Forwarding,
    /// `sorry_server_inhibit`: stays in the table with weight 0.
    pub inhibit_on_failure: bool,
}

/// `real_server`. There may be many: rare settings are boxed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RealServer {
    /// Its address.
    pub address: IpAddr,
    /// None = the port of the service.
    pub port: Option<u16>,
    /// How packets reach it.
    pub forwarding: Forwarding,
    /// `weight`, 0..=2147483647.
    pub weight: u32,
    /// `uthreshold`: connections; 0 = none.
    pub upper_threshold: u32,
    /// `lthreshold`: connections; 0 = none.
    pub lower_threshold: u32,
    /// `inhibit_on_failure`: stays in the table with weight 0.
    pub inhibit_on_failure: bool,
    /// `alpha`: down until checked.
    pub alpha: bool,
    /// `smtp_alert`; None = the daemon-wide setting.
    pub smtp_alert: Option<bool>,
    /// Scripts and names, when there are any.
    pub extra: Option<Box<RealServerExtra>>,
    /// What decides whether it is up: all of them must say so. None = always up.
    pub checkers: Box<[Checker]>,
}

/// What few real servers have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RealServerExtra {
    /// `notify_up`.
    pub notify_up: Option<Command>,
    /// `notify_down`.
    pub notify_down: Option<Command>,
    /// `snmp_name`.
    pub snmp_name: Option<Box<str>>,
    /// `drain_timeout`: so long, at most, it stays for its connections when a reload takes it out; 0 = not at all, None = as
    /// `Ipvs::drain_timeout` says.
    pub drain_timeout: Option<Duration>,
}

impl RealServer {
    /// `drain_timeout` of its own.
    pub fn drain_timeout(&self) -> Option<Duration> {
        self.extra.as_deref().and_then(|it| it.drain_timeout)
    }
}

/// A server with its port and protocol as logs, mails and the FIFO name it: `[10.0.0.1]:tcp:80`.
pub struct EndpointName(pub IpAddr, pub Option<Protocol>, pub Option<u16>);

impl fmt::Display for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EndpointName(address, protocol, port) = self;
        let protocol = Protocol::shown(*protocol);
        write!(f, "[{address}]:{protocol}:{}", port.unwrap_or(0))
    }
}

/// A service with its protocol as logs, mails and the FIFO name it: `[10.0.0.1]:tcp:80`, `[GROUP]:0`, `FWM 7`.
pub struct ServiceName<'s>(pub &'s Service, pub Option<Protocol>);

impl fmt::Display for ServiceName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Service::Address(address, port) => EndpointName(*address, self.1, *port).fmt(f),
            Service::Fwmark(mark) => write!(f, "FWM {mark}"),
            Service::Group(name) => write!(f, "[{name}]:0"),
        }
    }
}

impl VirtualServer {
    /// Its name in logs, mails and the FIFO.
    pub fn name(&self) -> ServiceName<'_> {
        ServiceName(&self.service, self.protocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nat_changes_ports() {
        let tunnel = Forwarding::Tunnel(Encapsulation::Ipip, TunnelChecksum::None);
        let (nat, direct) = (Forwarding::Nat, Forwarding::DirectRouting);
        // How, the port of the service, that of the server, the kernel's.
        let rows = [
            (nat, Some(80), Some(8080), Some(8080)),
            (nat, Some(80), None, None),
            (nat, None, Some(8080), Some(8080)),
            (direct, Some(80), Some(8080), Some(80)),
            (direct, Some(443), None, Some(443)),
            (direct, None, Some(8080), None),
            (tunnel, Some(80), Some(8080), Some(80)),
            (tunnel, None, None, None),
        ];
        for (forwarding, service, port, expected) in rows {
            let found = forwarding.kernel_port(service, port);
            assert_eq!(found, expected, "{forwarding:?} {service:?} {port:?}");
        }
    }
}
