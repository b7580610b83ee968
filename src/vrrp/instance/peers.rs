//! The packets of an advert, to the group or to each unicast peer, and what is learned of those peers.

use super::{Context, Instance};
use crate::config::model::OldChecksum;
use crate::vrrp::Packets;
use crate::vrrp::notice::{Said, Topic};
use crate::vrrp::receive::Heard;
use crate::wire::vrrp::TTL;
use std::net::IpAddr;

impl Instance {
    /// The packets of one advert; `None` when there is nobody to send it to.
    pub(super) fn packets(&self, priority: u8, source: IpAddr) -> Option<Packets> {
        let group = self.config.multicast_group;
        let Some(unicast) = &self.config.transport.unicast else {
            let packet = self.packet_of(priority, TTL, source, group, group)?;
            return Some(Packets::One(packet));
        };
        let to = |peer: IpAddr| {
            // Over IPv6 it was the kernel that computed it, and right.
            let old = peer.is_ipv4()
                && match unicast.old_checksum {
                    OldChecksum::Always => true,
                    OldChecksum::Learned => self.old_peers.contains(&peer),
                    OldChecksum::Never => false,
                };
            let named = if old { group } else { peer };
            self.packet_of(priority, unicast.ttl, source, peer, named)
        };
        let peers = unicast.peers.iter().map(|peer| peer.address);
        // The list may be the same on all nodes: what we sent to ourselves would come back as a rival with our address.
        let packets: Vec<Vec<u8>> = peers
            .filter(|peer| *peer != source)
            .filter_map(to)
            .collect();
        (!packets.is_empty()).then_some(Packets::Each(packets))
    }

    /// Remembers which checksums a peer understands: those that it computes.
    pub(super) fn learn_checksum(
        &mut self,
        source: IpAddr,
        advert: &Heard<'_>,
        context: &mut Context<'_>,
    ) {
        if !advert.as_to_group {
            if !self.old_peers.is_empty() {
                self.old_peers.remove(&source);
            }
            return;
        }
        // Others are not sent to, and whoever forges senders must not fill the memory.
        if self.derived.peers.find(source).is_some() && self.old_peers.insert(source) {
            self.tell_once(Topic::OldChecksum, context, Said::OldChecksum(source));
        }
    }
}
