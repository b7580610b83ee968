//! The servers that are checked: nginx, dnsmasq and aiosmtpd as Debian has them, and sockets of the test's own.

use super::HERE;
use crate::support::node::Node;
use crate::support::{secs, wait_until};
use std::net::{TcpStream, UdpSocket};
use std::process::{Child, Stdio};

/// Where Debian has them.
pub const NGINX: &str = "/usr/sbin/nginx";
/// The name server.
pub const DNSMASQ: &str = "/usr/sbin/dnsmasq";
/// The mail server: a program of Python's.
pub const AIOSMTPD: &str = "/usr/bin/aiosmtpd";

/// A server that runs as long as this is held.
pub struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program and waits until it listens.
fn start(node: &Node, words: &[&str], listens: impl Fn() -> bool + Sync) -> Server {
    let mut command = node.command(words);
    command.stdout(Stdio::null()).stderr(node.open_log());
    let server = Server(command.spawn().expect("starting a server"));
    wait_until(&format!("{} listens", words[0]), secs(20), || {
        node.in_network(&listens)
    });
    server
}

fn accepts(port: u16) -> bool {
    TcpStream::connect((HERE, port)).is_ok()
}

/// The certificate and key of the server, and those of the client.
const PEM: [(&str, &str); 8] = [
    (
        "/run/pem/server.crt",
        include_str!("../../../src/check/tls/pem/server.crt"),
    ),
    (
        "/run/pem/server.key",
        include_str!("../../../src/check/tls/pem/server.key"),
    ),
    (
        "/run/pem/signed.crt",
        include_str!("../../../src/check/tls/pem/signed.crt"),
    ),
    (
        "/run/pem/signed.key",
        include_str!("../../../src/check/tls/pem/signed.key"),
    ),
    (
        "/run/pem/expired.crt",
        include_str!("../../../src/check/tls/pem/expired.crt"),
    ),
    (
        "/run/pem/authority.crt",
        include_str!("../../../src/check/tls/pem/authority.crt"),
    ),
    (
        "/run/pem/client.crt",
        include_str!("../../../src/check/tls/pem/client.crt"),
    ),
    (
        "/run/pem/client.key",
        include_str!("../../../src/check/tls/pem/client-locked.key"),
    ),
];

/// The `SSL` block with the client's certificate.
pub fn client_certificate(node: &Node) -> String {
    for (path, text) in PEM {
        node.write(path, text);
    }
    "SSL {\n certificate /run/pem/client.crt\n key /run/pem/client.key\n password geheim\n}\n"
        .to_owned()
}

const CONFIG: &str = "
daemon off;
user root;
pid /run/nginx.pid;
error_log /run/nginx.log;
worker_processes 1;
events {}
http {
    access_log off;
    client_body_temp_path /run/nginx-b;
    proxy_temp_path /run/nginx-p;
    fastcgi_temp_path /run/nginx-f;
    uwsgi_temp_path /run/nginx-u;
    scgi_temp_path /run/nginx-s;
    ssl_certificate /run/pem/server.crt;
    ssl_certificate_key /run/pem/server.key;
    server {
        listen 0.0.0.0:8080;
        listen 0.0.0.0:8443 ssl;
        root /run/www;
        location = /host { return 200 \"host $http_host\"; }
        location = /name { return 200 \"name $ssl_server_name\"; }
        location = /chunked { try_files /index.html =404; sub_filter_once off; sub_filter_types *; sub_filter x x; }
        location = /other { return 200 other; }
        location = /asked { return 200 \"$request_method $http_x_a $content_length $http_user_agent.\"; }
        location = /posted { proxy_set_header X-Body $request_body; proxy_pass http://127.0.0.1:8080/body; }
        location = /body { return 200 \"body $http_x_body.\"; }
    }
    server {
        listen 0.0.0.0:8445 ssl;
        ssl_certificate /run/pem/signed.crt;
        ssl_certificate_key /run/pem/signed.key;
        location / { return 200 \"alpn $ssl_alpn_protocol.\"; }
    }
    server {
        listen 0.0.0.0:8446 ssl;
        ssl_certificate /run/pem/expired.crt;
        ssl_certificate_key /run/pem/signed.key;
        location / { return 200 \"old\"; }
    }
    server {
        listen 0.0.0.0:8444 ssl;
        ssl_client_certificate /run/pem/client.crt;
        ssl_verify_client on;
        location = /name { return 200 \"client $ssl_client_s_dn\"; }
    }
}
";

/// nginx with pages on 8080 and 8443, on 8444 for who shows the client's certificate, on 8445 with a certificate by the authority, and
/// on 8446 with one that has expired.
pub fn nginx(node: &Node) -> Server {
    client_certificate(node);
    node.write(
        "/run/www/index.html",
        "Hello World\nsecond line of this page\n",
    );
    node.write("/run/nginx.conf", CONFIG);
    start(
        node,
        &[NGINX, "-c", "/run/nginx.conf", "-p", "/run"],
        || accepts(8080),
    )
}

/// A name server that knows two names, and nobody to ask.
pub fn dnsmasq(node: &Node) -> Server {
    let words = [
        DNSMASQ,
        // Without giving up privileges, which it cannot here.
        "--no-daemon",
        "--conf-file=/dev/null",
        "--port=5353",
        "--no-resolv",
        "--no-hosts",
        "--local=/example/",
        "--host-record=a.example,10.0.0.1",
        "--txt-record=t.example,text",
    ];
    // It listens to TCP as well.
    start(node, &words, || accepts(5353))
}

/// A mail server that throws everything away.
pub fn mail(node: &Node) -> Server {
    start(node, &[AIOSMTPD, "-n", "-l", "0.0.0.0:2525"], || {
        accepts(2525)
    })
}

/// Answers each datagram with itself, until the end of the case.
pub fn echo(node: &Node, port: u16) -> UdpSocket {
    answer(deaf(node, port))
}

/// The same with a socket.
pub fn answer(socket: UdpSocket) -> UdpSocket {
    let answering = socket.try_clone().expect("a second handle");
    std::thread::spawn(move || {
        let mut bytes = [0; 2048];
        while let Ok((length, from)) = answering.recv_from(&mut bytes) {
            let _ = answering.send_to(&bytes[..length], from);
        }
    });
    socket
}

/// Takes datagrams and answers none.
pub fn deaf(node: &Node, port: u16) -> UdpSocket {
    node.in_network(|| UdpSocket::bind(("0.0.0.0", port)))
        .expect("a socket")
}

/// What our genhash prints, which has to be a digest.
pub fn genhash(node: &Node, words: &[&str]) -> String {
    use crate::support::Binary::Ours;
    let words = [&[Ours.inside(), "-T"][..], words].concat();
    let printed = node.run(&words);
    let digest = printed.trim();
    assert!(
        digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{printed:?}"
    );
    digest.to_owned()
}
