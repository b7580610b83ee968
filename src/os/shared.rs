//! Memory that a process shares with the children it forks: an array of atomic words. What the words mean is the role's.

use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

/// An anonymous shared mapping of words, all zero at first. Pages that are never touched cost nothing.
pub struct SharedWords {
    start: NonNull<AtomicU64>,
    count: usize,
}

impl SharedWords {
    /// A mapping of so many words.
    pub fn new(count: NonZeroUsize) -> io::Result<Self> {
        let bytes = count
            .checked_mul(WORD)
            .ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        // SAFETY: a fresh anonymous mapping touches no memory that exists.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes.get(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast())
            .ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(SharedWords {
            start,
            count: count.get(),
        })
    }

    /// The words. Atomics, because another process may write them at any time.
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping holds `count` zeroed, aligned words until `drop`, and other processes only access them as atomics.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.count) }
    }
}

impl Drop for SharedWords {
    fn drop(&mut self) {
        // SAFETY: made by `new` with this length; `words` borrows from `self`, so none is left.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.count * WORD.get()) };
    }
}

/// Bytes of a word.
const WORD: NonZeroUsize = match NonZeroUsize::new(size_of::<AtomicU64>()) {
    Some(size) => size,
    None => unreachable!(),
};
