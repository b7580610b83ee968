//! How many descriptors this process may have open. The limit is raised for what needs many sockets, and is as it was for the programs
//! of the user: some walk through all numbers up to it.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io;
use std::sync::OnceLock;

/// The limit before it was raised; set with the first change.
static BEFORE: OnceLock<u64> = OnceLock::new();

/// Raises the limit as far as the system lets us. How many may be open now.
pub fn raise() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    BEFORE.get_or_init(|| soft);
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(hard)
}

/// Makes the limit what it was when the daemon was started.
pub fn as_started() {
    if let Some(&before) = BEFORE.get()
        && let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
    {
        // Lowering a soft limit is always allowed.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, before.min(hard), hard);
    }
}
