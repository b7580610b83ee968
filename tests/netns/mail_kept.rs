//! Mails that wait: for a server that is away, while the process that would send them is killed, or a reload names another server.

use crate::checkers::servers::AIOSMTPD;
use crate::mail::{
    RETRY_BOUND, Server, VIP, VRID, alone, globals, is_master, mails, text, wait_subjects,
};
use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::CONFIG;
use crate::support::stage::{Case, program_case};
use crate::support::{secs, wait_until};
use nix::sys::signal::{Signal, kill};

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    let case = |name, body: fn()| program_case(name, AIOSMTPD, body);
    vec![
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
    node.start(
        Ours,
        &format!(
            "{globals}{}",
            instance("LOCK", VRID, 100, "smtp_alert", &[VIP])
        ),
    );
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
    let of = |recipient: &str| {
        let all = mails(node);
        let his = all.iter().filter(|mail| {
            let to = mail["recipients"].as_array();
            to.is_some_and(|to| to.iter().any(|to| to == recipient))
        });
        his.map(|mail| text(mail, "Subject").to_owned())
            .collect::<Vec<_>>()
    };
    let expected = ["BACKUP", "MASTER"]
        .map(|state| format!("[RTR] VRRP Instance LOCK - Entering {state} state"));
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
    let config = |port: &str| {
        format!(
            "{}{}",
            globals("").replace("127.0.0.1", port),
            instance("LOCK", VRID, 100, "smtp_alert", &[VIP])
        )
    };
    node.start(Ours, &config("127.0.0.1 26"));
    is_master(node);
    node.wait_log("SMTP server [127.0.0.1]:26: ", secs(10));
    node.write(CONFIG, &config("127.0.0.1"));
    node.signal(Signal::SIGHUP);
    let expected = ["BACKUP", "MASTER"]
        .map(|state| format!("[RTR] VRRP Instance LOCK - Entering {state} state"));
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    wait_subjects(node, RETRY_BOUND, &expected);
    node.stop();
}
