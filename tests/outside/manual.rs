//! The manual pages: well-formed, and nothing that works is missing in them.

use crate::{binary, have, repository};
use keepalived::config::keywords::{Block, Keyword};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

#[test]
fn manual_pages_are_clean() {
    if !have("mandoc") {
        return;
    }
    for page in ["contrib/man/keepalived.8", "contrib/man/keepalived.conf.5"] {
        let output = Command::new("mandoc")
            .args(["-T", "lint"])
            .arg(repository().join(page))
            .output()
            .expect("mandoc");
        // Whether the machine's own index knows the pages referred to says nothing about ours.
        let found: Vec<String> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter(|line| {
                !line.contains("mandoc.db") && !line.contains("referenced manual not found")
            })
            .map(str::to_owned)
            .collect();
        assert_eq!(found, Vec::<String>::new(), "{page}");
    }
}

/// The words of a manual page, without its markup.
fn words(page: &str) -> BTreeSet<String> {
    fs::read_to_string(repository().join(page))
        .expect("the page")
        .split(|character: char| {
            character.is_whitespace() || matches!(character, ',' | '(' | ')' | '=')
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_manual_has_every_keyword_that_does_something() {
    let words = words("contrib/man/keepalived.conf.5");
    let mut missing = Vec::new();
    for block in [
        Block::Root,
        Block::GlobalDefs,
        Block::VrrpInstance,
        Block::Authentication,
        Block::VirtualServer,
        Block::RealServer,
        Block::MiscCheck,
        Block::SmtpCheck,
        Block::TcpCheck,
        Block::UdpCheck,
        Block::DnsCheck,
        Block::FileCheck,
        Block::HttpGet,
        Block::SslGet,
    ] {
        // A synonym needs no entry: whoever writes it is told what to write.
        let acting = |keyword: &&Keyword| keyword.acts && keyword.same_as.is_none();
        for keyword in block.keywords().iter().filter(acting) {
            if !words.contains(keyword.word) {
                missing.push(format!("{} {}", block.name(), keyword.word));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_manual_has_every_option_of_the_help() {
    let words = words("contrib/man/keepalived.8");
    let output = Command::new(binary())
        .arg("--help")
        .output()
        .expect("the daemon can be run");
    let help = String::from_utf8_lossy(&output.stderr);
    let options: Vec<&str> = help
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("--"))
        .map(|option| option.split(['=', '[']).next().unwrap_or(option))
        .collect();
    assert!(options.len() > 30, "{help}");
    for option in options {
        assert!(words.contains(option), "--{option} is not in keepalived(8)");
    }
}
