//! Trees of texts: shapes, places, faults and what is left of the text after them.

use crate::config::diagnostic::Diagnostics;
use crate::config::expand::{Context, expand};
use crate::config::keywords::{reads_raw, root_only};
use crate::config::source::{Disk, Memory};
use crate::config::tree::{Options, Statements, Tree};
use proptest::prelude::*;
use std::path::Path;

fn show(statements: Statements<'_>) -> String {
    let mut out = Vec::new();
    for statement in statements {
        let words: Vec<_> = statement
            .words()
            .map(|w| {
                if w.quoted() {
                    format!("\"{}\"", w.text())
                } else {
                    w.text().into()
                }
            })
            .collect();
        let block = if statement.has_block() {
            format!(" {{{}}}", show(statement.children()))
        } else {
            String::new()
        };
        out.push(words.join(" ") + &block);
    }
    out.join("; ")
}

fn tree(text: &str) -> (String, Vec<String>) {
    let mut diagnostics = Diagnostics::new();
    let files = Memory::default().with("f", text);
    let expanded = expand(
        Path::new("f"),
        &Context::default(),
        &files,
        &mut diagnostics,
    );
    let root = |word: &[u8]| word == b"vrrp_instance";
    let tree = Tree::build(
        expanded,
        Options {
            root_only: Some(&root),
            reads_raw: None,
        },
        &mut diagnostics,
    );
    (
        show(tree.statements()),
        diagnostics.iter().map(|d| diagnostics.line(d)).collect(),
    )
}

#[test]
fn braces_anywhere() {
    for (text, shape) in [
        ("a b {\n c d\n}", "a b {c d}"),
        ("a{c}", "a {c}"),
        ("a\n\n# x\n{ c d }\ne", "a {c d}; e"),
        ("a { b { c }} d {\n}", "a {b {c}}; d {}"),
        ("a {\nb\n} c x {\n d\n}", "a {b}; c x {d}"),
        (
            "real_server 10.0.0.2 80 { weight 1 }",
            "real_server 10.0.0.2 80 {weight 1}",
        ),
        ("a \"b {c}\" {\n}", "a \"b {c}\" {}"),
    ] {
        assert_eq!(tree(text), (shape.to_owned(), vec![]), "{text}");
    }
}

#[test]
fn recovery() {
    for (text, shape, said) in [
        (
            "a {\n}\n}\nb",
            "a {}; b",
            &[
                "(f: Line 3, column 1) '}' without a block to close - remove it, or look for a '}' too many before it",
            ][..],
        ),
        (
            "vrrp_instance A {\n b {\n c\n}\nvrrp_instance B {\n d\n}",
            "vrrp_instance A {b {c}}; vrrp_instance B {d}",
            &[
                "(f: Line 5, column 1) 'vrrp_instance' inside the block of 'vrrp_instance' that begins at line 1 - a '}' is missing before this line; read as if it stood there",
            ],
        ),
        (
            "a {\nb",
            "a {b}",
            &[
                "(f: Line 1, column 3) the block of 'a' that begins here is never closed - add a '}' where it should end; it was read up to the end of the file",
            ],
        ),
        (
            "a {\n{\nb\n}\n}\nc",
            "a {b}; c",
            &[
                "(f: Line 2, column 1) '{' without a keyword before it - remove it and its '}', or put the keyword it belongs to before it",
            ],
        ),
        (
            "a {\nb \"c {\nd\n}\n}",
            "a {b \"c\" {d}}",
            &[
                "(f: Line 2, column 3) this quote is not closed - close it on the same line; the rest of the line was taken for its text",
            ],
        ),
        (
            "script\" pidof x \"",
            "script \" pidof x \"",
            &[
                "(f: Line 1, column 7) no blank between 'script' and the quote - write 'script \"...\"'",
            ],
        ),
    ] {
        assert_eq!(
            tree(text),
            (
                shape.to_owned(),
                said.iter().map(|s| s.to_string()).collect()
            ),
            "{text}"
        );
    }
}

fn build(text: &str) -> Tree {
    let files = Memory::default().with("f", text);
    let expanded = expand(
        Path::new("f"),
        &Context::default(),
        &files,
        &mut Diagnostics::new(),
    );
    Tree::build(expanded, Options::default(), &mut Diagnostics::new())
}

#[test]
fn statements_and_words() {
    let tree = build("a {\n  script  \"/x  y\" 'z w'  # c\n\tb c d {\n }\n}");
    let block = tree.statements().next().expect("a block");
    let [script, b] = block.children().collect::<Vec<_>>()[..] else {
        panic!("two statements")
    };
    assert_eq!((script.len(), script.raw()), (4, &b"\"/x  y\" 'z w'"[..]));
    assert_eq!(
        script.word(1).map(|word| (word.bytes(), word.quoted())),
        Some((&b"/x  y"[..], true))
    );
    assert_eq!(script.shell_words().map(|words| words.len()), Ok(2));
    assert_eq!(
        (
            script.span().line,
            script.span().column,
            script.span().length
        ),
        (2, 3, 21)
    );
    assert_eq!(script.raw_span(9..14).column, 20);
    assert_eq!(
        b.words().map(|word| word.span().column).collect::<Vec<_>>(),
        [2, 4, 6]
    );
    assert_eq!(
        b.block_span().map(|span| (span.line, span.column)),
        Some((3, 8))
    );
    assert_eq!(b.path(), Some(Path::new("f")));
    assert!(b.has_block() && !script.has_block() && b.children().next().is_none());
    assert_eq!(block.word(1).map(|word| word.span()), None);
}

#[test]
fn statements_split() {
    let tree = build("nopreempt  state \"x y\" authentication { auth_type PASS auth_pass 12 }");
    let whole = tree.statements().next().expect("a statement");
    assert!(whole.split(0).is_none() && whole.split(4).is_none());
    let (first, rest) = whole.split(1).expect("two statements");
    assert_eq!(
        (
            first.len(),
            first.raw(),
            first.has_block(),
            first.children().count()
        ),
        (1, &b""[..], false, 0)
    );
    let (state, block) = rest.split(2).expect("two statements");
    assert_eq!((state.raw(), state.has_block()), (&b"\"x y\""[..], false));
    assert_eq!((state.span().column, state.span().length), (12, 11));
    assert_eq!(
        (
            block.keyword().bytes(),
            block.has_block(),
            block.children().count()
        ),
        (&b"authentication"[..], true, 1)
    );
    let inner = block.children().next().expect("a statement");
    assert_eq!(inner.split(2).map(|(_, pass)| pass.raw()), Some(&b"12"[..]));
}

#[test]
fn quotes_of_script_keywords_are_theirs() {
    let expanded = |text: &str| {
        expand(
            Path::new("f"),
            &Context::default(),
            &Memory::default().with("f", text),
            &mut Diagnostics::new(),
        )
    };
    let raw = |word: &[u8]| word == b"script";
    for (text, said) in [("script 'echo \"'", 0), ("other 'echo \"'", 1)] {
        let mut diagnostics = Diagnostics::new();
        let tree = Tree::build(
            expanded(text),
            Options {
                root_only: None,
                reads_raw: Some(&raw),
            },
            &mut diagnostics,
        );
        assert_eq!(diagnostics.len(), said, "{text}");
        let statement = tree.statements().next().expect(text);
        assert_eq!(
            statement.shell_words().map(|words| words.len()),
            Ok(1),
            "{text}"
        );
    }
    let tree = build("script \"a b");
    let statement = tree.statements().next().expect("a statement");
    let error = statement.shell_words().expect_err("an open quote");
    assert_eq!(
        error.span.map(|span| (span.line, span.column, span.length)),
        Some((1, 8, 1))
    );
}

#[test]
fn faults_are_bounded() {
    for text in [
        "{".repeat(100_000),
        "}".repeat(100_000),
        "a{".repeat(100_000),
        "a \"".repeat(100_001),
        "a {\n".repeat(10_000),
        "{ a }}".repeat(10_000),
    ] {
        let (shape, said) = tree(&text);
        assert!(
            said.len() <= 12 && shape.len() < 3_000_000,
            "{} {}",
            said.len(),
            shape.len()
        );
        assert!(!said.is_empty());
    }
}

proptest! {
    /// Every statement has a word and lies in its block; every word is in a statement; spans point into the file.
    #[test]
    fn any_text_makes_a_tree(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..60)) {
        let text = pieces.concat();
        let (_, said) = tree(&text);
        let tree = build(&text);
        let mut waiting: Vec<_> = tree.statements().collect();
        let (mut statements, mut words) = (0, 0);
        while let Some(statement) = waiting.pop() {
            statements += 1;
            words += statement.len();
            prop_assert!(!statement.is_empty() && statement.span().line >= 1);
            let raw = statement.raw();
            prop_assert_eq!(raw, raw.trim_ascii());
            let bytes: usize = statement.arguments().map(|word| word.bytes().len()).sum();
            prop_assert!(bytes <= raw.len());
            for index in 1..statement.len() {
                let (head, tail) = statement.split(index).expect("both have words");
                prop_assert_eq!(head.len() + tail.len(), statement.len());
                prop_assert!(head.raw().len() + tail.raw().len() <= raw.len());
            }
            waiting.extend(statement.children());
        }
        prop_assert_eq!((statements, words), (tree.len(), tree.words.len()));
        prop_assert!(said.len() <= crate::config::diagnostic::KEPT);
    }
}

const PIECES: &[&str] = &[
    "a",
    "bc",
    " ",
    " ",
    "\n",
    "\n",
    "{",
    "}",
    "\"",
    "\"x y\"",
    "'",
    "vrrp_instance V",
    "é",
    "${X}",
    "$",
    "\\",
    "# c\n",
    "//",
    "script\" x \"",
];

/// Every real file becomes a tree, and its messages are of the text level's kinds.
#[test]
fn real_files() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let Ok(entries) = std::fs::read_dir(&directory) else {
        assert_ne!(
            std::env::var("KEEPALIVED_TEST_ALL").as_deref(),
            Ok("1"),
            "no {}",
            directory.display()
        );
        eprintln!("left out: {} is not there", directory.display());
        return;
    };
    let mut files = 0;
    for path in entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "conf"))
    {
        files += 1;
        let mut diagnostics = Diagnostics::new();
        let expanded = expand(&path, &Context::default(), &Disk, &mut diagnostics);
        let tree = Tree::build(
            expanded,
            Options {
                root_only: Some(&root_only),
                reads_raw: Some(&reads_raw),
            },
            &mut diagnostics,
        );
        assert!(!tree.is_empty(), "{}", path.display());
        for diagnostic in diagnostics.iter() {
            assert!(diagnostic.span.is_some(), "{}", path.display());
            eprintln!("{}", diagnostics.line(diagnostic));
        }
    }
    assert!(files > 100, "only {files} files");
}
