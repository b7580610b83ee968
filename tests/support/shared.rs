//! The files that lie beside the checkout: real configurations and the owner's own. KEEPALIVED_SHARED names another place.

use std::path::{Path, PathBuf};

/// A folder of them; none when it is not there, which is a failure where everything must be tested.
pub fn shared(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("KEEPALIVED_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let path = root.join(part);
    if path.is_dir() {
        return Some(path);
    }
    assert!(
        std::env::var_os("KEEPALIVED_TEST_ALL").is_none_or(|all| all != "1"),
        "{} is missing",
        path.display()
    );
    eprintln!("not run: {} is missing", path.display());
    None
}
