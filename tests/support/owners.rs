//! Two hosts that both claim to own an address (priority 255), which is a mistake that has to end with one holder. Cases for pairs
//! with the distribution's keepalived; of two of ours see `netns/rivals.rs`.

use super::Binary::{Ours, Peer};
use super::cases::{Named, Pair};
use super::config::instance;
use super::wire::election_bound;
use super::world::World;
use super::{secs, stays, wait_until};

/// The cases of this part.
pub fn common() -> Vec<Named> {
    vec![("two_owners", two_owners)]
}

/// One of them gives way, and takes over when the other ends. keepalived 2.2.7 does so as soon as it hears another owner,
/// and stays at 254; ours hears its rival out, and stays if it has the lower address.
fn two_owners(pair: Pair) {
    const VIP: &str = "10.66.0.1";
    const VRID: u8 = 66;
    let (holder, other) = match pair {
        [Ours, _] => (0, 1),
        [Peer, _] => (1, 0),
    };
    let world = World::two();
    let config = instance("OWN", VRID, 255, "", &[VIP]);
    world.nodes[0].start(pair[0], &config);
    wait_until("the first host is master", election_bound(), || {
        world.nodes[0].holds(VIP)
    });
    let mark = world.capture.mark();
    world.nodes[1].start(pair[1], &config);
    let claim = world.capture.wait_advert(mark, 1, VRID, election_bound());
    assert_eq!(claim.priority, 255, "an owner asks nobody");
    wait_until("one of them gives way", election_bound(), || {
        world.holders(VIP) == [holder]
    });
    let mark = world.capture.mark();
    stays("the other keeps it", secs(6), || {
        world.holders(VIP) == [holder]
    });
    let adverts = world.capture.adverts_since(mark);
    assert!(adverts.len() >= 5, "{} adverts", adverts.len());
    assert!(
        adverts
            .iter()
            .all(|advert| (advert.node, advert.priority) == (holder, 255)),
        "{adverts:?}"
    );
    let mark = world.capture.mark();
    world.nodes[holder].stop();
    wait_until("the one that gave way takes over", election_bound(), || {
        world.holders(VIP) == [other]
    });
    let taken = world.capture.wait_advert(mark, other, VRID, secs(1));
    let priority = if pair[other] == Ours { 255 } else { 254 };
    assert_eq!(taken.priority, priority, "its rival is gone");
    stays("and keeps it", secs(3), || world.holders(VIP) == [other]);
}
