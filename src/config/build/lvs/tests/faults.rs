//! What is said of services, in words that people search for, and the exit status of `-t` that follows.

use super::{PLAIN, SERVER, read, said, service};

/// A text, the exit status, and how the messages begin, in order.
type Row<'t> = (String, i32, &'t [&'t str]);

pub(super) fn check(rows: &[Row<'_>]) {
    for (text, status, expected) in rows {
        let loaded = read(text);
        let found = said(&loaded);
        let fits = found.len() == expected.len()
            && found
                .iter()
                .zip(*expected)
                .all(|(found, start)| found.starts_with(start));
        assert!(fits, "{text}\nsaid {found:#?}\nnot {expected:#?}");
        assert_eq!(loaded.diagnostics.exit_status(), *status, "{text}");
        let placed = loaded.diagnostics.iter().all(|d| {
            d.span.is_some()
                || ["there is nothing to run", "SECURITY"]
                    .iter()
                    .any(|start| d.message.starts_with(start))
        });
        assert!(placed, "a message without a place: {text}");
    }
}

/// A service with these statements before a plain server.
pub(super) fn with(head: &str, statements: &str) -> String {
    service(head, &format!("{statements}\n{SERVER}"))
}

/// A plain service with these statements more.
pub(super) fn plain(statements: &str) -> String {
    with("10.0.0.1 80", &format!("{PLAIN}{statements}"))
}

pub(super) fn group(lines: &str, statements: &str) -> String {
    format!(
        "virtual_server_group G {{\n{lines}\n}}\n{}",
        with("group G", statements)
    )
}

pub(super) const DR: &str = "protocol TCP\nlb_algo rr\nlb_kind DR\n";
pub(super) const MARK: &str = "lb_algo rr\nlb_kind NAT\n";
pub(super) const NOTHING: &str = "there is nothing to run";

#[test]
fn heads() {
    check(&[
        (plain(""), 0, &[]),
        (with("10.0.0.1/24 80", PLAIN), 0, &[]),
        (with("10.0.0.1 80 dev eth0.53", PLAIN), 0, &[]),
        (with("fwmark 5", MARK), 0, &[]),
        (
            with("10.0.0.1:80", PLAIN),
            5,
            &["Invalid virtual server IP address 10.0.0.1:80 - skipping"],
        ),
        (
            with("www.example.org 80", PLAIN),
            5,
            &["Invalid virtual server IP address www.example.org/80 - skipping"],
        ),
        (
            with("10.0.0.1 https", PLAIN),
            5,
            &["Invalid virtual server IP address/port 10.0.0.1/https - skipping"],
        ),
        (
            with("10.0.0.1 70000", PLAIN),
            5,
            &["Invalid virtual server IP address/port 10.0.0.1/70000 - skipping"],
        ),
        (
            with("fwmark x5", MARK),
            5,
            &["virtual server fwmark 'x5' must be in [0, 4294967295] - ignoring"],
        ),
        (
            with("fwmark", MARK),
            5,
            &["virtual_server fwmark must be followed by its value"],
        ),
        (
            with("group", MARK),
            5,
            &["virtual_server group must be followed by its value"],
        ),
        (
            with("group X", PLAIN),
            5,
            &["Virtual server group X is not defined - ignoring"],
        ),
        (
            with("10.0.0.1 0", PLAIN),
            5,
            &[
                "Virtual server [10.0.0.1]:tcp:0: zero port only valid for persistent services - setting",
            ],
        ),
        // keepalived says nothing of it.
        (
            service(
                "fwmark 5",
                &format!(
                    "{MARK}real_server 10.0.0.2 {{\nTCP_CHECK {{\n}}\nPING_CHECK {{\n}}\n}}\n"
                ),
            ),
            0,
            &["TCP_CHECK has no port to connect to: it will always fail"],
        ),
        (
            service(
                "fwmark 5",
                &format!("{MARK}real_server 10.0.0.2 {{\nTCP_CHECK {{\nconnect_port 80\n}}\n}}\n"),
            ),
            0,
            &[],
        ),
        (
            with("10.0.0.1", PLAIN),
            5,
            &[
                "Virtual server [10.0.0.1]:tcp:0: zero port only valid for persistent services - setting",
            ],
        ),
        (
            with("10.0.0.1", &format!("{PLAIN}persistence_timeout 5")),
            0,
            &[],
        ),
    ]);
}

#[test]
fn what_a_service_lacks() {
    check(&[
        (
            with("10.0.0.1 80", ""),
            5,
            &[
                "Virtual server [10.0.0.1]:none:80: no protocol set - defaulting to UDP",
                "Virtual server [10.0.0.1]:udp:80: no scheduler set, setting default 'wlc'",
                "Virtual server [10.0.0.1]:udp:80: no forwarding method set, setting default NAT",
            ],
        ),
        (
            service("10.0.0.1 80", PLAIN),
            5,
            &["Virtual server [10.0.0.1]:tcp:80 has no real servers - ignoring"],
        ),
        (
            with("10.0.0.1 80", "protocol tcpx\nlb_algo RR\nlb_kind dr"),
            5,
            &[
                "Unknown protocol tcpx - ignoring",
                "Invalid lvs_scheduler 'RR' - ignoring",
                "PARSER : unknown [dr] routing method for virtual server.",
                "Virtual server [10.0.0.1]:none:80: no protocol set",
                "Virtual server [10.0.0.1]:udp:80: no scheduler set",
                "Virtual server [10.0.0.1]:udp:80: no forwarding method set",
            ],
        ),
        (
            with("fwmark 5", PLAIN),
            5,
            &[
                "Warning: Virtual server FWM 5: protocol specified for fwmark - protocol will be ignored",
            ],
        ),
        (
            with("fwmark 3", &format!("{MARK}ha_suspend")),
            5,
            &["Virtual server FWM 3: cannot use ha_suspend with fwmarks - clearing ha_suspend"],
        ),
        (
            plain("ops"),
            5,
            &["Virtual server [10.0.0.1]:tcp:80: one packet scheduling requires UDP - resetting"],
        ),
        (
            with(
                "10.0.0.1 80",
                &format!("{}\nops", PLAIN.replace("TCP", "UDP")),
            ),
            0,
            &[],
        ),
    ]);
}

#[test]
fn values_of_a_service() {
    check(&[
        (plain("persistence_timeout"), 0, &[]),
        (
            plain("persistence_timeout 0"),
            5,
            &[
                "number '0' outside range [1, 2678400]",
                "persistence_timeout invalid",
            ],
        ),
        (plain("persistence_granularity 255.255.255.0"), 0, &[]),
        (
            plain("persistence_granularity 24"),
            0,
            &["persistence_granularity 24 is taken as 255.255.255.0"],
        ),
        (
            plain("persistence_granularity x"),
            5,
            &["Invalid IPv4 persistence_granularity specified - x"],
        ),
        (
            plain("persistence_engine 12345678901234567890"),
            5,
            &["persistence_name too long, truncating"],
        ),
        (
            plain("quorum 0"),
            5,
            &[
                "number '0' outside range [1, 4294967295]",
                "Quorum 0 must be in [1, 4294967295]. Setting to 1.",
            ],
        ),
        (
            plain("quorum 10\nhysteresis 12"),
            5,
            &[
                "Warning - quorum 10 for [10.0.0.1]:tcp:80 exceeds total weight of real servers 1, reducing quorum to 1",
                "Virtual server [10.0.0.1]:tcp:80: hysteresis 12 >= quorum 1; setting hysteresis to 0",
            ],
        ),
        (
            plain("retry 0"),
            5,
            &["number '0' outside range [1, 4294967295]"],
        ),
        (
            plain("delay_loop 0"),
            5,
            &["number '0' outside range [0.000001,"],
        ),
        (plain("delay_loop 86400"), 0, &[]),
        (
            plain("weight 0"),
            5,
            &["number '0' outside range [1, 2147483647]"],
        ),
        (
            plain("lb_algo loadbalance"),
            5,
            &["Invalid lvs_scheduler 'loadbalance' - ignoring"],
        ),
        (
            plain("ip_family inet6"),
            5,
            &["Virtual server specified family inet6 conflicts with server family"],
        ),
        (plain("ip_family inet"), 0, &[]),
        (plain("ip_family x"), 5, &["unknown address family x"]),
        (
            plain("nat_mask 255.255.255.0"),
            5,
            &["Unknown keyword 'nat_mask'"],
        ),
    ]);
}

#[test]
fn hashing_flags_follow_their_scheduler() {
    let only_sh = |word: &str| format!("{word} only applies to sh scheduler - ignoring");
    check(&[
        (
            plain("hashed\nsh-port"),
            5,
            &[&only_sh("hashed"), &only_sh("sh-port")],
        ),
        (
            plain("mh-port"),
            5,
            &["mh-port only applies to mh scheduler - ignoring"],
        ),
        (
            with(
                "10.0.0.1 80",
                "sh-port\nprotocol TCP\nlb_kind NAT\nlb_algo sh",
            ),
            5,
            &[&only_sh("sh-port")],
        ),
        (
            plain("lb_algo sh\nsh-port\nsh-fallback\nhashed"),
            0,
            &["hashed does nothing with scheduler sh"],
        ),
        (
            plain("lb_algo mh\nsh-port\nmh-port"),
            0,
            &["sh-port does nothing with scheduler mh"],
        ),
    ]);
}

#[test]
fn forwarding_methods() {
    let lone = |line: &str| plain(line);
    check(&[
        (lone("lb_kind TUN type gue port 99 remcsum"), 0, &[]),
        (lone("lb_kind TUN type gre csum"), 0, &[]),
        (lone("lb_kind TUN"), 0, &[]),
        (
            lone("lb_kind TUN type gue"),
            5,
            &["gue tunnels require port, otherwise cannot have port."],
        ),
        (
            lone("lb_kind TUN port 9"),
            5,
            &["gue tunnels require port, otherwise cannot have port."],
        ),
        (
            lone("lb_kind TUN type ipip csum"),
            5,
            &["ipip tunnels do not support checksum option."],
        ),
        (
            lone("lb_kind TUN type gre remcsum"),
            5,
            &["gre tunnels do not support remote checksum option."],
        ),
        (
            lone("lb_kind TUN type"),
            5,
            &["Missing tunnel type for virtual server."],
        ),
        (
            lone("lb_kind TUN type x"),
            5,
            &["Unknown tunnel type x for virtual server."],
        ),
        (
            lone("lb_kind TUN foo"),
            5,
            &["Invalid tunnel option foo for virtual server."],
        ),
        (
            lone("lb_kind TUN type gue port x"),
            5,
            &["Invalid gue tunnel port x for virtual server."],
        ),
        (
            lone("lb_kind TUN type gue port"),
            5,
            &["Missing port for virtual server gue tunnel."],
        ),
        (
            lone("lb_kind DR foo"),
            5,
            &["Invalid tunnel option foo for virtual server."],
        ),
        (
            lone("lb_kind FNAT"),
            5,
            &["PARSER : unknown [FNAT] routing method for virtual server."],
        ),
        (
            lone("sorry_server_lvs_method DR"),
            5,
            &["sorry_server forwarding used without sorry_server"],
        ),
        (
            lone("sorry_server_inhibit"),
            5,
            &["Ignoring sorry_server inhibit used before or without sorry_server"],
        ),
    ]);
}

#[test]
fn families_and_ports() {
    check(&[
        (
            plain("real_server 1::2 80 {\n}"),
            5,
            &[
                "Address family of virtual server and real server 1::2 don't match - skipping real server.",
            ],
        ),
        (
            plain("sorry_server 1::2 80"),
            5,
            &[
                "Address family of virtual server and sorry server 1::2 don't match - skipping sorry server.",
            ],
        ),
        (
            with(
                "10.0.0.1 80",
                "protocol TCP\nlb_algo rr\nlb_kind TUN\nreal_server 1::1 80 {\n}",
            ),
            0,
            &[],
        ),
        (
            with("fwmark 3", &format!("{MARK}ip_family inet6")),
            5,
            &[
                "Address family of virtual server and real server 10.0.0.2 don't match",
                "Virtual server FWM 3 has no real servers",
            ],
        ),
        (
            with("10.0.0.1 81", &format!("{DR}sorry_server 10.0.0.9 99")),
            5,
            &[
                "WARNING - virtual server [10.0.0.1]:tcp:81 and real server [10.0.0.2]:tcp:80 ports don't match - resetting",
                "WARNING - virtual server [10.0.0.1]:tcp:81 and sorry server ports don't match - resetting",
            ],
        ),
        (with("10.0.0.1 81", PLAIN), 0, &[]),
        (
            with(
                "fwmark 5",
                "lb_algo rr\nlb_kind DR\nsorry_server 10.0.0.9 99",
            ),
            5,
            &[
                "WARNING - fwmark virtual server FWM 5, real server [10.0.0.2]:none:80 has port specified - clearing",
                "WARNING - virtual server FWM 5, sorry server has port specified - clearing",
            ],
        ),
        (
            group("10.1.0.1 81", &format!("{DR}sorry_server 10.0.0.9 99")),
            5,
            &[
                "virtual server [G]:0:[10.1.0.1,81] and real server [10.0.0.2]:tcp:80 ports don't match",
                "WARNING - virtual server [G]:0, sorry server has port specified - port will be ignored",
            ],
        ),
        (
            group("10.1.0.1 80\nfwmark 7", DR),
            5,
            &[
                "WARNING - fwmark virtual server [G]:0, real server [10.0.0.2]:tcp:80 has port specified - port will be ignored",
            ],
        ),
    ]);
}
