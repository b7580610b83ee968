//! `lb_kind`, `lvs_method` and `sorry_server_lvs_method`: how packets reach a server.

use super::Context;
use crate::config::diagnostic::quote;
use crate::config::model::{Encapsulation, Forwarding, TunnelChecksum};
use crate::config::read::Item;
use crate::config::tree::Word;

const HELP: &str = "write NAT, DR, or TUN [type ipip|gue|gre] [port PORT] [nocsum|csum|remcsum]; the line has no effect";

/// The kinds of tunnel, before it is known whether their options fit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ipip,
    Gue,
    Gre,
}

/// Reads the method; `whose` server it is of is part of the messages.
pub(super) fn read(context: &mut Context<'_>, item: &Item<'_>, whose: &str) -> Option<Forwarding> {
    let method = item.required(context)?;
    let mut options = item.statement.arguments().skip(1);
    match method.bytes() {
        b"TUN" => return tunnel(context, item, options, whose),
        b"NAT" | b"DR" => {}
        _ => {
            let shown = quote(method.bytes());
            let message = format!("PARSER : unknown [{shown}] routing method for {whose} server.");
            let capitals = method.bytes().to_ascii_uppercase();
            let help = match capitals.as_slice() {
                b"NAT" | b"DR" | b"TUN" => format!("write it in capitals: {}", quote(&capitals)),
                _ => HELP.to_owned(),
            };
            context.fault(method.span(), message, help);
            return None;
        }
    }
    if let Some(stray) = options.next() {
        return refuse(
            context,
            stray,
            format!(
                "Invalid tunnel option {} for {whose} server.",
                quote(stray.bytes())
            ),
        );
    }
    Some(if method == "NAT" {
        Forwarding::Nat
    } else {
        Forwarding::DirectRouting
    })
}

fn refuse(context: &mut Context<'_>, word: Word<'_>, message: String) -> Option<Forwarding> {
    context.fault(word.span(), message, HELP);
    None
}

fn tunnel<'t>(
    context: &mut Context<'_>,
    item: &Item<'t>,
    mut options: impl Iterator<Item = Word<'t>>,
    whose: &str,
) -> Option<Forwarding> {
    let (mut kind, mut port, mut checksum) = (Kind::Ipip, None, TunnelChecksum::None);
    while let Some(option) = options.next() {
        match option.bytes() {
            b"type" => {
                let Some(word) = options.next() else {
                    return refuse(
                        context,
                        option,
                        format!("Missing tunnel type for {whose} server."),
                    );
                };
                kind = match word.bytes() {
                    b"ipip" => Kind::Ipip,
                    b"gue" => Kind::Gue,
                    b"gre" => Kind::Gre,
                    other => {
                        let message =
                            format!("Unknown tunnel type {} for {whose} server.", quote(other));
                        return refuse(context, word, message);
                    }
                };
            }
            b"port" => {
                let Some(word) = options.next() else {
                    return refuse(
                        context,
                        option,
                        format!("Missing port for {whose} server gue tunnel."),
                    );
                };
                port = super::port(Some(word)).ok().flatten();
                if port.is_none() {
                    let message = format!(
                        "Invalid gue tunnel port {} for {whose} server.",
                        quote(word.bytes())
                    );
                    return refuse(context, word, message);
                }
            }
            b"nocsum" => checksum = TunnelChecksum::None,
            b"csum" => checksum = TunnelChecksum::Full,
            b"remcsum" => checksum = TunnelChecksum::Remote,
            other => {
                let message = format!("Invalid tunnel option {} for {whose} server.", quote(other));
                return refuse(context, option, message);
            }
        }
    }
    let encapsulation = match (kind, port) {
        (Kind::Gue, Some(port)) => Encapsulation::Gue(port),
        (Kind::Ipip, None) => Encapsulation::Ipip,
        (Kind::Gre, None) => Encapsulation::Gre,
        _ => {
            let message = "gue tunnels require port, otherwise cannot have port.".to_owned();
            return refuse(context, item.statement.keyword(), message);
        }
    };
    let unfit = match (kind, checksum) {
        (Kind::Ipip, TunnelChecksum::Full | TunnelChecksum::Remote) => {
            Some("ipip tunnels do not support checksum option.")
        }
        (Kind::Gre, TunnelChecksum::Remote) => {
            Some("gre tunnels do not support remote checksum option.")
        }
        _ => None,
    };
    if let Some(message) = unfit {
        return refuse(context, item.statement.keyword(), message.to_owned());
    }
    Some(Forwarding::Tunnel(encapsulation, checksum))
}
