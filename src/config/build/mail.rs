//! The mail settings of `global_defs`.

use super::global::set;
use super::{Context, lines};
use crate::config::diagnostic::{Class, Span, quote};
use crate::config::model::{Mail, MailServer, Mailbox};
use crate::config::read::Item;
use std::net::IpAddr;
use std::time::Duration;

/// The port of mail servers (RFC 5321 section 4.5.4.2).
const SMTP_PORT: &str = "25";

/// Reads a statement; false when it is another one.
pub(super) fn statement(mail: &mut Mail, context: &mut Context<'_>, item: &Item<'_>) -> bool {
    match item.name() {
        "smtp_server" => mail.server = server(context, item),
        "smtp_helo_name" => {
            if item.count() > 0
                && let Some(name) = word(context, item)
            {
                mail.helo = name;
            }
        }
        "smtp_connect_timeout" => set(&mut mail.connect_timeout, timeout(context, item)),
        "notification_email_from" => {
            let from = item
                .required(context)
                .map(|word| (word.text().into_owned(), word.span()));
            set(&mut mail.from, from.and_then(|from| mailbox(context, from)));
        }
        "notification_email" => recipients(mail, context, item),
        "smtp_alert" => mail.alerts.all = item.bool(context).or(mail.alerts.all),
        "smtp_alert_vrrp" => mail.alerts.vrrp = item.bool(context).or(mail.alerts.vrrp),
        "smtp_alert_checker" => mail.alerts.checker = item.bool(context).or(mail.alerts.checker),
        "no_email_faults" => mail.no_faults = true,
        // As it is anyway: a server is mailed about when it goes up or down, not for each of its checks.
        "no_checker_emails" => item.check(context),
        _ => return false,
    }
    true
}

/// What was not said, once all was read.
pub(super) fn finish(mail: &mut Mail, context: &mut Context<'_>) {
    if mail.outlet().is_none() {
        return;
    }
    if mail.helo.is_empty() {
        mail.helo = context.world.host_name();
    }
    if mail.from.address.is_empty() {
        let own = format!(
            "{}@{}",
            context.world.user_name(),
            context.world.host_name()
        );
        mail.from = Mailbox::parse(&own).unwrap_or_else(|| Mailbox {
            address: "keepalived@localhost".to_owned(),
            ..Mailbox::default()
        });
    }
}

fn server(context: &mut Context<'_>, item: &Item<'_>) -> Option<MailServer> {
    let host = item.required(context)?;
    let port = item
        .argument(1)
        .map_or(SMTP_PORT.into(), |word| word.text());
    let number = port.parse::<u16>().ok().filter(|port| *port != 0);
    let name = host
        .as_str()
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_graphic()));
    let message = format!("Invalid smtp server {} {port}", quote(host.bytes()));
    let (Some(port), Some(name)) = (number, name) else {
        let help =
            "write an address or a host name, and perhaps a port from 1 to 65535; mail is not sent";
        context.fault(item.argument_span(0), message, help);
        return None;
    };
    if name.parse::<IpAddr>().is_err() && !context.world.resolves(name) {
        let help = "write an address, or a name that resolves; it is looked up again whenever there is mail";
        context.fault(item.argument_span(0), message, help);
    }
    Some(MailServer {
        host: name.to_owned(),
        port,
    })
}

/// A word of printable ASCII: part of a command to the server.
fn word(context: &mut Context<'_>, item: &Item<'_>) -> Option<String> {
    let word = item.required(context)?;
    let text = word
        .as_str()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
    if text.is_none() {
        let message = format!("{} '{}' is no host name", item.name(), quote(word.bytes()));
        let help = "write the name by which the mail server knows this host; the line is ignored";
        context
            .diagnostics
            .advise(Class::Warning, word.span(), message, help);
    }
    text.map(str::to_owned)
}

fn timeout(context: &mut Context<'_>, item: &Item<'_>) -> Option<Duration> {
    const LEAST: Duration = Duration::from_secs(1);
    let timeout = item.whole_seconds(context)?;
    if timeout < LEAST {
        let help = "1 second is used";
        let message = "smtp_connect_timeout must be at least 1 second";
        context
            .diagnostics
            .advise(Class::Warning, item.argument_span(0), message, help);
    }
    Some(timeout.max(LEAST))
}

fn recipients(mail: &mut Mail, context: &mut Context<'_>, item: &Item<'_>) {
    let Some(block) = item.open(context) else {
        return;
    };
    let names = lines::names(context, block);
    if names.is_empty() {
        let help = "write the addresses inside the braces, one a line";
        let message = "Warning - empty notification_email block";
        context
            .diagnostics
            .advise(Class::Warning, item.span(), message, help);
    }
    for name in names {
        mail.recipients.extend(mailbox(context, name));
    }
}

fn mailbox(context: &mut Context<'_>, (text, span): (String, Span)) -> Option<Mailbox> {
    let mailbox = Mailbox::parse(&text);
    if mailbox.is_none() {
        let message = format!("'{}' is no mail address", quote(text.as_bytes()));
        let help = "write user@host, or \"Name <user@host>\" in quotes; no mail goes there";
        context
            .diagnostics
            .advise(Class::Warning, span, message, help);
    }
    mailbox
}
