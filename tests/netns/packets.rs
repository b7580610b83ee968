//! Bad packets: counted by kind, and of no effect. A third host forges them.

use nix::sys::signal::Signal;

use crate::support::Binary::Ours;
use crate::support::config::{instance, password};
use crate::support::node::Node;
use crate::support::stage::{Case, case};
use crate::support::wire::{Forged, election_bound};
use crate::support::world::World;
use crate::support::{millis, secs, wait_for, wait_until};

const VIP: &str = "10.72.0.1";
const VRID: u8 = 72;
const PASSWORD: &str = "h1dd3n";

/// The forger, and where the forged packets claim to come from: an address higher than the victim's.
const FORGER: &str = "10.10.0.2";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case(
            "packets::bad_ones_do_not_hold_a_backup_back",
            bad_ones_do_not_hold_a_backup_back,
        ),
        case("packets::bad_ones_are_counted", bad_ones_are_counted),
        case(
            "packets::a_flood_does_not_fill_the_log",
            a_flood_does_not_fill_the_log,
        ),
    ]
}

fn right() -> Forged {
    Forged::right(VRID, 200, VIP, PASSWORD)
}

/// Every way to be wrong, with the words of its counter in the statistics (section, line); none for a foreign virtual router.
fn bad() -> Vec<(Forged, Option<(&'static str, &'static str)>)> {
    let right = right();
    let mut wrong_password = right.clone();
    wrong_password.auth[0] ^= 1;
    vec![
        (
            Forged {
                checksum_error: 1,
                ..right.clone()
            },
            Some(("Packet Errors", "Checksum")),
        ),
        (
            Forged {
                ttl: 254,
                ..right.clone()
            },
            Some(("Packet Errors", "TTL")),
        ),
        (
            Forged {
                cut: 9,
                ..right.clone()
            },
            Some(("Packet Errors", "Length")),
        ),
        (
            Forged {
                version_type: 0x22,
                ..right.clone()
            },
            Some(("Packet Errors", "Invalid Type")),
        ),
        (
            Forged {
                version_type: 0x31,
                ..right.clone()
            },
            None,
        ),
        (
            Forged {
                interval: 2,
                ..right.clone()
            },
            Some(("Packet Errors", "Advertisement Interval")),
        ),
        (
            Forged {
                vrid: VRID + 1,
                ..right.clone()
            },
            None,
        ),
        (
            Forged {
                auth_type: 7,
                ..right.clone()
            },
            Some(("Authentication Errors", "Invalid Type")),
        ),
        (
            Forged {
                auth_type: 0,
                ..right.clone()
            },
            Some(("Authentication Errors", "Type Mismatch")),
        ),
        (wrong_password, Some(("Authentication Errors", "Failure"))),
    ]
}

/// A victim and a forger.
fn world() -> World {
    let world = World::two();
    world.nodes[1].run(&["ip", "route", "add", "224.0.0.0/4", "dev", "eth0"]);
    world.nodes[0].start(
        Ours,
        &instance(
            "VICTIM",
            VRID,
            90,
            &format!("state BACKUP\n    {}", password(PASSWORD)),
            &[VIP],
        ),
    );
    let node = &world.nodes[0];
    wait_until("the victim is up", secs(5), || node.vrrp_pid().is_some());
    world
}

/// A number of the statistics file, by the titles above it and its own.
pub fn counter(statistics: &str, section: &str, name: &str) -> Option<u64> {
    let mut lines = statistics
        .lines()
        .map(str::trim)
        .skip_while(|line| !line.starts_with(section))
        .skip(1);
    let line = lines.find(|line| line.starts_with(name))?;
    line.rsplit([' ', ':', '\t']).next()?.parse().ok()
}

pub fn statistics(node: &Node) -> String {
    let _ = std::fs::remove_file(node.path("/tmp/keepalived.stats"));
    node.signal(Signal::SIGUSR2);
    wait_for("the statistics", secs(5), || {
        Some(node.read("/tmp/keepalived.stats"))
            .filter(|text| text.contains("Authentication Errors"))
    })
}

/// However many come: the backup becomes master on time and stays it; one right packet shows that they would have been heard.
fn bad_ones_do_not_hold_a_backup_back() {
    let world = world();
    let (victim, forger) = (&world.nodes[0], &world.nodes[1]);
    let send_bad = || {
        bad()
            .iter()
            .for_each(|(packet, _)| packet.send(forger, FORGER))
    };
    // The forger's own cable carries its packets to the record too: look at the victim's adverts only.
    let announces = || !world.capture.adverts(0, VRID).is_empty();
    wait_until(
        "bad packets do not keep a backup from its office",
        election_bound(),
        || {
            send_bad();
            std::thread::sleep(millis(80));
            announces()
        },
    );
    wait_until("the victim holds the address", secs(2), || {
        victim.holds(VIP)
    });
    for _ in 0..20 {
        send_bad();
        std::thread::sleep(millis(50));
        assert!(victim.holds(VIP), "bad packets dethrone a master");
    }
    right().send(forger, FORGER);
    wait_until(
        "a right packet with a higher priority dethrones it",
        secs(2),
        || !victim.holds(VIP),
    );
}

/// One more of each kind makes its counter one higher.
fn bad_ones_are_counted() {
    let world = world();
    let (victim, forger) = (&world.nodes[0], &world.nodes[1]);
    wait_until("the victim is master", election_bound(), || {
        victim.holds(VIP)
    });
    let before = statistics(victim);
    bad()
        .iter()
        .for_each(|(packet, _)| packet.send(forger, FORGER));
    let expected = |after: &str| {
        bad()
            .iter()
            .filter_map(|(_, counter)| *counter)
            .all(|(section, name)| {
                let (old, new) = (
                    counter(&before, section, name),
                    counter(after, section, name),
                );
                old.zip(new).is_some_and(|(old, new)| new == old + 1)
            })
    };
    let mut after = String::new();
    for _ in 0..20 {
        after = statistics(victim);
        if expected(&after) {
            break;
        }
        std::thread::sleep(millis(100));
    }
    assert!(
        expected(&after),
        "each counter is one higher\nbefore:\n{before}\nafter:\n{after}"
    );
    assert!(victim.holds(VIP));
}

/// A thousand bad packets are a few lines of log.
fn a_flood_does_not_fill_the_log() {
    const FLOOD: usize = 1000;
    const LINES: usize = 200;
    let world = world();
    let (victim, forger) = (&world.nodes[0], &world.nodes[1]);
    wait_until("the victim is master", election_bound(), || {
        victim.holds(VIP)
    });
    let before = victim.log().lines().count();
    let packet = Forged { ttl: 1, ..right() };
    for _ in 0..FLOOD {
        packet.send(forger, FORGER);
    }
    std::thread::sleep(secs(1));
    let lines = victim.log().lines().count() - before;
    assert!(
        (1..LINES).contains(&lines),
        "{FLOOD} bad packets made {lines} lines of log"
    );
    assert!(victim.holds(VIP));
}
