//! Authentication of our daemon against whoever has heard the others but does not know the key: captured adverts are sent again.

use nix::sys::signal::Signal;

use crate::packets::{counter, statistics};
use crate::support::Binary::Ours;
use crate::support::auth::{ah, sealed_since};
use crate::support::config::instance;
use crate::support::stage::{Case, case};
use crate::support::wire::send_packet;
use crate::support::world::{HostSpec, World};
use crate::support::{millis, secs, wait_until};

const VIP: &str = "10.93.0.1";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("auth::ah_replay", ah_replay),
        case("auth::ah_counter_outlives_the_process", ah_counter),
    ]
}

fn config(priority: u8) -> String {
    let head = format!("state BACKUP\n    {}", ah("s3cr3t"));
    instance("REPLAY", 93, priority, &head, &[VIP])
}

/// What a master sent before it died, sent again by a third host, neither holds the backup back nor dethrones it, and is counted.
fn ah_replay() {
    let hosts = [1, 2, 3].map(HostSpec::numbered);
    let world = World::new(&hosts);
    let [master, backup, attacker] = &world.nodes[..] else {
        panic!("three hosts")
    };
    attacker.run(&["ip", "route", "add", "224.0.0.0/4", "dev", "eth0"]);
    backup.start(Ours, &config(100));
    wait_until("the backup is up", secs(5), || backup.vrrp_pid().is_some());
    master.start(Ours, &config(200));
    wait_until("the master has spoken", secs(15), || {
        sealed_since(&world, 0, 0).len() > 3 && world.holders(VIP) == [0]
    });
    master.kill_all();
    master.run(&["ip", "link", "set", "eth0", "down"]);
    let captured = sealed_since(&world, 0, 0);
    assert!(captured.iter().all(|advert| advert.priority == 200));

    let replay = || {
        captured
            .iter()
            .for_each(|advert| send_packet(attacker, &advert.packet))
    };
    let start = std::time::Instant::now();
    while !backup.holds(VIP) {
        assert!(
            start.elapsed() < secs(6),
            "replayed adverts keep a backup from its office"
        );
        replay();
        std::thread::sleep(millis(100));
    }
    let before = statistics(backup);
    for _ in 0..10 {
        replay();
        std::thread::sleep(millis(100));
        assert!(backup.holds(VIP), "replayed adverts dethrone a master");
    }
    let counted = |text: &str| counter(text, "Authentication Errors", "Replay");
    let expected = counted(&before).map(|count| count + 10 * captured.len() as u64);
    wait_until("each is counted", secs(3), || {
        counted(&statistics(backup)) == expected
    });
    assert!(backup.log().contains("a replay?"), "{}", backup.log());
}

/// A VRRP process that replaces a dead one goes on numbering where that one ended: peers would drop what is numbered from 1.
fn ah_counter() {
    let world = World::two();
    let [node, peer] = &world.nodes[..] else {
        panic!("two hosts")
    };
    node.start(Ours, &config(200));
    peer.start(Ours, &config(100));
    wait_until("the better host has spoken", secs(15), || {
        sealed_since(&world, 0, 0).len() > 3
    });
    let (mark, before) = (
        world.capture.mark(),
        sealed_since(&world, 0, 0).pop().expect("adverts").sequence,
    );
    let process = node.vrrp_pid().expect("a VRRP process");
    nix::sys::signal::kill(process, Signal::SIGKILL).expect("killing it");
    wait_until("the next process has spoken", secs(5), || {
        sealed_since(&world, mark, 0).len() > 2
    });
    let numbers: Vec<u32> = sealed_since(&world, mark, 0)
        .iter()
        .map(|advert| advert.sequence)
        .collect();
    assert!(
        numbers.first() == Some(&(before + 1)) && numbers.is_sorted_by(|a, b| a + 1 == *b),
        "{numbers:?} after {before}"
    );
    assert!(sealed_since(&world, 0, 1).is_empty(), "no takeover");
}
