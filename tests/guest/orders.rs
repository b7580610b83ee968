//! What the kernel's load balancer is told, order by order: nothing at a reload that changes nothing, and nothing that would cut a
//! connection off at a restart. What stands in its table is in `ipvs`.

use crate::support::Binary::Ours;
use crate::support::ipvs::Listener;
use crate::support::node::{CONFIG, Node};
use crate::support::secs;
use crate::support::stage::{self, Case};
use crate::support::wait_until;
use crate::support::world::{HostSpec, World};
use nix::sys::signal::Signal;
use nix::sys::socket::{
    AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, setsockopt, socket,
    sockopt,
};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    let case = |name, body: fn()| stage::privileged_case(name, body);
    vec![
        case("ipvs_reload_that_changes_nothing_orders_nothing", unchanged),
        case("ipvs_restart_leaves_servers_as_they_were", restarted),
        case("ipvs_large_service_is_read_to_its_end", large),
    ]
}

/// `NETLINK_GENERIC` (linux/netlink.h).
const GENERIC: u16 = 16;
/// `struct nlmsghdr`: the length, the type, the flags; the command of generic netlink follows it.
const LENGTH: std::ops::Range<usize> = 0..4;
const TYPE: std::ops::Range<usize> = 4..6;
const FLAGS: std::ops::Range<usize> = 6..8;
const COMMAND: usize = 16;
const NLM_F_REQUEST: u16 = 1;
/// `GENL_ID_CTRL`: asks for the numbers of families.
const CONTROL: u16 = 16;
/// `IPVS_CMD_*` (linux/ip_vs.h).
const NEW_SERVICE: u8 = 1;
const SET_DESTINATION: u8 = 6;
const READING: [u8; 5] = [4, 8, 11, 13, 15];
/// Readings of the whole table are heard, too, and count as the pages that they come in.
const RECEIVE_BUFFER: usize = 8 << 20;

/// Hears every order to the load balancer of a host: requests of generic netlink that do more than read.
struct Orders(OwnedFd);

impl Orders {
    fn of(node: &Node) -> Self {
        node.run(&["ip", "link", "add", "nlmon0", "type", "nlmon"]);
        node.run(&["ip", "link", "set", "nlmon0", "up"]);
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (kind, all) = (SockType::Datagram, SockProtocol::EthAll);
        let open = || socket(AddressFamily::Packet, kind, flags, all);
        let socket = node.in_network(open).expect("a packet socket");
        setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).expect("SO_RCVBUFFORCE");
        Orders(socket)
    }

    /// The commands since the last call, in their order.
    fn take(&self) -> Vec<u8> {
        let mut buffer = vec![0; 64 * 1024];
        let mut orders = Vec::new();
        while let Ok((length, from)) = recvfrom::<LinkAddr>(self.0.as_raw_fd(), &mut buffer) {
            if from.is_some_and(|from| u16::from_be(from.protocol()) == GENERIC) {
                commands(&buffer[..length], &mut orders);
            }
        }
        orders
    }
}

fn commands(mut datagram: &[u8], orders: &mut Vec<u8>) {
    let number = |bytes: &[u8]| u16::from_ne_bytes(bytes.try_into().expect("two bytes"));
    while datagram.len() > COMMAND {
        let length = u32::from_ne_bytes(datagram[LENGTH].try_into().expect("four bytes")) as usize;
        let is_request = number(&datagram[FLAGS]) & NLM_F_REQUEST != 0;
        let command = datagram[COMMAND];
        if is_request && number(&datagram[TYPE]) != CONTROL && !READING.contains(&command) {
            orders.push(command);
        }
        let next = length.max(COMMAND).next_multiple_of(4);
        datagram = datagram.get(next..).unwrap_or_default();
    }
}

/// Services of all kinds, with servers that are several things at once.
const SERVICES: &str = "global_defs {
 lvs_timeouts tcp 7200
}
virtual_server_group QUAY {
 10.1.0.1-3 80
 10.1.0.1 443
 fwmark 7
}
virtual_server 10.1.0.1 80 {
 lb_algo wrr
 lb_kind NAT
 protocol TCP
 persistence_timeout 60
 sorry_server 10.2.0.1 80
 real_server 10.2.0.1 80 {
  weight 3
  uthreshold 100
 }
 real_server 10.2.0.2 8080 {
 }
}
virtual_server group QUAY {
 lb_algo rr
 lb_kind DR
 protocol TCP
 sorry_server 10.2.0.3 80
 sorry_server_inhibit
 real_server 10.2.0.1 80 {
 }
 real_server 10.2.0.3 443 {
  lvs_method NAT
 }
}
virtual_server fd00:1::1 53 {
 lb_algo sh
 sh-port
 lb_kind TUN
 protocol UDP
 ops
 real_server fd00:2::1 53 {
 }
 real_server 10.2.0.1 53 {
  lvs_method TUN type gue port 6080
 }
}
";

fn table(node: &Node) -> String {
    node.run(&["ipvsadm", "-Sn"])
}

/// A reload of the file as it is is the parent's business alone; one of a file that says something else to the checker process, too, tells
/// the kernel nothing; one weight is one order.
fn unchanged() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let orders = Orders::of(node);
    node.start(Ours, SERVICES);
    let has = |line: &str| table(node).contains(line);
    node.wait_log("Startup complete", secs(20));
    wait_until("the last is there", secs(20), || {
        has("[fd00:1::1]:53 -r [fd00:2::1]:53")
    });
    let reload = |config: &str| {
        node.write(CONFIG, config);
        let times = || node.log().matches("Reload complete").count();
        let before = times();
        node.signal(Signal::SIGHUP);
        wait_until("it is done", secs(20), || times() > before);
    };
    let before = table(node);
    assert!(!orders.take().is_empty(), "they are heard");
    reload(SERVICES);
    reload(&SERVICES.replace("lb_algo wrr\n", "lb_algo wrr\n quorum_down /bin/true\n"));
    assert_eq!(table(node), before);
    let heavier = SERVICES.replace("weight 3\n", "weight 4\n");
    reload(&heavier);
    wait_until("the weight is there", secs(20), || {
        has("-t 10.1.0.1:80 -r 10.2.0.1:80 -m -w 4")
    });
    assert_eq!(orders.take(), [SET_DESTINATION]);
    node.stop();
    assert_eq!(table(node), "");
}

/// Where one server listens, and where the other does not.
const LISTENS: u16 = 8001;
const IS_DEAD: u16 = 8002;

/// A server that is up has its place in the table while the daemon is replaced, though it is `alpha`; one that is down gets none before it
/// was checked, though it is not.
fn restarted() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.run(&["ip", "link", "set", "lo", "up"]);
    let orders = Orders::of(node);
    let _listener = Listener::new(node, LISTENS);
    let server = |address: &str, port: u16, setting: &str| {
        format!(
            " real_server {address} 80 {{\n  {setting}\n  TCP_CHECK {{\n   connect_ip 127.0.0.1\n   connect_port {port}\n   retry 0\n   warmup 0\n  }}\n }}\n"
        )
    };
    // What would be found out after a while is not what is shown.
    let config = format!(
        "virtual_server 10.1.0.1 80 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n delay_loop 600\n{}{}}}\n",
        server("10.2.0.1", LISTENS, "alpha"),
        server("10.2.0.2", IS_DEAD, "weight 5"),
    );
    node.start(Ours, &config);
    node.wait_log("TCP_CHECK on service [10.2.0.2]:tcp:80 failed", secs(20));
    let wanted = "-A -t 10.1.0.1:80 -s rr\n-a -t 10.1.0.1:80 -r 10.2.0.1:80 -m -w 1\n";
    wait_until("one is there", secs(20), || table(node) == wanted);
    orders.take();
    restart(node);
    let config = config.replace("warmup 0", "warmup 600");
    node.start(Ours, &config);
    node.wait_log("taken over with their connections", secs(20));
    assert_eq!(table(node), wanted);
    assert_eq!(orders.take(), [NEW_SERVICE], "which is there already");
    node.stop();
    assert_eq!(table(node), "");
}

/// What the daemon writes on SIGUSR1.
const DATA: &str = "/tmp/keepalived_check.data";
/// Sooner than it would write without having read everything: each signal puts that off.
const ASKED_EVERY: Duration = Duration::from_millis(300);

/// A service is read to its end, though that takes more answers than are read in one turn.
fn large() {
    const SERVERS: usize = 6000;
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let addresses = (0x0a40_0000..).map(Ipv4Addr::from_bits).take(SERVERS);
    let servers: String = addresses
        .map(|address| format!(" real_server {address} 80 {{\n }}\n"))
        .collect();
    let config = format!(
        "virtual_server 10.1.0.1 80 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n{servers}}}\n"
    );
    node.start(Ours, &config);
    node.wait_log("Startup complete", secs(20));
    wait_until("of each server is known what it carries", secs(20), || {
        node.signal(Signal::SIGUSR1);
        std::thread::sleep(ASKED_EVERY);
        let carried = node
            .read(DATA)
            .matches("   active connections = 0\n")
            .count();
        carried == SERVERS
    });
    node.stop();
}

/// Has the daemon end as for a restart.
fn restart(node: &Node) {
    let (ours, pid) = (Ours.inside(), node.pid());
    let restart = format!("kill -s $({ours} --signum=RESTART) {pid}");
    node.run(&["sh", "-c", &restart]);
    assert_eq!(node.wait_exit(secs(20)).code(), Some(0));
}
