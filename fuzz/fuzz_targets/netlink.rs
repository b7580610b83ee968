//! Any bytes as netlink datagrams: decoding and reconciling them must neither panic nor ask for anything out of bounds.
#![no_main]

use keepalived::config::source::Memory;
use keepalived::config::world::Imagined;
use keepalived::config::{Options, load};
use keepalived::kernel::{Address, Claim, Policy, Reconciler, netlink};
use keepalived::time::Instant;
use libfuzzer_sys::fuzz_target;
use std::rc::Rc;

/// A route of each family and a rule, over the link that the messages may speak of.
const TEXT: &str = "static_routes {\n 10.1.0.0/16 via 10.0.0.9 dev eth0 mtu lock 1400\n fd00::/16 dev eth0\n}\n\
                    static_rules {\n from 10.0.0.1 table 5 preference 7\n}\n";

thread_local! {
    static POLICIES: Vec<Policy> = {
        let options = Options { path: "f".into(), ..Options::default() };
        let fixed = load(&options, &Memory::default().with("f", TEXT), &Imagined::generous()).model.vrrp.fixed;
        let routes = fixed.routes.into_iter().map(|route| Policy::Route(Rc::new(route)));
        routes.chain(fixed.rules.into_iter().map(|rule| Policy::Rule(Rc::new(rule)))).collect()
    };
}

fuzz_target!(|data: &[u8]| {
    let mut reconciler = Reconciler::new();
    let address = Address::new(std::net::Ipv4Addr::new(10, 0, 0, 1).into(), 32);
    let policies = POLICIES.with(Clone::clone);
    assert_eq!(policies.len(), 3);
    reconciler.claim_all(
        1u32,
        [Claim {
            interface: "eth0".into(),
            address,
            tracked: true,
        }],
        policies,
    );
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
        let mut bytes = Vec::new();
        netlink::encode_all(&reconciler.requests(now, 8), &mut bytes);
        assert!(netlink::decode(&bytes).all(|message| message.is_ok()));
        reconciler.take_link_changes();
        reconciler.take_notices();
        reconciler.take_restored();
    }
});
