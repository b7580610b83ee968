//! Files that hold one value, as text: read and written without waiting for whatever is no plain file. May wait for a disk.

use nix::unistd::geteuid;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// The first bytes of a file, `most` of them; `None` when it is a directory, a pipe or the like.
///
/// # Errors
/// `NotFound` when there is none, also when a directory on the way is missing.
pub fn read(path: &Path, most: usize) -> io::Result<Option<Vec<u8>>> {
    let open = OpenOptions::new()
        .read(true)
        // A pipe without a writer would keep us waiting.
        .custom_flags(libc::O_NONBLOCK)
        .open(path);
    let file = match open {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            return Err(ErrorKind::NotFound.into());
        }
        // A socket, or a device that is not there.
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => return Ok(None),
        Err(error) => return Err(error),
    };
    if !is_plain(&file)? {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(most as u64).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// A file that nobody but this process's user can have made, with all that is in it.
///
/// # Errors
/// `InvalidData` when it is another's, a link, no plain file or longer than `most`.
pub fn read_own(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let refused = |why: &str| Err(io::Error::new(ErrorKind::InvalidData, why));
    let open = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    let file = match open {
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => return refused("it is a link"),
        opened => opened?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return refused("it is no plain file");
    }
    if metadata.uid() != geteuid().as_raw() {
        return refused("it belongs to another user");
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return refused("it is too long");
    }
    Ok(bytes)
}

/// Writes a file, when there is none or `overwrite` says so.
pub fn write(path: &Path, text: &str, overwrite: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(libc::O_NONBLOCK);
    let opened = options.clone().create_new(true).open(path);
    let mut file = match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if !overwrite {
                return Ok(());
            }
            options.open(path)?
        }
        opened => opened?,
    };
    if !is_plain(&file)? {
        return Err(ErrorKind::InvalidInput.into());
    }
    file.set_len(0)?;
    file.write_all(text.as_bytes())
}

fn is_plain(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;
    use std::fs;

    #[test]
    fn plain_files_are_read_and_written_and_nothing_else_is_waited_for() {
        let directory = std::env::temp_dir().join(format!("small-file-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        let file = directory.join("value");
        let missing = |path: &Path| read(path, 8).expect_err("nothing there").kind();
        assert_eq!(missing(&file), ErrorKind::NotFound);
        assert_eq!(missing(&directory.join("no/file")), ErrorKind::NotFound);
        write(&file, "5\n", false).expect("write");
        assert_eq!(missing(&file.join("below")), ErrorKind::NotFound);
        assert_eq!(read(&file, 8).expect("read"), Some(b"5\n".to_vec()));
        write(&file, "6\n", false).expect("not written");
        assert_eq!(read(&file, 1).expect("read"), Some(b"5".to_vec()));
        write(&file, "6", true).expect("write");
        assert_eq!(read(&file, 8).expect("read"), Some(b"6".to_vec()));
        assert_eq!(read(&directory, 8).expect("a directory"), None);
        let pipe = directory.join("pipe");
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe");
        assert_eq!(read(&pipe, 8).expect("a pipe"), None);
        assert!(write(&pipe, "7", true).is_err());
        fs::remove_dir_all(&directory).expect("clean up");
    }

    #[test]
    fn only_a_plain_file_of_our_own_is_believed() {
        let directory = std::env::temp_dir().join(format!("own-file-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        let file = directory.join("file");
        fs::write(&file, "12345").expect("write");
        assert_eq!(read_own(&file, 5).expect("all of it"), b"12345");
        let refused = |path: &Path, most| read_own(path, most).expect_err("refused").kind();
        assert_eq!(refused(&file, 4), ErrorKind::InvalidData, "too long");
        let link = directory.join("link");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        let pipe = directory.join("pipe");
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe");
        for path in [&link, &pipe, &directory] {
            assert_eq!(refused(path, 5), ErrorKind::InvalidData, "{path:?}");
        }
        assert_eq!(refused(&directory.join("none"), 5), ErrorKind::NotFound);
        // Who is root can give a file away.
        if geteuid().is_root() && std::os::unix::fs::chown(&file, Some(1), None).is_ok() {
            assert_eq!(refused(&file, 5), ErrorKind::InvalidData, "another's");
        }
        fs::remove_dir_all(&directory).expect("clean up");
    }
}
