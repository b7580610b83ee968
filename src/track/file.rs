//! `track_file`: which files are watched, what is in them, and what is said of it. Reading and watching files is the runner's; what
//! a number does to a priority, or to the weight of a server, is for whoever tracks it.

use super::Level;
use crate::config::model::{InitFile, TrackFile};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;

/// A file that is watched; never given to another one.
pub type FileId = u64;

/// How much of a file is read, bytes: a number is not longer.
pub const CONTENT_MAX: usize = 128;

/// What a file was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reading {
    /// There is none: counts as zero.
    Missing,
    /// It begins with this number, or is empty, which counts as zero.
    Value(i32),
    /// It begins with something else.
    NoNumber,
    /// It is a directory, a pipe or the like.
    NoFile,
    /// It cannot be read: the errno.
    Unreadable(i32),
}

/// What the first bytes of a file say: the number that the first word begins with, in the notation of C (`0x` and `0` in front), held
/// within 32 bits.
pub fn read(content: &[u8]) -> Reading {
    let content = content.get(..CONTENT_MAX).unwrap_or(content);
    let mut words = content
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    match words.next() {
        None => Reading::Value(0),
        Some(word) => number(word).map_or(Reading::NoNumber, Reading::Value),
    }
}

fn number(word: &[u8]) -> Option<i32> {
    let (negative, digits) = match word {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, word),
    };
    let (base, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', rest @ ..] if !rest.is_empty() => (8, rest),
        _ => (10, digits),
    };
    let mut digits = digits
        .iter()
        .map_while(|byte| char::from(*byte).to_digit(base))
        .peekable();
    // A prefix begins with a digit, too.
    if base == 10 {
        digits.peek()?;
    }
    let value = digits.fold(0i64, |value, digit| {
        value
            .saturating_mul(base.into())
            .saturating_add(digit.into())
    });
    let value = if negative { -value } else { value };
    i32::try_from(value.clamp(i32::MIN.into(), i32::MAX.into())).ok()
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read this file, now and whenever it changes, and tell what it says.
    Watch {
        /// Which.
        id: FileId,
        /// Where.
        path: PathBuf,
        /// What is written to it first.
        init: Option<InitFile>,
    },
    /// It is of no interest any more.
    Forget(FileId),
    /// This is what it says from now on.
    Level {
        /// Its name.
        name: Rc<str>,
        /// What it says.
        level: Level,
    },
    /// Say this in the log.
    Tell(Notice),
}

/// A log line about a file. `Display` words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its name in the configuration.
    pub name: Rc<str>,
    /// Where it is.
    pub path: PathBuf,
    /// What it was found to be.
    pub reading: Reading,
    /// What counts.
    pub value: Option<i32>,
}

impl Notice {
    /// Whether somebody should do something.
    pub fn is_fault(&self) -> bool {
        !matches!(self.reading, Reading::Missing | Reading::Value(_))
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, path) = (&self.name, self.path.display());
        let counts = self.value.unwrap_or_default();
        match self.reading {
            Reading::Missing => write!(
                f,
                "Track file {name} now 0: {path} does not exist (any more)"
            ),
            Reading::Value(value) => write!(f, "Track file {name} now {value}"),
            Reading::NoNumber => write!(
                f,
                "Track file {name}: {path} does not begin with a number; {counts} counts on. Write one, as in: echo 1 > {path}"
            ),
            Reading::NoFile => write!(
                f,
                "Track file {name}: {path} is no plain file; {counts} counts on. Put a file with a number in its place"
            ),
            Reading::Unreadable(errno) => write!(
                f,
                "Track file {name}: {path} cannot be read ({}); {counts} counts on",
                std::io::Error::from_raw_os_error(errno)
            ),
        }
    }
}

/// One file: what is configured and, apart from it, what it says.
#[derive(Debug)]
pub struct File {
    name: Rc<str>,
    config: TrackFile,
    reading: Option<Reading>,
    value: Option<i32>,
}

impl File {
    /// What is configured.
    pub fn config(&self) -> &TrackFile {
        &self.config
    }
    /// What it was last found to be.
    pub fn reading(&self) -> Option<Reading> {
        self.reading
    }
    /// The number that counts, once it was read.
    pub fn value(&self) -> Option<i32> {
        self.value
    }
}

/// All files.
#[derive(Debug, Default)]
pub struct Files {
    files: BTreeMap<FileId, File>,
    by_name: HashMap<Rc<str>, FileId>,
    last: FileId,
}

impl Files {
    /// All files.
    pub fn iter(&self) -> impl Iterator<Item = &File> {
        self.files.values()
    }

    /// Takes over a configuration: the first, or another. A file that did not change is not touched. `begins`: the daemon starts, so
    /// that files are written as `init_file` says.
    pub fn configure(&mut self, files: &[TrackFile], begins: bool, actions: &mut Vec<Action>) {
        let mut before = std::mem::take(&mut self.by_name);
        for config in files {
            let known = before.remove_entry(config.name.as_str());
            let file = match known {
                Some((name, id)) => {
                    let Some(mut file) = self.files.remove(&id) else {
                        continue;
                    };
                    if file.config.path == config.path {
                        file.config = config.clone();
                        self.by_name.insert(name, id);
                        self.files.insert(id, file);
                        continue;
                    }
                    actions.push(Action::Forget(id));
                    // It says what it said until it has been read.
                    File {
                        config: config.clone(),
                        reading: None,
                        ..file
                    }
                }
                None => {
                    let name: Rc<str> = config.name.as_str().into();
                    actions.push(Action::Level {
                        name: name.clone(),
                        level: Level::Unknown,
                    });
                    File {
                        name,
                        config: config.clone(),
                        reading: None,
                        value: None,
                    }
                }
            };
            self.last += 1;
            let id = self.last;
            actions.push(Action::Watch {
                id,
                path: config.path.clone(),
                init: config.init.filter(|_| begins),
            });
            self.by_name.insert(file.name.clone(), id);
            self.files.insert(id, file);
        }
        for id in before.into_values() {
            self.files.remove(&id);
            actions.push(Action::Forget(id));
        }
    }

    /// What a file was found to be. What is no number changes nothing, but for a file that has never been read: it counts as zero,
    /// so that whoever waits for it can begin.
    pub fn found(&mut self, id: FileId, reading: Reading, actions: &mut Vec<Action>) {
        let Some(file) = self.files.get_mut(&id) else {
            return;
        };
        let before = (file.reading.replace(reading), file.value);
        let value = match reading {
            Reading::Value(value) => value,
            Reading::Missing => 0,
            Reading::NoNumber | Reading::NoFile | Reading::Unreadable(_) => {
                file.value.unwrap_or_default()
            }
        };
        file.value = Some(value);
        let notice = Notice {
            name: file.name.clone(),
            path: file.config.path.clone(),
            reading,
            value: file.value,
        };
        let first_zero = before.1.is_none() && value == 0;
        let news = before != (Some(reading), Some(value)) && (!first_zero || notice.is_fault());
        if news {
            actions.push(Action::Tell(notice));
        }
        if before.1 != Some(value) {
            actions.push(Action::Level {
                name: file.name.clone(),
                level: Level::Value(value),
            });
        }
    }

    /// Nobody watches any more; whoever does from now on has to be told what. What the files said last stands.
    pub fn lost(&mut self, actions: &mut Vec<Action>) {
        for (id, file) in &mut self.files {
            actions.push(Action::Watch {
                id: *id,
                path: file.config.path.clone(),
                init: None,
            });
        }
    }
}
