//! Lines and what is made of them: the path by hand equals the grammar, the grammar knows every line, routes and rules are judged.

use super::address::{Part, parsed, plain};
use super::{Phrase, Rule, address_line, route_line, rule_line, tracker};
use crate::config::build::Context;
use crate::config::diagnostic::Diagnostics;
use crate::config::expanded::Expanded;
use crate::config::phrase::TrackerKind;
use crate::config::tree::{Options, Statement, Tree};
use crate::config::world::Imagined;
use proptest::prelude::*;

/// Calls `each` with a line as a statement.
fn with_line<R>(line: &str, each: impl FnOnce(Statement<'_>) -> R) -> Option<R> {
    let mut expanded = Expanded::default();
    expanded.push(line.as_bytes(), 0, 1, 1);
    let tree = Tree::build(expanded, Options::default(), &mut Diagnostics::new());
    tree.statements().next().map(each)
}

/// The messages of reading a line.
fn messages(line: &str, read: impl FnOnce(&mut Context<'_>, Statement<'_>)) -> Vec<String> {
    let world = Imagined {
        interfaces: Some(["eth0", "eth1"].map(str::to_owned).into()),
        ..Imagined::generous()
    };
    let mut context = Context::new(&world, Diagnostics::new());
    with_line(line, |statement| read(&mut context, statement));
    context
        .diagnostics
        .iter()
        .map(|d| d.message.clone())
        .collect()
}

fn route(line: &str) -> Vec<String> {
    messages(line, |context, line| {
        route_line(context, line, false);
    })
}

fn rule(line: &str) -> Vec<String> {
    messages(line, |context, line| {
        rule_line(context, line, false);
    })
}

#[test]
fn routes() {
    for line in [
        "10.1.0.0/16 via 10.0.0.1 dev eth0",
        "default via 10.0.0.1",
        "to blackhole 10.9.0.0/16 metric 10",
        "src 10.0.0.5 to 10.1.0.0/16 via inet 10.0.0.1 table main scope link onlink",
        "inet6 default via 2001:db8::1 pref high",
        "2001:db8:1::/48 via 2001:db8::1 from 2001:db8:2::/48 mtu lock 1400 rtt 200ms",
        "10.2.0.0/16 nexthop via 10.0.0.1 dev eth0 weight 1 nexthop via 10.0.0.2 dev eth1 weight 256 onlink",
        "10.3.0.0/16 dev eth0 encap mpls 100/200",
        "10.3.0.0/16 via 10.0.0.1 encap ip id 5 dst 10.9.9.9 tos 0x10 ttl 64",
        "10.5.0.0/16 via inet6 fe80::1 dev eth0",
        "10.5.0.0/16 nexthop via inet6 fe80::1 dev eth0 nexthop via 10.0.0.1 dev eth1",
        "10.5.0.0/16 dev eth0 rtt 200ms rttvar 120s rto_min 200 rtt lock 1600",
        "10.4.0.0/16 dev eth0 realms 1/2 features ecn quickack 1 no_track protocol 4 congctl lock cubic",
    ] {
        assert_eq!(route(line), Vec::<String>::new(), "{line}");
    }
    for (line, message) in [
        ("via 10.0.0.1", "no destination"),
        (
            "10.1.0.0/16 10.2.0.0/16",
            "unknown route option '10.2.0.0/16'",
        ),
        ("10.1.0.0/16 via 2001:db8::1", "another address family"),
        ("10.1.0.0/16 via inet6 10.0.0.1", "another address family"),
        (
            "2001:db8:1::/48 via inet 10.0.0.1",
            "another address family",
        ),
        (
            "10.1.0.0/16 dev eth0 rtt 1ms",
            "'1ms' is not between 200 ms and 120 s",
        ),
        ("10.1.0.0/16 dev eth0 rttvar 121s", "'121s' is not between"),
        ("10.1.0.0/16 dev eth0 rto_min 5", "'5' is not between"),
        ("10.1.0.0/33 via 10.0.0.1", "invalid address"),
        ("10.1.0.0/16 dev eth7", "doesn't exist"),
        ("10.1.0.0/16 gw 10.0.0.1", "'gw' is deprecated"),
        ("10.1.0.0/16 metric x", "invalid number 'x'"),
        ("10.1.0.0/16 table nowhere", "unknown number or name"),
        ("10.1.0.0/16 mtu", "unknown route option 'mtu'"),
        (
            "10.1.0.0/16 nexthop via 10.0.0.1 weight 257",
            "invalid number",
        ),
        (
            "10.1.0.0/16 nexthop via 10.0.0.1 mtu 5",
            "trailing nonsense",
        ),
        (
            "10.1.0.0/16 via 10.0.0.1 protocol static",
            "protocol keepalived",
        ),
        ("10.1.0.0/16 track_group G dev eth0", "only static routes"),
        ("10.3.0.0/16 dev eth0 encap mpls 1048576", "invalid label"),
        (
            "10.3.0.0/16 dev eth0 encap ip hoplimit 5",
            "an encap of this family has no",
        ),
    ] {
        assert!(
            route(line).iter().any(|said| said.contains(message)),
            "{line}: {:?}",
            route(line)
        );
    }
}

#[test]
fn rules() {
    for line in [
        "from 10.0.0.0/8 table 5 preference 100",
        "to all lookup main priority 10 iif eth0 tos 0x10 fwmark 1/0xff",
        "from 2001:db8::/32 type blackhole order 5",
        "goto 200 preference 100",
        "not from all l3mdev preference 3 uidrange 0-1000 sport 1-1024 ipproto udp",
        "from all table 5 suppress_prefixlength 0 preference 7 realms 1",
    ] {
        assert_eq!(rule(line), Vec::<String>::new(), "{line}");
    }
    for (line, message) in [
        ("from 10.0.0.0/8", "no action"),
        ("from 10.0.0.0/8 table 5", "without a preference gets 16384"),
        ("table 0 preference 1", "invalid table"),
        ("table 5 blackhole preference 1", "a second action"),
        ("goto 10 preference 100", "does not lead forward"),
        ("goto 10", "no preference before goto"),
        (
            "from 10.0.0.0/8 to 2001:db8::/32 table 5 preference 1",
            "another address family",
        ),
        (
            "from all table 5 preference 1 sport 80",
            "invalid range '80'",
        ),
        (
            "from all table 5 preference 1 ip_proto tcp",
            "unknown rule option 'ip_proto'",
        ),
        (
            "from all preference 1 sup_pl 0 nop",
            "only a rule with a table",
        ),
        (
            "from all table 5 preference",
            "unknown rule option 'preference'",
        ),
    ] {
        assert!(
            rule(line).iter().any(|said| said.contains(message)),
            "{line}: {:?}",
            rule(line)
        );
    }
}

#[test]
fn trackers() {
    let read = |line: &str| {
        let world = Imagined::generous();
        let mut context = Context::new(&world, Diagnostics::new());
        let read = with_line(line, |line| {
            tracker(&mut context, "V", TrackerKind::Script, line)
                .map(|t| (t.name.text().into_owned(), t.weight, t.reverse))
        });
        (read.flatten(), context.diagnostics.len())
    };
    assert_eq!(read("chk"), (Some(("chk".into(), None, None)), 0));
    assert_eq!(
        read("chk weight -20 reverse"),
        (Some(("chk".into(), Some(-20), Some(true))), 0)
    );
    assert_eq!(
        read("chk weight 254"),
        (Some(("chk".into(), Some(253), None)), 1)
    );
    assert_eq!(read("chk weight=0"), (None, 1));
    assert_eq!(read("chk weight"), (None, 1));
    assert_eq!(
        read("\"my check\" weight 1 noreverse"),
        (Some(("my check".into(), Some(1), Some(false))), 0)
    );
}

/// The parts of a line as words, for comparison.
fn parts(line: Statement<'_>) -> Vec<(u8, String, String)> {
    let mut parts = Vec::new();
    parsed(line, |part| {
        parts.push(match part {
            Part::Valued(key, value) => (0, key.text().into_owned(), value.text().into_owned()),
            Part::Flag(word) => (1, word.text().into_owned(), String::new()),
            Part::Stray(word) => (2, word.text().into_owned(), String::new()),
        });
        Some(())
    });
    parts
}

/// Words that lines are made of, and words that they are not.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "10.0.0.1/24", "dev", "eth0", "label", "eth0:1", "brd", "+", "scope", "home", "weight", "reverse", "-20", "via", "default", "table",
            "nexthop", "encap", "mpls", "ip", "id", "to", "type", "goto", "lock", "mtu", "inet6", "from", "as", "min_ttl", "unicast", "blackhole",
        ]).prop_map(str::to_owned),
        1 => "[!-z|~\u{a0}-\u{fff}]{1,8}".prop_filter("comments and braces belong to other layers", |w| !w.contains(['{', '}', '"', '$'])),
        1 => "\"[ -!#-z]{0,6}\"",
    ]
}

proptest! {
    #[test]
    fn plain_address_lines_are_what_the_grammar_says(words in prop::collection::vec(word(), 1..7)) {
        let line = words.join(" ");
        with_line(&line, |line| {
            if let Some(count) = plain(line) {
                let by_hand: Vec<_> = (1..count).step_by(2).filter_map(|at| {
                    Some((0, line.word(at)?.text().into_owned(), line.word(at + 1)?.text().into_owned()))
                }).collect();
                assert_eq!(parts(line), by_hand);
            }
        });
    }

    #[test]
    fn the_grammar_knows_every_line(words in prop::collection::vec(word(), 1..10)) {
        let line = words.join(" ");
        with_line(&line, |line| {
            let phrase = Phrase::new(line);
            for rule in [Rule::address_line, Rule::tracker_line, Rule::peer_line, Rule::delay_line, Rule::linkbeat_line, Rule::rule_line,
                Rule::route_line] {
                assert!(phrase.parse(rule).is_some(), "{rule:?}");
            }
        });
        // And reading it ends, whatever it says.
        messages(&line, |context, line| {
            address_line(context, line);
            route_line(context, line, true);
            rule_line(context, line, true);
        });
    }
}
