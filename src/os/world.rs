//! The world as the system knows it: the answers that `config` asks for while it judges a configuration.
//!
//! Some of these calls may take their time (name servers, network accounts): `-t` and the parent alone let them. Whether a program may be
//! run is in `program`.

mod program;

use super::{filesystem, links, process};
use crate::config::secret::Secret;
use crate::config::world::{
    Account, Barred, Footing, Ground, KeyFile, NameDirectories, Names, Program, World,
};
use crate::kernel::Kind;
use crate::kernel::netlink::LinkReport;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::unistd::{Gid, Group, Uid, User, getgid, getgrouplist, getuid};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::net::ToSocketAddrs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The bits of a mode by which its group or others may read a file.
const READABLE_BY_OTHERS: u32 = 0o044;

/// Which interfaces are wireless, in the network namespace of whoever reads it: two lines of headings, then `NAME: ...` a line.
const WIRELESS: &str = "/proc/self/net/wireless";

/// What is known of a link.
struct Link {
    ground: Ground,
    /// It is of a kind that we make.
    may_be_ours: bool,
}

/// This host.
pub struct System {
    /// Ask name servers, as `-t` does. A daemon does not wait for them: every name passes, and is resolved where it is used.
    may_wait: bool,
    /// Go where `net_namespace` says, as a start and `-t` do.
    may_move: bool,
    /// Go here instead.
    namespace: Option<String>,
    /// The links by name, once they have been asked for.
    links: OnceCell<HashMap<String, Link>>,
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
        let link = self.links().get(interface);
        link.is_some_and(|link| !link.may_be_ours)
    }

    fn ground(&self, interface: &str) -> Option<Ground> {
        self.links().get(interface).map(|link| link.ground.clone())
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
        program::judge(program, directory, account, |group| {
            self.groups(account).contains(&group)
        })
    }

    fn resolves(&self, host: &str) -> bool {
        !self.may_wait
            || (host, 0)
                .to_socket_addrs()
                .is_ok_and(|mut addresses| addresses.next().is_some())
    }

    fn host_name(&self) -> String {
        let name = nix::unistd::gethostname().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    fn user_name(&self) -> String {
        let user = User::from_uid(getuid()).ok().flatten();
        user.map_or_else(|| getuid().to_string(), |user| user.name)
    }

    fn enter_network_namespace(&self, name: Option<&str>) -> Result<(), Barred> {
        let Some(name) = self.namespace.as_deref().or(name).filter(|_| self.may_move) else {
            return Ok(());
        };
        process::enter_network_namespace(name).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => Barred::NotPermitted,
            _ => Barred::Impossible(error.to_string()),
        })
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

    fn authorities(&self) -> Option<PathBuf> {
        openssl_probe::probe().cert_file
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

impl System {
    /// `may_wait`: ask name servers, as `-t` does. `may_move`: go where `net_namespace` says or, instead, to `namespace`.
    pub fn new(may_wait: bool, may_move: bool, namespace: Option<String>) -> Self {
        System {
            may_wait,
            may_move,
            namespace,
            links: OnceCell::new(),
        }
    }

    /// The links of the namespace that was gone to; none when the kernel does not tell, and then nothing is held against any.
    fn links(&self) -> &HashMap<String, Link> {
        self.links.get_or_init(|| {
            let wireless = fs::read_to_string(WIRELESS).unwrap_or_default();
            known_links(&links::all().unwrap_or_default(), &wireless)
        })
    }
}

fn known_links(links: &[LinkReport], wireless: &str) -> HashMap<String, Link> {
    const HEADINGS: usize = 2;
    let wireless: Vec<&str> = wireless
        .lines()
        .skip(HEADINGS)
        .filter_map(|line| Some(line.split_once(':')?.0.trim()))
        .collect();
    let by_index: HashMap<u32, &LinkReport> = links.iter().map(|link| (link.index, link)).collect();
    let known = links.iter().filter_map(|link| {
        let name = link.name.clone()?;
        let master = link.nature.master.and_then(|master| by_index.get(&master));
        let footing = match master {
            // Those of a VRF are links like others.
            Some(master) if master.nature.vrf_table().is_none() => {
                Footing::Port(master.name.clone().unwrap_or_default())
            }
            _ if wireless.contains(&name.as_str()) => Footing::Wireless,
            _ if matches!(link.nature.kind, Kind::Ipvlan(..)) => Footing::Ipvlan,
            _ => Footing::Plain,
        };
        let ground = Ground {
            mtu: link.mtu.unwrap_or(u32::MAX),
            footing,
        };
        let may_be_ours = matches!(link.nature.kind, Kind::Macvlan(_) | Kind::Ipvlan(..));
        Some((
            name,
            Link {
                ground,
                may_be_ours,
            },
        ))
    });
    known.collect()
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
    use crate::kernel::Nature;

    fn here() -> System {
        System::new(true, false, None)
    }

    #[test]
    fn well_known_things_are_known() {
        assert!(here().interface_exists("lo"));
        assert!(!here().interface_exists("nonesuch0"));
        assert!(!here().does_multicast("lo"));
        assert_eq!(here().user("root"), Some(Account::ROOT));
        assert_eq!(here().user("no-such-user"), None);
        assert_eq!(
            here().number(&NameDirectories::default(), Names::Scopes, "link"),
            Some(253)
        );
        assert_eq!(
            here().number(&NameDirectories::default(), Names::Tables, "main"),
            Some(254)
        );
        assert_eq!(
            here().number(&NameDirectories::default(), Names::Tables, "nonesuch"),
            None
        );
        assert!(here().directory_exists(Path::new("/")));
    }

    #[test]
    fn what_a_link_is_shows_in_what_the_kernel_tells() {
        let nature = |kind, master| {
            let mut nature = Nature::new(kind);
            nature.master = master;
            nature
        };
        let link = |index, name: &str, kind, master| LinkReport {
            index,
            nature: nature(kind, master),
            name: Some(name.to_owned()),
            flags: 0,
            mac: None,
            mtu: Some(1400),
            hardware: 1,
        };
        let links = [
            link(2, "eth0", Kind::Other, None),
            link(3, "eth1", Kind::Other, Some(9)),
            link(4, "eth2", Kind::Other, Some(8)),
            link(5, "wlan0", Kind::Other, None),
            link(6, "strait", Kind::Ipvlan(0, 0), None),
            link(7, "vrrp.51", Kind::Macvlan(1), None),
            link(8, "br0", Kind::Other, None),
            link(9, "blue", Kind::Vrf(900), None),
        ];
        let wireless = "Inter-| sta-|\n face | tus |\n wlan0: 0000   54.\n";
        let known = known_links(&links, wireless);
        for (name, footing, foreign) in [
            ("eth0", Footing::Plain, true),
            ("eth1", Footing::Plain, true),
            ("eth2", Footing::Port("br0".into()), true),
            ("wlan0", Footing::Wireless, true),
            ("strait", Footing::Ipvlan, false),
            ("vrrp.51", Footing::Plain, false),
        ] {
            let Link {
                ground,
                may_be_ours,
            } = &known[name];
            assert_eq!((&ground.footing, ground.mtu), (&footing, 1400), "{name}");
            assert_eq!(*may_be_ours, !foreign, "{name}");
        }
    }

    #[test]
    fn tables_of_names_are_read() {
        let text = "# comment\n 100 blue\n0x1f\tred # more\nrubbish\n";
        assert_eq!(listed_number(text, "blue"), Some(100));
        assert_eq!(listed_number(text, "red"), Some(31));
        assert_eq!(listed_number(text, "comment"), None);
    }
}
