//! The command line as the world outside meets it: exit statuses, and what is said when something cannot be done.

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_until};

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("outside::exit_statuses", exit_statuses),
        case("outside::signal_numbers", signal_numbers),
        case("outside::missing_capability", missing_capability),
        case(
            "outside::config_that_cannot_be_run",
            config_that_cannot_be_run,
        ),
        case("outside::checker_child", checker_child),
    ]
}

fn good() -> String {
    instance("TEST", 76, 100, "", &["10.76.0.1"])
}

fn run(node: &Node, arguments: &[&str]) -> (Option<i32>, String) {
    let (status, text) = node.try_run(&[&["timeout", "10", Ours.inside()][..], arguments].concat());
    (status.code(), text)
}

fn exit_statuses() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write(CONFIG, &good());
    node.write("/run/test/warns.conf", &format!("{}nonsense 1\n", good()));
    node.write(
        "/run/test/lacks.conf",
        &good().replacen("priority 100", "priority", 1),
    );
    let expected: &[(&[&str], i32, &str)] = &[
        (&["-v"], 0, "Keepalived v"),
        (&["--version"], 0, "Keepalived v"),
        (&["-h"], 0, "--use-file"),
        (&["-t"], 0, ""),
        (&["-t", "-f", CONFIG], 0, ""),
        (&["-t", "-f", "/run/test/warns.conf"], 5, "nonsense"),
        (&["-t", "-f", "/run/test/lacks.conf"], 2, "priority"),
        (&["--nonsense"], 1, "nonsense"),
        (&["-f"], 1, "-f"),
        (&["--signum=NONSENSE"], 1, ""),
    ];
    for (arguments, status, words) in expected {
        let (got, text) = run(node, arguments);
        assert_eq!(got, Some(*status), "{arguments:?}: {text}");
        assert!(
            text.contains(words),
            "{arguments:?} does not say {words:?}: {text}"
        );
    }
    let (status, text) = run(node, &["-t", "-f", "/nowhere.conf"]);
    assert_ne!(status, Some(0), "{text}");
    assert!(text.contains("/nowhere.conf"), "{text}");
    let (_, text) = run(node, &["-t", "-f", "/run/test/warns.conf"]);
    assert!(
        text.contains("warns.conf: Line 11, column 1"),
        "file, line and column: {text}"
    );
    assert_eq!(node.processes(), [], "nothing is left running");
}

fn signal_numbers() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let names = [
        ("STOP", "15"),
        ("RELOAD", "1"),
        ("DATA", "10"),
        ("STATS", "12"),
        ("JSON", "36"),
    ];
    for (name, number) in names {
        let (status, text) = run(&world.nodes[0], &[&format!("--signum={name}")]);
        assert_eq!((status, text.trim()), (Some(0), number), "{name}");
    }
}

/// One line that names the capability, status 4.
fn missing_capability() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write(CONFIG, &good());
    let dropped = [
        "timeout",
        "10",
        "setpriv",
        "--inh-caps=-all",
        "--bounding-set=-net_raw,-net_admin",
    ];
    let (status, text) =
        node.try_run(&[&dropped[..], &[Ours.inside(), "-n", "-l", "-f", CONFIG]].concat());
    assert_eq!(status.code(), Some(4), "{text}");
    let line = text.lines().find(|line| line.contains("CAP_NET_"));
    assert!(line.is_some(), "no line names the capability: {text}");
    assert_eq!(node.processes(), [], "nothing is left running");
}

/// Where keepalived runs idle and says nothing.
fn config_that_cannot_be_run() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write("/run/test/empty.conf", "! nothing in here\n");
    node.write(
        "/run/test/broken.conf",
        "vrrp_instance A {\n    interface\n",
    );
    for file in [
        "/nowhere.conf",
        "/run/test",
        "/run/test/empty.conf",
        "/run/test/broken.conf",
    ] {
        let (status, text) = run(node, &["-n", "-l", "-f", file]);
        // `timeout` says 124 when it had to end the program.
        assert!(
            status.is_some_and(|status| status != 0 && status != 124),
            "{file}: {status:?}: {text}"
        );
        assert!(text.contains(file), "{file} is not named: {text}");
    }
    assert_eq!(node.processes(), [], "nothing is left running");
}

/// With a virtual server there is a checker process, and it says that it balances nothing yet.
fn checker_child() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let virtual_server = "virtual_server 10.76.0.1 80 {\n    lb_algo rr\n    lb_kind NAT\n    protocol TCP\n    real_server 10.76.0.2 80 {\n        weight 1\n    }\n}\n";
    node.start(Ours, &format!("{}{virtual_server}", good()));
    wait_until("a checker process", secs(5), || {
        !node.read("/run/checkers.pid").is_empty()
    });
    wait_until("a parent and two children", secs(5), || {
        Node::children(node.pid()).len() == 2
    });
    node.stop();
    assert_eq!(node.processes(), [], "nothing is left running");
    assert!(!node.path("/run/checkers.pid").exists());
}
