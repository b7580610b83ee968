//! `make check` as somebody at a terminal meets it: tests/check.sh with a stand-in for Cargo.

use crate::{Scratch, repository};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Far longer than anything here takes.
const BOUND: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// tests/check.sh, in a group of its own as a terminal starts it; what it says goes to `said`.
fn start(scratch: &Scratch, cargo: &str) -> Child {
    let stand_in = scratch.0.join("cargo");
    fs::write(&stand_in, cargo).expect("a stand-in for Cargo");
    fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).expect("chmod");
    let said = fs::File::create(scratch.0.join("said")).expect("a file for what is said");
    // What check.sh itself starts beside itself, this test too, ignores SIGINT, and so would a shell that it starts.
    Command::new("env")
        .args(["--default-signal=INT", "sh"])
        .arg(repository().join("tests/check.sh"))
        .env("CARGO", &stand_in)
        .env("PLACE", &scratch.0)
        .env("TMPDIR", &scratch.0)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(said.try_clone().expect("the file"))
        .stderr(said)
        .spawn()
        .expect("a shell")
}

fn wait_until(what: &str, mut look: impl FnMut() -> bool) {
    let start = Instant::now();
    while !look() {
        assert!(start.elapsed() < BOUND, "{what}");
        std::thread::sleep(POLL);
    }
}

/// The processes that wrote their numbers into `pids`.
fn pids(place: &Path) -> Vec<String> {
    let text = fs::read_to_string(place.join("pids")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Ctrl-C, or a signal to the script alone, leaves none of what both halves of the run had started.
#[test]
fn who_ends_the_tests_ends_all_of_them() {
    const HANGS: &str = "#!/bin/sh\ncase $* in *--no-run*) exit 0 ;; esac\n\
        sleep 4719 & echo $! >>\"$PLACE/pids\"\necho $$ >>\"$PLACE/pids\"\nwait\n";
    for (name, signal, whole_group, status) in [
        ("interrupted", Signal::SIGINT, true, 130),
        ("terminated", Signal::SIGTERM, false, 143),
    ] {
        let scratch = Scratch::new(name);
        let mut check = start(&scratch, HANGS);
        wait_until("both halves run", || pids(&scratch.0).len() == 4);
        let pid = Pid::from_raw(check.id().try_into().expect("a process number"));
        match whole_group {
            true => killpg(pid, signal).expect("it runs"),
            false => nix::sys::signal::kill(pid, signal).expect("it runs"),
        }
        let mut ended = None;
        wait_until("it ends", || {
            ended = check.try_wait().expect("a child");
            ended.is_some()
        });
        let ended = ended.and_then(|status| status.code());
        assert_eq!(ended, Some(status), "{name}");
        wait_until("nothing is left", || {
            pids(&scratch.0).iter().all(|pid| !runs(pid))
        });
        let left = fs::read_dir(&scratch.0).expect("the directory").count();
        assert_eq!(left, "cargo said pids".split(' ').count(), "{name}");
    }
}

/// What was run again is shown last, of both halves; a failure of either is one of the whole.
#[test]
fn what_was_run_again_is_shown_at_the_end() {
    const FAILS_BESIDE: &str = "#!/bin/sh\ncase $* in *--no-run*) exit 0 ;; esac\n\
        case $* in *guest*) echo \"guest::a: failed; once more. It was:\"; exit $STATUS ;; esac\n\
        echo \"netns::b: failed; once more\" >>\"$KEEPALIVED_TEST_AGAIN\"\n";
    for (name, status) in [("green", "0"), ("red", "101")] {
        let scratch = Scratch::new(name);
        let cargo = FAILS_BESIDE.replace("$STATUS", status);
        let ended = start(&scratch, &cargo).wait().expect("it ends");
        assert_eq!(ended.success(), status == "0");
        let said = fs::read_to_string(scratch.0.join("said")).expect("what it said");
        let (_, end) = said.split_once("were run again").expect(&said);
        for case in ["guest::a", "netns::b"] {
            assert!(end.contains(case), "{case} is not in\n{end}");
        }
        assert_eq!(end.contains("failed, see above"), status != "0", "{said}");
    }
}
