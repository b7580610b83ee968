//! Hosts and cables: each host is a network and mount namespace kept by a sleeping process, its interfaces are veths into one
//! bridge that lies in the case's own network namespace, where the frames are recorded.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::Binary;
use super::node::Node;
use super::stage::{itself, private_mounts};
use super::wire::Capture;

/// The bridge of network number `n` (each `ethN` of all hosts is one network).
fn bridge(network: usize) -> String {
    format!("br{network}")
}

/// One interface of a host to be.
#[derive(Clone, Debug)]
pub struct InterfaceSpec {
    /// Name on the host.
    pub name: String,
    /// `02:00:00:..`
    pub mac: String,
    /// `ADDRESS/LEN`.
    pub address: String,
}

/// A host to be.
#[derive(Clone, Debug)]
pub struct HostSpec {
    /// Its interfaces; number `n` is plugged into bridge `n`.
    pub interfaces: Vec<InterfaceSpec>,
}

impl HostSpec {
    /// Host `number` (from 1) with `eth0` 10.10.0.NUMBER/24. The first has the addresses of the golden frames.
    pub fn numbered(number: usize) -> Self {
        HostSpec { interfaces: vec![] }.with("eth0", number, "10.10.0")
    }

    /// Adds an interface with the address `PREFIX.NUMBER/24`.
    pub fn with(mut self, name: &str, number: usize, prefix: &str) -> Self {
        let index = self.interfaces.len();
        self.interfaces.push(InterfaceSpec {
            name: name.into(),
            mac: format!("02:00:00:{number:02x}:{index:02x}:00"),
            address: format!("{prefix}.{number}/24"),
        });
        self
    }
}

/// Hosts on bridges, and the record of what they say.
pub struct World {
    /// The hosts, in the order of their specifications.
    pub nodes: Vec<Node>,
    /// Every frame a host sends, from before the first program starts.
    pub capture: Capture,
    networks: usize,
}

impl World {
    /// Two hosts with `eth0` on one network.
    pub fn two() -> Self {
        World::new(&[HostSpec::numbered(1), HostSpec::numbered(2)])
    }

    /// Builds the hosts; panics with the reason if this machine does not allow it.
    pub fn new(specs: &[HostSpec]) -> Self {
        let networks = specs
            .iter()
            .map(|spec| spec.interfaces.len())
            .max()
            .unwrap_or(0);
        let mut plan = String::from("link set lo up\n");
        for network in 0..networks {
            let bridge = bridge(network);
            plan += &format!(
                "link add {bridge} type bridge stp_state 0 mcast_snooping 0 forward_delay 0\nlink set {bridge} up\n"
            );
        }
        ip_batch(&plan);
        let capture = Capture::start();
        let mut nodes = Vec::new();
        for (index, spec) in specs.iter().enumerate() {
            let node = Node::new(index, start_host());
            plug(&node, &spec.interfaces);
            nodes.push(node);
        }
        World {
            nodes,
            capture,
            networks,
        }
    }

    /// Pulls (or plugs in again) the cable of a host's interface number `network`.
    pub fn cable(&self, node: usize, network: usize, plugged: bool) {
        let state = if plugged { "up" } else { "down" };
        ip_batch(&format!("link set {} {state}\n", port(node, network)));
    }

    /// Pulls the cable of a host's interface number `network` out of the bridge, while its link stays up: what the host sends ends at
    /// the cable's other end, in the caller's network namespace.
    pub fn unbridge(&self, node: usize, network: usize) {
        let port = port(node, network);
        ip_batch(&format!(
            "link set {port} nomaster\nlink set {port} arp off\n"
        ));
    }

    /// Keeps the hosts from hearing each other, while their links stay up (and ends it).
    pub fn partition(&self, parted: bool) {
        let state = if parted { "on" } else { "off" };
        let ports = self.nodes.iter().map(|node| port(node.index, 0));
        let plan =
            ports.map(|port| format!("link set {port} type bridge_slave isolated {state}\n"));
        ip_batch(&plan.collect::<String>());
    }

    /// Makes interface number 0 of a host again after it was deleted.
    pub fn plug_again(&self, node: usize, interface: &InterfaceSpec) {
        plug(&self.nodes[node], std::slice::from_ref(interface));
    }

    /// Which hosts hold `address`.
    pub fn holders(&self, address: &str) -> Vec<usize> {
        self.nodes
            .iter()
            .filter(|node| node.holds(address))
            .map(|node| node.index)
            .collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for node in &self.nodes {
                eprintln!(
                    "\n--- host {} ---\n{}\n{}",
                    node.index + 1,
                    node.try_run(&["ip", "-br", "addr"]).1,
                    node.log()
                );
            }
            eprintln!("--- adverts ---\n{}", self.capture.story());
        }
        let hosts = self.nodes.len();
        self.nodes.clear();
        // The kernel takes a namespace apart some time later; the next world wants the same names now.
        let ports =
            (0..hosts).flat_map(|node| (0..self.networks).map(move |network| port(node, network)));
        let plan = ports
            .chain((0..self.networks).map(bridge))
            .map(|link| format!("link del {link}\n"))
            .collect::<String>();
        ip_batch_with(&["-force"], &plan, Stdio::null());
    }
}

/// The bridge's side of a host's cable.
fn port(node: usize, network: usize) -> String {
    format!("h{}e{network}", node + 1)
}

/// Gives a host its interfaces, number `n` on network `n`. Few programs are started: in a guest that is slow.
fn plug(node: &Node, interfaces: &[InterfaceSpec]) {
    let (mut outside, mut inside) = (String::new(), String::new());
    for (network, interface) in interfaces.iter().enumerate() {
        let (port, bridge, InterfaceSpec { name, mac, address }) =
            (port(node.index, network), bridge(network), interface);
        outside += &format!(
            "link add {port} type veth peer name {name} address {mac} netns {}\n\
             link set {port} master {bridge} up\n",
            node.holder.id()
        );
        inside += &format!("link set {name} up\naddr add {address} dev {name}\n");
    }
    ip_batch(&outside);
    node.in_network(|| ip_batch(&inside));
}

/// Runs `ip` commands in the network namespace of the caller.
#[track_caller]
pub fn ip_batch(plan: &str) {
    let done = ip_batch_with(&[], plan, Stdio::inherit());
    assert!(done, "ip refused:\n{plan}");
}

/// Runs `ip` commands with options of its own; whether all succeeded.
fn ip_batch_with(options: &[&str], plan: &str, complaints: Stdio) -> bool {
    let mut child = Command::new("ip")
        .args(options)
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stderr(complaints)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run ip (iproute2): {error}"));
    let mut input = child.stdin.take().expect("piped");
    input.write_all(plan.as_bytes()).expect("writing to ip");
    drop(input);
    child.wait().expect("waiting for ip").success()
}

fn start_host() -> Child {
    let mut child = itself("host")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cannot start a host");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("piped"))
        .read_line(&mut line)
        .expect("reading from the host");
    assert_eq!(line, "ready\n", "the host did not come up");
    child
}

/// The life of a host's keeper: makes the namespaces, says so, sleeps.
pub fn be_host() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS)?;
    private_mounts()?;
    tmpfs("/run")?;
    fs::create_dir("/run/test")?;
    for binary in [Binary::Ours, Binary::Peer] {
        if let Ok(original) = binary.path().canonicalize() {
            let inside = Path::new(binary.inside());
            fs::create_dir(inside.parent().expect("a file in a folder"))?;
            fs::write(inside, "")?;
            bind(&original, inside)?;
        }
    }
    private_etc()?;
    private_dev()?;
    tmpfs("/tmp")?;
    mount(
        Some("sysfs"),
        "/sys",
        Some("sysfs"),
        MsFlags::empty(),
        None::<&str>,
    )?;
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status()?;
    if !up.success() {
        return Err(io::Error::other("ip link set lo up failed"));
    }
    println!("ready");
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// An empty `/etc/keepalived`, also where there is none to mount over.
fn private_etc() -> io::Result<()> {
    if Path::new("/etc/keepalived").is_dir() {
        return tmpfs("/etc/keepalived");
    }
    overlay("/etc")?;
    fs::create_dir("/etc/keepalived")
}

/// Makes `folder` writable without touching what is there: changes go to memory.
pub fn overlay(folder: &str) -> io::Result<()> {
    let store = Path::new("/run/test").join(format!("over{}", folder.replace('/', "-")));
    let (upper, work) = (store.join("upper"), store.join("work"));
    fs::create_dir_all(&upper)?;
    fs::create_dir_all(&work)?;
    let options = format!(
        "lowerdir={folder},upperdir={},workdir={}",
        upper.display(),
        work.display()
    );
    Ok(mount(
        Some("overlay"),
        folder,
        Some("overlay"),
        MsFlags::empty(),
        Some(options.as_str()),
    )?)
}

/// A `/dev` with the usual devices and no `/dev/log`: the host's own syslog hears nothing of the tests.
fn private_dev() -> io::Result<()> {
    let staging = Path::new("/run/test/dev");
    fs::create_dir(staging)?;
    tmpfs(staging)?;
    for device in ["null", "zero", "full", "random", "urandom", "tty"] {
        let (original, inside) = (Path::new("/dev").join(device), staging.join(device));
        if original.exists() {
            fs::write(&inside, "")?;
            bind(&original, &inside)?;
        }
    }
    fs::create_dir(staging.join("shm"))?;
    std::os::unix::fs::symlink("/proc/self/fd", staging.join("fd"))?;
    Ok(mount(
        Some(staging),
        "/dev",
        None::<&str>,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        None::<&str>,
    )?)
}

fn tmpfs(place: impl AsRef<Path>) -> io::Result<()> {
    Ok(mount(
        Some("tmpfs"),
        place.as_ref(),
        Some("tmpfs"),
        MsFlags::MS_NOSUID,
        Some("mode=755"),
    )?)
}

fn bind(original: &Path, place: &Path) -> io::Result<()> {
    Ok(mount(
        Some(original),
        place,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )?)
}
