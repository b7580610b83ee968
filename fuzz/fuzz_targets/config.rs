//! A whole configuration in an imagined world: read, judged, and every message rendered.
#![no_main]

use keepalived::config::expand::{Context, Limits};
use keepalived::config::source::Memory;
use keepalived::config::world::Imagined;
use keepalived::config::{Options, load};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = Limits {
        work: 1 << 18,
        line: 1 << 12,
        depth: 8,
    };
    let options = Options {
        path: "f".into(),
        context: Context {
            limits,
            ..Context::default()
        },
    };
    let loaded = load(
        &options,
        &Memory::default().with("f", data),
        &Imagined::default(),
    );
    for diagnostic in loaded.diagnostics.iter().take(20) {
        assert!(!loaded.diagnostics.line(diagnostic).is_empty());
        assert!(!loaded.diagnostics.snippet(diagnostic, false).is_empty());
    }
    let _ = loaded.diagnostics.exit_status();
});
