//! What each kind of checker reads beside the statements that all have.

use super::super::request;
use super::{CheckerDraft, Context, Kind, RealServerDraft, ScriptDraft, Tracked, payload, pick};
use crate::config::diagnostic::quote;
use crate::config::keywords::Block;
use crate::config::model::{DnsProbe, Reply, UdpProbe};
use crate::config::read::Item;
use crate::config::tree::Statements;
use std::rc::Rc;

/// The HELO name of `SMTP_CHECK` when none is given.
const HELO: &str = "smtpchecker.keepalived.org";
/// `type` of `DNS_CHECK` when none is given.
const RECORD: &str = "SOA";
/// `max_reply_length` of `UDP_CHECK` when none is given.
const MOST_REPLY: u16 = 255;

pub(super) fn smtp<'t>(
    context: &mut Context<'_>,
    server: &mut RealServerDraft<'t>,
    mut draft: CheckerDraft<'t>,
    children: Statements<'t>,
) {
    let (mut helo, mut hosts) = (Rc::from(HELO), Vec::new());
    context.each_statement(Block::SmtpCheck, children, |context, item| {
        match item.name() {
            "helo_name" => {
                helo = request::host(context, &item).unwrap_or_else(|| Rc::clone(&helo));
            }
            "host" => {
                let Some(children) = item.open(context) else {
                    return;
                };
                let mut host = CheckerDraft::new(item, Kind::Tcp);
                context.each_statement(Block::SmtpHost, children, |context, item| {
                    host.take(context, &item);
                });
                hosts.push(host);
            }
            _ => {
                draft.take(context, &item);
            }
        }
    });
    draft.kind = Kind::Smtp(Rc::clone(&helo));
    if hosts.is_empty() {
        server.checkers.extend(draft.sound(context, server.address));
        return;
    }
    for mut host in hosts {
        host.times = host.times.over(draft.times);
        host.alpha = host.alpha.or(draft.alpha);
        host.log_all_failures = host.log_all_failures.or(draft.log_all_failures);
        host.kind = Kind::Smtp(Rc::clone(&helo));
        server.checkers.extend(host.sound(context, server.address));
    }
}

pub(super) fn udp<'t>(
    context: &mut Context<'_>,
    draft: &mut CheckerDraft<'t>,
    children: Statements<'t>,
) -> Kind {
    let mut probe = UdpProbe {
        payload: None,
        reply: Reply::NotNeeded,
        least_reply: 0,
        most_reply: MOST_REPLY,
    };
    let length = |context: &mut Context<'_>, item: &Item<'_>, before: u16| {
        item.int(context)
            .and_then(|length| u16::try_from(length).ok())
            .unwrap_or(before)
    };
    context.each_statement(Block::UdpCheck, children, |context, item| {
        match item.name() {
            "payload" => probe.payload = payload::payload(context, &item).or(probe.payload.take()),
            "require_reply" => {
                let pattern = payload::reply(context, &item).filter(|pattern| !pattern.is_empty());
                probe.reply = pattern.map_or(Reply::Any, Reply::Matching);
            }
            "min_reply_length" => probe.least_reply = length(context, &item, probe.least_reply),
            "max_reply_length" => probe.most_reply = length(context, &item, probe.most_reply),
            _ => {
                draft.take(context, &item);
            }
        }
    });
    let (least, most) = (probe.least_reply, probe.most_reply);
    if least > most {
        let message = format!(
            "UDP_CHECK min_reply length {least} > max_reply_length {most} - will always fail"
        );
        context.fault(draft.span(), message, "swap the two lengths");
    }
    Kind::Udp(Box::new(probe))
}

pub(super) fn dns<'t>(
    context: &mut Context<'_>,
    draft: &mut CheckerDraft<'t>,
    children: Statements<'t>,
) -> Kind {
    let mut probe = DnsProbe {
        record: RECORD.into(),
        name: Box::default(),
    };
    context.each_statement(Block::DnsCheck, children, |context, item| {
        match item.name() {
            "type" => {
                let picked = pick(context, &item, |word| {
                    format!("Unknown DNS check type {word} - ignoring")
                });
                if let Some(record) = picked {
                    probe.record = record.into();
                }
            }
            "name" => {
                probe.name =
                    payload::domain(context, &item).unwrap_or(std::mem::take(&mut probe.name))
            }
            _ => {
                draft.take(context, &item);
            }
        }
    });
    Kind::Dns(Box::new(probe))
}

pub(super) fn script<'t>(
    context: &mut Context<'_>,
    draft: &mut CheckerDraft<'t>,
    children: Statements<'t>,
) -> Option<Kind> {
    let (mut path, mut user, mut timeout, mut dynamic) = (None, None, None, false);
    context.each_statement(Block::MiscCheck, children, |context, item| {
        match item.name() {
            "misc_path" => path = Some((item, item.command(context))),
            "misc_timeout" => {
                timeout = item
                    .whole_seconds(context)
                    .filter(|timeout| !timeout.is_zero())
            }
            "misc_dynamic" => dynamic = true,
            "user" if item.argument(0).is_some() => user = Some(item.user(context)),
            "user" => drop(item.required(context)),
            _ => {
                draft.take(context, &item);
            }
        }
    });
    let Some((item, command)) = path else {
        let message = "No script path has been specified for MISC_CHECKER - skipping";
        context.fault(draft.span(), message, "add misc_path \"PROGRAM ARGUMENTS\"");
        return None;
    };
    let (arguments, _) = command?;
    let account = match user {
        Some(account) => account?,
        None => context.default_account(item.span())?,
    };
    let command = context.vouch(item.make_script(arguments, account))?;
    Some(Kind::Script(Box::new(ScriptDraft {
        command,
        timeout,
        dynamic,
    })))
}

pub(super) fn file<'t>(
    tracked: &Tracked,
    context: &mut Context<'_>,
    checker: &Item<'t>,
    children: Statements<'t>,
) -> Option<Kind> {
    let (mut track_file, mut weight) = (None, None);
    context.each_statement(Block::FileCheck, children, |context, item| {
        match item.name() {
            "track_file" => {
                let Some(name) = item.text(context) else {
                    return;
                };
                if tracked.files.contains_key(name) {
                    track_file = Some(Rc::from(name));
                } else {
                    let message = format!("track_file {} not found", quote(name.as_bytes()));
                    context.fault(
                        item.argument_span(0),
                        message,
                        "define track_file above the virtual server",
                    );
                }
            }
            "weight" => weight = item.weight(context).or(weight),
            _ => {}
        }
    });
    let Some(track_file) = track_file else {
        let message = "FILE_CHECK has no track_file specified - ignoring";
        context.fault(
            checker.statement.keyword().span(),
            message,
            "add track_file NAME; the checker is ignored",
        );
        return None;
    };
    let own = tracked.files.get(&*track_file).copied();
    let weight = weight.or(own).unwrap_or_default();
    Some(Kind::File { track_file, weight })
}

pub(super) fn bfd<'t>(
    tracked: &Tracked,
    context: &mut Context<'_>,
    server: &RealServerDraft<'t>,
    draft: &mut CheckerDraft<'t>,
    children: Statements<'t>,
) -> Option<Kind> {
    let (mut session, mut named) = (None, false);
    let address = server.address;
    context.each_statement(Block::BfdCheck, children, |context, item| match item.name() {
        "name" => {
            let Some(name) = item.text(context) else { return };
            named = true;
            let shown = quote(name.as_bytes());
            let watched = |checker: &CheckerDraft<'_>| matches!(&checker.kind, Kind::Bfd(other) if **other == *name);
            if !tracked.checked_bfds.contains(name) {
                let message = format!("([{address}]) BFD_CHECK - BFD {shown} not configured");
                context.fault(item.argument_span(0), message, "define bfd_instance above the virtual server, with checker if it has vrrp; the checker is ignored");
                session = None;
            } else if server.checkers.iter().any(watched) {
                let message = format!("([{address}]) BFD_CHECK - RS already monitoring {shown}");
                context.fault(item.argument_span(0), message, "one BFD_CHECK for each session is enough; this one is ignored");
            } else {
                session = Some(Rc::from(name));
            }
        }
        "alpha" => draft.alpha = item.bool(context).or(draft.alpha),
        _ => {}
    });
    if session.is_none() && !named {
        let message =
            format!("([{address}]) No name has been specified for BFD_CHECKER - skipping");
        context.fault(draft.span(), message, "add name BFD_INSTANCE");
    }
    session.map(Kind::Bfd)
}
