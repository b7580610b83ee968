//! `genhash`: the digest of a page, for `digest` in the configuration. Here are its command line and what it prints; the connection is
//! `role::genhash`'s. Options, output and statuses are the original's, as scripts know them.

mod page;
mod print;

pub use page::{Page, dialogue};
pub use print::{failed, report};

use crate::config::diagnostic::quote;
use crate::config::model::{HttpVersion, is_one_word};
use lexopt::{Arg, Parser};
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long a connection, and each answer, may take when nothing is said.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where the page is.
    pub server: SocketAddr,
    /// Its path.
    pub path: String,
    /// `-S`.
    pub tls: bool,
    /// `-I`: tell the server the virtual host's name.
    pub server_name: bool,
    /// `-V`; None = address and port.
    pub virtual_host: Option<String>,
    /// `-P`.
    pub version: HttpVersion,
    /// `-t`.
    pub timeout: Duration,
    /// `-m`; 0 = none.
    pub mark: u32,
    /// `-v`.
    pub verbose: bool,
}

/// Reads the arguments; `Err` is what to say before the help, None for nothing.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, Option<String>> {
    let mut parser = Parser::from_args(arguments);
    let (mut server, mut port, mut path) = (None, None, None);
    let mut request = Request {
        server: SocketAddr::from(([0; 4], 0)),
        path: String::new(),
        tls: false,
        server_name: false,
        virtual_host: None,
        version: HttpVersion::default(),
        timeout: TIMEOUT,
        mark: 0,
        verbose: false,
    };
    while let Some(argument) = parser.next().map_err(|error| Some(error.to_string()))? {
        match argument {
            Arg::Short('S') | Arg::Long("use-ssl") => request.tls = true,
            Arg::Short('I') | Arg::Long("use-sni") => request.server_name = true,
            Arg::Short('v') | Arg::Long("verbose") => request.verbose = true,
            Arg::Short('s') | Arg::Long("server") => {
                let is = "the server must be an IP address, not";
                server = Some(value::<IpAddr>(&mut parser, is)?);
            }
            Arg::Short('p') | Arg::Long("port") => {
                let is = "a port is a number from 1 to 65535, not";
                port = Some(value::<std::num::NonZeroU16>(&mut parser, is)?.get());
            }
            Arg::Short('u') | Arg::Long("url") => path = Some(word(&mut parser)?),
            Arg::Short('V') | Arg::Long("use-virtualhost") => {
                request.virtual_host = Some(word(&mut parser)?);
            }
            Arg::Short('t') | Arg::Long("timeout") => {
                let is = "a timeout is a number of seconds, not";
                request.timeout = Duration::from_secs(value::<u32>(&mut parser, is)?.into());
            }
            Arg::Short('m') | Arg::Long("fwmark") => {
                request.mark = value(&mut parser, "a mark is a number, not")?;
            }
            Arg::Short('P') | Arg::Long("protocol") => request.version = version(&mut parser)?,
            Arg::Short('h') | Arg::Long("help") => return Err(None),
            Arg::Short(_) | Arg::Long(_) => {
                return Err(Some(argument.unexpected().to_string()));
            }
            Arg::Value(stray) => {
                return Err(Some(format!(
                    "unexpected argument '{}'",
                    stray.to_string_lossy()
                )));
            }
        }
    }
    let (Some(address), Some(port), Some(path)) = (server, port, path) else {
        return Err(Some("server, port and url are all needed".to_owned()));
    };
    request.server = SocketAddr::new(address, port);
    request.path = path;
    Ok(request)
}

fn text(parser: &mut Parser) -> Result<String, Option<String>> {
    let value = parser.value().map_err(|error| Some(error.to_string()))?;
    Ok(value.to_string_lossy().into_owned())
}

/// What goes into a request as it is.
fn word(parser: &mut Parser) -> Result<String, Option<String>> {
    let text = text(parser)?;
    match is_one_word(&text) {
        true => Ok(text),
        false => {
            let shown = quote(text.as_bytes());
            Err(Some(format!(
                "a request has no room for '{shown}': write %20 for a blank"
            )))
        }
    }
}

fn value<T: std::str::FromStr>(parser: &mut Parser, is: &str) -> Result<T, Option<String>> {
    let text = text(parser)?;
    text.parse().map_err(|_| Some(format!("{is} '{text}'")))
}

fn version(parser: &mut Parser) -> Result<HttpVersion, Option<String>> {
    match &*text(parser)? {
        "1.0" => Ok(HttpVersion::V1_0),
        "1.0c" | "1.0C" => Ok(HttpVersion::V1_0Close),
        "1.1" => Ok(HttpVersion::V1_1),
        other => Err(Some(format!(
            "a protocol is 1.0, 1.0c or 1.1, not '{other}'"
        ))),
    }
}

/// The help.
pub fn help() -> &'static str {
    "\
Usage: genhash -s ADDRESS -p PORT -u PATH [OPTION]...
Prints the MD5 digest of a web page, as digest in keepalived.conf wants it.

  -s, --server=ADDRESS        IPv4 or IPv6 address of the server
  -p, --port=PORT             its port
  -u, --url=PATH              the page
  -S, --use-ssl               connect with TLS
  -I, --use-sni               tell the server the virtual host's name in TLS
  -V, --use-virtualhost=HOST  Host header (the address and port)
  -P, --protocol=VERSION      1.0, 1.0c (with Connection: close) or 1.1 (1.0)
  -t, --timeout=SECONDS       for the connection and for each answer (5)
  -m, --fwmark=MARK           firewall mark of what is sent
  -v, --verbose               print headers and page, too
  -h, --help                  print this
"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Request, Option<String>> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn options() {
        let least = read("-s 10.0.0.1 -p 80 -u /").expect("a request");
        assert_eq!(least.server, SocketAddr::from(([10, 0, 0, 1], 80)));
        assert_eq!((&*least.path, least.timeout, least.mark), ("/", TIMEOUT, 0));
        assert!(!least.tls && !least.server_name && !least.verbose);
        assert_eq!(
            (least.virtual_host, least.version),
            (None, HttpVersion::V1_0)
        );
        let all = "-SIv -s::1 -p443 --url=/a?b --use-virtualhost h -P 1.0c -t 9 -m 4294967295";
        let all = read(all).expect("a request");
        assert_eq!(all.server, "[::1]:443".parse().expect("an address"));
        assert!(all.tls && all.server_name && all.verbose);
        assert_eq!(
            (&*all.path, all.virtual_host.as_deref()),
            ("/a?b", Some("h"))
        );
        assert_eq!((all.timeout, all.mark), (Duration::from_secs(9), u32::MAX));
        assert_eq!(all.version, HttpVersion::V1_0Close);
        let long = "--use-ssl --use-sni --verbose --server ::1 --port 443 --url /a?b --use-virtualhost h --protocol 1.0c --timeout 9 \
                    --fwmark 4294967295";
        assert_eq!(read(long), Ok(all));
        assert_eq!(
            read("-s ::1 -p 1 -u / -P 1.1").expect("a request").version,
            HttpVersion::V1_1
        );
    }

    #[test]
    fn what_cannot_be_asked() {
        let rows = [
            ("", "are all needed"),
            ("-s 10.0.0.1 -p 80", "are all needed"),
            ("-s 10.0.0.1 -u /", "are all needed"),
            ("-s host -p 80 -u /", "must be an IP address, not 'host'"),
            ("-s 10.0.0.1 -p 0 -u /", "from 1 to 65535, not '0'"),
            ("-s 10.0.0.1 -p 80x -u /", "from 1 to 65535, not '80x'"),
            ("-s 10.0.0.1 -p 80 -u / -P 2", "not '2'"),
            ("-s 10.0.0.1 -p 80 -u / -t x", "not 'x'"),
            ("-s 10.0.0.1 -p 80 -u / -m x", "not 'x'"),
            ("-s 10.0.0.1 -p 80 -u / more", "unexpected argument 'more'"),
            ("-s 10.0.0.1 -p 80 -u", "-u"),
            ("-s 10.0.0.1 -p 80 --url=", "no room for ''"),
            ("-s 10.0.0.1 -p 80 -u /\u{1}", "write %20 for a blank"),
            ("-s 10.0.0.1 -p 80 -u / -V a\u{7f}b", "no room for 'a"),
            ("-x", "-x"),
        ];
        for (line, want) in rows {
            let error = read(line).expect_err(line).expect("a message");
            assert!(error.contains(want), "{line}: {error}");
        }
        assert_eq!(read("-h"), Err(None));
        assert_eq!(read("--help -x"), Err(None));
    }

    #[test]
    fn the_help_names_every_option() {
        for option in [
            "-s, --server",
            "-p, --port",
            "-u, --url",
            "-S, --use-ssl",
            "-I, --use-sni",
            "-V, --use-virtualhost",
            "-P, --protocol",
            "-t, --timeout",
            "-m, --fwmark",
            "-v, --verbose",
            "-h, --help",
        ] {
            assert!(help().contains(option), "{option}");
        }
        assert!(help().lines().all(|line| line.len() <= 80));
    }
}
