//! Settings of the kernel that virtual MACs need, and what they were before. The reconciler sets those that travel by netlink; here
//! are the others, and the file from which a process that replaces a dead one, or a daemon after a crash, learns what to put back.
//!
//! The file lies beside the pid file, in memory; it is written when the first virtual MAC is made and the last one goes.

use crate::kernel::{Saved, Setting};
use crate::os::{small_file, sysctl};
use crate::role::dump;
use log::{debug, warn};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// The path of a setting of a link is this, its name, and the setting's.
const LINKS: &str = "net/ipv4/conf/";
/// Names in the place of a link's that mean all of them, and those to come.
const NO_LINKS: [&str; 2] = ["all", "default"];

/// More than the settings of all links that a host may have take.
const FILE_MAX: u64 = 16 * 1024 * 1024;

/// A setting of a link, as the reconciler knows it.
pub(super) type OfLink = ((String, Setting), Saved);

/// What is changed, and what it was.
pub(super) struct Sysctls {
    file: PathBuf,
    own: BTreeMap<String, Saved>,
    of_links: Vec<OfLink>,
}

impl Sysctls {
    /// What an earlier process has left in the file, and what of it is the reconciler's.
    pub fn recall(file: PathBuf) -> (Self, Vec<OfLink>) {
        let mut sysctls = Sysctls {
            file,
            own: BTreeMap::new(),
            of_links: Vec::new(),
        };
        // Without a file there is nothing to be put back.
        let text = match small_file::read_own(&sysctls.file, FILE_MAX) {
            Ok(bytes) => String::from_utf8(bytes).unwrap_or_default(),
            Err(error) => {
                if error.kind() != ErrorKind::NotFound {
                    warn!("Cannot read {}: {error}", sysctls.file.display());
                }
                String::new()
            }
        };
        for (path, saved) in text.lines().filter_map(read_line) {
            match of_link(path) {
                Some(key) => sysctls.of_links.push((key, saved)),
                None => {
                    sysctls.own.insert(path.to_owned(), saved);
                }
            }
        }
        let of_links = sysctls.of_links.clone();
        (sysctls, of_links)
    }

    /// Changes a setting, and keeps what it was.
    pub fn set(&mut self, path: &str, value: u32) -> io::Result<()> {
        let is = sysctl::read(path)?;
        if is == value {
            return Ok(());
        }
        sysctl::write(path, value)?;
        let before = self.own.get(path).map_or(is, |saved| saved.before);
        let now = Saved { before, now: value };
        self.own.insert(path.to_owned(), now);
        self.store();
        Ok(())
    }

    /// What a setting was before it was changed; what it is when it was not.
    pub fn original(&self, path: &str) -> io::Result<u32> {
        match self.own.get(path) {
            Some(saved) => Ok(saved.before),
            None => sysctl::read(path),
        }
    }

    /// Gives a setting the value that it had, unless somebody else has changed it since.
    pub fn put_back(&mut self, path: &str) {
        let Some(saved) = self.own.remove(path) else {
            return;
        };
        if sysctl::read(path).is_ok_and(|is| is == saved.now)
            && let Err(error) = sysctl::write(path, saved.before)
        {
            warn!("Cannot set {path} back to {}: {error}", saved.before);
        }
        self.store();
    }

    /// Everything.
    pub fn put_all_back(&mut self) {
        let paths: Vec<String> = self.own.keys().cloned().collect();
        for path in paths {
            self.put_back(&path);
        }
    }

    /// Takes over what the reconciler has changed.
    pub fn remember(&mut self, of_links: Vec<OfLink>) {
        self.of_links = of_links;
        self.store();
    }

    fn store(&self) {
        let mut text = String::new();
        let of_links = self.of_links.iter().map(|((name, setting), saved)| {
            let path = format!("{LINKS}{name}/{}", setting.name());
            (path, *saved)
        });
        let own = self.own.iter().map(|(path, saved)| (path.clone(), *saved));
        for (path, Saved { before, now }) in own.chain(of_links) {
            text.push_str(&format!("{path} {before} {now}\n"));
        }
        let stored = if text.is_empty() {
            fs::remove_file(&self.file)
        } else {
            dump::write(&self.file, text.as_bytes())
        };
        if let Err(error) = stored {
            debug!("Cannot keep {}: {error}", self.file.display());
        }
    }
}

fn read_line(line: &str) -> Option<(&str, Saved)> {
    let mut words = line.split(' ');
    let path = words.next().filter(|path| !path.contains(".."))?;
    let before = words.next()?.parse().ok()?;
    let now = words.next()?.parse().ok()?;
    Some((path, Saved { before, now }))
}

/// The link and the setting of a path that is one of those.
fn of_link(path: &str) -> Option<(String, Setting)> {
    let (name, setting) = path.strip_prefix(LINKS)?.split_once('/')?;
    let setting = Setting::ALL
        .into_iter()
        .find(|known| known.name() == setting)?;
    (!NO_LINKS.contains(&name)).then(|| (name.to_owned(), setting))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_is_recalled_from_the_file() {
        let file = std::env::temp_dir().join(format!("keepalived-sysctl-{}", std::process::id()));
        let (mut sysctls, nothing) = Sysctls::recall(file.clone());
        assert_eq!(nothing, []);
        let saved = Saved { before: 0, now: 1 };
        let key = ("eth0.5".to_owned(), Setting::ArpIgnore);
        sysctls.own.insert(format!("{LINKS}all/rp_filter"), saved);
        sysctls.remember(vec![(key.clone(), saved)]);
        let (recalled, of_links) = Sysctls::recall(file.clone());
        assert_eq!(of_links, [(key, saved)]);
        assert_eq!(recalled.own, sysctls.own);
        sysctls.own.clear();
        sysctls.remember(Vec::new());
        assert!(!file.exists(), "nothing is left to be put back");
        for wrong in ["", "path", "path 1", "path 1 x", "../etc/passwd 1 2"] {
            assert_eq!(read_line(wrong), None, "{wrong}");
        }
    }
}
