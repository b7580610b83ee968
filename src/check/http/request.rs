//! The request for a page, as text. What comes back is `response`'s.

use crate::config::model::{HttpVersion, Method, Request};
use crate::config::secret::Secret;
use std::net::{IpAddr, SocketAddr};

/// What servers are told that asks, unless the configuration has something else; filters on servers know keepalived by it.
const USER_AGENT: (&str, &str) = ("User-Agent", "KeepAliveClient");

/// The text of a request for `path`; a plain GET if nothing else is wanted.
pub fn text(version: HttpVersion, path: &str, host: &str, wanted: Option<&Request>) -> Vec<u8> {
    let (version, close) = match version {
        HttpVersion::V1_0 => ("1.0", ""),
        HttpVersion::V1_0Close => ("1.0", "Connection: close\r\n"),
        HttpVersion::V1_1 => ("1.1", "Connection: close\r\n"),
    };
    let (name, agent) = USER_AGENT;
    let (method, headers) = match wanted {
        Some(wanted) => (wanted.method, &*wanted.headers),
        None => (Method::Get, &[][..]),
    };
    let agent = match headers.iter().any(|it| it.name.eq_ignore_ascii_case(name)) {
        true => String::new(),
        false => format!("{name}: {agent}\r\n"),
    };
    let method_name = method.name();
    let begin = format!("{method_name} {path} HTTP/{version}\r\n{agent}{close}Host: {host}\r\n");
    let mut text = begin.into_bytes();
    for header in headers {
        text.extend_from_slice(header.name.as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(header.value.expose());
        text.extend_from_slice(b"\r\n");
    }
    let body = wanted.and_then(|wanted| wanted.body.as_ref());
    let body = body.map_or(&[][..], Secret::expose);
    if method.sends_body() {
        // Said of an empty one as well (RFC 9110 section 8.6).
        text.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(body);
    text
}

/// The Host header when nobody names a host.
pub fn host(address: IpAddr, port: u16) -> String {
    SocketAddr::new(address, port).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::Header;

    #[test]
    fn requests() {
        let rows = [
            (HttpVersion::V1_0, "1.0", false),
            (HttpVersion::V1_0Close, "1.0", true),
            (HttpVersion::V1_1, "1.1", true),
        ];
        for (version, number, close) in rows {
            let text = String::from_utf8(text(version, "/a?b=c", "h:1", None)).unwrap();
            assert!(
                text.starts_with(&format!("GET /a?b=c HTTP/{number}\r\n")),
                "{text}"
            );
            assert!(
                text.contains("\r\nUser-Agent: KeepAliveClient\r\n"),
                "{text}"
            );
            assert!(text.contains("\r\nHost: h:1\r\n"), "{text}");
            assert_eq!(text.contains("\r\nConnection: close\r\n"), close);
            assert!(text.ends_with("\r\n\r\n"), "{text}");
        }
        let header = |name: &str, value: &str| Header {
            name: name.into(),
            value: Secret::new(value),
        };
        let wanted = |method, headers: Vec<Header>, body: Option<&str>| Request {
            method,
            headers: headers.into(),
            body: body.map(Secret::new),
        };
        let rows = [
            (
                wanted(
                    Method::Post,
                    vec![header("X-A", "b"), header("X-A", "c")],
                    Some("{}"),
                ),
                "POST / HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: h\r\nX-A: b\r\nX-A: c\r\nContent-Length: 2\r\n\r\n{}",
            ),
            (
                wanted(Method::Put, vec![header("user-agent", "me")], None),
                "PUT / HTTP/1.1\r\nConnection: close\r\nHost: h\r\nuser-agent: me\r\nContent-Length: 0\r\n\r\n",
            ),
            (
                wanted(Method::Head, vec![], None),
                "HEAD / HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: h\r\n\r\n",
            ),
        ];
        for (wanted, want) in rows {
            let text = text(HttpVersion::V1_1, "/", "h", Some(&wanted));
            assert_eq!(String::from_utf8(text).unwrap(), want);
        }
        assert_eq!(host([10, 0, 0, 1].into(), 80), "10.0.0.1:80");
        assert_eq!(host("fe80::1".parse().unwrap(), 8080), "[fe80::1]:8080");
    }
}
