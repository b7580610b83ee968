//! rtnetlink messages of addresses and links: requests to bytes, bytes to what happened. Which request to make is reconcile.rs's.
//!
//! Encoding goes through netlink-packet-route. Decoding walks the attributes with netlink-packet-core but reads only the few we
//! act on, so that a kernel with new, odd or enormous attributes (statistics, SR-IOV tables) can neither fail nor slow an event.

use super::address::{Address, Placement};
use super::envelope::{
    ALIGNMENT, Envelope, Envelopes, HEADER_LENGTH, NLMSG_DONE, NLMSG_ERROR, NLMSG_OVERRUN, errno,
};
use super::link::{self, LinkUpdate, Nature};
use super::policy::{Policy, Trace};
use super::policy_netlink::{route_trace, rule_trace};
use crate::config::model::{Insertion, VirtualLink};
use netlink_packet_core::{
    Emitable, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_EXCL,
    NLM_F_MULTIPART, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NlasIterator,
};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeader, AddressMessage, AddressScope, CacheInfo,
};
use netlink_packet_route::link::{LinkHeader, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_SETLINK: u16 = 19;
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
/// A lifetime that never ends (`INFINITY_LIFE_TIME`).
const FOREVER: u32 = u32::MAX;

/// A request to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Add an address to a link; EEXIST when it is there already.
    AddAddress {
        /// Index of the link.
        index: u32,
        /// What to add.
        address: Address,
    },
    /// Take an address off a link; EADDRNOTAVAIL when it is not there.
    DeleteAddress {
        /// Index of the link.
        index: u32,
        /// Which.
        placement: Placement,
    },
    /// Add or delete a route or a rule.
    Policy {
        /// Which, for the log.
        policy: Policy,
        /// True for adding; EEXIST when it is there already.
        add: bool,
        /// The message's body.
        body: Vec<u8>,
    },
    /// Make a link; EEXIST when there is one of its name.
    NewLink {
        /// What to make.
        link: VirtualLink,
        /// Index of the link it is made upon.
        base: u32,
        /// Its link group.
        group: u32,
    },
    /// Change a link.
    SetLink {
        /// Its index.
        index: u32,
        /// What is to be different.
        update: LinkUpdate,
    },
    /// Take a link away; ENODEV when it is not there.
    DeleteLink {
        /// Its index.
        index: u32,
    },
    /// Tell every link.
    DumpLinks,
    /// Tell every address of every link.
    DumpAddresses,
}

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

/// A message that cannot be what it says it is. Nothing after it in the same datagram can be trusted when its length is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The message's length field does not fit the datagram.
    Length,
    /// The fixed part of the payload is cut short.
    Header,
    /// An attribute's length does not fit, or is wrong for its kind.
    Attribute,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::Length => "netlink message with a length that does not fit",
            Malformed::Header => "netlink message with a short header",
            Malformed::Attribute => "netlink message with a malformed attribute",
        })
    }
}

impl std::error::Error for Malformed {}

/// Makes one datagram of requests. The kernel carries them out in order, so that of addresses it is asked to tell of success only when
/// they come last: the answer to a later request says it of those before, too (`Reconciler::handle`).
pub fn encode_all(requests: &[(u32, Request)], out: &mut Vec<u8>) {
    for (place, (sequence, request)) in (1..).zip(requests) {
        let wanted = if place < requests.len() { 0 } else { NLM_F_ACK };
        request.append(*sequence, wanted, out);
    }
}

impl Request {
    /// Appends the message to `out`, so that several travel in one datagram, each to be answered.
    pub fn encode(&self, sequence: u32, out: &mut Vec<u8>) {
        self.append(sequence, NLM_F_ACK, out);
    }

    fn append(&self, sequence: u32, ack: u16, out: &mut Vec<u8>) {
        let (message, flags) = match self {
            Request::AddAddress { index, address } => (
                RouteNetlinkMessage::NewAddress(address_message(*index, address)),
                NLM_F_REQUEST | ack | NLM_F_CREATE | NLM_F_EXCL,
            ),
            Request::DeleteAddress { index, placement } => (
                RouteNetlinkMessage::DelAddress(bare_message(*index, placement)),
                NLM_F_REQUEST | ack,
            ),
            Request::Policy { policy, add, body } => {
                return policy_request(policy, *add, body, sequence, out);
            }
            Request::NewLink { link, base, group } => {
                let body = link::new_body(link, *base, *group);
                return raw_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &body, sequence, out);
            }
            Request::SetLink { index, update } => {
                let body = link::set_body(*index, update);
                return raw_request(RTM_SETLINK, 0, &body, sequence, out);
            }
            Request::DeleteLink { index } => {
                let body = link::delete_body(*index);
                return raw_request(RTM_DELLINK, 0, &body, sequence, out);
            }
            Request::DumpLinks => (
                RouteNetlinkMessage::GetLink(LinkMessage::default()),
                NLM_F_REQUEST | NLM_F_DUMP,
            ),
            Request::DumpAddresses => (
                RouteNetlinkMessage::GetAddress(AddressMessage::default()),
                NLM_F_REQUEST | NLM_F_DUMP,
            ),
        };
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header.sequence_number = sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        message.finalize();
        let start = out.len().next_multiple_of(ALIGNMENT);
        out.resize(start + message.buffer_len(), 0);
        if let Some(place) = out.get_mut(start..) {
            message.serialize(place);
        }
    }
}

/// Appends a request about a route or a rule.
fn policy_request(policy: &Policy, add: bool, body: &[u8], sequence: u32, out: &mut Vec<u8>) {
    let (kind, create) = match policy {
        Policy::Route(route) => {
            let placed = match route.insertion {
                Insertion::Add => NLM_F_EXCL,
                Insertion::Append => NLM_F_APPEND,
                Insertion::Prepend => 0,
            };
            ([RTM_DELROUTE, RTM_NEWROUTE], NLM_F_CREATE | placed)
        }
        Policy::Rule(_) => ([RTM_DELRULE, RTM_NEWRULE], NLM_F_CREATE | NLM_F_EXCL),
    };
    let [delete, new] = kind;
    let (kind, flags) = if add { (new, create) } else { (delete, 0) };
    raw_request(kind, flags, body, sequence, out);
}

/// Appends a request whose body is made already.
fn raw_request(kind: u16, flags: u16, body: &[u8], sequence: u32, out: &mut Vec<u8>) {
    let start = out.len().next_multiple_of(ALIGNMENT);
    out.resize(start + HEADER_LENGTH, 0);
    out.extend(body);
    let mut header = NetlinkHeader::default();
    header.length = u32::try_from(HEADER_LENGTH + body.len()).unwrap_or(u32::MAX);
    header.message_type = kind;
    header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    header.sequence_number = sequence;
    if let Some(place) = out.get_mut(start..) {
        header.emit(place);
    }
}

fn bare_message(index: u32, placement: &Placement) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header = AddressHeader {
        family: if placement.address.is_ipv4() {
            AddressFamily::Inet
        } else {
            AddressFamily::Inet6
        },
        prefix_len: placement.prefix,
        index,
        ..AddressHeader::default()
    };
    message
        .attributes
        .push(AddressAttribute::Local(placement.address));
    message.attributes.push(AddressAttribute::Address(
        placement.peer.unwrap_or(placement.address),
    ));
    message
}

fn address_message(index: u32, address: &Address) -> AddressMessage {
    let mut message = bare_message(index, &address.placement);
    message.header.scope = AddressScope::from(address.scope);
    if let Some(label) = &address.label {
        message
            .attributes
            .push(AddressAttribute::Label(label.clone()));
    }
    if let Some(broadcast) = address.broadcast {
        message
            .attributes
            .push(AddressAttribute::Broadcast(broadcast));
    }
    if address.flags != 0 {
        message
            .attributes
            .push(AddressAttribute::Flags(AddressFlags::from_bits_retain(
                address.flags,
            )));
    }
    if let Some(preferred) = address.preferred_lifetime {
        let mut lifetimes = CacheInfo::default();
        lifetimes.ifa_preferred = preferred;
        lifetimes.ifa_valid = FOREVER;
        message
            .attributes
            .push(AddressAttribute::CacheInfo(lifetimes));
    }
    message
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
