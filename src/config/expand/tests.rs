//! The rules of the text level, one table a chapter.

use super::{Checks, Context, Limits, expand};
use crate::config::diagnostic::{Class, Diagnostics};
use crate::config::expanded::Expanded;
use crate::config::source::Memory;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn context() -> Context {
    Context {
        config_id: b"node1".to_vec(),
        environment: [
            (b"VIP".to_vec(), b"10.0.0.1".to_vec()),
            (b"ODD".to_vec(), b"# ${X} @a".to_vec()),
        ]
        .into(),
        directory: PathBuf::from("/here"),
        seed: 7,
        ..Context::default()
    }
}

fn read(files: &Memory, context: &Context) -> (Vec<String>, Vec<String>, Diagnostics, Expanded) {
    let mut diagnostics = Diagnostics::new();
    let expanded = expand(Path::new("f"), context, files, &mut diagnostics);
    let lines = expanded
        .lines()
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let said = diagnostics
        .iter()
        .map(|d| format!("{:?} {}", d.class, diagnostics.line(d)))
        .collect();
    (lines, said, diagnostics, expanded)
}

fn lines(text: impl Into<Vec<u8>>) -> (Vec<String>, Vec<String>) {
    let (lines, said, ..) = read(&Memory::default().with("f", text), &context());
    (lines, said)
}

/// Text and the lines it means; no message.
fn table(rows: &[(&str, &[&str])]) {
    for (text, expected) in rows {
        let (lines, said) = lines(*text);
        assert_eq!(
            (lines, said),
            (expected.iter().map(|s| s.to_string()).collect(), vec![]),
            "{text:?}"
        );
    }
}

/// Text, the lines it means, and how the messages begin.
fn faults(rows: &[(&[u8], &[&str], &[&str])]) {
    for (text, expected, messages) in rows {
        let (lines, said) = lines(*text);
        let shown = String::from_utf8_lossy(text);
        assert_eq!(lines, *expected, "{shown:?} {said:?}");
        assert_eq!(said.len(), messages.len(), "{shown:?} {said:?}");
        for (said, message) in said.iter().zip(*messages) {
            assert!(
                said.starts_with(message),
                "{shown:?}: {said} is not {message}"
            );
        }
    }
}

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
fn conditions() {
    table(&[
        ("@node1 a\n@node2 b\n@^node1 c\n@^node2 d", &["a", "d"]),
        ("@node1\n@node2", &[]),
        ("@node1 @^node2 a\n@node1 @node2 b", &["a"]),
        ("@node1 $X=1\n@node2 $X=2\na ${X}", &["a 1"]),
        ("$ON=@node1\n$OFF=@node2\n$ON a\n$OFF b", &["a"]),
        ("@node2 $X= \\\n a \\\n b\nc", &["c"]),
        ("@node1 ~SEQ(N, 2) a${N}", &["a1", "a2"]),
    ]);
    faults(&[(
        b"@ a",
        &[],
        &["General (f: Line 1, column 1) a condition without an id"],
    )]);
}

#[test]
fn definitions() {
    table(&[
        ("$A=1\na ${A}${A} $A, $A) $A", &["a 11 1, 1) 1"]),
        ("  $A=  b c # d\na \"${A}\" $A", &["a \"b c\" b c"]),
        ("$A=\nb${A}c", &["bc"]),
        ("$A=1\na ${A}\n$A=2\na ${A}", &["a 1", "a 2"]),
        ("$A=${B}\n$B=1\na ${A}\n$B=2\na ${A}", &["a 1", "a 2"]),
        ("$A=\"x y\"\na $A z", &["a \"x y\" z"]),
        ("$D=$E=5\n$D\na ${E}", &["a 5"]),
        ("$S=~SEQ(N, 2)\n$S a${N}", &["a1", "a2"]),
        ("a $UNKNOWN b", &["a $UNKNOWN b"]),
        ("a \"${UNKNOWN}\"", &["a \"${UNKNOWN}\""]),
        ("a $1 $ ${} ${1} $", &["a $1 $ ${} ${1} $"]),
        ("$_PWD=x\na ${_PWD}", &["a x"]),
        ("A=1", &["A=1"]),
        ("$A =1", &["$A =1"]),
    ]);
    faults(&[
        (
            b"$A=1\na $A/24 $A$A",
            &["a $A/24 $A1"],
            &[
                "Note (f: Line 2, column 3) '$A' is not replaced here - write '${A}'",
                "Note (f: Line 2, column 9)",
            ],
        ),
        (
            b"a b${C}d",
            &["a b${C}d"],
            &["General (f: Line 1, column 4) 'C' is not defined"],
        ),
        (
            b"$A=${A}\na ${A}\nb",
            &["b"],
            &["General (f: Line 2, column 1) a definition refers to itself"],
        ),
    ]);
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

#[test]
fn several_lines() {
    table(&[
        (
            "$X= \\\n a b \\\n  c { # d \\\n e\n$X\nf",
            &["a b", "c {", "e", "f"],
        ),
        ("$X=a \\\n b\nx $X\ny ${X}z", &["x a", "b", "y a", "bz"]),
        ("$X= \\\n a \\\n\nb\n$X", &["b", "a"]),
        ("$X= \\\n a \\\n# c\nb\n$X", &["b", "a"]),
        ("$X= \\\n a \\\n# c \\\nb\n$X", &["a", "b"]),
        (
            "$X= \\\n @node1 a \\\n @node2 b \\\n $N=5 \\\n c${N}\n$X",
            &["a", "c5"],
        ),
        (
            "$IN= \\\n i \\\n j\n$X= \\\n a \\\n $IN \\\n b\n$X\nc",
            &["a", "i", "j", "b", "c"],
        ),
        (
            "$X= \\\n i${N} \\\n ~SEQ(M, 2) j${M}\n~SEQ(N, 2) $X",
            &["i1", "j1", "j2", "i2", "j1", "j2"],
        ),
        ("$X=1 # c \\\nb\na $X", &["a 1", "b"]),
        ("$X=@node2 a \\\n b\n$X", &["b"]),
        ("$X= \\\n a \\\n b\npre $X", &["pre a", "b"]),
    ]);
    let (lines, said) = lines("$X= \\\n a \\\n $X\n$X\nb");
    assert_eq!(lines.last().map(String::as_str), Some("b"));
    assert_eq!(said.len(), 1, "{said:?}");
}

#[test]
fn sequences() {
    table(&[
        ("~SEQ(N, 3) a${N}", &["a1", "a2", "a3"]),
        ("~SEQ(N,-2) a${N}", &["a-1", "a-2"]),
        ("~SEQ(N, 0) a${N}", &["a1", "a0"]),
        ("~SEQ(N, 3, 1) a${N}", &["a3", "a2", "a1"]),
        ("~SEQ(N, 1, 3, 8) a${N}", &["a1", "a4", "a7"]),
        ("~SEQ(N, 8, -3, 1) a${N}", &["a8", "a5", "a2"]),
        ("~SEQx(N, 9, 0x0b) a${N}", &["a9", "aa", "ab"]),
        ("$E=2\n~SEQ(N, ${E}) a${N}", &["a1", "a2"]),
        (
            "~SEQ(N, 2) ~SEQ(M, 2) ${N}-${M}",
            &["1-1", "1-2", "2-1", "2-2"],
        ),
        ("~SEQ(N, 2) @node1 a $N b", &["a 1 b", "a 2 b"]),
        (
            "~SEQ(N, 9223372036854775807, 9223372036854775807) a",
            &["a"],
        ),
        ("~LST(V, a, b c , ) x${V}.", &["xa.", "xb c.", "x."]),
        ("~LST(V, \"a,b\", c) x ${V}", &["x \"a,b\"", "x c"]),
        (
            "~LST({A, B}, {1, 2}, {3}, {4,5}) ${A}-${B}",
            &["1-2", "3-", "4-5"],
        ),
        ("~SEQ(N, 2) x\na ${N}", &["x", "x", "a 2"]),
        ("~FOO(N)", &["~FOO(N)"]),
    ]);
    faults(&[
        (
            b"~SEQ(N, 1, 0, 5) a\nb",
            &["b"],
            &["General (f: Line 1, column 1) this never comes to its end"],
        ),
        (
            b"~SEQ(N, 1, -1, 5) a",
            &[],
            &["General (f: Line 1, column 1) this never comes"],
        ),
        (
            b"~SEQ(N, x) a",
            &[],
            &["General (f: Line 1, column 1) a bound is not a number"],
        ),
        (
            b"~SEQ(N) a",
            &[],
            &["General (f: Line 1, column 1) this sequence cannot be read"],
        ),
        (
            b"~SEQx(N, -2) a",
            &[],
            &["General (f: Line 1, column 1) negative"],
        ),
        (
            b"~LST({A,B}, {1,2,3}) a",
            &[],
            &["General (f: Line 1, column 1) there are more values than names"],
        ),
    ]);
}

#[test]
fn includes() {
    let files = Memory::default()
        .with("f", "a\ninclude sub/b.conf\nc\ninclude sub/x*.conf\ninclude {p,q}.conf\ninclude \"sub/b.conf\"\n@node1 include p.conf\n$I=include\n$I q.conf\nlast")
        .with("sub/b.conf", "b\ninclude deep.conf\nb2")
        .with("sub/deep.conf", "deep ${_PWD}")
        .with("sub/x2.conf", "x2")
        .with("sub/x1.conf", "x1")
        .with("p.conf", "p")
        .with("q.conf", "q");
    let (lines, said, diagnostics, expanded) = read(&files, &context());
    let b = ["b", "deep /here/sub", "b2"];
    let expected: Vec<&str> = [
        &["a"][..],
        &b,
        &["c", "x1", "x2", "p", "q"],
        &b,
        &["p", "q", "last"],
    ]
    .concat();
    assert_eq!(
        (lines.iter().map(String::as_str).collect::<Vec<_>>(), said),
        (expected, vec![])
    );
    assert_eq!(diagnostics.exit_status(), 0);
    // Each line knows its file.
    let span = expanded.span(expanded.line(2).0, 4);
    assert_eq!(
        (expanded.path(span.file), span.line),
        (Some(Path::new("sub/deep.conf")), 1)
    );
}

#[test]
fn include_faults() {
    let files = |text: &str| {
        Memory::default()
            .with("f", text)
            .with("a.conf", "include f\ninclude b.conf")
            .with("b.conf", "include a.conf\nb")
    };
    for (text, status, message) in [
        (
            "include a.conf",
            5,
            "General (a.conf: Line 1, column 9) 'f' includes itself",
        ),
        (
            "include none",
            0,
            "Note (f: Line 1, column 9) no file 'none'",
        ),
        (
            "include *.none",
            0,
            "Note (f: Line 1, column 9) no file '*.none'",
        ),
        ("includer none", 0, "Note"),
        ("includem none", 6, "IncludeCheck"),
        ("includem none*", 0, "Note"),
        ("includew none*", 6, "IncludeCheck"),
        (
            "includeb {b,none}.conf",
            6,
            "IncludeCheck (f: Line 1, column 10) no file matches 'none.conf'",
        ),
        ("includea none", 6, "IncludeCheck"),
        ("include_check match\ninclude none", 6, "IncludeCheck"),
        ("include_check\ninclude none*", 6, "IncludeCheck"),
        (
            "include_check match\ninclude_check -match\ninclude none",
            0,
            "Note",
        ),
        (
            "include",
            2,
            "MissingArgument (f: Line 1, column 1) 'include' without a file",
        ),
        (
            "include {1,2,3,4,5,6,7,8,9,0}{1,2,3,4,5,6,7,8,9,0}{1,2,3,4,5,6,7,8,9,0}{1,2,3}",
            6,
            "IncludeCheck",
        ),
    ] {
        let (_, said, diagnostics, _) = read(&files(text), &context());
        assert_eq!(diagnostics.exit_status(), status, "{text} {said:?}");
        assert!(said[0].starts_with(message), "{text} {said:?}");
    }
    let all = Context {
        checks: Checks::ALL,
        ..context()
    };
    assert_eq!(read(&files("include none*"), &all).2.exit_status(), 6);
    let (lines, said, diagnostics, _) = read(&Memory::default(), &context());
    assert_eq!(
        (lines.len(), said.len(), diagnostics.exit_status()),
        (0, 1, 6)
    );
    assert!(diagnostics.has(Class::NoConfiguration));
}

#[test]
fn places() {
    let (_, _, _, expanded) = read(
        &Memory::default().with(
            "f",
            "$A=long value\n\té  b ${A} \\#c ${A}d\n$M= \\\n  m n \\\n o\nx $M",
        ),
        &context(),
    );
    let place = |line: usize, word: &str| {
        let (start, text) = expanded.line(line);
        let at = memchr::memmem::find(text, word.as_bytes()).expect(word);
        let span = expanded.span(start + at, word.len());
        (span.line, span.column, span.length)
    };
    assert_eq!(place(0, "b"), (2, 5, 1));
    assert_eq!(place(0, "value"), (2, 7, 4));
    assert_eq!(place(0, "#c"), (2, 13, 2));
    assert_eq!(place(0, "valued"), (2, 16, 5));
    assert_eq!(place(1, "x"), (6, 1, 1));
    assert_eq!(place(1, "n"), (4, 5, 1));
    assert_eq!(place(2, "o"), (5, 2, 1));
}

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
