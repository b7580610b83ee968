//! One host: its files, the programs run on it, its addresses and what its daemon logged.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::stage::itself;
use super::{Binary, wait_for, wait_until};

/// What a host has for itself, whatever the machine is like.
const PRIVATE: [&str; 3] = ["/run/", "/tmp/", "/etc/keepalived/"];

/// Where the configuration lies on every host.
pub const CONFIG: &str = "/etc/keepalived/keepalived.conf";

/// What the daemon prints, seen from the host.
const LOG: &str = "/run/test/log";

/// An address of an interface, as `ip -j addr` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Dotted quad.
    pub local: String,
    /// Prefix length.
    pub prefixlen: u64,
    /// `global`, `link`, `host`.
    pub scope: String,
    /// The label, which is the interface's name if none was set.
    pub label: String,
}

/// A host and the daemon on it.
pub struct Node {
    /// Place in the world, from 0.
    pub index: usize,
    /// The sleeping process that keeps the namespaces.
    pub holder: Child,
    net: File,
    daemon: RefCell<Option<Child>>,
}

impl Node {
    /// A host whose namespaces `holder` keeps.
    pub fn new(index: usize, holder: Child) -> Self {
        let net = File::open(format!("/proc/{}/ns/net", holder.id()))
            .expect("the host's network namespace");
        Node {
            index,
            holder,
            net,
            daemon: RefCell::new(None),
        }
    }

    /// A file of the host, seen from outside.
    pub fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.holder.id()))
    }

    /// Writes a file of the host, with its folders.
    #[track_caller]
    pub fn write(&self, inside: &str, text: &str) {
        // Elsewhere the host may see the files of the machine itself, and root here is root there.
        let is_ours = PRIVATE.iter().any(|folder| inside.starts_with(folder));
        assert!(is_ours, "{inside} may be this machine's own: use `cover`");
        let path = self.path(inside);
        fs::create_dir_all(path.parent().expect("a file in a folder")).expect("making the folder");
        fs::write(&path, text).unwrap_or_else(|error| panic!("writing {inside}: {error}"));
    }

    /// Has the host see another file in the place of one that the machine has.
    #[track_caller]
    pub fn cover(&self, inside: &str, text: &str) {
        let store = format!("/run/test/covers{inside}");
        self.write(&store, text);
        self.run(&["mount", "--bind", &store, inside]);
    }

    /// Writes an executable file of the host.
    #[track_caller]
    pub fn write_script(&self, inside: &str, text: &str) {
        self.write(inside, text);
        fs::set_permissions(self.path(inside), fs::Permissions::from_mode(0o755)).expect("chmod");
    }

    /// A file of the host; empty if there is none.
    pub fn read(&self, inside: &str) -> String {
        fs::read(self.path(inside))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// All that daemons printed on this host so far.
    pub fn log(&self) -> String {
        self.read(LOG)
    }

    /// A program to be run on the host.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = itself(&format!("enter:{}", self.holder.id()));
        command.args(words).stdin(Stdio::null());
        command
    }

    /// Runs a program to its end: its status, and what it printed on both channels.
    pub fn try_run(&self, words: &[&str]) -> (ExitStatus, String) {
        let output = self.command(words).output().expect("cannot run");
        let text = [output.stdout, output.stderr].concat();
        (output.status, String::from_utf8_lossy(&text).into_owned())
    }

    /// Runs a program that has to succeed.
    #[track_caller]
    pub fn run(&self, words: &[&str]) -> String {
        let (status, output) = self.try_run(words);
        assert!(
            status.success(),
            "{words:?} on host {}: {status}\n{output}",
            self.index + 1
        );
        output
    }

    /// Does something in the host's network namespace, such as opening a socket.
    pub fn in_network<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        let space = self.net.as_fd();
        std::thread::scope(|scope| {
            scope
                .spawn(move || {
                    setns(space, CloneFlags::CLONE_NEWNET).expect("entering the host's network");
                    body()
                })
                .join()
                .expect("the thread in the host's network")
        })
    }

    /// Sets one of the host's network settings, such as `net/ipv4/ip_forward`.
    #[track_caller]
    pub fn set_sysctl(&self, name: &str, value: &str) {
        let file = format!("/proc/sys/{name}");
        self.in_network(|| fs::write(&file, value))
            .unwrap_or_else(|error| panic!("setting {file}: {error}"));
    }

    /// All addresses of the host.
    pub fn all_addresses(&self) -> Vec<IpAddr> {
        self.in_network(|| {
            let all = nix::ifaddrs::getifaddrs().expect("getifaddrs");
            all.filter_map(|entry| {
                let address = entry.address?;
                let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
                v4.or_else(|| Some(IpAddr::V6(address.as_sockaddr_in6()?.ip())))
            })
            .collect()
        })
    }

    /// Whether some interface has `address`.
    pub fn holds(&self, address: &str) -> bool {
        let address: IpAddr = address.parse().expect("an address");
        self.all_addresses().contains(&address)
    }

    /// The IPv4 addresses of one interface, in the kernel's order.
    #[track_caller]
    pub fn addresses(&self, interface: &str) -> Vec<Address> {
        let text = self.run(&["ip", "-4", "-j", "addr", "show", "dev", interface]);
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON from ip");
        let entries = value
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|link| link["addr_info"].as_array().cloned().unwrap_or_default());
        entries
            .filter(|entry| entry["local"].is_string())
            .map(|entry| Address {
                local: entry["local"].as_str().unwrap_or_default().into(),
                prefixlen: entry["prefixlen"].as_u64().unwrap_or_default(),
                scope: entry["scope"].as_str().unwrap_or_default().into(),
                label: entry["label"].as_str().unwrap_or_default().into(),
            })
            .collect()
    }

    /// What the kernel knows of one address, if it has it.
    #[track_caller]
    pub fn address(&self, interface: &str, local: &str) -> Option<Address> {
        self.addresses(interface)
            .into_iter()
            .find(|address| address.local == local)
    }

    /// Writes the configuration and starts the daemon in the foreground, its log on its standard error.
    #[track_caller]
    pub fn start(&self, binary: Binary, config: &str) {
        self.write(CONFIG, config);
        self.start_again(binary);
    }

    /// Starts the daemon with the configuration that is there.
    #[track_caller]
    pub fn start_again(&self, binary: Binary) {
        let pids = [
            "-p",
            "/run/keepalived.pid",
            "-r",
            "/run/vrrp.pid",
            "-c",
            "/run/checkers.pid",
        ];
        self.start_with(
            binary,
            &[&["-n", "-l", "-D", "-f", CONFIG][..], &pids].concat(),
        );
    }

    /// Starts the daemon with these arguments, its output going to the host's log.
    #[track_caller]
    pub fn start_with(&self, binary: Binary, arguments: &[&str]) {
        self.start_onto(binary, arguments, self.open_log());
    }

    /// The host's log, to be written to.
    pub fn open_log(&self) -> OwnedFd {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o644)
            .open(self.path(LOG));
        log.expect("the log").into()
    }

    /// Starts the daemon with these arguments, its output going to `output`.
    #[track_caller]
    pub fn start_onto(&self, binary: Binary, arguments: &[&str], output: OwnedFd) {
        self.start_program(&[&[binary.inside()][..], arguments].concat(), output);
    }

    /// Starts the daemon by whatever becomes it (`env`), its output going to `output`.
    #[track_caller]
    pub fn start_program(&self, words: &[&str], output: OwnedFd) {
        let mut command = self.command(words);
        command
            .stdout(output.try_clone().expect("the output"))
            .stderr(output);
        let child = command.spawn().expect("cannot start the daemon");
        if let Some(mut old) = self.daemon.replace(Some(child)) {
            assert!(
                old.try_wait().expect("waiting").is_some(),
                "a daemon still runs on host {}",
                self.index + 1
            );
        }
    }

    /// The daemon's parent process.
    #[track_caller]
    pub fn pid(&self) -> Pid {
        let daemon = self.daemon.borrow();
        as_pid(daemon.as_ref().expect("no daemon was started").id())
    }

    /// The VRRP process, when its pid file names a living one.
    pub fn vrrp_pid(&self) -> Option<Pid> {
        self.named_by("/run/vrrp.pid")
    }

    /// The checker process, likewise.
    pub fn checker_pid(&self) -> Option<Pid> {
        self.named_by("/run/checkers.pid")
    }

    fn named_by(&self, file: &str) -> Option<Pid> {
        let pid = self.read(file).trim().parse().ok().map(Pid::from_raw)?;
        self.processes().contains(&pid).then_some(pid)
    }

    /// Kills the checker process; which it was.
    #[track_caller]
    pub fn kill_checker(&self) -> Pid {
        let first = self.checker_pid().expect("a checker process");
        kill(first, Signal::SIGKILL).expect("the checker process");
        first
    }

    /// Waits for the process that replaces it.
    #[track_caller]
    pub fn checker_replaced(&self, first: Pid, bound: Duration) {
        wait_until("another has begun", bound, || {
            self.checker_pid().is_some_and(|pid| pid != first)
        });
    }

    /// Sends a signal to the daemon's parent process.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the daemon is gone");
    }

    /// Waits for the daemon's end.
    #[track_caller]
    pub fn wait_exit(&self, bound: Duration) -> ExitStatus {
        let mut daemon = self.daemon.borrow_mut();
        let child = daemon.as_mut().expect("no daemon was started");
        wait_for("the daemon ends", bound, || {
            child.try_wait().expect("waiting for the daemon")
        })
    }

    /// Ends the daemon as an administrator does; panics unless it ends with 0.
    #[track_caller]
    pub fn stop(&self) {
        self.signal(Signal::SIGTERM);
        let status = self.wait_exit(super::secs(10));
        assert_eq!(
            status.code(),
            Some(0),
            "stopped with signal {:?}",
            status.signal()
        );
    }

    /// Whether the daemon's parent process lives.
    pub fn runs(&self) -> bool {
        self.daemon
            .borrow_mut()
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// The processes on this host (not the keeper of its namespaces).
    pub fn processes(&self) -> Vec<Pid> {
        let space = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let (keeper, ours) = (self.holder.id(), space(self.holder.id()));
        let entries = fs::read_dir("/proc").expect("/proc").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.filter(|&pid| pid != keeper && space(pid) == ours && !is_dead(pid))
            .map(as_pid)
            .collect()
    }

    /// How many processes sleep for so many seconds.
    pub fn sleepers(&self, seconds: &str) -> usize {
        let line = format!("sleep\0{seconds}\0");
        let sleeps = |pid: &Pid| {
            fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words == line.as_bytes())
        };
        self.processes().iter().filter(|pid| sleeps(pid)).count()
    }

    /// The host's programs all die at once, as in a crash; its addresses stay.
    pub fn kill_all(&self) {
        // A host loses all its processes in one instant. Killed one by one, a child would hear of its parent's death and resign.
        for pid in self.processes() {
            let _ = kill(pid, Signal::SIGSTOP);
        }
        let mut killed = HashSet::<Pid>::new();
        wait_until("all processes of a host die", super::secs(10), || {
            let left = self.processes();
            for &pid in &left {
                let _ = kill(pid, Signal::SIGKILL);
            }
            killed.extend(&left);
            left.is_empty()
        });
        if let Some(mut child) = self.daemon.take() {
            killed.remove(&as_pid(child.id()));
            child.wait().expect("waiting for the killed daemon");
        }
        // Orphans are ours, being process 1; unburied, their pids would look alive to a daemon that reads its old pid file.
        for pid in killed {
            let _ = waitpid(pid, None);
        }
    }

    /// Waits until the daemon logs `text`.
    #[track_caller]
    pub fn wait_log(&self, text: &str, bound: Duration) {
        wait_until(
            &format!("host {} logs \"{text}\"", self.index + 1),
            bound,
            || self.log().contains(text),
        );
    }

    /// The processes that a process has started and not yet heard the end of.
    pub fn children(pid: Pid) -> Vec<Pid> {
        let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let list = list.unwrap_or_default();
        let pids = list.split_whitespace().filter_map(|pid| pid.parse().ok());
        pids.map(Pid::from_raw).collect()
    }

    /// A field of `/proc/PID/stat` of the given process, by its number in proc(5), from 3: those behind the name.
    #[track_caller]
    pub fn stat_field(pid: Pid, number: usize) -> String {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
        let (_, rest) = text.rsplit_once(") ").expect("a name in brackets");
        let field = rest.split_whitespace().nth(number - 3);
        field.expect("a field of this number").to_owned()
    }

    /// A number in `/proc/PID/status` of the given process, such as `VmRSS`.
    pub fn status_number(pid: Pid, field: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        for pid in self.processes() {
            let _ = kill(pid, Signal::SIGKILL);
        }
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn as_pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).expect("pids are positive"))
}

/// Whether a process is over. A zombie has nothing left but its number.
pub fn is_dead(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}
