//! Cases of virtual MACs that hold for any pair of implementations: who holds the address, and from which MAC it is spoken for.

use super::cases::{Named, Pair};
use super::wire::{Frame, election_bound};
use super::world::World;
use super::{secs, stays, wait_until};

const VRID: u8 = 76;
const MAC_V4: [u8; 6] = [0, 0, 0x5e, 0, 1, VRID];
const MAC_V6: [u8; 6] = [0, 0, 0x5e, 0, 2, VRID];

/// An instance of two hosts, the first of which is preferred.
fn config(priority: u8, lines: &str, addresses: &str) -> String {
    format!(
        "vrrp_instance QUAY {{\n state BACKUP\n interface eth0\n virtual_router_id {VRID}\n priority {priority}\n advert_int 1\n \
         {lines}\n virtual_ipaddress {{\n {addresses}\n }}\n}}\n"
    )
}

/// The MACs that a host's adverts came from.
fn senders(world: &World, mark: usize, node: usize) -> Vec<[u8; 6]> {
    let is_advert = |frame: &Frame| {
        let bytes = &frame.bytes;
        frame.node == node
            && (bytes[12..14] == [8, 0] && bytes[23] == 112
                || bytes[12..14] == [0x86, 0xdd] && bytes[20] == 112)
    };
    let frames = world.capture.frames_since(mark).into_iter();
    let mut macs: Vec<[u8; 6]> = frames
        .filter(is_advert)
        .map(|frame| frame.bytes[6..12].try_into().expect("six bytes"))
        .collect();
    macs.sort_unstable();
    macs.dedup();
    macs
}

/// The address goes from the first host to the second and back; adverts come from the MAC that they have to.
fn moves(pair: Pair, lines: &str, addresses: &str, address: &str, macs: [[u8; 6]; 2]) {
    let world = World::two();
    let settles = |node: usize| {
        let what = format!("{address} is on host {} alone", node + 1);
        wait_until(&what, election_bound(), || world.holders(address) == [node]);
    };
    let start = |node: usize| {
        let priority = if node == 0 { 100 } else { 90 };
        world.nodes[node].start(pair[node], &config(priority, lines, addresses));
    };
    start(0);
    settles(0);
    let mark = world.capture.mark();
    start(1);
    stays("the better host keeps it", secs(4), || {
        world.holders(address) == [0]
    });
    assert_eq!(senders(&world, mark, 0), [macs[0]]);
    assert!(senders(&world, mark, 1).is_empty(), "a backup is silent");
    let mark = world.capture.mark();
    world.nodes[0].stop();
    settles(1);
    wait_until("the second host announces itself", secs(3), || {
        senders(&world, mark, 1) == [macs[1]]
    });
    start(0);
    settles(0);
}

fn version_2(pair: Pair) {
    moves(pair, "use_vmac", "10.10.0.76", "10.10.0.76", [MAC_V4; 2]);
}

fn version_3(pair: Pair) {
    let lines = "version 3\n use_vmac harbour0";
    moves(pair, lines, "10.10.0.76/24", "10.10.0.76", [MAC_V4; 2]);
}

fn ipv6(pair: Pair) {
    let addresses = "fe80::76\n fd00:76::1/64";
    moves(pair, "use_vmac", addresses, "fd00:76::1", [MAC_V6; 2]);
}

fn from_the_base(pair: Pair) {
    let lines = "use_vmac\n vmac_xmit_base";
    let own = [1, 2].map(|number| [2, 0, 0, number, 0, 0]);
    moves(pair, lines, "10.10.0.76", "10.10.0.76", own);
}

/// The cases every pair has to pass, by name.
pub fn common() -> Vec<Named> {
    vec![
        ("vmac_v2", version_2),
        ("vmac_v3", version_3),
        ("vmac_ipv6", ipv6),
        ("vmac_xmit_base", from_the_base),
    ]
}
