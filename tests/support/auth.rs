//! Cases of authentication that hold for any pair of implementations, and authentication headers as they were on the wire.

use std::net::Ipv4Addr;

use super::cases::{Named, Pair};
use super::config::instance;
use super::version3::settles;
use super::wire::Frame;
use super::world::World;
use super::{secs, stays, wait_until};

/// The part of an instance that asks for an authentication header.
pub fn ah(password: &str) -> String {
    format!("authentication {{\n        auth_type AH\n        auth_pass {password}\n    }}")
}

/// An advert with an authentication header as it was on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedAdvert {
    /// The host that sent it.
    pub node: usize,
    /// IP source.
    pub source: Ipv4Addr,
    /// The number in the authentication header.
    pub sequence: u32,
    /// Virtual router.
    pub vrid: u8,
    /// Priority, 0 when resigning.
    pub priority: u8,
    /// The packet, from its IP header on.
    pub packet: Vec<u8>,
}

/// The frame as an advert with an authentication header, if it is one.
pub fn sealed(frame: &Frame) -> Option<SealedAdvert> {
    let packet = frame.bytes.get(14..)?;
    (frame.bytes[12..14] == [8, 0] && packet[0] == 0x45 && packet[9] == 51).then_some(())?;
    let [a, b, c, d] = packet.get(12..16)?.try_into().ok()?;
    let vrrp = packet.get(44..)?;
    Some(SealedAdvert {
        node: frame.node,
        source: Ipv4Addr::new(a, b, c, d),
        sequence: u32::from_be_bytes(packet.get(28..32)?.try_into().ok()?),
        vrid: *vrrp.get(1)?,
        priority: *vrrp.get(2)?,
        packet: packet.to_vec(),
    })
}

/// All adverts with an authentication header of one host since the mark.
pub fn sealed_since(world: &World, mark: usize, node: usize) -> Vec<SealedAdvert> {
    let frames = world.capture.frames_since(mark);
    let adverts = frames.iter().filter_map(sealed);
    adverts.filter(|advert| advert.node == node).collect()
}

/// The better host rules, crashes, is replaced, comes back with a counter that it has to learn, ends politely and is replaced again.
pub fn ah_failover(pair: Pair) {
    const VIP: &str = "10.91.0.1";
    let config = |priority| {
        let head = format!("state BACKUP\n    {}", ah("s3cr3t"));
        instance("SEALED", 91, priority, &head, &[VIP])
    };
    let world = World::two();
    world.nodes[0].start(pair[0], &config(200));
    world.nodes[1].start(pair[1], &config(100));
    settles(&world, VIP, 0);
    let mark = world.capture.mark();
    stays("the better host rules", secs(4), || {
        world.holders(VIP) == [0]
    });
    assert!(
        sealed_since(&world, mark, 1).is_empty(),
        "the backup understands the master"
    );
    let numbers: Vec<u32> = sealed_since(&world, mark, 0)
        .iter()
        .map(|advert| advert.sequence)
        .collect();
    assert!(numbers.len() > 2, "{numbers:?}");
    assert!(
        numbers.is_sorted_by(|before, after| before + 1 == *after),
        "each advert is numbered one higher: {numbers:?}"
    );

    world.nodes[0].kill_all();
    wait_until("the second host takes over", secs(8), || {
        world.nodes[1].holds(VIP)
    });
    let mark = world.capture.mark();
    world.nodes[0].start(pair[0], &config(200));
    wait_until("the first host takes back", secs(10), || {
        !sealed_since(&world, mark, 0).is_empty() && world.holders(VIP) == [0]
    });
    let back = &sealed_since(&world, mark, 0)[0];
    let known = *numbers.last().expect("just counted");
    assert!(
        back.sequence > known,
        "who comes back goes on from what it hears: {} after {known}",
        back.sequence
    );
    stays("it is believed", secs(5), || world.holders(VIP) == [0]);

    world.nodes[0].stop();
    settles(&world, VIP, 1);
    let last = sealed_since(&world, 0, 0).pop().expect("adverts");
    assert_eq!(last.priority, 0, "the last advert resigns");
}

/// Who has another password is not heard: both hosts rule, as nobody tells them otherwise.
pub fn ah_other_password(pair: Pair) {
    const VIP: &str = "10.92.0.1";
    let config = |priority, password| {
        let head = format!("state BACKUP\n    {}", ah(password));
        instance("DEAF", 92, priority, &head, &[VIP])
    };
    let world = World::two();
    world.nodes[0].start(pair[0], &config(200, "s3cr3t"));
    world.nodes[1].start(pair[1], &config(100, "s3cr3s"));
    wait_until("both hosts rule", secs(15), || world.holders(VIP) == [0, 1]);
    stays("both hosts rule", secs(4), || world.holders(VIP) == [0, 1]);
}

/// The cases every pair has to pass, by name.
pub fn common() -> Vec<Named> {
    vec![
        ("ah_failover", ah_failover),
        ("ah_other_password", ah_other_password),
    ]
}
