//! `PING_CHECK`: an ICMP echo and its reply (RFC 792, RFC 4443 section 4), as a datagram socket of the kernel takes and gives them:
//! without IP header, the identifier being the socket's own.

use super::dialogue::{Dialogue, Failure, Step, Verdict};
use crate::wire::checksum::checksum;

/// Echo and its reply over IPv4.
const V4: (u8, u8) = (8, 0);
/// The same over IPv6.
const V6: (u8, u8) = (128, 129);
/// Type, code, checksum, identifier and sequence number.
const HEADER: usize = 8;
/// Where the checksum is.
const CHECKSUM: std::ops::Range<usize> = 2..4;
/// As many bytes as other pings send, so that filters know this one.
const PAYLOAD: usize = 56;

/// The exchange.
pub struct Ping {
    request: u8,
    reply: u8,
    payload: [u8; PAYLOAD],
}

impl Ping {
    /// An echo over IPv4 or IPv6 that no other has the payload of.
    pub fn new(ipv6: bool, random: u64) -> Self {
        let (request, reply) = if ipv6 { V6 } else { V4 };
        let mut payload = [0; PAYLOAD];
        let random = random.to_ne_bytes();
        for (byte, random) in payload.iter_mut().zip(random.iter().cycle()) {
            *byte = *random;
        }
        Ping {
            request,
            reply,
            payload,
        }
    }
}

impl Dialogue for Ping {
    fn opened(&mut self, out: &mut Vec<u8>) -> Step {
        // The kernel puts in the identifier, and over IPv6 the checksum, which covers addresses.
        let mut header = [self.request, 0, 0, 0, 0, 0, 0, 1];
        let sum = checksum(&[&header, &self.payload]);
        header[CHECKSUM].copy_from_slice(&sum.to_be_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(&self.payload);
        Step::GoOn
    }

    fn received(&mut self, bytes: &[u8], _out: &mut Vec<u8>) -> Step {
        let ours = bytes.first() == Some(&self.reply) && bytes.get(HEADER..) == Some(&self.payload);
        // Anything else may be the reply to an earlier echo.
        match ours {
            true => Step::Done(Ok(())),
            false => Step::GoOn,
        }
    }

    fn ended(&mut self) -> Verdict {
        Err(Failure::NoAnswer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echoes_and_replies() {
        for (ipv6, request, reply) in [(false, 8, 0), (true, 128, 129)] {
            let mut ping = Ping::new(ipv6, 0x1122_3344_5566_7788);
            let mut out = Vec::new();
            assert_eq!(ping.opened(&mut out), Step::GoOn);
            assert_eq!((out.len(), out[0], out[1]), (64, request, 0));
            assert_eq!(checksum(&[&out]), 0);
            let sent = out.clone();
            assert_eq!(ping.received(&sent, &mut out), Step::GoOn, "its own echo");
            let mut answer = sent.clone();
            answer[0] = reply;
            let mut other = answer.clone();
            other[20] ^= 1;
            for other in [
                &other[..],
                &answer[..63],
                &answer[..3],
                &[],
                &[&answer[..], &[0]].concat(),
            ] {
                assert_eq!(ping.received(other, &mut out), Step::GoOn);
            }
            assert_eq!(ping.received(&answer, &mut out), Step::Done(Ok(())));
            assert_eq!(ping.timed_out(), Err(Failure::NoAnswer));
        }
    }

    #[test]
    fn no_two_are_alike() {
        let sent = |random| {
            let mut out = Vec::new();
            Ping::new(false, random).opened(&mut out);
            out
        };
        assert_ne!(sent(1), sent(2));
    }
}
