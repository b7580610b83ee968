//! The world as the system knows it: the answers that `config` asks for while it judges a configuration.
//!
//! Some of these calls may take their time (name servers, network accounts): `-t` and the parent alone let them.

use super::{filesystem, process};
use crate::config::secret::Secret;
use crate::config::world::{Account, Flaw, KeyFile, NameDirectories, Names, Program, World};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::unistd::{Gid, Group, Uid, User, getgid, getgrouplist, getuid};
use std::ffi::CString;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read};
use std::net::ToSocketAddrs;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use zeroize::Zeroizing;

/// Where programs are looked for when PATH is not set.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The bits of a mode by which its group or others may read a file.
const READABLE_BY_OTHERS: u32 = 0o044;

/// `S_ISUID`, `S_ISGID` and `S_ISVTX`.
const SET_UID: u32 = 0o4000;
const SET_GID: u32 = 0o2000;
const STICKY: u32 = 0o1000;

/// This host.
pub struct System {
    /// Ask name servers, as `-t` does. A daemon does not wait for them: every name passes, and is resolved where it is used.
    pub may_wait: bool,
    /// Go where `net_namespace` says, as a start and `-t` do.
    pub may_move: bool,
}

impl World for System {
    fn interface_exists(&self, name: &str) -> bool {
        if_nametoindex(name).is_ok()
    }

    fn does_multicast(&self, name: &str) -> bool {
        getifaddrs().is_ok_and(|mut all| {
            all.any(|entry| {
                entry.interface_name == name && entry.flags.contains(InterfaceFlags::IFF_MULTICAST)
            })
        })
    }

    fn is_foreign(&self, interface: &str) -> bool {
        // A link that is made upon another says which.
        let entries = fs::read_dir(Path::new("/sys/class/net").join(interface));
        entries.is_ok_and(|entries| {
            !entries
                .flatten()
                .any(|entry| entry.file_name().as_encoded_bytes().starts_with(b"lower_"))
        })
    }

    fn user(&self, name: &str) -> Option<Account> {
        let user = match name.parse() {
            Ok(number) => User::from_uid(nix::unistd::Uid::from_raw(number)),
            Err(_) => User::from_name(name),
        };
        let user = user.ok()??;
        Some(Account {
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            all_groups: false,
        })
    }

    fn group(&self, name: &str) -> Option<u32> {
        if let Ok(number) = name.parse() {
            return Some(number);
        }
        Some(Group::from_name(name).ok()??.gid.as_raw())
    }

    fn own_account(&self) -> Account {
        Account {
            uid: getuid().as_raw(),
            gid: getgid().as_raw(),
            all_groups: false,
        }
    }

    fn groups(&self, account: Account) -> Vec<u32> {
        let user = User::from_uid(Uid::from_raw(account.uid)).ok().flatten();
        let name = user.and_then(|user| CString::new(user.name).ok());
        let all = name.and_then(|name| getgrouplist(&name, Gid::from_raw(account.gid)).ok());
        let all = all.unwrap_or_default().into_iter().map(Gid::as_raw);
        all.filter(|group| *group != account.gid).collect()
    }

    fn program(&self, program: &Path, directory: &Path, account: Account) -> Program {
        let Some(path) = find_program(program, directory) else {
            return Program::Missing;
        };
        // Who can change a directory on the way to a link can change where it leads, so both ways are looked at.
        let Ok(real) = path.canonicalize() else {
            return Program::Missing;
        };
        let Ok(metadata) = fs::metadata(&real) else {
            return Program::Missing;
        };
        if !metadata.is_file() || !self.may_execute(&metadata, account) {
            return Program::NotExecutable;
        }
        // What others run is theirs to keep safe; unless it makes itself root.
        let as_root = account.uid == 0 || makes_root(&metadata);
        let flaw = as_root.then(|| flaw(&path).or_else(|| flaw(&real)));
        Program::Found {
            path,
            real,
            flaw: flaw.flatten(),
        }
    }

    fn resolves(&self, host: &str) -> bool {
        !self.may_wait
            || (host, 0)
                .to_socket_addrs()
                .is_ok_and(|mut addresses| addresses.next().is_some())
    }

    fn enter_network_namespace(&self, name: &str) -> Result<(), String> {
        if !self.may_move {
            return Ok(());
        }
        process::enter_network_namespace(name).map_err(|error| error.to_string())
    }

    fn number(&self, directories: &NameDirectories, table: Names, name: &str) -> Option<u32> {
        let (file, known): (&str, &[(&str, u32)]) = match table {
            Names::Tables => (
                "rt_tables",
                &[
                    ("unspec", 0),
                    ("default", 253),
                    ("main", 254),
                    ("local", 255),
                ],
            ),
            Names::Protocols => (
                "rt_protos",
                &[
                    ("unspec", 0),
                    ("redirect", 1),
                    ("kernel", 2),
                    ("boot", 3),
                    ("static", 4),
                ],
            ),
            Names::Scopes => (
                "rt_scopes",
                &[
                    ("global", 0),
                    ("universe", 0),
                    ("site", 200),
                    ("link", 253),
                    ("host", 254),
                    ("nowhere", 255),
                ],
            ),
            Names::DsField => ("rt_dsfield", &[]),
            Names::Realms => ("rt_realms", &[("unknown", 0)]),
            Names::Groups => ("group", &[("default", 0)]),
        };
        let listed = [&directories.etc, &directories.usr]
            .into_iter()
            .flat_map(|directory| tables(&directory.join(file)))
            .filter_map(|table| fs::read_to_string(table).ok())
            .find_map(|text| listed_number(&text, name));
        listed.or_else(|| {
            known
                .iter()
                .find(|(word, _)| *word == name)
                .map(|&(_, number)| number)
        })
    }

    fn directory_exists(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn unwatched_filesystem(&self, directory: &Path) -> Option<&'static str> {
        filesystem::unwatched(directory)
    }

    fn key_file(&self, path: &Path, most: u64) -> KeyFile {
        read_key(path, most).unwrap_or_else(|error| KeyFile::Refused(error.to_string()))
    }
}

fn read_key(path: &Path, most: u64) -> io::Result<KeyFile> {
    // A pipe without a writer would keep us waiting.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(KeyFile::Refused("it is no plain file".to_owned()));
    }
    if metadata.len() > most {
        return Ok(KeyFile::Refused(format!("it has more than {most} bytes")));
    }
    // Room for all of it at once: no copy is left behind in memory by growing.
    let room = usize::try_from(metadata.len()).unwrap_or_default();
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    file.take(metadata.len()).read_to_end(&mut text)?;
    Ok(KeyFile::Read {
        text: Secret::new(text.as_slice()),
        exposed: metadata.permissions().mode() & READABLE_BY_OTHERS != 0,
    })
}

/// A table of names, and those that packages add to it in the directory beside it.
fn tables(file: &Path) -> Vec<PathBuf> {
    let mut directory = file.as_os_str().to_owned();
    directory.push(".d");
    let added = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut added: Vec<PathBuf> = added
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "conf")
        })
        .collect();
    added.sort();
    [file.to_owned()].into_iter().chain(added).collect()
}

fn find_program(program: &Path, directory: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 || program.is_absolute() {
        let path = directory.join(program);
        return path.is_file().then_some(path);
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    std::env::split_paths(&path)
        .map(|part| part.join(program))
        .find(|path| path.is_file())
}

impl System {
    fn may_execute(&self, metadata: &Metadata, account: Account) -> bool {
        let mode = metadata.permissions().mode();
        let is_in = |group| {
            group == account.gid || account.all_groups && self.groups(account).contains(&group)
        };
        if account.uid == 0 {
            return mode & 0o111 != 0;
        }
        let bit = if metadata.uid() == account.uid {
            0o100
        } else if is_in(metadata.gid()) {
            0o010
        } else {
            0o001
        };
        mode & bit != 0
    }
}

/// Whether a program runs with root's powers whoever starts it.
fn makes_root(metadata: &Metadata) -> bool {
    let mode = metadata.permissions().mode();
    mode & SET_UID != 0 && metadata.uid() == 0 || mode & SET_GID != 0 && metadata.gid() == 0
}

/// The first part of a path that someone other than root could change.
fn flaw(path: &Path) -> Option<Flaw> {
    let mut so_far = PathBuf::new();
    for component in path.components() {
        so_far.push(component);
        if matches!(component, Component::ParentDir | Component::CurDir) {
            continue;
        }
        let metadata = fs::symlink_metadata(&so_far).ok()?;
        let mode = metadata.permissions().mode();
        // The mode of a symbolic link means nothing; its owner and its directory do. In a sticky directory nobody can replace what is
        // root's.
        let open = !(metadata.is_symlink() || metadata.is_dir() && mode & STICKY != 0);
        let (reason, remedy) = if metadata.uid() != 0 {
            ("is not owned by root", "chown -h root")
        } else if open && mode & 0o002 != 0 {
            ("is writable by everybody", "chmod o-w")
        } else if open && mode & 0o020 != 0 && metadata.gid() != 0 {
            ("is writable by its group", "chmod g-w")
        } else {
            continue;
        };
        return Some(Flaw {
            component: so_far.display().to_string(),
            reason,
            remedy: format!("{remedy} {}", so_far.display()),
        });
    }
    None
}

/// A number in iproute2's form: `NUMBER NAME` a line, `#` begins a comment.
fn listed_number(text: &str, name: &str) -> Option<u32> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .find_map(|line| {
            let mut words = line.split_whitespace();
            let number = words.next()?;
            if words.next()? != name {
                return None;
            }
            match number.strip_prefix("0x") {
                Some(hex) => u32::from_str_radix(hex, 16).ok(),
                None => number.parse().ok(),
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: System = System {
        may_wait: true,
        may_move: false,
    };

    #[test]
    fn well_known_things_are_known() {
        assert!(HERE.interface_exists("lo"));
        assert!(!HERE.interface_exists("nonesuch0"));
        assert!(!HERE.does_multicast("lo"));
        assert_eq!(HERE.user("root"), Some(Account::ROOT));
        assert_eq!(HERE.user("no-such-user"), None);
        assert_eq!(
            HERE.number(&NameDirectories::default(), Names::Scopes, "link"),
            Some(253)
        );
        assert_eq!(
            HERE.number(&NameDirectories::default(), Names::Tables, "main"),
            Some(254)
        );
        assert_eq!(
            HERE.number(&NameDirectories::default(), Names::Tables, "nonesuch"),
            None
        );
        assert!(HERE.directory_exists(Path::new("/")));
    }

    #[test]
    fn programs_are_found_and_judged_by_every_part_of_their_path() {
        let root = Account::ROOT;
        assert_eq!(
            HERE.program(Path::new("no-such-program"), Path::new("/"), root),
            Program::Missing
        );
        assert_eq!(
            HERE.program(Path::new("/etc/passwd"), Path::new("/"), root),
            Program::NotExecutable
        );
        let directory =
            std::env::temp_dir().join(format!("keepalived-world-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        let script = directory.join("check");
        fs::write(&script, "#!/bin/sh\n").expect("write");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o777)).expect("mode");
        let judged = HERE.program(Path::new("check"), &directory, root);
        assert_eq!(
            judged,
            Program::Missing,
            "a bare name is looked for in PATH alone"
        );
        let flaw = |account| match HERE.program(&script, Path::new("/"), account) {
            Program::Found { flaw, .. } => flaw,
            other => panic!("{other:?}"),
        };
        assert!(flaw(root).is_some());
        let user = Account { uid: 12345, ..root };
        assert_eq!(
            flaw(user),
            None,
            "what is not root's is not root's business"
        );
        // Two links: where they lead is what is judged and run.
        let link = directory.join("link");
        std::os::unix::fs::symlink("/bin/sh", &link).expect("a link");
        match HERE.program(&link, Path::new("/"), user) {
            Program::Found { path, real, .. } => {
                assert_eq!(path, link);
                assert_eq!(real, Path::new("/bin/sh").canonicalize().expect("a shell"));
            }
            other => panic!("{other:?}"),
        }
        fs::remove_dir_all(&directory).expect("clean up");
    }

    #[test]
    fn tables_of_names_are_read() {
        let text = "# comment\n 100 blue\n0x1f\tred # more\nrubbish\n";
        assert_eq!(listed_number(text, "blue"), Some(100));
        assert_eq!(listed_number(text, "red"), Some(31));
        assert_eq!(listed_number(text, "comment"), None);
    }
}
