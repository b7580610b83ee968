//! Files that hold one value, as text: read and written without waiting for whatever is no plain file. May wait for a disk.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
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
}
