//! What a configuration is judged against besides its own text: interfaces, accounts, programs, host names. The parent answers
//! from the system (`os::world`), tests from a table.

use super::secret::Secret;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A user and a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// User id.
    pub uid: u32,
    /// Group id: the user's primary group, when no other was named.
    pub gid: u32,
    /// A `:` asked for the user's other groups, too.
    pub all_groups: bool,
}

impl Account {
    /// The superuser.
    pub const ROOT: Account = Account {
        uid: 0,
        gid: 0,
        all_groups: false,
    };
}

/// What is known of a program that a configuration wants to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// It is there.
    Found {
        /// Where, as it was written: an absolute path, if the directory is one.
        path: PathBuf,
        /// Where that leads when every symbolic link is followed.
        real: PathBuf,
        /// How someone other than root could change what root runs.
        flaw: Option<Flaw>,
    },
    /// No such file, or not in PATH.
    Missing,
    /// A file that this user cannot execute.
    NotExecutable,
}

/// What is wrong with the path of a program that runs with root's powers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The part of the path that others can change.
    pub component: String,
    /// Why, as in "is writable by its group".
    pub reason: &'static str,
    /// What to type against it.
    pub remedy: String,
}

/// What came of reading a file with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFile {
    /// Its text, and whether its group or others may read it, too.
    Read {
        /// All of it.
        text: Secret,
        /// Others may read it.
        exposed: bool,
    },
    /// Why not.
    Refused(String),
}

/// The tables of names that iproute2 keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Names {
    /// `rt_tables`.
    Tables,
    /// `rt_protos`.
    Protocols,
    /// `rt_scopes`.
    Scopes,
    /// `rt_dsfield`.
    DsField,
    /// `rt_realms`.
    Realms,
    /// `group`.
    Groups,
}

/// Where the tables of names are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameDirectories {
    /// The administrator's, which counts first.
    pub etc: PathBuf,
    /// The distribution's.
    pub usr: PathBuf,
}

impl Default for NameDirectories {
    fn default() -> Self {
        NameDirectories {
            etc: "/etc/iproute2".into(),
            usr: "/usr/share/iproute2".into(),
        }
    }
}

/// What is known of an interface that others are to be made upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// Its MTU in bytes.
    pub mtu: u32,
    /// What it is.
    pub footing: Footing,
}

/// Kinds of interfaces, as far as they bear others differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Footing {
    /// Nothing is known against it.
    Plain,
    /// A wireless one.
    Wireless,
    /// An ipvlan.
    Ipvlan,
    /// A port of a bridge, a bond or a team: its name.
    Port(String),
}

/// Why a network namespace is not entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Barred {
    /// Only this user may not.
    NotPermitted,
    /// Nobody could: why.
    Impossible(String),
}

/// The questions a configuration puts to the world.
pub trait World {
    /// Whether a network interface of this name exists now.
    fn interface_exists(&self, name: &str) -> bool;
    /// Whether a network interface can send to groups.
    fn does_multicast(&self, name: &str) -> bool;
    /// Whether an interface of this name exists that cannot be a virtual MAC or an ipvlan of an earlier run.
    fn is_foreign(&self, interface: &str) -> bool;
    /// What is known of an interface; nothing of one that is not there.
    fn ground(&self, interface: &str) -> Option<Ground>;
    /// The account of a user, by name or number.
    fn user(&self, name: &str) -> Option<Account>;
    /// The id of a group, by name or number.
    fn group(&self, name: &str) -> Option<u32>;
    /// All groups of an account's user besides the account's own.
    fn groups(&self, account: Account) -> Vec<u32>;
    /// The account this daemon runs as.
    fn own_account(&self) -> Account;
    /// A program by path, or by name to be looked for in PATH; relative paths count from `directory`.
    fn program(&self, program: &Path, directory: &Path, account: Account) -> Program;
    /// Whether a host name can be resolved now. May take its time: the parent alone asks.
    fn resolves(&self, host: &str) -> bool;
    /// The full name of this host. May take its time, too.
    fn host_name(&self) -> String;
    /// The name of the user this daemon runs as. May take its time, too.
    fn user_name(&self) -> String;
    /// A number by its iproute2 name.
    fn number(&self, directories: &NameDirectories, table: Names, name: &str) -> Option<u32>;
    /// Goes over to the network namespace that the command line names or, else, to this one: interfaces are looked for there from
    /// now on, and the daemon will run there. The error says why that is not possible.
    fn enter_network_namespace(&self, name: Option<&str>) -> Result<(), Barred>;
    /// Whether this is an existing directory.
    fn directory_exists(&self, path: &Path) -> bool;
    /// The kind of filesystem that a directory is on, when nobody is told of changes there.
    fn unwatched_filesystem(&self, directory: &Path) -> Option<&'static str>;
    /// The text of a file with a key, of at most so many bytes. Does not wait for whatever is no plain file.
    fn key_file(&self, path: &Path, most: u64) -> KeyFile;
    /// The file with the certificates of the authorities that this system trusts, if it has one.
    fn authorities(&self) -> Option<PathBuf>;
}

/// A world that is written down: for tests, fuzzing and checks of a configuration that is meant for another host.
#[derive(Clone, Debug, Default)]
pub struct Imagined {
    /// The interfaces; `None` = any.
    pub interfaces: Option<BTreeSet<String>>,
    /// Those of them that nobody made for a virtual router.
    pub foreign: BTreeSet<String>,
    /// What is known of those of which more is known than that they are there.
    pub grounds: BTreeMap<String, Ground>,
    /// What comes of going to a network namespace.
    pub barred: Option<Barred>,
    /// The users, each with a group of the same name and number.
    pub users: BTreeMap<String, u32>,
    /// The programs, none with a flaw; `None` = any.
    pub programs: Option<BTreeSet<String>>,
    /// The host names that resolve.
    pub hosts: BTreeSet<String>,
    /// The files with keys, and whether others may read them.
    pub key_files: BTreeMap<String, (String, bool)>,
    /// Which of them has the authorities that are trusted.
    pub authorities: Option<PathBuf>,
}

impl Imagined {
    /// A host on which there is every interface and program, and no user but root.
    pub fn generous() -> Self {
        Imagined {
            users: BTreeMap::from([("root".to_owned(), 0)]),
            ..Imagined::default()
        }
    }
}

impl World for Imagined {
    fn interface_exists(&self, name: &str) -> bool {
        self.interfaces
            .as_ref()
            .is_none_or(|known| known.contains(name))
    }
    fn does_multicast(&self, _name: &str) -> bool {
        true
    }
    fn is_foreign(&self, interface: &str) -> bool {
        self.foreign.contains(interface)
    }
    fn ground(&self, interface: &str) -> Option<Ground> {
        self.grounds.get(interface).cloned()
    }
    fn user(&self, name: &str) -> Option<Account> {
        let id = self
            .users
            .get(name)
            .copied()
            .or_else(|| name.parse().ok())?;
        Some(Account {
            uid: id,
            gid: id,
            all_groups: false,
        })
    }
    fn group(&self, name: &str) -> Option<u32> {
        self.users.get(name).copied().or_else(|| name.parse().ok())
    }
    fn groups(&self, account: Account) -> Vec<u32> {
        vec![account.uid.saturating_add(1)]
    }
    fn own_account(&self) -> Account {
        Account::ROOT
    }
    fn program(&self, program: &Path, _directory: &Path, _account: Account) -> Program {
        let known = self.programs.as_ref();
        if known.is_some_and(|known| !program.to_str().is_some_and(|name| known.contains(name))) {
            return Program::Missing;
        }
        Program::Found {
            path: program.to_owned(),
            real: Path::new("/real").join(program.strip_prefix("/").unwrap_or(program)),
            flaw: None,
        }
    }
    fn resolves(&self, host: &str) -> bool {
        self.hosts.contains(host)
    }
    fn host_name(&self) -> String {
        "host.example".to_owned()
    }
    fn user_name(&self) -> String {
        "root".to_owned()
    }
    fn enter_network_namespace(&self, name: Option<&str>) -> Result<(), Barred> {
        match &self.barred {
            Some(barred) if name.is_some() => Err(barred.clone()),
            _ => Ok(()),
        }
    }
    fn number(&self, _directories: &NameDirectories, table: Names, name: &str) -> Option<u32> {
        match (table, name) {
            (Names::Tables, "main") => Some(254),
            (Names::Tables, "default") => Some(253),
            (Names::Tables, "local") => Some(255),
            (Names::Protocols, "static") => Some(4),
            (Names::Protocols, "keepalived") => Some(18),
            _ => None,
        }
    }
    fn directory_exists(&self, _path: &Path) -> bool {
        true
    }
    fn unwatched_filesystem(&self, directory: &Path) -> Option<&'static str> {
        // What is mounted there on any host.
        directory.starts_with("/proc").then_some("proc")
    }
    fn key_file(&self, path: &Path, _: u64) -> KeyFile {
        let known = path.to_str().and_then(|path| self.key_files.get(path));
        match known {
            Some((text, exposed)) => KeyFile::Read {
                text: Secret::new(text.as_str()),
                exposed: *exposed,
            },
            None => KeyFile::Refused("No such file".to_owned()),
        }
    }
    fn authorities(&self) -> Option<PathBuf> {
        self.authorities.clone()
    }
}
