//! Writing a dump file so that nobody can redirect, read or half-see it: a new file of mode 0600 beside it, renamed into place.
//! (CVE-2018-19044, -19045, -19046 were about the opposite.)

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Dumps tell the inside of the network: for the daemon's user alone.
const MODE: u32 = 0o600;
/// How many names are tried for the temporary file.
const ATTEMPTS: u32 = 100;

/// Replaces the file at `path`. A symbolic link there is replaced, not followed.
pub fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let name = path
        .file_name()
        .ok_or(ErrorKind::InvalidInput)?
        .to_string_lossy();
    for attempt in 0..ATTEMPTS {
        let temporary = path.with_file_name(format!(".{name}.{}.{attempt}", std::process::id()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(MODE)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&temporary);
        let mut file = match file {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            file => file?,
        };
        return file
            .write_all(text)
            .and_then(|()| fs::rename(&temporary, path))
            .inspect_err(|_| {
                let _ = fs::remove_file(&temporary);
            });
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// The same in a directory that is made when it is not there: for the daemon's user alone, too.
pub fn write_in_new_directory(path: &Path, text: &[u8]) -> io::Result<()> {
    /// Mode of the directory.
    const DIRECTORY_MODE: u32 = 0o700;
    let directory = path.parent().ok_or(ErrorKind::InvalidInput)?;
    match fs::create_dir(directory) {
        // The umask takes the right to enter it away.
        Ok(()) => fs::set_permissions(directory, Permissions::from_mode(DIRECTORY_MODE))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_not_followed_and_old_readers_see_nothing_new() {
        let directory =
            std::env::temp_dir().join(format!("keepalived-dump-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        let (path, victim) = (directory.join("keepalived.data"), directory.join("victim"));
        fs::write(&victim, "precious").expect("write");
        std::os::unix::fs::symlink(&victim, &path).expect("link");
        // What an attacker may have put in the way of the temporary file.
        let guessed = directory.join(format!(".keepalived.data.{}.0", std::process::id()));
        std::os::unix::fs::symlink(&victim, &guessed).expect("link");
        write(&path, b"first").expect("write");
        assert_eq!(fs::read_to_string(&victim).expect("read"), "precious");
        assert!(fs::symlink_metadata(&path).expect("metadata").is_file());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("mode");
        write(&path, b"second").expect("write");
        assert_eq!(fs::read_to_string(&path).expect("read"), "second");
        assert_eq!(
            fs::metadata(&path).expect("metadata").permissions().mode() & 0o777,
            MODE
        );
        assert!(write(&directory.join("missing/x"), b"").is_err());
        fs::remove_dir_all(&directory).expect("clean up");
    }
}
