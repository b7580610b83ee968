//! The load balancer's blocks: `virtual_server_group`, `virtual_server`, `SSL` and `bfd_instance`. Here are what they share and the
//! order in which they are built; each has a file of its own. A virtual server is read whole (`virtual_server`, `real_server`,
//! `checker`, `web`, `script`) and then settled (`settle`): only then are all values known that its servers and checkers inherit.

mod bfd;
mod checker;
mod forwarding;
mod frame;
mod group;
mod overlay;
mod payload;
mod real_server;
mod request;
mod settle;
#[cfg(test)]
mod tests;
mod tls;
mod virtual_server;
mod web;

pub(super) use tls::Shared as SharedTls;

use super::Context;
use super::state::{Builder as Shared, Tracked};
use crate::config::diagnostic::quote;
use crate::config::keywords::Form;
use crate::config::model::{Lvs, Marking, Model, Protocol, Service, Timing};
use crate::config::read::{Item, parse_integer};
use crate::config::tree::Word;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::rc::Rc;

/// What was built so far, and what later blocks ask about earlier ones.
#[derive(Default)]
pub(super) struct Builder<'t> {
    lvs: Lvs,
    bfd: bfd::Sessions,
    groups: HashMap<&'t str, group::Known>,
    services: HashSet<(Service, Option<Protocol>)>,
    timings: HashSet<Rc<Timing>>,
}

impl<'t> Builder<'t> {
    /// Groups are marked as these settings say.
    pub(super) fn new(marking: Option<Marking>) -> Self {
        let lvs = Lvs {
            marking,
            ..Lvs::default()
        };
        Builder {
            lvs,
            ..Builder::default()
        }
    }

    /// Builds what services may rely on before it stands in the text: `SSL` and the groups.
    pub(super) fn early(&mut self, context: &mut Context<'_>, items: &[Item<'t>]) {
        for item in items
            .iter()
            .filter(|item| item.name() == "virtual_server_group")
        {
            context.inside(!item.keyword.acts, |context| self.group(context, item));
        }
        tls::read(context, items.iter().filter(|item| item.name() == "SSL"));
    }

    /// Builds a block; false when it is none of the load balancer's.
    pub(super) fn block(
        &mut self,
        shared: &mut Shared,
        context: &mut Context<'_>,
        item: &Item<'t>,
    ) -> bool {
        match item.name() {
            "virtual_server_group" | "SSL" => {}
            "virtual_server" => {
                shared.objects += 1;
                self.virtual_server(&shared.tracked, context, item);
            }
            "bfd_instance" => {
                shared.objects += 1;
                self.bfd.read(&mut shared.tracked, context, item);
            }
            _ => return false,
        }
        true
    }

    /// Puts what was built into the model.
    pub(super) fn finish(mut self, context: &mut Context<'_>, model: &mut Model) {
        self.lvs.tls = tls::finish(context);
        let before = std::mem::replace(&mut model.lvs, self.lvs);
        model.lvs.log_all_failures = before.log_all_failures;
        model.lvs.init_notifies = before.init_notifies;
        model.bfd = self.bfd.into_instances();
    }

    /// The same timing for all checkers that have it.
    fn share(&mut self, timing: Timing) -> Rc<Timing> {
        if let Some(known) = self.timings.get(&timing) {
            return known.clone();
        }
        let shared = Rc::new(timing);
        self.timings.insert(shared.clone());
        shared
    }
}

/// An address as a block's head may have it: what follows a `/` or a `-` does not count.
fn head_address(word: Word<'_>) -> Option<IpAddr> {
    let text = word.as_str()?;
    text.split(['/', '-']).next()?.parse().ok()
}

/// A port; 0 means none. `Err` when it is no port.
fn port(word: Option<Word<'_>>) -> Result<Option<u16>, ()> {
    word.map_or(Ok(None), |word| port_of(word.bytes()))
}

fn port_of(bytes: &[u8]) -> Result<Option<u16>, ()> {
    let number = parse_integer(bytes).map_err(drop)?;
    let port = u16::try_from(number).map_err(drop)?;
    Ok((port != 0).then_some(port))
}

/// `IP [PORT]` as it was written.
fn endpoint_text(item: &Item<'_>) -> String {
    let word = |index| {
        item.argument(index)
            .map_or(String::new(), |word| quote(word.bytes()))
    };
    if item.count() > 1 {
        format!("{}/{}", word(0), word(1))
    } else {
        word(0)
    }
}

/// What to write for `IP [PORT]`.
fn endpoint_help(item: &Item<'_>) -> String {
    let text = item
        .argument(0)
        .map_or(String::new(), |word| quote(word.bytes()));
    if let Some((address, port)) = text
        .rsplit_once(':')
        .filter(|(address, _)| address.parse::<std::net::Ipv4Addr>().is_ok())
    {
        return format!("write '{address} {port}': a blank goes between address and port");
    }
    "write an IPv4 or IPv6 address and perhaps a port number; names are not looked up here"
        .to_owned()
}

/// One of the words of the row; `message` says that it is none of them.
fn pick(
    context: &mut Context<'_>,
    item: &Item<'_>,
    message: impl FnOnce(&str) -> String,
) -> Option<&'static str> {
    let (known, any_case) = match item.keyword.form {
        Form::Choice(known) => (known, false),
        Form::AnyCase(known) => (known, true),
        _ => return None,
    };
    let word = item.required(context)?;
    if let Some(found) = known.iter().find(|known| known.as_bytes() == word.bytes()) {
        return Some(found);
    }
    let alike = known
        .iter()
        .find(|known| known.as_bytes().eq_ignore_ascii_case(word.bytes()));
    if let Some(found) = alike.filter(|_| any_case) {
        return Some(found);
    }
    let help = match alike {
        Some(alike) => format!("did you mean '{alike}'? Capitals count here"),
        None => format!("write one of {}", known.join(", ")),
    };
    context.fault(word.span(), message(&quote(word.bytes())), help);
    None
}
