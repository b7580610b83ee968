//! What unicast adds to the core: which packets are for which instance, which peers are listened to, and the packets of one advert.
//! Who is a peer is the configuration's; what an accepted advert does is the state machine's.

use super::InstanceId;
use super::receive::{Envelope, PacketFault};
use crate::config::model::{Unicast, UnicastPeer, VrrpInstance};
use crate::wire::vrrp::Family;
use rustc_hash::FxHashMap as HashMap;
use std::iter::Chain;
use std::net::IpAddr;
use std::{option, vec};

/// The packets of one advert: one to the group, or one to each peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packets {
    /// To the group.
    One(Vec<u8>),
    /// To the peers, in the order of the file.
    Each(Vec<Vec<u8>>),
}

impl Packets {
    /// Each whole packet.
    pub fn as_slice(&self) -> &[Vec<u8>] {
        match self {
            Packets::One(packet) => std::slice::from_ref(packet),
            Packets::Each(packets) => packets,
        }
    }
}

impl IntoIterator for Packets {
    type Item = Vec<u8>;
    type IntoIter = Chain<option::IntoIter<Vec<u8>>, vec::IntoIter<Vec<u8>>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, each) = match self {
            Packets::One(packet) => (Some(packet), Vec::new()),
            Packets::Each(packets) => (None, packets),
        };
        one.into_iter().chain(each)
    }
}

/// The peers of an instance, found by address.
#[derive(Debug, Default)]
pub(super) struct Peers {
    /// By address.
    sorted: Vec<UnicastPeer>,
}

impl Peers {
    pub fn new(unicast: Option<&Unicast>) -> Self {
        let mut sorted = unicast.map_or_else(Vec::new, |unicast| unicast.peers.clone());
        sorted.sort_unstable_by_key(|peer| peer.address);
        Peers { sorted }
    }

    pub fn find(&self, address: IpAddr) -> Option<&UnicastPeer> {
        let at = self
            .sorted
            .binary_search_by_key(&address, |peer| peer.address);
        self.sorted.get(at.ok()?)
    }

    /// Whether a unicast instance listens to a packet. Routers may lie between peers, so that no TTL is wrong by itself; the bounds at
    /// a peer say how many.
    ///
    /// # Errors
    /// Why it does not.
    pub fn admit(&self, unicast: &Unicast, envelope: &Envelope) -> Result<(), PacketFault> {
        if envelope.destination.is_multicast() {
            return Err(PacketFault::Multicast(envelope.destination));
        }
        if !unicast.check_source {
            return Ok(());
        }
        let peer = self.find(envelope.source).ok_or(PacketFault::Stranger)?;
        if (peer.min_ttl..=peer.max_ttl).contains(&envelope.hops) {
            Ok(())
        } else {
            Err(PacketFault::Ttl {
                got: envelope.hops,
                least: peer.min_ttl,
                most: peer.max_ttl,
            })
        }
    }
}

/// Which of the packets about a virtual router ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lane {
    /// Sent to this group.
    Group(IpAddr),
    /// Sent by this peer to us alone.
    Peer(IpAddr),
    /// Sent to us alone, by whomever.
    Unicast,
    /// All others: what is wrong with them is for an instance to say.
    Rest,
}

/// The instances of one place (an interface, or an address of this host), found by the packets that are for them. Several may
/// have one ID, when they have other groups or other peers.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    by_lane: HashMap<(Family, u8, Lane), InstanceId>,
}

impl Lanes {
    /// Adds an instance; the first of several that want the same packets gets them.
    pub fn add(&mut self, id: InstanceId, config: &VrrpInstance) {
        let mut lane = |lane| {
            self.by_lane
                .entry((config.family(), config.virtual_router_id, lane))
                .or_insert(id);
        };
        match &config.transport.unicast {
            None => lane(Lane::Group(config.multicast_group)),
            Some(unicast) => {
                for peer in &unicast.peers {
                    lane(Lane::Peer(peer.address));
                }
                lane(Lane::Unicast);
            }
        }
        lane(Lane::Rest);
    }

    /// The instance that a packet about this virtual router ID is for.
    pub fn find(&self, vrid: u8, envelope: &Envelope) -> Option<InstanceId> {
        let family = Family::of(envelope.source);
        let find = |lane| self.by_lane.get(&(family, vrid, lane)).copied();
        let own = if envelope.destination.is_multicast() {
            find(Lane::Group(envelope.destination))
        } else {
            find(Lane::Peer(envelope.source)).or_else(|| find(Lane::Unicast))
        };
        own.or_else(|| find(Lane::Rest))
    }

    /// Whether a unicast packet comes from a peer of one of the instances.
    pub fn expects(&self, vrid: u8, envelope: &Envelope) -> bool {
        let lane = (
            Family::of(envelope.source),
            vrid,
            Lane::Peer(envelope.source),
        );
        self.by_lane.contains_key(&lane)
    }

    /// Every instance, those with several lanes several times.
    pub fn instances(&self) -> impl Iterator<Item = InstanceId> {
        self.by_lane.values().copied()
    }
}
