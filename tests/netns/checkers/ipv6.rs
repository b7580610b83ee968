//! Checkers over IPv6, where an address stands in brackets before a port.

use super::{check, host, row, servers};
use crate::support::stage::{Case, case};
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![case("checkers::ipv6", ipv6)]
}

fn ipv6() {
    let world = host();
    let node = &world.nodes[0];
    node.run(&["ip", "addr", "add", "fd00::1/64", "dev", "eth0", "nodad"]);
    node.run(&["ip", "addr", "add", "fd00::9/64", "dev", "eth0", "nodad"]);
    let listener = node.in_network(|| TcpListener::bind("[fd00::1]:8090"));
    let listener = listener.expect("a listener");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 1024];
            let from = stream
                .peer_addr()
                .map_or_else(|_| String::new(), |it| it.ip().to_string());
            let length = stream.read(&mut request).unwrap_or(0);
            let asked = String::from_utf8_lossy(&request[..length]).into_owned();
            let _ = write!(stream, "HTTP/1.0 200 OK\r\n\r\nfrom {from}\n{asked}");
        }
    });
    let echo = node.in_network(|| UdpSocket::bind("[fd00::1]:7010"));
    let _echo = servers::answer(echo.expect("a socket"));
    let at = |port: u16, lines: &str| format!("connect_ip fd00::1\nconnect_port {port}\n{lines}");
    let asked = "bindto fd00::9\nurl {\n path /\n regex \"^from fd00::9\\n(?s:.*)Host: .fd00::1.:8090\\r\"\n}";
    let rows = [
        row("TCP_CHECK", at(8090, ""), ""),
        row(
            "TCP_CHECK",
            at(8091, ""),
            "cannot connect: Connection refused",
        ),
        row("HTTP_GET", at(8090, asked), ""),
        row("UDP_CHECK", at(7010, "require_reply"), ""),
        row(
            "UDP_CHECK",
            at(7011, ""),
            "the connection broke: Connection refused",
        ),
    ];
    check(node, "", &rows);
}
