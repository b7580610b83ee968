//! Expansion ends, whatever is written.

use super::*;

/// Texts that grow: each is ended by the bounds, with an error.
#[test]
fn bounds() {
    let limits = Limits {
        work: 1 << 20,
        line: 1 << 12,
        depth: 64,
    };
    let doubling: String = (0..40)
        .map(|i| format!("$A{i}=${{A{}}}${{A{}}}\n", i + 1, i + 1))
        .collect();
    for text in [
        "~SEQ(N, 9223372036854775807) a".to_owned(),
        "~SEQ(N, 9223372036854775807) @none a".to_owned(),
        "~SEQ(A, 99999) ~SEQ(B, 99999) ~SEQ(C, 99999) x".to_owned(),
        doubling.clone() + "$A40=x\n${A0}",
        doubling + "$A40=\n${A0}",
        "~SEQ(N, 1) ".repeat(1000) + "x",
        "$X=$X\n$X".to_owned(),
        "$X=~SEQ(N, 9) $X\n$X".to_owned(),
        "$X=@node1 $X\n$X".to_owned(),
    ] {
        let context = Context {
            limits,
            ..context()
        };
        let (_, said, ..) = read(&Memory::default().with("f", text.as_str()), &context);
        assert!(
            said.iter().any(|said| said.starts_with("General")),
            "{text} {said:?}"
        );
    }
    // An include bomb: every file includes the next one twice.
    let files = (0..20).fold(Memory::default().with("f", "include 0"), |files, i| {
        files.with(
            &i.to_string(),
            format!("include {}\ninclude {}\n", i + 1, i + 1),
        )
    });
    let (_, said, ..) = read(
        &files,
        &Context {
            limits,
            ..context()
        },
    );
    assert!(
        said.iter().any(|said| said.contains("beyond all bounds")),
        "{said:?}"
    );
}

proptest! {
    #[test]
    fn ends_on_any_bytes(text in proptest::collection::vec(any::<u8>(), 0..400)) {
        lines(text);
    }

    #[test]
    fn ends_on_likely_text(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..60)) {
        let limits = Limits { work: 1 << 18, line: 1 << 10, depth: 16 };
        let (.., expanded) = read(&Memory::default().with("f", words.concat()), &Context { limits, ..context() });
        prop_assert!(expanded.lines().all(|line| !line.is_empty() && line == line.trim_ascii()));
        for at in 0..expanded.text().len() {
            let span = expanded.span(at, 1);
            prop_assert!(span.line >= 1 && span.column >= 1 && span.length >= 1);
        }
    }
}

/// What lines of the language are made of.
const WORDS: &[&str] = &[
    "\n",
    "\n",
    "\n",
    "\r",
    " ",
    " ",
    "$A=",
    "$B=",
    "${A}",
    "${B}",
    "$A",
    "$B\n",
    "\\\n",
    "\\",
    "\"",
    "\"",
    "'",
    "#",
    "!",
    "//",
    "{",
    "}",
    "@node1 ",
    "@node2 ",
    "@^",
    "~SEQ(A, 3) ",
    "~SEQ(B,",
    "~SEQx(",
    "~LST({A,B},{1,2},{3}) ",
    "~LST(A, b, c) ",
    "include f\n",
    "include ",
    "a",
    "b c",
    "é",
    "\u{a0}",
    "“",
    "”",
    "${_RANDOM}",
    "${_ENV VIP}",
    "${_HASH}",
    "${",
    "3",
    ")",
    ",",
    "\0",
];
