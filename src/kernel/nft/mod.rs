//! nftables over netlink: commands to the bytes of a batch, bytes of the kernel to what happened (linux/netfilter/nf_tables.h).
//! Which rules a table has is ruleset.rs's and (where packets are marked for IPVS) markset.rs's, what those share objects.rs's, what rules are
//! made of expressions.rs's, how attributes nest attribute.rs's; what is wanted, and when, is not decided here.
//!
//! A batch is carried out as a whole or not at all, within the call that hands it over. All messages of one carry the same number,
//! so the first answer with it tells how the batch went: errors come before the acknowledgement of the last command.

mod attribute;
mod constants;
mod decode;
mod expressions;
mod markset;
mod objects;
mod ruleset;

pub use decode::{Message, Received, decode};
pub use markset::make_mark_tables;
pub use objects::remove_tables;
pub use ruleset::{add_elements, delete_elements, element_length, make_tables};

use super::envelope::{ALIGNMENT, HEADER_LENGTH};
use attribute::Attribute;
use constants::{NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END, NFNL_SUBSYS_NFTABLES, NFPROTO_UNSPEC};
use netlink_packet_core::{Emitable, NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader};

/// Length of a `struct nfgenmsg`: family, version, resource.
const GENERIC_HEADER: usize = 4;

/// One command of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// `NFT_MSG_*`.
    kind: u16,
    /// `NFPROTO_*`.
    family: u8,
    /// `NLM_F_*` besides those of every command.
    flags: u16,
    attributes: Vec<Attribute>,
}

/// The bytes of a batch, one datagram.
pub fn batch(sequence: u32, commands: &[Command]) -> Vec<u8> {
    let mut out = Vec::new();
    let subsystem = NFNL_SUBSYS_NFTABLES.to_be_bytes();
    message(
        &mut out,
        NFNL_MSG_BATCH_BEGIN,
        0,
        sequence,
        NFPROTO_UNSPEC,
        subsystem,
        &[],
    );
    let last = commands.len().saturating_sub(1);
    for (at, command) in commands.iter().enumerate() {
        let kind = NFNL_SUBSYS_NFTABLES << 8 | command.kind;
        let answered = if at == last { NLM_F_ACK } else { 0 };
        message(
            &mut out,
            kind,
            command.flags | answered,
            sequence,
            command.family,
            [0; 2],
            &command.attributes,
        );
    }
    message(
        &mut out,
        NFNL_MSG_BATCH_END,
        0,
        sequence,
        NFPROTO_UNSPEC,
        subsystem,
        &[],
    );
    out
}

fn message(
    out: &mut Vec<u8>,
    kind: u16,
    flags: u16,
    sequence: u32,
    family: u8,
    resource: [u8; 2],
    attributes: &[Attribute],
) {
    let start = out.len().next_multiple_of(ALIGNMENT);
    let fixed = HEADER_LENGTH + GENERIC_HEADER;
    let length = fixed + attributes.buffer_len();
    out.resize(start + length, 0);
    let mut header = NetlinkHeader::default();
    header.length = u32::try_from(length).unwrap_or(u32::MAX);
    header.message_type = kind;
    header.flags = NLM_F_REQUEST | flags;
    header.sequence_number = sequence;
    let Some(place) = out.get_mut(start..) else {
        return;
    };
    header.emit(place);
    if let Some(generic) = place.get_mut(HEADER_LENGTH..fixed) {
        let [high, low] = resource;
        generic.copy_from_slice(&[family, 0, high, low]);
    }
    if let Some(rest) = place.get_mut(fixed..) {
        attributes.emit(rest);
    }
}

#[cfg(test)]
mod tests;
