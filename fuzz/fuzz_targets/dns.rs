//! Any bytes as the answer of a name server, and any name to ask for: nothing may panic, and only an answer to the question, without
//! an error, is taken as one.
//!
//! Input: the length of the name, the name, the answer.
#![no_main]

use keepalived::check::dialogue::{Dialogue, Step};
use keepalived::check::dns::Dns;
use keepalived::config::model::DnsProbe;
use libfuzzer_sys::fuzz_target;
use std::rc::Rc;

fuzz_target!(|data: &[u8]| {
    let Some((&length, rest)) = data.split_first() else {
        return;
    };
    let (name, answer) = rest.split_at(usize::from(length).min(rest.len()));
    let probe = DnsProbe {
        record: "A".into(),
        name: String::from_utf8_lossy(name).into(),
    };
    let mut dns = Dns::new(Rc::new(probe), 0x1234);
    let mut out = Vec::new();
    let _ = dns.opened(&mut out);
    assert!(out.is_empty() || out.starts_with(&[0x12, 0x34]));
    let step = dns.received(answer, &mut out);
    let good = answer.len() >= 12
        && answer.starts_with(&[0x12, 0x34])
        && answer[2] & 0x80 != 0
        && answer[3] & 0x0f == 0;
    assert_eq!(step == Step::Done(Ok(())), good);
    assert!(dns.timed_out().is_err());
});
