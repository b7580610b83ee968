//! Bytes of the kernel as messages. Only attributes that we act on are looked at; what others a kernel adds does no harm.

use super::constants::{
    AF_INET, AF_INET6, CTRL_ATTR_FAMILY_ID, GENL_ID_CTRL, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP,
    attribute, command, daemon, destination, flag, forward, service, stats, tunnel,
};
use super::encode::{ADDRESS_LENGTH, GENERIC_HEADER};
use super::{
    Connections, Destination, DestinationKey, Message, Persistence, Received, Service, ServiceKey,
    SyncDaemon, SyncRole, Timeouts, Traffic,
};
use crate::config::model::{
    Encapsulation, Family, Forwarding, Granularity, Protocol, SchedulerFlags, TunnelChecksum,
};
use crate::kernel::envelope::Malformed;
use crate::kernel::envelope::{
    Envelope, Envelopes, HEADER_LENGTH, NLMSG_DONE, NLMSG_ERROR, NLMSG_OVERRUN, errno,
};
use crate::kernel::netlink::text;
use netlink_packet_core::NlasIterator;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

/// Attributes follow the answer (`NLM_F_ACK_TLVS`).
const NLM_F_ACK_TLVS: u16 = 0x200;
/// The answer holds only the header of the request (`NLM_F_CAPPED`).
const NLM_F_CAPPED: u16 = 0x100;
/// The kernel's own words about an error.
const NLMSGERR_ATTR_MSG: u16 = 1;
/// Length of the errno before the request in an answer.
const ERRNO_LENGTH: usize = 4;

/// The messages of one datagram, in order. After a message whose length is wrong there are no more.
pub fn decode(datagram: &[u8]) -> impl Iterator<Item = Result<Received, Malformed>> {
    Envelopes::new(datagram).map(|envelope| {
        let envelope = envelope?;
        Ok(Received {
            sequence: envelope.sequence,
            message: message(&envelope)?,
        })
    })
}

fn message(envelope: &Envelope<'_>) -> Result<Message, Malformed> {
    let payload = envelope.payload;
    match envelope.kind {
        NLMSG_ERROR => {
            return Ok(Message::Answer {
                errno: errno(payload).ok_or(Malformed::Header)?,
                words: words(envelope),
            });
        }
        NLMSG_DONE => return Ok(Message::Done(errno(payload).unwrap_or(0))),
        NLMSG_OVERRUN => return Ok(Message::Overrun),
        _ => {}
    }
    let (&told, body) = payload.split_first().ok_or(Malformed::Header)?;
    let body = body.get(GENERIC_HEADER - 1..).ok_or(Malformed::Header)?;
    if envelope.kind == GENL_ID_CTRL {
        let found = find(body, CTRL_ATTR_FAMILY_ID)?.and_then(as_u16);
        return Ok(found.map_or(Message::Other, Message::Family));
    }
    let nested = |kind| find(body, kind).map(Option::unwrap_or_default);
    match told {
        command::NEW_SERVICE => read_service(nested(attribute::SERVICE)?),
        command::NEW_DEST => read_destination(nested(attribute::DEST)?),
        command::NEW_DAEMON => read_daemon(nested(attribute::DAEMON)?),
        command::SET_CONFIG => read_timeouts(body),
        _ => Ok(Message::Other),
    }
}

/// What the kernel says besides the errno.
fn words(envelope: &Envelope<'_>) -> Option<String> {
    if envelope.flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    let request = envelope.payload.get(ERRNO_LENGTH..)?;
    let length = if envelope.flags & NLM_F_CAPPED == 0 {
        let length = u32::from_ne_bytes(*request.first_chunk()?);
        usize::try_from(length).ok()?.checked_next_multiple_of(4)?
    } else {
        HEADER_LENGTH
    };
    let found = find(request.get(length..)?, NLMSGERR_ATTR_MSG).ok()??;
    Some(text(found))
}

fn read_service(attributes: &[u8]) -> Result<Message, Malformed> {
    let (mut family, mut protocol, mut address, mut port, mut mark) = (None, None, None, 0, None);
    let (mut scheduler, mut engine, mut flags, mut timeout) = (None, None, 0, 0);
    let (mut mask, mut traffic) = (None, Counted::default());
    each(attributes, |kind, value| match kind {
        service::AF => family = as_u16(value).and_then(family_of),
        service::PROTOCOL => protocol = as_u16(value).and_then(protocol_of),
        service::ADDR => address = Some(value),
        service::PORT => port = as_port(value).unwrap_or(0),
        service::FWMARK => mark = as_u32(value),
        service::SCHED_NAME => scheduler = Some(text(value)),
        service::PE_NAME => engine = Some(text(value)).filter(|name| !name.is_empty()),
        service::FLAGS => flags = as_u32(value).unwrap_or(0),
        service::TIMEOUT => timeout = as_u32(value).unwrap_or(0),
        service::NETMASK => mask = Some(value),
        service::STATS => traffic.narrow(value),
        service::STATS64 => traffic.wide(value),
        _ => {}
    })?;
    let Some(family) = family else {
        return Ok(Message::Other);
    };
    let key = match (mark, protocol, address.and_then(|a| as_address(family, a))) {
        (Some(mark), ..) => ServiceKey::Fwmark { family, mark },
        (None, Some(protocol), Some(address)) => ServiceKey::Address {
            protocol,
            address,
            port,
        },
        _ => return Ok(Message::Other),
    };
    let granularity = mask.and_then(|mask| granularity(family, mask));
    let has = |flag| flags & flag != 0;
    let persistence = match (has(flag::PERSISTENT), granularity) {
        (false, _) => Some(None),
        (true, Some(granularity)) => Some(Some(Persistence {
            timeout,
            granularity,
            engine: engine.map(Rc::from),
        })),
        (true, None) => None,
    };
    let service = scheduler
        .zip(persistence)
        .map(|(scheduler, persistence)| Service {
            scheduler: scheduler.into(),
            flags: SchedulerFlags {
                first: has(flag::SCHED1),
                second: has(flag::SCHED2),
                third: has(flag::SCHED3),
            },
            one_packet: has(flag::ONEPACKET),
            persistence,
        });
    Ok(Message::Service {
        key,
        service,
        traffic: traffic.0,
    })
}

fn read_destination(attributes: &[u8]) -> Result<Message, Malformed> {
    let (mut family, mut address, mut port, mut method) = (None, None, 0, None);
    let (mut weight, mut upper_threshold, mut lower_threshold) = (0, 0, 0);
    let (mut tunnel_kind, mut tunnel_port, mut tunnel_flags) = (tunnel::IPIP, 0, tunnel::NOCSUM);
    let (mut connections, mut traffic) = (Connections::default(), Counted::default());
    each(attributes, |kind, value| {
        let number = || as_u32(value).unwrap_or(0);
        match kind {
            destination::ADDR_FAMILY => family = as_u16(value).and_then(family_of),
            destination::ADDR => address = Some(value),
            destination::PORT => port = as_port(value).unwrap_or(0),
            destination::FWD_METHOD => method = as_u32(value),
            destination::WEIGHT => weight = number(),
            destination::U_THRESH => upper_threshold = number(),
            destination::L_THRESH => lower_threshold = number(),
            destination::ACTIVE_CONNS => connections.active = number(),
            destination::INACT_CONNS => connections.inactive = number(),
            destination::PERSIST_CONNS => connections.persistent = number(),
            destination::TUN_TYPE => tunnel_kind = value.first().copied().unwrap_or(tunnel::IPIP),
            destination::TUN_PORT => tunnel_port = as_port(value).unwrap_or(0),
            destination::TUN_FLAGS => tunnel_flags = as_u16(value).unwrap_or(tunnel::NOCSUM),
            destination::STATS => traffic.narrow(value),
            destination::STATS64 => traffic.wide(value),
            _ => {}
        }
    })?;
    let address = family
        .zip(address)
        .and_then(|(family, address)| as_address(family, address));
    let Some(address) = address else {
        return Ok(Message::Other);
    };
    let forwarding = method.and_then(|method| match method & forward::MASK {
        forward::MASQ => Some(Forwarding::Nat),
        forward::DROUTE => Some(Forwarding::DirectRouting),
        forward::TUNNEL => Some(Forwarding::Tunnel(
            encapsulation(tunnel_kind, tunnel_port)?,
            checksum(tunnel_flags)?,
        )),
        _ => None,
    });
    Ok(Message::Destination {
        key: DestinationKey { address, port },
        destination: forwarding.map(|forwarding| Destination {
            forwarding,
            weight,
            upper_threshold,
            lower_threshold,
        }),
        connections,
        traffic: traffic.0,
    })
}

fn read_daemon(attributes: &[u8]) -> Result<Message, Malformed> {
    let (mut role, mut interface, mut id) = (None, None, None);
    let (mut max_length, mut port, mut ttl, mut group) = (None, None, None, None);
    each(attributes, |kind, value| match kind {
        daemon::STATE => {
            role = match as_u32(value) {
                Some(daemon::STATE_MASTER) => Some(SyncRole::Master),
                Some(daemon::STATE_BACKUP) => Some(SyncRole::Backup),
                _ => None,
            };
        }
        daemon::MCAST_IFN => interface = Some(text(value)),
        daemon::SYNC_ID => id = as_u32(value).and_then(|id| u8::try_from(id).ok()),
        daemon::SYNC_MAXLEN => max_length = as_u16(value),
        daemon::MCAST_PORT => port = as_u16(value),
        daemon::MCAST_TTL => ttl = value.first().copied(),
        daemon::MCAST_GROUP => group = as_address(Family::Inet, value),
        daemon::MCAST_GROUP6 => group = as_address(Family::Inet6, value),
        _ => {}
    })?;
    let (Some(role), Some(interface), Some(id)) = (role, interface, id) else {
        return Ok(Message::Other);
    };
    Ok(Message::Daemon(SyncDaemon {
        role,
        interface: interface.into(),
        id,
        max_length,
        port,
        ttl,
        group,
    }))
}

fn read_timeouts(attributes: &[u8]) -> Result<Message, Malformed> {
    let mut timeouts = Timeouts::default();
    each(attributes, |kind, value| {
        let seconds = as_u32(value).unwrap_or(0);
        match kind {
            attribute::TIMEOUT_TCP => timeouts.tcp = seconds,
            attribute::TIMEOUT_TCP_FIN => timeouts.tcp_fin = seconds,
            attribute::TIMEOUT_UDP => timeouts.udp = seconds,
            _ => {}
        }
    })?;
    Ok(Message::Timeouts(timeouts))
}

/// What was counted: with 32 bits by every kernel, with 64 by those since 4.2.
#[derive(Default)]
struct Counted(Traffic, bool);

impl Counted {
    fn narrow(&mut self, attributes: &[u8]) {
        if !self.1 {
            self.read(attributes);
        }
    }

    fn wide(&mut self, attributes: &[u8]) {
        self.1 = true;
        self.read(attributes);
    }

    fn read(&mut self, attributes: &[u8]) {
        let Traffic { total, rate } = &mut self.0;
        // Counters that cannot be read are no reason not to know the service.
        let _ = each(attributes, |kind, value| {
            let count = as_u64(value).or(as_u32(value).map(u64::from)).unwrap_or(0);
            let place = match kind {
                stats::CONNS => &mut total.connections,
                stats::INPKTS => &mut total.in_packets,
                stats::OUTPKTS => &mut total.out_packets,
                stats::INBYTES => &mut total.in_bytes,
                stats::OUTBYTES => &mut total.out_bytes,
                stats::CPS => &mut rate.connections,
                stats::INPPS => &mut rate.in_packets,
                stats::OUTPPS => &mut rate.out_packets,
                stats::INBPS => &mut rate.in_bytes,
                stats::OUTBPS => &mut rate.out_bytes,
                _ => return,
            };
            *place = count;
        });
    }
}

fn each<'a>(attributes: &'a [u8], mut read: impl FnMut(u16, &'a [u8])) -> Result<(), Malformed> {
    for attribute in NlasIterator::new(attributes) {
        let attribute = attribute.map_err(|_| Malformed::Attribute)?;
        // Its length was checked by the iterator; `value` of the buffer would borrow too shortly.
        let length = usize::from(attribute.length());
        let value = attribute.into_inner().get(4..length).unwrap_or_default();
        read(attribute.kind(), value);
    }
    Ok(())
}

fn find(attributes: &[u8], wanted: u16) -> Result<Option<&[u8]>, Malformed> {
    let mut found = None;
    each(attributes, |kind, value| {
        if kind == wanted {
            found = Some(value);
        }
    })?;
    Ok(found)
}

fn as_u16(value: &[u8]) -> Option<u16> {
    value.try_into().ok().map(u16::from_ne_bytes)
}

fn as_u32(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn as_u64(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(u64::from_ne_bytes)
}

fn as_port(value: &[u8]) -> Option<u16> {
    value.try_into().ok().map(u16::from_be_bytes)
}

fn as_address(family: Family, value: &[u8]) -> Option<IpAddr> {
    match family {
        Family::Inet => value
            .first_chunk::<4>()
            .map(|octets| Ipv4Addr::from(*octets).into()),
        Family::Inet6 => value
            .first_chunk::<ADDRESS_LENGTH>()
            .map(|octets| Ipv6Addr::from(*octets).into()),
    }
}

fn granularity(family: Family, value: &[u8]) -> Option<Granularity> {
    match (family, as_address(Family::Inet, value)) {
        (Family::Inet, Some(IpAddr::V4(mask))) => Some(Granularity::Mask(mask)),
        _ => u8::try_from(as_u32(value)?).ok().map(Granularity::Prefix),
    }
}

fn family_of(number: u16) -> Option<Family> {
    match number {
        AF_INET => Some(Family::Inet),
        AF_INET6 => Some(Family::Inet6),
        _ => None,
    }
}

fn protocol_of(number: u16) -> Option<Protocol> {
    match number {
        IPPROTO_TCP => Some(Protocol::Tcp),
        IPPROTO_UDP => Some(Protocol::Udp),
        IPPROTO_SCTP => Some(Protocol::Sctp),
        _ => None,
    }
}

fn encapsulation(kind: u8, port: u16) -> Option<Encapsulation> {
    match kind {
        tunnel::IPIP => Some(Encapsulation::Ipip),
        tunnel::GUE => Some(Encapsulation::Gue(port)),
        tunnel::GRE => Some(Encapsulation::Gre),
        _ => None,
    }
}

fn checksum(flags: u16) -> Option<TunnelChecksum> {
    match flags {
        tunnel::NOCSUM => Some(TunnelChecksum::None),
        tunnel::CSUM => Some(TunnelChecksum::Full),
        tunnel::REMCSUM => Some(TunnelChecksum::Remote),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::ipvs::Counts;

    /// Attributes of `IPVS_STATS_ATTR_*` (linux/ip_vs.h), all of one width.
    fn counters(width: usize, values: &[(u16, u64)]) -> Vec<u8> {
        let attributes = values.iter().map(|(kind, value)| {
            let length = u16::try_from(4 + width).expect("short");
            let value = value.to_ne_bytes();
            [&length.to_ne_bytes(), &kind.to_ne_bytes(), &value[..width]].concat()
        });
        attributes.collect::<Vec<_>>().concat()
    }

    #[test]
    fn wide_counters_are_believed_and_rates_are_among_them() {
        let total = Counts {
            connections: 1,
            in_packets: 2,
            out_packets: 3,
            in_bytes: 4,
            out_bytes: 5 << 32,
        };
        let rate = Counts {
            connections: 6,
            in_packets: 7,
            out_packets: 8,
            in_bytes: 9,
            out_bytes: 10,
        };
        let all = [1, 2, 3, 4, 5 << 32, 6, 7, 8, 9, 10];
        let numbered: Vec<(u16, u64)> = (1..).zip(all).collect();
        let (wide, narrow) = (counters(8, &numbered), counters(4, &[(1, 99)]));
        for narrow_first in [true, false] {
            let mut counted = Counted::default();
            if narrow_first {
                counted.narrow(&narrow);
            }
            counted.wide(&wide);
            counted.narrow(&narrow);
            assert_eq!(counted.0, Traffic { total, rate });
        }
        let mut counted = Counted::default();
        counted.narrow(&narrow);
        assert_eq!(counted.0.total.connections, 99, "an older kernel");
    }
}
