//! Whether there is a program, whether an account may run it, and who else could change what is run.

use crate::config::world::{Account, Flaw, Program};
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

/// Where programs are looked for when PATH is not set.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// `S_ISUID`, `S_ISGID` and `S_ISVTX`.
const SET_UID: u32 = 0o4000;
const SET_GID: u32 = 0o2000;
const STICKY: u32 = 0o1000;

/// A program as an account would run it; `is_in`: whether the account, which has all groups of its user, belongs to a group.
pub fn judge(
    program: &Path,
    directory: &Path,
    account: Account,
    is_in: impl FnOnce(u32) -> bool,
) -> Program {
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
    if !metadata.is_file() || !may_execute(&metadata, account, is_in) {
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

fn may_execute(metadata: &Metadata, account: Account, is_in: impl FnOnce(u32) -> bool) -> bool {
    let mode = metadata.permissions().mode();
    if account.uid == 0 {
        return mode & 0o111 != 0;
    }
    let group = metadata.gid();
    let bit = if metadata.uid() == account.uid {
        0o100
    } else if group == account.gid || account.all_groups && is_in(group) {
        0o010
    } else {
        0o001
    };
    mode & bit != 0
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

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(program: &Path, directory: &Path, account: Account) -> Program {
        judge(program, directory, account, |_| false)
    }

    #[test]
    fn programs_are_found_and_judged_by_every_part_of_their_path() {
        let root = Account::ROOT;
        assert_eq!(
            judged(Path::new("no-such-program"), Path::new("/"), root),
            Program::Missing
        );
        assert_eq!(
            judged(Path::new("/etc/passwd"), Path::new("/"), root),
            Program::NotExecutable
        );
        let directory =
            std::env::temp_dir().join(format!("keepalived-world-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        let script = directory.join("check");
        fs::write(&script, "#!/bin/sh\n").expect("write");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o777)).expect("mode");
        let bare = judged(Path::new("check"), &directory, root);
        assert_eq!(
            bare,
            Program::Missing,
            "a bare name is looked for in PATH alone"
        );
        let flaw = |account| match judged(&script, Path::new("/"), account) {
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
        match judged(&link, Path::new("/"), user) {
            Program::Found { path, real, .. } => {
                assert_eq!(path, link);
                assert_eq!(real, Path::new("/bin/sh").canonicalize().expect("a shell"));
            }
            other => panic!("{other:?}"),
        }
        fs::remove_dir_all(&directory).expect("clean up");
    }
}
