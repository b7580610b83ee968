//! Cases of authentication that hold for any pair of implementations, and authentication headers as they were on the wire.

use std::net::Ipv4Addr;

use super::cases::{Named, Pair};
use super::config::instance;
use super::unicast;
use super::version3::{self, settles};
use super::wire::{Frame, election_bound};
use super::world::{HostSpec, World};
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

/// The part of an instance that signs adverts; `lines` stands beside the keys of `KEYS`.
pub fn hmac(lines: &str) -> String {
    format!("auth_hmac {{\n        {KEYS}\n        {lines}\n    }}")
}

/// Two keys, known to both hosts.
const KEYS: &str = "key 1 hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
        key 2 ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The trailer of a version 2 or 3 advert over IPv4 or IPv6 with one address of each that was announced, if it has one: (key, number).
pub fn trailer(frame: &Frame) -> Option<(u8, u64)> {
    let ip = frame.bytes.get(14..)?;
    let (vrrp, width) = match frame.bytes.get(12..14)? {
        [0x08, 0x00] if *ip.get(9)? == 112 => {
            let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
            (ip.get(20..total)?, 4)
        }
        [0x86, 0xdd] if *ip.get(6)? == 112 => (ip.get(40..)?, 16),
        _ => return None,
    };
    let data = if vrrp[0] == 0x21 && width == 4 { 8 } else { 0 };
    let trailer = vrrp.get(8 + width * usize::from(vrrp[3]) + data..)?;
    (trailer.len() == 28 && trailer[0] == 1).then_some(())?;
    let number = trailer.get(4..12)?.try_into().ok()?;
    Some((trailer[1], u64::from_be_bytes(number)))
}

/// The trailers of one host since the mark.
pub fn trailers_since(world: &World, mark: usize, node: usize) -> Vec<(u8, u64)> {
    let frames = world.capture.frames_since(mark);
    let theirs = frames.iter().filter(|frame| frame.node == node);
    theirs.filter_map(trailer).collect()
}

/// Signed adverts of versions 2 and 3 and over IPv6: the better host rules, signs, crashes, is replaced, comes back, resigns.
pub fn hmac_failover(pair: Pair) {
    const VIPS: [&str; 3] = ["10.94.0.1", "10.95.0.1", "fd00:96::1"];
    let config = |priority: u8| {
        let block = hmac("active_key 1\n        mode enforce");
        instance(
            "TWO",
            94,
            priority,
            &format!("state BACKUP\n    {block}"),
            &[VIPS[0]],
        ) + &version3::instance(
            "THREE",
            95,
            priority,
            &format!("version 3\n    advert_int 0.2\n    {block}"),
            &[VIPS[1]],
        ) + &version3::instance(
            "SIX",
            96,
            priority,
            &format!("advert_int 0.2\n    {block}"),
            &["fe80::96:1", VIPS[2]],
        )
    };
    let rules = |world: &World, node: usize| VIPS.iter().all(|vip| world.holders(vip) == [node]);
    let world = version3::detected(&[1, 2].map(HostSpec::numbered));
    world.nodes[0].start(pair[0], &config(200));
    world.nodes[1].start(pair[1], &config(100));
    wait_until("the better host rules", election_bound(), || {
        rules(&world, 0)
    });
    let mark = world.capture.mark();
    stays("the better host rules", secs(4), || rules(&world, 0));
    assert_eq!(trailers_since(&world, mark, 1), [], "the backup is silent");
    let signed = trailers_since(&world, mark, 0);
    let adverts = world.capture.frames_since(mark);
    let adverts = adverts.iter().filter(|frame| is_vrrp(frame)).count();
    assert_eq!(signed.len(), adverts, "all are signed");
    assert!(
        adverts > 30 && signed.iter().all(|(key, _)| *key == 1),
        "{signed:?}"
    );

    world.nodes[0].kill_all();
    wait_until("the second host takes over", secs(8), || {
        VIPS.iter().all(|vip| world.nodes[1].holds(vip))
    });
    world.nodes[0].start(pair[0], &config(200));
    wait_until("the first host takes back", election_bound(), || {
        rules(&world, 0)
    });
    stays("it is believed", secs(4), || rules(&world, 0));
    world.nodes[0].stop();
    wait_until("the second host is asked to follow", secs(3), || {
        rules(&world, 1)
    });
}

/// Whether a frame is of VRRP, over IPv4 or IPv6.
fn is_vrrp(frame: &Frame) -> bool {
    let ip = frame.bytes.get(14..).unwrap_or_default();
    match frame.bytes.get(12..14) {
        Some([0x08, 0x00]) => ip.get(9) == Some(&112),
        Some([0x86, 0xdd]) => ip.get(6) == Some(&112),
        _ => false,
    }
}

/// A key of the same number that is another one, and no trailer at all: whoever enforces hears neither.
pub fn hmac_other_key(pair: Pair) {
    const VIP: &str = "10.97.0.1";
    let config = |priority, block: &str| {
        instance(
            "DEAF",
            97,
            priority,
            &format!("state BACKUP\n    {block}"),
            &[VIP],
        )
    };
    let ours = hmac("active_key 2");
    for other in [ours.replace("ABCD", "ABCE"), String::new()] {
        let world = World::two();
        world.nodes[0].start(pair[0], &config(200, &other));
        world.nodes[1].start(pair[1], &config(100, &ours));
        wait_until("both hosts rule", election_bound(), || {
            world.holders(VIP) == [0, 1]
        });
        stays("both hosts rule", secs(4), || world.holders(VIP) == [0, 1]);
    }
}

/// Sent to a peer: one instance with an authentication header.
pub fn ah_unicast(pair: Pair) {
    unicast_failover(pair, 98, &format!("version 2\n    {}", ah("s3cr3t")));
}

/// Sent to a peer: signed, of version 2 and of version 3.
pub fn hmac_unicast(pair: Pair) {
    for version in [2, 3] {
        let block = hmac("active_key 2");
        unicast_failover(pair, 98, &format!("version {version}\n    {block}"));
    }
}

#[track_caller]
fn unicast_failover(pair: Pair, vrid: u8, lines: &str) {
    const VIP: &str = "10.98.0.1";
    const ENDS: [&str; 2] = ["10.10.0.1", "10.10.0.2"];
    let config = |node: usize| {
        let priority = [200, 100][node];
        let ends = (ENDS[node], &[ENDS[1 - node]][..]);
        unicast::instance("PEERS", vrid, priority, ends, lines, &[VIP])
    };
    let world = World::two();
    unicast::failover(&world, pair, &config, VIP);
}

/// The cases of signed adverts that every pair has to pass whose implementations know them (keepalived 2.4.2 and later).
pub fn signed() -> Vec<Named> {
    vec![
        ("hmac_failover", hmac_failover),
        ("hmac_other_key", hmac_other_key),
        ("hmac_unicast", hmac_unicast),
    ]
}

/// The cases every pair has to pass, by name.
pub fn common() -> Vec<Named> {
    vec![
        ("ah_failover", ah_failover),
        ("ah_other_password", ah_other_password),
        ("ah_unicast", ah_unicast),
    ]
}
