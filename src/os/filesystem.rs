//! Which filesystems tell nobody of what happens in them: those that others change, and those that the kernel makes up.

use nix::sys::statfs::{FsType, statfs};
use nix::sys::statvfs::{FsFlags, statvfs};
use std::path::Path;

/// Magic numbers of statfs(2) that nobody watches, with the names of the filesystems. Not all are known to the C library.
const UNWATCHED: [(i64, &str); 25] = [
    (0x6969, "nfs"),
    (0x517b, "smb"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x6573_5546, "fuse"),
    (0x9fa0, "proc"),
    (0x6265_6572, "sysfs"),
    (0x0027_e0eb, "cgroup"),
    (0x6367_7270, "cgroup2"),
    (0x6462_6720, "debugfs"),
    (0x7472_6163, "tracefs"),
    (0xcafe_4a11, "bpf"),
    (0x1cd1, "devpts"),
    (0x1980_0202, "mqueue"),
    (0x5049_5045, "pipefs"),
    (0x534f_434b, "sockfs"),
    (0xf97c_ff8c, "selinux"),
    (0x4341_5d53, "smackfs"),
    (0xde5e_81e4, "efivarfs"),
    (0x7275, "romfs"),
    (0x012f_f7b4, "xenix"),
    (0x012f_f7b5, "sysv4"),
    (0x012f_f7b6, "sysv2"),
    (0x012f_f7b7, "coherent"),
    (0x6e73_6673, "nsfs"),
];

/// What a directory is on, if nobody is told of changes there; a read-only filesystem has none.
pub fn unwatched(directory: &Path) -> Option<&'static str> {
    // One that cannot be asked is one that cannot be opened either, which is said elsewhere.
    let found = statfs(directory).ok()?;
    let known = UNWATCHED
        .iter()
        .find(|(magic, _)| FsType(*magic as libc::c_long) == found.filesystem_type());
    match known {
        Some((_, name)) => Some(name),
        None => statvfs(directory)
            .is_ok_and(|found| found.flags().contains(FsFlags::ST_RDONLY))
            .then_some("read-only"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_makes_up_is_not_watched_and_a_disk_is() {
        assert_eq!(unwatched(Path::new("/proc/self")), Some("proc"));
        assert_eq!(unwatched(Path::new("/proc/self/nothing")), None);
        assert_eq!(unwatched(&std::env::temp_dir()), None);
    }
}
