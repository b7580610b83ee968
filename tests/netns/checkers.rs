//! Every checker against real servers: what is there is up, what is not as it has to be is down, and the log says why.

#[path = "checkers/datagrams.rs"]
mod datagrams;
#[path = "checkers/goodbyes.rs"]
mod goodbyes;
#[path = "checkers/hostile.rs"]
mod hostile;
#[path = "checkers/ipv6.rs"]
mod ipv6;
#[path = "checkers/mended.rs"]
mod mended;
#[path = "checkers/servers.rs"]
pub mod servers;
#[path = "checkers/tls.rs"]
mod tls;

use crate::support::Binary::Ours;
use crate::support::node::Node;
use crate::support::stage::{Case, case, program_case};
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_until};
use servers::{DNSMASQ, NGINX};

/// The host's own address, at which all servers are.
pub const HERE: &str = "10.10.0.1";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        program_case("checkers::http", NGINX, http),
        program_case("checkers::requests", NGINX, requests),
        program_case("checkers::dns", DNSMASQ, dns),
        program_case("checkers::smtp", servers::AIOSMTPD, smtp),
        case("checkers::udp", udp),
        case("checkers::ping", || ping(true)),
        case("checkers::ping_by_raw_sockets", || ping(false)),
    ];
    cases.extend(hostile::cases());
    cases.extend(datagrams::cases());
    cases.extend(goodbyes::cases());
    cases.extend(ipv6::cases());
    cases.extend(mended::cases());
    cases.extend(tls::cases());
    cases
}

/// A checker and what is to be found: nothing wrong, or words of the reason.
pub struct Row<'r> {
    /// The checker's keyword.
    pub kind: &'r str,
    /// Its statements.
    pub lines: String,
    /// What is wrong; empty = nothing.
    pub wrong: &'r str,
}

/// A row.
pub fn row<'r>(kind: &'r str, lines: impl Into<String>, wrong: &'r str) -> Row<'r> {
    let lines = lines.into();
    Row { kind, lines, wrong }
}

/// One host that checks.
pub fn host() -> World {
    let world = World::new(&[HostSpec::numbered(1)]);
    world.nodes[0].run(&["ip", "link", "set", "lo", "up"]);
    world
}

/// Has each checker find what it is to find.
pub fn check(node: &Node, head: &str, rows: &[Row<'_>]) {
    let mut config = head.to_owned();
    for (index, row) in rows.iter().enumerate() {
        config += &format!(
            "virtual_server 10.11.0.{number} 80 {{\n protocol TCP\n lb_algo rr\n lb_kind NAT\n alpha\n delay_loop 2\n warmup 0\n \
             connect_timeout 2\n real_server 10.12.0.{number} 80 {{\n  {} {{\n   connect_ip {HERE}\n   retry 0\n{}\n  }}\n }}\n}}\n",
            row.kind,
            row.lines,
            number = index + 1,
        );
    }
    let before = node.log().len();
    node.start(Ours, &config);
    for (index, row) in rows.iter().enumerate() {
        let server = format!("10.12.0.{}]:tcp:80", index + 1);
        let line = || {
            let log = node.log();
            let mut lines = log.get(before..).unwrap_or_default().lines();
            let found = lines.find(|line| {
                let about = line.contains(&server);
                about && (line.contains(" failed") || line.contains("succe"))
            });
            found.map(str::to_owned)
        };
        wait_until(
            &format!("{server} is found out: {} {}", row.kind, row.lines),
            secs(20),
            || line().is_some(),
        );
        let line = line().expect("a line");
        match row.wrong {
            "" => assert!(line.contains("succe"), "{} {}: {line}", row.kind, row.lines),
            wrong => assert!(
                line.contains(" failed") && line.contains(wrong),
                "{} {}: {line}",
                row.kind,
                row.lines
            ),
        }
    }
    node.stop();
}

/// A page with these statements.
fn page(path: &str, lines: &str) -> String {
    format!("connect_port 8080\nurl {{\n path {path}\n{lines}\n}}")
}

fn http() {
    let world = host();
    let node = &world.nodes[0];
    let _nginx = servers::nginx(node);
    let digest = |options: &[&str]| {
        let words = [&["-s", HERE, "-p", "8080", "-u"][..], options].concat();
        servers::genhash(node, &words)
    };
    let (plain, chunked) = (digest(&["/"]), digest(&["/chunked", "-P", "1.1"]));
    assert_ne!(plain, chunked);
    let rows = [
        row("HTTP_GET", page("/", ""), ""),
        row(
            "HTTP_GET",
            page("/nothing", ""),
            "status of the page is 404, not 200-299",
        ),
        row("HTTP_GET", page("/nothing", "status_code 404"), ""),
        row(
            "HTTP_GET",
            page("/", "status_code 100-199 201"),
            "status of the page is 200, not 100-199 201",
        ),
        row("HTTP_GET", page("/", &format!("digest {plain}")), ""),
        row(
            "HTTP_GET",
            page("/other", &format!("digest {plain}")),
            "digest is",
        ),
        row(
            "HTTP_GET",
            "http_protocol 1.1\n".to_owned() + &page("/chunked", &format!("digest {chunked}")),
            "",
        ),
        row(
            "HTTP_GET",
            "http_protocol 1.1\n".to_owned()
                + &page(
                    "/chunked",
                    "regex \"^second.*page$\"\nregex_options multiline",
                ),
            "",
        ),
        row(
            "HTTP_GET",
            page("/", "regex \"hello\\\\s+WORLD\"\nregex_options caseless"),
            "",
        ),
        row(
            "HTTP_GET",
            page("/", "regex \"goodbye\""),
            "does not match regex",
        ),
        row(
            "HTTP_GET",
            page("/", "regex \"goodbye\"\nregex_no_match"),
            "",
        ),
        row(
            "HTTP_GET",
            page("/", "regex World\nregex_min_offset 6\nregex_max_offset 6"),
            "",
        ),
        row(
            "HTTP_GET",
            page("/", "regex World\nregex_min_offset 7"),
            "does not match regex",
        ),
        row(
            "HTTP_GET",
            page("/", "regex World\nregex_max_offset 5"),
            "does not match regex",
        ),
        row(
            "HTTP_GET",
            page("/host", &format!("regex \"^host {HERE}:8080$\"")),
            "",
        ),
        row(
            "HTTP_GET",
            page(
                "/host",
                "virtualhost www.example\nregex \"^host www.example$\"",
            ),
            "",
        ),
        row(
            "HTTP_GET",
            "http_protocol 1.0C\n".to_owned() + &page("/", ""),
            "",
        ),
        // Two pages, of which one is wrong.
        row(
            "HTTP_GET",
            "fast_recovery\n".to_owned() + &page("/", "") + "\nurl {\n path /nothing\n}",
            "404",
        ),
        row(
            "HTTP_GET",
            "connect_port 8079\nurl {\n path /\n}",
            "cannot connect: Connection refused",
        ),
    ];
    check(node, "", &rows);
}

fn requests() {
    let world = host();
    let node = &world.nodes[0];
    let _nginx = servers::nginx(node);
    let asked = |lines: &str, page_lines: &str, want: &str| {
        let page_lines = format!("{page_lines}\nregex \"^{want}$\"");
        format!(
            "http_protocol 1.1\n{lines}\n{}",
            page("/asked", &page_lines)
        )
    };
    let rows = [
        row("HTTP_GET", asked("", "", "GET   KeepAliveClient\\."), ""),
        row(
            "HTTP_GET",
            asked(
                "header X-A \"of all\"\nheader User-Agent me",
                "",
                "GET of all  me\\.",
            ),
            "",
        ),
        row(
            "HTTP_GET",
            asked(
                "header X-A all",
                "method PUT\nheader x-a one",
                "PUT one 0 KeepAliveClient\\.",
            ),
            "",
        ),
        row(
            "HTTP_GET",
            page(
                "/posted",
                "body \"{\\\"a\\\": 1}\"\nregex \"^body {\\\"a\\\": 1}\\.$\"",
            ),
            "",
        ),
        // An answer with a length and without a body.
        row("HTTP_GET", page("/", "method HEAD"), ""),
        row(
            "HTTP_GET",
            page("/nothing", "method HEAD"),
            "status of the page is 404",
        ),
        row("HTTP_GET", page("/", "method OPTIONS\nstatus_code 405"), ""),
    ];
    check(node, "", &rows);
}

fn dns() {
    let world = host();
    let node = &world.nodes[0];
    let _dnsmasq = servers::dnsmasq(node);
    let ask = |lines: &str| format!("connect_port 5353\n{lines}");
    let rows = [
        row("DNS_CHECK", ask("type A\nname a.example"), ""),
        row("DNS_CHECK", ask("type AAAA\nname a.example"), ""),
        row("DNS_CHECK", ask("type txt\nname t.example"), ""),
        row("DNS_CHECK", ask("type MX\nname a.example."), ""),
        row(
            "DNS_CHECK",
            ask("type A\nname no.example"),
            "the answer is an error: NXDOMAIN",
        ),
        // Nobody further up to ask.
        row("DNS_CHECK", ask(""), "the answer is an error: REFUSED"),
        row(
            "DNS_CHECK",
            "connect_port 5354",
            "the connection broke: Connection refused",
        ),
    ];
    check(node, "", &rows);
}

fn smtp() {
    let world = host();
    let node = &world.nodes[0];
    let _server = servers::mail(node);
    let rows = [
        row("SMTP_CHECK", "connect_port 2525", ""),
        row("SMTP_CHECK", "connect_port 2525\nhelo_name a.example", ""),
        row(
            "SMTP_CHECK",
            "connect_port 2526",
            "cannot connect: Connection refused",
        ),
        // Hosts of the older form, each a check of its own.
        row("SMTP_CHECK", host_of(2525), ""),
        row(
            "SMTP_CHECK",
            host_of(2526),
            "cannot connect: Connection refused",
        ),
    ];
    check(node, "", &rows);
}

fn host_of(port: u16) -> String {
    format!("host {{\n connect_ip {HERE}\n connect_port {port}\n retry 0\n}}")
}

fn udp() {
    let world = host();
    let node = &world.nodes[0];
    let _echo = servers::echo(node, 7007);
    let _deaf = servers::deaf(node, 7008);
    let ask = |port: u16, lines: &str| format!("connect_port {port}\n{lines}");
    let rows = [
        row("UDP_CHECK", ask(7007, ""), ""),
        row("UDP_CHECK", ask(7007, "require_reply"), ""),
        row(
            "UDP_CHECK",
            ask(7007, "payload 0a ff\nrequire_reply 0X ff"),
            "",
        ),
        row(
            "UDP_CHECK",
            ask(7007, "payload 0a ff\nrequire_reply 0a fe"),
            "byte 2 of the reply is not as required",
        ),
        row(
            "UDP_CHECK",
            ask(7007, "payload 0a ff\nrequire_reply 0a\nmin_reply_length 3"),
            "the reply has 2 bytes, not 3 to 255",
        ),
        row(
            "UDP_CHECK",
            ask(7007, "payload 0a ff\nrequire_reply 0a\nmax_reply_length 1"),
            "the reply has 2 bytes, not 0 to 1",
        ),
        // Nobody answers, and nobody has to.
        row("UDP_CHECK", ask(7008, ""), ""),
        row("UDP_CHECK", ask(7008, "require_reply"), "no answer in time"),
        row(
            "UDP_CHECK",
            ask(7009, ""),
            "the connection broke: Connection refused",
        ),
    ];
    check(node, "", &rows);
}

/// Echoes and whoever answers them, by datagram sockets where the range of groups can be widened, else by raw ones.
fn ping(may_widen: bool) {
    const RANGE: &str = "/proc/sys/net/ipv4/ping_group_range";
    let world = host();
    let node = &world.nodes[0];
    node.run(&["ip", "addr", "add", "fd00::1/64", "dev", "eth0", "nodad"]);
    node.run(&["ip", "route", "add", "blackhole", "10.14.0.0/24"]);
    if !may_widen {
        // As in a container.
        node.run(&["mount", "--bind", "/proc/sys", "/proc/sys"]);
        node.run(&["mount", "-o", "remount,bind,ro", "/proc/sys"]);
    }
    let mut rows = vec![
        row("PING_CHECK", "", ""),
        row("PING_CHECK", "connect_ip fd00::1", ""),
        row("PING_CHECK", "bindto 10.10.0.1", ""),
        // Nobody has that address.
        row(
            "PING_CHECK",
            "connect_ip 10.10.0.99\nconnect_timeout 1",
            "no answer in time",
        ),
        row("PING_CHECK", "connect_ip 10.14.0.1", "cannot connect"),
    ];
    // Side by side: each finds its own reply among those of all.
    rows.extend((0..20).map(|_| row("PING_CHECK", "", "")));
    check(node, "", &rows);
    let said = match may_widen {
        true => "may send echoes now",
        false => "raw sockets do",
    };
    let (log, range) = (node.log(), node.run(&["cat", RANGE]));
    assert!(log.contains(said), "{log}");
    let widened = range.split_whitespace().eq(["0", "0"]);
    assert_eq!(widened, may_widen, "{range}");
}
