//! Files to tree: three files that may include each other (a record separator parts them), expanded within small bounds,
//! made a tree, every message rendered.
#![no_main]

use keepalived::config::diagnostic::Diagnostics;
use keepalived::config::expand::{Context, Limits, expand};
use keepalived::config::source::Memory;
use keepalived::config::tree::{Options, Tree};
use libfuzzer_sys::fuzz_target;
use std::path::Path;

const RECORD_SEPARATOR: u8 = 0x1e;

fuzz_target!(|data: &[u8]| {
    let mut parts = data.split(|&byte| byte == RECORD_SEPARATOR);
    let files = ["f", "a.conf", "d/b.conf"]
        .into_iter()
        .fold(Memory::default(), |files, name| {
            files.with(name, parts.next().unwrap_or_default())
        });
    let context = Context {
        config_id: b"i".to_vec(),
        environment: [(b"E".to_vec(), b"$A ~SEQ(A, 2) @i".to_vec())].into(),
        limits: Limits {
            work: 1 << 18,
            line: 1 << 12,
            depth: 8,
        },
        ..Context::default()
    };
    let mut diagnostics = Diagnostics::new();
    let expanded = expand(Path::new("f"), &context, &files, &mut diagnostics);
    assert!(expanded.lines().all(|line| !line.is_empty()));
    let root = |word: &[u8]| word == b"r";
    let tree = Tree::build(
        expanded,
        Options {
            root_only: Some(&root),
            reads_raw: Some(&root),
        },
        &mut diagnostics,
    );
    let mut waiting: Vec<_> = tree.statements().collect();
    while let Some(statement) = waiting.pop() {
        let span = statement.span();
        assert!(span.line > 0 && span.column > 0 && span.length > 0);
        let _ = statement.shell_words();
        statement
            .words()
            .for_each(|word| assert!(word.span().length > 0));
        if let Some((head, tail)) = statement.split(1) {
            assert!(head.raw().len() + tail.raw().len() <= statement.raw().len());
        }
        waiting.extend(statement.children());
    }
    for diagnostic in diagnostics.iter().take(20) {
        assert!(!diagnostics.line(diagnostic).is_empty());
        assert!(!diagnostics.snippet(diagnostic, false).is_empty());
    }
});
