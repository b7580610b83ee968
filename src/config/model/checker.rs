//! What checks a real server: one type a kind of check, with every inherited value filled in.

use super::{Command, WebProbe};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// One check of a real server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checker {
    /// When and how often; checkers with the same timing share it.
    pub timing: Rc<Timing>,
    /// `alpha`: the server is down until this check has succeeded once.
    pub alpha: bool,
    /// `log_all_failures`; None = `Lvs::log_all_failures`.
    pub log_all_failures: Option<bool>,
    /// What is done.
    pub probe: Probe,
}

/// The times of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timing {
    /// `delay_loop`: from one check to the next.
    pub delay_loop: Duration,
    /// `warmup`: the first check comes at random within this time.
    pub warmup: Duration,
    /// `retry`: how many more failures are borne.
    pub retry: u32,
    /// `delay_before_retry`: from a failure to the next try.
    pub delay_before_retry: Duration,
    /// `connect_timeout`: for the connection, and for each answer.
    pub connect_timeout: Duration,
}

/// What a check does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Probe {
    /// Talks to a server.
    Connect(Connection, Dialogue),
    /// `MISC_CHECK`: runs a program.
    Script(Box<ScriptProbe>),
    /// `FILE_CHECK`: follows a number in a file.
    File {
        /// `track_file`, by name.
        track_file: Rc<str>,
        /// `weight`, else that of the file: the number in the file times this is added to the server's; 0 = any but 0 fails.
        weight: i32,
        /// `weight ... reverse`: it is taken off; with weight 0, 0 fails.
        reverse: bool,
    },
    /// `BFD_CHECK`: follows a session, by the name of its `bfd_instance`. Like a file, it is told, not asked: each change of the session
    /// is a verdict.
    Bfd(Rc<str>),
}

impl Probe {
    /// Whether both look at the same in the same way. Which settings of TLS they share with others does not count: those are taken up
    /// by checks that go on, and their numbers say nothing.
    pub fn is_like(&self, other: &Probe) -> bool {
        let (
            Probe::Connect(from, Dialogue::Web(web)),
            Probe::Connect(other_from, Dialogue::Web(other_web)),
        ) = (self, other)
        else {
            return self == other;
        };
        if web == other_web {
            return from == other_from;
        }
        let [ours, theirs] = [web, other_web].map(|web| {
            let mut web = WebProbe::clone(web);
            if let Some(tls) = &mut web.tls {
                tls.profile = 0;
            }
            web
        });
        from == other_from && ours == theirs
    }
}

/// Where a check connects to, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// `connect_ip`, else the real server's.
    pub address: IpAddr,
    /// `connect_port`, else the real server's; None = the service has none either.
    pub port: Option<u16>,
    /// What was said about this end, if anything.
    pub source: Option<Box<Source>>,
}

/// This end of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// `bindto`, of the family of the address connected to.
    pub address: Option<IpAddr>,
    /// `bind_port`.
    pub port: Option<u16>,
    /// `bind_if`.
    pub interface: Option<Box<str>>,
    /// `fwmark` on what is sent; 0 = none.
    pub mark: u32,
}

/// What is said over a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Dialogue {
    /// `TCP_CHECK`: nothing; that it is accepted is enough.
    Tcp,
    /// `PING_CHECK`: ICMP echo.
    Ping,
    /// `SMTP_CHECK`: a greeting, with this HELO name.
    Smtp(Rc<str>),
    /// `UDP_CHECK`.
    Udp(Rc<UdpProbe>),
    /// `DNS_CHECK`.
    Dns(Rc<DnsProbe>),
    /// `HTTP_GET` and `SSL_GET`.
    Web(Rc<WebProbe>),
}

/// `MISC_CHECK`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptProbe {
    /// `misc_path` and `user`.
    pub command: Command,
    /// `misc_timeout`; the virtual server's `delay_loop` when not given.
    pub timeout: Duration,
    /// `misc_dynamic`: exit statuses 2..=255 set the weight.
    pub dynamic: bool,
}

impl ScriptProbe {
    /// The program, as logs name it.
    pub fn shown(&self) -> String {
        let program = self.command.arguments.first();
        program.map_or_else(String::new, |program| {
            String::from_utf8_lossy(program).into_owned()
        })
    }
}

/// `UDP_CHECK`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UdpProbe {
    /// `payload`; None = random bytes.
    pub payload: Option<Box<[u8]>>,
    /// `require_reply`.
    pub reply: Reply,
    /// `min_reply_length`.
    pub least_reply: u16,
    /// `max_reply_length`.
    pub most_reply: u16,
}

/// What must come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Nothing: no ICMP error is enough.
    NotNeeded,
    /// Anything.
    Any,
    /// These bytes.
    Matching(Box<[PatternByte]>),
}

/// A byte of which some digits may be anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatternByte {
    /// The value; zero where the mask is.
    pub value: u8,
    /// The bits that count.
    pub mask: u8,
}

/// `DNS_CHECK`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsProbe {
    /// `type`, by its name in capitals.
    pub record: Box<str>,
    /// `name`, without a final dot; empty = the root.
    pub name: Box<str>,
}
