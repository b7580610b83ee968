//! VRRP messages. Here lives what all versions share: the first two bytes and the kinds of fault; `v2` has RFC 3768.

pub mod v2;

use super::bytes::u8_at;

/// The only packet type there is (RFC 3768 section 5.3.2).
pub const TYPE_ADVERTISEMENT: u8 = 1;
/// The time to live every advert must arrive with: proof that no router forwarded it (RFC 3768 section 5.2.3).
pub const TTL: u8 = 255;
/// The priority of the router that owns the virtual addresses (RFC 3768 section 5.3.4).
pub const PRIORITY_OWNER: u8 = 255;
/// The priority of a master that resigns (RFC 3768 section 5.3.4).
pub const PRIORITY_RESIGN: u8 = 0;

/// What is wrong with a VRRP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not as long as its address count says; bytes there, bytes needed.
    Length {
        /// How many bytes arrived.
        got: usize,
        /// How many the message should have.
        expected: usize,
    },
    /// Another version of the protocol.
    Version(u8),
    /// Not an advertisement.
    Type(u8),
    /// The checksum does not fit.
    Checksum,
}

/// The virtual router a message is about, whatever its version: read before anything is known to be right.
pub fn peek_vrid(message: &[u8]) -> Option<u8> {
    u8_at(message, 1)
}
