//! What stands in the maps for which wishes.

use super::*;
use proptest::prelude::*;

/// `FIRST LAST PORT MARK`, port 0 = any.
fn wish(text: &str) -> Wish {
    let words: Vec<&str> = text.split(' ').collect();
    let [first, last, port, mark] = words[..] else {
        panic!("{text}")
    };
    let port: u16 = port.parse().expect("a port");
    Wish {
        protocol: Protocol::Tcp,
        first: first.parse().expect("an address"),
        last: last.parse().expect("an address"),
        port: (port != 0).then_some(port),
        mark: mark.parse().expect("a mark"),
    }
}

fn table(wishes: Vec<Wish>) -> MarkTable {
    MarkTable {
        name: "keepalived_ipvs".into(),
        priority: -1,
        counters: false,
        wishes,
    }
}

fn shown(maps: &Maps) -> Vec<String> {
    let all = maps.elements.iter();
    all.flat_map(|(map, elements)| {
        elements.iter().map(move |it| {
            let any = if map.any_port { " any" } else { "" };
            let (low, high) = it.ports;
            format!("{}-{} {low}-{high} {}{any}", it.first, it.last, it.mark)
        })
    })
    .collect()
}

#[test]
fn of_several_wishes_the_first_counts() {
    let highest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let all_of_v6 = format!(":: {highest} 80 2");
    // Wishes, elements, the address that is contested.
    let rows: &[(&[&str], &[&str], Option<&str>)] = &[
        (&[], &[], None),
        // Neighbours stay as they were written.
        (
            &["10.0.0.1 10.0.0.1 80 1", "10.0.0.2 10.0.0.4 80 1"],
            &["10.0.0.1-10.0.0.1 80-80 1", "10.0.0.2-10.0.0.4 80-80 1"],
            None,
        ),
        (
            &["10.0.0.5 10.0.0.6 80 1", "10.0.0.1 10.0.0.9 80 2"],
            &[
                "10.0.0.1-10.0.0.4 80-80 2",
                "10.0.0.5-10.0.0.6 80-80 1",
                "10.0.0.7-10.0.0.9 80-80 2",
            ],
            Some("10.0.0.5"),
        ),
        // The same mark twice is no conflict.
        (
            &["10.0.0.1 10.0.0.9 80 1", "10.0.0.5 10.0.0.6 80 1"],
            &["10.0.0.1-10.0.0.9 80-80 1"],
            None,
        ),
        (
            &["10.0.0.1 10.0.0.3 80 1", "10.0.0.3 10.0.0.4 80 2"],
            &["10.0.0.1-10.0.0.3 80-80 1", "10.0.0.4-10.0.0.4 80-80 2"],
            Some("10.0.0.3"),
        ),
        // Any port is a map of its own.
        (
            &["10.0.0.1 10.0.0.9 0 1", "10.0.0.5 10.0.0.5 80 2"],
            &[
                "10.0.0.5-10.0.0.5 80-80 2",
                "10.0.0.1-10.0.0.9 0-65535 1 any",
            ],
            None,
        ),
        // Ports of a range are one element.
        (
            &[
                "10.0.0.1 10.0.0.1 81 1",
                "10.0.0.1 10.0.0.1 80 1",
                "10.0.0.1 10.0.0.1 82 1",
                "10.0.0.1 10.0.0.1 84 1",
                "10.0.0.1 10.0.0.1 65535 1",
            ],
            &[
                "10.0.0.1-10.0.0.1 80-82 1",
                "10.0.0.1-10.0.0.1 84-84 1",
                "10.0.0.1-10.0.0.1 65535-65535 1",
            ],
            None,
        ),
        // The ends of the address space.
        (
            &[
                "255.255.255.255 255.255.255.255 80 1",
                "0.0.0.0 255.255.255.255 80 2",
            ],
            &[
                "0.0.0.0-255.255.255.254 80-80 2",
                "255.255.255.255-255.255.255.255 80-80 1",
            ],
            Some("255.255.255.255"),
        ),
        (
            &[&all_of_v6, &all_of_v6],
            &[&format!("::-{highest} 80-80 2")],
            None,
        ),
    ];
    for (wishes, elements, contest) in rows {
        let maps = table(wishes.iter().map(|it| wish(it)).collect()).maps();
        assert_eq!(shown(&maps), *elements, "{wishes:?}");
        let met = maps.contest.map(|it| it.got.first.to_string());
        assert_eq!(met.as_deref(), *contest, "{wishes:?}");
    }
}

#[test]
fn both_at_once_lose_nothing() {
    let (a, b, c) = (
        wish("10.0.0.1 10.0.0.1 80 1"),
        wish("10.0.0.2 10.0.0.2 80 2"),
        wish("10.0.0.2 10.0.0.2 80 3"),
    );
    let both = |one: &[Wish], other: &[Wish]| {
        let both = table(one.to_vec()).with(&table(other.to_vec()));
        both.wishes
    };
    assert_eq!(both(&[a], &[a, b]), [a, b]);
    assert_eq!(both(&[b, a], &[a, b]), [a, b], "known already");
    assert_eq!(both(&[c], &[a, b]), [c, a, b], "the new mark counts");
    assert_eq!(both(&[a, b], &[a]), [a, b]);
    let renamed = MarkTable {
        name: "quay".into(),
        ..table(vec![a])
    };
    assert_eq!(renamed.with(&table(vec![b])), renamed);
}

proptest! {
    /// Every packet gets the mark of the first wish that names it, and no two elements of a map overlap.
    #[test]
    fn maps_mark_as_wishes_say(wishes in proptest::collection::vec((0u32..24, 0u32..8, 0u16..3, 1u32..4), 0..12)) {
        let wishes: Vec<Wish> = wishes
            .into_iter()
            .map(|(first, more, port, mark)| Wish {
                protocol: Protocol::Udp,
                first: Ipv4Addr::from_bits(first).into(),
                last: Ipv4Addr::from_bits(first + more).into(),
                port: (port != 0).then_some(port),
                mark,
            })
            .collect();
        let maps = table(wishes.clone()).maps();
        let at = |any_port: bool, address: IpAddr, port: u16| {
            let map = Map { family: Family::Ip, protocol: Protocol::Udp, any_port };
            let all = maps.elements.get(&map).into_iter().flatten();
            let found: Vec<u32> = all
                .filter(|it| (it.first..=it.last).contains(&address) && (it.ports.0..=it.ports.1).contains(&port))
                .map(|it| it.mark)
                .collect();
            assert!(found.len() <= 1, "{address} {port} {found:?}");
            found.first().copied()
        };
        for address in (0..32).map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits))) {
            for port in 1..4 {
                let names = |wish: &&Wish, wanted| (wish.first..=wish.last).contains(&address) && wish.port == wanted;
                let exact = wishes.iter().find(|wish| names(wish, Some(port)));
                let any = wishes.iter().find(|wish| names(wish, None));
                let got = at(false, address, port).or_else(|| at(true, address, port));
                prop_assert_eq!(got, exact.or(any).map(|wish| wish.mark));
            }
        }
    }
}
