//! Cases of version 3 and IPv6 that hold for any pair of implementations.

use std::net::IpAddr;
use std::time::Duration;

use super::cases::{Named, Pair};
use super::wire::{Frame, election_bound};
use super::world::{HostSpec, World};
use super::{millis, secs, stays, wait_until};

/// A slow machine may be this late with anything.
const SLACK: Duration = millis(1500);

/// Time stamps and a daemon's idea of a second differ by less.
const EARLY: Duration = millis(30);

/// An instance on `eth0`; `lines` holds what else stands in the block.
pub fn instance(name: &str, vrid: u8, priority: u8, lines: &str, addresses: &[&str]) -> String {
    let addresses = addresses.join("\n        ");
    format!(
        "vrrp_instance {name} {{
    state BACKUP
    interface eth0
    virtual_router_id {vrid}
    priority {priority}
    {lines}
    virtual_ipaddress {{
        {addresses}
    }}
}}
"
    )
}

/// A version 3 advert as it was on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advert3 {
    /// When the kernel took the frame, since the epoch.
    pub at: Duration,
    /// The host that sent it.
    pub node: usize,
    /// IP source.
    pub source: IpAddr,
    /// IP destination.
    pub destination: IpAddr,
    /// IP time to live, or hop limit.
    pub hops: u8,
    /// Virtual router.
    pub vrid: u8,
    /// Priority, 0 when resigning.
    pub priority: u8,
    /// Interval in centiseconds.
    pub interval: u16,
    /// The addresses, in the order sent.
    pub addresses: Vec<IpAddr>,
}

/// The frame as a version 3 advert, if it is one.
pub fn advert3(frame: &Frame) -> Option<Advert3> {
    let ip = frame.bytes.get(14..)?;
    let (source, destination, hops, vrrp, width) = match frame.bytes.get(12..14)? {
        [0x08, 0x00] if *ip.get(9)? == 112 => (
            address(ip.get(12..16)?),
            address(ip.get(16..20)?),
            ip[8],
            ip.get(usize::from(ip[0] & 15) * 4..)?,
            4,
        ),
        [0x86, 0xdd] if *ip.get(6)? == 112 => (
            address(ip.get(8..24)?),
            address(ip.get(24..40)?),
            ip[7],
            ip.get(40..)?,
            16,
        ),
        _ => return None,
    };
    (*vrrp.first()? == 0x31).then_some(())?;
    let count = usize::from(*vrrp.get(3)?);
    Some(Advert3 {
        at: frame.at,
        node: frame.node,
        source,
        destination,
        hops,
        vrid: vrrp[1],
        priority: vrrp[2],
        interval: u16::from_be_bytes([vrrp[4], vrrp[5]]) & 0xfff,
        addresses: vrrp
            .get(8..8 + width * count)?
            .chunks(width)
            .map(address)
            .collect(),
    })
}

fn address(bytes: &[u8]) -> IpAddr {
    match <[u8; 4]>::try_from(bytes) {
        Ok(octets) => octets.into(),
        Err(_) => <[u8; 16]>::try_from(bytes).expect("an address").into(),
    }
}

/// All version 3 adverts of one host since the mark.
pub fn adverts3(world: &World, mark: usize, node: usize) -> Vec<Advert3> {
    let frames = world.capture.frames_since(mark);
    let adverts = frames.iter().filter_map(advert3);
    adverts.filter(|advert| advert.node == node).collect()
}

#[track_caller]
pub fn settles(world: &World, address: &str, node: usize) {
    let what = format!("{address} is on host {} alone", node + 1);
    wait_until(&what, election_bound(), || world.holders(address) == [node]);
}

/// Hosts whose link-local addresses are no longer tentative: Debian's keepalived becomes master before that, and the kernel
/// refuses its adverts.
pub fn detected(specs: &[HostSpec]) -> World {
    let world = World::new(specs);
    for node in &world.nodes {
        wait_until("the link-local address can be used", secs(10), || {
            let show = ["ip", "-6", "-o", "addr", "show", "dev", "eth0"];
            let all = node.run(&show);
            all.contains("fe80::") && !all.contains("tentative")
        });
    }
    world
}

/// The second host takes over when the first one dies: not before three intervals and the skew of version 3, and not much later.
#[track_caller]
fn crash_and_takeover(world: &World, vip: &str, interval: Duration, priority: u32) {
    let mark = world.capture.mark();
    world.nodes[0].kill_all();
    wait_until("the second host announces itself", election_bound(), || {
        adverts3(world, mark, 1)
            .iter()
            .any(|advert| advert.priority > 0)
    });
    let first = adverts3(world, mark, 1).remove(0);
    let last = adverts3(world, 0, 0)
        .pop()
        .expect("the first host had announced itself");
    assert!(last.priority > 0, "a crash resigns nothing");
    let (gap, theory) = (
        first.at - last.at,
        3 * interval + interval * (256 - priority) / 256,
    );
    assert!(
        gap + EARLY >= theory && gap <= theory + SLACK,
        "takeover after {gap:?}, the standard says {theory:?}"
    );
    wait_until("the second host has the address", secs(3), || {
        world.nodes[1].holds(vip)
    });
}

/// The adverts of three seconds, more than `least`, in which the first host rules alone.
fn undisputed(world: &World, vip: &str, least: usize) -> Vec<Advert3> {
    let mark = world.capture.mark();
    stays("the better host rules", secs(3), || {
        world.holders(vip) == [0]
    });
    let adverts = adverts3(world, mark, 0);
    let number = adverts.len();
    assert!(number > least, "{number} adverts in three seconds");
    assert!(
        adverts3(world, mark, 1).is_empty(),
        "only the master announces itself"
    );
    adverts
}

/// Ten adverts a second over IPv4: the better host rules, crashes, is replaced within the time of version 3, and comes back.
pub fn ipv4_at_100_ms(pair: Pair) {
    const VIP: &str = "10.81.0.1";
    let config = |priority| {
        instance(
            "QUICK",
            81,
            priority,
            "version 3\n    advert_int 0.1",
            &[VIP],
        )
    };
    let world = World::two();
    world.nodes[0].start(pair[0], &config(200));
    world.nodes[1].start(pair[1], &config(100));
    settles(&world, VIP, 0);
    let adverts = undisputed(&world, VIP, 20);
    for advert in &adverts {
        let seen = (
            advert.interval,
            advert.priority,
            advert.hops,
            advert.destination.to_string(),
        );
        assert_eq!(seen, (10, 200, 255, "224.0.0.18".to_owned()));
        assert_eq!(
            advert.addresses,
            [VIP.parse::<IpAddr>().expect("an address")]
        );
    }
    crash_and_takeover(&world, VIP, millis(100), 100);
    world.nodes[0].start(pair[0], &config(200));
    settles(&world, VIP, 0);
    world.nodes[0].stop();
    settles(&world, VIP, 1);
    let last = adverts3(&world, 0, 0).pop().expect("adverts");
    assert_eq!(last.priority, 0, "the last advert resigns");
}

/// A backup with another interval waits by the master's (RFC 9568 section 6.4.2).
pub fn learned_interval(pair: Pair) {
    const VIP: &str = "10.82.0.1";
    let config = |priority, interval| {
        let lines = format!("version 3\n    advert_int {interval}");
        instance("LEARN", 82, priority, &lines, &[VIP])
    };
    let world = World::two();
    world.nodes[0].start(pair[0], &config(200, "0.5"));
    settles(&world, VIP, 0);
    let mark = world.capture.mark();
    world.nodes[1].start(pair[1], &config(100, "0.2"));
    wait_until("the second host is up", secs(5), || {
        world.nodes[1].vrrp_pid().is_some()
    });
    stays("the better host rules", secs(4), || {
        world.holders(VIP) == [0]
    });
    assert!(
        adverts3(&world, mark, 1).is_empty(),
        "the backup believed its own interval"
    );
    crash_and_takeover(&world, VIP, millis(500), 100);
}

/// IPv6, link-local address first: the better host rules, crashes, is replaced, comes back, resigns.
pub fn ipv6(pair: Pair) {
    const LOCAL: &str = "fe80::83:1";
    const VIP: &str = "fd00:83::1";
    let config = |priority| {
        instance(
            "SIX",
            83,
            priority,
            "advert_int 0.2",
            &[LOCAL, "fd00:83::1/64"],
        )
    };
    let world = detected(&[1, 2].map(HostSpec::numbered));
    world.nodes[0].start(pair[0], &config(200));
    world.nodes[1].start(pair[1], &config(100));
    settles(&world, VIP, 0);
    settles(&world, LOCAL, 0);
    let adverts = undisputed(&world, VIP, 10);
    for advert in &adverts {
        let seen = (
            advert.interval,
            advert.priority,
            advert.hops,
            advert.destination.to_string(),
        );
        assert_eq!(seen, (20, 200, 255, "ff02::12".to_owned()));
        let addresses = [LOCAL, VIP].map(|text| text.parse::<IpAddr>().expect("an address"));
        assert_eq!(advert.addresses, addresses);
        let IpAddr::V6(source) = advert.source else {
            panic!("IPv6")
        };
        assert!(source.is_unicast_link_local() && advert.source != addresses[0]);
    }
    crash_and_takeover(&world, VIP, millis(200), 100);
    world.nodes[0].start(pair[0], &config(200));
    settles(&world, VIP, 0);
    world.nodes[0].stop();
    assert!(!world.nodes[0].holds(VIP) && !world.nodes[0].holds(LOCAL));
    settles(&world, VIP, 1);
    settles(&world, LOCAL, 1);
}

/// Version 2 over IPv6, which no RFC has: the better host rules, crashes, is replaced, comes back, resigns.
pub fn version_2_over_ipv6(pair: Pair) {
    const VIP: &str = "fd00:88::1";
    let config = |priority| {
        let addresses = ["fe80::88:1", "fd00:88::1/64"];
        instance("BRIDGE", 88, priority, "version 2", &addresses)
    };
    let world = detected(&[1, 2].map(HostSpec::numbered));
    let rules = |node: usize| {
        wait_until("the right host rules", election_bound(), || {
            world.holders(VIP) == [node]
        });
    };
    world.nodes[0].start(pair[0], &config(200));
    world.nodes[1].start(pair[1], &config(100));
    rules(0);
    let mark = world.capture.mark();
    stays("the better host rules", secs(5), || {
        world.holders(VIP) == [0]
    });
    let heard = |node: usize| {
        let frames = world.capture.frames_since(mark).into_iter();
        let of = frames.filter(|frame| frame.node == node);
        of.filter(|frame| frame.bytes[12..14] == [0x86, 0xdd] && frame.bytes[20] == 112)
            .map(|frame| frame.bytes[54])
            .collect::<Vec<u8>>()
    };
    // Version and type.
    assert!(heard(0).len() > 3 && heard(0).iter().all(|byte| *byte == 0x21));
    assert!(heard(1).is_empty(), "the backup understands the master");
    world.nodes[0].kill_all();
    wait_until("the second host takes over", secs(8), || {
        world.nodes[1].holds(VIP)
    });
    world.nodes[0].start(pair[0], &config(200));
    rules(0);
    world.nodes[0].stop();
    rules(1);
}

/// Versions 2 and 3 and IPv6 on one interface, none of which minds the others; each at home on another host.
pub fn side_by_side(pair: Pair) {
    const OLD: &str = "10.84.0.1";
    const NEW: &str = "10.85.0.1";
    const SIX: &str = "fd00:85::1";
    let config = |old, new, six| {
        instance("OLD", 84, old, "advert_int 1", &[OLD])
            + &instance("NEW", 85, new, "version 3\n    advert_int 0.25", &[NEW])
            + &instance(
                "SIX",
                85,
                six,
                "advert_int 0.5",
                &["fe80::85:1", "fd00:85::1/64"],
            )
    };
    let world = detected(&[1, 2].map(HostSpec::numbered));
    world.nodes[0].start(pair[0], &config(200, 100, 200));
    world.nodes[1].start(pair[1], &config(100, 200, 100));
    settles(&world, OLD, 0);
    settles(&world, NEW, 1);
    settles(&world, SIX, 0);
    stays("each at home", secs(4), || {
        [OLD, NEW, SIX].map(|vip| world.holders(vip)) == [[0], [1], [0]]
    });
    world.nodes[0].stop();
    for vip in [OLD, NEW, SIX] {
        settles(&world, vip, 1);
    }
}

/// The cases every pair has to pass, by name.
pub fn common() -> Vec<Named> {
    vec![
        ("v3_ipv4_at_100_ms", ipv4_at_100_ms),
        ("v3_learned_interval", learned_interval),
        ("v3_ipv6", ipv6),
        ("v3_side_by_side", side_by_side),
        ("v2_over_ipv6", version_2_over_ipv6),
    ]
}
