//! The demonstration does what the README says: it ends by itself with 0, in half a minute, having shown a takeover.

mod support;

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use support::stage::{self, outside_case};
use support::{Binary, secs};

fn main() -> std::process::ExitCode {
    stage::run(vec![
        outside_case("show", show),
        outside_case("interactive", interactive),
    ])
}

/// The demonstration, built without optimisation as these tests are.
fn demo() -> Command {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/demo/demo"));
    command
        .env("KEEPALIVED_BIN", Binary::Ours.path())
        .env("DEMO_PROFILE", "dev")
        .env_remove("DEMO");
    command
}

fn show() {
    // Cargo may have to build it first; that is not part of the show.
    let build = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--example", "demo"])
        .status();
    assert!(build.expect("cargo").success());
    let start = Instant::now();
    let output = demo().output().expect("the demonstration");
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {text}", output.status);
    // Half a minute at most, and as much again for a slow machine.
    assert!(start.elapsed() < secs(60), "it took {:?}", start.elapsed());
    for words in [
        "north is MASTER with the address",
        "south took over",
        "north has the address back",
        "theory",
    ] {
        assert!(text.contains(words), "it does not say {words:?}: {text}");
    }
    assert!(!text.contains('\x1b'), "no terminal, no colours: {text}");
}

fn interactive() {
    let mut child = demo()
        .env("DEMO", "interactive")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the demonstration");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(b"kill 1\nnonsense\nlog 2\nquit\n")
        .expect("writing");
    let output = child.wait_with_output().expect("the demonstration");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {text}", output.status);
    assert!(
        text.contains("dead") && text.contains("Startup complete"),
        "{text}"
    );
}
