//! Exit statuses, the two forms of a message, masks.

use super::*;

fn files(text: &str) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    diagnostics.add_file(
        Path::new("/etc/k.conf"),
        Some(Rc::new(text.as_bytes().to_vec())),
    );
    diagnostics
}

fn at(line: u32, column: u32, length: u32) -> Span {
    Span {
        file: 0,
        line,
        column,
        length,
    }
}

#[test]
fn exit_statuses() {
    use Class::*;
    for (classes, status) in [
        (&[][..], 0),
        (&[Note, Unimplemented], 0),
        (&[Warning, Note], 5),
        (&[Deprecated], 5),
        (&[UnknownKeyword], 5),
        (&[BadInterface], 4),
        (&[FileNotFound, Fatal], 4),
        (&[BadInterface, InvalidNumber], 5),
        (&[Security, General], 6),
        (&[IncludeCheck], 6),
        (&[NoConfiguration, Braces], 6),
        (&[MissingArgument, Security], 2),
    ] {
        let mut diagnostics = Diagnostics::new();
        classes
            .iter()
            .for_each(|&class| diagnostics.say(class, None, "x"));
        assert_eq!(diagnostics.exit_status(), status, "{classes:?}");
    }
}

#[test]
fn the_same_again_at_once_is_one_message() {
    let mut diagnostics = Diagnostics::new();
    for column in [1, 1, 1, 2, 1] {
        diagnostics.say(Class::Warning, at(3, column, 2), "x");
    }
    let columns: Vec<_> = diagnostics
        .iter()
        .filter_map(|d| Some(d.span?.column))
        .collect();
    assert_eq!(columns, [1, 2, 1]);
}

#[test]
fn only_so_many_are_kept() {
    let mut diagnostics = Diagnostics::new();
    (0..KEPT + 5).for_each(|n| diagnostics.say(Class::Note, None, format!("message {n}")));
    assert!(diagnostics.is_full());
    diagnostics.say(Class::Security, None, "last");
    assert_eq!(
        (
            diagnostics.iter().len(),
            diagnostics.dropped(),
            diagnostics.len()
        ),
        (KEPT, 6, KEPT + 6)
    );
    assert_eq!(diagnostics.exit_status(), status::REFUSED);
}

#[test]
fn one_line_form() {
    let diagnostics = files("a\n");
    let message = Diagnostic::new(Class::General, at(1, 2, 3), "wrong").help("mend it");
    assert_eq!(
        diagnostics.line(&message),
        "(/etc/k.conf: Line 1, column 2) wrong - mend it"
    );
    assert_eq!(
        diagnostics.line(&Diagnostic::new(Class::General, None, "wrong")),
        "wrong"
    );
}

#[test]
fn form_with_the_source_line() {
    let diagnostics = files("a\n\tprioritäy 100\r\nb");
    let message = Diagnostic::new(Class::UnknownKeyword, at(2, 2, 9), "unknown keyword")
        .help("did you mean 'priority'?");
    let shown = diagnostics.snippet(&message, false);
    for part in [
        "error: unknown keyword",
        "/etc/k.conf:2:2",
        "2 |  prioritäy 100",
        "  ^^^^^^^^^",
        "help: did you mean 'priority'?",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    // A place beyond the file, a whole line, an unknown file: nothing of it is an error.
    for span in [
        at(9, 1, 1),
        at(1, 900, 900),
        at(3, 1, 0),
        at(0, 0, 0),
        Span {
            file: 7,
            ..at(1, 1, 1)
        },
        at(u32::MAX, u32::MAX, u32::MAX),
    ] {
        assert!(
            diagnostics
                .snippet(&Diagnostic::new(Class::Note, span, "x"), true)
                .contains('x')
        );
    }
}

#[test]
fn secrets_are_masked() {
    for line in [
        "auth_pass geheim",
        "  auth_pass \"geheim\" # x",
        "authentication { auth_type PASS auth_pass geheim }",
        "auth_pass{geheim",
        "key 1 geheim",
        "password geheim",
        "$MY_PASS=geheim",
        "$VRRP_KEY=  geheim",
        "@node1 $SECRET=geheim",
        "@node1 auth_pass geheim",
        "auth_pass\"geheim\"",
    ] {
        let diagnostics = files(line);
        let shown = diagnostics.snippet(&Diagnostic::new(Class::Note, at(1, 1, 30), "x"), false);
        assert!(
            !shown.contains("geheim") && shown.contains("********"),
            "{shown}"
        );
    }
    let shown = files("keyword priority_pass 5")
        .snippet(&Diagnostic::new(Class::Note, at(1, 1, 1), "x"), false);
    assert!(shown.contains("priority_pass 5"), "{shown}");
}

#[test]
fn quotes_of_the_text_are_short_and_printable() {
    assert_eq!(quote(b"a\x1b[31mb\xff"), "a [31mb\u{fffd}");
    assert_eq!(quote(&[b'x'; 500]).len(), QUOTED + 3);
}
