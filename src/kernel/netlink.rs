//! rtnetlink messages of addresses and links: bytes to what happened. Requests to bytes are request.rs's, which of them to make is
//! reconcile.rs's.
//!
//! Decoding walks the attributes with netlink-packet-core but reads only the few we act on, so that a kernel with new, odd or enormous
//! attributes (statistics, SR-IOV tables) can neither fail nor slow an event.

mod request;

use super::address::{Address, Placement};
use super::envelope::{Envelope, Envelopes, NLMSG_DONE, NLMSG_ERROR, NLMSG_OVERRUN, errno};
use super::link::Nature;
use super::policy::Trace;
use super::policy_netlink::{route_trace, rule_trace};
use netlink_packet_core::{NLM_F_DUMP_INTR, NLM_F_MULTIPART, NLM_F_REPLACE, NlasIterator};
use netlink_packet_route::address::AddressHeader;
use netlink_packet_route::link::LinkHeader;
use std::net::{IpAddr, Ipv4Addr};

pub use super::envelope::Malformed;
pub use request::{Request, encode_all};

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTM_NEWRULE: u16 = 32;
const RTM_DELRULE: u16 = 33;

const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_LABEL: u16 = 3;
const IFA_BROADCAST: u16 = 4;
const IFA_FLAGS: u16 = 8;
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const AF_UNSPEC: u8 = 0;
const ADDRESS_HEADER_LENGTH: usize = 8;
const LINK_HEADER_LENGTH: usize = 16;

/// A link as one message describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkReport {
    /// Kernel index.
    pub index: u32,
    /// Kind, base and settings.
    pub nature: Nature,
    /// Name; absent from messages of some subsystems (bridge, wireless).
    pub name: Option<String>,
    /// `IFF_*`.
    pub flags: u32,
    /// Hardware address when it is six bytes long.
    pub mac: Option<[u8; 6]>,
    /// MTU in bytes.
    pub mtu: Option<u32>,
    /// `ARPHRD_*`: 1 = Ethernet, 772 = loopback.
    pub hardware: u16,
}

/// What one message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A link appeared or changed, or is part of a dump.
    Link(LinkReport),
    /// A link went away.
    LinkGone(u32),
    /// An address appeared or changed, or is part of a dump.
    Address {
        /// Index of its link.
        index: u32,
        /// It.
        address: Address,
    },
    /// An address went away.
    AddressGone {
        /// Index of its link.
        index: u32,
        /// Which.
        placement: Placement,
    },
    /// A route or a rule went away, or was replaced.
    PolicyGone(Trace),
    /// The answer to a request: an errno, 0 = done.
    Ack(i32),
    /// The end of a dump, with an errno, 0 = complete.
    Done(i32),
    /// The kernel dropped messages for us.
    Overrun,
    /// Nothing we act on.
    Other,
}

/// A message with what it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Of the request this answers, or that caused the event.
    pub sequence: u32,
    /// Part of a dump.
    pub part_of_dump: bool,
    /// The dump it belongs to was disturbed by a change and has to be made again (`NLM_F_DUMP_INTR`).
    pub interrupted: bool,
    /// What it says.
    pub message: Message,
}

/// The messages of one datagram, in order. After a message whose length is wrong there are no more.
pub fn decode(datagram: &[u8]) -> impl Iterator<Item = Result<Received, Malformed>> {
    Envelopes::new(datagram).map(|envelope| {
        let Envelope {
            kind,
            flags,
            sequence,
            payload,
            ..
        } = envelope?;
        Ok(Received {
            sequence,
            part_of_dump: flags & NLM_F_MULTIPART != 0,
            interrupted: flags & NLM_F_DUMP_INTR != 0,
            message: decode_payload(kind, flags, payload)?,
        })
    })
}

fn decode_payload(kind: u16, flags: u16, payload: &[u8]) -> Result<Message, Malformed> {
    match kind {
        NLMSG_ERROR => Ok(Message::Ack(errno(payload).ok_or(Malformed::Header)?)),
        // A kernel that has nothing to add leaves the error number of a finished dump out.
        NLMSG_DONE => Ok(Message::Done(errno(payload).unwrap_or(0))),
        NLMSG_OVERRUN => Ok(Message::Overrun),
        RTM_NEWLINK => decode_link(payload),
        RTM_DELLINK => {
            let header = LinkHeader::parse(payload).map_err(|_| Malformed::Header)?;
            // A bridge says DELLINK with its own family when a port leaves it; the link itself stays.
            if u8::from(header.interface_family) == AF_UNSPEC {
                Ok(Message::LinkGone(header.index))
            } else {
                Ok(Message::Other)
            }
        }
        RTM_NEWADDR => Ok(match decode_address(payload)? {
            Some((index, address)) => Message::Address { index, address },
            None => Message::Other,
        }),
        RTM_DELADDR => Ok(match decode_address(payload)? {
            Some((index, address)) => Message::AddressGone {
                index,
                placement: address.placement,
            },
            None => Message::Other,
        }),
        RTM_DELROUTE => Ok(gone(route_trace(payload)?)),
        // `ip route replace` tells only of the new one.
        RTM_NEWROUTE if flags & NLM_F_REPLACE != 0 => Ok(gone(route_trace(payload)?)),
        RTM_DELRULE => Ok(gone(rule_trace(payload)?)),
        _ => Ok(Message::Other),
    }
}

fn gone(trace: Option<Trace>) -> Message {
    trace.map_or(Message::Other, Message::PolicyGone)
}

fn decode_link(payload: &[u8]) -> Result<Message, Malformed> {
    let header = LinkHeader::parse(payload).map_err(|_| Malformed::Header)?;
    if u8::from(header.interface_family) != AF_UNSPEC {
        return Ok(Message::Other);
    }
    let mut report = LinkReport {
        index: header.index,
        nature: Nature::default(),
        name: None,
        flags: header.flags.bits(),
        mac: None,
        mtu: None,
        hardware: u16::from(header.link_layer_type),
    };
    for attribute in NlasIterator::new(payload.get(LINK_HEADER_LENGTH..).unwrap_or(&[])) {
        let attribute = attribute.map_err(|_| Malformed::Attribute)?;
        match attribute.kind() {
            IFLA_IFNAME => report.name = Some(text(attribute.value())),
            IFLA_MTU => report.mtu = Some(number(attribute.value())?),
            IFLA_ADDRESS => report.mac = attribute.value().try_into().ok(),
            kind => report.nature.read(kind, attribute.value()),
        }
    }
    Ok(Message::Link(report))
}

fn decode_address(payload: &[u8]) -> Result<Option<(u32, Address)>, Malformed> {
    let header = AddressHeader::parse(payload).map_err(|_| Malformed::Header)?;
    let family = u8::from(header.family);
    if family != AF_INET && family != AF_INET6 {
        return Ok(None);
    }
    let (mut local, mut remote, mut label, mut broadcast) = (None, None, None, None);
    let mut flags = u32::from(header.flags.bits());
    for attribute in NlasIterator::new(payload.get(ADDRESS_HEADER_LENGTH..).unwrap_or(&[])) {
        let attribute = attribute.map_err(|_| Malformed::Attribute)?;
        match attribute.kind() {
            IFA_LOCAL => local = Some(ip(family, attribute.value())?),
            IFA_ADDRESS => remote = Some(ip(family, attribute.value())?),
            IFA_LABEL => label = Some(text(attribute.value())),
            IFA_BROADCAST => {
                broadcast = attribute
                    .value()
                    .try_into()
                    .map(|octets: [u8; 4]| Ipv4Addr::from(octets))
                    .ok()
            }
            IFA_FLAGS => flags = number(attribute.value())?,
            _ => {}
        }
    }
    // IPv6 gives IFA_LOCAL only together with a peer; an address without either is nothing (anycast and multicast entries).
    let Some(address) = local.or(remote) else {
        return Ok(None);
    };
    let placement = Placement {
        address,
        prefix: header.prefix_len,
        peer: remote.filter(|peer| *peer != address),
    };
    Ok(Some((
        header.index,
        Address {
            placement,
            label,
            scope: u8::from(header.scope),
            broadcast,
            flags,
            preferred_lifetime: None,
        },
    )))
}

fn ip(family: u8, value: &[u8]) -> Result<IpAddr, Malformed> {
    if family == AF_INET {
        <[u8; 4]>::try_from(value)
            .map(IpAddr::from)
            .map_err(|_| Malformed::Attribute)
    } else {
        <[u8; 16]>::try_from(value)
            .map(IpAddr::from)
            .map_err(|_| Malformed::Attribute)
    }
}

fn number(value: &[u8]) -> Result<u32, Malformed> {
    value
        .try_into()
        .map(u32::from_ne_bytes)
        .map_err(|_| Malformed::Attribute)
}

/// Names are bytes to the kernel; one that is not UTF-8 cannot be in a configuration either, so a replacement character is enough.
pub(super) fn text(value: &[u8]) -> String {
    let end = value
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(value.len());
    String::from_utf8_lossy(value.get(..end).unwrap_or(value)).into_owned()
}

#[cfg(test)]
#[path = "netlink_tests.rs"]
mod tests;
