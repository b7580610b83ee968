//! Where lines come from: files, the files of an include, the further lines of a value, sequences. They lie on one another; the
//! topmost gives the next line. What happens to a line is `expand`'s.

use super::draft::Draft;
use super::{Checks, Expander, Fault, clean, define, sequence};
use crate::config::diagnostic::{Class, FileId, Span};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Where lines come from. The topmost gives the next one; it is left when it has no more.
pub(super) enum Frame {
    /// A file.
    File(FileFrame),
    /// The files of an include, one after the other.
    Files {
        paths: Rc<[PathBuf]>,
        next: usize,
        checks: Checks,
        span: Span,
    },
    /// The further lines of a value, and what goes behind the last of them.
    Value {
        lines: define::Value,
        next: usize,
        tail: Draft,
    },
    /// A line that is read once for each value.
    Sequence {
        names: Vec<Vec<u8>>,
        values: sequence::Values,
        line: Draft,
    },
}

pub(super) struct FileFrame {
    pub file: FileId,
    pub path: PathBuf,
    pub identity: PathBuf,
    pub text: Rc<Vec<u8>>,
    pub at: usize,
    pub number: u32,
    pub returns: bool,
    /// What the include checks were when this file was begun.
    pub checks: Checks,
}

/// What a frame gave.
pub(super) enum Step {
    Line(Draft),
    Include(PathBuf, Checks, Span),
    File,
    Done,
}

/// What reading a file costs beside its bytes.
const FILE: usize = 4096;

impl Frame {
    /// What it gives next. Sequences set their names.
    pub(super) fn next(&mut self, definitions: &mut HashMap<Vec<u8>, define::Value>) -> Step {
        match self {
            Frame::File(_) => Step::File,
            Frame::Files {
                paths,
                next,
                checks,
                span,
            } => match paths.get(*next) {
                Some(path) => {
                    *next += 1;
                    Step::Include(path.clone(), *checks, *span)
                }
                None => Step::Done,
            },
            Frame::Value { lines, next, tail } => match lines.get(*next) {
                Some(line) => {
                    *next += 1;
                    let mut line = line.clone();
                    if *next == lines.len() {
                        line.push_part(tail, 0..tail.len());
                    }
                    Step::Line(line)
                }
                None => Step::Done,
            },
            Frame::Sequence {
                names,
                values,
                line,
            } => match values.next(names.len()) {
                Some(set) => {
                    for (name, value) in names.iter().zip(set) {
                        match definitions.get_mut(name) {
                            Some(old) => *old = value,
                            None => _ = definitions.insert(name.clone(), value),
                        }
                    }
                    Step::Line(line.clone())
                }
                None => Step::Done,
            },
        }
    }
}

impl Expander<'_> {
    pub(super) fn push_frame(&mut self, frame: Frame, span: Span) -> Result<(), Fault> {
        if self.frames.len() >= self.context.limits.depth {
            return Err(Fault::Line(
                span,
                "includes, sequences or definitions lie too deep in one another, or refer to themselves",
            ));
        }
        self.frames.push(frame);
        Ok(())
    }

    pub(super) fn push_file(
        &mut self,
        path: &Path,
        identity: PathBuf,
        text: Vec<u8>,
        span: Option<Span>,
    ) -> Result<(), Fault> {
        self.charge(text.len() + FILE)?;
        let (text, mark) = match clean::without_mark(text) {
            Ok(text) => text,
            Err(reason) => {
                let class = if span.is_some() {
                    Class::General
                } else {
                    Class::NoConfiguration
                };
                self.diagnostics.add_file(path, None);
                self.diagnostics.say(
                    class,
                    span,
                    format!("cannot read {}: {reason}", path.display()),
                );
                return Ok(());
            }
        };
        self.expanded.reserve(text.len());
        let text = Rc::new(text);
        let file = self.diagnostics.add_file(path, Some(text.clone()));
        if mark {
            let help = "it was passed over; save the file without it";
            let span = Span {
                file,
                line: 1,
                column: 1,
                length: 0,
            };
            self.diagnostics.advise(
                Class::Warning,
                span,
                "there is a byte order mark before the first line",
                help,
            );
        }
        let returns = memchr::memchr(b'\r', &text).is_some();
        let checks = self.checks;
        let frame = FileFrame {
            file,
            path: path.to_owned(),
            identity,
            text,
            at: 0,
            number: 0,
            returns,
            checks,
        };
        let whole = span.unwrap_or(Span {
            file,
            line: 1,
            column: 1,
            length: 0,
        });
        self.push_frame(Frame::File(frame), whole)
    }

    /// The file that lines come from, whatever lies above it.
    pub(super) fn current_path(&self) -> &Path {
        let path = self.frames.iter().rev().find_map(|frame| match frame {
            Frame::File(file) => Some(file.path.as_path()),
            _ => None,
        });
        path.unwrap_or(Path::new(""))
    }
}
