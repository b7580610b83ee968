//! The request for a page, as text. What comes back is `response`'s.

use crate::config::model::HttpVersion;
use std::net::{IpAddr, SocketAddr};

/// What servers are told that asks; filters on servers know keepalived by it.
const USER_AGENT: &str = "KeepAliveClient";

/// The text of a request for `path`.
pub fn text(version: HttpVersion, path: &str, host: &str) -> String {
    let (version, close) = match version {
        HttpVersion::V1_0 => ("1.0", ""),
        HttpVersion::V1_0Close => ("1.0", "Connection: close\r\n"),
        HttpVersion::V1_1 => ("1.1", "Connection: close\r\n"),
    };
    format!("GET {path} HTTP/{version}\r\nUser-Agent: {USER_AGENT}\r\n{close}Host: {host}\r\n\r\n")
}

/// The Host header when nobody names a host.
pub fn host(address: IpAddr, port: u16) -> String {
    SocketAddr::new(address, port).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let rows = [
            (HttpVersion::V1_0, "1.0", false),
            (HttpVersion::V1_0Close, "1.0", true),
            (HttpVersion::V1_1, "1.1", true),
        ];
        for (version, number, close) in rows {
            let text = text(version, "/a?b=c", "h:1");
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
        assert_eq!(host([10, 0, 0, 1].into(), 80), "10.0.0.1:80");
        assert_eq!(host("fe80::1".parse().unwrap(), 8080), "[fe80::1]:8080");
    }
}
