//! Comments, odd bytes, built-in names.

use super::*;

#[test]
fn comments() {
    table(&[
        ("a # b\n! c\n#d\n  e f!g\n", &["a", "e f"]),
        ("a \"b # c\" # d", &["a \"b # c\""]),
        ("a 'b # c'", &["a 'b"]),
        ("a \\# b \\! c", &["a # b ! c"]),
        ("a \"\\# b\"", &["a \"\\# b\""]),
        ("a \\b \\", &["a \\b \\"]),
        ("a \"b \\\" # c\" d # e", &["a \"b \\\" # c\" d"]),
        ("a {#c\n}", &["a {", "}"]),
        ("priority 3#c", &["priority 3"]),
        ("path http://a/b//c", &["path http://a/b//c"]),
        ("script \"x // y\"", &["script \"x // y\""]),
        ("", &[]),
        ("\n\n# only\n", &[]),
    ]);
}

#[test]
fn comments_with_slashes() {
    faults(&[
        (
            b"a b //c",
            &["a b"],
            &[
                "Warning (f: Line 1, column 5) '//' does not begin a comment - write '#' or '!' before it",
            ],
        ),
        (b"// c", &[], &["Warning (f: Line 1, column 1)"]),
        (
            b"a {//c\n}// d",
            &["a {", "}"],
            &[
                "Warning (f: Line 1, column 4)",
                "Warning (f: Line 2, column 2)",
            ],
        ),
        (
            b"script\" pidof nginx \"//up",
            &["script\" pidof nginx \""],
            &["Warning (f: Line 1, column 22)"],
        ),
        (b"a # // b", &["a"], &[]),
    ]);
}

#[test]
fn odd_bytes() {
    table(&[
        ("a\r\n b\r\n", &["a", "b"]),
        ("a\rb\rc", &["a", "b", "c"]),
        ("\t a\x0c\x0b b \t", &["a\x0c\x0b b"]),
        ("a é # ü", &["a é"]),
        ("router_id \"it’s “x”\"", &["router_id \"it’s “x”\""]),
        ("router_id Bob’s", &["router_id Bob’s"]),
        ("a #\u{a0}“", &["a"]),
    ]);
    faults(&[
        (
            b"\xef\xbb\xbfa b",
            &["a b"],
            &["Warning (f: Line 1, column 1) there is a byte order mark"],
        ),
        (
            b"\xff\xfea\0",
            &[],
            &["NoConfiguration cannot read f: it is UTF-16"],
        ),
        (
            b"a\n b\0c\nd",
            &["a", "d"],
            &["General (f: Line 2, column 1) there is a NUL byte"],
        ),
        (
            b"a\xc2\xa0b",
            &["a b"],
            &["Warning (f: Line 1, column 2) this is not an ordinary blank"],
        ),
        (
            b"\xc3\xa9\xe3\x80\x80b",
            &["é b"],
            &["Warning (f: Line 1, column 2) this is not an ordinary blank"],
        ),
        (b"a\xa0b", &["a b"], &["Warning (f: Line 1, column 2)"]),
        (
            "script “a # b” c".as_bytes(),
            &["script \"a # b\" c"],
            &["Warning (f: Line 1, column 8) this is a typographic quote"],
        ),
        (
            "script ‘a’".as_bytes(),
            &["script 'a'"],
            &["Warning (f: Line 1, column 8)"],
        ),
    ]);
    // Latin-1 is passed through byte by byte.
    let (_, said, _, expanded) = read(
        &Memory::default().with("f", b"a J\xfcrgen # \xfc".to_vec()),
        &context(),
    );
    assert_eq!(
        (expanded.lines().next(), said.len()),
        (Some(&b"a J\xfcrgen"[..]), 0)
    );
}

#[test]
fn built_ins() {
    table(&[
        ("a ${_INSTANCE} ${_PWD}", &["a node1 /here/"]),
        ("a ${_ENV VIP}/24 b${_ENV NONE}c", &["a 10.0.0.1/24 bc"]),
        ("a ${_HASH}${_BANG} b \"${_HASH}\"", &["a #! b \"#\""]),
        ("a ${_ENV ODD}", &["a # ${X} @a"]),
        ("a ${_RANDOM 5 5} ${_RANDOM 32767}", &["a 5 32767"]),
    ]);
    faults(&[
        (
            b"a ${_RANDOM 9 5}",
            &["a 9"],
            &["General (f: Line 1, column 3) the smallest number"],
        ),
        (
            b"a ${_ENV}",
            &["a ${_ENV}"],
            &["General (f: Line 1, column 3) '_ENV' with a wrong number"],
        ),
        (
            b"a ${_RANDOM x}",
            &["a ${_RANDOM x}"],
            &["General (f: Line 1, column 3)"],
        ),
    ]);
    // The same seed makes the same numbers, whatever was drawn before.
    let seeded = |before: &str| {
        let (lines, said) = lines(format!(
            "{before}\n random_seed 4294967295\n${{_RANDOM}} ${{_RANDOM}}"
        ));
        assert!(said.is_empty());
        lines.last().cloned()
    };
    assert_eq!(seeded("x"), seeded("${_RANDOM}"));
    let quoted = lines("random_seed \"4294967295\"\n${_RANDOM} ${_RANDOM}").0;
    assert_eq!(quoted.last().cloned(), seeded("x"));
    let too_large = lines("random_seed 4294967296\n${_RANDOM} ${_RANDOM}").0;
    let without = lines("x\n${_RANDOM} ${_RANDOM}").0;
    assert_eq!(
        too_large.last(),
        without.last(),
        "what is warned of is ignored"
    );
    assert_ne!(seeded("x"), Some("${_RANDOM} ${_RANDOM}".to_owned()));
    let (lines, _) = lines("${_RANDOM 10 12}\n".repeat(100));
    for number in ["10", "11", "12"] {
        assert!(
            lines.iter().any(|line| line == number),
            "{number} never came"
        );
    }
    assert!(
        lines
            .iter()
            .all(|line| ["10", "11", "12"].contains(&line.as_str()))
    );
}
