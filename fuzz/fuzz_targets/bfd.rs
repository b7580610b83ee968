//! Any datagram to the decoder of BFD: nothing may panic, and what is read is written back as it was.
#![no_main]

use keepalived::wire::bfd::{LENGTH, Packet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(packet) = Packet::parse(data) {
        let mut bytes = data[..LENGTH].to_vec();
        // Whoever is to be understood sends no more than the packet.
        bytes[3] = LENGTH as u8;
        assert_eq!(packet.emit()[..], bytes[..]);
    }
});
