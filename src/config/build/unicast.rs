//! The statements of an instance that say how its adverts travel, into a draft; what they mean together is `finish/unicast.rs`.

use super::{Context, lines};
use crate::config::diagnostic::Span;
use crate::config::model::{OldChecksum, UnicastPeer};
use crate::config::phrase::{PeerLine, peer_line};
use crate::config::read::Item;
use std::collections::HashSet;
use std::net::IpAddr;

/// What was said about unicast.
#[derive(Default)]
pub(in crate::config::build) struct DraftUnicast {
    /// A keyword was met that makes it a unicast instance.
    pub span: Option<Span>,
    pub peers: Vec<(UnicastPeer, Span)>,
    known: HashSet<IpAddr>,
    pub fault_no_peer: bool,
    pub check_source: bool,
    pub ttl: Option<(u8, Span)>,
    pub old_checksum: OldChecksum,
    pub track_source: bool,
}

impl DraftUnicast {
    /// Notes that the instance is one of unicast.
    pub fn met(&mut self, item: &Item<'_>) {
        self.span.get_or_insert(item.span());
    }

    /// Reads a statement of an instance; false when it is another one.
    pub fn statement(&mut self, context: &mut Context<'_>, owner: &str, item: &Item<'_>) -> bool {
        match item.name() {
            "unicast_peer" => {
                self.met(item);
                self.peers(context, owner, item);
            }
            "unicast_fault_no_peer" => {
                self.met(item);
                self.fault_no_peer = true;
            }
            "check_unicast_src" => {
                self.met(item);
                self.check_source = true;
            }
            "old_unicast_checksum" => {
                self.met(item);
                self.old_checksum = match item.count() {
                    0 => OldChecksum::Always,
                    _ if item.choice(context).is_some() => OldChecksum::Never,
                    _ => self.old_checksum,
                };
            }
            "unicast_ttl" => {
                let ttl = item.int(context).and_then(|ttl| u8::try_from(ttl).ok());
                self.ttl = ttl.map(|ttl| (ttl, item.span())).or(self.ttl);
            }
            "track_src_ip" => self.track_source = true,
            _ => return false,
        }
        true
    }

    fn peers(&mut self, context: &mut Context<'_>, owner: &str, item: &Item<'_>) {
        let Some(lines) = item.open(context) else {
            return;
        };
        for line in lines {
            lines::no_block(context, line);
            let Some(PeerLine { peer, bounded }) = peer_line(context, owner, line) else {
                continue;
            };
            self.check_source |= bounded;
            if self.known.insert(peer.address) {
                self.peers.push((peer, line.span()));
            } else {
                let message = format!("({owner}) unicast peer {} is named twice", peer.address);
                context.fault(line.span(), message, "remove one of the lines");
            }
        }
    }
}
