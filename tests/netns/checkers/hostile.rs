//! Every checker against servers that mean ill: the verdict comes in time, and names the reason. Each kind that talks meets one that is
//! silent, that drips, that has no end, that resets, that closes its side, that talks garbage and that is longer than anything has to be;
//! `SSL_GET` once before and once within its TLS.

use super::{HERE, check, host, row};
use crate::support::stage::{Case, case};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        // What drips may take ten times as long.
        case("checkers::hostile_streams", || streams(DEEDS, 0.5)),
        case("checkers::endless_streams", || streams(ENDLESS, 5.0)),
    ]
}

/// What a server does with a connection.
type Deed = fn(TcpStream);

/// Says this once something was asked, and keeps the connection.
fn say(mut stream: impl Read + Write, bytes: &[u8]) {
    let mut request = [0; 512];
    let _ = stream.read(&mut request);
    let _ = stream.write_all(bytes);
}

/// Until the other side has had enough.
fn wait(mut stream: impl Read) {
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Says the same over and over.
fn repeat(mut stream: impl Write, bytes: &[u8], pause: Duration) {
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

/// The same connection within TLS.
pub fn secure(stream: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
    static CONFIG: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
        let chain = CertificateDer::from_pem_slice(CERTIFICATE).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![chain], key);
        Arc::new(config.expect("a configuration"))
    });
    let server = ServerConnection::new(Arc::clone(&CONFIG)).expect("a server");
    StreamOwned::new(server, stream)
}

const CERTIFICATE: &[u8] = include_bytes!("../../../src/check/tls/pem/server.crt");
const KEY: &[u8] = include_bytes!("../../../src/check/tls/pem/server.key");

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
    (
        "HTTP_GET",
        |stream| {
            say(&stream, b"HTTP/1.1 200 OK\r\nX: ");
            let _ = (&stream).write_all(&[b'x'; 60 * 1024]);
            let _ = (&stream).write_all(b"\r\n\r\npage");
        },
        "",
    ),
    (
        "SSL_GET",
        |stream| {
            say(&stream, b"");
            reset(stream);
        },
        "Connection reset",
    ),
    (
        "SSL_GET",
        |stream| {
            let _ = stream.shutdown(Shutdown::Write);
            wait(stream);
        },
        "closed the connection during the TLS handshake",
    ),
    // A record of which the length drips in, and a handshake message without end.
    (
        "SSL_GET",
        |stream| {
            say(&stream, &[22, 3, 3, 0x40, 0]);
            repeat(stream, &[2], DRIP);
        },
        "no end of the TLS handshake in time",
    ),
    // The same servers as above, once they are within.
    (
        "SSL_GET",
        |stream| say(&mut secure(stream), b"\x00\xff garbage"),
        "the answer is not HTTP",
    ),
    (
        "SSL_GET",
        |stream| wait(secure(stream)),
        "no answer in time",
    ),
    (
        "SSL_GET",
        |stream| say(&mut secure(stream), b""),
        "closed the connection too early",
    ),
    (
        "SSL_GET",
        |stream| {
            let mut stream = secure(stream);
            say(&mut stream, b"HTTP/1.1 200 OK\r\n\r\npage");
            reset(stream.sock);
        },
        "Connection reset",
    ),
    (
        "SSL_GET",
        |stream| {
            let mut stream = secure(stream);
            say(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n");
            let _ = stream.sock.write_all(&[b'x'; 100]);
            wait(stream);
        },
        "does not speak TLS",
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
        |stream| repeat(stream, b"220-x\r\n", DRIP),
        "no answer in time",
    ),
    ("SMTP_CHECK", |stream| reset(stream), "Connection reset"),
    (
        "SMTP_CHECK",
        |mut stream| {
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n");
            let _ = stream.shutdown(Shutdown::Write);
            wait(stream);
        },
        "closed the connection too early",
    ),
    // A greeting, and then nothing, or no end.
    (
        "SMTP_CHECK",
        |mut stream| {
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n");
            wait(stream);
        },
        "no answer in time",
    ),
    // That it is accepted is enough, whatever comes then.
    ("TCP_CHECK", |_| {}, ""),
    ("TCP_CHECK", wait, ""),
];

/// Servers that talk as fast as they can and never end: they must not be heard for ever, and must not keep the others waiting.
const ENDLESS: &[(&str, Deed, &str)] = &[
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
            say(&stream, b"HTTP/1.1 200 ");
            repeat(stream, &[b'x'; 4096], NO_PAUSE);
        },
        "the headers are longer than 64 KiB",
    ),
    (
        "HTTP_GET",
        |stream| {
            repeat(
                stream,
                &b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000),
                NO_PAUSE,
            )
        },
        "the headers are longer than 64 KiB",
    ),
    (
        "HTTP_GET",
        |stream| repeat(stream, &b"\r\n".repeat(10_000), NO_PAUSE),
        "the headers are longer than 64 KiB",
    ),
    (
        "HTTP_GET",
        |stream| {
            say(
                &stream,
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            );
            repeat(stream, &b"1\r\nx\r\n".repeat(10_000), NO_PAUSE);
        },
        "the page is longer than 16 MiB",
    ),
    (
        "SSL_GET",
        |stream| {
            say(&stream, &[22, 3, 3, 0, 4, 2, 0xff, 0xff, 0xff]);
            repeat(
                stream,
                &[&[22, 3, 3, 0x40, 0][..], &[0; 0x4000]].concat(),
                NO_PAUSE,
            );
        },
        "does not speak TLS",
    ),
    (
        "SSL_GET",
        |stream| {
            let mut stream = secure(stream);
            say(&mut stream, b"HTTP/1.1 200 OK\r\n");
            repeat(stream, &[b'x'; 4096], NO_PAUSE);
        },
        "the headers are longer than 64 KiB",
    ),
    (
        "SSL_GET",
        |stream| {
            let mut stream = secure(stream);
            say(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n");
            repeat(stream, &[b'x'; 16384], NO_PAUSE);
        },
        "the page is longer than 16 MiB",
    ),
    (
        "SMTP_CHECK",
        |stream| repeat(stream, b"220-x\r\n", NO_PAUSE),
        "a reply of more than",
    ),
    (
        "SMTP_CHECK",
        |stream| repeat(stream, b"\xff\x00\n", NO_PAUSE),
        "not a reply of a mail server",
    ),
    (
        "SMTP_CHECK",
        |mut stream| {
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n");
            repeat(stream, b"250-x\r\n", NO_PAUSE);
        },
        "a reply of more than",
    ),
    (
        "SMTP_CHECK",
        |mut stream| {
            let _ = stream.write_all(b"220 ");
            repeat(stream, &[b'x'; 4096], NO_PAUSE);
        },
        "a reply of more than",
    ),
    (
        "TCP_CHECK",
        |stream| repeat(stream, &[b'x'; 4096], NO_PAUSE),
        "",
    ),
];

fn streams(deeds: &'static [(&str, Deed, &str)], timeout: f32) {
    const FIRST: u16 = 9000;
    let world = host();
    let node = &world.nodes[0];
    let mut rows = Vec::new();
    for (port, (kind, deed, wrong)) in (FIRST..).zip(deeds) {
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
        let lines = format!("connect_port {port}\nconnect_timeout {timeout}\n{page}");
        rows.push(row(kind, lines, wrong));
    }
    check(node, "", &rows);
}
