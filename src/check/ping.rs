//! `PING_CHECK`: an ICMP echo and its reply (RFC 792, RFC 4443 section 4). Datagram sockets of the kernel take and give the message
//! alone, under an identifier of theirs; raw sockets leave the identifier to us, hand over every reply that comes to the host, and
//! over IPv4 the whole packet. Which of them there is, is the shell's to find out.

use super::dialogue::{Dialogue, Failure, Step, Verdict};
use crate::wire::bytes::array;
use crate::wire::checksum::checksum;
use crate::wire::ip::{Header, PROTOCOL_ICMP};

/// Echo and its reply over IPv4.
const V4: (u8, u8) = (8, 0);
/// The same over IPv6.
const V6: (u8, u8) = (128, 129);
/// The only code there is of both.
const CODE: u8 = 0;
/// Type, code, checksum, identifier and sequence number.
const HEADER: usize = 8;
/// Where the checksum is.
const CHECKSUM: std::ops::Range<usize> = 2..4;
/// Each check is an echo of its own.
const SEQUENCE: u16 = 1;
/// As many bytes as other pings send, so that filters know this one.
const PAYLOAD: usize = 56;

/// The kind of socket that carries the echo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carrier {
    /// One that lets in only replies to its own echoes.
    #[default]
    Datagram,
    /// One that lets in all.
    Raw,
}

/// The exchange.
pub struct Ping {
    carrier: Carrier,
    ipv6: bool,
    identifier: u16,
    payload: [u8; PAYLOAD],
}

impl Ping {
    /// An echo over IPv4 or IPv6 that no other has the payload of.
    pub fn new(carrier: Carrier, ipv6: bool, random: u64) -> Self {
        let random = random.to_ne_bytes();
        let mut payload = [0; PAYLOAD];
        for (byte, random) in payload.iter_mut().zip(random.iter().cycle()) {
            *byte = *random;
        }
        Ping {
            carrier,
            ipv6,
            identifier: array(&random, 0).map_or(0, u16::from_be_bytes),
            payload,
        }
    }

    fn types(&self) -> (u8, u8) {
        if self.ipv6 { V6 } else { V4 }
    }

    /// Whether a message is the reply to this echo.
    fn is_answered_by(&self, message: &[u8]) -> bool {
        let Some((header, payload)) = message.split_first_chunk::<HEADER>() else {
            return false;
        };
        let [kind, code, _, _, id0, id1, seq0, seq1] = *header;
        let raw = self.carrier == Carrier::Raw;
        (kind, code) == (self.types().1, CODE)
            && u16::from_be_bytes([seq0, seq1]) == SEQUENCE
            && payload == self.payload
            && (!raw || u16::from_be_bytes([id0, id1]) == self.identifier)
            // Raw sockets over IPv4 are given packets that nobody has looked at.
            && (!raw || self.ipv6 || checksum(&[message]) == 0)
    }
}

/// The ICMP message in an IPv4 packet.
fn message_of(packet: &[u8]) -> Option<&[u8]> {
    let (header, message) = Header::parse(packet).ok()?;
    (header.protocol == PROTOCOL_ICMP).then_some(message)
}

impl Dialogue for Ping {
    fn opened(&mut self, out: &mut Vec<u8>) -> Step {
        let [id0, id1] = self.identifier.to_be_bytes();
        let [seq0, seq1] = SEQUENCE.to_be_bytes();
        // Over IPv6 the kernel puts in the checksum, which covers addresses.
        let mut header = [self.types().0, CODE, 0, 0, id0, id1, seq0, seq1];
        let sum = checksum(&[&header, &self.payload]);
        header[CHECKSUM].copy_from_slice(&sum.to_be_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(&self.payload);
        Step::GoOn
    }

    fn received(&mut self, bytes: &[u8], _out: &mut Vec<u8>) -> Step {
        let message = match (self.carrier, self.ipv6) {
            (Carrier::Raw, false) => message_of(bytes),
            _ => Some(bytes),
        };
        // Anything else may be the reply to another echo.
        match message.is_some_and(|message| self.is_answered_by(message)) {
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

    const PLACES: [(Carrier, bool); 4] = [
        (Carrier::Datagram, false),
        (Carrier::Datagram, true),
        (Carrier::Raw, false),
        (Carrier::Raw, true),
    ];

    fn echo(ping: &mut Ping) -> Vec<u8> {
        let mut out = Vec::new();
        assert_eq!(ping.opened(&mut out), Step::GoOn);
        out
    }

    /// A message with this many bytes of it changed by `change`, as the socket hands it over, its checksums being right.
    fn reply(ping: &Ping, echo: &[u8], change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut message = echo.to_vec();
        message[0] = ping.types().1;
        change(&mut message);
        if message.len() >= HEADER {
            message[CHECKSUM].fill(0);
            let sum = checksum(&[&message]);
            message[CHECKSUM].copy_from_slice(&sum.to_be_bytes());
        }
        packet(ping, PROTOCOL_ICMP, &message)
    }

    fn packet(ping: &Ping, protocol: u8, message: &[u8]) -> Vec<u8> {
        if (ping.carrier, ping.ipv6) != (Carrier::Raw, false) {
            return message.to_vec();
        }
        let header = Header {
            tos: 0,
            id: 7,
            ttl: 64,
            protocol,
            source: [10, 0, 0, 1].into(),
            destination: [10, 0, 0, 2].into(),
        };
        header.emit(message)
    }

    #[test]
    fn echoes_and_replies() {
        for (carrier, ipv6) in PLACES {
            let mut ping = Ping::new(carrier, ipv6, 0x1122_3344_5566_7788);
            let sent = echo(&mut ping);
            assert_eq!((sent.len(), sent[0], sent[1]), (64, ping.types().0, 0));
            assert_eq!(checksum(&[&sent]), 0);
            let mut out = Vec::new();
            let mut hear = |bytes: &[u8]| ping.received(bytes, &mut out);
            let made = Ping::new(carrier, ipv6, 0x1122_3344_5566_7788);
            let whole = packet(&made, PROTOCOL_ICMP, &sent);
            assert_eq!(hear(&whole), Step::GoOn, "its own echo");
            let others: [fn(&mut Vec<u8>); 6] = [
                |message| message[1] = 1,
                |message| message[7] = 2,
                |message| message[20] ^= 1,
                |message| message.truncate(63),
                |message| message.truncate(3),
                |message| message.push(0),
            ];
            for (place, other) in others.into_iter().enumerate() {
                let other = reply(&made, &sent, other);
                assert_eq!(hear(&other), Step::GoOn, "{carrier:?} {ipv6} {place}");
            }
            assert_eq!(hear(&[]), Step::GoOn);
            // The kernel compares its own identifiers, and puts them in.
            let renamed = reply(&made, &sent, |message| message[4] ^= 1);
            let expected = match carrier {
                Carrier::Datagram => Step::Done(Ok(())),
                Carrier::Raw => Step::GoOn,
            };
            assert_eq!(hear(&renamed), expected, "{carrier:?} {ipv6}");
            let answer = reply(&made, &sent, |_| {});
            assert_eq!(hear(&answer), Step::Done(Ok(())), "{carrier:?} {ipv6}");
            assert_eq!(ping.timed_out(), Err(Failure::NoAnswer));
        }
    }

    #[test]
    fn raw_packets_over_ipv4_are_looked_at_in_whole() {
        let mut ping = Ping::new(Carrier::Raw, false, 7);
        let sent = echo(&mut ping);
        let answer = reply(&ping, &sent, |_| {});
        let mut out = Vec::new();
        for (place, change) in [(0, 0x20), (0, 0x0f), (3, 1), (6, 0x20), (22, 1), (30, 1)] {
            let mut other = answer.clone();
            other[place] ^= change;
            assert_eq!(ping.received(&other, &mut out), Step::GoOn, "byte {place}");
        }
        for length in 0..answer.len() {
            let part = &answer[..length];
            assert_eq!(ping.received(part, &mut out), Step::GoOn, "{length} bytes");
        }
        let mut message = sent.clone();
        message[0] = V4.1;
        message[CHECKSUM].fill(0);
        let sum = checksum(&[&message]);
        message[CHECKSUM].copy_from_slice(&sum.to_be_bytes());
        let of_another_protocol = packet(&ping, 17, &message);
        assert_eq!(ping.received(&of_another_protocol, &mut out), Step::GoOn);
        assert_eq!(ping.received(&answer, &mut out), Step::Done(Ok(())));
    }

    #[test]
    fn no_two_are_alike() {
        let sent = |random| echo(&mut Ping::new(Carrier::Raw, false, random));
        assert_ne!(sent(1), sent(2));
    }
}
