//! Any packet to the decoders of IPv6 and of neighbour advertisements: nothing may panic, what is read is written back as it was, and
//! what is written can be read.
#![no_main]

use keepalived::wire::ethernet;
use keepalived::wire::ipv6;
use keepalived::wire::ndisc::NeighbourAdvertisement;
use libfuzzer_sys::fuzz_target;
use std::net::Ipv6Addr;

fuzz_target!(|data: &[u8]| {
    read(data);
    if let Some((_, packet)) = ethernet::Header::parse(data) {
        read(packet);
    }
    if let Some((fields, _)) = data.split_at_checked(23) {
        let target: [u8; 16] = fields[..16].try_into().expect("16 bytes");
        let mac: [u8; 6] = fields[16..22].try_into().expect("6 bytes");
        // Router, solicited, override: the three bits there are (RFC 4861 section 4.4).
        let told = NeighbourAdvertisement {
            target: Ipv6Addr::from(target),
            mac,
            flags: fields[22] & 0xe0,
        };
        let packet = told.emit();
        let (header, again) = NeighbourAdvertisement::parse(&packet).expect("our own packet");
        assert_eq!((again, header.hop_limit), (told, 255));
        // A byte that changed on the way is noticed: the checksum covers all but parts of the header.
        for at in ipv6::HEADER_LENGTH..packet.len() {
            let mut spoiled = packet.clone();
            spoiled[at] ^= 1;
            assert!(
                NeighbourAdvertisement::parse(&spoiled).is_none(),
                "byte {at}"
            );
        }
    }
});

fn read(packet: &[u8]) {
    if let Ok((header, payload)) = ipv6::Header::parse(packet) {
        assert_eq!(
            header.emit(payload),
            packet[..ipv6::HEADER_LENGTH + payload.len()]
        );
    }
    if let Some((header, told)) = NeighbourAdvertisement::parse(packet) {
        let again = NeighbourAdvertisement::parse(&told.emit()).expect("our own packet");
        assert_eq!((again.1, header.hop_limit), (told, 255));
    }
}
