//! Authentication of our daemon against whoever has heard the others but does not know the key: captured adverts are sent again.

use nix::sys::signal::Signal;

use crate::packets::{counter, statistics};
use crate::support::Binary::Ours;
use crate::support::auth::{SealedAdvert, ah, hmac, sealed_since, trailer, trailers_since};
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::wire::{election_bound, send_packet};
use crate::support::world::{HostSpec, World};
use crate::support::{millis, secs, stays, wait_until};

const VIP: &str = "10.93.0.1";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("auth::ah_replay", ah_replay),
        case("auth::ah_counter_outlives_the_process", ah_counter),
        case("auth::what_was_heard_outlives_the_process", crash_replay),
        case("auth::hmac_replay", hmac_replay),
        case("auth::hmac_modes", hmac_modes),
        case("auth::hmac_rotation", hmac_rotation),
        case("auth::hmac_key_files", hmac_key_files),
    ]
}

fn config(priority: u8) -> String {
    let head = format!("state BACKUP\n    {}", ah("s3cr3t"));
    instance("REPLAY", 93, priority, &head, &[VIP])
}

/// The backup takes over from a master that died, whatever is replayed meanwhile; how often that was.
#[track_caller]
fn takes_office(backup: &Node, replay: impl Fn()) -> u64 {
    let mut replayed = 0;
    wait_until(
        "replayed adverts do not keep a backup from its office",
        election_bound(),
        || {
            replay();
            replayed += 1;
            std::thread::sleep(millis(80));
            backup.holds(VIP)
        },
    );
    replayed
}

/// As `takes_office`, and no replay dethrones it afterwards; how often there was one.
#[track_caller]
pub fn takes_office_and_keeps_it(backup: &Node, replay: impl Fn()) -> u64 {
    const AFTERWARDS: u64 = 10;
    let replayed = takes_office(backup, &replay);
    for _ in 0..AFTERWARDS {
        replay();
        std::thread::sleep(millis(100));
        assert!(backup.holds(VIP), "replayed adverts dethrone a master");
    }
    replayed + AFTERWARDS
}

/// The first host rules by the authentication header beside the second, and dies; what it had sent. The third can send to groups.
fn a_master_dies(world: &World) -> Vec<SealedAdvert> {
    let [master, backup, attacker] = &world.nodes[..] else {
        panic!("three hosts")
    };
    attacker.run(&["ip", "route", "add", "224.0.0.0/4", "dev", "eth0"]);
    backup.start(Ours, &config(100));
    wait_until("the backup is up", secs(5), || backup.vrrp_pid().is_some());
    master.start(Ours, &config(200));
    wait_until("the master has spoken", secs(15), || {
        sealed_since(world, 0, 0).len() > 3 && world.holders(VIP) == [0]
    });
    master.kill_all();
    master.run(&["ip", "link", "set", "eth0", "down"]);
    let captured = sealed_since(world, 0, 0);
    assert!(captured.iter().all(|advert| advert.priority == 200));
    captured
}

/// What a master sent before it died, sent again by a third host, neither holds the backup back nor dethrones it, and is counted.
fn ah_replay() {
    let hosts = [1, 2, 3].map(HostSpec::numbered);
    let world = World::new(&hosts);
    let [_, backup, attacker] = &world.nodes[..] else {
        panic!("three hosts")
    };
    let captured = a_master_dies(&world);

    let replay = || {
        captured
            .iter()
            .for_each(|advert| send_packet(attacker, &advert.packet))
    };
    let replayed = takes_office_and_keeps_it(backup, replay);
    wait_until("each is counted", secs(3), || {
        let counted = counter(&statistics(backup), "Authentication Errors", "Replay");
        counted == Some(replayed * captured.len() as u64)
    });
    assert!(
        backup.log().contains("already processed"),
        "{}",
        backup.log()
    );
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
    let before = sealed_since(&world, 0, 0).len();
    let process = node.vrrp_pid().expect("a VRRP process");
    nix::sys::signal::kill(process, Signal::SIGKILL).expect("killing it");
    wait_until("the next process has spoken", secs(5), || {
        sealed_since(&world, 0, 0).len() > before + 2
    });
    let numbers: Vec<u32> = sealed_since(&world, 0, 0)
        .iter()
        .map(|advert| advert.sequence)
        .collect();
    assert!(numbers.is_sorted_by(|a, b| a + 1 == *b), "{numbers:?}");
    assert!(sealed_since(&world, 0, 1).is_empty(), "no takeover");
}

/// The VRRP process of a backup is killed while its master is gone: the next one knows what the first had heard.
fn crash_replay() {
    let hosts = [1, 2, 3].map(HostSpec::numbered);
    let world = World::new(&hosts);
    let [_, backup, attacker] = &world.nodes[..] else {
        panic!("three hosts")
    };
    let captured = a_master_dies(&world);
    let process = backup.vrrp_pid().expect("a VRRP process");
    nix::sys::signal::kill(process, Signal::SIGKILL).expect("killing it");
    wait_until("there is another process", secs(5), || {
        backup.vrrp_pid().is_some_and(|next| next != process)
    });
    // Until it listens, nothing is counted.
    wait_until("the first that it hears is refused", secs(5), || {
        captured
            .iter()
            .for_each(|advert| send_packet(attacker, &advert.packet));
        std::thread::sleep(millis(100));
        counter(&statistics(backup), "Authentication Errors", "Replay").is_some_and(|n| n > 0)
    });
    let received = counter(&statistics(backup), "Advertisements", "Received");
    assert_eq!(received, Some(0), "none was believed");
}

pub fn hmac_config(priority: u8, block: &str) -> String {
    let head = format!("state BACKUP\n    {block}");
    instance("SIGNED", 93, priority, &head, &[VIP])
}

/// A number of the statistics about signed adverts.
pub fn count(node: &Node, name: &str) -> u64 {
    let text = statistics(node);
    counter(&text, "Authentication Extension Errors", name).expect("a counter")
}

/// The packets of one host's signed adverts so far, from their IP headers on.
pub fn captured(world: &World, node: usize) -> Vec<Vec<u8>> {
    let frames = world.capture.frames().into_iter();
    frames
        .filter(|frame| frame.node == node && trailer(frame).is_some())
        .map(|frame| frame.bytes[14..].to_vec())
        .collect()
}

/// What a master signed before it died neither holds the backup back nor dethrones it: a copy at first, stale after the window.
fn hmac_replay() {
    let hosts = [1, 2, 3].map(HostSpec::numbered);
    let world = World::new(&hosts);
    let [master, backup, attacker] = &world.nodes[..] else {
        panic!("three hosts")
    };
    attacker.run(&["ip", "route", "add", "224.0.0.0/4", "dev", "eth0"]);
    let block = hmac("active_key 1\n        time_window 5");
    backup.start(Ours, &hmac_config(100, &block));
    wait_until("the backup is up", secs(5), || backup.vrrp_pid().is_some());
    master.start(Ours, &hmac_config(200, &block));
    wait_until("the master has spoken", secs(15), || {
        captured(&world, 0).len() > 3 && world.holders(VIP) == [0]
    });
    master.kill_all();
    master.run(&["ip", "link", "set", "eth0", "down"]);
    let packets = captured(&world, 0);
    let replay = || {
        packets
            .iter()
            .for_each(|packet| send_packet(attacker, packet))
    };
    takes_office(backup, replay);
    assert!(count(backup, "Replay") > 0, "copies are counted");
    // Now all are older than the window.
    std::thread::sleep(secs(3));
    let before = count(backup, "Stale");
    replay();
    wait_until("each is counted", secs(3), || {
        count(backup, "Stale") == before + packets.len() as u64
    });
    assert!(backup.holds(VIP), "replayed adverts dethrone a master");
}

/// A host that does not sign is heard by whoever is on the way, not by who enforces; one with a wrong key by nobody.
fn hmac_modes() {
    let wrong = hmac("active_key 1").replace("hex:00", "hex:ff");
    let receive_only = hmac("active_key 1\n        mode receive-only");
    for (mode, other, heard, counted) in [
        ("receive-only", "", true, "Missing"),
        ("permissive", &receive_only, true, "Missing"),
        ("enforce", &receive_only, false, "Missing"),
        ("receive-only", &wrong, false, "Invalid HMAC"),
        ("permissive", &wrong, false, "Invalid HMAC"),
        ("enforce", &wrong, false, "Invalid HMAC"),
    ] {
        let world = World::two();
        let [node, peer] = &world.nodes[..] else {
            panic!("two hosts")
        };
        let block = hmac(&format!("active_key 1\n        mode {mode}"));
        node.start(Ours, &hmac_config(100, &block));
        peer.start(Ours, &hmac_config(200, other));
        let holders = if heard { vec![1] } else { vec![0, 1] };
        let what = format!("{mode}: {holders:?}");
        let is_so = || world.holders(VIP) == holders;
        wait_until(&what, secs(15), is_so);
        stays(&what, secs(4), is_so);
        assert!(count(node, counted) > 1, "{mode}: {counted}");
    }
}

/// Another key, one reload after another: nobody takes over, and every advert is signed with one that the others have.
fn hmac_rotation() {
    let world = World::two();
    let [node, peer] = &world.nodes[..] else {
        panic!("two hosts")
    };
    let (second, third) = (hmac("active_key 1"), hmac("active_key 2"));
    let first = second.replace("key 2 ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", "");
    node.start(Ours, &hmac_config(200, &first));
    peer.start(Ours, &hmac_config(100, &first));
    wait_until("the better host rules", secs(15), || {
        world.holders(VIP) == [0]
    });
    // Until the second host has nothing more to say.
    std::thread::sleep(secs(1));
    let mark = world.capture.mark();
    for (priority, host, block) in [
        (100, peer, &second),
        (200, node, &second),
        (100, peer, &third),
        (200, node, &third),
    ] {
        host.write(CONFIG, &hmac_config(priority, block));
        let reloads = || host.log().matches("Reload complete").count();
        let before = reloads();
        host.signal(Signal::SIGHUP);
        wait_until("it has the new keys", secs(5), || reloads() > before);
        stays("nobody takes over", secs(2), || world.holders(VIP) == [0]);
    }
    stays("nobody takes over", secs(4), || world.holders(VIP) == [0]);
    assert_eq!(trailers_since(&world, mark, 1), [], "the backup was silent");
    let signed = trailers_since(&world, mark, 0);
    let keys: Vec<u8> = signed.iter().map(|(key, _)| *key).collect();
    assert!(
        keys.is_sorted() && keys.starts_with(&[1]) && keys.ends_with(&[2]),
        "{keys:?}"
    );
    for name in ["Unknown Key", "Invalid HMAC", "Replay", "Missing"] {
        assert_eq!(count(peer, name), 0, "{name}");
    }
}

/// A key in a file of its own, as systemd hands credentials over, and in the configuration; neither is in a log or a dump.
fn hmac_key_files() {
    const KEY: &str = "0f0e0d0c0b0a09080706050403020100f0e0d0c0b0a090807060504030201000";
    const FILE: &str = "/run/credentials/keepalived.service/vrrp";
    let world = World::two();
    let [node, peer] = &world.nodes[..] else {
        panic!("two hosts")
    };
    let block = |key: &str| format!("auth_hmac {{\n key 1 {key}\n active_key 1\n }}");
    let credential = block("file:${_ENV CREDENTIALS_DIRECTORY}/vrrp");
    let inline = block(&format!("hex:{KEY}"));
    node.write(FILE, &format!("hex:{KEY}\n"));
    node.write(CONFIG, &hmac_config(200, &credential));
    let systemd = [
        "env",
        "CREDENTIALS_DIRECTORY=/run/credentials/keepalived.service",
        Ours.inside(),
        "-f",
        CONFIG,
    ];
    let test = [&systemd[..], &["-t"]].concat();
    let (status, warned) = node.try_run(&test);
    assert_eq!(status.code(), Some(6), "others can read it: {warned}");
    assert!(
        warned.contains("can be read by its group or by others"),
        "{warned}"
    );
    node.run(&["chmod", "600", FILE]);
    node.run(&test);
    node.start_program(
        &[&systemd[..], &["-n", "-l", "-D"]].concat(),
        node.open_log(),
    );
    peer.start(Ours, &hmac_config(100, &inline));
    wait_until("the better host rules", secs(15), || {
        world.holders(VIP) == [0]
    });
    stays("both have the same key", secs(4), || {
        world.holders(VIP) == [0]
    });
    let dump = || peer.read("/tmp/keepalived.data");
    peer.signal(Signal::SIGUSR1);
    wait_until("a dump", secs(5), || dump().contains("HMAC-SHA256"));
    assert!(dump().contains("Key 1 = ********"), "{}", dump());

    // What is wrong with a key at a reload is said, with the file and the line, and without the key.
    let short = inline.replace(KEY, &KEY[2..]);
    peer.write(CONFIG, &hmac_config(100, &short));
    peer.signal(Signal::SIGHUP);
    peer.wait_log("auth_hmac key 1 has 31 bytes, not 32 to 64", secs(5));
    for text in [peer.log(), dump(), node.log(), warned] {
        assert!(!text.contains(&KEY[8..16]), "{text}");
    }
}
