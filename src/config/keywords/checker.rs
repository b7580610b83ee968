//! Keywords of the checkers, but for the web ones (http.rs). One row a keyword, in the order of the manual; mod.rs says what the
//! columns mean and finds a row. The rows are data: what they do is in `config::build`.

use super::form::prelude::*;
use super::shared::{pace, target};
use super::{Keyword, joined, k};

/// `virtual_server.real_server.MISC_CHECK`.
#[rustfmt::skip]
pub(super) static MISC_CHECK: &[Keyword] = &joined::<10>(&[
    &pace(["1.3.7", "1.3.7", "1.2.13", "1.3.7", "1.3.7", "2.0.11"], "real server, else 0", "real server, else 1"),
    &[
        k("misc_path", "<SCRIPT> (two pass quoting)", Script, "none, required", "<=0.7.6", 1,
          "Command to run").acts(),
        k("misc_timeout", "<INT 0..4294 seconds>", Int(0, 4294, Lenient), "0 = delay_loop", "1.1.0", 1,
          "Run time limit").acts(),
        k("misc_dynamic", "-", Flag, "off", "1.1.8", 1,
          "Exit status 2..255 sets weight to status minus 2").acts(),
        k("user", "<USER> [[:]<GROUP>]", User, "script_user", "1.3.0", 1,
          "User the script runs as").missing(Warns).acts(),
    ],
]);

/// `virtual_server.real_server.SMTP_CHECK`.
#[rustfmt::skip]
pub(super) static SMTP_CHECK: &[Keyword] = &joined::<15>(&[
    &target(["1.2.17", "1.2.17", "1.2.17", "1.2.17", "1.3.7", "1.1.8", "1.2.17"]),
    &pace(["1.1.8", "1.1.8", "1.2.13", "1.3.7", "1.3.7", "2.0.11"], "real server, else 1", "real server, else 1"),
    &[
        k("helo_name", "<STRING>", Word, "smtpchecker.keepalived.org", "1.1.8", 1,
          "HELO name").missing(Warns).repeated(ReplacesLoudly).acts(),
        k("host", "{ block }", Block(SmtpHost, Nothing), "-", "1.1.8", 3,
          "Extra targets, each becomes a checker").repeated(Appends).deprecated(Said).see("deprecated, use more SMTP_CHECKs").acts(),
    ],
]);

/// `virtual_server.real_server.SMTP_CHECK.host`.
#[rustfmt::skip]
pub(super) static SMTP_HOST: &[Keyword] = &joined::<13>(&[
    &target(["1.1.8", "1.1.8", "1.1.8", "1.2.13", "1.3.7", "1.2.13", "1.2.13"]),
    &pace(["1.3.7", "1.3.7", "1.3.7", "1.3.7", "1.3.7", "2.0.11"], "real server, else 1", "real server, else 1"),
]);

/// `virtual_server.real_server.TCP_CHECK`.
#[rustfmt::skip]
pub(super) static TCP_CHECK: &[Keyword] = &joined::<13>(&[
    &target(["1.2.13", "<=0.7.6", "1.1.2", "1.2.13", "1.3.7", "<=0.7.6", "1.2.13"]),
    &pace(["1.2.20", "1.2.20", "1.2.13", "1.3.7", "1.3.7", "2.0.11"], "real server, else 1", "real server, else 1"),
]);

/// `virtual_server.real_server.PING_CHECK`.
#[rustfmt::skip]
pub(super) static PING_CHECK: &[Keyword] = &joined::<13>(&[
    &target(["2.1.0"; 7]),
    &pace(["2.1.0"; 6], "real server, else 1", "real server, else 1"),
]);

/// `virtual_server.real_server.UDP_CHECK`.
#[rustfmt::skip]
pub(super) static UDP_CHECK: &[Keyword] = &joined::<17>(&[
    &target(["2.1.0"; 7]),
    &pace(["2.1.0"; 6], "real server, else 1", "real server, else 1"),
    &[
        k("payload", "<HEX digits, spaces allowed>", Custom(Hex), "random data", "2.2.0", 2,
          "Data to send").missing(Warns).acts(),
        k("require_reply", "[<HEX with X wildcards>]", Custom(HexPattern), "off", "2.1.0", 2,
          "Demand a reply and optionally compare it").acts(),
        k("min_reply_length", "<INT 0..65535>", Int(0, 65535, Strict), "0", "2.2.0", 3,
          "Shortest accepted reply").acts(),
        k("max_reply_length", "<INT 0..65535>", Int(0, 65535, Strict), "255", "2.2.0", 3,
          "Longest accepted reply").acts(),
    ],
]);

/// `virtual_server.real_server.DNS_CHECK`.
#[rustfmt::skip]
pub(super) static DNS_CHECK: &[Keyword] = &joined::<15>(&[
    &target(["1.3.0", "1.3.0", "1.3.0", "1.3.0", "1.3.7", "1.3.0", "1.3.0"]),
    &pace(["1.3.0", "1.3.7", "1.3.7", "1.3.7", "1.3.7", "2.0.11"], "real server, else 3", "real server, else delay_loop"),
    &[
        k("type", "<A,NS,CNAME,SOA,MX,TXT,AAAA,RRSIG,DNSKEY> any case", AnyCase(&["A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY"]), "SOA", "1.3.0", 1,
          "Query type; last two not in man page").acts(),
        k("name", "<DOMAIN>", Word, "root (.)", "1.3.0", 1,
          "Query name").repeated(KeepsFirst).acts(),
    ],
]);

/// `virtual_server.real_server.FILE_CHECK`.
#[rustfmt::skip]
pub(super) static FILE_CHECK: &[Keyword] = &[
    k("track_file", "<NAME>", Word, "none, required", "2.1.0", 3,
      "track_file to use; must already be defined above").acts(),
    k("weight", "<INT -2147483647..2147483647> [reverse or noreverse]", Weight(-I32, I32), "track_file weight", "2.1.0", 3,
      "Multiplier; the man page option \"dynamic\" does not exist in code").missing(Warns).acts(),
];

/// `virtual_server.real_server.BFD_CHECK`.
#[rustfmt::skip]
pub(super) static BFD_CHECK: &[Keyword] = &[
    k("name", "<BFD_INSTANCE>", Word, "none, required", "2.0.0", 2,
      "Session to follow; must already be defined above").missing(Warns).acts(),
    k("alpha", "[<BOOL>]", Bool, "real server", "2.0.0", 3,
      "Start as down").acts(),
];
