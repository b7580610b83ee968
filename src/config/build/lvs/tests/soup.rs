//! Whatever words stand in the blocks, reading ends and nothing panics.

use super::read;
use crate::config::keywords::Block;
use proptest::prelude::*;

/// Words that mean something somewhere in these blocks, and some that mean nothing.
fn word() -> impl Strategy<Value = String> {
    let blocks = Block::all().filter(|block| {
        let path = block.path();
        path.starts_with("virtual_server") || path.starts_with("SSL") || path.starts_with("bfd")
    });
    let keywords: Vec<&'static str> = blocks
        .flat_map(|block| block.keywords())
        .map(|row| row.word)
        .collect();
    let values = [
        "10.0.0.1",
        "1::1",
        "fe80::1",
        "10.0.0.0/8",
        "10.0.0.9-3",
        "1::1-ffff",
        "1::/1",
        "80",
        "0",
        "-1",
        "4294967296",
        "99999999999999999999",
        "0.0000001",
        "group",
        "G",
        "fwmark",
        "inet6",
        "NAT",
        "DR",
        "TUN",
        "type",
        "gue",
        "gre",
        "port",
        "csum",
        "remcsum",
        "sh",
        "mh",
        "rr",
        "TCP",
        "on",
        "x",
        "XX0",
        "a..b",
        "\"\"",
        "\"a b\"",
        "'",
        "\"",
        "\\",
        "$",
        "é",
        "\u{a0}",
        "reverse",
        "200-",
        "255.0.255.0",
        "ff20ad2481f97b1754ef3e12ecd3a9cc",
        "//",
        "b1",
    ];
    prop_oneof![
        3 => prop::sample::select(keywords).prop_map(str::to_owned),
        3 => prop::sample::select(values.to_vec()).prop_map(str::to_owned),
        1 => "[ -~]{0,6}",
        2 => prop::sample::select(vec!["{", "}", "\n"]).prop_map(str::to_owned),
    ]
}

fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(word(), 0..80).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_words_make_the_reader_panic(
        group in soup(),
        outer in soup(),
        statements in soup(),
        server in soup(),
        checker in soup(),
        kind in prop::sample::select(vec![
            "MISC_CHECK", "SMTP_CHECK", "TCP_CHECK", "PING_CHECK", "UDP_CHECK", "HTTP_GET", "SSL_GET", "DNS_CHECK",
            "FILE_CHECK", "BFD_CHECK",
        ]),
        head in prop::sample::select(vec!["10.0.0.1 80", "1::1", "fwmark 3", "group G"]),
    ) {
        let text = format!(
            "bfd_instance b1 {{\n{outer}\n}}\nvirtual_server_group G {{\n{group}\n}}\nSSL {{\n{checker}\n}}\n\
             virtual_server {head} {{\n{statements}\nreal_server 10.0.0.2 80 {{\n{server}\n{kind} {{\n{checker}\n}}\n}}\n}}\n"
        );
        let loaded = read(&text);
        for service in &loaded.model.lvs.virtual_servers {
            prop_assert!(!service.real_servers.is_empty());
            let total: u64 = service.real_servers.iter().map(|server| u64::from(server.weight)).sum();
            prop_assert!(u64::from(service.quorum) <= total);
            prop_assert!(service.hysteresis == 0 || service.hysteresis < service.quorum);
        }
    }
}
