//! What the checker process needs of the kernel: marks on what checks send, and what it says where there is no IPVS for it.

use std::net::TcpListener;

use crate::support::Binary::Ours;
use crate::support::node::CONFIG;
use crate::support::stage::{Case, case};
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_until};
use nix::sys::signal::Signal;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("checker_kernel::a_mark_chooses_the_way", marked),
        case("checker_kernel::an_interface_is_the_way", bound),
        case("checker_kernel::services_of_several_are_named", of_several),
        case("checker_kernel::without_ipvs_the_rest_goes_on", without),
    ]
}

fn service(servers: &str) -> String {
    format!(
        "virtual_server 10.99.0.1 80 {{\n protocol TCP\n lb_algo rr\n lb_kind NAT\n delay_loop 0.2\n warmup 0\n{servers}}}\n"
    )
}

/// What carries the mark finds no way to the server, everything else does.
fn marked() {
    let world = World::new(&[HostSpec::numbered(1), HostSpec::numbered(2)]);
    let (node, other) = (&world.nodes[0], &world.nodes[1]);
    node.run(&["ip", "rule", "add", "fwmark", "9", "lookup", "77"]);
    node.run(&["ip", "route", "add", "prohibit", "default", "table", "77"]);
    let _listener = other
        .in_network(|| TcpListener::bind("0.0.0.0:7777"))
        .expect("a listener");
    let server = |n: u8, mark: &str| {
        format!(
            " real_server 127.0.0.{n} 80 {{\n TCP_CHECK {{\n connect_ip 10.10.0.2\n connect_port 7777\n connect_timeout 1\n{mark} }}\n }}\n"
        )
    };
    node.start(Ours, &service(&(server(2, " fwmark 9\n") + &server(3, ""))));
    node.wait_log(
        "TCP_CHECK on service [127.0.0.2]:tcp:80 failed. (cannot connect: Permission denied",
        secs(10),
    );
    node.wait_log("TCP connection to [127.0.0.3]:tcp:80 success.", secs(10));
    node.stop();
}

/// What is bound to an interface leaves by no other: there is no way to the server by one of them.
fn bound() {
    let first = HostSpec::numbered(1).with("eth1", 1, "10.20.0");
    let world = World::new(&[first, HostSpec::numbered(2)]);
    let (node, other) = (&world.nodes[0], &world.nodes[1]);
    let listener = other.in_network(|| TcpListener::bind("0.0.0.0:7777"));
    let _listener = listener.expect("a listener");
    let server = |n: u8, check: &str, interface: &str| {
        format!(
            " real_server 127.0.0.{n} 80 {{\n {check} {{\n connect_ip 10.10.0.2\n connect_port 7777\n bind_if {interface}\n \
             connect_timeout 1\n retry 0\n }}\n }}\n"
        )
    };
    let servers = [
        server(2, "TCP_CHECK", "eth0"),
        server(3, "TCP_CHECK", "eth1"),
        server(4, "PING_CHECK", "eth0"),
        server(5, "PING_CHECK", "eth1"),
    ];
    node.start(Ours, &service(&servers.concat()));
    for line in [
        "TCP connection to [127.0.0.2]:tcp:80 success.",
        "TCP_CHECK on service [127.0.0.3]:tcp:80 failed",
        "ICMP connection to [127.0.0.4]:tcp:80 success.",
        "PING_CHECK on service [127.0.0.5]:tcp:80 failed",
    ] {
        node.wait_log(line, secs(10));
    }
    node.stop();
}

/// Groups may overlap with each other, which shows when they are taken apart; a group that overlaps with itself is nobody's fault.
fn of_several() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let group = "virtual_server_group G {\n 10.99.0.1-5 80\n 10.99.0.3 80\n}\n";
    let of_group = "virtual_server group G {\n protocol TCP\n lb_algo rr\n lb_kind NAT\n real_server 127.0.0.3 80 {\n }\n}\n";
    let both = format!("{group}{of_group}");
    node.start(Ours, &both);
    node.wait_log("Startup complete", secs(10));
    let other = service(" real_server 127.0.0.2 80 {\n }\n");
    node.write(CONFIG, &format!("{both}{other}"));
    node.signal(Signal::SIGHUP);
    node.wait_log("Reload complete", secs(10));
    node.wait_log(
        "IPVS service [10.99.0.1]:tcp:80 is in more than one virtual server",
        secs(10),
    );
    node.stop();
    let log = node.log();
    assert_eq!(
        log.matches("more than one virtual server").count(),
        1,
        "{log}"
    );
}

/// A host whose kernel has no IPVS, or none for us: that is said once, servers are checked, and VRRP runs.
fn without() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let listener = node
        .in_network(|| TcpListener::bind("127.0.0.2:80"))
        .expect("a listener");
    let instance = "vrrp_instance V {\n interface eth0\n virtual_router_id 9\n priority 100\n advert_int 0.1\n version 3\n \
                    virtual_ipaddress {\n 10.9.0.9\n }\n}\n";
    let check = " real_server 127.0.0.2 80 {\n TCP_CHECK {\n connect_timeout 1\n }\n }\n";
    let config = format!("{instance}{}", service(check));
    node.start(Ours, &config);
    wait_until("it becomes master", secs(10), || node.holds("10.9.0.9"));
    node.wait_log("TCP connection to [127.0.0.2]:tcp:80 success.", secs(10));
    drop(listener);
    node.wait_log("TCP_CHECK on service [127.0.0.2]:tcp:80 failed", secs(10));
    // A reload wants something else of the kernel.
    let other = config.replace("real_server 127.0.0.2", "real_server 127.0.0.3");
    node.write(CONFIG, &other);
    node.signal(Signal::SIGHUP);
    node.wait_log("TCP_CHECK on service [127.0.0.3]:tcp:80 failed", secs(10));
    node.stop();
    let log = node.log();
    let said = ["This kernel has no IPVS", "Not allowed to change IPVS"];
    let said = said.map(|words| log.matches(words).count());
    assert_eq!(said.iter().sum::<usize>(), 1, "{log}");
    assert!(log.contains("modprobe ip_vs") || log.contains("CAP_NET_ADMIN"));
    assert!(!node.holds("10.9.0.9"));
}
