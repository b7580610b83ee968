//! `tls_compliant`: whether a server hears the end of TLS before that of the connection (RFC 8446 section 6.1), as the check or its page
//! says.

use super::hostile::secure;
use super::{HERE, host};
use crate::support::Binary::Ours;
use crate::support::stage::{Case, case};
use crate::support::{secs, wait_until};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![case("checkers::goodbyes", goodbyes)]
}

fn goodbyes() {
    let world = host();
    let node = &world.nodes[0];
    let listener = node.in_network(|| TcpListener::bind((HERE, 8443)));
    let listener = listener.expect("a listener");
    // The page that was asked for, and whether a goodbye followed.
    let heard = Arc::new(Mutex::new(BTreeSet::new()));
    let told = Arc::clone(&heard);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = secure(stream);
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\npage");
            // The library has a goodbye for an end, and anything else for an error.
            let is_said = matches!(stream.read(&mut [0; 16]), Ok(0));
            if let Some(path) = request.split(' ').nth(1) {
                let mut told = told.lock().expect("nobody panics");
                told.insert((path.to_owned(), is_said));
            }
        }
    });
    let service = |number: u8, lines: &str, pages: [(&str, &str); 2]| {
        let pages = pages.map(|(path, lines)| format!("url {{\n path {path}\n {lines}\n }}\n"));
        format!(
            "virtual_server 10.11.0.{number} 80 {{\n protocol TCP\n lb_algo rr\n lb_kind NAT\n delay_loop 0.2\n warmup 0\n \
             real_server 10.12.0.{number} 80 {{\n SSL_GET {{\n connect_ip {HERE}\n connect_port 8443\n {lines}\n {} }}\n }}\n}}\n",
            pages.concat()
        )
    };
    let config = service(1, "", [("/a", ""), ("/b", "tls_compliant")])
        + &service(
            2,
            "tls_compliant",
            [("/c", ""), ("/d", "tls_compliant off")],
        );
    node.start(Ours, &config);
    let has = |path: &str, said: bool| {
        let heard = heard.lock().expect("nobody panics");
        heard.contains(&(path.to_owned(), said))
    };
    // A check that is cut short says none either: what counts is who ever does.
    wait_until("all pages were asked for", secs(20), || {
        has("/a", false) && has("/b", true) && has("/c", true) && has("/d", false)
    });
    node.stop();
    assert!(!has("/a", true) && !has("/d", true), "{heard:?}");
}
