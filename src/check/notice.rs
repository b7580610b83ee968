//! What the checkers say: log lines (`Notice`), and what the world is told of a change (`Told`). The wording of both is here and nowhere
//! else; who hears it is the shell's business.

use super::dialogue::Failure;
use super::tls::certificate;
use crate::config::model::{Alerts, Command, Dialogue, Probe, RealServer, VirtualServer};
use crate::config::model::{EndpointName, SorryServer};
use crate::notify::fifo::Line;
use crate::notify::mail::Mail;
use crate::notify::programs::{Owner, Program};
use crate::time::Wall;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// A day in seconds.
const DAY: u64 = 24 * 60 * 60;

/// The name of a server as logs, mails and FIFOs have it.
pub fn server_name(config: &VirtualServer, server: &RealServer) -> Rc<str> {
    let name = EndpointName(server.address, config.protocol, server.port);
    name.to_string().into()
}

/// The name of a service's sorry server.
pub fn sorry_name(config: &VirtualServer, sorry: &SorryServer) -> Rc<str> {
    let name = EndpointName(sorry.address, config.protocol, sorry.port);
    name.to_string().into()
}

/// The name of a service.
pub fn service_name(config: &VirtualServer) -> Rc<str> {
    config.name().to_string().into()
}

/// What a kind of check is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The keyword, which is also the name in the log.
    pub keyword: &'static str,
    /// In mails: `=> NAME succeed on service <=`.
    pub mail: &'static str,
}

impl From<&Probe> for Kind {
    fn from(probe: &Probe) -> Self {
        let (keyword, mail) = match probe {
            Probe::Connect(_, Dialogue::Tcp) => ("TCP_CHECK", "TCP CHECK"),
            Probe::Connect(_, Dialogue::Ping) => ("PING_CHECK", "ICMP CHECK"),
            Probe::Connect(_, Dialogue::Smtp(_)) => ("SMTP_CHECK", "CHECK"),
            Probe::Connect(_, Dialogue::Udp(_)) => ("UDP_CHECK", "UDP CHECK"),
            Probe::Connect(_, Dialogue::Dns(_)) => ("DNS_CHECK", "DNS_CHECK:"),
            Probe::Connect(_, Dialogue::Web(web)) if web.tls.is_some() => ("SSL_CHECK", "CHECK"),
            Probe::Connect(_, Dialogue::Web(_)) => ("HTTP_CHECK", "CHECK"),
            Probe::Script(_) => ("MISC_CHECK", "MISC CHECK"),
            Probe::File { .. } => ("FILE_CHECK", "FILE CHECK"),
            Probe::Bfd(_) => ("BFD_CHECK", "BFD CHECK"),
        };
        Kind { keyword, mail }
    }
}

/// A server, and the service it is one of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The server.
    pub server: Rc<str>,
    /// Its service.
    pub service: Rc<str>,
}

impl Names {
    /// Of a server of a service.
    pub fn of(config: &VirtualServer, server: &RealServer) -> Self {
        Names {
            server: server_name(config, server),
            service: service_name(config),
        }
    }
}

/// A log line. `Display` words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Its checks begin.
    Activating(Names),
    /// Its checks pause: the address of its service is not on this host.
    Suspending(Names),
    /// A check passes.
    Passes(Kind, Names),
    /// A check fails, and did so this often more.
    Fails(Kind, Names, u32, Failure),
    /// A check failed, and that is borne yet: for the so-many-th time.
    Borne(Kind, Names, u32, Failure),
    /// The certificate of a server ends.
    Expires {
        /// What found it.
        kind: Kind,
        /// Whose it is.
        names: Names,
        /// When it ends.
        end: Wall,
        /// How long that is from now; zero when it is over.
        left: Duration,
    },
    /// A script passes: its path.
    ScriptPasses(Names, String),
    /// A script fails: its path, and how it ended after so many more tries.
    ScriptFails(Names, String, u32, Failure),
    /// The BFD session of this name that a check follows says something: it is up, or is not.
    Session(Names, Rc<str>, bool),
    /// It gets traffic. `bool`: it was there, with weight 0.
    Adding(Names, bool),
    /// It gets none any more. `bool`: it stays there, with weight 0.
    Removing(Names, bool),
    /// It is configured no more.
    Gone(Names),
    /// It weighs something else. `bool`: it is up.
    Weight(Names, u32, u32, bool),
    /// The service has what it needs: quorum, hysteresis, weight that is up.
    Gained(Rc<str>, u32, u32, u64),
    /// It lacks something.
    Lost(Rc<str>, u32, u32, u64),
    /// It lacks it from the start.
    StartsWithout(Rc<str>, u32, u32, u64),
    /// The sorry server steps in. `bool`: it was there, with weight 0.
    AddingSorry(Names, bool),
    /// It steps back. `bool`: it stays there, with weight 0.
    RemovingSorry(Names, bool),
    /// The servers that are up get traffic again.
    AddingAlive(Rc<str>),
    /// The servers that are up get none, as they are too few.
    RemovingAlive(Rc<str>),
}

impl Notice {
    /// Whether only those who want details want to hear it.
    pub fn is_detail(&self) -> bool {
        matches!(self, Notice::Activating(_) | Notice::Suspending(_))
    }

    /// Whether something went wrong.
    pub fn is_warning(&self) -> bool {
        matches!(
            self,
            Notice::Fails(..)
                | Notice::Expires { .. }
                | Notice::ScriptFails(..)
                | Notice::Session(.., false)
                | Notice::Lost(..)
                | Notice::StartsWithout(..)
        )
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Activating(names) => write!(f, "Activating healthchecker for service {names}"),
            Notice::Suspending(names) => write!(f, "Suspending healthchecker for service {names}"),
            Notice::Passes(kind, Names { server, .. }) => match kind.keyword {
                "TCP_CHECK" => write!(f, "TCP connection to {server} success."),
                "UDP_CHECK" => write!(f, "UDP connection to {server} success."),
                "PING_CHECK" => write!(f, "ICMP connection to {server} success."),
                "SMTP_CHECK" => write!(f, "Remote SMTP server {server} succeed on service."),
                "HTTP_CHECK" | "SSL_CHECK" => {
                    write!(f, "Remote Web server {server} succeed on service.")
                }
                other => write!(f, "{other} on service {server} success."),
            },
            Notice::Fails(kind, Names { server, .. }, retries, why) => {
                write!(f, "{} on service {server} failed", kind.keyword)?;
                after_retries(f, *retries)?;
                write!(f, ". ({why})")
            }
            Notice::Borne(kind, Names { server, .. }, count, why) => write!(
                f,
                "{} on service {server} failed, try {count}. ({why})",
                kind.keyword
            ),
            Notice::Expires {
                kind,
                names: Names { server, .. },
                end,
                left,
            } => {
                let (kind, end) = (kind.keyword, certificate::shown(*end));
                write!(f, "{kind} on service {server}: its certificate ")?;
                match (left.is_zero(), left.as_secs() / DAY) {
                    (true, _) => write!(f, "ended at {end}"),
                    (_, 0) => write!(f, "ends at {end}, in less than a day"),
                    (_, 1) => write!(f, "ends at {end}, in 1 day"),
                    (_, days) => write!(f, "ends at {end}, in {days} days"),
                }
            }
            Notice::ScriptPasses(names, path) => {
                write!(f, "{} succeeded.", Misc(names, path))
            }
            Notice::ScriptFails(names, path, _, Failure::NoAnswer) => {
                write!(f, "{} timed out.", Misc(names, path))
            }
            Notice::ScriptFails(names, path, retries, why) => {
                write!(f, "{} failed", Misc(names, path))?;
                after_retries(f, *retries)?;
                write!(f, " ({why}).")
            }
            Notice::Session(Names { server, .. }, session, up) => {
                write!(f, "BFD check of [{session}] RS({server}) is {}", word(*up))
            }
            Notice::Adding(Names { server, service }, false) => {
                write!(f, "Adding service {server} to VS {service}")
            }
            Notice::Adding(Names { server, service }, true) => {
                write!(f, "Enabling service {server} of VS {service}")
            }
            Notice::Removing(Names { server, service }, false) => {
                write!(f, "Removing service {server} from VS {service}")
            }
            Notice::Removing(Names { server, service }, true) => {
                write!(f, "Disabling service {server} of VS {service}")
            }
            Notice::Gone(Names { server, .. }) => write!(f, "service {server} no longer exist"),
            Notice::Weight(Names { server, service }, from, to, up) => {
                let state = if *up { "active" } else { "inactive" };
                write!(
                    f,
                    "Changing weight from {from} to {to} for {state} service {server} of VS {service}"
                )
            }
            Notice::Gained(service, quorum, hysteresis, weight) => {
                write!(
                    f,
                    "{} for VS {service}",
                    gained(*quorum, *hysteresis, *weight)
                )
            }
            Notice::Lost(service, quorum, hysteresis, weight) => {
                write!(
                    f,
                    "{} for VS {service}",
                    lost(*quorum, *hysteresis, *weight)
                )
            }
            Notice::StartsWithout(service, quorum, hysteresis, weight) => {
                let without = starts_without(*quorum, *hysteresis, *weight);
                write!(f, "{without} for VS {service}")
            }
            Notice::AddingSorry(Names { server, service }, inhibited) => {
                let verb = if *inhibited { "Enabling" } else { "Adding" };
                write!(f, "{verb} sorry server {server} to VS {service}")
            }
            Notice::RemovingSorry(Names { server, service }, inhibited) => {
                let verb = if *inhibited { "Disabling" } else { "Removing" };
                write!(f, "{verb} sorry server {server} from VS {service}")
            }
            Notice::AddingAlive(service) => {
                write!(f, "Adding alive servers to the pool for VS {service}")
            }
            Notice::RemovingAlive(service) => {
                write!(f, "Removing alive servers from the pool for VS {service}")
            }
        }
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for VS {}", self.server, self.service)
    }
}

struct Misc<'n>(&'n Names, &'n str);

impl fmt::Display for Misc<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Misc(Names { server, service }, path) = self;
        write!(f, "Misc check for [{server} VS {service}] by [{path}]")
    }
}

fn after_retries(f: &mut fmt::Formatter<'_>, retries: u32) -> fmt::Result {
    match retries {
        0 => Ok(()),
        retries => write!(f, " after {retries} retries"),
    }
}

fn gained(quorum: u32, hysteresis: u32, weight: u64) -> String {
    let needed = u64::from(quorum) + u64::from(hysteresis);
    format!("Gained quorum {quorum}+{hysteresis}={needed} <= {weight}")
}

fn lost(quorum: u32, hysteresis: u32, weight: u64) -> String {
    let needed = quorum.saturating_sub(hysteresis);
    format!("Lost quorum {quorum}-{hysteresis}={needed} > {weight}")
}

fn starts_without(quorum: u32, hysteresis: u32, weight: u64) -> String {
    let needed = u64::from(quorum) + u64::from(hysteresis);
    format!("Starting with quorum down {quorum}+{hysteresis}={needed} > {weight}")
}

/// Why a server or a service changed, as mails have it between `=>` and `<=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// A check passes.
    Passes(Kind),
    /// A check fails.
    Fails(Kind, Failure),
    /// The BFD session of this name is up, or why it is not.
    Session(Rc<str>, Result<(), Failure>),
    /// A real server was taken out of the configuration.
    Removing,
    /// The daemon stops, or the service is configured no more.
    ShuttingDown,
    /// A configuration without the check that failed.
    Unchecked,
    /// The daemon that ran before has found it up.
    Restarted,
    /// Quorum, hysteresis, weight that is up.
    Gained(u32, u32, u64),
    /// The same.
    Lost(u32, u32, u64),
    /// The same.
    StartsWithout(u32, u32, u64),
}

impl Why {
    pub(super) fn passes(probe: &Probe) -> Self {
        match probe {
            Probe::Bfd(session) => Why::Session(session.clone(), Ok(())),
            probe => Why::Passes(probe.into()),
        }
    }

    pub(super) fn fails(probe: &Probe, why: Failure) -> Self {
        match probe {
            Probe::Bfd(session) => Why::Session(session.clone(), Err(why)),
            probe => Why::Fails(probe.into(), why),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Passes(kind) => write!(f, "{} succeed on service", kind.mail),
            Why::Fails(kind, why) => write!(f, "{} failed on service : {why}", kind.mail),
            Why::Session(session, Ok(())) => {
                write!(f, "BFD {session} CHECK succeed on service")
            }
            Why::Session(session, Err(why)) => {
                write!(f, "BFD {session} CHECK failed on service : {why}")
            }
            Why::Removing => f.write_str("Removing"),
            Why::ShuttingDown => f.write_str("Shutting down"),
            Why::Unchecked => f.write_str("Removing the check that failed"),
            Why::Restarted => f.write_str("It was up before the daemon was restarted"),
            Why::Gained(quorum, hysteresis, weight) => {
                f.write_str(&gained(*quorum, *hysteresis, *weight))
            }
            Why::Lost(quorum, hysteresis, weight) => {
                f.write_str(&lost(*quorum, *hysteresis, *weight))
            }
            Why::StartsWithout(quorum, hysteresis, weight) => {
                f.write_str(&starts_without(*quorum, *hysteresis, *weight))
            }
        }
    }
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A service, by its quorum.
    Service(Rc<str>),
    /// A server.
    Server(Names),
}

fn word(up: bool) -> &'static str {
    if up { "UP" } else { "DOWN" }
}

/// A change that the world is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What changed.
    pub subject: Subject,
    /// Whether it is up now.
    pub up: bool,
    /// Why, for mails; None = nobody is mailed about it.
    pub why: Option<Why>,
    /// The program to be run.
    pub command: Option<Command>,
    /// `smtp_alert`; None = the daemon-wide setting.
    pub alert: Option<bool>,
}

impl Told {
    /// As FIFOs hear of it.
    pub fn line(&self) -> Line {
        let owner = match &self.subject {
            Subject::Service(service) => format!("VS {service}"),
            Subject::Server(Names { server, service }) => format!("RS {server} {service}"),
        };
        Line {
            text: format!("{owner} {}\n", word(self.up)).into(),
            state_of: Some(owner.into()),
        }
    }

    /// What is mailed of it, where that is wanted.
    pub fn mail(&self, alerts: Alerts) -> Option<Mail> {
        let (owner, usual) = match &self.subject {
            Subject::Service(service) => (
                format!("Virtualserver {service}"),
                alerts.of_virtual_servers(),
            ),
            Subject::Server(Names { server, service }) => (
                format!("Realserver {server} of virtual server {service}"),
                alerts.of_real_servers(),
            ),
        };
        let why = self.why.as_ref()?;
        let wanted = self.alert.unwrap_or(usual);
        wanted.then(|| Mail::new(owner, word(self.up), why))
    }

    /// What is to be run, for so long at most.
    pub fn program(&self, limit: Option<Duration>) -> Option<Program> {
        let command = self.command.clone()?;
        let owner = match &self.subject {
            Subject::Service(service) => Owner {
                kind: "VS",
                name: service.clone(),
            },
            Subject::Server(Names { server, service }) => Owner {
                kind: "RS",
                name: format!("{server} of VS {service}").into(),
            },
        };
        Some(Program {
            owner,
            what: word(self.up),
            is_state: true,
            command,
            limit,
        })
    }
}
