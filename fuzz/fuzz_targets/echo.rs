//! Any bytes as what a socket hands over to a check that waits for its echo: nothing may panic, and only its own reply is taken for one,
//! whichever socket it comes by.
//!
//! Input: a byte whose first bit stands for IPv6 and whose second for a raw socket, then the packet.
#![no_main]

use keepalived::check::dialogue::{Dialogue, Step};
use keepalived::check::ping::{Carrier, Ping};
use keepalived::wire::checksum::checksum;
use libfuzzer_sys::fuzz_target;

/// The number behind identifier and payload.
const RANDOM: u64 = 0x3131_3131_3131_3131;

fuzz_target!(|data: &[u8]| {
    let Some((&options, packet)) = data.split_first() else {
        return;
    };
    let ipv6 = options & 1 != 0;
    let carrier = if options & 2 != 0 {
        Carrier::Raw
    } else {
        Carrier::Datagram
    };
    let mut ping = Ping::new(carrier, ipv6, RANDOM);
    let mut echo = Vec::new();
    assert_eq!(ping.opened(&mut echo), Step::GoOn);
    let mut out = Vec::new();
    let step = ping.received(packet, &mut out);
    assert!(out.is_empty());
    assert!(ping.timed_out().is_err());
    let header = match carrier == Carrier::Raw && !ipv6 {
        true => packet
            .first()
            .map_or(0, |first| usize::from(first & 0x0f) * 4),
        false => 0,
    };
    // Whatever passes holds the reply, at the least.
    if step == Step::Done(Ok(())) {
        let message = &packet[header..][..echo.len()];
        assert_eq!((message[0], message[1]), (if ipv6 { 129 } else { 0 }, 0));
        assert_eq!(message[6..], echo[6..]);
        assert!(carrier == Carrier::Datagram || message[4..6] == echo[4..6]);
        assert!(header == 0 || checksum(&[message]) == 0);
    } else {
        assert_eq!(step, Step::GoOn);
    }
});
