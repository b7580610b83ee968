//! The BFD process: sockets and the time in, the core of the sessions, packets and the session board out.

use super::control::{Answer, Order};
use super::{Exit, RoleContext};
use crate::logging;
use crate::os::clock;
use crate::os::poll::{Loop, Ready, Want};
use crate::wheel::Wheel;
use log::error;
use std::io;

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Parent,
    Signals,
    Log,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {}

struct Shell {
    context: RoleContext,
    events: Loop<Source>,
    wheel: Wheel<Key>,
    exit: Option<Exit>,
}

/// Runs until told to stop.
pub fn run(context: RoleContext) -> Exit {
    match Shell::new(context) {
        Ok(mut shell) => shell.run(),
        Err(error) => {
            error!("The BFD process cannot go on: {error}");
            Exit::Internal
        }
    }
}

impl Shell {
    fn new(context: RoleContext) -> io::Result<Self> {
        let mut events = Loop::new()?;
        events.add(&context.parent, Source::Parent, Want::Read)?;
        events.add(&context.signals, Source::Signals, Want::Read)?;
        Ok(Shell {
            context,
            events,
            wheel: Wheel::new(clock::now()),
            exit: None,
        })
    }

    fn run(&mut self) -> Exit {
        self.context.parent.answer(Answer::Started);
        let mut ready = Vec::new();
        loop {
            logging::pump(&mut self.events, Source::Log);
            if let Err(error) = self.events.wait(&self.wheel, &mut ready) {
                error!("Cannot wait for events: {error}");
                return Exit::Internal;
            }
            self.turn(&ready);
            if let Some(exit) = self.exit {
                logging::finish();
                return exit;
            }
        }
    }

    fn turn(&mut self, ready: &[Ready<Source>]) {
        for event in ready {
            match event.token {
                Source::Parent => self.obey(),
                Source::Signals => {
                    if self.context.terminated() {
                        self.exit = Some(Exit::Clean);
                    }
                }
                Source::Log => logging::writable(&mut self.events),
            }
        }
        self.context.parent.alive(clock::now());
    }

    fn obey(&mut self) {
        while let Some(order) = self.context.parent.receive(clock::now()) {
            match order {
                Order::Reload(length) => {
                    match self.context.handed_over(length) {
                        Ok(model) => self.context.model = model,
                        Err(error) => error!(
                            "The new configuration cannot be taken over, the old one stays: {error}"
                        ),
                    }
                    self.context.parent.answer(Answer::Reloaded);
                }
                Order::Stop | Order::Restart | Order::Leave => self.exit = Some(Exit::Clean),
                Order::Data
                | Order::Stats
                | Order::StatsClear
                | Order::Json
                | Order::AreYouAlive => {}
            }
        }
    }
}
