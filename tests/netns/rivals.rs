//! Two that claim to be master: what the better one answers, what the lesser one says before it goes, and two owners.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::stage::{Case, case};
use crate::support::version3::settles;
use crate::support::wire::{Advert, Forged, election_bound};
use crate::support::world::World;
use crate::support::{secs, stays, wait_until};

/// Long enough that an advert which is not asked for does not come meanwhile.
const INTERVAL: u8 = 7;

/// What is answered is answered at once; a busy machine may take this long.
const SOON: Duration = secs(2);

/// How much sooner than an interval the next advert may be taken for an answer.
const EARLY: Duration = secs(1);

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("rivals::lower_prio_no_advert", lower_prio_no_advert),
        case("rivals::higher_prio_send_advert", higher_prio_send_advert),
        case("rivals::two_owners", two_owners),
    ]
}

/// What host 1, master of priority 100, sends after an advert of this priority from host 2.
fn answers(global: &str, lines: &str, priority: u8) -> Vec<Advert> {
    const VIP: &str = "10.121.0.1";
    let world = World::two();
    world.nodes[1].run(&["ip", "route", "add", "224.0.0.0/4", "dev", "eth0"]);
    let head = format!("state MASTER\n    {lines}");
    let instance = instance("RIVAL", 121, 100, &head, &[VIP])
        .replace("advert_int 1", &format!("advert_int {INTERVAL}"));
    let node = &world.nodes[0];
    node.start(Ours, &format!("global_defs {{\n{global}\n}}\n{instance}"));
    let regular = world.capture.wait_advert(0, 0, 121, secs(40));
    wait_until("the host is master", secs(40), || node.holds(VIP));
    let mut forged = Forged::right(121, priority, VIP, "");
    forged.interval = INTERVAL;
    forged.send(&world.nodes[1], "10.10.0.2");
    let stays_master = priority < 100;
    wait_until("master or not", secs(5), || node.holds(VIP) == stays_master);
    std::thread::sleep(SOON);
    assert_eq!(node.holds(VIP), stays_master, "{lines}");
    let next = regular.at + secs(INTERVAL.into()) - EARLY;
    let mut after = world.capture.adverts(0, 121);
    after.retain(|advert| advert.at > regular.at && advert.at < next);
    after
}

/// A lower advert is answered by one of ours, so that a split ends soon; not with `lower_prio_no_advert`, nor the global word,
/// unless the instance says otherwise.
fn lower_prio_no_advert() {
    for (global, lines, answered) in [
        ("", "", 1),
        ("", "lower_prio_no_advert", 0),
        ("vrrp_lower_prio_no_advert", "", 0),
        ("vrrp_lower_prio_no_advert", "lower_prio_no_advert off", 1),
    ] {
        let adverts = answers(global, lines, 50);
        assert_eq!(adverts.len(), answered, "{global} {lines}: {adverts:?}");
        assert!(adverts.iter().all(|advert| advert.priority == 100));
    }
}

/// One who steps down for a better one goes silently; with `higher_prio_send_advert` it sends one more, so that the better one
/// announces its addresses again.
fn higher_prio_send_advert() {
    for (global, lines, sent) in [
        ("", "", 0),
        ("", "higher_prio_send_advert", 1),
        ("vrrp_higher_prio_send_advert", "", 1),
    ] {
        let adverts = answers(global, lines, 150);
        assert_eq!(adverts.len(), sent, "{global} {lines}: {adverts:?}");
        assert!(adverts.iter().all(|advert| advert.priority == 100));
    }
}

/// Two owners: the one with the higher address gives way after two adverts and 1.2 intervals, until the other is gone.
fn two_owners() {
    const VIP: &str = "10.122.0.1";
    let world = World::two();
    let config = instance("OWNER", 122, 255, "state MASTER", &[VIP]);
    for node in &world.nodes {
        node.start(Ours, &config);
    }
    world.nodes[1].wait_log(
        "Changing effective priority from 255 to 254",
        election_bound(),
    );
    settles(&world, VIP, 0);
    let claims = |node: usize| {
        let adverts = world.capture.adverts(node, 122);
        adverts
            .iter()
            .filter(|advert| advert.priority == 255)
            .count()
    };
    assert!(claims(1) >= 2, "it gave way after {} adverts", claims(1));
    stays("one of them rules", secs(5), || world.holders(VIP) == [0]);
    world.nodes[0].signal(Signal::SIGTERM);
    settles(&world, VIP, 1);
    world.nodes[1].wait_log("Changing effective priority from 254 to 255", secs(5));
    assert!(
        !world.nodes[0].log().contains("from 255 to 254"),
        "the lower address stays"
    );
}
