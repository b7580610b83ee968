//! A line of `unicast_peer`: an address, and bounds on the TTL that its packets arrive with.

use super::{Phrase, Rule};
use crate::config::build::Context;
use crate::config::diagnostic::{Class, quote};
use crate::config::model::UnicastPeer;
use crate::config::read::{parse_integer, plain_address};
use crate::config::tree::{Statement, Word};

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerLine {
    /// The peer, with bounds that leave every TTL in when none were given.
    pub peer: UnicastPeer,
    /// A bound was given.
    pub bounded: bool,
}

/// Reads a line of `unicast_peer`; `None` when it is to be dropped, which is said.
pub fn peer_line(context: &mut Context<'_>, owner: &str, line: Statement<'_>) -> Option<PeerLine> {
    let word = line.keyword();
    let address = plain_address(context, word).filter(|address| {
        !address.is_multicast() && !address.is_unspecified() && !address.is_loopback()
    });
    let Some(address) = address else {
        let shown = quote(word.bytes());
        let message = format!(
            "Configuration error: VRRP instance[{owner}] malformed unicast peer address[{shown}]. Skipping..."
        );
        context.fault(
            word.span(),
            message,
            "write the address of the other node's interface",
        );
        return None;
    };
    let mut peer = UnicastPeer {
        address,
        min_ttl: u8::MIN,
        max_ttl: u8::MAX,
    };
    let mut bounded = false;
    let phrase = Phrase::new(line);
    for pair in phrase.parse(Rule::peer_line)?.skip(1) {
        match pair.as_rule() {
            Rule::peer_valued => {
                bounded = true;
                let mut words = pair.into_inner();
                let (Some(key), Some(value)) = (words.next(), words.next()) else {
                    continue;
                };
                let Some(hops) = hops(context, owner, phrase.word(&value)) else {
                    continue;
                };
                if phrase.word(&key).bytes() == b"min_ttl" {
                    peer.min_ttl = hops;
                } else {
                    peer.max_ttl = hops;
                }
            }
            Rule::stray => {
                let word = phrase.word(&pair);
                let message = format!(
                    "({owner}) unknown unicast_peer option '{}'",
                    quote(word.bytes())
                );
                context.fault(
                    word.span(),
                    message,
                    "write one peer a line; min_ttl and max_ttl take a number",
                );
            }
            _ => {}
        }
    }
    if peer.min_ttl > peer.max_ttl {
        let message = format!(
            "({owner}) min_ttl {} of unicast peer {address} is above its max_ttl {}",
            peer.min_ttl, peer.max_ttl
        );
        context.fault(
            line.span(),
            message,
            "no packet can be within these bounds, so that both are ignored; a direct neighbour's arrive with 255",
        );
        (peer.min_ttl, peer.max_ttl) = (u8::MIN, u8::MAX);
    }
    Some(PeerLine { peer, bounded })
}

fn hops(context: &mut Context<'_>, owner: &str, word: Word<'_>) -> Option<u8> {
    let hops = parse_integer(word.bytes()).ok();
    let hops = hops.and_then(|hops| u8::try_from(hops).ok());
    if hops.is_none() {
        let message = format!("({owner}) invalid TTL '{}'", quote(word.bytes()));
        context.diagnostics.advise(
            Class::InvalidNumber,
            word.span(),
            message,
            "write a number from 0 to 255; it is ignored",
        );
    }
    hops
}
