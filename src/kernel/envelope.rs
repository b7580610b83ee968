//! Netlink messages of any family, as far as they are alike: a datagram cut into messages, and the answers that every family gives.

use netlink_packet_core::NetlinkBuffer;
use std::fmt;

/// The answer to a request, or what went wrong with it.
pub(super) const NLMSG_ERROR: u16 = 2;
/// The end of a dump.
pub(super) const NLMSG_DONE: u16 = 3;
/// The kernel dropped messages for us.
pub(super) const NLMSG_OVERRUN: u16 = 4;

/// Length of a `struct nlmsghdr`.
pub(super) const HEADER_LENGTH: usize = 16;
/// Where messages and attributes begin.
pub(super) const ALIGNMENT: usize = 4;

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

/// One message, its meaning not looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope<'a> {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// Of the request this answers, or that caused the event.
    pub sequence: u32,
    /// The port of the socket whose request that was.
    pub port: u32,
    /// What follows the header.
    pub payload: &'a [u8],
}

/// The messages of one datagram, in order. After a message whose length is wrong there are no more.
#[derive(Clone, Debug)]
pub(super) struct Envelopes<'a> {
    rest: &'a [u8],
}

impl<'a> Envelopes<'a> {
    pub fn new(datagram: &'a [u8]) -> Self {
        Envelopes { rest: datagram }
    }
}

impl<'a> Iterator for Envelopes<'a> {
    type Item = Result<Envelope<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Ok(buffer) = NetlinkBuffer::new_checked(self.rest) else {
            self.rest = &[];
            return Some(Err(Malformed::Length));
        };
        let length = usize::try_from(buffer.length()).unwrap_or(usize::MAX);
        let envelope = Envelope {
            kind: buffer.message_type(),
            flags: buffer.flags(),
            sequence: buffer.sequence_number(),
            port: buffer.port_number(),
            payload: self.rest.get(HEADER_LENGTH..length).unwrap_or(&[]),
        };
        self.rest = self
            .rest
            .get(length.next_multiple_of(ALIGNMENT)..)
            .unwrap_or(&[]);
        Some(Ok(envelope))
    }
}

/// The errno of an answer, 0 = done; the kernel writes minus errno.
pub(super) fn errno(payload: &[u8]) -> Option<i32> {
    payload
        .first_chunk()
        .map(|bytes| i32::from_ne_bytes(*bytes).saturating_neg())
}
