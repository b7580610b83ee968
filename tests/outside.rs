//! What is installed beside the binary, as a user meets it: the init script in a throw-away root under several shells and function
//! libraries, messages on a real syslog socket and in rsyslogd's file, samples. In the modules: installing, the manual pages, `make
//! check`. Not here: what the daemon does on the wire (`netns`, `peer`).
//!
//! Each case runs in its own user, mount, network and pid namespace: no root needed, and everything it started ends with it.

#[path = "outside/check.rs"]
mod check;
#[path = "outside/install.rs"]
mod install;
#[path = "outside/manual.rs"]
mod manual;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// No case may hang the tests; the slowest takes some twenty seconds on an idle machine.
const CASE_SECONDS: &str = "240";
/// How often the syslog listener looks whether the case has ended.
const LISTENER_PAUSE: Duration = Duration::from_millis(100);
/// Facility local0 shifted to its place in the priority value (RFC 5424 section 6.2.1).
const LOCAL0: u32 = 16 << 3;
/// Longest message the listener takes.
const MESSAGE_BYTES: usize = 8192;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The daemon under test.
fn binary() -> PathBuf {
    match std::env::var_os("KEEPALIVED_BIN") {
        Some(path) => repository().join(path),
        None => PathBuf::from(env!("CARGO_BIN_EXE_keepalived")),
    }
}

/// An empty directory that goes away with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("keepalived-{}-{name}", std::process::id()));
        fs::create_dir(&path).expect("a new directory for the test");
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What was mounted in it is in namespaces that are gone.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether the program is there; if not, says what can't be tested, which is a failure where everything must be.
fn have(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    let found = path
        .split(':')
        .chain(["/usr/sbin", "/sbin"])
        .any(|directory| Path::new(directory).join(program).exists());
    if !found {
        let all = std::env::var("KEEPALIVED_TEST_ALL").is_ok_and(|value| value == "1");
        assert!(!all, "{program} is not installed: make needs-install");
        eprintln!("not tested: {program} is not installed (make needs-install)");
    }
    found
}

/// Runs `tests/outside/NAME.sh` in namespaces of its own and returns what it printed; panics with it when the case failed.
fn run_case(name: &str, scratch: &Scratch, environment: &[(&str, &str)]) -> String {
    let output = Command::new("timeout")
        .args([
            CASE_SECONDS,
            "unshare",
            "-Urnmpf",
            "--kill-child",
            "--propagation",
            "private",
            "--mount-proc",
            "sh",
        ])
        .arg(
            repository()
                .join("tests/outside")
                .join(format!("{name}.sh")),
        )
        .env("REPO", repository())
        .env("BIN", binary())
        .env("SCRATCH", &scratch.0)
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .envs(environment.iter().copied())
        .current_dir(repository())
        .stdin(Stdio::null())
        .output()
        .expect("unshare can be run");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success() && text.contains("# passed"),
        "{name} {environment:?}: {}\n{text}",
        output.status
    );
    text
}

fn init_script(name: &str, system: &str, shell: &str, functions: &str) {
    let scratch = Scratch::new(name);
    run_case(
        "init_script",
        &scratch,
        &[
            ("SYSTEM", system),
            ("INIT_SHELL", shell),
            ("FUNCTIONS", functions),
        ],
    );
}

#[test]
fn init_script_under_dash_without_function_library() {
    if have("dash") {
        init_script("dash", "debian", "dash", "none");
    }
}

#[test]
fn init_script_under_busybox_with_nothing_else_installed() {
    if have("busybox") {
        init_script("busybox", "busybox", "busybox sh", "none");
    }
}

#[test]
fn init_script_with_lsb_functions() {
    init_script("lsb", "debian", "sh", "lsb");
}

#[test]
fn init_script_under_bash_with_red_hat_functions() {
    if have("bash") {
        init_script("redhat", "debian", "bash", "redhat");
    }
}

#[test]
fn init_script_with_functions_its_shell_cannot_read() {
    init_script("bashonly", "debian", "sh", "bash-only");
}

#[test]
fn init_script_with_the_functions_of_this_machine() {
    init_script("machine", "debian", "sh", "machine");
}

/// Collects what is sent to a datagram socket.
struct Listener {
    path: PathBuf,
    ended: Arc<AtomicBool>,
    thread: JoinHandle<Vec<String>>,
}

impl Listener {
    fn new(path: PathBuf) -> Listener {
        let socket = UnixDatagram::bind(&path).expect("a socket for the messages");
        socket
            .set_read_timeout(Some(LISTENER_PAUSE))
            .expect("a time limit on the socket");
        let ended = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let ended = Arc::clone(&ended);
            move || {
                let mut messages = Vec::new();
                let mut buffer = [0; MESSAGE_BYTES];
                loop {
                    match socket.recv(&mut buffer) {
                        Ok(length) => {
                            messages.push(String::from_utf8_lossy(&buffer[..length]).into_owned())
                        }
                        Err(_) if ended.load(Ordering::Relaxed) => return messages,
                        Err(_) => {}
                    }
                }
            }
        });
        Listener {
            path,
            ended,
            thread,
        }
    }

    fn path(&self) -> &str {
        self.path.to_str().expect("a readable path")
    }

    /// All messages, when nothing sends any more.
    fn messages(self) -> Vec<String> {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().expect("the listener ends")
    }
}

#[test]
fn the_unit_is_told_when_the_daemon_is_ready() {
    let scratch = Scratch::new("unit");
    let listener = Listener::new(scratch.0.join("notify"));
    let environment = [
        ("SYSTEM", "debian"),
        ("INIT_SHELL", "sh"),
        ("NOTIFY", listener.path()),
    ];
    run_case("unit", &scratch, &environment);
    let messages = listener.messages();
    let told: Vec<&str> = messages
        .iter()
        .flat_map(|message| message.lines())
        .filter(|line| !line.starts_with("MONOTONIC_USEC="))
        .collect();
    assert_eq!(told, ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]);
}

#[test]
fn messages_reach_the_syslog_socket_with_facility_local0() {
    let scratch = Scratch::new("syslog");
    let listener = Listener::new(scratch.0.join("log"));
    let environment = [
        ("SYSTEM", "debian"),
        ("INIT_SHELL", "sh"),
        ("LOG_SOCKET", listener.path()),
    ];
    let text = run_case("syslog", &scratch, &environment);
    let messages = listener.messages();

    for message in &messages {
        let priority: Option<u32> = message
            .strip_prefix('<')
            .and_then(|rest| rest.split_once('>'))
            .and_then(|(number, _)| number.parse().ok());
        let priority = priority.unwrap_or_else(|| panic!("no priority value: {message:?}"));
        assert_eq!(priority & !7, LOCAL0, "facility of {message:?}");
    }
    let pid = |role: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(role))
            .expect("the case prints the process numbers");
        line.trim().to_owned()
    };
    let said = |tag: String, phrase: &str| {
        messages
            .iter()
            .any(|message| message.contains(&tag) && message.contains(phrase))
    };
    let parent = format!(" Keepalived[{}]: ", pid("PARENT"));
    let vrrp = format!(" Keepalived_vrrp[{}]: ", pid("VRRP"));
    assert!(
        said(parent.clone(), "Starting VRRP child process"),
        "{messages:#?}"
    );
    assert!(said(vrrp, "(VI_1) Entering MASTER STATE"), "{messages:#?}");
    assert!(said(parent, "Stopped Keepalived"), "{messages:#?}");
}

#[test]
fn rsyslogd_files_the_messages_as_readme_shows() {
    if have("rsyslogd") && have("logrotate") {
        let scratch = Scratch::new("rsyslog");
        run_case(
            "rsyslog",
            &scratch,
            &[("SYSTEM", "debian"), ("INIT_SHELL", "sh")],
        );
    }
}

/// All files below a directory, relative to it.
fn files(directory: &Path) -> BTreeSet<String> {
    fn walk(top: &Path, directory: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(directory).expect("a readable directory") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                walk(top, &path, found);
            } else {
                found.insert(
                    path.strip_prefix(top)
                        .expect("below the top")
                        .display()
                        .to_string(),
                );
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(directory, directory, &mut found);
    found
}

#[test]
fn shell_files_are_posix() {
    let mut scripts = vec![
        PathBuf::from("contrib/init.d/keepalived"),
        PathBuf::from("contrib/install.sh"),
        PathBuf::from("tests/needs.sh"),
        PathBuf::from("tests/check.sh"),
    ];
    let beside = files(&repository().join("tests/outside"));
    for name in beside.iter().filter(|name| name.ends_with(".sh")) {
        scripts.push(PathBuf::from("tests/outside").join(name));
    }
    for shell in [
        &["dash", "-n"][..],
        &["busybox", "sh", "-n"],
        &["bash", "--posix", "-n"],
    ] {
        if !have(shell[0]) {
            continue;
        }
        for script in &scripts {
            let output = Command::new(shell[0])
                .args(&shell[1..])
                .arg(repository().join(script))
                .output()
                .expect("a shell");
            assert!(
                output.status.success() && output.stderr.is_empty(),
                "{shell:?} {script:?}: {output:?}"
            );
        }
    }
}

#[test]
fn samples_have_no_fault() {
    for sample in files(&repository().join("contrib/samples")) {
        let output = Command::new("unshare")
            .args(["-Urn", "sh", "-c"])
            .arg("ip link add eth0 type veth peer name far0 && exec \"$0\" -t -f \"$1\"")
            .arg(binary())
            .arg(repository().join("contrib/samples").join(&sample))
            .stdin(Stdio::null())
            .output()
            .expect("unshare can be run");
        assert!(output.status.success(), "{sample}: {output:?}");
    }
}
