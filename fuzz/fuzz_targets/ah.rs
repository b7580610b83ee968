//! Any packet to the decoder of authentication headers, and any order of genuine, copied and spoiled ones to an instance that asks for
//! them: nothing may panic, what is read is what was sealed, and no number of a sender is heard twice.
//!
//! Input: a packet; then the same input as pieces of four bytes: what happens, the sender, a number, a byte to spoil.
#![no_main]

use keepalived::config::model::{Authentication, Version};
use keepalived::config::secret::Secret;
use keepalived::wire::ah::{Sealed, seal};
use keepalived::wire::ip;
use keepalived::wire::vrrp::v2::{AUTH_AH, Advert};
use keepalived_fuzz::{GROUP, Listener, VRID, instance};
use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;
use std::net::Ipv4Addr;

const KEY: &[u8] = b"s3cr3t";

fuzz_target!(|data: &[u8]| {
    decode(data);
    listen(data);
});

fn decode(packet: &[u8]) {
    let Ok(sealed) = Sealed::parse(packet) else {
        return;
    };
    assert!(sealed.message.len() + 44 <= packet.len());
    // Genuine are the recorded frames among the seeds alone.
    let genuine = sealed.is_genuine(KEY);
    let again = seal(&sealed.header, sealed.sequence, sealed.message, KEY);
    let reread = Sealed::parse(&again).expect("our own");
    assert!(reread.is_genuine(KEY));
    assert_eq!(
        (reread.sequence, reread.message),
        (sealed.sequence, sealed.message)
    );
    let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    if genuine
        && packet[0] == 0x45
        && packet[6..8] == [0, 0]
        && sealed.spi == u32::from(sealed.header.source)
    {
        assert_eq!(again, packet[..total]);
    }
}

fn listen(data: &[u8]) {
    let mut listener = Listener::new(instance(
        Version::V2,
        false,
        Authentication::Ah(Secret::new(KEY)),
    ));
    let mut heard = HashSet::new();
    for piece in data.chunks_exact(4).take(64) {
        let [what, host, number, at] = [piece[0], piece[1], piece[2], piece[3]];
        let mut advert = Advert::new(VRID, what, 1, &[10, 200, 0, 51]);
        advert.auth_type = AUTH_AH;
        let header = ip::Header {
            tos: 0xc0,
            id: 1,
            ttl: 255,
            protocol: ip::PROTOCOL_AH,
            source: Ipv4Addr::new(10, 0, 0, host),
            destination: GROUP,
        };
        let mut packet = seal(&header, u32::from(number), &advert.emit(), KEY);
        let spoiled = what & 1 == 1;
        if spoiled {
            let place = 20 + usize::from(at) % (packet.len() - 20);
            packet[place] ^= number | 1;
        }
        if listener.hears(&packet) {
            assert!(!spoiled, "a spoiled packet is welcome");
            assert!(heard.insert((host, number)), "a copy is welcome");
        }
    }
    assert!(!listener.said.contains("s3cr3t"));
}
