//! Numbers that nobody outside can foresee.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// A number that may be any.
pub fn number() -> u64 {
    // The keys of the standard library's hashers come from the kernel, and each hasher has others.
    RandomState::new().build_hasher().finish()
}
