//! SIGHUP where an instance leaves an interface, comes with a link of its own, or nobody is there to hear of it.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{millis, secs, wait_until};

const VRID: u8 = 75;
const VIP: &str = "10.75.0.1";
const OTHER: &str = "10.75.0.2";
const LINK: &str = "vrrp.75";
/// Orders that are given before it is looked whether there is room for more.
const A_LOT: usize = 100;
const ROUTE: &str = "10.75.7.0/24";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("reload_moves::the_last_one_resigns", resigns),
        case("reload_moves::a_link_that_comes_is_no_fault", no_fault),
        case("reload_moves::told_to_a_dying_process", told_to_the_dying),
        case("reload_moves::told_to_nobody", told_to_nobody),
        case("reload_moves::nothing_is_wanted_any_more", nothing_wanted),
        case("reload_moves::told_when_there_is_no_room", no_room),
    ]
}

fn reload(node: &Node, config: &str) {
    node.write(CONFIG, config);
    node.signal(Signal::SIGHUP);
}

fn on(interface: &str, config: &str) -> String {
    config.replace("eth0", interface)
}

/// Whether the interface is there and has the address.
fn is_on(node: &Node, interface: &str, address: &str) -> bool {
    let (status, addresses) = node.try_run(&["ip", "-br", "addr", "show", "dev", interface]);
    status.success() && addresses.contains(&format!("{address}/"))
}

/// Who leaves an interface that nobody else stays on still says there that it is gone.
fn resigns() {
    let world = World::new(&[HostSpec::numbered(1).with("eth1", 1, "10.11.0")]);
    let node = &world.nodes[0];
    let stays = instance("STAYS", VRID, 255, "", &[VIP]);
    let moves = instance("MOVES", VRID + 1, 255, "", &[OTHER]);
    let of_its_own = instance("MOVES", VRID + 1, 255, "use_vmac", &[OTHER]);
    node.start(Ours, &format!("{stays}{}", on("eth1", &moves)));
    wait_until("both are master", election_bound(), || {
        node.holds(VIP) && is_on(node, "eth1", OTHER)
    });
    let resigned = |mark: usize, network: usize| {
        let frames = world.capture.frames_since(mark);
        let of_network = frames.iter().filter(|frame| frame.network == network);
        let mut adverts = of_network.filter_map(|frame| frame.advert());
        adverts.any(|advert| advert.vrid == VRID + 1 && advert.priority == 0)
    };
    for (what, next, network, there) in [
        ("to another interface", moves.clone(), 1, Some("eth0")),
        ("to its own", on("eth1", &of_its_own), 0, Some("vrrp.76")),
        ("from its own", on("eth1", &moves), 1, Some("eth1")),
        ("removed", String::new(), 1, None),
    ] {
        let mark = world.capture.mark();
        reload(node, &format!("{stays}{next}"));
        wait_until(what, election_bound(), || match there {
            Some(interface) => is_on(node, interface, OTHER),
            None => !node.holds(OTHER),
        });
        wait_until("it has resigned", secs(5), || resigned(mark, network));
    }
    assert!(!node.log().contains("could not be sent"));
}

/// An instance that comes with a virtual MAC, or gets one, begins when that is there.
fn no_fault() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let of_its_own = instance("COMES", VRID, 255, "use_vmac", &[VIP]);
    let gets = |head: &str| instance("GETS", VRID + 1, 255, head, &[OTHER]);
    node.start(Ours, &gets(""));
    wait_until("the first is master", election_bound(), || {
        node.holds(OTHER)
    });
    reload(node, &format!("{of_its_own}{}", gets("use_vmac")));
    wait_until("both are on their links", election_bound(), || {
        is_on(node, LINK, VIP) && is_on(node, "vrrp.76", OTHER)
    });
    node.wait_log("Reload complete", secs(5));
    assert!(!node.log().contains("FAULT"));
}

/// An instance with all that stays where it is, if nobody takes it away.
fn laden() -> String {
    let lines = format!("use_vmac\n virtual_routes {{\n {ROUTE} dev eth0\n }}");
    instance("LADEN", VRID, 255, &lines, &[VIP])
}

/// A master of all that, and its VRRP process.
fn laden_world() -> (World, Pid) {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.start(Ours, &laden());
    wait_until("everything is there", election_bound(), || {
        node.holds(VIP) && has_route(node)
    });
    let process = node.vrrp_pid().expect("a VRRP process");
    (world, process)
}

fn has_route(node: &Node) -> bool {
    node.run(&["ip", "route"]).contains(ROUTE)
}

fn nothing_is_left(node: &Node) -> bool {
    let link = node.try_run(&["ip", "link", "show", "dev", LINK]).0;
    !node.holds(VIP) && !has_route(node) && !link.success()
}

fn is_replaced(node: &Node) {
    let other = instance("OTHER", VRID + 1, 255, "", &[OTHER]);
    reload(node, &other);
    node.wait_log("Reloading", secs(5));
}

/// The process that is told of another configuration dies before it has acted on it.
fn told_to_the_dying() {
    let (world, process) = laden_world();
    let node = &world.nodes[0];
    kill(process, Signal::SIGSTOP).expect("it runs");
    is_replaced(node);
    kill(process, Signal::SIGKILL).expect("it is there");
    wait_until("the new one is in force", election_bound(), || {
        node.holds(OTHER)
    });
    wait_until("nothing is left", secs(5), || nothing_is_left(node));
}

/// Has the VRRP process die so soon after another that it is not replaced at once.
fn is_down(node: &Node, process: Pid) {
    kill(process, Signal::SIGKILL).expect("it runs");
    let mut next = None;
    wait_until("it is replaced", secs(5), || {
        next = node.vrrp_pid().filter(|next| *next != process);
        next.is_some() && node.log().matches("Startup complete").count() > 0
    });
    kill(next.expect("it was just there"), Signal::SIGKILL).expect("it runs");
    node.wait_log("Respawning in", secs(5));
}

/// The configuration changes while nobody is there.
fn told_to_nobody() {
    let (world, process) = laden_world();
    let node = &world.nodes[0];
    is_down(node, process);
    is_replaced(node);
    wait_until("the new one is in force", election_bound(), || {
        node.holds(OTHER)
    });
    wait_until("nothing is left", secs(5), || nothing_is_left(node));
}

/// The same, and the new one has nothing for such a process to do.
fn nothing_wanted() {
    let (world, process) = laden_world();
    let node = &world.nodes[0];
    is_down(node, process);
    reload(node, "bfd_instance FAR {\n neighbor_ip 10.10.0.2\n}\n");
    wait_until("nothing is left", election_bound(), || {
        nothing_is_left(node)
    });
    wait_until("nobody is needed any more", secs(5), || {
        node.vrrp_pid().is_none()
    });
}

/// A process that was halted, and asked for so much meanwhile that no order finds room, hears of it when it goes on.
fn no_room() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.start(Ours, &instance("BUSY", VRID, 255, "", &[VIP]));
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    let process = node.vrrp_pid().expect("a VRRP process");
    kill(process, Signal::SIGSTOP).expect("it runs");
    wait_until("there is no room", secs(5), || {
        for _ in 0..A_LOT {
            node.signal(Signal::SIGUSR1);
            // A second one that comes before the first is heard is the same.
            std::thread::sleep(millis(1));
        }
        node.log().contains("Cannot tell process")
    });
    is_replaced(node);
    kill(process, Signal::SIGCONT).expect("it is there");
    wait_until("the new one is in force", election_bound(), || {
        node.holds(OTHER) && !node.holds(VIP)
    });
    node.wait_log("Reload complete", secs(5));
}
