//! Other files, and the places of messages.

use super::*;

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
