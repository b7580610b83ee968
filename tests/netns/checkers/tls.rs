//! Checks over TLS against real servers: certificates as they should be and as they should not.

use super::servers::{self, NGINX};
use super::{check, host, row};
use crate::support::stage::{Case, program_case};

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        program_case("checkers::https", NGINX, https),
        program_case("checkers::certificates", NGINX, certificates),
    ]
}

fn https() {
    let world = host();
    let node = &world.nodes[0];
    let _nginx = servers::nginx(node);
    let page =
        |port: u16, lines: &str| format!("connect_port {port}\nurl {{\n path /name\n {lines}\n}}");
    let rows = [
        row("SSL_GET", page(8443, "regex \"^name $\""), ""),
        row(
            "SSL_GET",
            format!(
                "enable_sni\nvirtualhost a.example\n{}",
                page(8443, "regex \"^name a.example$\"")
            ),
            "",
        ),
        row(
            "SSL_GET",
            format!(
                "sni_name b.example\nvirtualhost a.example\n{}",
                page(8443, "regex \"^name b.example$\"")
            ),
            "",
        ),
        row("SSL_GET", format!("tls_compliant\n{}", page(8443, "")), ""),
        // This one wants to see a certificate.
        row("SSL_GET", page(8444, ""), ""),
        row("SSL_GET", page(8080, ""), "the server does not speak TLS"),
        row(
            "SSL_GET",
            page(8079, ""),
            "cannot connect: Connection refused",
        ),
    ];
    check(node, &servers::client_certificate(node), &rows);
    // Without a certificate of ours the one that wants to see one says so in a page; a file that holds none is said, with its place.
    let bad = "SSL {\n certificate /run/none.pem\n}\n";
    node.write("/run/none.pem", "none");
    check(
        node,
        bad,
        &[row("SSL_GET", page(8444, ""), "status of the page is 400")],
    );
    assert!(
        node.log()
            .contains("Line 2, column 14) certificate cannot be shown to servers: /run/none.pem holds no certificate in PEM"),
        "{}",
        node.log()
    );
}

fn certificates() {
    let world = host();
    let node = &world.nodes[0];
    let _nginx = servers::nginx(node);
    let page =
        |port: u16, lines: &str| format!("connect_port {port}\n{lines}\nurl {{\n path /name\n}}");
    let protocol = |lines: &str, want: &str| {
        format!("connect_port 8445\n{lines}\nurl {{\n path /\n regex \"^alpn {want}\\.$\"\n}}")
    };
    let own = "certificate /run/pem/client.crt\nkey /run/pem/client.key\npassword geheim";
    let rows = [
        row("SSL_GET", page(8445, "verify_name a.example"), ""),
        row(
            "SSL_GET",
            page(8445, "enable_sni\nvirtualhost x.b.example"),
            "",
        ),
        // The address connected to.
        row("SSL_GET", page(8445, ""), ""),
        row(
            "SSL_GET",
            page(8445, "virtualhost b.example"),
            "the certificate is for a.example, *.b.example, 10.10.0.1, fd00::1, not for b.example",
        ),
        row(
            "SSL_GET",
            page(8446, ""),
            "the certificate expired at 2021-01-01T00:00:00Z",
        ),
        row("SSL_GET", page(8446, "verify off\nexpiry_warning 30"), ""),
        row(
            "SSL_GET",
            page(8443, ""),
            "the certificate is signed by nobody but itself, and is not in /run/pem/authority.crt",
        ),
        row("SSL_GET", page(8444, &format!("verify off\n{own}")), ""),
        row(
            "SSL_GET",
            page(8444, "verify off"),
            "status of the page is 400",
        ),
        row(
            "SSL_GET",
            protocol("alpn http/1.0 http/1.1\nalpn_required", "http/1.1"),
            "",
        ),
        row("SSL_GET", protocol("", ""), ""),
        row(
            "SSL_GET",
            page(8445, "alpn spdy/3"),
            "TLS: received fatal alert: NoApplicationProtocol",
        ),
    ];
    check(
        node,
        "SSL {\n verify\n ca /run/pem/authority.crt\n}\n",
        &rows,
    );
    let ended = "[10.12.0.6]:tcp:80: its certificate ended at 2021-01-01T00:00:00Z";
    let log = node.log();
    assert_eq!(log.matches(ended).count(), 1, "{log}");
    assert_eq!(log.matches("its certificate").count(), 1, "{log}");
    assert!(!log.contains("geheim"), "{log}");
}
