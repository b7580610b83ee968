//! The checkers of a real server, as they stand, and what each makes of the times and addresses that it inherits.

mod kinds;

use super::group::note;
use super::overlay::{Defaults, Overlay};
use super::real_server::RealServerDraft;
use super::{Builder, Context, Tracked, payload, pick, web};
use crate::config::diagnostic::{Span, quote};
use crate::config::keywords::{Block, Form};
use crate::config::model::{
    Checker, Command, Connection, Dialogue, DnsProbe, Probe, ScriptProbe, Source, UdpProbe,
    WebProbe,
};
use crate::config::read::Item;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

/// `retry` and `delay_before_retry` of most checkers.
const USUAL: Defaults = Defaults {
    retry: 1,
    delay_before_retry: Some(Duration::from_secs(1)),
};
const DNS: Defaults = Defaults {
    retry: 3,
    delay_before_retry: None,
};
const WEB: Defaults = Defaults {
    retry: 1,
    delay_before_retry: Some(Duration::from_secs(3)),
};
const SCRIPT: Defaults = Defaults {
    retry: 0,
    delay_before_retry: Some(Duration::from_secs(1)),
};

/// A checker as it was written.
#[derive(Clone)]
pub(super) struct CheckerDraft<'t> {
    item: Item<'t>,
    pub times: Overlay,
    alpha: Option<bool>,
    log_all_failures: Option<bool>,
    target: Target,
    pub kind: Kind,
}

/// What a checker connects to, and from where, as far as it says so itself.
#[derive(Clone, Default)]
struct Target {
    address: Option<IpAddr>,
    port: Option<u16>,
    source: Option<Box<Source>>,
}

/// What a checker does.
#[derive(Clone)]
pub(super) enum Kind {
    Tcp,
    Ping,
    Smtp(Rc<str>),
    Udp(Box<UdpProbe>),
    Dns(Box<DnsProbe>),
    /// With the checker's own `virtualhost`.
    Web(Box<WebProbe>, Option<Rc<str>>),
    Script(Box<ScriptDraft>),
    File {
        track_file: Rc<str>,
        weight: (i32, bool),
    },
    Bfd(Rc<str>),
}

/// A script checker as it was written.
#[derive(Clone)]
pub(super) struct ScriptDraft {
    command: Command,
    timeout: Option<Duration>,
    dynamic: bool,
}

/// What a checker inherits.
pub(super) struct Heritage {
    /// The times of its real server, over those of its virtual server.
    pub times: Overlay,
    /// The virtual server's period of checks.
    pub service_period: Duration,
    pub alpha: bool,
    pub virtual_host: Option<Rc<str>>,
    pub address: IpAddr,
    pub port: Option<u16>,
}

/// Reads a checker into its real server.
pub(super) fn read<'t>(
    tracked: &Tracked,
    context: &mut Context<'_>,
    server: &mut RealServerDraft<'t>,
    item: &Item<'t>,
) {
    let Form::Block(block, _) = item.keyword.form else {
        return;
    };
    let Some(children) = item.open(context) else {
        return;
    };
    let mut draft = CheckerDraft::new(*item, Kind::Tcp);
    match block {
        Block::TcpCheck | Block::PingCheck => {
            if block == Block::PingCheck {
                draft.kind = Kind::Ping;
            }
            context.each_statement(block, children, |context, item| {
                draft.take(context, &item);
            });
        }
        Block::SmtpCheck => return kinds::smtp(context, server, draft, children),
        Block::UdpCheck => draft.kind = kinds::udp(context, &mut draft, children),
        Block::DnsCheck => draft.kind = kinds::dns(context, &mut draft, children),
        Block::HttpGet | Block::SslGet => {
            let Some(kind) = web::read(context, &mut draft, block, children) else {
                return;
            };
            draft.kind = kind;
        }
        Block::MiscCheck => {
            let Some(kind) = kinds::script(context, &mut draft, children) else {
                return;
            };
            draft.kind = kind;
        }
        Block::FileCheck => {
            let Some(kind) = kinds::file(tracked, context, item, children) else {
                return;
            };
            draft.kind = kind;
        }
        Block::BfdCheck => {
            let Some(kind) = kinds::bfd(tracked, context, server, &mut draft, children) else {
                return;
            };
            draft.kind = kind;
        }
        _ => return,
    }
    // Most servers have one checker, and there may be very many servers.
    server.checkers.reserve_exact(1);
    server.checkers.extend(draft.sound(context, server.address));
}

impl<'t> CheckerDraft<'t> {
    fn new(item: Item<'t>, kind: Kind) -> Self {
        let target = Target::default();
        CheckerDraft {
            item,
            times: Overlay::default(),
            alpha: None,
            log_all_failures: None,
            target,
            kind,
        }
    }

    /// The place of its keyword.
    pub(super) fn span(&self) -> Span {
        self.item.statement.keyword().span()
    }

    /// Takes up a statement that most checkers have; false when it is another one.
    pub(super) fn take(&mut self, context: &mut Context<'_>, item: &Item<'_>) -> bool {
        if self.times.take(context, item) {
            return true;
        }
        match item.name() {
            "alpha" => self.alpha = item.bool(context).or(self.alpha),
            "log_all_failures" => {
                self.log_all_failures = item.bool(context).or(self.log_all_failures)
            }
            "connect_ip" => self.target.address = address(context, item).or(self.target.address),
            "connect_port" => self.target.port = port(context, item).or(self.target.port),
            "bindto" => {
                let address = address(context, item);
                self.target.source().address = address;
            }
            "bind_port" => {
                let port = port(context, item);
                self.target.source().port = port;
            }
            "bind_if" => {
                let interface = item.interface(context).map(Box::from);
                self.target.source().interface = interface;
            }
            "fwmark" => {
                let mark = item.u32(context).unwrap_or(0);
                self.target.source().mark = mark;
            }
            _ => return false,
        }
        true
    }

    /// The checker when its addresses fit each other; else less of it, or None, which is said.
    fn sound(mut self, context: &mut Context<'_>, server: IpAddr) -> Option<Self> {
        if matches!(
            self.kind,
            Kind::Script(_) | Kind::File { .. } | Kind::Bfd(_)
        ) {
            return Some(self);
        }
        // Only for a message: finding a place costs, and there may be very many checkers.
        let keyword = self.item.statement.keyword();
        let target = self.target.address.unwrap_or(server);
        if let Some(source) = &mut self.target.source
            && let Some(address) = source
                .address
                .filter(|address| address.is_ipv6() != target.is_ipv6())
        {
            let message = format!(
                "bindto address {address} does not match address family of connect_ip - skipping"
            );
            let help = format!("it must be of the family of {target}; the bindto line is ignored");
            context.fault(keyword.span(), message, help);
            source.address = None;
        }
        let interface = self
            .target
            .source
            .as_ref()
            .is_some_and(|source| source.interface.is_some());
        if matches!(target, IpAddr::V6(target) if target.is_unicast_link_local()) && !interface {
            let message = format!("Checker link local address {target} requires a bind_if");
            context.fault(
                keyword.span(),
                message,
                "add bind_if IFNAME; the checker is ignored",
            );
            return None;
        }
        Some(self)
    }

    /// Nobody else names a port: says so if this one needs it and has none either.
    pub(super) fn miss_port(&self, context: &mut Context<'_>) {
        let needed = match self.kind {
            Kind::Tcp | Kind::Smtp(_) | Kind::Udp(_) | Kind::Dns(_) | Kind::Web(..) => true,
            Kind::Ping | Kind::Script(_) | Kind::File { .. } | Kind::Bfd(_) => false,
        };
        if needed && self.target.port.is_none() {
            let word = quote(self.item.statement.keyword().bytes());
            let message = format!("{word} has no port to connect to: it will always fail");
            let help = "add connect_port, as neither the server nor its service has a port";
            note(context, self.span(), message, help);
        }
    }

    /// The checker with everything that it inherits.
    pub(super) fn settle(self, builder: &mut Builder<'_>, heritage: &Heritage) -> Checker {
        let defaults = match self.kind {
            Kind::Dns(_) => DNS,
            Kind::Web(..) => WEB,
            Kind::Script(_) => SCRIPT,
            _ => USUAL,
        };
        let target = self.target;
        let connect = |dialogue| {
            let address = target.address.unwrap_or(heritage.address);
            let port = target.port.or(heritage.port);
            let source = target.source.filter(|source| **source != Source::default());
            Probe::Connect(
                Connection {
                    address,
                    port,
                    source,
                },
                dialogue,
            )
        };
        let probe = match self.kind {
            Kind::Tcp => connect(Dialogue::Tcp),
            Kind::Ping => connect(Dialogue::Ping),
            Kind::Smtp(helo) => connect(Dialogue::Smtp(helo)),
            Kind::Udp(probe) => connect(Dialogue::Udp(Rc::from(probe))),
            Kind::Dns(probe) => connect(Dialogue::Dns(Rc::from(probe))),
            Kind::Web(mut probe, host) => {
                let host = host.or_else(|| heritage.virtual_host.clone());
                for url in probe
                    .urls
                    .iter_mut()
                    .filter(|url| url.virtual_host.is_none())
                {
                    url.virtual_host.clone_from(&host);
                }
                connect(Dialogue::Web(Rc::from(probe)))
            }
            Kind::Script(draft) => Probe::Script(Box::new(ScriptProbe {
                command: draft.command,
                timeout: draft.timeout.unwrap_or(heritage.service_period),
                dynamic: draft.dynamic,
            })),
            Kind::File {
                track_file,
                weight: (weight, reverse),
            } => Probe::File {
                track_file,
                weight,
                reverse,
            },
            Kind::Bfd(name) => Probe::Bfd(name),
        };
        Checker {
            timing: builder.share(self.times.over(heritage.times).settle(defaults)),
            alpha: self.alpha.unwrap_or(heritage.alpha),
            log_all_failures: self.log_all_failures,
            probe,
        }
    }
}

impl Target {
    fn source(&mut self) -> &mut Source {
        self.source.get_or_insert_default()
    }
}

fn address(context: &mut Context<'_>, item: &Item<'_>) -> Option<IpAddr> {
    let word = item.required(context)?;
    let text = word.as_str().unwrap_or_default();
    let address = text.parse().ok();
    if address.is_none() {
        let message = format!(
            "Invalid {} address {} - ignoring",
            item.name(),
            quote(word.bytes())
        );
        let help = match text.parse::<SocketAddr>() {
            Ok(both) => format!("write {} alone; the port has a line of its own", both.ip()),
            Err(_) => "write an IPv4 or IPv6 address; names are not looked up here".to_owned(),
        };
        context.fault(word.span(), message, help);
    }
    address
}

fn port(context: &mut Context<'_>, item: &Item<'_>) -> Option<u16> {
    item.int(context).and_then(|port| u16::try_from(port).ok())
}
