//! Mail about what happens, with a real mail server (Python's aiosmtpd) on the other end: what arrives, for whom and in which order,
//! and that one that is dead, silent or slow delays no advert.

use std::collections::BTreeMap;
use std::process::Child;
use std::time::Duration;

use crate::checkers::servers::AIOSMTPD;
use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, peer_case, program_case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{Binary, millis, secs, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

pub const VIP: &str = "10.85.2.1";
pub const VRID: u8 = 85;
/// A mail that was refused for now, or whose server was away, is sent within this.
pub const RETRY_BOUND: Duration = secs(30);

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
        case("mail::a_dead_server_costs_nothing", || away(None)),
        case("mail::a_silent_server_costs_nothing", || {
            away(Some("silent"))
        }),
        case("mail::a_slow_server_costs_nothing", || away(Some("drip"))),
        case("mail::names_are_looked_up_aside", names),
    ]
}

/// Ends with its host.
pub struct Server(Child);

impl Server {
    pub fn start(node: &Node, how: &[&str]) -> Server {
        node.write("/run/mail/server.py", include_str!("mail/server.py"));
        let _ = std::fs::remove_file(node.path("/run/mail.ready"));
        let words = [&["/usr/bin/python3", "/run/mail/server.py"], how].concat();
        let server = Server(node.command(&words).spawn().expect("a mail server"));
        wait_until("the mail server listens", secs(30), || {
            node.path("/run/mail.ready").exists()
        });
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the server took, in order.
pub fn mails(node: &Node) -> Vec<Value> {
    let text = node.read("/run/mails");
    // The last line may be half written.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).expect("a mail"))
        .collect()
}

pub fn text<'a>(mail: &'a Value, name: &str) -> &'a str {
    let found = mail["headers"].get(name).unwrap_or(&mail[name]);
    found.as_str().unwrap_or_else(|| panic!("{name} of {mail}"))
}

fn subjects(node: &Node) -> Vec<String> {
    mails(node)
        .iter()
        .map(|mail| text(mail, "Subject").to_owned())
        .collect()
}

pub fn wait_subjects(node: &Node, bound: Duration, expected: &[&str]) {
    wait_until(&format!("mails {expected:?}"), bound, || {
        subjects(node).len() >= expected.len()
    });
    assert_eq!(subjects(node), expected);
}

pub fn globals(more: &str) -> String {
    format!(
        "global_defs {{\n router_id RTR\n smtp_server 127.0.0.1\n smtp_connect_timeout 5\n notification_email_from lb@example.org\n\
         notification_email {{\n one@example.org\n two@example.org\n }}\n{more}\n}}\n"
    )
}

pub fn alone() -> World {
    World::new(&[HostSpec::numbered(1)])
}

pub fn is_master(node: &Node) {
    wait_until("the host is master", election_bound(), || node.holds(VIP));
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
    node.start(
        Ours,
        &format!(
            "{globals}{}",
            instance("LOCK", VRID, 100, "smtp_alert", &[VIP])
        ),
    );
    is_master(node);
    let of = |recipient: &str| {
        let all = mails(node);
        let his = all.iter().filter(|mail| {
            mail["recipients"]
                .as_array()
                .is_some_and(|to| to.iter().any(|to| to == recipient))
        });
        his.map(|mail| text(mail, "Subject").to_owned())
            .collect::<Vec<_>>()
    };
    let expected = ["BACKUP", "MASTER"]
        .map(|state| format!("[RTR] VRRP Instance LOCK - Entering {state} state"));
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
    assert_eq!(
        of_lock,
        ["BACKUP", "MASTER"]
            .map(|state| format!("[RTR] VRRP Instance LOCK - Entering {state} state"))
    );
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
