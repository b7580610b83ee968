//! Files to logical lines: comments, `@` conditions, `$` definitions, `~SEQ` and `~LST`, includes. Reads nothing but through
//! `source::Files`; host name, environment and random numbers come in as values.

mod clean;
mod define;
mod draft;
mod frame;
mod include;
mod sequence;
#[cfg(test)]
mod tests;

use super::diagnostic::{Class, Diagnostics, Span};
use super::expanded::{Expanded, Origin};
use super::line::{Grammar, Rule, structure};
use super::source::{Files, Lines};
use clean::{Clean, Look};
use define::Lead;
use draft::Draft;
use frame::{FileFrame, Frame, Step};
use pest::Parser;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What the world outside contributes.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// What `@ID` is compared with: `-i`, else the host name up to its first dot.
    pub config_id: Vec<u8>,
    /// For `${_ENV NAME}`.
    pub environment: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The working directory, which a relative path of the top-level file is relative to; for `${_PWD}`.
    pub directory: PathBuf,
    /// For `${_RANDOM}`.
    pub seed: u64,
    /// The checks of plain `include` lines (`-e` sets all).
    pub checks: Checks,
    /// How far expansion may go.
    pub limits: Limits,
}

/// What is checked of an include.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Each match must be a readable regular file.
    pub readable: bool,
    /// Something must match, unless there are wildcards.
    pub matching: bool,
    /// Something must match wildcards, too.
    pub wildcard: bool,
    /// Something must match each of the brace alternatives.
    pub braces: bool,
}

/// The bounds of expansion. Whatever the text says, it ends.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all text read and produced, lines and steps costing a little extra.
    pub work: u64,
    /// Bytes of one line.
    pub line: usize,
    /// How deep includes, sequences and definitions may lie in one another.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            work: 1 << 30,
            line: 1 << 20,
            depth: 64,
        }
    }
}

/// Reads the top-level file and all it includes. Always gives what could be understood; a top-level file that cannot be read is
/// `Class::NoConfiguration`.
pub fn expand(
    path: &Path,
    context: &Context,
    files: &dyn Files,
    diagnostics: &mut Diagnostics,
) -> Expanded {
    let mut expander = Expander {
        context,
        files,
        expanded: Expanded::default(),
        frames: Vec::new(),
        definitions: HashMap::new(),
        collecting: None,
        checks: context.checks,
        seed: context.seed,
        work: 0,
        diagnostics,
    };
    match files.read(path) {
        Ok(text) => {
            let identity = files.identity(path);
            let outcome = expander
                .push_file(path, identity, text, None)
                .and_then(|()| expander.run());
            if let Err(fault) = outcome {
                expander.tell(fault);
            }
        }
        Err(reason) => {
            diagnostics.add_file(path, None);
            let message = format!("cannot read {}: {reason}", path.display());
            let help = "-f names the file; it must be a plain text file that is not executable";
            diagnostics.advise(Class::NoConfiguration, None, message, help);
            let mut expanded = Expanded::default();
            expanded.set_files(diagnostics.paths());
            return expanded;
        }
    }
    let Expander {
        mut expanded,
        diagnostics,
        ..
    } = expander;
    expanded.set_files(diagnostics.paths());
    expanded
}

/// Why a line, or everything that follows, is given up.
enum Fault {
    /// The line at this place.
    Line(Span, &'static str),
    /// All of it: the bounds of `Limits` are reached.
    All(&'static str),
}

/// A definition of which lines are still to come.
struct Collecting {
    /// None: behind a condition that does not hold.
    name: Option<Vec<u8>>,
    lines: Vec<Draft>,
}

/// What a line that is not taken as it stands costs beside its bytes; measured, not guessed: a byte that is only copied takes a
/// few nanoseconds.
const LINE: usize = 256;

struct Expander<'a> {
    context: &'a Context,
    files: &'a dyn Files,
    diagnostics: &'a mut Diagnostics,
    expanded: Expanded,
    frames: Vec<Frame>,
    definitions: HashMap<Vec<u8>, define::Value>,
    collecting: Option<Collecting>,
    checks: Checks,
    seed: u64,
    work: u64,
}

impl Expander<'_> {
    fn run(&mut self) -> Result<(), Fault> {
        while let Some(frame) = self.frames.last_mut() {
            let step = frame.next(&mut self.definitions);
            match step {
                Step::File => self.file_lines()?,
                Step::Line(line) => {
                    self.charge(line.len() + LINE)?;
                    self.line_or_tell(line)?;
                }
                Step::Include(path, checks, span) => self.open(&path, checks, span)?,
                Step::Done => _ = self.frames.pop(),
            }
        }
        Ok(())
    }

    /// Reads lines of the topmost file until one opens another frame, or the file ends.
    fn file_lines(&mut self) -> Result<(), Fault> {
        let Some(Frame::File(frame)) = self.frames.last_mut() else {
            return Ok(());
        };
        let (text, file) = (frame.text.clone(), frame.file);
        let mut number = frame.number;
        let depth = self.frames.len();
        let mut lines = match self.frames.last() {
            Some(Frame::File(frame)) => Lines::from(&text, frame.at, frame.returns),
            _ => return Ok(()),
        };
        while let Some((_, line)) = lines.next() {
            number = number.saturating_add(1);
            let (blanks, trimmed) = clean::trim(line);
            if self.collecting.is_none() {
                match clean::look(trimmed) {
                    Look::Plain(text) if !include::candidate(text) => {
                        if !self.expanded.push(text, file, number, blanks as u32 + 1) {
                            return Err(Fault::All(TOO_MUCH));
                        }
                        continue;
                    }
                    Look::Empty => continue,
                    _ => {}
                }
            }
            if let Some(Frame::File(frame)) = self.frames.last_mut() {
                (frame.at, frame.number) = (lines.offset(), number);
            }
            let clean = clean::clean(line, file, number, self.diagnostics);
            self.physical(clean)?;
            if self.frames.len() > depth {
                return Ok(());
            }
        }
        // A definition does not go on in the next file.
        self.end_definition();
        if let Some(Frame::File(frame)) = self.frames.pop() {
            self.checks = frame.checks;
        }
        Ok(())
    }

    /// A line of a file without its comment.
    fn physical(&mut self, clean: Clean) -> Result<(), Fault> {
        let Clean {
            draft,
            continued,
            backslash,
        } = clean;
        if let Some(collecting) = &mut self.collecting {
            let last = !continued;
            let draft = draft.trimmed();
            if draft.len() > 0 {
                collecting.lines.push(draft);
            }
            if last {
                self.end_definition();
            }
            return Ok(());
        }
        if draft.len() == 0 && backslash.is_none() {
            return Ok(());
        }
        if !continued {
            return self.line_or_tell(draft);
        }
        // Only definitions go on: to all else the backslash belongs.
        let (kept, start) = self.condition(&draft);
        match definition(draft.text().get(start..).unwrap_or_default()) {
            Some((name, value)) => {
                let name = kept.then_some(name);
                let first = draft.part(start + value..draft.len()).trimmed();
                let lines = if first.len() == 0 {
                    Vec::new()
                } else {
                    vec![first]
                };
                self.collecting = Some(Collecting { name, lines });
                Ok(())
            }
            None if kept => {
                let mut line = draft.part(start..draft.len());
                if let Some(origin) = backslash {
                    line.push(b"\\", origin);
                }
                self.line_or_tell(line)
            }
            None => Ok(()),
        }
    }

    fn end_definition(&mut self) {
        if let Some(Collecting {
            name: Some(name),
            lines,
        }) = self.collecting.take()
        {
            self.definitions.insert(name, Rc::from(lines));
        }
    }

    /// One line, whatever frame it came from; says what is wrong with it alone, and passes on what ends everything.
    fn line_or_tell(&mut self, draft: Draft) -> Result<(), Fault> {
        match self.line(draft) {
            Err(fault @ Fault::Line(..)) => {
                self.tell(fault);
                Ok(())
            }
            other => other,
        }
    }

    fn line(&mut self, mut draft: Draft) -> Result<(), Fault> {
        for _ in 0..self.context.limits.depth {
            let (kept, start) = self.condition(&draft);
            if !kept {
                return Ok(());
            }
            if start > 0 {
                draft = draft.part(start..draft.len());
            }
            if let Some((name, value)) = definition(draft.text()) {
                let value = draft.part(value..draft.len());
                let value = if value.len() == 0 {
                    Rc::from([])
                } else {
                    Rc::from([value])
                };
                self.definitions.insert(name, value);
                return Ok(());
            }
            if draft.text().first() == Some(&b'~') && self.sequence(&draft)?.is_some() {
                return Ok(());
            }
            match self.lead(&draft)? {
                Lead::None => break,
                Lead::Text(line) => draft = line,
                Lead::Frame => return Ok(()),
            }
        }
        let draft = self.substitute(draft)?.draft;
        self.emit(draft)
    }

    fn emit(&mut self, draft: Draft) -> Result<(), Fault> {
        if draft.len() == 0 || (include::candidate(draft.text()) && self.include(&draft)?) {
            return Ok(());
        }
        self.charge(draft.len())?;
        if draft.emit(&mut self.expanded) {
            Ok(())
        } else {
            Err(Fault::All(TOO_MUCH))
        }
    }

    /// Whether the conditions before a line hold, and where the line itself begins.
    fn condition(&mut self, draft: &Draft) -> (bool, usize) {
        let mut start = 0;
        if draft.text().first() != Some(&b'@') {
            return (true, start);
        }
        let front = structure(draft.text());
        while let Some(pair) = front
            .get(start..)
            .and_then(|rest| Grammar::parse(Rule::condition, rest).ok()?.next())
        {
            let after = start + pair.as_span().end();
            let (mut unless, mut id) = (false, start..start);
            for inner in pair.into_inner() {
                match inner.as_rule() {
                    Rule::unless => unless = true,
                    _ => id = start + inner.as_span().start()..start + inner.as_span().end(),
                }
            }
            if id.is_empty() {
                let help = "write @ID or @^ID without a blank";
                self.diagnostics.advise(
                    Class::General,
                    draft.span(start..start + 1),
                    "a condition without an id",
                    help,
                );
                return (false, start);
            }
            if (draft.text().get(id) == Some(self.context.config_id.as_slice())) == unless {
                return (false, after);
            }
            start = after;
        }
        (true, start)
    }

    /// Counts work done; an error when it is too much. Whatever the text says, this ends it.
    fn charge(&mut self, bytes: usize) -> Result<(), Fault> {
        self.work = self.work.saturating_add(bytes as u64);
        if self.work > self.context.limits.work {
            Err(Fault::All(TOO_MUCH))
        } else {
            Ok(())
        }
    }

    fn advise(
        &mut self,
        class: Class,
        origin: Origin,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let Origin {
            file,
            line,
            column,
            length,
        } = origin;
        self.diagnostics.advise(
            class,
            Span {
                file,
                line,
                column,
                length,
            },
            message,
            help,
        );
    }

    fn tell(&mut self, fault: Fault) {
        match fault {
            Fault::Line(span, message) => {
                self.diagnostics
                    .advise(Class::General, span, message, "the line is left out")
            }
            Fault::All(message) => {
                let place = self.frames.iter().rev().find_map(|frame| match frame {
                    Frame::File(FileFrame { file, number, .. }) => Some(Span {
                        file: *file,
                        line: *number,
                        column: 1,
                        length: 0,
                    }),
                    _ => None,
                });
                self.diagnostics
                    .advise(Class::General, place, message, "what follows is left out");
            }
        }
    }
}

const TOO_MUCH: &str = "the configuration grows beyond all bounds here";

/// The name of a definition and where its value begins.
fn definition(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    if text.first() != Some(&b'$') {
        return None;
    }
    let front = structure(text);
    let pair = Grammar::parse(Rule::definition, &front).ok()?.next()?;
    let value = pair.as_span().end();
    let name = pair.into_inner().next()?.as_span();
    Some((text.get(name.start()..name.end())?.to_vec(), value))
}
