//! Keywords of the web checkers `HTTP_GET` and `SSL_GET` and of their `url` blocks: what both have, and what TLS adds. One row a keyword,
//! in the order of the manual; mod.rs says what the columns mean and finds a row. The rows are data: what they do is in `config::build`.

use super::form::prelude::*;
use super::shared::{pace, target};
use super::{EXPIRY_DAYS, Keyword, OURS, joined, k};

/// What every checker has that connects.
const TARGET: [Keyword; 7] = target([
    "1.2.13", "<=0.7.6", "1.1.2", "1.2.13", "1.3.7", "<=0.7.6", "1.2.13",
]);

/// What every checker has.
const PACE: [Keyword; 6] = pace(
    ["1.3.7", "<=0.7.6", "1.2.13", "1.3.7", "1.3.7", "2.0.11"],
    "real server, else 1",
    "real server, else 3",
);

/// What both web checkers have besides.
#[rustfmt::skip]
const WEB: [Keyword; 7] = [
    k("nb_get_retry", "<INT 0..4294967295>", Int(0, U32, Lenient), "see retry", "<=0.7.6", 2,
      "Old name of retry inside this checker").deprecated(Counted).see("deprecated, use retry").acts(),
    k("virtualhost", "<STRING>", Word, "real, then virtual server, else IP:port", "1.3.6", 2,
      "Host header").missing(Warns).repeated(ReplacesLoudly).acts(),
    k("http_protocol", "<1.0 or 1.0C or 1.0c or 1.1>", Choice(&["1.0", "1.0C", "1.0c", "1.1"]), "1.0", "2.0.17", 2,
      "Request version; 1.0C adds Connection: close").missing(Warns).acts(),
    k("enable_sni", "[<BOOL>]", Bool, "off", "1.4.3", 2,
      "Send SNI, name taken from virtualhost").acts(),
    k("sni_name", "[<STRING>]", OptionalWord, "virtualhost", "post-2.4.3", 3,
      "SNI name; also turns enable_sni on").repeated(ReplacesLoudly).acts(),
    k("fast_recovery", "[<BOOL>]", Bool, "off", "2.0.17", 3,
      "Check all urls back to back at start and after failure").acts(),
    k("header", "<NAME> <VALUE>", Escaped, "none", OURS, 2,
      "Header of every request; a url's own of that name counts instead").missing(Warns).repeated(Appends).acts(),
];

/// `virtual_server.real_server.HTTP_GET`.
#[rustfmt::skip]
pub(super) static HTTP_GET: &[Keyword] = &joined::<21>(&[
    &TARGET,
    &PACE,
    &WEB,
    &[
        k("url", "{ block }", Block(HttpUrl, Nothing), "-", "<=0.7.6", 1,
          "One page to fetch, at least one").repeated(Appends).acts(),
    ],
]);

/// `virtual_server.real_server.SSL_GET`.
#[rustfmt::skip]
pub(super) static SSL_GET: &[Keyword] = &joined::<31>(&[
    &TARGET,
    &PACE,
    &WEB,
    &[
        k("tls_compliant", "[<BOOL>]", Bool, "off", "2.2.8", 3,
          "Send close_notify for all urls").acts(),
        k("verify", "[<BOOL>]", Bool, "that of SSL", OURS, 2,
          "Demand a certificate by a known authority, for the right name, in its time").acts(),
        k("verify_name", "<HOST or IP>", Word, "sni_name, else virtualhost, else address", OURS, 3,
          "Name the certificate must have").missing(Warns).repeated(ReplacesLoudly).acts(),
        k("ca", "<PATH>", Word, "that of SSL, else the system's", OURS, 2,
          "Certificates of the authorities that verify trusts").missing(Warns).repeated(ReplacesLoudly).acts(),
        k("certificate", "<PATH>", Word, "that of SSL", OURS, 2,
          "Client certificate").missing(Warns).repeated(ReplacesLoudly).acts(),
        k("key", "<PATH>", Word, "in the file of certificate", OURS, 2,
          "Client key").missing(Warns).repeated(ReplacesLoudly).acts(),
        k("password", "<STRING>", Word, "none", OURS, 3,
          "Passphrase of the key").missing(Warns).repeated(ReplacesLoudly).acts(),
        k("expiry_warning", "<INT 0..3650 days>", Int(0, EXPIRY_DAYS, Strict), "that of SSL", OURS, 2,
          "Name a certificate in the log that ends within so many days; 0 = off").acts(),
        k("alpn", "<PROTOCOL> ...", Words, "none", OURS, 3,
          "Protocols offered to the server, the best first").repeated(ReplacesLoudly).acts(),
        k("alpn_required", "[<BOOL>]", Bool, "off", OURS, 3,
          "Fail when the server chooses none of them").acts(),
        k("url", "{ block }", Block(SslUrl, Nothing), "-", "<=0.7.6", 1,
          "One page to fetch, at least one").repeated(Appends).acts(),
    ],
]);

/// `virtual_server.real_server.HTTP_GET.url`.
#[rustfmt::skip]
pub(super) static HTTP_URL: &[Keyword] = &[
    k("path", "<STRING>", Word, "none, required", "<=0.7.6", 1,
      "Request path").repeated(ReplacesLoudly).acts(),
    k("digest", "<32 hex digits>", Custom(Digest), "none", "<=0.7.6", 1,
      "Expected MD5 of the body (genhash)").repeated(KeepsFirst).acts(),
    k("status_code", "<INT 100..599 or INT-INT> ...", Custom(StatusCodes), "200-299", "<=0.7.6", 1,
      "Accepted HTTP status codes; lines add up").repeated(Appends).acts(),
    k("virtualhost", "<STRING>", Word, "checker virtualhost", "1.3.6", 2,
      "Host header for this url").missing(Warns).repeated(ReplacesLoudly).acts(),
    k("regex", "<QUOTED-STRING with escapes>", Escaped, "none", "2.0.7", 2,
      "PCRE2 pattern the body must match; build REGEX").missing(Warns).repeated(ReplacesLoudly).acts(),
    k("regex_no_match", "-", Flag, "off", "2.0.7", 3,
      "Fail when the pattern matches").acts(),
    k("regex_options", "<OPTION> ...", Words, "none", "2.0.7", 3,
      "PCRE2 option names such as caseless, dotall, multiline, utf").repeated(Appends).acts(),
    k("regex_min_offset", "<INT>", Int(0, U32, Lenient), "0", "2.0.7", 3,
      "First body offset where a match may start").missing(Warns).acts(),
    k("regex_max_offset", "<INT>", Int(0, U32, Lenient), "none", "2.0.7", 3,
      "Last body offset where a match may start").missing(Warns).acts(),
    k("method", "<GET, HEAD, POST, PUT or OPTIONS>", Choice(&["GET", "HEAD", "POST", "PUT", "OPTIONS"]), "GET, or POST with body", OURS, 2,
      "What is asked for").missing(Warns).acts(),
    k("header", "<NAME> <VALUE>", Escaped, "none", OURS, 2,
      "Header of this request; instead of the checker's of that name").missing(Warns).repeated(Appends).acts(),
    k("body", "<QUOTED-STRING with escapes>", Escaped, "none", OURS, 2,
      "What is sent with POST or PUT").missing(Warns).repeated(ReplacesLoudly).acts(),
    k("regex_stack", "<INT start> <INT max>", Custom(TwoInts), "none", "2.0.7", 3,
      "PCRE2 JIT stack bytes, shared maximum over all urls").missing(Warns).acts(),
];

/// `virtual_server.real_server.SSL_GET.url`.
#[rustfmt::skip]
pub(super) static SSL_URL: &[Keyword] = &joined::<14>(&[
    HTTP_URL,
    &[
        k("tls_compliant", "[<BOOL>]", Bool, "checker setting", "2.2.8", 3,
          "Send close_notify for this url").acts(),
    ],
]);
