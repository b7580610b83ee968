//! Any bytes as netlink datagrams: decoding and reconciling them must neither panic nor ask for anything out of bounds.
#![no_main]

use keepalived::kernel::{Address, Claim, Reconciler, netlink};
use keepalived::time::Instant;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut reconciler = Reconciler::new();
    let address = Address::new(std::net::Ipv4Addr::new(10, 0, 0, 1).into(), 32);
    reconciler.claim(1u32, [Claim { interface: "eth0".into(), address }]);
    reconciler.hold(1, true);
    let mut now = Instant(1);
    // The first byte of a piece says how long it is, so that several datagrams come one after the other.
    let mut rest = data;
    while let Some((length, tail)) = rest.split_first() {
        let (datagram, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        for message in netlink::decode(datagram).flatten() {
            reconciler.handle(now, message);
        }
        now = now + std::time::Duration::from_millis(7);
        for (sequence, request) in reconciler.requests(now, 8) {
            let mut bytes = Vec::new();
            request.encode(sequence, &mut bytes);
            assert!(netlink::decode(&bytes).all(|message| message.is_ok()));
        }
        reconciler.take_link_changes();
        reconciler.take_notices();
        reconciler.take_restored();
    }
});
