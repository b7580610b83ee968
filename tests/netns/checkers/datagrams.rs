//! Checkers of one datagram against servers that mean ill: what comes back is none of ours, too much, too little or garbage.

use super::{HERE, Row, check, host, row};
use crate::support::stage::{Case, case};
use std::net::UdpSocket;
use std::thread;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![case("checkers::hostile_datagrams", datagrams)]
}

/// Makes answers of a question.
type Answer = fn(&[u8]) -> Vec<Vec<u8>>;

/// What servers answer to a question, and what has to be found.
const ANSWERS: &[(&str, &str, Answer, &str)] = &[
    (DNS, "", |_| vec![], "no answer in time"),
    (
        DNS,
        "",
        |_| vec![b"x".to_vec()],
        "shorter than a header of DNS",
    ),
    (DNS, "", |_| vec![vec![]], "shorter than a header of DNS"),
    (
        DNS,
        "",
        |asked| vec![asked.to_vec()],
        "no answer but a question",
    ),
    (
        DNS,
        "",
        |asked| vec![answer(asked, [0x99, 0x99], 0)],
        "only answers to other questions came in time",
    ),
    (
        DNS,
        "",
        |asked| vec![answer(asked, [asked[0], asked[1]], 2)],
        "an error: SERVFAIL",
    ),
    (
        DNS,
        "",
        |asked| vec![answer(asked, [asked[0], asked[1]], 0)],
        "",
    ),
    // Many to others before, and more than any answer needs behind it.
    (
        DNS,
        "",
        |asked| {
            let mut answers = vec![answer(asked, [!asked[0], asked[1]], 3); 100];
            let mut last = answer(asked, [asked[0], asked[1]], 0);
            last.resize(LONGEST, 0xff);
            answers.push(last);
            answers
        },
        "",
    ),
    (UDP, "require_reply", |_| vec![vec![]], ""),
    // Compared as far as it goes, which the manual promises.
    (UDP, "require_reply 0a", |_| vec![vec![]], ""),
    (
        UDP,
        "require_reply 0a\nmin_reply_length 1",
        |_| vec![vec![]],
        "the reply has 0 bytes, not 1 to 255",
    ),
    (
        UDP,
        "require_reply 0a",
        |_| vec![vec![0x0a; LONGEST]],
        "the reply has 65507 bytes, not 0 to 255",
    ),
    (
        UDP,
        "require_reply 0a",
        |_| vec![b"garbage".to_vec(); 100],
        "byte 1 of the reply is not as required",
    ),
];

const DNS: &str = "DNS_CHECK";
const UDP: &str = "UDP_CHECK";
/// As much as fits into a datagram.
const LONGEST: usize = 65_507;

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
    for (port, (kind, lines, deed, wrong)) in (FIRST..).zip(ANSWERS) {
        let socket = node
            .in_network(|| UdpSocket::bind((HERE, port)))
            .expect("a socket");
        thread::spawn(move || {
            let mut bytes = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut bytes) {
                for answer in deed(&bytes[..length]) {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        let lines = format!("connect_port {port}\nconnect_timeout 1\n{lines}");
        rows.push(row(kind, lines, wrong));
    }
    check(node, "", &rows);
}
