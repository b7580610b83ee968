//! The rules of the text level, one table a chapter.

mod bounds;
mod definitions;
mod includes;
mod text;

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
