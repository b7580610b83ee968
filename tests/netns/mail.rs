//! Mail about what happens, with a real mail server (`post`) on the other end: what arrives, for whom and in which order.

#[path = "mail/post.rs"]
pub mod post;

use std::collections::BTreeMap;

use crate::checkers::servers::AIOSMTPD;
use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::CONFIG;
use crate::support::stage::{Case, peer_case, program_case};
use crate::support::{Binary, secs, wait_until};
use nix::sys::signal::Signal;
use post::{
    RETRY_BOUND, Server, VIP, VRID, alone, elected, globals, is_master, lock, mails, subjects,
    subjects_for, text, wait_subjects,
};
use serde_json::Value;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    let case = |name, body: fn()| program_case(name, AIOSMTPD, body);
    vec![
        peer_case("mail::a_server_hears_what_keepalived_tells_it", || {
            if !std::path::Path::new(AIOSMTPD).exists() {
                panic!("no {AIOSMTPD} here: tests/needs.sh says how to get it");
            }
            as_the_peer();
        }),
        case("mail::what_arrives", what_arrives),
        case("mail::refused_now_and_refused_for_good", refused),
        case("mail::faults_and_defaults", faults_and_defaults),
        case("mail::servers_and_services", servers),
    ]
}

/// A takeover, a fault, another takeover: what each instance and group has mailed.
fn life(binary: Binary) -> BTreeMap<String, Vec<[String; 5]>> {
    let world = alone();
    let node = &world.nodes[0];
    let _server = Server::start(node, &["ready"]);
    let members = [
        ("ONE", 86, "smtp_alert"),
        ("TWO", 87, "smtp_alert on"),
        ("QUIET", 88, ""),
    ];
    let instances = members
        .iter()
        .map(|(name, vrid, head)| instance(name, *vrid, 100, head, &[&format!("10.85.2.{vrid}")]));
    let group = "vrrp_sync_group BOTH {\n group {\n ONE\n TWO\n }\n smtp_alert\n}\n";
    node.start(
        binary,
        &format!("{}{group}{}", globals(""), instances.collect::<String>()),
    );
    let count = |expected: usize| {
        wait_until(&format!("{expected} mails"), secs(30), || {
            mails(node).len() >= expected
        });
    };
    count(6);
    node.run(&["ip", "link", "set", "eth0", "down"]);
    count(9);
    node.run(&["ip", "link", "set", "eth0", "up"]);
    count(15);
    let mut told: BTreeMap<String, Vec<[String; 5]>> = BTreeMap::new();
    for mail in mails(node) {
        let subject = text(&mail, "Subject").to_owned();
        let (owner, state) = subject.split_once(" - ").expect("a state");
        assert_eq!(mail["defects"], Value::Array(Vec::new()), "{mail}");
        assert_eq!(text(&mail, "X-Mailer"), "Keepalived");
        let said = ["body", "From", "To", "sender"].map(|name| text(&mail, name).to_owned());
        let [body, from, to, sender] = said;
        assert_eq!(
            (from, mail["recipients"].as_array().map(Vec::len)),
            (sender, Some(2))
        );
        let date = text(&mail, "Date")
            .rsplit(' ')
            .next()
            .unwrap_or_default()
            .to_owned();
        told.entry(owner.to_owned()).or_default().push([
            state.to_owned(),
            body,
            to,
            date,
            owner.to_owned(),
        ]);
    }
    told
}

fn as_the_peer() {
    let (ours, peers) = (life(Ours), life(Binary::Peer));
    assert_eq!(ours, peers);
    assert_eq!(ours.len(), 3, "two instances and a group: {ours:?}");
}

/// All of a life, up to its end; nothing in a name does harm.
fn what_arrives() {
    let world = alone();
    let node = &world.nodes[0];
    let _server = Server::start(node, &["ready"]);
    let globals = "global_defs {\n router_id \"Zürich 1\"\n smtp_server 127.0.0.1 25\n smtp_helo_name lb1.example.org\n\
         notification_email_from \"Balancer <lb@example.org>\"\n\
         notification_email {\n \"Jörg Müller <joerg@example.org>\"\n ops@example.org\n }\n}\n";
    let long =
        "A_NAME_THAT_IS_SO_LONG_THAT_NO_LINE_OF_A_MAIL_HAS_ROOM_FOR_ALL_OF_IT_AND_ITS_PREFIX";
    node.start(
        Ours,
        &format!(
            "{globals}{}",
            instance(long, VRID, 100, "smtp_alert", &[VIP])
        ),
    );
    is_master(node);
    node.run(&["ip", "link", "set", "eth0", "down"]);
    node.wait_log("Entering FAULT STATE", secs(10));
    node.run(&["ip", "link", "set", "eth0", "up"]);
    is_master(node);
    // An address that comes back is no state of its own, and the end is told although the daemon does not wait for it.
    node.stop();
    let about = |what| format!("[Zürich 1] VRRP Instance {long} - {what}");
    let expected = [
        "Entering BACKUP state",
        "Entering MASTER state",
        "Entering FAULT state",
        "Entering BACKUP state",
        "Entering MASTER state",
        "Stopping",
    ]
    .map(about);
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    wait_subjects(node, secs(20), &expected);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    let mut ids = Vec::new();
    for mail in mails(node) {
        assert_eq!(mail["defects"], Value::Array(Vec::new()), "{mail}");
        assert_eq!(text(&mail, "From"), "Balancer <lb@example.org>");
        assert_eq!(
            text(&mail, "To"),
            "Jörg Müller <joerg@example.org>, ops@example.org"
        );
        assert_eq!(text(&mail, "sender"), "lb@example.org");
        assert_eq!(
            mail["recipients"],
            serde_json::json!(["joerg@example.org", "ops@example.org"])
        );
        assert_eq!(text(&mail, "helo"), "EHLO lb1.example.org");
        let age = now.as_secs_f64() - mail["seconds"].as_f64().expect("a date");
        assert!((0.0..100.0).contains(&age), "{age} seconds old: {mail}");
        for line in text(&mail, "raw").split("\r\n") {
            assert!(line.len() <= 78, "RFC 5322 section 2.1.1: {line}");
        }
        ids.push(text(&mail, "Message-ID").to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), expected.len(), "each has a name of its own");
    assert!(
        node.log().contains("SMTP alert successfully sent."),
        "{}",
        node.log()
    );
    wait_until("the runner has ended", secs(15), || {
        // The mail server is there still.
        node.processes().len() == 1
    });
}

/// One recipient is not known, one is to be asked again, and so is the first message: the third has lost nothing, and all is in order.
fn refused() {
    let world = alone();
    let node = &world.nodes[0];
    let _server = Server::start(node, &["ready", "once"]);
    let globals = globals("")
        .replace("one@", "never@")
        .replace("two@example.org", "later@example.org\n good@example.org");
    node.start(Ours, &lock(&globals));
    is_master(node);
    let of = |recipient| subjects_for(node, recipient);
    let expected = elected();
    for recipient in ["good@example.org", "later@example.org"] {
        wait_until("both mails", RETRY_BOUND, || of(recipient).len() >= 2);
        assert_eq!(of(recipient), expected, "{recipient}");
    }
    let log = node.log();
    for said in [
        "was refused for never@example.org: 550 5.1.1 nobody of that name",
        "has to wait for good@example.org, and is tried again: 452 4.3.1",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
    node.signal(Signal::SIGUSR1);
    let data = || node.read("/tmp/keepalived.data");
    wait_until("the data file is written", secs(10), || {
        data().contains("Smtp alerts lost = 2")
    });
    for line in [
        "Smtp server = 127.0.0.1",
        "Smtp server connection timeout = 5",
        "Email notification from = lb@example.org",
        "Email notification = never@example.org",
        "Smtp alert = on",
    ] {
        assert!(data().contains(line), "{line}: {}", data());
    }
    node.stop();
}

/// Who does not say follows `smtp_alert_vrrp`; without mails about FAULT the state before it and after it is one; a reload turns all off.
fn faults_and_defaults() {
    let world = alone();
    let node = &world.nodes[0];
    let _server = Server::start(node, &["ready"]);
    let quiet = instance("QUIET", 86, 100, "smtp_alert off", &["10.85.2.2"]);
    let config = |on| {
        format!(
            "{}{quiet}{}",
            globals(&format!(" smtp_alert_vrrp {on}\n no_email_faults")),
            instance("LOCK", VRID, 100, "", &[VIP])
        )
    };
    node.start(Ours, &config("on"));
    let about = |state| format!("[RTR] VRRP Instance LOCK - {state}");
    let expected = [
        about("Entering BACKUP state"),
        about("Entering MASTER state"),
        about("Entering BACKUP state"),
        about("Entering MASTER state"),
        about("Stopping"),
    ];
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    wait_subjects(node, secs(20), &expected[..2]);
    node.run(&["ip", "link", "set", "eth0", "down"]);
    node.wait_log("(LOCK) Entering FAULT STATE", secs(10));
    node.run(&["ip", "link", "set", "eth0", "up"]);
    wait_subjects(node, secs(20), &expected[..4]);
    node.write(CONFIG, &config("off"));
    node.signal(Signal::SIGHUP);
    node.wait_log("Reload complete", secs(10));
    let faults = || node.log().matches("(LOCK) Entering FAULT STATE").count();
    node.run(&["ip", "link", "set", "eth0", "down"]);
    wait_until("another fault", secs(10), || faults() == 2);
    node.run(&["ip", "link", "set", "eth0", "up"]);
    is_master(node);
    node.write(CONFIG, &config("on"));
    node.signal(Signal::SIGHUP);
    wait_until("another reload", secs(10), || {
        node.log().matches("Reload complete").count() == 2
    });
    node.stop();
    wait_subjects(node, secs(20), &expected);
}

/// A real server that is there (the mail server itself), one that is not, and their service, up to the end.
fn servers() {
    let world = alone();
    let node = &world.nodes[0];
    let _server = Server::start(node, &["ready"]);
    let real_server = |number: u8, port: u16, more: &str| {
        format!(
            "real_server 10.12.0.{number} 80 {{\n{more}\n TCP_CHECK {{\n connect_ip 127.0.0.1\n connect_port {port}\n retry 0\n }}\n }}\n"
        )
    };
    let service = format!(
        "virtual_server 10.11.0.1 80 {{\n protocol TCP\n lb_algo rr\n lb_kind NAT\n alpha\n omega\n warmup 0\n delay_loop 1\n smtp_alert\n{}{}{}}}\n",
        real_server(1, 25, ""),
        real_server(2, 81, ""),
        real_server(3, 81, " smtp_alert off"),
    );
    node.start(Ours, &format!("{}{service}", globals("")));
    let name = |number: u8| {
        format!("Realserver [10.12.0.{number}]:tcp:80 of virtual server [10.11.0.1]:tcp:80")
    };
    let virtual_server = "Virtualserver [10.11.0.1]:tcp:80";
    let up = [
        format!("[RTR] {} - UP", name(1)),
        format!("[RTR] {virtual_server} - UP"),
    ];
    let down = format!("[RTR] {} - DOWN", name(2));
    let has = |subject: &String| subjects(node).contains(subject);
    wait_until("servers are mailed about", secs(20), || {
        up.iter().all(has) && has(&down)
    });
    let bodies = || -> BTreeMap<String, String> {
        let all = mails(node);
        all.iter()
            .map(|mail| {
                (
                    text(mail, "Subject").to_owned(),
                    text(mail, "body").trim().to_owned(),
                )
            })
            .collect()
    };
    let said = bodies();
    assert_eq!(said[&up[0]], "=> TCP CHECK succeed on service <=");
    assert_eq!(said[&up[1]], "=> Gained quorum 1+0=1 <= 1 <=");
    assert!(
        said[&down].starts_with("=> TCP CHECK failed on service"),
        "{said:?}"
    );
    node.stop();
    let end = format!("[RTR] {virtual_server} - DOWN");
    wait_until("the end is mailed", secs(15), || has(&end));
    assert_eq!(bodies()[&end], "=> Shutting down <=");
    assert!(
        !subjects(node)
            .iter()
            .any(|subject| subject.contains("10.12.0.3")),
        "{:?}",
        subjects(node)
    );
}
