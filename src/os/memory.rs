//! Giving memory back that was only needed for a while: a process that sleeps for months need not hold what it took to read the
//! configuration.

use std::fs;

/// Gives free heap back, and forgets program text that this process has read so far: what is needed again comes from the page cache.
/// Not for a process that is in a hurry.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no pointers; the C library looks after its own heap.
    unsafe {
        libc::malloc_trim(0);
    }
    let Ok(maps) = fs::read_to_string("/proc/self/maps") else {
        return;
    };
    for (start, length) in maps.lines().filter_map(text_mapping) {
        // SAFETY: only mappings of files that are executable and not writable: their pages are those of the file, nothing in them
        // is ours, and each is mapped again when it is next used (this very code included).
        unsafe {
            libc::madvise(
                std::ptr::without_provenance_mut(start),
                length,
                libc::MADV_DONTNEED,
            )
        };
    }
}

/// Start and length of a mapping that holds program text, from its line in `/proc/self/maps`.
fn text_mapping(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let permissions = fields.next()?;
    let file = fields.nth(3)?;
    if permissions != "r-xp" || !file.starts_with('/') {
        return None;
    }
    let (start, end) = (
        usize::from_str_radix(start, 16).ok()?,
        usize::from_str_radix(end, 16).ok()?,
    );
    Some((start, end.checked_sub(start)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_of_files_is_forgotten() {
        let text = "7f01000-7f03000 r-xp 00026000 fe:00 1234    /usr/lib/libc.so.6";
        assert_eq!(text_mapping(text), Some((0x7f0_1000, 0x2000)));
        for other in [
            "7f01000-7f03000 rw-p 00026000 fe:00 1234    /usr/lib/libc.so.6",
            "7f01000-7f03000 r--p 00026000 fe:00 1234    /usr/lib/libc.so.6",
            "7f01000-7f03000 r-xp 00000000 00:00 0       [vdso]",
            "7f01000-7f03000 r-xp 00000000 00:00 0",
            "",
        ] {
            assert_eq!(text_mapping(other), None, "{other}");
        }
    }

    #[test]
    fn the_process_goes_on() {
        let before: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        give_back();
        assert_eq!(before[999], "999");
        assert_eq!("1234".parse(), Ok(1234));
    }
}
