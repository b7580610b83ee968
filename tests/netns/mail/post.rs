//! A real mail server (Python's aiosmtpd) on a host, what it took, and a daemon that mails by it.

use std::process::Child;
use std::time::Duration;

use crate::support::config::instance;
use crate::support::node::Node;
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_until};
use serde_json::Value;

pub const VIP: &str = "10.85.2.1";
pub const VRID: u8 = 85;
/// A mail that was refused for now, or whose server was away, is sent within this.
pub const RETRY_BOUND: Duration = secs(30);

/// Ends with its host.
pub struct Server(Child);

impl Server {
    pub fn start(node: &Node, how: &[&str]) -> Server {
        node.write("/run/mail/server.py", include_str!("server.py"));
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

pub fn subjects(node: &Node) -> Vec<String> {
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

/// These globals, and an instance that mails.
pub fn lock(globals: &str) -> String {
    let instance = instance("LOCK", VRID, 100, "smtp_alert", &[VIP]);
    format!("{globals}{instance}")
}

/// What that instance mails of its election.
pub fn elected() -> [String; 2] {
    ["BACKUP", "MASTER"].map(|state| format!("[RTR] VRRP Instance LOCK - Entering {state} state"))
}

/// The subjects of what one recipient got, in order.
pub fn subjects_for(node: &Node, recipient: &str) -> Vec<String> {
    let all = mails(node);
    let his = all.iter().filter(|mail| {
        let to = mail["recipients"].as_array();
        to.is_some_and(|to| to.iter().any(|to| to == recipient))
    });
    his.map(|mail| text(mail, "Subject").to_owned()).collect()
}

pub fn alone() -> World {
    World::new(&[HostSpec::numbered(1)])
}

pub fn is_master(node: &Node) {
    wait_until("the host is master", election_bound(), || node.holds(VIP));
}
