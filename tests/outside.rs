//! What is installed beside the binary, as a user meets it: `make install` and `uninstall`, the init script in a throw-away root under
//! several shells and function libraries, messages on a real syslog socket and in rsyslogd's file, manual pages, samples.
//! Not here: what the daemon does on the wire (`netns`, `peer`).
//!
//! Each case runs in its own user, mount, network and pid namespace: no root needed, and everything it started ends with it.

use keepalived::config::keywords::{Block, Keyword};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
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

fn make(target: &str, destination: &Path) -> Output {
    let output = Command::new("make")
        .args(["-s", target])
        .arg(format!("DESTDIR={}", destination.display()))
        .arg(format!("BIN={}", binary().display()))
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .current_dir(repository())
        .stdin(Stdio::null())
        .output()
        .expect("make can be run");
    assert!(output.status.success(), "make {target}: {output:?}");
    output
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
fn install_puts_every_file_and_uninstall_takes_each_away() {
    let scratch = Scratch::new("install");
    make("install", &scratch.0);
    let mut expected: BTreeSet<String> = [
        "etc/init.d/keepalived",
        "etc/keepalived/keepalived.conf.sample",
        "etc/logrotate.d/keepalived",
        "etc/rsyslog.d/keepalived.conf",
        "etc/sysconfig/keepalived",
        "usr/lib/systemd/system/keepalived.service",
        "usr/bin/genhash",
        "usr/sbin/keepalived",
        "usr/share/doc/keepalived/CHANGELOG.md",
        "usr/share/doc/keepalived/README.md",
        "usr/share/doc/keepalived/differences.md",
        "usr/share/man/man1/genhash.1",
        "usr/share/man/man5/keepalived.conf.5",
        "usr/share/man/man8/keepalived.8",
    ]
    .map(str::to_owned)
    .into();
    for sample in files(&repository().join("contrib/samples")) {
        expected.insert(format!("usr/share/doc/keepalived/samples/{sample}"));
    }
    assert_eq!(files(&scratch.0), expected);
    assert_eq!(
        fs::read(scratch.0.join("usr/sbin/keepalived")).expect("the installed daemon"),
        fs::read(binary()).expect("the built daemon")
    );
    make("uninstall", &scratch.0);
    assert_eq!(files(&scratch.0), BTreeSet::new());
}

#[test]
fn a_changed_configuration_file_is_neither_overwritten_nor_removed() {
    let scratch = Scratch::new("changed");
    make("install", &scratch.0);
    let changed = [
        "etc/sysconfig/keepalived",
        "etc/rsyslog.d/keepalived.conf",
        "etc/logrotate.d/keepalived",
    ];
    let own = "# mine\n";
    for name in changed {
        fs::write(scratch.0.join(name), own).expect("writing as an administrator");
    }
    let configuration = scratch.0.join("etc/keepalived/keepalived.conf");
    fs::write(&configuration, own).expect("writing as an administrator");
    let said = make("install", &scratch.0);
    for name in changed {
        assert!(
            String::from_utf8_lossy(&said.stdout)
                .contains(&format!("{name}: was changed, left as it is")),
            "{said:?}"
        );
    }
    make("uninstall", &scratch.0);
    for name in changed {
        assert_eq!(
            fs::read_to_string(scratch.0.join(name)).expect("still there"),
            own
        );
    }
    assert_eq!(
        fs::read_to_string(&configuration).expect("still there"),
        own
    );
    assert_eq!(files(&scratch.0).len(), changed.len() + 1);
}

#[test]
fn other_places_are_followed_by_the_files_that_name_them() {
    let scratch = Scratch::new("places");
    let output = Command::new("make")
        .args(["-s", "install", "PREFIX=/opt/ha", "sysconfdir=/opt/ha/etc"])
        .arg(format!("DESTDIR={}", scratch.0.display()))
        .arg(format!("BIN={}", binary().display()))
        .current_dir(repository())
        .output()
        .expect("make can be run");
    assert!(output.status.success(), "{output:?}");
    let script = fs::read_to_string(scratch.0.join("opt/ha/etc/init.d/keepalived"))
        .expect("the init script");
    assert!(script.contains("\nDAEMON=/opt/ha/sbin/keepalived\n"));
    assert!(script.contains("\nCONFIG=/opt/ha/etc/keepalived/keepalived.conf\n"));
    let unit = fs::read_to_string(
        scratch
            .0
            .join("opt/ha/lib/systemd/system/keepalived.service"),
    )
    .expect("the unit");
    assert!(unit.contains("ExecStart=/opt/ha/sbin/keepalived "));
}

#[test]
fn shell_files_are_posix() {
    let mut scripts = vec![
        PathBuf::from("contrib/init.d/keepalived"),
        PathBuf::from("contrib/install.sh"),
        PathBuf::from("tests/needs.sh"),
    ];
    for name in files(&repository().join("tests/outside")) {
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
fn manual_pages_are_clean() {
    if !have("mandoc") {
        return;
    }
    for page in ["contrib/man/keepalived.8", "contrib/man/keepalived.conf.5"] {
        let output = Command::new("mandoc")
            .args(["-T", "lint"])
            .arg(repository().join(page))
            .output()
            .expect("mandoc");
        // Whether the machine's own index knows the pages referred to says nothing about ours.
        let found: Vec<String> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter(|line| {
                !line.contains("mandoc.db") && !line.contains("referenced manual not found")
            })
            .map(str::to_owned)
            .collect();
        assert_eq!(found, Vec::<String>::new(), "{page}");
    }
}

/// The words of a manual page, without its markup.
fn words(page: &str) -> BTreeSet<String> {
    fs::read_to_string(repository().join(page))
        .expect("the page")
        .split(|character: char| {
            character.is_whitespace() || matches!(character, ',' | '(' | ')' | '=')
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_manual_has_every_keyword_that_does_something() {
    let words = words("contrib/man/keepalived.conf.5");
    let mut missing = Vec::new();
    for block in [
        Block::Root,
        Block::GlobalDefs,
        Block::VrrpInstance,
        Block::Authentication,
        Block::VirtualServer,
        Block::RealServer,
        Block::MiscCheck,
        Block::SmtpCheck,
        Block::TcpCheck,
        Block::UdpCheck,
        Block::DnsCheck,
        Block::FileCheck,
        Block::HttpGet,
        Block::SslGet,
    ] {
        // A synonym needs no entry: whoever writes it is told what to write.
        let acting = |keyword: &&Keyword| keyword.acts && keyword.same_as.is_none();
        for keyword in block.keywords().iter().filter(acting) {
            if !words.contains(keyword.word) {
                missing.push(format!("{} {}", block.name(), keyword.word));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_manual_has_every_option_of_the_help() {
    let words = words("contrib/man/keepalived.8");
    let output = Command::new(binary())
        .arg("--help")
        .output()
        .expect("the daemon can be run");
    let help = String::from_utf8_lossy(&output.stderr);
    let options: Vec<&str> = help
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("--"))
        .map(|option| option.split(['=', '[']).next().unwrap_or(option))
        .collect();
    assert!(options.len() > 30, "{help}");
    for option in options {
        assert!(words.contains(option), "--{option} is not in keepalived(8)");
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
