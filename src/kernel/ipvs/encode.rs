//! Requests as bytes. Attributes are written straight into the datagram: there may be a hundred thousand destinations.

use super::constants::{
    AF_INET, AF_INET6, CTRL_ATTR_FAMILY_NAME, CTRL_CMD_GETFAMILY, CTRL_VERSION, GENL_ID_CTRL,
    IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, IPVS_GENL_NAME, IPVS_GENL_VERSION, attribute, command,
    daemon, destination, flag, forward, service, tunnel,
};
use super::{
    Destination, DestinationKey, Request, Service, ServiceKey, SyncDaemon, SyncRole, Timeouts,
};
use crate::config::model::{
    Encapsulation, Family, Forwarding, Granularity, Protocol, TunnelChecksum,
};
use crate::kernel::envelope::{ALIGNMENT, HEADER_LENGTH};
use netlink_packet_core::{
    Emitable, NLA_F_NESTED, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader,
};
use std::net::IpAddr;

/// Length of a `struct genlmsghdr`: command, version, reserved.
pub(super) const GENERIC_HEADER: usize = 4;
/// Length of a `struct nlattr`.
const ATTRIBUTE_HEADER: usize = 4;
/// Length of a `union nf_inet_addr`.
pub(super) const ADDRESS_LENGTH: usize = 16;

/// Asks for the number of the family IPVS, which all other requests need; ENOENT: this kernel has no IPVS.
pub fn resolve(sequence: u32) -> Vec<u8> {
    let mut out = Vec::new();
    Message {
        kind: GENL_ID_CTRL,
        command: CTRL_CMD_GETFAMILY,
        version: CTRL_VERSION,
        flags: 0,
        sequence,
    }
    .write(&mut out, |out| {
        out.text(CTRL_ATTR_FAMILY_NAME, IPVS_GENL_NAME);
    });
    out
}

/// One datagram of requests, which the kernel carries out in their order. The last one is answered in any case, the others when they
/// fail (but for what they ask to be told): no answer before that of the last is success.
pub fn datagram(family: u16, requests: &[(u32, Request)]) -> Vec<u8> {
    let mut out = Vec::new();
    let last = requests.len().saturating_sub(1);
    for (at, (sequence, request)) in requests.iter().enumerate() {
        let flags = match request {
            Request::DumpDestinations(_) | Request::DumpDaemons => NLM_F_DUMP,
            _ if at == last => NLM_F_ACK,
            _ => 0,
        };
        let message = Message {
            kind: family,
            command: command_of(request),
            version: IPVS_GENL_VERSION,
            flags,
            sequence: *sequence,
        };
        message.write(&mut out, |out| body(out, request));
    }
    out
}

fn command_of(request: &Request) -> u8 {
    match request {
        Request::NewService(..) => command::NEW_SERVICE,
        Request::SetService(..) => command::SET_SERVICE,
        Request::DeleteService(_) => command::DEL_SERVICE,
        Request::GetService(_) => command::GET_SERVICE,
        Request::NewDestination(..) => command::NEW_DEST,
        Request::SetDestination(..) => command::SET_DEST,
        Request::DeleteDestination(..) => command::DEL_DEST,
        Request::DumpDestinations(_) => command::GET_DEST,
        Request::Flush => command::FLUSH,
        Request::GetTimeouts => command::GET_CONFIG,
        Request::SetTimeouts(_) => command::SET_CONFIG,
        Request::StartDaemon(_) => command::NEW_DAEMON,
        Request::StopDaemon(_) => command::DEL_DAEMON,
        Request::DumpDaemons => command::GET_DAEMON,
    }
}

fn body(out: &mut Vec<u8>, request: &Request) {
    match request {
        Request::NewService(key, service) | Request::SetService(key, service) => {
            out.nest(attribute::SERVICE, |out| {
                put_key(out, key);
                put_service(out, key.family(), service);
            });
        }
        Request::DeleteService(key) | Request::GetService(key) | Request::DumpDestinations(key) => {
            out.nest(attribute::SERVICE, |out| put_key(out, key));
        }
        Request::NewDestination(key, server, destination)
        | Request::SetDestination(key, server, destination) => {
            out.nest(attribute::SERVICE, |out| put_key(out, key));
            out.nest(attribute::DEST, |out| {
                put_destination_key(out, server);
                put_destination(out, destination);
            });
        }
        Request::DeleteDestination(key, server) => {
            out.nest(attribute::SERVICE, |out| put_key(out, key));
            out.nest(attribute::DEST, |out| put_destination_key(out, server));
        }
        Request::SetTimeouts(timeouts) => put_timeouts(out, timeouts),
        Request::StartDaemon(wanted) => out.nest(attribute::DAEMON, |out| put_daemon(out, wanted)),
        Request::StopDaemon(role) => {
            out.nest(attribute::DAEMON, |out| {
                out.u32(daemon::STATE, state(*role));
            });
        }
        Request::Flush | Request::GetTimeouts | Request::DumpDaemons => {}
    }
}

fn put_key(out: &mut Vec<u8>, key: &ServiceKey) {
    out.u16(service::AF, family_number(key.family()));
    match key {
        ServiceKey::Address {
            protocol,
            address,
            port,
        } => {
            let protocol = match protocol {
                Protocol::Tcp => IPPROTO_TCP,
                Protocol::Udp => IPPROTO_UDP,
                Protocol::Sctp => IPPROTO_SCTP,
            };
            out.u16(service::PROTOCOL, protocol);
            out.address(service::ADDR, *address);
            out.bytes(service::PORT, &port.to_be_bytes());
        }
        ServiceKey::Fwmark { mark, .. } => out.u32(service::FWMARK, *mark),
    }
}

fn put_service(out: &mut Vec<u8>, family: Family, wanted: &Service) {
    out.text(service::SCHED_NAME, &wanted.scheduler);
    let persistence = wanted.persistence.as_ref();
    if let Some(engine) = persistence.and_then(|persistence| persistence.engine.as_deref()) {
        out.text(service::PE_NAME, engine);
    }
    let flags = [
        (persistence.is_some(), flag::PERSISTENT),
        (wanted.one_packet, flag::ONEPACKET),
        (wanted.flags.first, flag::SCHED1),
        (wanted.flags.second, flag::SCHED2),
        (wanted.flags.third, flag::SCHED3),
    ];
    let flags = flags
        .iter()
        .filter(|(set, _)| *set)
        .fold(0, |all, (_, flag)| all | flag);
    // `struct ip_vs_flags`: the flags, and which of them are meant.
    out.bytes(
        service::FLAGS,
        &[u32::to_ne_bytes(flags), u32::MAX.to_ne_bytes()].concat(),
    );
    out.u32(
        service::TIMEOUT,
        persistence.map_or(0, |persistence| persistence.timeout),
    );
    let granularity = persistence.map_or_else(
        || super::single_clients(family),
        |persistence| persistence.granularity,
    );
    match granularity {
        Granularity::Mask(mask) => out.bytes(service::NETMASK, &mask.octets()),
        Granularity::Prefix(length) => out.u32(service::NETMASK, length.into()),
    }
}

fn put_destination_key(out: &mut Vec<u8>, key: &DestinationKey) {
    out.u16(
        destination::ADDR_FAMILY,
        family_number(Family::of(key.address)),
    );
    out.address(destination::ADDR, key.address);
    out.bytes(destination::PORT, &key.port.to_be_bytes());
}

fn put_destination(out: &mut Vec<u8>, wanted: &Destination) {
    let method = match wanted.forwarding {
        Forwarding::Nat => forward::MASQ,
        Forwarding::DirectRouting => forward::DROUTE,
        Forwarding::Tunnel(..) => forward::TUNNEL,
    };
    out.u32(destination::FWD_METHOD, method);
    out.u32(destination::WEIGHT, wanted.weight);
    out.u32(destination::U_THRESH, wanted.upper_threshold);
    out.u32(destination::L_THRESH, wanted.lower_threshold);
    let Forwarding::Tunnel(encapsulation, checksum) = wanted.forwarding else {
        return;
    };
    let (kind, port) = match encapsulation {
        Encapsulation::Ipip => (tunnel::IPIP, 0),
        Encapsulation::Gue(port) => (tunnel::GUE, port),
        Encapsulation::Gre => (tunnel::GRE, 0),
    };
    let checksum = match checksum {
        TunnelChecksum::None => tunnel::NOCSUM,
        TunnelChecksum::Full => tunnel::CSUM,
        TunnelChecksum::Remote => tunnel::REMCSUM,
    };
    out.bytes(destination::TUN_TYPE, &[kind]);
    out.bytes(destination::TUN_PORT, &port.to_be_bytes());
    out.u16(destination::TUN_FLAGS, checksum);
}

fn put_timeouts(out: &mut Vec<u8>, timeouts: &Timeouts) {
    let all = [
        (attribute::TIMEOUT_TCP, timeouts.tcp),
        (attribute::TIMEOUT_TCP_FIN, timeouts.tcp_fin),
        (attribute::TIMEOUT_UDP, timeouts.udp),
    ];
    for (kind, seconds) in all {
        if seconds != 0 {
            out.u32(kind, seconds);
        }
    }
}

fn put_daemon(out: &mut Vec<u8>, wanted: &SyncDaemon) {
    out.u32(daemon::STATE, state(wanted.role));
    out.text(daemon::MCAST_IFN, &wanted.interface);
    out.u32(daemon::SYNC_ID, wanted.id.into());
    if let Some(length) = wanted.max_length {
        out.u16(daemon::SYNC_MAXLEN, length);
    }
    match wanted.group {
        Some(IpAddr::V4(group)) => out.bytes(daemon::MCAST_GROUP, &group.octets()),
        Some(IpAddr::V6(group)) => out.bytes(daemon::MCAST_GROUP6, &group.octets()),
        None => {}
    }
    if let Some(port) = wanted.port {
        out.u16(daemon::MCAST_PORT, port);
    }
    if let Some(ttl) = wanted.ttl {
        out.bytes(daemon::MCAST_TTL, &[ttl]);
    }
}

fn state(role: SyncRole) -> u32 {
    match role {
        SyncRole::Master => daemon::STATE_MASTER,
        SyncRole::Backup => daemon::STATE_BACKUP,
    }
}

fn family_number(family: Family) -> u16 {
    match family {
        Family::Inet => AF_INET,
        Family::Inet6 => AF_INET6,
    }
}

/// The headers of a message.
struct Message {
    kind: u16,
    command: u8,
    version: u8,
    flags: u16,
    sequence: u32,
}

impl Message {
    fn write(&self, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        out.resize(start + HEADER_LENGTH, 0);
        out.extend([self.command, self.version, 0, 0]);
        body(out);
        let mut header = NetlinkHeader::default();
        header.length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
        header.message_type = self.kind;
        header.flags = NLM_F_REQUEST | self.flags;
        header.sequence_number = self.sequence;
        if let Some(place) = out.get_mut(start..) {
            header.emit(place);
        }
    }
}

/// Attributes, each padded to where the next may begin.
trait Attributes {
    fn bytes(&mut self, kind: u16, value: &[u8]);
    fn nest(&mut self, kind: u16, members: impl FnOnce(&mut Self));

    fn u16(&mut self, kind: u16, value: u16) {
        self.bytes(kind, &value.to_ne_bytes());
    }

    fn u32(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_ne_bytes());
    }

    fn text(&mut self, kind: u16, value: &str) {
        self.bytes(kind, &[value.as_bytes(), b"\0"].concat());
    }

    fn address(&mut self, kind: u16, value: IpAddr) {
        let mut octets = [0; ADDRESS_LENGTH];
        match value {
            IpAddr::V4(address) => {
                for (octet, value) in octets.iter_mut().zip(address.octets()) {
                    *octet = value;
                }
            }
            IpAddr::V6(address) => octets = address.octets(),
        }
        self.bytes(kind, &octets);
    }
}

impl Attributes for Vec<u8> {
    fn bytes(&mut self, kind: u16, value: &[u8]) {
        self.extend(length_of(ATTRIBUTE_HEADER + value.len()));
        self.extend(kind.to_ne_bytes());
        self.extend(value);
        self.resize(self.len().next_multiple_of(ALIGNMENT), 0);
    }

    fn nest(&mut self, kind: u16, members: impl FnOnce(&mut Self)) {
        let start = self.len();
        self.bytes(kind | NLA_F_NESTED, &[]);
        members(self);
        let length = length_of(self.len() - start);
        if let Some(place) = self.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
            *place = length;
        }
    }
}

/// No attribute of ours comes near 64 KiB.
fn length_of(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_ne_bytes()
}
