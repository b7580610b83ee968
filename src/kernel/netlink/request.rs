//! Requests to bytes, by way of netlink-packet-route.

use super::{RTM_DELLINK, RTM_DELROUTE, RTM_DELRULE, RTM_NEWLINK, RTM_NEWROUTE, RTM_NEWRULE};
use crate::config::model::{Insertion, VirtualLink};
use crate::kernel::address::{Address, Placement};
use crate::kernel::envelope::{ALIGNMENT, HEADER_LENGTH};
use crate::kernel::link::{self, LinkUpdate};
use crate::kernel::policy::Policy;
use netlink_packet_core::{
    Emitable, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST,
    NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeader, AddressMessage, AddressScope, CacheInfo,
};
use netlink_packet_route::link::LinkMessage;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

const RTM_SETLINK: u16 = 19;

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
