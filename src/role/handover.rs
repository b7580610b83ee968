//! A role's part of a new configuration, handed from the parent to a child that already runs, in a file that exists only in memory.
//!
//! The parent alone writes, and only while no child reads: one reload is finished before the next begins.

use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The file. Made before the child is forked, which inherits it.
pub struct Handover(File);

impl Handover {
    /// An empty one.
    pub fn new() -> io::Result<Self> {
        let fd = memfd_create(c"keepalived configuration", MFdFlags::MFD_CLOEXEC)?;
        Ok(Handover(File::from(fd)))
    }

    /// Replaces the bytes, and says its length for `Order::Reload`.
    pub fn write(&self, text: &[u8]) -> io::Result<u64> {
        self.0.set_len(0)?;
        self.0.write_all_at(text, 0)?;
        Ok(text.len() as u64)
    }

    /// The bytes, `length` bytes of it.
    pub fn read(&self, length: u64) -> io::Result<Vec<u8>> {
        let length = length.min(self.0.metadata()?.len());
        let mut text = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.0.read_exact_at(&mut text, 0)?;
        Ok(text)
    }

    /// Gives the memory back once the child has read.
    pub fn clear(&self) -> io::Result<()> {
        self.0.set_len(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_text_replaces_a_longer_one_and_memory_is_given_back() {
        let handover = Handover::new().expect("memory");
        handover.write(&[b'x'; 100_000]).expect("write");
        let length = handover.write(b"short").expect("write");
        assert_eq!(handover.read(length).expect("read"), b"short");
        assert_eq!(handover.read(100).expect("read"), b"short");
        handover.clear().expect("clear");
        assert_eq!(handover.read(length).expect("read"), b"");
    }
}
