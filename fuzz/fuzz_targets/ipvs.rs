//! Any bytes as answers of the kernel's IPVS: decoding and reconciling them must not panic, and the reconciler must come to rest
//! whatever it is told.
#![no_main]

use keepalived::config::model::{Forwarding, Protocol};
use keepalived::kernel::ipvs::{
    self, Destination, DestinationKey, Message, Received, Reconciler, Request, Service, ServiceKey,
    Timeouts,
};
use keepalived::time::Instant;
use libfuzzer_sys::fuzz_target;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Datagrams in a row without a moment passing between them.
const AT_ONCE: usize = 64;
const FAMILY: u16 = 28;

fn service(which: u8) -> ServiceKey {
    ServiceKey::Address {
        protocol: Protocol::Tcp,
        address: Ipv4Addr::new(10, 0, 0, which & 1).into(),
        port: 80,
    }
}

fn server(which: u8) -> DestinationKey {
    DestinationKey {
        address: Ipv4Addr::new(10, 1, 0, which & 3).into(),
        port: 80,
    }
}

fn want(reconciler: &mut Reconciler, now: Instant, event: u8) {
    let wanted = event & 0x80 != 0;
    let plain = Service {
        scheduler: "rr".into(),
        flags: Default::default(),
        one_packet: false,
        persistence: None,
    };
    let destination = Destination {
        forwarding: Forwarding::Nat,
        weight: u32::from(event >> 2 & 3),
        upper_threshold: 0,
        lower_threshold: 0,
    };
    match event >> 4 & 7 {
        0 => reconciler.want_service(service(event), wanted.then_some(plain)),
        1 => reconciler.lost(),
        2 => reconciler.ask(service(event)),
        3 => reconciler.want_timeouts(wanted.then_some(Timeouts {
            tcp: 1,
            tcp_fin: 2,
            udp: 0,
        })),
        4 if wanted => reconciler.inherit_service(service(event)),
        4 => {
            let (key, limit) = (service(event), Duration::from_secs(20));
            reconciler.drain(now, &key, server(event >> 1), limit);
            reconciler.retire_service(key);
        }
        _ => reconciler.want_destination(
            &service(event),
            server(event >> 1),
            wanted.then_some(destination),
        ),
    }
}

fuzz_target!(|data: &[u8]| {
    let mut reconciler = Reconciler::default();
    let mut now = Instant(1);
    want(&mut reconciler, now, 0x80);
    // Of a piece the first byte says how long it is, the second what else happens, the third how requests are answered.
    let mut rest = data;
    while let Some((&[length, event, errno], tail)) = rest.split_first_chunk() {
        let (datagram, tail) = tail.split_at(usize::from(length).min(tail.len()));
        rest = tail;
        for received in ipvs::decode(datagram).flatten() {
            reconciler.handle(now, received);
        }
        want(&mut reconciler, now, event);
        for _ in 0..AT_ONCE {
            if !reconciler.is_ready(now) {
                break;
            }
            let requests = reconciler.requests(now);
            let bytes = ipvs::datagram(FAMILY, &requests);
            assert!(ipvs::decode(&bytes).all(|message| message.is_ok()));
            for (sequence, request) in requests {
                let errno = i32::from(errno & 0x3f);
                let message = match request {
                    Request::DumpDestinations(_) => Message::Done(errno),
                    _ => Message::Answer { errno, words: None },
                };
                reconciler.handle(now, Received { sequence, message });
            }
            reconciler.take_end_of_family();
            let _ = reconciler.services_to_keep().map(Iterator::count);
        }
        assert!(!reconciler.is_ready(now), "no rest");
        for notice in reconciler.take_notices() {
            let _ = notice.to_string();
        }
        now = now + Duration::from_millis(u64::from(length) * 100);
    }
});
