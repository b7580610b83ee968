//! Every checker against servers that mean ill: the verdict comes in time, and names the reason.

use super::{HERE, Row, check, host, row};
use crate::support::stage::{Case, case};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("checkers::hostile_streams", streams),
        case("checkers::hostile_datagrams", datagrams),
    ]
}

/// What a server does with a connection.
type Deed = fn(TcpStream);

/// Says this once something was asked, and keeps the connection.
fn say(mut stream: &TcpStream, bytes: &[u8]) {
    let mut request = [0; 512];
    let _ = stream.read(&mut request);
    let _ = stream.write_all(bytes);
}

/// Until the other side has had enough.
fn wait(mut stream: TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Says the same over and over.
fn repeat(mut stream: TcpStream, bytes: &[u8], pause: Duration) {
    while stream.write_all(bytes).is_ok() {
        thread::sleep(pause);
    }
}

/// Ends a connection with a reset.
fn reset(stream: TcpStream) {
    let linger = nix::libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    let _ =
        nix::sys::socket::setsockopt(&stream.as_fd(), nix::sys::socket::sockopt::Linger, &linger);
}

const DRIP: Duration = Duration::from_millis(50);
const NO_PAUSE: Duration = Duration::ZERO;

/// What servers do, and what has to be found by the checkers of that kind.
const DEEDS: &[(&str, Deed, &str)] = &[
    ("HTTP_GET", wait, "no answer in time"),
    ("HTTP_GET", |stream| reset(stream), "Connection reset"),
    (
        "HTTP_GET",
        |stream| say(&stream, b""),
        "closed the connection too early",
    ),
    (
        "HTTP_GET",
        |stream| {
            let _ = stream.shutdown(Shutdown::Write);
            wait(stream);
        },
        "closed the connection too early",
    ),
    (
        "HTTP_GET",
        |stream| say(&stream, b"\x00\xff\x00\xff garbage"),
        "the answer is not HTTP",
    ),
    (
        "HTTP_GET",
        |stream| say(&stream, b"220 mail.example ESMTP\r\n"),
        "the answer is not HTTP",
    ),
    // A head that drips in, one that does not end, a page that does not end, fast and slowly.
    (
        "HTTP_GET",
        |stream| repeat(stream, b"\r\n", DRIP),
        "no answer in time",
    ),
    (
        "HTTP_GET",
        |stream| {
            say(&stream, b"HTTP/1.1 200 OK\r\n");
            repeat(stream, &[b'x'; 4096], NO_PAUSE);
        },
        "the headers are longer than 64 KiB",
    ),
    (
        "HTTP_GET",
        |stream| {
            say(&stream, b"HTTP/1.1 200 OK\r\n\r\n");
            repeat(stream, &[b'x'; 65536], NO_PAUSE);
        },
        "the page is longer than 16 MiB",
    ),
    (
        "HTTP_GET",
        |stream| {
            say(&stream, b"HTTP/1.1 200 OK\r\n\r\n");
            repeat(stream, b"x", DRIP);
        },
        "no answer in time",
    ),
    (
        "HTTP_GET",
        |stream| {
            say(&stream, b"HTTP/1.1 200 OK\r\n\r\npage");
            reset(stream);
        },
        "Connection reset",
    ),
    (
        "HTTP_GET",
        |stream| say(&stream, b"HTTP/1.1 503 Busy\n\n"),
        "status of the page is 503",
    ),
    // Careless ones, which are good enough.
    (
        "HTTP_GET",
        |stream| say(&stream, b"HTTP/1.0 200\n\npage"),
        "",
    ),
    (
        "HTTP_GET",
        |stream| say(&stream, b"HTTP/1.0 200 OK\r\nno header"),
        "",
    ),
    (
        "HTTP_GET",
        |stream| {
            say(&stream, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage");
            wait(stream);
        },
        "",
    ),
    ("SSL_GET", wait, "no end of the TLS handshake in time"),
    (
        "SSL_GET",
        |stream| say(&stream, b""),
        "closed the connection during the TLS handshake",
    ),
    (
        "SSL_GET",
        |stream| say(&stream, b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        "does not speak TLS",
    ),
    (
        "SSL_GET",
        |stream| say(&stream, &[21, 3, 3, 0, 2, 2, 40]),
        "received fatal alert: HandshakeFailure",
    ),
    (
        "SSL_GET",
        |stream| repeat(stream, &[0x16], DRIP),
        "does not speak TLS",
    ),
    ("SMTP_CHECK", wait, "no answer in time"),
    ("SMTP_CHECK", |_| {}, "closed the connection too early"),
    (
        "SMTP_CHECK",
        |mut stream| {
            let _ = stream.write_all(b"554 no service\r\n");
            wait(stream);
        },
        "the greeting is '554 no service', not 220",
    ),
    (
        "SMTP_CHECK",
        |stream| repeat(stream, b"220-x\r\n", NO_PAUSE),
        "a reply of more than",
    ),
    (
        "SMTP_CHECK",
        |stream| repeat(stream, b"220-x\r\n", DRIP),
        "no answer in time",
    ),
    (
        "SMTP_CHECK",
        |stream| repeat(stream, b"\xff\x00\n", NO_PAUSE),
        "not a reply of a mail server",
    ),
    ("TCP_CHECK", wait, ""),
];

fn streams() {
    const FIRST: u16 = 9000;
    let world = host();
    let node = &world.nodes[0];
    let mut rows = Vec::new();
    for (port, (kind, deed, wrong)) in (FIRST..).zip(DEEDS) {
        let listener = node
            .in_network(|| TcpListener::bind((HERE, port)))
            .expect("a listener");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || deed(stream));
            }
        });
        let page = match *kind {
            "HTTP_GET" | "SSL_GET" => "url {\n path /\n}",
            _ => "",
        };
        // What does not end may take ten times as long.
        let lines = format!("connect_port {port}\nconnect_timeout 0.5\n{page}");
        rows.push(row(kind, lines, wrong));
    }
    check(node, "", &rows);
}

/// Makes an answer of a question.
type Answer = fn(&[u8]) -> Vec<u8>;

/// What a server answers to a question, and what has to be found.
const ANSWERS: &[(Answer, &str)] = &[
    (|_| b"x".to_vec(), "shorter than a header of DNS"),
    (|_| Vec::new(), "shorter than a header of DNS"),
    (<[u8]>::to_vec, "no answer but a question"),
    (
        |asked| answer(asked, [0x99, 0x99], 0),
        "only answers to other questions came in time",
    ),
    (
        |asked| answer(asked, [asked[0], asked[1]], 2),
        "an error: SERVFAIL",
    ),
    (|asked| answer(asked, [asked[0], asked[1]], 0), ""),
];

fn answer(asked: &[u8], id: [u8; 2], code: u8) -> Vec<u8> {
    let mut answer = asked.to_vec();
    answer[..2].copy_from_slice(&id);
    answer[2] |= 0x80;
    answer[3] = code;
    answer
}

fn datagrams() {
    const FIRST: u16 = 9100;
    let world = host();
    let node = &world.nodes[0];
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (port, (deed, wrong)) in (FIRST..).zip(ANSWERS) {
        let socket = node
            .in_network(|| UdpSocket::bind((HERE, port)))
            .expect("a socket");
        thread::spawn(move || {
            let mut bytes = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut bytes) {
                let _ = socket.send_to(&deed(&bytes[..length]), from);
            }
        });
        rows.push(row(
            "DNS_CHECK",
            format!("connect_port {port}\nconnect_timeout 1"),
            wrong,
        ));
    }
    check(node, "", &rows);
}
