//! Mails that wait: for a server that is dead, silent or slow, which delays no advert, or for its name; while the process that would send
//! them is killed, or a reload names another server.

use std::time::Duration;

use crate::checkers::servers::AIOSMTPD;
use crate::mail::post::{
    RETRY_BOUND, Server, VIP, VRID, alone, elected, globals, is_master, lock, mails, subjects,
    subjects_for, wait_subjects,
};
use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::CONFIG;
use crate::support::stage::{Case, program_case};
use crate::support::world::World;
use crate::support::{millis, secs, wait_until};
use nix::sys::signal::{Signal, kill};

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    let case = |name, body: fn()| program_case(name, AIOSMTPD, body);
    vec![
        case("mail_kept::a_dead_server_costs_nothing", || away(None)),
        case("mail_kept::a_silent_server_costs_nothing", || {
            away(Some("silent"))
        }),
        case("mail_kept::a_slow_server_costs_nothing", || {
            away(Some("drip"));
        }),
        case("mail_kept::names_are_looked_up_aside", names),
        case("mail_kept::outlives_the_process_that_sends_it", runner_dies),
        case("mail_kept::what_waits_goes_to_the_new_server", redirected),
    ]
}

/// The process that sends mail is killed while mails wait for a server, and again while one recipient has to wait: nothing is lost,
/// and nobody gets anything twice.
fn runner_dies() {
    let world = alone();
    let node = &world.nodes[0];
    let globals = globals("").replace("one@example.org", "later@example.org");
    node.start(Ours, &lock(&globals));
    is_master(node);
    let kill_runner = || {
        let first = crate::scripts::runner(node).expect("a process that sends mail");
        kill(first, Signal::SIGKILL).expect("it lives");
        wait_until("another takes its place", secs(10), || {
            crate::scripts::runner(node).is_some_and(|now| now != first)
        });
    };
    let away = || node.log().matches("SMTP server [127.0.0.1]:25: ").count();
    wait_until("there is no server", secs(10), || away() == 1);
    kill_runner();
    wait_until("the next one asked it, too", secs(10), || away() == 2);
    let _server = Server::start(node, &["ready"]);
    let of = |recipient| subjects_for(node, recipient);
    let expected = elected();
    wait_until("one has both", RETRY_BOUND, || {
        of("two@example.org") == expected
    });
    // The other is asked again after some seconds: at once by the process that is new.
    kill_runner();
    wait_until("and so has the other", RETRY_BOUND, || {
        of("later@example.org") == expected
    });
    node.signal(Signal::SIGUSR1);
    wait_until("the data file is written", secs(10), || {
        node.read("/tmp/keepalived.data")
            .contains("Smtp alerts waiting = 0")
    });
    assert_eq!(of("two@example.org"), expected);
    node.stop();
}

/// A server that is not there keeps mails waiting; a reload names another, which gets them, though nothing else happens.
fn redirected() {
    let world = alone();
    let node = &world.nodes[0];
    let _server = Server::start(node, &["ready"]);
    let config = |port: &str| lock(&globals("").replace("127.0.0.1", port));
    node.start(Ours, &config("127.0.0.1 26"));
    is_master(node);
    node.wait_log("SMTP server [127.0.0.1]:26: ", secs(10));
    node.write(CONFIG, &config("127.0.0.1"));
    node.signal(Signal::SIGHUP);
    let expected = elected();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    wait_subjects(node, RETRY_BOUND, &expected);
    node.stop();
}

/// For a while there is no server, or one that does not help: adverts leave as ever. Then there is one, and gets all mails in order.
fn away(how: Option<&str>) {
    const INTERVAL: Duration = millis(500);
    const SPAN: Duration = secs(8);
    let world = World::two();
    let node = &world.nodes[0];
    let useless = how.map(|how| Server::start(node, &[how]));
    let config = |priority, alert| {
        let lock = instance("LOCK", VRID, priority, alert, &[VIP]);
        let lock = lock.replace("advert_int 1", "advert_int 0.5\n version 3");
        let flapping = instance("FLAP", 86, 100, alert, &["10.85.2.2"]).replace("eth0", "flap0");
        format!(
            "{}{lock}{}",
            globals("").replace("timeout 5", "timeout 2"),
            if priority > 90 {
                flapping
            } else {
                String::new()
            }
        )
    };
    node.run(&[
        "ip", "link", "add", "flap0", "type", "veth", "peer", "name", "flap1",
    ]);
    node.run(&["ip", "addr", "add", "10.87.0.1/24", "dev", "flap0"]);
    node.run(&["ip", "link", "set", "flap1", "up"]);
    node.start(Ours, &config(100, "smtp_alert"));
    world.nodes[1].start(Ours, &config(90, ""));
    is_master(node);
    let mark = world.capture.mark();
    let begin = world.capture.clock();
    let mut flaps = 0;
    while world.capture.clock() - begin < SPAN {
        for state in ["up", "down"] {
            node.run(&["ip", "link", "set", "flap0", state]);
            flaps += 1;
            std::thread::sleep(millis(300));
        }
    }
    let times: Vec<Duration> = world
        .capture
        .adverts_since(mark)
        .iter()
        .filter(|advert| advert.node == 0 && advert.vrid == VRID)
        .map(|advert| advert.at)
        .collect();
    let expected = u32::try_from(SPAN.as_millis() / INTERVAL.as_millis()).expect("few");
    assert!(
        times.len() as u32 + 2 >= expected,
        "{} adverts of {expected}",
        times.len()
    );
    let longest = times
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .max()
        .expect("adverts");
    // Whoever listens would take over after three intervals and a bit.
    assert!(longest < INTERVAL * 3, "{longest:?} without an advert");
    assert_eq!(world.holders(VIP), [0]);
    assert!(mails(node).is_empty());
    node.wait_log("SMTP server [127.0.0.1]:25: ", secs(10));
    if useless.is_some() {
        assert!(!node.read("/run/connections").is_empty(), "it was asked");
    }
    drop(useless);
    let _server = Server::start(node, &["ready"]);
    wait_until("the mails arrive", RETRY_BOUND * 2, || {
        subjects(node).len() >= 2 + flaps / 2
    });
    let of_lock: Vec<String> = subjects(node)
        .into_iter()
        .filter(|subject| subject.contains("LOCK"))
        .collect();
    assert_eq!(of_lock, elected());
    let of_flap: Vec<String> = subjects(node)
        .into_iter()
        .filter(|subject| subject.contains("FLAP"))
        .collect();
    for pair in of_flap.windows(2) {
        assert_ne!(pair[0], pair[1], "in order, and no state twice");
    }
    node.stop();
}

/// A name from a file is found; while a name server is silent, scripts are run and ended as ever.
fn names() {
    let world = alone();
    let node = &world.nodes[0];
    let _server = Server::start(node, &["ready"]);
    node.cover(
        "/etc/hosts",
        "127.0.0.1 localhost\n127.0.0.1 mail.example.org\n",
    );
    let config = |name: &str| {
        let hang =
            "vrrp_script hang {\n script \"sleep 4713\"\n interval 1\n timeout 1\n weight 1\n}\n";
        let head = "smtp_alert\n track_script {\n hang\n }";
        format!(
            "{}{hang}{}",
            globals("").replace("127.0.0.1", name),
            instance("LOCK", VRID, 100, head, &[VIP])
        )
    };
    // Nobody answers there.
    node.cover("/etc/resolv.conf", "nameserver 10.10.0.99\n");
    node.cover("/etc/nsswitch.conf", "hosts: files dns\n");
    node.start(Ours, &config("nowhere.example.org"));
    is_master(node);
    let timeouts = || node.log().matches("timed out").count();
    wait_until("scripts are ended meanwhile", secs(20), || timeouts() >= 1);
    assert!(
        !node.log().contains("SMTP server"),
        "it is still being looked up: {}",
        node.log()
    );
    node.wait_log("SMTP server [nowhere.example.org]:25: its name", secs(40));
    node.write(CONFIG, &config("mail.example.org"));
    node.signal(Signal::SIGHUP);
    node.wait_log("Reload complete", secs(10));
    node.run(&["ip", "link", "set", "eth0", "down"]);
    wait_until("another server is asked", RETRY_BOUND, || {
        subjects(node)
            .iter()
            .any(|subject| subject.contains("FAULT"))
    });
    node.stop();
}
