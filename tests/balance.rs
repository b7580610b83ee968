//! Whole load balancers, in the guest of `support::guest`: two directors, two real servers with nginx and a client; the owner's
//! configurations as written, and what happens to traffic when something dies.

mod support;

use std::process::ExitCode;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use support::Binary::Ours;
use support::farm::{self, CLIENT, DIRECTORS, Farm, Network, SERVERS};
use support::guest;
use support::node::CONFIG;
use support::stage::{Case, privileged_case};
use support::{secs, wait_until};

const NGINX: &str = "/usr/sbin/nginx";

/// Starts of programs are slow here, and only one processor serves all hosts.
const SLACK: Duration = secs(20);

/// The configurations of both directors, as the owner wrote them.
fn scenario(name: &str) -> [String; 2] {
    [1, 2].map(|node| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/scenarios");
        let file = format!("{folder}/{name}.node{node}.conf");
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"))
    })
}

/// Starts both directors with these configurations, and waits until `address` is on the first.
fn start(farm: &Farm, configs: [String; 2], address: &str) {
    for (director, config) in DIRECTORS.into_iter().zip(configs) {
        farm.world.nodes[director].start(Ours, &config);
    }
    let first = &farm.world.nodes[DIRECTORS[0]];
    wait_until("the first director holds the address", secs(30), || {
        first.holds(address)
    });
}

/// A host dies with all its programs, and its network with it.
fn crash(farm: &Farm, host: usize) {
    farm.world.cable(host, 0, false);
    farm.world.nodes[host].kill_all();
}

const S06: Network = Network {
    interface: "eth0",
    prefix: "172.16.0",
    length: 16,
    servers: [11, 12],
};

/// s06: direct routing, HTTP checks, a sorry server.
fn direct_routing() {
    const VIP: &str = "172.16.0.10";
    let mut farm = Farm::new(&S06);
    farm.accept_for("eth0", VIP);
    for host in SERVERS.into_iter().chain(DIRECTORS) {
        farm.serve(host);
    }
    start(&farm, scenario("s06-lvs-dr"), VIP);
    farm.wait_served_by(VIP, &SERVERS, SLACK);
    let shares = farm.shares(VIP, 20);
    assert_eq!((shares[2], shares[3]), (10, 10), "round robin");
    // delay_loop 3, then nb_get_retry 3 tries more, a second between them.
    let bound = secs(3 + 3) + SLACK;
    farm.fell(SERVERS[0]);
    wait_until("the dead server leaves", bound, || {
        !farm.services(DIRECTORS[0]).contains("172.16.0.11")
    });
    assert_eq!(farm.shares(VIP, 10)[SERVERS[1]], 10);
    farm.fell(SERVERS[1]);
    wait_until("the sorry server takes over", bound, || {
        farm.services(DIRECTORS[0]).contains("-r 127.0.0.1:80")
    });
    assert_eq!(farm.shares(VIP, 10)[DIRECTORS[0]], 10);
    farm.serve(SERVERS[1]);
    farm.wait_served_by(VIP, &SERVERS[1..], bound);
    farm.serve(SERVERS[0]);
    farm.wait_served_by(VIP, &SERVERS, bound);
    wait_until("the other director knows", bound, || {
        farm.services(DIRECTORS[1])
            .matches(" -r 172.16.0.1")
            .count()
            == 2
    });
    let services = farm.services(DIRECTORS[1]);
    crash(&farm, DIRECTORS[0]);
    farm.wait_served_by(VIP, &SERVERS, secs(4) + SLACK);
    assert!(farm.world.nodes[DIRECTORS[1]].holds(VIP));
    assert_eq!(
        farm.services(DIRECTORS[1]),
        services,
        "the rules were there before"
    );
    farm.world.nodes[DIRECTORS[1]].stop();
    assert_eq!(farm.services(DIRECTORS[1]), "");
}

/// s07: two addresses, each on a director of its own, one service for whatever carries a mark.
fn marks() {
    const VIPS: [&str; 2] = ["172.16.0.80", "172.16.0.90"];
    let mut farm = Farm::new(&S06);
    for vip in VIPS {
        farm.accept_for("eth0", vip);
    }
    for host in SERVERS {
        farm.serve(host);
    }
    for director in DIRECTORS {
        for vip in VIPS {
            farm.world.nodes[director].run(
                &format!(
                    "iptables-legacy -t mangle -A PREROUTING -d {vip} -p tcp --dport 80 -j MARK --set-mark 3"
                )
                .split(' ')
                .collect::<Vec<_>>(),
            );
        }
    }
    start(&farm, scenario("s07-dual-master-lvs-fwmark"), VIPS[0]);
    wait_until("the second director holds its address", secs(30), || {
        farm.world.nodes[DIRECTORS[1]].holds(VIPS[1])
    });
    for vip in VIPS {
        farm.wait_served_by(vip, &SERVERS, SLACK);
        let shares = farm.shares(vip, 10);
        assert_eq!((shares[2], shares[3]), (5, 5), "round robin");
    }
    // delay_loop 2, then 3 tries more, three seconds between them.
    let bound = secs(2 + 9) + SLACK;
    farm.fell(SERVERS[1]);
    for vip in VIPS {
        farm.wait_served_by(vip, &SERVERS[..1], bound);
    }
    farm.serve(SERVERS[1]);
    for vip in VIPS {
        farm.wait_served_by(vip, &SERVERS, bound);
    }
    crash(&farm, DIRECTORS[0]);
    for vip in VIPS {
        farm.wait_served_by(vip, &SERVERS, secs(4) + SLACK);
        assert!(farm.world.nodes[DIRECTORS[1]].holds(vip));
    }
}

/// s09: TCP checks, weights, connections told to the other director, so that a download outlives the first.
fn synchronised() {
    const VIP: &str = "192.168.20.140";
    let mut farm = Farm::new(&Network {
        interface: "ens32",
        prefix: "192.168.20",
        length: 24,
        servers: [143, 144],
    });
    farm.accept_for("ens32", VIP);
    for host in SERVERS {
        farm.serve(host);
    }
    for director in DIRECTORS {
        // Else only connections with some traffic are told of, and now and then.
        farm.world.nodes[director].set_sysctl("net/ipv4/vs/sync_threshold", "0 1");
    }
    // The owner's file has the word misspelt, which is said to him; here it is meant.
    let configs = scenario("s09-lvs-wrr-sync-group")
        .map(|config| config.replace("lvs_sync_daemon_inteface", "lvs_sync_daemon_interface"));
    start(&farm, configs, VIP);
    farm.wait_served_by(VIP, &SERVERS, SLACK);
    let mut download = farm.download(VIP);
    let half = farm::LONG_LENGTH / 4;
    let mut read = farm::read_on(&mut download, half, secs(10)).expect("the first part");
    crash(&farm, DIRECTORS[0]);
    // advert_int 5: three adverts are missed first.
    let patience = secs(3 * 5 + 1) + SLACK;
    read += farm::read_on(&mut download, farm::LONG_LENGTH - read, patience)
        .expect("the download goes on over the other director");
    assert!(read >= farm::LONG_LENGTH);
    assert!(farm.world.nodes[DIRECTORS[1]].holds(VIP));
    farm.wait_served_by(VIP, &SERVERS, SLACK);
    // delay_loop 6, then one try more after three seconds: TCP_CHECK knows no nb_get_retry.
    farm.fell(SERVERS[0]);
    wait_until("the dead server leaves", secs(6 + 3) + SLACK, || {
        !farm.services(DIRECTORS[1]).contains("192.168.20.143")
    });
}

/// Address translation: the servers answer over the director that has the inner address.
fn translation() {
    const VIP: &str = "172.16.0.10";
    const INNER: &str = "172.16.1.254";
    let mut farm = Farm::new(&S06);
    for (number, server) in SERVERS.into_iter().enumerate() {
        let node = &farm.world.nodes[server];
        let inner = format!("172.16.1.{}/24", number + 11);
        node.run(&["ip", "addr", "flush", "dev", "eth0"]);
        node.run(&["ip", "addr", "add", &inner, "dev", "eth0"]);
        node.run(&["ip", "route", "add", "default", "via", INNER]);
    }
    // Else the client would take the servers for neighbours.
    let client = &farm.world.nodes[CLIENT];
    client.run(&["ip", "addr", "flush", "dev", "eth0"]);
    client.run(&["ip", "addr", "add", "172.16.0.99/24", "dev", "eth0"]);
    for host in SERVERS {
        farm.serve(host);
    }
    for director in DIRECTORS {
        let node = &farm.world.nodes[director];
        node.run(&["ip", "addr", "flush", "dev", "eth0"]);
        for network in 0..2 {
            let address = format!("172.16.{network}.{}/24", director + 1);
            node.run(&["ip", "addr", "add", &address, "dev", "eth0"]);
        }
        node.set_sysctl("net/ipv4/ip_forward", "1");
        node.set_sysctl("net/ipv4/conf/all/send_redirects", "0");
        node.set_sysctl("net/ipv4/conf/eth0/send_redirects", "0");
        let priority = 100 - director;
        node.start(
            Ours,
            &format!(
                "vrrp_instance VI_1 {{\ninterface eth0\nvirtual_router_id 5\npriority {priority}\nadvert_int 1\n\
                 virtual_ipaddress {{\n{VIP}/24\n{INNER}/24\n}}\n}}\n\
                 virtual_server {VIP} 80 {{\ndelay_loop 1\nlb_algo wrr\nlb_kind NAT\nprotocol TCP\n\
                 real_server 172.16.1.11 80 {{\nweight 3\nTCP_CHECK {{\nconnect_timeout 1\n}}\n}}\n\
                 real_server 172.16.1.12 80 {{\nweight 1\nTCP_CHECK {{\nconnect_timeout 1\n}}\n}}\n}}\n"
            ),
        );
    }
    farm.wait_served_by(VIP, &SERVERS, secs(20));
    let shares = farm.shares(VIP, 20);
    assert_eq!((shares[2], shares[3]), (15, 5), "as weighted");
    // delay_loop 1, retry 1 after a second.
    farm.fell(SERVERS[0]);
    farm.wait_served_by(VIP, &SERVERS[1..], secs(2) + SLACK);
    farm.serve(SERVERS[0]);
    farm.wait_served_by(VIP, &SERVERS, secs(2) + SLACK);
    crash(&farm, DIRECTORS[0]);
    farm.wait_served_by(VIP, &SERVERS, secs(4) + SLACK);
    restarted(&farm, VIP);
}

/// The director that is left is restarted while a client downloads: the kernel goes on translating the answers of the server. Its new
/// configuration has one service less, which nobody but the daemon before knows of.
fn restarted(farm: &Farm, vip: &str) {
    const OTHER: &str = "virtual_server 172.16.0.10 81 {\nlb_kind NAT\nprotocol TCP\nreal_server 172.16.1.11 81 {\n}\n}\n";
    let director = &farm.world.nodes[DIRECTORS[1]];
    let config = director.read(CONFIG);
    director.write(CONFIG, &format!("{config}{OTHER}"));
    director.signal(Signal::SIGHUP);
    let has_other = || farm.services(DIRECTORS[1]).contains(":81 ");
    wait_until("the other service", SLACK, has_other);
    let mut download = farm.download(vip);
    farm::read_on(&mut download, farm::LONG_RATE, SLACK).expect("the first part");
    let services = farm.services(DIRECTORS[1]);
    let (ours, pid) = (Ours.inside(), director.pid());
    let restart = format!("kill -s $({ours} --signum=RESTART) {pid}");
    director.run(&["sh", "-c", &restart]);
    assert_eq!(director.wait_exit(SLACK).code(), Some(0));
    assert_eq!(farm.services(DIRECTORS[1]), services);
    director.start(Ours, &config);
    // More than came before the stop.
    farm::read_on(&mut download, 2 * farm::LONG_RATE, secs(4) + SLACK)
        .expect("it outlives the restart");
    wait_until("the other service goes", SLACK, || !has_other());
    director.stop();
    assert_eq!(farm.services(DIRECTORS[1]), "");
}

/// What the director says on SIGUSR1.
const DATA: &str = "/tmp/keepalived_check.data";
const CHECKER: &str = "/run/checkers.pid";

/// The daemon is restarted with its services left in place, then a reload takes out the server that a client downloads from, and a whole
/// service that another download comes from; two virtual servers are one for the kernel, and the checker process dies meanwhile.
fn draining() {
    const VIP: &str = "172.16.0.10";
    let mut farm = Farm::new(&S06);
    farm.accept_for("eth0", VIP);
    for host in SERVERS {
        farm.serve(host);
    }
    const OTHER: &str = "172.16.0.20";
    let other = format!(
        "virtual_server {OTHER} 80 {{\nlb_algo rr\nlb_kind DR\nprotocol TCP\ndrain_timeout 60\nreal_server 172.16.0.12 80 {{\n}}\n}}\n"
    );
    farm.accept_for("eth0", OTHER);
    let config = |server: &str| {
        format!(
            "virtual_server {VIP} 80 {{\nlb_algo rr\nlb_kind DR\nprotocol TCP\ndrain_timeout 60\nreal_server {server} 80 {{\n}}\n}}\n\
             virtual_server_group SAME {{\n{VIP} 80\n}}\n\
             virtual_server group SAME {{\nlb_algo rr\nlb_kind DR\nprotocol TCP\nreal_server 172.16.0.13 80 {{\nweight 0\n}}\n}}\n"
        )
    };
    let director = &farm.world.nodes[DIRECTORS[0]];
    for address in [VIP, OTHER] {
        director.run(&["ip", "addr", "add", &format!("{address}/32"), "dev", "eth0"]);
    }
    let reload = |config: &str| {
        director.write(CONFIG, config);
        director.signal(Signal::SIGHUP);
    };
    director.write(CONFIG, &config("172.16.0.11"));
    director.start_with(Ours, &["-n", "-l", "-D", "-I", "-f", CONFIG]);
    farm.wait_served_by(VIP, &SERVERS[..1], SLACK);
    let mut download = farm.download(VIP);
    farm::read_on(&mut download, farm::LONG_RATE, SLACK).expect("the first part");
    let services = farm.services(DIRECTORS[0]);
    director.stop();
    assert_eq!(farm.services(DIRECTORS[0]), services);
    director.start(Ours, &(config("172.16.0.11") + &other));
    // A signal would end a program that has only just begun.
    wait_until("it runs again", SLACK, || {
        director.log().matches("Startup complete").count() == 2
    });
    farm.wait_served_by(OTHER, &SERVERS[1..], SLACK);
    let mut from_other = farm.download(OTHER);
    farm::read_on(&mut from_other, farm::LONG_RATE, SLACK).expect("the first part");
    // More than came before the stop.
    farm::read_on(&mut download, 2 * farm::LONG_RATE, SLACK).expect("it outlives a restart");
    reload(&config("172.16.0.12"));
    farm.wait_served_by(VIP, &SERVERS[1..], SLACK);
    let has = |server: &str| farm.services(DIRECTORS[0]).contains(server);
    let drains = || has("-r 172.16.0.11:80 -g -w 0");
    let other_drains = || has("-t 172.16.0.20:80 -r 172.16.0.12:80 -g -w 0");
    assert!(
        drains() && other_drains(),
        "{}",
        farm.services(DIRECTORS[0])
    );
    let pid = || director.read(CHECKER).trim().parse().ok();
    let first = pid().expect("a checker process");
    kill(Pid::from_raw(first), Signal::SIGKILL).expect("the checker process");
    wait_until("another takes over", SLACK, || {
        pid().is_some_and(|pid| pid != first)
            && director.log().matches(" drains, for ").count() == 4
    });
    assert!(
        drains() && other_drains(),
        "{}",
        farm.services(DIRECTORS[0])
    );
    reload(&(config("172.16.0.12") + &other));
    wait_until("it is wanted again", SLACK, || {
        has("-t 172.16.0.20:80 -r 172.16.0.12:80 -g -w 1")
    });
    farm.wait_served_by(OTHER, &SERVERS[1..], SLACK);
    reload(&config("172.16.0.12"));
    wait_until("and is not", SLACK, other_drains);
    farm::read_on(&mut from_other, 2 * farm::LONG_RATE, SLACK).expect("it goes on meanwhile");
    drop(from_other);
    wait_until("the service goes with its last", SLACK, || !has(OTHER));
    // More than can be under way without the director.
    farm::read_on(&mut download, 3 * farm::LONG_RATE, SLACK).expect("the download goes on");
    director.signal(Signal::SIGUSR1);
    wait_until("the data file is there", SLACK, || {
        director.read(DATA).contains("Health checkers")
    });
    let data = director.read(DATA);
    for line in [
        " [172.16.0.10]:tcp:80 -> [172.16.0.11]:80, for ",
        "   active connections = 1\n",
        "   RIP = 172.16.0.12, RPORT = 80\n",
    ] {
        assert!(data.contains(line), "{line}\n{data}");
    }
    let carried = |key: &str| -> u64 {
        let line = data.lines().find(|line| line.trim().starts_with(key));
        let number = line.and_then(|line| line.split(['=', '(']).nth(1));
        let number = number.and_then(|number| number.trim().parse().ok());
        number.unwrap_or_else(|| panic!("{key}\n{data}"))
    };
    // Of the service: the pages that were fetched, and the acknowledgements of the download.
    assert!(carried("connections = ") >= 4, "{data}");
    assert!(carried("packets in = ") > 30, "{data}");
    assert_eq!(carried("bytes out = "), 0, "answers go past: {data}");
    drop(download);
    wait_until("it goes with its last connection", SLACK, || !drains());
    assert!(director.log().contains("it has drained"));
    farm.wait_served_by(VIP, &SERVERS[1..], SLACK);
    // Nothing is balanced any more, and the checker process sees to that alone.
    let mut download = farm.download(VIP);
    farm::read_on(&mut download, farm::LONG_RATE, SLACK).expect("the first part");
    let checker = || pid().map(Pid::from_raw).expect("a checker process");
    let rest = "vrrp_instance REST {\ninterface eth0\nvirtual_router_id 5\nvirtual_ipaddress {\n172.16.0.30\n}\n}\n";
    let give_up = || {
        reload(rest);
        wait_until("the rest drains", SLACK, || {
            has("-r 172.16.0.12:80 -g -w 0")
        });
    };
    give_up();
    let recalled = checker();
    reload(&config("172.16.0.12"));
    let wanted = || has("-r 172.16.0.12:80 -g -w 1");
    wait_until("there is work for it again", SLACK, wanted);
    farm::read_on(&mut download, 2 * farm::LONG_RATE, SLACK).expect("the download goes on");
    drop(download);
    assert_eq!(checker(), recalled, "it was recalled in time");
    // From then on its end is one that nobody has asked for.
    kill(recalled, Signal::SIGTERM).expect("the checker process");
    let unasked = format!("Healthcheck child process({recalled}) exited with status 0");
    director.wait_log(&unasked, SLACK);
    wait_until("another goes on", SLACK, || {
        pid().is_some_and(|pid| pid != recalled.as_raw()) && wanted()
    });
    farm.wait_served_by(VIP, &SERVERS[1..], SLACK);
    let mut download = farm.download(VIP);
    farm::read_on(&mut download, farm::LONG_RATE, SLACK).expect("the first part");
    let checker = checker();
    give_up();
    farm::read_on(&mut download, 2 * farm::LONG_RATE, SLACK).expect("the download goes on");
    assert!(director.processes().contains(&checker));
    drop(download);
    wait_until("the checker process has nothing to do", SLACK, || {
        !director.processes().contains(&checker)
    });
    assert_eq!(farm.services(DIRECTORS[0]), "");
    director.stop();
    assert_eq!(farm.services(DIRECTORS[0]), "");
}

fn main() -> ExitCode {
    // IPVS has settings only for those who are root of the whole kernel.
    let case = |name: &str, body: fn()| privileged_case(name, body).needing(NGINX);
    let cases: Vec<Case> = vec![
        case("s06_direct_routing_and_a_sorry_server", direct_routing),
        case("s07_two_addresses_and_a_mark", marks),
        case("s09_a_download_outlives_its_director", synchronised),
        case("address_translation", translation),
        case("a_server_that_is_taken_out_drains", draining),
    ];
    guest::run(cases)
}
