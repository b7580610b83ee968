//! What the kernel says about nftables: how a batch went, and that a part of a table is gone. Which tables are ours, and who took the
//! part away, is filters.rs's to judge.

use super::GENERIC_HEADER;
use super::constants::{NFNL_SUBSYS_NFTABLES, NFPROTO_IPV4, NFPROTO_IPV6, NFTA_TABLE, msg};
use crate::kernel::envelope::Malformed;
use crate::kernel::envelope::{Envelope, Envelopes, NLMSG_DONE, NLMSG_ERROR, NLMSG_OVERRUN, errno};
use crate::kernel::filter::Family;
use netlink_packet_core::NlasIterator;

/// What one message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// How a batch went: an errno, 0 = done.
    Answer(i32),
    /// A table or a part of it was removed.
    Removed {
        /// The part of nftables it is in.
        family: Family,
        /// Its name.
        table: String,
    },
    /// The kernel dropped messages for us.
    Overrun,
    /// Nothing we act on.
    Other,
}

/// A message with what it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Of the batch this answers, or that caused the event.
    pub sequence: u32,
    /// The port of the socket that sent that batch.
    pub port: u32,
    /// What it says.
    pub message: Message,
}

/// The messages of one datagram, in order. After a message whose length is wrong there are no more.
pub fn decode(datagram: &[u8]) -> impl Iterator<Item = Result<Received, Malformed>> {
    Envelopes::new(datagram).map(|envelope| {
        let envelope = envelope?;
        Ok(Received {
            sequence: envelope.sequence,
            port: envelope.port,
            message: decode_message(&envelope)?,
        })
    })
}

fn decode_message(envelope: &Envelope<'_>) -> Result<Message, Malformed> {
    let payload = envelope.payload;
    match envelope.kind {
        NLMSG_ERROR => return Ok(Message::Answer(errno(payload).ok_or(Malformed::Header)?)),
        NLMSG_OVERRUN => return Ok(Message::Overrun),
        NLMSG_DONE => return Ok(Message::Other),
        _ => {}
    }
    let [subsystem, kind] = envelope.kind.to_be_bytes();
    let removes = [
        msg::DELETE_TABLE,
        msg::DELETE_CHAIN,
        msg::DELETE_RULE,
        msg::DELETE_SET,
        msg::DELETE_ELEMENT,
    ];
    if u16::from(subsystem) != NFNL_SUBSYS_NFTABLES || !removes.contains(&u16::from(kind)) {
        return Ok(Message::Other);
    }
    let family = match payload.first() {
        Some(&NFPROTO_IPV4) => Family::Ip,
        Some(&NFPROTO_IPV6) => Family::Ip6,
        Some(_) => return Ok(Message::Other),
        None => return Err(Malformed::Header),
    };
    let attributes = payload.get(GENERIC_HEADER..).ok_or(Malformed::Header)?;
    for attribute in NlasIterator::new(attributes) {
        let attribute = attribute.map_err(|_| Malformed::Attribute)?;
        if attribute.kind() == NFTA_TABLE {
            let table = crate::kernel::netlink::text(attribute.value());
            return Ok(Message::Removed { family, table });
        }
    }
    Ok(Message::Other)
}
