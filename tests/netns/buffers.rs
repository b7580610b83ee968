//! The receive buffers that the configuration asks for, as the daemon's sockets have them: at start, after a reload, and where the
//! system's limit is less.

use std::fs;

use nix::sys::signal::Signal;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::RcvBuf;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case, privileged_case};
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_until};

const VIP: &str = "10.77.0.1";
/// Grants twice of what it is asked for.
const KERNEL: usize = 2;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("buffers::as_the_policy_says", as_the_policy_says),
        case("buffers::of_the_load_balancer", of_the_load_balancer),
        privileged_case(
            "buffers::netlink_within_the_limit",
            netlink_within_the_limit,
        ),
    ]
}

/// The receive buffers of all sockets of the VRRP process, in bytes.
fn received(node: &Node) -> Vec<usize> {
    let pid = node.vrrp_pid().map(|pid| pid.as_raw());
    pid.map_or_else(Vec::new, buffers)
}

/// Those of a process, which is asked for the sockets themselves: not every kernel tells what raw ones have.
fn buffers(pid: i32) -> Vec<usize> {
    let process = Pid::from_raw(pid).expect("a process");
    let handle = pidfd_open(process, PidfdFlags::empty()).expect("pidfd_open");
    let numbers = fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors");
    let numbers = numbers.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let copies = numbers.filter_map(|number| {
        // One may be closed meanwhile.
        pidfd_getfd(&handle, number, PidfdGetfdFlags::empty()).ok()
    });
    // What is no socket has no such option.
    copies
        .filter_map(|copy| getsockopt(&copy, RcvBuf).ok())
        .collect()
}

fn as_the_policy_says() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let with = |global: &str, head: &str| {
        let second = instance("B", 2, 100, head, &["10.77.0.2", "10.77.0.3"]);
        let first = instance("A", 1, 100, "state MASTER", &[VIP]);
        format!("global_defs {{\n{global}\n}}\n{first}{second}")
    };
    let is = |bytes: usize| {
        wait_until(&format!("a buffer of {bytes}"), secs(5), || {
            received(node).contains(&(bytes * KERNEL))
        });
    };
    node.start(Ours, &with("", "state MASTER"));
    is(256 * 1024 + 2 * 2048);
    for (global, head, bytes) in [
        (
            "vrrp_rx_bufs_policy MTU",
            "state MASTER",
            2 * 3 * (1500 + 512),
        ),
        (
            "vrrp_rx_bufs_policy ADVERT\n vrrp_rx_bufs_multiplier 5",
            "state MASTER",
            // IP header, VRRP header, authentication and one address or two.
            5 * (20 + 8 + 8 + 4 + 512) + 5 * (20 + 8 + 8 + 8 + 512),
        ),
        ("vrrp_rx_bufs_policy 700000", "state MASTER", 700_000),
        (
            "vrrp_rx_bufs_policy MTU",
            "state MASTER\n kernel_rx_buf_size 100000",
            3 * (1500 + 512) + 100_000,
        ),
    ] {
        node.write(CONFIG, &with(global, head));
        node.signal(Signal::SIGHUP);
        is(bytes);
    }
}

/// One socket is both that commands go over and that is listened to: the larger size counts, also after a reload.
fn of_the_load_balancer() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let config = |lines: &str| {
        format!(
            "global_defs {{\n{lines}\n}}\nvirtual_server 10.99.0.1 80 {{\n protocol TCP\n lb_algo rr\n lb_kind NAT\n \
             real_server 127.0.0.2 80 {{\n }}\n}}\n"
        )
    };
    let is = |bytes: usize| {
        wait_until(&format!("a netlink buffer of {bytes}"), secs(5), || {
            let pid = node.read("/run/checkers.pid").trim().parse().ok();
            pid.is_some_and(|pid| buffers(pid).contains(&(bytes * KERNEL)))
        });
    };
    let monitor = "lvs_netlink_cmd_rcv_bufs 50000\nlvs_netlink_monitor_rcv_bufs 70002";
    node.start(Ours, &config(monitor));
    is(70_002);
    node.write(CONFIG, &config("lvs_netlink_cmd_rcv_bufs 90004"));
    node.signal(Signal::SIGHUP);
    is(90_004);
    node.stop();
}

fn netlink_within_the_limit() {
    let limit: usize = fs::read_to_string("/proc/sys/net/core/rmem_max")
        .expect("rmem_max")
        .trim()
        .parse()
        .expect("a number");
    let asked = limit + 100_000;
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let with = |lines: &str| {
        let instance = instance("A", 1, 100, "state MASTER", &[VIP]);
        format!("global_defs {{\n vrrp_netlink_monitor_rcv_bufs {asked}\n{lines}\n}}\n{instance}")
    };
    let is = |bytes: usize| {
        wait_until(&format!("a netlink buffer of {bytes}"), secs(5), || {
            received(node).contains(&(bytes * KERNEL))
        });
    };
    node.start(Ours, &with(""));
    is(limit);
    let said = |why: &str| {
        let complaint = format!("netlink socket is {limit} bytes, not {asked}: {why}");
        wait_until(&complaint, secs(5), || node.log().contains(&complaint));
    };
    said("net.core.rmem_max is the limit without vrrp_netlink_monitor_rcv_bufs_force");
    node.write(CONFIG, &with("vrrp_netlink_monitor_rcv_bufs_force"));
    node.signal(Signal::SIGHUP);
    let users = fs::read_to_string("/proc/self/uid_map").expect("uid_map");
    if users.contains("4294967295") {
        is(asked);
    } else {
        said("net.core.rmem_max is the limit, as CAP_NET_ADMIN is missing");
    }
}
