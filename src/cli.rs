//! The command line of the daemon: options in, a plan of what to run out.

/// Entry point of the `keepalived` binary.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(1)
}
