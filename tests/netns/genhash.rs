//! genhash beside the original: the same output and status for the same page, and for servers that are not there.

use crate::checkers::servers::{self, NGINX};
use crate::checkers::{HERE, host};
use crate::support::Binary::Ours;
use crate::support::node::Node;
use crate::support::stage::{Case, program_case};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

/// Debian's.
const ORIGINAL: &str = "/usr/bin/genhash";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        program_case("genhash::digests_are_the_originals", ORIGINAL, digests),
        program_case(
            "genhash::everything_else_is_the_originals",
            ORIGINAL,
            output,
        ),
        program_case("genhash::by_its_name", NGINX, by_name),
        program_case("genhash::marks_what_it_sends", ORIGINAL, marks),
    ]
}

/// Status and output of both.
fn both(node: &Node, line: &str) -> [(Option<i32>, String); 2] {
    let words: Vec<&str> = line.split_whitespace().collect();
    let run = |program: &[&str]| {
        let (status, text) = node.try_run(&[program, &words].concat());
        (status.code(), text)
    };
    [run(&[ORIGINAL]), run(&[Ours.inside(), "-T"])]
}

fn digests() {
    let world = host();
    let node = &world.nodes[0];
    let _nginx = servers::nginx(node);
    assert!(Path::new(NGINX).exists(), "nginx is missing");
    let mut seen = Vec::new();
    for line in [
        format!("-s {HERE} -p 8080 -u /"),
        format!("-s {HERE} -p 8080 -u /nothing"),
        format!("-s {HERE} -p 8080 -u /host"),
        format!("-s {HERE} -p 8080 -u /host -V www.example"),
        format!("-s {HERE} -p 8080 -u / -P 1.0c"),
        format!("-s {HERE} -p 8080 -u /chunked -P 1.1"),
        format!("--server {HERE} --port=8443 --url /name --use-ssl"),
        format!("-S -I -V a.example -s {HERE} -p 8443 -u /name"),
        format!("-s {HERE} -p 8080 -u / -m 0 -t 3"),
    ] {
        let [original, ours] = both(node, &line);
        assert_eq!(ours, original, "{line}");
        assert_eq!(
            (ours.0, ours.1.trim().len()),
            (Some(0), 32),
            "{line}: {}",
            ours.1
        );
        seen.push(ours.1);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(
        seen.len(),
        7,
        "pages that differ have other digests: {seen:?}"
    );
}

fn output() {
    const ANSWER: &[u8] = b"HTTP/1.0 200 OK\r\nServer: test\r\nX: \xff\r\n\r\npage of\ntwo lines";
    let world = host();
    let node = &world.nodes[0];
    let listener = node
        .in_network(|| TcpListener::bind((HERE, 8081)))
        .expect("a listener");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(ANSWER);
        }
    });
    // But for the time, which is the last line's.
    let timeless = |text: &str| {
        let lines = text.lines().map(|line| match line.split_once(" = ") {
            Some((before, _)) if before.starts_with("Global response time") => before.to_owned(),
            _ => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    for line in [
        format!("-v -s {HERE} -p 8081 -u /"),
        format!("-s {HERE} -p 8081 -u /"),
        format!("-s {HERE} -p 8082 -u /"),
        format!("-v -s {HERE} -p 8082 -u /x"),
    ] {
        let [original, ours] = both(node, &line);
        assert_eq!(ours.0, original.0, "{line}");
        assert_eq!(timeless(&ours.1), timeless(&original.1), "{line}");
    }
    // What cannot be asked for: the wording is ours, the status is the same.
    for line in [
        "-h".to_owned(),
        String::new(),
        format!("-s {HERE} -p 8081"),
        format!("-s {HERE} -p x -u /"),
        format!("-s {HERE} -p 8081 -u / -P 2"),
        format!("-s {HERE} -p 8081 -u / more"),
        "-s localhost -p 8081 -u /".to_owned(),
    ] {
        let [original, ours] = both(node, &line);
        assert_eq!((ours.0, original.0), (Some(1), Some(1)), "{line}");
        assert!(ours.1.contains("Usage: genhash"), "{line}: {}", ours.1);
    }
}

fn by_name() {
    let world = host();
    let node = &world.nodes[0];
    let _nginx = servers::nginx(node);
    node.run(&["ln", "-s", Ours.inside(), "/run/genhash"]);
    let words = ["-s", HERE, "-p", "8080", "-u", "/"];
    let named = node.run(&[&["/run/genhash"][..], &words].concat());
    assert_eq!(named.trim(), servers::genhash(node, &words));
}

/// What bears the mark finds no way, not even to the host itself.
fn marks() {
    let world = host();
    let node = &world.nodes[0];
    let _nginx = servers::nginx(node);
    for rule in [
        "add pref 10 lookup local",
        "add pref 5 fwmark 9 prohibit",
        "del pref 0",
    ] {
        let words: Vec<&str> = rule.split(' ').collect();
        node.run(&[&["ip", "rule"], &words[..]].concat());
    }
    // The original hangs when it cannot connect at once.
    let ours = |option: &str, mark: &str| {
        let words = [option, mark, "-s", HERE, "-p", "8080", "-u", "/"];
        let (status, printed) = node.try_run(&[&[Ours.inside(), "-T"][..], &words].concat());
        (status.code(), printed.trim().to_owned())
    };
    let [original, unmarked] = both(node, &format!("-m 8 -s {HERE} -p 8080 -u /"));
    assert_eq!(unmarked, original);
    for option in ["-m", "--fwmark"] {
        assert_eq!(ours(option, "8"), (Some(0), original.1.trim().to_owned()));
        let (status, printed) = ours(option, "9");
        assert_eq!(status, Some(0));
        assert!(printed.contains("Connection failed"), "{option}: {printed}");
    }
}
