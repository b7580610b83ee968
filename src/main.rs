//! The daemon's binary: everything lives in the library.

fn main() -> std::process::ExitCode {
    keepalived::main()
}
