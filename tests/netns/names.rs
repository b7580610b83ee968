//! Names of mail servers: found where the host finds names, and never waited for by the process that checks.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, UdpSocket};

use crate::support::Binary::Ours;
use crate::support::node::Node;
use crate::support::stage::{Case, case};
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_until};

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("names::a_mail_server_by_its_name", found),
        case("names::a_name_server_that_is_silent", silent),
    ]
}

const CHECKED: &str = "127.0.0.2:8002";

/// A daemon that has a mail to send about a server that it checks; that server.
fn start(node: &Node, smtp_server: &str) -> TcpListener {
    let listener = node.in_network(|| TcpListener::bind(CHECKED));
    let listener = listener.expect("a listener");
    listener.set_nonblocking(true).expect("a socket");
    node.start(
        Ours,
        &format!(
            "global_defs {{\n router_id RTR\n smtp_server {smtp_server}\n notification_email_from lb@example.org\n \
             notification_email {{\n ops@example.org\n }}\n}}\n\
             virtual_server 10.99.0.1 80 {{\n protocol TCP\n lb_algo rr\n lb_kind NAT\n delay_loop 0.2\n warmup 0\n alpha\n \
             real_server 127.0.0.2 8002 {{\n smtp_alert\n TCP_CHECK {{\n connect_timeout 1\n }}\n }}\n}}\n"
        ),
    );
    listener
}

/// What the host reads at this path from now on; the machine's own is left alone.
fn has(node: &Node, path: &str, text: &str) {
    let own = format!("/run{path}");
    node.write(&own, text);
    node.run(&["mount", "--bind", &own, path]);
}

fn found() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    has(node, "/etc/hosts", "127.0.0.3 post.example\n");
    let post = node.in_network(|| TcpListener::bind("127.0.0.3:2525"));
    let post = post.expect("a listener");
    let _checked = start(node, "post.example 2525");
    let (mut stream, _) = post.accept().expect("somebody with a mail");
    stream.write_all(b"220 post\r\n").expect("a greeting");
    let mut line = String::new();
    let read = BufReader::new(&stream).read_line(&mut line);
    assert!(read.is_ok() && line.starts_with("EHLO "), "{line}");
    drop(stream);
    node.stop();
}

fn silent() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    // Whoever asks waits for minutes.
    let resolver = "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n";
    has(node, "/etc/resolv.conf", resolver);
    has(node, "/etc/nsswitch.conf", "hosts: dns\n");
    let names = node.in_network(|| UdpSocket::bind("127.0.0.1:53"));
    let names = names.expect("a name server");
    names.set_nonblocking(true).expect("a socket");
    let checked = start(node, "post.example");
    let asked = || {
        let mut question = [0; 512];
        matches!(names.recv(&mut question), Ok(length) if question[..length].windows(4).any(|it| it == b"post"))
    };
    wait_until("the name is asked for", secs(20), asked);
    let checks = || std::iter::from_fn(|| checked.accept().ok()).count();
    checks();
    for _ in 0..5 {
        wait_until("it is checked all the while", secs(10), || checks() > 0);
    }
    drop(checked);
    node.wait_log("Removing service [127.0.0.2]:tcp:8002", secs(10));
    node.stop();
}
