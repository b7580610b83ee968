//! What is said of checkers and sessions, and the exit status of `-t` that follows.

use super::faults::check;
use super::{PLAIN, service};

/// A plain service whose server has this checker.
fn checker(kind: &str, statements: &str) -> String {
    let server = format!("real_server 10.0.0.2 80 {{\n{kind} {{\n{statements}\n}}\n}}\n");
    service("10.0.0.1 80", &format!("{PLAIN}{server}"))
}

fn web(statements: &str) -> String {
    checker("HTTP_GET", &format!("url {{\npath /\n{statements}\n}}"))
}

const DIGEST: &str = "640205b7b0fc66c1ea91c463fac6334d";

#[test]
fn what_all_checkers_have() {
    check(&[
        (
            checker(
                "TCP_CHECK",
                "connect_timeout 3\nretry 3\ndelay_before_retry 3\nconnect_port 8080",
            ),
            0,
            &[],
        ),
        (
            checker("TCP_CHECK", "nb_get_retry 3"),
            5,
            &["Unknown keyword 'nb_get_retry'"],
        ),
        (
            checker("TCP_CHECK", "connetc_port 80"),
            5,
            &["Unknown keyword 'connetc_port'"],
        ),
        (
            checker("TCP_CHECK", "connect_port 0"),
            5,
            &["number '0' outside range [1, 65535]"],
        ),
        (
            checker("TCP_CHECK", "connect_ip x\nbindto y"),
            5,
            &[
                "Invalid connect_ip address x - ignoring",
                "Invalid bindto address y - ignoring",
            ],
        ),
        (
            checker("TCP_CHECK", "connect_timeout"),
            2,
            &["connect_timeout needs a value"],
        ),
        (
            checker("TCP_CHECK", "connect_timeout 9999"),
            5,
            &["number '9999' outside range [0, 4294]"],
        ),
        (
            checker("TCP_CHECK", "alpha x"),
            5,
            &["Invalid alpha parameter 'x'"],
        ),
        (
            checker("TCP_CHECK", "bind_if aaaaaaaaaaaaaaaaaaaaaaa"),
            5,
            &["Interface name 'aaaaaaaaaaaaaaaaaaaaaaa' too long - ignoring"],
        ),
        (
            checker("TCP_CHECK", "connect_ip 1::1\nbindto 10.0.0.1"),
            5,
            &["bindto address 10.0.0.1 does not match address family of connect_ip - skipping"],
        ),
        (
            checker("TCP_CHECK", "connect_ip fe80::1"),
            5,
            &["Checker link local address fe80::1 requires a bind_if"],
        ),
        (
            checker("TCP_CHECK", "connect_ip fe80::1\nbind_if eth0"),
            0,
            &[],
        ),
        (checker("PING_CHECK", ""), 0, &[]),
        (
            checker("FTP_CHECK", ""),
            5,
            &["Unknown keyword 'FTP_CHECK'"],
        ),
    ]);
}

#[test]
fn scripts() {
    let security =
        "SECURITY VIOLATION - scripts are being executed but script_security not enabled.";
    check(&[
        (
            checker(
                "MISC_CHECK",
                "misc_path \"/bin/true 1\"\nmisc_timeout 1\nmisc_dynamic",
            ),
            6,
            &[security],
        ),
        (
            checker("MISC_CHECK", "misc_timeout 1"),
            5,
            &["No script path has been specified for MISC_CHECKER - skipping"],
        ),
        (
            checker("MISC_CHECK", "misc_path /bin/true\nuser nosuch"),
            5,
            &["Unable to set uid/gid for user 'nosuch'"],
        ),
        (
            checker("MISC_CHECK", "misc_path"),
            2,
            &["misc_path needs a value"],
        ),
        (
            checker(
                "MISC_CHECK",
                "misc_path /bin/true\nmisc_timeout 5000\nuser root",
            ),
            6,
            &["number '5000' outside range [0, 4294]", security],
        ),
        (
            checker("MISC_CHECK", "misc_path \"/bin/true\nmisc_timeout 1"),
            5,
            &["this \" is not closed"],
        ),
    ]);
}

#[test]
fn pages() {
    check(&[
        (web(""), 0, &[]),
        (
            web(&format!(
                "digest {DIGEST}\nstatus_code 200 301-302\nstatus_code 404"
            )),
            0,
            &[],
        ),
        (
            checker("HTTP_GET", ""),
            5,
            &["HTTP/SSL_GET checker has no urls specified - ignoring"],
        ),
        (
            checker("SSL_GET", "url {\n}"),
            5,
            &[
                "HTTP/SSL_GET checker url has no path - ignoring",
                "HTTP/SSL_GET checker has no urls specified - ignoring",
            ],
        ),
        (
            checker("HTTP_GET", "nb_get_retry 3\nurl {\npath /\n}"),
            5,
            &["nb_get_retry is deprecated - please use 'retry'"],
        ),
        (
            checker("HTTP_GET", "http_protocol 2.0\nurl {\npath /\n}"),
            5,
            &["Invalid http_protocol version 2.0"],
        ),
        (
            checker(
                "SSL_GET",
                "http_protocol 1.0C\nenable_sni\ntls_compliant\nurl {\npath /\ntls_compliant off\n}",
            ),
            0,
            &[],
        ),
        (
            web("digest abc"),
            5,
            &["digest 'abc' character length should be 32 rather than 3"],
        ),
        (
            web(&format!("digest {}g", &DIGEST[..31])),
            5,
            &["Unable to interpret hex digit in"],
        ),
        (
            web(&format!("digest {DIGEST}\ndigest {DIGEST}")),
            5,
            &["digest has already been specified - ignoring"],
        ),
        (
            web("status_code 99 100-200 300-299 600 204- x"),
            5,
            &[
                "Invalid HTTP_GET status code '99'",
                "Invalid HTTP_GET status code '300-299'",
                "Invalid HTTP_GET status code '600'",
                "Invalid HTTP_GET status code '204-'",
                "Invalid HTTP_GET status code 'x'",
            ],
        ),
        (
            checker("HTTP_GET", "url {\npath\n}"),
            2,
            &[
                "path needs a value",
                "HTTP/SSL_GET checker url has no path",
                "HTTP/SSL_GET checker has no urls",
            ],
        ),
        (
            web(
                "regex \"a b\"\nregex_options caseless dotall\nregex_min_offset 5\nregex_max_offset 10",
            ),
            0,
            &[],
        ),
        (web("regex a b"), 5, &["regex missing or too many fields"]),
        (web("regex \"(a\""), 5, &["regex \"(a\" cannot be used"]),
        (
            web("regex \"a\"\nregex_options alt_bsux"),
            5,
            &["regex \"a\" cannot be used: regex option alt_bsux is not supported"],
        ),
        (
            web("regex \"a\"\nregex_options foo"),
            0,
            &["unknown regex option 'foo' - ignoring"],
        ),
        (
            web("regex_no_match"),
            0,
            &["regex parameters specified without regex"],
        ),
        (
            web("regex \"a\"\nregex_min_offset 10\nregex_max_offset 5"),
            5,
            &["regex min offset 10 > regex_max_offset 5 - ignoring"],
        ),
        (
            web("regex_stack 1"),
            5,
            &["regex_stack requires start and max values"],
        ),
        (
            web("regex_stack 5 1"),
            5,
            &["regex stack start cannot exceed max value"],
        ),
        (web("regex_stack 1 5"), 0, &["regex_stack does nothing"]),
    ]);
}

#[test]
fn other_dialogues() {
    check(&[
        (
            checker("SMTP_CHECK", "helo_name a\nconnect_port 25"),
            0,
            &[],
        ),
        (
            checker("DNS_CHECK", "type a\nname www.example.org."),
            0,
            &[],
        ),
        (
            checker("DNS_CHECK", "type ANY"),
            5,
            &["Unknown DNS check type ANY - ignoring"],
        ),
        (
            checker("DNS_CHECK", "name a..b"),
            5,
            &["DNS_CHECK name 'a..b' has empty label - ignoring"],
        ),
        (
            checker("DNS_CHECK", &format!("name {}", "a".repeat(64))),
            5,
            &["DNS_CHECK name 'aaaa"],
        ),
        (
            checker("DNS_CHECK", "name a\nname b"),
            5,
            &["name has already been specified - ignoring"],
        ),
        (
            checker(
                "UDP_CHECK",
                "payload 12 34 \"56 78\"\nrequire_reply XX 0x 12",
            ),
            0,
            &[],
        ),
        (
            checker("UDP_CHECK", "payload zz"),
            5,
            &["Invalid hex string for UDP_CHECK payload"],
        ),
        (
            checker("UDP_CHECK", "payload"),
            5,
            &["UDP_CHECK payload requires a payload"],
        ),
        (
            checker("UDP_CHECK", "require_reply zz"),
            5,
            &["Invalid hex string for UDP_CHECK reply"],
        ),
        (
            checker("UDP_CHECK", "min_reply_length 10\nmax_reply_length 5"),
            5,
            &["UDP_CHECK min_reply length 10 > max_reply_length 5 - will always fail"],
        ),
        (
            checker("UDP_CHECK", "max_reply_length 66666"),
            5,
            &["number '66666' outside range [0, 65535]"],
        ),
    ]);
}

#[test]
fn checkers_that_follow_something_else() {
    let file = "track_file tf {\nfile /tmp/x\n}\n";
    let session = "bfd_instance b1 {\nneighbor_ip 10.1.1.1\n}\n";
    let name_twice =
        "real_server 10.0.0.3 80 {\nBFD_CHECK {\nname b1\n}\nBFD_CHECK {\nname b1\n}\n}\n";
    check(&[
        (
            checker("FILE_CHECK", ""),
            5,
            &["FILE_CHECK has no track_file specified - ignoring"],
        ),
        (
            checker("FILE_CHECK", "track_file nosuch"),
            5,
            &[
                "track_file nosuch not found",
                "FILE_CHECK has no track_file specified - ignoring",
            ],
        ),
        (
            format!(
                "{file}{}",
                checker("FILE_CHECK", "track_file tf\nweight 3 reverse")
            ),
            0,
            &[],
        ),
        (
            checker("BFD_CHECK", ""),
            5,
            &["([10.0.0.2]) No name has been specified for BFD_CHECKER - skipping"],
        ),
        (
            format!(
                "{}{}",
                session.replace("b1 {", "b1 {\nvrrp"),
                checker("BFD_CHECK", "name b1")
            ),
            5,
            &["([10.0.0.2]) BFD_CHECK - BFD b1 not configured"],
        ),
        (
            checker("BFD_CHECK", "name x"),
            5,
            &["([10.0.0.2]) BFD_CHECK - BFD x not configured"],
        ),
        (
            format!("{session}{}", checker("BFD_CHECK", "name b1\nalpha")),
            0,
            &[],
        ),
        (
            format!(
                "{session}{}",
                service("10.0.0.1 80", &format!("{PLAIN}{name_twice}"))
            ),
            5,
            &["([10.0.0.3]) BFD_CHECK - RS already monitoring b1"],
        ),
    ]);
}

#[test]
fn sessions() {
    let session =
        |name: &str, statements: &str| format!("bfd_instance {name} {{\n{statements}\n}}\n");
    let good = session("b0", "neighbor_ip 10.9.9.9");
    let beside = |name: &str, statements: &str| format!("{good}{}", session(name, statements));
    let wrong = |problem: &str| format!("Configuration error: BFD instance b1 {problem}");
    check(&[
        (good.clone(), 0, &[]),
        (
            beside(
                "b1",
                "neighbour_ip 1::1\nsource_ip 1::2\nttl 64\nmin_rx 3.312",
            ),
            0,
            &[],
        ),
        (
            beside("b1", ""),
            5,
            &[&wrong("has no neighbor address set, disabling instance")],
        ),
        (
            beside("b1", "neighbor_ip x"),
            5,
            &["Invalid neighbor_ip address 'x'"],
        ),
        (
            beside("b1", "neighbor_ip 10.9.9.9"),
            5,
            &[&wrong(
                "has duplicate neighbor address 10.9.9.9, ignoring instance",
            )],
        ),
        (
            beside("b1", "neighbor_ip 10.9.9.9\nsource_ip 10.9.9.8"),
            5,
            &[&wrong(
                "has duplicate neighbor address 10.9.9.9, ignoring instance",
            )],
        ),
        (
            [
                session("b1", "neighbor_ip 10.1.1.1\nsource_ip 10.1.1.2"),
                session("b2", "neighbor_ip 10.1.1.1\nsource_ip 10.1.1.3"),
            ]
            .concat(),
            0,
            &[],
        ),
        (
            [
                session("b0", "neighbor_ip 10.1.1.1\nsource_ip 10.1.1.2"),
                session("b1", "neighbor_ip 10.1.1.1\nsource_ip 10.1.1.2"),
            ]
            .concat(),
            5,
            &[&wrong(
                "has duplicate source/neighbor address 10.1.1.2/10.1.1.1, ignoring instance",
            )],
        ),
        (
            beside("b1", "neighbor_ip 0.0.0.0"),
            5,
            &[&wrong("has neighbor address 0.0.0.0, disabling instance")],
        ),
        (
            beside("b1", "neighbor_ip 224.0.0.1"),
            5,
            &[&wrong("has neighbor address 224.0.0.1, disabling instance")],
        ),
        (
            beside("b1", "neighbor_ip fe80::2"),
            5,
            &[&wrong("has neighbor address fe80::2, disabling instance")],
        ),
        (
            beside("b1", "neighbor_ip ::ffff:10.0.0.1"),
            5,
            &[&wrong(
                "has neighbor address ::ffff:10.0.0.1, disabling instance",
            )],
        ),
        (
            beside("b1", "neighbor_ip 10.1.1.1\nsource_ip 1::1"),
            5,
            &[&wrong(
                "source address 1::1 and neighbor address 10.1.1.1 are not of the same family, disabling instance",
            )],
        ),
        (
            beside("b0", "neighbor_ip 10.1.1.1"),
            5,
            &["BFD b0 already specified"],
        ),
        (
            beside(&"b".repeat(32), ""),
            5,
            &["Configuration error: BFD instance bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb name too long"],
        ),
        (
            beside("b1", "neighbor_ip 10.1.1.1\nmin_tx 0"),
            5,
            &["number '0' outside range [1, 4294967]"],
        ),
        (
            beside("b1", "neighbor_ip 10.1.1.1\nmin_rx 20000"),
            0,
            &["min_rx of 20000 ms is very long"],
        ),
        (
            beside("b1", "neighbor_ip 10.1.1.1\nttl 10\nmax_hops 20"),
            5,
            &["BFD instance b1: max_hops exceeds ttl/hoplimit - setting to ttl/hoplimit"],
        ),
        (
            beside("b1", "neighbor_ip 10.1.1.1\nweight 300"),
            5,
            &["number '300' outside range [-253, 253]"],
        ),
    ]);
}
