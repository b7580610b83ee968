//! What stands in the kernel while MASTER, and after the stop: our daemon and the distribution's keepalived on hosts that are alike
//! and cannot hear each other, and what iproute2 shows of them. Not here: the configurations.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Binary::{Ours, Peer};
use super::node::Node;
use super::world::{HostSpec, World, ip_batch};
use super::{secs, wait_until};

const VIP: &str = "10.74.0.1";
/// Both are master at once; a busy machine may take this long.
const BOUND: Duration = secs(60);

/// What an instance holds besides its address, and what the host has whatever the instance does.
pub struct Held {
    /// Of the case.
    pub name: &'static str,
    /// Statements of the instance.
    pub instance: &'static str,
    /// Blocks beside it.
    pub beside: &'static str,
    /// What the hosts have besides: commands of iproute2, one a line, without the word `ip`.
    pub commands: &'static str,
}

/// A case of what an instance holds.
pub const fn held(name: &'static str, instance: &'static str) -> Held {
    Held {
        name,
        instance,
        beside: "",
        commands: "",
    }
}

/// A case of what stands beside the instance.
pub const fn fixed(name: &'static str, beside: &'static str) -> Held {
    Held {
        name,
        instance: "",
        beside,
        commands: "",
    }
}

/// Runs both; panics with the difference when they leave different things in the kernel.
#[track_caller]
pub fn compare(held: &Held) {
    beside(
        held,
        |theirs, config| {
            theirs.start(Peer, config);
            wait_until("theirs is master", BOUND, || theirs.holds(VIP));
        },
        Node::stop,
    );
}

/// The same for what the distribution's keepalived is too old for or makes wrong: the witness is iproute2 with these commands, one a
/// line, without the word `ip`.
#[track_caller]
pub fn compare_with_commands(held: &Held, commands: &str) {
    beside(
        held,
        |theirs, _| {
            theirs.write(
                "/tmp/commands",
                &format!("addr add {VIP}/32 dev eth0\n{commands}\n"),
            );
            theirs.run(&["ip", "-batch", "/tmp/commands"]);
        },
        |_| (),
    );
}

/// Runs our daemon on one host and does as told on another.
#[track_caller]
fn beside(held: &Held, theirs_begins: impl Fn(&Node, &str), theirs_ends: impl Fn(&Node)) {
    let spec = || HostSpec::numbered(1).with("eth1", 1, "10.11.0");
    let world = World::new(&[spec(), spec()]);
    world.partition(true);
    for node in &world.nodes {
        let commands = format!("addr add fd00:10::1/64 dev eth0 nodad\n{}", held.commands);
        node.in_network(|| ip_batch(&commands));
    }
    let [ours, theirs] = [&world.nodes[0], &world.nodes[1]];
    wait_until("the hosts are alike", BOUND, || {
        state(ours) == state(theirs)
    });
    let before = state(ours);
    let config = format!(
        "{}\n{}",
        held.beside,
        super::config::instance(
            "QUAY",
            74,
            255,
            &format!("state MASTER\n{}", held.instance),
            &[VIP]
        )
    );
    theirs_begins(theirs, &config);
    ours.start(Ours, &config);
    wait_until("ours is master", BOUND, || ours.holds(VIP));
    alike("while master", ours, || state(theirs));
    let during = state(ours);
    let address = |line: &&String| {
        ![r#""local":"10.74.0.1""#, r#""dst":"10.74.0.1""#]
            .iter()
            .any(|own| line.contains(own))
            && !before.contains(line)
    };
    assert!(
        during.iter().any(|line| address(&line)),
        "nothing of the case is there: {during:#?}\n{}\n{}",
        ours.log(),
        theirs.log()
    );
    theirs_ends(theirs);
    ours.stop();
    alike("after the stop", ours, || before.clone());
}

/// Waits until our host is as it should be; panics with the difference and both logs when it never is.
#[track_caller]
fn alike(when: &str, ours: &Node, should: impl Fn() -> Vec<String>) {
    /// Nobody changes anything any more when it is so for this long.
    const CALM: Duration = Duration::from_millis(300);
    let (start, mut same) = (Instant::now(), None::<Instant>);
    loop {
        let (got, want) = (state(ours), should());
        if got == want {
            if same.get_or_insert_with(Instant::now).elapsed() > CALM {
                return;
            }
        } else {
            same = None;
            assert!(
                start.elapsed() < BOUND,
                "{when}: only ours {:#?}\nonly theirs {:#?}\n{}",
                got.iter()
                    .filter(|line| !want.contains(line))
                    .collect::<Vec<_>>(),
                want.iter()
                    .filter(|line| !got.contains(line))
                    .collect::<Vec<_>>(),
                ours.log()
            );
        }
        std::thread::sleep(CALM / 2);
    }
}

/// Addresses, routes and rules of a host, one a line, in the kernel's order where it means something.
fn state(node: &Node) -> Vec<String> {
    let mut lines = Vec::new();
    for family in ["-4", "-6"] {
        let text = node.in_network(|| shown(family));
        let mut answers = serde_json::Deserializer::from_str(&text).into_iter::<Vec<Value>>();
        let mut next = || answers.next().expect("an answer").expect("JSON from ip");
        for link in next() {
            let addresses = link["addr_info"].as_array().into_iter().flatten();
            let of_link: Vec<String> = addresses.map(|a| format!("addr {}", plain(a))).collect();
            lines.extend(of_link);
            lines.extend(made(&link));
        }
        for (kind, entries) in [("route", next()), ("rule", next())] {
            lines.extend(
                entries
                    .iter()
                    .map(|entry| format!("{kind} {}", plain(entry))),
            );
        }
    }
    // Two hosts with one hardware address may have found each other's link-local one before they were parted.
    lines.retain(|line| !line.contains("fe80::"));
    // The order of addresses and of routes to different places follows from the moment they came.
    lines.sort();
    lines
}

/// What iproute2 shows of one family in the network namespace of the caller: three lists. One program, as the guest starts them slowly.
fn shown(family: &str) -> String {
    let mut child = Command::new("ip")
        .args([family, "-j", "-d", "-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cannot run ip (iproute2)");
    let mut input = child.stdin.take().expect("piped");
    input
        .write_all(b"addr show\nroute show table all\nrule show\n")
        .expect("writing to ip");
    drop(input);
    let output = child.wait_with_output().expect("waiting for ip");
    String::from_utf8(output.stdout).expect("JSON is UTF-8")
}

/// A link that was made upon another, as far as two hosts can have it in common.
fn made(link: &Value) -> Option<String> {
    let kind = link["linkinfo"]["info_kind"].as_str()?;
    let fields = [
        "ifname",
        "link",
        "address",
        "mtu",
        "group",
        "flags",
        "inet6_addr_gen_mode",
    ];
    let fields = fields.map(|field| format!("{field} {}", link[field]));
    let mode = &link["linkinfo"]["info_data"]["mode"];
    matches!(kind, "macvlan" | "ipvlan").then(|| format!("link {} {kind} {mode}", fields.join(" ")))
}

/// Without what ticks and what two hosts can never have in common.
fn plain(value: &Value) -> String {
    let mut value = value.clone();
    if let Some(fields) = value.as_object_mut() {
        for ticking in ["valid_life_time", "preferred_life_time", "expires", "cache"] {
            fields.remove(ticking);
        }
    }
    value.to_string()
}
