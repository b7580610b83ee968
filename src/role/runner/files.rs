//! Watches files with numbers for the role: reading one may take as long as a disk does. What the numbers mean is not known here.

use super::line::Answer;
use super::{Key, LOOK_INTERVAL, Runner, Source};
use crate::config::model::InitFile;
use crate::os::directory_watch::DirectoryWatch;
use crate::os::poll::Want;
use crate::os::{clock, small_file};
use crate::track::file::{self, CONTENT_MAX, FileId, Reading};
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// One file.
struct Watched {
    path: PathBuf,
    /// What was told of it last.
    told: Option<Reading>,
}

/// All files that are watched.
#[derive(Default)]
pub(super) struct Files {
    files: HashMap<FileId, Watched>,
    /// By the last part of the path: a change is told by that.
    by_name: HashMap<OsString, BTreeSet<FileId>>,
    /// How many of them are in each directory.
    directories: HashMap<PathBuf, usize>,
    watch: Option<DirectoryWatch>,
    /// Directories that nothing is heard of: they are missing, or the system watches no more.
    deaf: BTreeSet<PathBuf>,
    /// Something is watched that need not be, or is not where it was.
    is_stale: bool,
}

impl Files {
    /// Watches a file from now on; what it says is told at once.
    pub fn watch(&mut self, id: FileId, path: PathBuf, init: Option<InitFile>) -> Answer {
        match &self.watch {
            // Before it is read: nobody could tell of a change in between.
            Some(watch) if watch.add(directory(&path)).is_ok() => {}
            Some(_) => drop(self.deaf.insert(directory(&path).to_owned())),
            None => self.is_stale = true,
        }
        let written = init.map_or(Ok(()), |init| {
            small_file::write(&path, &format!("{}\n", init.value), init.overwrite)
        });
        let reading = match written {
            Err(error) if error.kind() != ErrorKind::NotFound => unreadable(&error),
            _ => read(&path),
        };
        let told = Some(reading);
        if let Some(name) = path.file_name() {
            self.by_name.entry(name.to_owned()).or_default().insert(id);
        }
        let place = directory(&path).to_owned();
        *self.directories.entry(place).or_default() += 1;
        self.files.insert(id, Watched { path, told });
        Answer::File(id, reading)
    }

    /// Watches a file no longer.
    pub fn forget(&mut self, id: FileId) {
        let Some(gone) = self.files.remove(&id) else {
            return;
        };
        // A directory that others are in is watched on, so that a reload that takes thousands away costs no look at all that stay.
        if let Entry::Occupied(mut place) = self.directories.entry(directory(&gone.path).to_owned())
        {
            *place.get_mut() -= 1;
            if *place.get() == 0 {
                place.remove();
                self.is_stale = true;
            }
        }
        if let Some(name) = gone.path.file_name()
            && let Some(ids) = self.by_name.get_mut(name)
        {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_name.remove(name);
            }
        }
    }

    /// What tells of changes, once there is something to be told; to be asked for again after each change of what is watched.
    pub fn source(&self) -> Option<&DirectoryWatch> {
        self.watch.as_ref()
    }

    /// Whether another source has to be made: there is none, or it tells what nobody asks for.
    pub fn needs_source(&self) -> bool {
        self.is_stale
    }

    /// Makes a source, or lets it go when nothing is watched. Whatever changed meanwhile is in the answers.
    pub fn renew(&mut self) -> Vec<Answer> {
        self.is_stale = false;
        self.stop_listening();
        if !self.files.is_empty() {
            // Without it the files are looked at every now and then.
            self.watch = DirectoryWatch::new().ok();
            self.listen();
        }
        let all: Vec<FileId> = self.files.keys().copied().collect();
        self.look(&all)
    }

    /// Lets the source go.
    pub fn stop_listening(&mut self) {
        self.watch = None;
        self.deaf = self.directories.keys().cloned().collect();
    }

    /// Whether files have to be looked at every now and then, as nobody tells of changes.
    pub fn is_deaf(&self) -> bool {
        !self.deaf.is_empty()
    }

    /// Looks at those files.
    pub fn look_at_deaf(&mut self) -> Vec<Answer> {
        self.is_stale |= self.watch.is_none();
        let before = self.deaf.clone();
        self.listen();
        let files = self.files.iter();
        let deaf = files.filter(|(_, file)| before.contains(directory(&file.path)));
        let deaf: Vec<FileId> = deaf.map(|(id, _)| *id).collect();
        self.look(&deaf)
    }

    /// Takes what the source tells.
    pub fn changed(&mut self) -> Vec<Answer> {
        let Some(watch) = &self.watch else {
            return Vec::new();
        };
        let told = watch.take();
        self.is_stale |= told.is_stale;
        let named = told.names.iter().filter_map(|name| self.by_name.get(name));
        let named: Vec<FileId> = named.flatten().copied().collect();
        self.look(&named)
    }

    /// Watches those directories that can be.
    fn listen(&mut self) {
        if let Some(watch) = &self.watch {
            self.deaf.retain(|directory| watch.add(directory).is_err());
        }
    }

    /// Reads some files; what is new.
    fn look(&mut self, which: &[FileId]) -> Vec<Answer> {
        let mut answers = Vec::new();
        for id in which {
            let Some(file) = self.files.get_mut(id) else {
                continue;
            };
            let reading = read(&file.path);
            if file.told.replace(reading) != Some(reading) {
                answers.push(Answer::File(*id, reading));
            }
        }
        answers
    }
}

impl Runner {
    /// Sees that changes of files are told, or that they are looked for.
    pub(super) fn watch_files(&mut self) {
        if self.files.needs_source() {
            if let Some(source) = self.files.source() {
                let _ = self.events.remove(source);
            }
            self.answers.extend(self.files.renew());
            if let Some(source) = self.files.source()
                && self.events.add(source, Source::Files, Want::Read).is_err()
            {
                self.files.stop_listening();
            }
        }
        if !self.files.is_deaf() {
            self.wheel.disarm(Key::Files);
        } else if self.wheel.deadline(Key::Files).is_none() {
            self.wheel.arm(Key::Files, clock::now() + LOOK_INTERVAL);
        }
    }

    /// Looks at the files of which nobody tells.
    pub(super) fn look_at_files(&mut self) {
        self.answers.extend(self.files.look_at_deaf());
        self.watch_files();
    }
}

/// The directory of a file; that of a bare name is where we are.
fn directory(path: &Path) -> &Path {
    let parent = path.parent().unwrap_or(path);
    if parent.as_os_str().is_empty() {
        Path::new(OsStr::new("."))
    } else {
        parent
    }
}

fn read(path: &Path) -> Reading {
    match small_file::read(path, CONTENT_MAX) {
        Ok(Some(content)) => file::read(&content),
        Ok(None) => Reading::NoFile,
        Err(error) if error.kind() == ErrorKind::NotFound => Reading::Missing,
        Err(error) => unreadable(&error),
    }
}

fn unreadable(error: &std::io::Error) -> Reading {
    Reading::Unreadable(error.raw_os_error().unwrap_or(libc::EINVAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_file_of_a_directory_takes_its_watch_along() {
        let mut files = Files::default();
        let top = std::env::temp_dir();
        for (id, name) in [(1, "nowhere/a"), (2, "nowhere/b"), (3, "elsewhere/a")] {
            let answer = files.watch(id, top.join(name), None);
            assert_eq!(answer, Answer::File(id, Reading::Missing));
        }
        files.renew();
        assert!(!files.needs_source());
        for (id, needs) in [(1, false), (1, false), (3, true), (2, true)] {
            files.forget(id);
            assert_eq!(files.needs_source(), needs, "{id}");
        }
        files.renew();
        assert!(files.source().is_none() && !files.is_deaf());
    }
}
