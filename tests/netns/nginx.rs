//! The owner's nginx pairs with Debian's nginx on both hosts: where it ends the address moves, where it is back the address returns.
//! Each host has process numbers of its own: `killall` and `pidof` must not see the other one's nginx.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};

use nix::unistd::Pid;

use crate::support::Binary::Ours;
use crate::support::node::{CONFIG, Node};
use crate::support::shared::shared;
use crate::support::stage::{Case, program_case};
use crate::support::wire::election_bound;
use crate::support::world::World;
use crate::support::{secs, wait_for, wait_until};

const NGINX: &str = "/usr/sbin/nginx";
const NGINX_CONFIG: &str = "/etc/keepalived/nginx.conf";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        program_case("nginx::the_owners_pair", NGINX, || {
            moves_and_returns(&Pair {
                scenario: "s05-nginx-ha",
                vip: "172.18.0.93",
                prefix: "172.18.0",
                length: 16,
            });
        }),
        program_case("nginx::the_pair_with_slash_comments", NGINX, || {
            moves_and_returns(&Pair {
                scenario: "s08-slash-comments",
                vip: "172.16.178.137",
                prefix: "172.16.178",
                length: 24,
            });
        }),
    ]
}

/// A scenario, its address, and the network that the hosts have beside it.
struct Pair {
    scenario: &'static str,
    vip: &'static str,
    prefix: &'static str,
    length: u8,
}

/// A host whose first process is a shell of its own, as of a machine.
struct Machine<'a> {
    node: &'a Node,
    keeper: Child,
    first: Pid,
}

impl Drop for Machine<'_> {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

impl<'a> Machine<'a> {
    fn boot(node: &'a Node) -> Self {
        // The shell takes leave of what is left to it: a dead nginx must not look alive.
        let init = "while sleep 0.2; do :; done";
        let words = [
            "unshare",
            "--pid",
            "--fork",
            "--mount-proc",
            "sh",
            "-c",
            init,
        ];
        let mut command = node.command(&words);
        let keeper = command.stdin(Stdio::null()).spawn().expect("unshare");
        let outer = Pid::from_raw(keeper.id().try_into().expect("a number"));
        let first = wait_for("the first process is there", secs(10), || {
            let children = Node::children(outer);
            children.first().copied()
        });
        // It is a shell when it has a /proc of its own.
        wait_until("it sees its own processes alone", secs(10), || {
            fs::read(format!("/proc/{first}/cmdline")).is_ok_and(|line| line.starts_with(b"sh\0"))
        });
        Machine {
            node,
            keeper,
            first,
        }
    }

    /// The words that run a program on this machine.
    fn inside<'w>(&'w self, first: &'w str, words: &[&'w str]) -> Vec<&'w str> {
        let enter = ["nsenter", "--pid", "--mount", "-t", first];
        [&enter, words].concat()
    }

    fn run(&self, words: &[&str]) {
        self.node.run(&self.inside(&self.first.to_string(), words));
    }

    fn start_daemon(&self) {
        let daemon = [Ours.inside(), "-n", "-l", "-D", "-f", CONFIG];
        let first = self.first.to_string();
        let words = self.inside(&first, &daemon);
        self.node.start_program(&words, self.node.open_log());
    }

    fn start_nginx(&self) {
        self.run(&[NGINX, "-e", "/run/nginx.log", "-c", NGINX_CONFIG]);
    }
}

/// It answers with the number of its host.
fn nginx_config(number: usize) -> String {
    let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!(" {kind}_temp_path /run/nginx-{kind};\n"))
        .concat();
    format!(
        "user root;\nworker_processes 2;\npid /run/nginx.pid;\nevents {{ }}\nhttp {{\n access_log off;\n{folders} \
         server {{ listen 80; location / {{ return 200 \"host {number}\"; }} }}\n}}\n"
    )
}

/// What a client on a host gets from the virtual address.
fn page(client: &Node, vip: &str) -> String {
    let address: SocketAddr = format!("{vip}:80").parse().expect("an address");
    client.in_network(|| {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect_timeout(&address, secs(2))?;
            stream.set_read_timeout(Some(secs(2)))?;
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = ask().unwrap_or_else(|error| error.to_string());
        answer.lines().last().unwrap_or_default().to_owned()
    })
}

fn moves_and_returns(pair: &Pair) {
    let Some(scenarios) = shared("scenarios") else {
        return;
    };
    let world = World::two();
    let machines: Vec<Machine<'_>> = world.nodes.iter().map(Machine::boot).collect();
    for (machine, number) in machines.iter().zip(1..) {
        let node = machine.node;
        let own = format!("{}.{number}/{}", pair.prefix, pair.length);
        node.run(&["ip", "addr", "add", &own, "dev", "eth0"]);
        let config = format!("{}.node{number}.conf", pair.scenario);
        let config = fs::read_to_string(scenarios.join(config)).expect("the scenario");
        node.write(CONFIG, &config);
        node.write_script(
            "/etc/keepalived/notify.sh",
            "#!/bin/sh\necho \"$@\" >> /etc/keepalived/told\n",
        );
        node.write(NGINX_CONFIG, &nginx_config(number));
        machine.start_nginx();
        machine.start_daemon();
    }
    let serves = |holder: usize| {
        wait_until(
            &format!("host {} alone holds the address", holder + 1),
            election_bound() + secs(10),
            || world.holders(pair.vip) == [holder],
        );
        wait_until("and its nginx answers", secs(10), || {
            page(&world.nodes[1 - holder], pair.vip) == format!("host {}", holder + 1)
        });
    };
    let last_told = |holder: usize, word: &str| {
        wait_until(
            &format!("host {} is told {word}", holder + 1),
            secs(10),
            || {
                let told = world.nodes[holder].read("/etc/keepalived/told");
                told.lines().last() == Some(word)
            },
        );
    };
    serves(0);
    machines[0].run(&["killall", "nginx"]);
    serves(1);
    last_told(0, "backup");
    last_told(1, "master");
    machines[0].start_nginx();
    serves(0);
    last_told(0, "master");
    last_told(1, "backup");
    // Where it is not needed nobody notices.
    machines[1].run(&["killall", "nginx"]);
    world.nodes[1].wait_log("VRRP_Script(chk_nginx) failed", secs(10));
    serves(0);
}
