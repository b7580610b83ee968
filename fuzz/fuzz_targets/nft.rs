//! Any bytes as nftables datagrams: decoding and reconciling them must neither panic nor ask for anything out of bounds, and the
//! reconcilers must come to rest whatever it is told.
#![no_main]

use keepalived::config::model::Protocol;
use keepalived::kernel::filter::{Element, Set, Shape};
use keepalived::kernel::mark::{MarkTable, Wish};
use keepalived::kernel::{Filters, Marks, nft};
use keepalived::time::Instant;
use libfuzzer_sys::fuzz_target;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Batches in a row without a moment passing between them.
const AT_ONCE: usize = 16;

fn shape() -> Shape {
    Shape {
        table: "keepalived".into(),
        priority: -1,
        counters: true,
        outbound: true,
        sets: [Set::Vips4, Set::Vips6, Set::LinkLocalNamed, Set::Igmp].into(),
    }
}

fn elements(which: u8) -> Vec<Element> {
    let all = [
        Element::Vip4(Ipv4Addr::new(10, 0, 0, which)),
        Element::Vip6(Ipv6Addr::LOCALHOST),
        Element::LinkLocalNamed(Ipv6Addr::LOCALHOST, "eth0".into()),
        Element::Igmp(3, 2),
    ];
    let chosen = all.into_iter().enumerate();
    chosen
        .filter(|(at, _)| which >> at & 1 == 1)
        .map(|(_, element)| element)
        .collect()
}

/// What is marked: some addresses, of which one may be in both families.
fn marked(which: u8) -> MarkTable {
    let wish = |address: std::net::IpAddr| Wish {
        protocol: Protocol::Tcp,
        first: address,
        last: address,
        port: (which & 4 == 0).then_some(80),
        mark: 1000,
    };
    let mut wishes = vec![wish(Ipv4Addr::new(10, 0, 0, which).into())];
    if which & 8 == 0 {
        wishes.push(wish(Ipv6Addr::LOCALHOST.into()));
    }
    MarkTable {
        name: "keepalived_ipvs".into(),
        priority: -1,
        counters: false,
        wishes,
    }
}

fuzz_target!(|data: &[u8]| {
    let mut marks = Marks::default();
    marks.expect_leftovers("keepalived_ipvs");
    let mut filters: Filters<u32> = Filters::default();
    filters.expect_leftovers("keepalived");
    filters.want(Some(shape()));
    let mut now = Instant(1);
    // Of a piece the first byte says how long it is, the second what else happens.
    let mut rest = data;
    while let Some((&[length, event], tail)) = rest.split_first_chunk() {
        let (datagram, tail) = tail.split_at(usize::from(length).min(tail.len()));
        rest = tail;
        for message in nft::decode(datagram).flatten() {
            marks.handle(now, message.clone());
            filters.handle(now, message);
        }
        match event >> 4 {
            0 => {
                filters.want(None);
                marks.want(None);
            }
            1 => filters.want(Some(shape())),
            2 => filters.doubt(),
            owner => {
                filters.hold(u32::from(owner), elements(event));
                marks.want(Some(marked(event)));
            }
        }
        for _ in 0..AT_ONCE {
            let Some((sequence, bytes)) = filters.batch(now, event & 2 == 0) else {
                break;
            };
            assert!(nft::decode(&bytes).all(|message| message.is_ok()));
            let message = nft::Message::Answer(i32::from(event & 1));
            filters.handle(
                now,
                nft::Received {
                    sequence,
                    port: 0,
                    message,
                },
            );
        }
        assert!(filters.is_settled(now), "no rest");
        let services_settled = event & 2 == 0;
        for _ in 0..AT_ONCE {
            let Some((sequence, bytes)) = marks.batch(now, services_settled) else {
                break;
            };
            assert!(nft::decode(&bytes).all(|message| message.is_ok()));
            let message = nft::Message::Answer(i32::from(event & 1));
            marks.handle(
                now,
                nft::Received {
                    sequence,
                    port: 0,
                    message,
                },
            );
        }
        assert!(!marks.is_ready(now, services_settled), "no rest");
        marks.take_notices();
        filters.take_notices();
        now = now + Duration::from_millis(u64::from(length));
    }
});
