//! `DNS_CHECK`: one question over UDP (RFC 1035). An answer without an error is enough, whatever it holds.

use super::dialogue::{Dialogue, Failure, Step, Verdict};
use crate::config::model::DnsProbe;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, TYPE, header_buffer};
use std::rc::Rc;

/// The type of key records (RFC 4034 section 2), which the library has no name for.
const DNSKEY: u16 = 48;

/// The question and what has come instead of its answer.
pub struct Dns {
    probe: Rc<DnsProbe>,
    id: u16,
    /// What was heard that is not the answer.
    other: Option<&'static str>,
}

impl Dns {
    /// A question with a number of its own.
    pub fn new(probe: Rc<DnsProbe>, random: u64) -> Self {
        Dns {
            probe,
            // Any sixteen bits do.
            id: random as u16,
            other: None,
        }
    }

    fn question(&self) -> Result<Vec<u8>, simple_dns::SimpleDnsError> {
        let name = Name::new(&self.probe.name)?;
        let mut packet = Packet::new_query(self.id);
        // Like a client that asks its own server, which is what most servers are there for.
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        let (record, class) = (record(&self.probe.record).into(), CLASS::IN.into());
        packet
            .questions
            .push(Question::new(name, record, class, false));
        packet.build_bytes_vec()
    }
}

impl Dialogue for Dns {
    fn opened(&mut self, out: &mut Vec<u8>) -> Step {
        match self.question() {
            Ok(question) => {
                out.extend_from_slice(&question);
                Step::GoOn
            }
            Err(error) => unexpected(format!("cannot ask for {}: {error}", self.probe.name)),
        }
    }

    fn received(&mut self, bytes: &[u8], _out: &mut Vec<u8>) -> Step {
        let header = (
            header_buffer::id(bytes),
            header_buffer::has_flags(bytes, PacketFlag::RESPONSE),
            header_buffer::rcode(bytes),
        );
        let (Ok(id), Ok(response), Ok(code)) = header else {
            return unexpected("the answer is shorter than a header of DNS".to_owned());
        };
        if !response {
            return unexpected("the answer is no answer but a question".to_owned());
        }
        // Perhaps to the question before, or made up by a third: the answer may still come.
        if id != self.id {
            self.other = Some("only answers to other questions came in time");
            return Step::GoOn;
        }
        match code {
            RCODE::NoError => Step::Done(Ok(())),
            code => unexpected(format!("the answer is an error: {}", error(code))),
        }
    }

    fn ended(&mut self) -> Verdict {
        Err(Failure::Ended)
    }

    fn timed_out(&mut self) -> Verdict {
        Err(self.other.map_or(Failure::NoAnswer, |what| {
            Failure::Unexpected(what.to_owned())
        }))
    }
}

/// The type by its name in the configuration, whose table has no others than these.
fn record(name: &str) -> TYPE {
    match name {
        "A" => TYPE::A,
        "NS" => TYPE::NS,
        "CNAME" => TYPE::CNAME,
        "MX" => TYPE::MX,
        "TXT" => TYPE::TXT,
        "AAAA" => TYPE::AAAA,
        "RRSIG" => TYPE::RRSIG,
        "DNSKEY" => TYPE::Unknown(DNSKEY),
        _ => TYPE::SOA,
    }
}

/// Errors by the names that tools of DNS show (RFC 1035 section 4.1.1).
fn error(code: RCODE) -> String {
    match code {
        RCODE::FormatError => "FORMERR".to_owned(),
        RCODE::ServerFailure => "SERVFAIL".to_owned(),
        RCODE::NameError => "NXDOMAIN".to_owned(),
        RCODE::NotImplemented => "NOTIMP".to_owned(),
        RCODE::Refused => "REFUSED".to_owned(),
        code => format!("{code:?}"),
    }
}

fn unexpected(what: String) -> Step {
    Step::Done(Err(Failure::Unexpected(what)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dns(record: &str, name: &str) -> Dns {
        let probe = DnsProbe {
            record: record.into(),
            name: name.into(),
        };
        Dns::new(Rc::new(probe), 0xffff_ffff_ffff_1234)
    }

    fn asked(record: &str, name: &str) -> Vec<u8> {
        let mut out = Vec::new();
        assert_eq!(dns(record, name).opened(&mut out), Step::GoOn);
        out
    }

    #[test]
    fn questions() {
        // The header: number, RD, one question.
        const HEADER: [u8; 12] = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        assert_eq!(asked("SOA", ""), [&HEADER[..], &[0, 0, 6, 0, 1]].concat());
        assert_eq!(
            asked("A", "ab.c"),
            [&HEADER[..], b"\x02ab\x01c\x00", &[0, 1, 0, 1]].concat()
        );
        let rows = [
            ("NS", 2),
            ("CNAME", 5),
            ("MX", 15),
            ("TXT", 16),
            ("AAAA", 28),
            ("RRSIG", 46),
            ("DNSKEY", 48),
        ];
        for (name, number) in rows {
            assert_eq!(
                asked(name, "").get(13..15),
                Some(&[0, number][..]),
                "{name}"
            );
        }
    }

    #[test]
    fn every_type_that_can_be_written_can_be_asked_for() {
        use crate::config::keywords::{Block, Form};
        let Some(Form::AnyCase(names)) = Block::DnsCheck.find("type").map(|row| row.form) else {
            panic!("no list of types");
        };
        for name in names.iter().filter(|&&name| name != "SOA") {
            assert_ne!(asked(name, ""), asked("SOA", ""), "{name}");
        }
    }

    #[test]
    fn verdicts() {
        // None = goes on.
        let rows: &[(&[u8], Option<&str>)] = &[
            (&[0x12, 0x34, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0], Some("")),
            // Truncated, not authoritative, and with garbage behind: an answer all the same.
            (
                &[0x12, 0x34, 0x82, 0, 0, 1, 0, 9, 0, 0, 0, 0, 1, 2],
                Some(""),
            ),
            (
                &[0x12, 0x34, 0x80, 2, 0, 1, 0, 0, 0, 0, 0, 0],
                Some("SERVFAIL"),
            ),
            (
                &[0x12, 0x34, 0x80, 3, 0, 1, 0, 0, 0, 0, 0, 0],
                Some("NXDOMAIN"),
            ),
            (
                &[0x12, 0x34, 0x80, 5, 0, 1, 0, 0, 0, 0, 0, 0],
                Some("REFUSED"),
            ),
            (
                &[0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
                Some("a question"),
            ),
            (&[0x12, 0x35, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0], None),
            (&[0x12, 0x34, 0x80], Some("shorter than a header")),
            (&[], Some("shorter than a header")),
        ];
        for (answer, want) in rows {
            let step = dns("SOA", "").received(answer, &mut Vec::new());
            match (step, want) {
                (Step::GoOn, None) | (Step::Done(Ok(())), Some("")) => {}
                (Step::Done(Err(failure)), Some(want)) if !want.is_empty() => {
                    assert!(failure.to_string().contains(want), "{failure}")
                }
                (step, want) => panic!("{answer:?}: {step:?}, not {want:?}"),
            }
        }
    }

    #[test]
    fn an_answer_to_another_question_does_not_hide_ours() {
        let mut dns = dns("SOA", "");
        let mut out = Vec::new();
        let mut answer = [0x99, 0x99, 0x80, 3, 0, 1, 0, 0, 0, 0, 0, 0];
        assert_eq!(dns.timed_out(), Err(Failure::NoAnswer));
        assert_eq!(dns.received(&answer, &mut out), Step::GoOn);
        let failure = dns.timed_out().expect_err("no answer").to_string();
        assert!(failure.contains("other questions"), "{failure}");
        (answer[0], answer[1], answer[3]) = (0x12, 0x34, 0);
        assert_eq!(dns.received(&answer, &mut out), Step::Done(Ok(())));
    }
}
