//! Outlined text: titles between `------<` and `>------`, `Key = value` below, one blank of indent a level.

use std::fmt::{Display, Write};

/// What may not be there.
pub(super) fn or_none(value: Option<impl Display>) -> String {
    value.map_or_else(|| "(none)".to_owned(), |value| value.to_string())
}

/// Text that grows.
#[derive(Default)]
pub(super) struct Outline(String);

impl Outline {
    pub fn title(&mut self, title: &str) {
        let _ = writeln!(self.0, "------< {title} >------");
    }
    /// A line of its own at a level from 1.
    pub fn line(&mut self, level: usize, text: impl Display) {
        let _ = writeln!(self.0, "{:level$}{text}", "");
    }
    /// ` Key = value`.
    pub fn value(&mut self, level: usize, key: &str, value: impl Display) {
        self.line(level, format_args!("{key} = {value}"));
    }
    /// `Key: value`.
    pub fn count(&mut self, level: usize, key: &str, value: impl Display) {
        self.line(level, format_args!("{key}: {value}"));
    }
    pub fn into_text(self) -> String {
        self.0
    }
}
