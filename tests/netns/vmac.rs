//! Virtual MACs: what neighbours see of them, and links that others delete, rename, occupy, or leave behind.

use std::fs::{self, File};

use nix::sys::signal::{Signal, kill};

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{secs, stays, wait_until};

const VIP: &str = "10.10.0.77";
const VRID: u8 = 77;
const LINK: &str = "vrrp.77";
const MAC: &str = "00:00:5e:00:01:4d";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("vmac::neighbours_keep_the_mac", neighbours_keep_the_mac),
        case("vmac::a_deleted_link_is_back", a_deleted_link_is_back),
        case(
            "vmac::a_renamed_link_is_replaced",
            a_renamed_link_is_replaced,
        ),
        case("vmac::the_base_goes_down", the_base_goes_down),
        case("vmac::the_base_is_made_again", the_base_is_made_again),
        case("vmac::settings_are_put_back", settings_are_put_back),
        case("vmac::a_crash_leaves_nothing", a_crash_leaves_nothing),
        case("vmac::a_taken_name_is_avoided", a_taken_name_is_avoided),
        case(
            "vmac::a_name_taken_later_is_told",
            a_name_taken_later_is_told,
        ),
        case(
            "vmac::reload_turns_it_on_and_off",
            reload_turns_it_on_and_off,
        ),
        case("vmac::promoted_secondaries", promoted_secondaries),
        case("vmac::groups_and_watchers", groups_and_watchers),
        case("vmac::the_mtu_of_the_base", the_mtu_of_the_base),
        case(
            "vmac::what_cannot_work_is_told_before",
            what_cannot_work_is_told_before,
        ),
    ]
}

fn config(priority: u8, lines: &str) -> String {
    let address = format!("{VIP}/24");
    instance("QUAY", VRID, priority, lines, &[&address])
}

fn pair() -> World {
    let world = World::two();
    world.nodes[0].start(Ours, &config(100, "use_vmac"));
    world.nodes[1].start(Ours, &config(90, "use_vmac"));
    wait_until("the first host is master", election_bound(), || {
        world.holders(VIP) == [0]
    });
    world
}

fn alone(lines: &str) -> World {
    let world = World::new(&[HostSpec::numbered(1)]);
    world.nodes[0].start(Ours, &config(255, lines));
    wait_until("the host is master", election_bound(), || {
        world.nodes[0].holds(VIP)
    });
    world
}

fn has_link(node: &Node, name: &str) -> bool {
    node.try_run(&["ip", "link", "show", "dev", name])
        .0
        .success()
}

fn setting(node: &Node, path: &str) -> String {
    let path = format!("/proc/sys/net/ipv4/conf/{path}");
    node.run(&["cat", &path]).trim().to_owned()
}

/// Who pings the address sees another host take it over, and never another MAC.
fn neighbours_keep_the_mac() {
    let world = World::new(&[1, 2, 3].map(HostSpec::numbered));
    let [first, second, third] = &world.nodes[..] else {
        panic!("three hosts")
    };
    first.start(Ours, &config(100, "use_vmac"));
    second.start(Ours, &config(90, "use_vmac"));
    wait_until("the first host is master", election_bound(), || {
        world.holders(VIP) == [0]
    });
    let answers = || third.try_run(&["ping", "-c1", "-W1", VIP]).0.success();
    let learned = || third.run(&["ip", "neigh", "show", VIP]);
    wait_until("the address answers", secs(5), answers);
    assert!(learned().contains(MAC), "{}", learned());
    third.run(&[
        "ip",
        "neigh",
        "replace",
        VIP,
        "lladdr",
        MAC,
        "dev",
        "eth0",
        "nud",
        "permanent",
    ]);
    first.kill_all();
    first.run(&["ip", "link", "set", "eth0", "down"]);
    wait_until("the second host takes over", election_bound(), || {
        second.holds(VIP)
    });
    wait_until("the address answers under the old entry", secs(5), answers);
    third.run(&["ip", "neigh", "flush", "dev", "eth0", "nud", "permanent"]);
    wait_until("the address answers", secs(5), answers);
    assert!(learned().contains(MAC), "{}", learned());
}

/// It is back at once, with its address, and nobody takes over.
fn a_deleted_link_is_back() {
    let world = pair();
    let node = &world.nodes[0];
    let mark = world.capture.mark();
    node.run(&["ip", "link", "del", LINK]);
    wait_until("the link is back", secs(2), || {
        has_link(node, LINK) && node.holds(VIP)
    });
    stays("the address stays", secs(4), || world.holders(VIP) == [0]);
    let strays = world.capture.adverts_since(mark);
    assert!(
        strays
            .iter()
            .all(|advert| advert.node == 0 && advert.priority == 100)
    );
    assert!(
        node.log()
            .contains(&format!("Interface {LINK} was removed"))
    );
}

fn a_renamed_link_is_replaced() {
    let world = alone("use_vmac");
    let node = &world.nodes[0];
    for words in [&["down"][..], &["name", "astray"]] {
        let mut command = vec!["ip", "link", "set", LINK];
        command.extend(words);
        // Our daemon may have switched it on again meanwhile, which the kernel of the time does not mind.
        node.run(&command);
    }
    wait_until("there is one of the right name", secs(3), || {
        has_link(node, LINK) && !has_link(node, "astray")
    });
    wait_until("it has the address", secs(5), || node.holds(VIP));
    node.stop();
    assert!(!has_link(node, LINK));
}

fn the_base_goes_down() {
    let world = pair();
    world.cable(0, 0, false);
    wait_until("the second host takes over", election_bound(), || {
        world.holders(VIP) == [1]
    });
    let log = world.nodes[0].log();
    assert!(
        log.contains("entering FAULT state (interface eth0 down)"),
        "{log}"
    );
    world.cable(0, 0, true);
    wait_until("the first host has it back", election_bound(), || {
        world.holders(VIP) == [0]
    });
}

fn the_base_is_made_again() {
    let world = pair();
    let node = &world.nodes[0];
    node.run(&["ip", "link", "del", "eth0"]);
    wait_until("the second host takes over", election_bound(), || {
        world.holders(VIP) == [1]
    });
    assert!(!has_link(node, LINK) && node.runs());
    world.plug_again(0, &HostSpec::numbered(1).interfaces[0]);
    wait_until("the first host has it back", election_bound(), || {
        world.holders(VIP) == [0]
    });
    assert!(has_link(node, LINK));
    assert_eq!(setting(node, "eth0/arp_ignore"), "1");
}

/// What the virtual MAC needs of others is so while it is there, and as before afterwards.
fn settings_are_put_back() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    for (path, value) in [
        ("all/rp_filter", "1"),
        ("default/rp_filter", "2"),
        ("eth0/rp_filter", "0"),
        ("eth0/arp_ignore", "0"),
        ("eth0/arp_filter", "0"),
    ] {
        let command = format!("echo {value} > /proc/sys/net/ipv4/conf/{path}");
        node.run(&["sh", "-c", &command]);
    }
    let igmp = || fs_of(node, "/proc/sys/net/ipv4/igmp_link_local_mcast_reports");
    assert_eq!(igmp(), "1");
    let text = format!(
        "global_defs {{\n disable_local_igmp\n}}\n{}",
        config(255, "use_vmac")
    );
    node.start(Ours, &text);
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    let values = || {
        let paths = [
            "all/rp_filter",
            "default/rp_filter",
            "eth0/rp_filter",
            "eth0/arp_ignore",
            "eth0/arp_filter",
        ];
        paths.map(|path| setting(node, path)).join(" ")
    };
    assert_eq!(values(), "0 2 1 1 1");
    for (path, value) in [
        ("rp_filter", "0"),
        ("arp_ignore", "1"),
        ("accept_local", "1"),
    ] {
        assert_eq!(setting(node, &format!("{LINK}/{path}")), value, "{path}");
    }
    assert_eq!(igmp(), "0");
    node.stop();
    assert_eq!(values(), "1 2 0 0 0");
    assert_eq!(igmp(), "1");
    assert!(!node.path("/run/keepalived.sysctl").exists());
}

fn fs_of(node: &Node, path: &str) -> String {
    node.run(&["cat", path]).trim().to_owned()
}

/// All processes die at once: the link is adopted by the next daemon, and settings are put back to what they were before the first.
fn a_crash_leaves_nothing() {
    let world = alone("use_vmac");
    let node = &world.nodes[0];
    let index = || node.run(&["cat", &format!("/sys/class/net/{LINK}/ifindex")]);
    let before = index();
    node.kill_all();
    assert!(
        has_link(node, LINK) && node.holds(VIP),
        "a crash leaves both"
    );
    node.start_again(Ours);
    stays("the address is never gone", secs(3), || node.holds(VIP));
    assert_eq!(index(), before, "the same link");
    node.stop();
    assert!(!has_link(node, LINK));
    assert_eq!(setting(node, "eth0/arp_ignore"), "0");
    // Another virtual router id: the link of the old one is not what is wanted, and goes.
    node.start(Ours, &config(255, "use_vmac harbour0"));
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    node.kill_all();
    let text = fs::read_to_string(node.path(CONFIG)).expect("the configuration");
    node.start(
        Ours,
        &text.replace("virtual_router_id 77", "virtual_router_id 78"),
    );
    wait_until("it has the other MAC", election_bound(), || {
        node.try_run(&["ip", "link", "show", "dev", "harbour0"])
            .1
            .contains("00:00:5e:00:01:4e")
    });
    wait_until("it has the address", election_bound(), || node.holds(VIP));
    node.stop();
    assert!(!has_link(node, "harbour0"));
}

fn a_taken_name_is_avoided() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.run(&[
        "ip", "link", "add", LINK, "type", "veth", "peer", "name", "other",
    ]);
    node.start(Ours, &config(255, "use_vmac"));
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    assert!(has_link(node, "vrrp1.77"));
    node.stop();
    assert!(has_link(node, LINK) && !has_link(node, "vrrp1.77"));
}

/// Somebody takes the name in the moment when the link is gone: it is his, and is left alone.
fn a_name_taken_later_is_told() {
    let world = alone("use_vmac");
    let node = &world.nodes[0];
    let vrrp = node.vrrp_pid().expect("the VRRP process");
    let plan = format!("link del {LINK}\nlink add {LINK} type veth peer name other\n");
    node.write("/tmp/plan", &plan);
    // Else our daemon would be quicker.
    kill(vrrp, Signal::SIGSTOP).expect("the VRRP process");
    node.run(&["ip", "-batch", "/tmp/plan"]);
    kill(vrrp, Signal::SIGCONT).expect("the VRRP process");
    let told = "is there already and was not made by keepalived";
    node.wait_log(told, secs(5));
    wait_until("the instance has lost its link", secs(5), || {
        node.log().contains("Entering FAULT STATE")
    });
    stays("it is left alone", secs(2), || {
        node.run(&["ip", "-d", "link", "show", "dev", LINK])
            .contains("veth")
    });
    assert_eq!(node.log().matches(told).count(), 1, "told once");
    node.run(&["ip", "link", "del", LINK]);
    wait_until("the instance has it back", election_bound(), || {
        node.holds(VIP)
    });
    assert!(
        node.run(&["ip", "-d", "link", "show", "dev", LINK])
            .contains("macvlan")
    );
}

/// The group of a link, and what those hear who watch its base.
fn groups_and_watchers() {
    let group = |node: &Node| {
        let text = node.run(&["ip", "-j", "link", "show", "dev", LINK]);
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON from ip");
        value[0]["group"].as_str().unwrap_or_default().to_owned()
    };
    for (words, wanted, told) in [
        ("use_vmac", "5", false),
        ("use_vmac group 7", "7", false),
        ("use_vmac netlink_notify_msg", "5", true),
    ] {
        let world = World::new(&[HostSpec::numbered(1)]);
        let node = &world.nodes[0];
        node.run(&["ip", "link", "set", "eth0", "group", "5"]);
        let heard = File::create(node.path("/tmp/heard")).expect("a file of the host");
        let mut watcher = node
            .command(&["ip", "-o", "monitor", "link"])
            .stdout(heard)
            .spawn()
            .expect("ip monitor");
        // It listens when it hears this.
        wait_until("the watcher listens", secs(5), || {
            node.run(&["ip", "link", "set", "lo", "group", "9"]);
            node.run(&["ip", "link", "set", "lo", "group", "0"]);
            node.read("/tmp/heard").contains(": lo:")
        });
        node.start(Ours, &config(255, words));
        wait_until("the host is master", election_bound(), || node.holds(VIP));
        assert_eq!(group(node), wanted, "{words}");
        // The kernel speaks of the base itself before it speaks of the new link.
        let of_base = || {
            let heard = node.read("/tmp/heard");
            let made = format!(": {LINK}@");
            let later = heard.lines().skip_while(|line| !line.contains(&made));
            later.skip(1).any(|line| line.contains(": eth0@"))
        };
        match told {
            true => wait_until("the watcher hears of the base", secs(5), of_base),
            false => stays("nobody speaks of the base", secs(1), || !of_base()),
        }
        watcher.kill().expect("the watcher");
        watcher.wait().expect("the watcher");
    }
}

/// A link is as large as its base, also when that grows again.
fn the_mtu_of_the_base() {
    let world = alone("use_vmac");
    let node = &world.nodes[0];
    let mtu = || fs_of(node, &format!("/sys/class/net/{LINK}/mtu"));
    assert_eq!(mtu(), "1500");
    for size in ["1400", "1500"] {
        node.run(&["ip", "link", "set", "eth0", "mtu", size]);
        wait_until("the link follows", secs(5), || mtu() == size);
    }
}

/// `-t` looks at the interface that a link is to be made upon.
fn what_cannot_work_is_told_before() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let six = "use_vmac\nvirtual_ipaddress_excluded {\n fd00::77/64\n}";
    for (commands, lines, expected) in [
        ("link add br9 type bridge", "use_vmac", ""),
        (
            "link set eth0 master br9",
            "use_vmac",
            "eth0 belongs to br9",
        ),
        ("link set eth0 nomaster", "use_vmac", ""),
        ("link set eth0 mtu 1200", "use_vmac", ""),
        ("link set eth0 mtu 1200", six, "IPv6 needs 1280"),
        ("link set eth0 mtu 1280", six, ""),
    ] {
        let words: Vec<&str> = ["ip"].into_iter().chain(commands.split(' ')).collect();
        node.run(&words);
        node.write(CONFIG, &config(100, lines));
        let (status, output) = node.try_run(&[Ours.inside(), "-t", "-f", CONFIG]);
        let wanted = if expected.is_empty() { 0 } else { 4 };
        assert_eq!(status.code(), Some(wanted), "{commands}: {output}");
        assert!(output.contains(expected), "{commands}: {output}");
    }
}

fn reload_turns_it_on_and_off() {
    let world = alone("");
    let node = &world.nodes[0];
    let on = |interface: &str| node.address(interface, VIP).is_some();
    assert!(on("eth0"));
    let reload = |lines: &str| {
        node.write(CONFIG, &config(255, lines));
        node.signal(Signal::SIGHUP);
    };
    reload("use_vmac");
    wait_until("the address is on the link", election_bound(), || {
        has_link(node, LINK) && on(LINK) && !on("eth0")
    });
    reload("use_vmac harbour0");
    wait_until("the link has another name", election_bound(), || {
        !has_link(node, LINK) && has_link(node, "harbour0") && on("harbour0")
    });
    reload("use_vmac harbour0 02:00:00:00:00:09");
    wait_until("the link has another address", election_bound(), || {
        let (there, text) = node.try_run(&["ip", "-d", "addr", "show", "dev", "harbour0"]);
        there.success() && text.contains("02:00:00:00:00:09") && text.contains(VIP)
    });
    reload("");
    wait_until("all is as before", election_bound(), || {
        !has_link(node, "harbour0") && on("eth0") && setting(node, "eth0/arp_ignore") == "0"
    });
}

/// Another address of the network stays when the first of it goes.
fn promoted_secondaries() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    assert_eq!(setting(node, "eth0/promote_secondaries"), "0");
    node.start(Ours, &config(255, "promote_secondaries"));
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    wait_until("it is set", secs(2), || {
        setting(node, "eth0/promote_secondaries") == "1"
    });
    for address in ["10.99.0.1/24", "10.99.0.2/24"] {
        node.run(&["ip", "addr", "add", address, "dev", "eth0"]);
    }
    node.run(&["ip", "addr", "del", "10.99.0.1/24", "dev", "eth0"]);
    assert!(node.holds("10.99.0.2"));
    node.stop();
    assert_eq!(setting(node, "eth0/promote_secondaries"), "0");
}
