//! Whom scripts run as, where their links lead, and that root runs nothing that others could change.

use std::fs;

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case, privileged_case};
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_until};
use nix::sys::signal::Signal;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        privileged_case("script_security::groups_as_asked_for", groups),
        case("script_security::links_are_followed_or_kept", links),
        privileged_case("script_security::root_runs_what_is_roots", roots_own),
    ]
}

/// All scripts are tracked, so that they are run.
fn config(globals: &str, scripts: &str) -> String {
    let names = scripts.lines().filter_map(|line| {
        let (_, rest) = line.split_once("vrrp_script ")?;
        rest.split_whitespace().next()
    });
    let tracked: Vec<String> = names.map(|name| format!("{name} weight 1\n")).collect();
    let head = format!("track_script {{\n{} }}", tracked.concat());
    format!(
        "global_defs {{\n{globals}\n}}\n{scripts}\n{}",
        instance("LOCK", 89, 100, &head, &["10.89.0.1"])
    )
}

/// A user with two groups more, who may write to a folder.
fn add_user(node: &Node) {
    for (file, line) in [
        ("passwd", "tester:x:4242:4242::/:/bin/sh\n"),
        (
            "group",
            "tester:x:4242:\nmore:x:4343:tester\nother:x:4444:\n",
        ),
    ] {
        let usual = node.read(&format!("/etc/{file}"));
        let inside = format!("/run/{file}");
        node.write(&inside, &format!("{usual}{line}"));
        node.run(&["chmod", "644", &inside]);
        node.run(&["mount", "--bind", &inside, &format!("/etc/{file}")]);
    }
    node.run(&["mkdir", "-m", "777", "/run/seen"]);
}

/// No group but the one of the account, unless a `:` or `set_supplementary_groups` asks for the others.
fn groups() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let users = ["tester", "tester other", "tester :", "tester :other"];
    let scripts: Vec<String> = users
        .iter()
        .enumerate()
        .map(|(number, user)| {
            format!("vrrp_script s{number} {{\n script \"id -G > /run/seen/{number}\"\n user {user}\n}}\n")
        })
        .collect();
    add_user(node);
    node.start(Ours, &config("", &scripts.concat()));
    let may_set =
        fs::read_to_string("/proc/self/setgroups").is_ok_and(|text| text.trim() == "allow");
    if !may_set {
        // An ordinary user's tests: nobody can become somebody else, which must not look like success.
        return node.wait_log("VRRP_Script(s0) failed (could not be started", secs(10));
    }
    see(node, ["4242", "4444", "4242 4343", "4444 4343"]);
    node.stop();
    fs::remove_dir_all(node.path("/run/seen")).expect("what was seen");
    node.run(&["mkdir", "-m", "777", "/run/seen"]);
    node.start(Ours, &config("set_supplementary_groups", &scripts.concat()));
    see(node, ["4242 4343", "4444 4343", "4242 4343", "4444 4343"]);
}

#[track_caller]
fn see(node: &Node, groups: [&str; 4]) {
    for (number, groups) in groups.iter().enumerate() {
        wait_until(&format!("script {number} has {groups}"), secs(10), || {
            let seen = node.read(&format!("/run/seen/{number}"));
            let mut seen: Vec<&str> = seen.split_whitespace().collect();
            // `id` tells the effective group first, and the rest in order.
            seen.dedup();
            seen.join(" ") == *groups
        });
    }
}

/// What was judged is what runs; `use_symlink_paths` has the path used as it was written.
fn links() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    for real in ["one", "two"] {
        let script =
            format!("#!/bin/sh\necho {real} $0 > /run/seen.new\nmv /run/seen.new /run/seen\n");
        node.write_script(&format!("/etc/keepalived/{real}"), &script);
    }
    let link = |to: &str| node.run(&["ln", "-sfn", to, "/etc/keepalived/link"]);
    link("/etc/keepalived/one");
    let script = "vrrp_script s {\n script /etc/keepalived/link\n}";
    let sees = |text: &str| {
        wait_until(text, secs(10), || {
            node.read("/run/seen") == format!("{text}\n")
        });
    };
    node.start(Ours, &config("", script));
    sees("one /etc/keepalived/one");
    link("/etc/keepalived/two");
    node.signal(Signal::SIGHUP);
    sees("two /etc/keepalived/two");
    node.write(CONFIG, &config("use_symlink_paths", script));
    node.signal(Signal::SIGHUP);
    sees("two /etc/keepalived/link");
    link("/etc/keepalived/one");
    sees("one /etc/keepalived/link");
}

/// Of each part of a path and of a link it is said what to do, and it is not run; others run what they like.
fn roots_own() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    if fs::metadata(node.path("/"))
        .is_ok_and(|root| std::os::unix::fs::MetadataExt::uid(&root) != 0)
    {
        return eprintln!("not run: here / is not root's");
    }
    add_user(node);
    node.run(&["mkdir", "-p", "-m", "755", "/run/open/deep", "/run/safe"]);
    node.run(&["mkdir", "-m", "1777", "/run/sticky"]);
    for place in ["/run/open/deep", "/run/safe", "/run/sticky"] {
        node.write_script(&format!("{place}/s"), "#!/bin/sh\ntouch /run/seen/$1\n");
        node.run(&["chmod", "755", place]);
    }
    node.run(&["chmod", "1777", "/run/sticky"]);
    node.run(&["chmod", "777", "/run/open"]);
    node.run(&["ln", "-s", "/run/safe/s", "/run/open/link"]);
    node.run(&["cp", "-p", "/run/safe/s", "/run/safe/others"]);
    node.run(&["chown", "4242", "/run/safe/others"]);
    let script = |name: &str, path: &str, user: &str| {
        format!("vrrp_script {name} {{\n script \"{path} {name}\"\n user {user}\n}}\n")
    };
    let scripts = [
        script("deep", "/run/open/deep/s", "root"),
        script("linked", "/run/open/link", "root"),
        script("foreign", "/run/safe/others", "root"),
        script("users", "/run/safe/others", "tester"),
        script("sound", "/run/safe/s", "root"),
        script("sticky", "/run/sticky/s", "root"),
    ];
    let config = config(
        "enable_script_security\nscript_user root",
        &scripts.concat(),
    );
    node.start(Ours, &config);
    wait_until("those that may run do", secs(10), || {
        ["users", "sound", "sticky"]
            .iter()
            .all(|name| node.path(&format!("/run/seen/{name}")).exists())
    });
    let log = node.log();
    for (component, reason, remedy) in [
        (
            "/run/open",
            "is writable by everybody",
            "chmod o-w /run/open",
        ),
        (
            "/run/safe/others",
            "is not owned by root",
            "chown -h root /run/safe/others",
        ),
    ] {
        assert!(
            log.contains(&format!("is insecure: {component} {reason}")) && log.contains(remedy),
            "{component}: {log}"
        );
    }
    for name in ["deep", "linked", "foreign"] {
        assert!(
            !node.path(&format!("/run/seen/{name}")).exists(),
            "{name} ran"
        );
    }
}
