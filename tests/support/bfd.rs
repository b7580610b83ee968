//! BFD packets as they were on the wire (RFC 5880 section 4.1, RFC 5881 section 4), over IPv4 and IPv6, and what pairs of hosts that speak
//! it wait for. Written from the RFCs alone.

use std::time::Duration;

use super::wire::Frame;
use super::world::World;
use super::{secs, wait_until};

/// States, as packets number them.
pub const ADMIN_DOWN: u8 = 0;
pub const DOWN: u8 = 1;
pub const INIT: u8 = 2;
pub const UP: u8 = 3;

/// Sessions begin and come back within this: three packets a second apart at most.
pub const COMES_UP: Duration = secs(10);

/// A recorded packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When the kernel took the frame, since the epoch.
    pub at: Duration,
    /// The host that sent it.
    pub node: usize,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Where from.
    pub source_port: u16,
    /// Where to: 3784, or 4784 for multihop.
    pub port: u16,
    /// Why it is in that state.
    pub diagnostic: u8,
    /// `UP` and the like.
    pub state: u8,
    pub poll: bool,
    pub fin: bool,
    pub multiplier: u8,
    pub my_discriminator: u32,
    pub your_discriminator: u32,
    /// Microseconds.
    pub min_tx: u32,
    /// Microseconds.
    pub min_rx: u32,
}

/// The frame as a BFD packet, if it is one.
fn packet(frame: &Frame) -> Option<Packet> {
    let ip = frame.bytes.get(14..)?;
    let (ttl, udp) = match frame.bytes.get(12..14)? {
        [8, 0] if *ip.get(9)? == 17 => (*ip.get(8)?, ip.get(usize::from(ip.first()? & 15) * 4..)?),
        [0x86, 0xdd] if *ip.get(6)? == 17 => (*ip.get(7)?, ip.get(40..)?),
        _ => return None,
    };
    let short = |at: usize| Some(u16::from_be_bytes(udp.get(at..at + 2)?.try_into().ok()?));
    let port = short(2)?;
    if port != 3784 && port != 4784 {
        return None;
    }
    let long = |at: usize| {
        Some(u32::from_be_bytes(
            udp.get(8 + at..12 + at)?.try_into().ok()?,
        ))
    };
    let flags = *udp.get(9)?;
    Some(Packet {
        at: frame.at,
        node: frame.node,
        ttl,
        source_port: short(0)?,
        port,
        diagnostic: udp.get(8)? & 31,
        state: flags >> 6,
        poll: flags & 0x20 != 0,
        fin: flags & 0x10 != 0,
        multiplier: *udp.get(10)?,
        my_discriminator: long(4)?,
        your_discriminator: long(8)?,
        min_tx: long(12)?,
        min_rx: long(16)?,
    })
}

/// What a host has sent since the mark.
pub fn packets(world: &World, mark: usize, node: usize) -> Vec<Packet> {
    let frames = world.capture.frames_since(mark);
    let all = frames.iter().filter_map(packet);
    all.filter(|packet| packet.node == node).collect()
}

/// What a host said last.
pub fn last(world: &World, node: usize) -> Option<Packet> {
    packets(world, 0, node).pop()
}

/// Both hosts say that the session is Up, and nobody asks anything any more.
#[track_caller]
pub fn wait_up(world: &World) {
    wait_until("both say that the session is Up", COMES_UP, || {
        [0, 1]
            .into_iter()
            .all(|node| last(world, node).is_some_and(|it| it.state == UP && !it.poll && !it.fin))
    });
}

/// Both hosts say that it is not.
#[track_caller]
pub fn wait_down(world: &World, mark: usize) {
    wait_until("both say that the session is Down", COMES_UP, || {
        [0, 1].into_iter().all(|node| {
            let said = packets(world, mark, node).pop();
            said.is_some_and(|it| it.state == DOWN)
        })
    });
}

/// A `bfd_instance`.
pub fn session(name: &str, neighbor: &str, lines: &str) -> String {
    format!("bfd_instance {name} {{\n neighbor_ip {neighbor}\n{lines}\n}}\n")
}
