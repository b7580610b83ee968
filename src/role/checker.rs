//! The checker process. In this version it only lives: it answers its watchdog and its parent, and says that it balances nothing.

use super::control::{Answer, Order};
use super::{Exit, RoleContext};
use crate::config::model::Model;
use crate::logging;
use crate::os::clock;
use crate::os::poll::{Loop, Want};
use crate::wheel::Wheel;
use log::{error, warn};
use std::io;

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Parent,
    Signals,
    Log,
}

/// Runs until told to stop.
pub fn run(context: RoleContext) -> Exit {
    match serve(context) {
        Ok(exit) => exit,
        Err(error) => {
            error!("The checker process cannot go on: {error}");
            Exit::Internal
        }
    }
}

fn serve(mut context: RoleContext) -> io::Result<Exit> {
    let mut events = Loop::new()?;
    events.add(&context.parent, Source::Parent, Want::Read)?;
    events.add(&context.signals, Source::Signals, Want::Read)?;
    let no_timers: Wheel<()> = Wheel::new(clock::now());
    let mut ready = Vec::new();
    say_what_is_missing(&context.model);
    context.parent.answer(Answer::Started);
    loop {
        logging::pump(&mut events, Source::Log);
        events.wait(&no_timers, &mut ready)?;
        let now = clock::now();
        for event in &ready {
            match event.token {
                Source::Log => logging::writable(&mut events),
                Source::Signals if context.terminated() => return Ok(Exit::Clean),
                Source::Signals => {}
                Source::Parent => {
                    while let Some(order) = context.parent.receive(now) {
                        match order {
                            Order::Stop => return Ok(Exit::Clean),
                            Order::Reload(length) => {
                                match context.handed_over(length) {
                                    Ok(model) => say_what_is_missing(&model),
                                    Err(error) => {
                                        error!("Cannot take the new configuration: {error}")
                                    }
                                }
                                context.parent.answer(Answer::Reloaded);
                            }
                            // There is nothing to tell; `AreYouAlive` is answered by `receive`.
                            Order::Data
                            | Order::Stats
                            | Order::StatsClear
                            | Order::Json
                            | Order::AreYouAlive => {}
                        }
                    }
                }
            }
        }
        context.parent.alive(now);
    }
}

fn say_what_is_missing(model: &Model) {
    let services = &model.lvs.virtual_servers;
    // With `--all` this process runs without any.
    if services.is_empty() {
        return;
    }
    let servers: usize = services
        .iter()
        .map(|service| service.real_servers.len())
        .sum();
    warn!(
        "{} virtual servers with {servers} real servers are read, but balancing is not implemented yet: nothing is checked or forwarded",
        services.len()
    );
}
