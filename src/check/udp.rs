//! `UDP_CHECK`: one datagram, and perhaps one back. That nobody listens is learned from an ICMP error, which the socket reports.

use super::dialogue::{Dialogue, Failure, Step, Verdict};
use crate::config::model::{PatternByte, Reply, UdpProbe};
use std::rc::Rc;

/// The exchange.
pub struct Udp {
    probe: Rc<UdpProbe>,
    /// Sent when nothing else is to be.
    random: [u8; 8],
}

impl Udp {
    /// The exchange, with random bytes for when no payload is given.
    pub fn new(probe: Rc<UdpProbe>, random: u64) -> Self {
        let random = random.to_ne_bytes();
        Udp { probe, random }
    }

    fn judge(&self, reply: &[u8]) -> Verdict {
        let Reply::Matching(pattern) = &self.probe.reply else {
            return Ok(());
        };
        let (length, least, most) = (reply.len(), self.probe.least_reply, self.probe.most_reply);
        if !(usize::from(least)..=usize::from(most)).contains(&length) {
            let what = format!("the reply has {length} bytes, not {least} to {most}");
            return Err(Failure::Unexpected(what));
        }
        match pattern
            .iter()
            .zip(reply)
            .position(|(wanted, byte)| !fits(*wanted, *byte))
        {
            None => Ok(()),
            Some(place) => {
                let what = format!("byte {} of the reply is not as required", place + 1);
                Err(Failure::Unexpected(what))
            }
        }
    }
}

impl Dialogue for Udp {
    fn opened(&mut self, out: &mut Vec<u8>) -> Step {
        out.extend_from_slice(self.probe.payload.as_deref().unwrap_or(&self.random));
        Step::GoOn
    }

    fn received(&mut self, bytes: &[u8], _out: &mut Vec<u8>) -> Step {
        Step::Done(self.judge(bytes))
    }

    fn ended(&mut self) -> Verdict {
        self.timed_out()
    }

    fn timed_out(&mut self) -> Verdict {
        match self.probe.reply {
            // No error has come back either.
            Reply::NotNeeded => Ok(()),
            _ => Err(Failure::NoAnswer),
        }
    }
}

fn fits(wanted: PatternByte, byte: u8) -> bool {
    byte & wanted.mask == wanted.value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udp(reply: Reply, least_reply: u16, most_reply: u16) -> Udp {
        let probe = UdpProbe {
            payload: None,
            reply,
            least_reply,
            most_reply,
        };
        Udp::new(Rc::new(probe), 0x0102_0304_0506_0708)
    }

    fn pattern(bytes: &[(u8, u8)]) -> Reply {
        let byte = |&(value, mask): &(u8, u8)| PatternByte { value, mask };
        Reply::Matching(bytes.iter().map(byte).collect())
    }

    #[test]
    fn what_is_sent() {
        let mut out = Vec::new();
        assert_eq!(udp(Reply::NotNeeded, 0, 255).opened(&mut out), Step::GoOn);
        assert_eq!(out, 0x0102_0304_0506_0708_u64.to_ne_bytes());
        let probe = UdpProbe {
            payload: Some([9, 0, 7].into()),
            reply: Reply::Any,
            least_reply: 0,
            most_reply: 255,
        };
        out.clear();
        Udp::new(Rc::new(probe), 1).opened(&mut out);
        assert_eq!(out, [9, 0, 7]);
    }

    #[test]
    fn silence() {
        assert_eq!(udp(Reply::NotNeeded, 0, 255).timed_out(), Ok(()));
        assert_eq!(udp(Reply::Any, 0, 255).timed_out(), Err(Failure::NoAnswer));
        assert_eq!(
            udp(pattern(&[]), 0, 255).timed_out(),
            Err(Failure::NoAnswer)
        );
    }

    #[test]
    fn replies() {
        let half = || pattern(&[(0x10, 0xf0), (0x02, 0xff)]);
        let rows: Vec<(Reply, u16, u16, &[u8], &str)> = vec![
            (Reply::NotNeeded, 0, 255, b"x", ""),
            (Reply::Any, 0, 255, b"", ""),
            // The limits are those of replies that are compared.
            (Reply::Any, 9, 9, b"x", ""),
            (half(), 0, 255, &[0x1f, 0x02], ""),
            (half(), 0, 255, &[0x2f, 0x02], "byte 1 of"),
            (half(), 0, 255, &[0x1f, 0x03, 0], "byte 2 of"),
            // What is longer or shorter than the pattern is compared as far as it goes.
            (half(), 0, 255, &[0x1f, 0x02, 0xff], ""),
            (half(), 0, 255, &[0x1f], ""),
            (half(), 2, 255, &[0x1f], "has 1 bytes, not 2 to 255"),
            (half(), 0, 1, &[0x1f, 0x02], "has 2 bytes, not 0 to 1"),
        ];
        for (reply, least, most, bytes, want) in rows {
            let step = udp(reply, least, most).received(bytes, &mut Vec::new());
            match step {
                Step::Done(Ok(())) => assert_eq!(want, "", "{bytes:?}"),
                Step::Done(Err(failure)) => {
                    assert!(
                        !want.is_empty() && failure.to_string().contains(want),
                        "{failure}"
                    )
                }
                Step::GoOn => panic!("{bytes:?}"),
            }
        }
    }
}
