use super::census::*;
use crate::config::model::{ParameterMatch, ProcessMatch};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

const ANY: (u32, u32) = (1, u32::MAX);

fn name(name: &str) -> ProcessMatch {
    ProcessMatch::Name(name.as_bytes().to_vec())
}

fn command(words: &[&str], how: ParameterMatch) -> ProcessMatch {
    let mut words = words.iter().map(|word| word.as_bytes().to_vec());
    ProcessMatch::Command {
        program: words.next().unwrap_or_default(),
        parameters: words.collect(),
        how,
    }
}

fn line(words: &[&str]) -> Vec<u8> {
    words
        .iter()
        .flat_map(|word| [word.as_bytes(), &[0]].concat())
        .collect()
}

/// How many processes of this name and command line are counted for this.
fn counted(matching: ProcessMatch, name: &str, words: &[&str]) -> u32 {
    let mut census = Census::default();
    census.watch(1, matching, ANY);
    census.seen(100, name.as_bytes(), &line(words));
    census.news(true)[0].1
}

#[test]
fn which_processes_are_meant() {
    use ParameterMatch::{Exact, Initial, None, Partial};
    let nginx = ["/usr/sbin/nginx", "-g", "daemon on;"];
    for (matching, process, words, expected) in [
        (name("nginx"), "nginx", &nginx[..], 1),
        (name("nginx"), "nginx-worker", &nginx, 0),
        (name("nginx"), "NGINX", &nginx, 0),
        (name("a-very-long-name-of-one"), "a-very-long-nam", &[], 1),
        (name("/usr/sbin/nginx"), "nginx", &nginx, 0),
        (command(&nginx[..1], None), "nginx", &nginx, 1),
        (command(&nginx[..1], None), "other", &nginx, 1),
        (command(&["nginx"], None), "nginx", &nginx, 0),
        (command(&nginx, Exact), "nginx", &nginx, 1),
        (command(&nginx[..2], Exact), "nginx", &nginx, 0),
        (command(&nginx, Exact), "nginx", &nginx[..2], 0),
        (command(&nginx[..1], Exact), "nginx", &nginx[..1], 1),
        (command(&nginx[..1], Exact), "nginx", &nginx, 0),
        (command(&nginx[..2], Partial), "nginx", &nginx, 1),
        (command(&nginx, Partial), "nginx", &nginx, 1),
        (command(&nginx, Partial), "nginx", &nginx[..2], 0),
        (
            command(&["/usr/sbin/nginx", "-"], Partial),
            "nginx",
            &nginx,
            0,
        ),
        (
            command(&["/usr/sbin/nginx", "-"], Initial),
            "nginx",
            &nginx,
            1,
        ),
        (
            command(&["/usr/sbin/nginx", "-g", "daemon"], Initial),
            "nginx",
            &nginx,
            1,
        ),
        (
            command(&["/usr/sbin/nginx", "-", "daemon on;"], Initial),
            "nginx",
            &nginx,
            0,
        ),
        (command(&nginx[..1], Initial), "nginx", &nginx, 1),
        (command(&nginx, Initial), "nginx", &nginx[..2], 0),
        // An empty parameter is one, and a process without a command line has none.
        (command(&["x", ""], Exact), "x", &["x", ""], 1),
        (command(&["x", ""], Exact), "x", &["x"], 0),
        (command(&["x"], None), "x", &[], 0),
    ] {
        let case = format!("{matching:?} {process} {words:?}");
        assert_eq!(counted(matching, process, words), expected, "{case}");
    }
}

#[test]
fn stat_says_the_name_of_what_lives() {
    for (stat, expected) in [
        (&b"12 (nginx) S 1 12 12 0"[..], Some(&b"nginx"[..])),
        (b"12 (a) b (c)) R 1", Some(b"a) b (c)")),
        (b"12 () R 1", Some(b"")),
        (b"12 (nginx) Z 1", None),
        (b"12 (nginx) X 1", None),
        (b"12 (nginx) ", None),
        (b"12 (nginx)", None),
        (b")(", None),
        (b"", None),
    ] {
        assert_eq!(name_in_stat(stat), expected, "{stat:?}");
    }
}

#[test]
fn what_the_kernel_tells_changes_numbers_and_only_what_decides_is_told_at_once() {
    let mut census = Census::default();
    census.watch(1, name("a"), (2, 3));
    census.watch(2, name("a"), ANY);
    let told = |census: &mut Census, all| {
        let mut news = census.news(all);
        news.sort_unstable();
        news
    };
    census.seen(10, b"a", b"");
    assert_eq!(told(&mut census, false), [(1, 1), (2, 1)], "the first time");
    census.forked(10, 11);
    assert_eq!(told(&mut census, false), [(1, 2)], "a limit is crossed");
    assert!(census.has_news());
    census.forked(99, 12);
    census.forked(11, 13);
    assert_eq!(told(&mut census, false), [], "3 are as good as 2");
    assert_eq!(told(&mut census, true), [(1, 3), (2, 3)]);
    assert!(!census.has_news());
    census.seen(13, b"b", b"");
    census.ended(11);
    census.ended(11);
    census.ended(7);
    assert_eq!(told(&mut census, false), [(1, 1)]);
    census.retain(&HashSet::from([1, 2]));
    assert_eq!(told(&mut census, false), [(2, 0)]);
    census.forget(1);
    census.seen(10, b"a", b"");
    assert_eq!(told(&mut census, true), [(2, 1)]);
    census.forget(2);
    assert!(census.is_empty() && !census.needs_command_lines());
}

/// A reload that changes ten thousand of them on a host with as many processes: what was counted before does no harm.
#[test]
fn what_was_counted_for_somebody_who_has_gone_is_counted_for_nobody() {
    const MANY: i32 = 10_000;
    let mut census = Census::default();
    let named = |number: i32| format!("p{number}");
    for number in 0..MANY {
        census.watch(number.unsigned_abs().into(), name(&named(number)), ANY);
        census.seen(number + 1, named(number).as_bytes(), b"");
    }
    assert_eq!(census.news(false).len(), 10_000);
    for number in 0..MANY {
        census.forget(number.unsigned_abs().into());
        census.watch(
            (number + MANY).unsigned_abs().into(),
            name(&named(number)),
            ANY,
        );
    }
    census.forked(1, MANY + 1);
    census.ended(2);
    census.ended(MANY + 1);
    assert!(census.news(true).iter().all(|(_, count)| *count == 0));
    for number in 0..MANY {
        census.seen(number + 1, named(number).as_bytes(), b"");
    }
    let news = census.news(true);
    assert_eq!(news.len(), 10_000);
    assert!(news.iter().all(|(_, count)| *count == 1));
}

proptest! {
    /// Whatever is told in whichever order, the numbers are those of a naive account.
    #[test]
    fn numbers_are_those_of_a_naive_account(steps in prop::collection::vec((0u8..5, 1i32..6, 1i32..6), 0..60)) {
        let names: [&[u8]; 3] = [b"a", b"b", b"c"];
        let mut census = Census::default();
        census.watch(1, name("a"), ANY);
        census.watch(2, name("b"), (0, 0));
        let mut account: HashMap<Pid, &[u8]> = HashMap::new();
        for (what, one, other) in steps {
            match what {
                0 => {
                    census.forked(one, other);
                    match account.get(&one).copied() {
                        Some(name) => drop(account.insert(other, name)),
                        None => drop(account.remove(&other)),
                    }
                }
                1 => {
                    census.ended(one);
                    account.remove(&one);
                }
                2 if other == 1 => {
                    let alive = HashSet::from([one]);
                    census.retain(&alive);
                    account.retain(|pid, _| alive.contains(pid));
                }
                _ => {
                    let name = names[usize::try_from(other).unwrap_or(0) % names.len()];
                    census.seen(one, name, b"");
                    account.insert(one, name);
                }
            }
        }
        let news: HashMap<WatchId, u32> = census.news(true).into_iter().collect();
        for (id, wanted) in [(1, b"a"), (2, b"b")] {
            let expected = account.values().filter(|name| **name == wanted).count();
            prop_assert_eq!(news.get(&id).copied(), u32::try_from(expected).ok());
        }
    }
}
