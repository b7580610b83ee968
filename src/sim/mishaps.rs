//! What can befall a node of the simulated world: power, freezes, a process that dies, interfaces, another configuration.

use super::network::{Network, NodeId, SegmentId};
use super::node::{Input, Running, link_local, sources};
use super::tracked::SILENT;
use super::watch::Violation;
use crate::config::model::Vrrp;
use crate::vrrp::{Actions, Event, Instance, Router, State};
use crate::wheel::Wheel;

impl Network {
    /// Switches a node on.
    ///
    /// # Errors
    /// The first invariant that did not hold, as in all that follow.
    pub fn start(&mut self, id: NodeId) -> Result<(), Violation> {
        let now = self.now;
        let node = &mut self.nodes[id];
        if node.running != Running::Off {
            return Ok(());
        }
        node.router = Router::new(&node.config, false);
        node.wheel = Wheel::new(now);
        node.running = Running::Yes;
        node.told = SILENT;
        node.watch.forget();
        self.begin(id)
    }

    /// Switches a node off at once: no farewell, and what it held is gone with it.
    pub fn crash(&mut self, id: NodeId) {
        let node = &mut self.nodes[id];
        node.running = Running::Off;
        node.inbox.clear();
        node.holds.clear();
        node.records.clear();
    }

    /// The VRRP process of a node dies and another takes its place, told what the last one recorded; the addresses stay.
    pub fn replace_process(&mut self, id: NodeId) -> Result<(), Violation> {
        let now = self.now;
        let node = &mut self.nodes[id];
        if node.running != Running::Yes {
            return Ok(());
        }
        let mut router = Router::new(&node.config, false);
        for (instance, record) in &node.records {
            router.resume(*instance, *record);
        }
        node.router = router;
        node.wheel = Wheel::new(now);
        node.told = SILENT;
        node.watch.excuse();
        // What the new process does not want is removed from the host.
        node.holds.clear();
        self.begin(id)
    }

    /// Stops a node properly: it says farewell.
    pub fn stop(&mut self, id: NodeId) -> Result<(), Violation> {
        if self.nodes[id].running != Running::Yes {
            return Ok(());
        }
        self.handle(id, Event::Stop)?;
        self.crash(id);
        Ok(())
    }

    /// Freezes a node.
    pub fn pause(&mut self, id: NodeId) {
        if self.nodes[id].running == Running::Yes {
            self.nodes[id].running = Running::Paused;
            self.nodes[id].paused_at = self.now;
        }
    }

    /// Lets a frozen node go on: it reads what waited for it, then looks at its timers.
    pub fn unpause(&mut self, id: NodeId) -> Result<(), Violation> {
        if self.nodes[id].running != Running::Paused {
            return Ok(());
        }
        let node = &mut self.nodes[id];
        node.running = Running::Yes;
        node.watch.excuse();
        let slept = self.now.since(node.paused_at);
        for instance in node.router.instances() {
            node.watch.woke(self.now, slept, instance);
        }
        while let Some(input) = self.nodes[id].inbox.pop_front() {
            self.take(id, &input)?;
        }
        self.expire(id)
    }

    /// Changes an interface of a node: carrier, and whether it has its address.
    pub fn set_interface(
        &mut self,
        id: NodeId,
        segment: SegmentId,
        up: bool,
        has_address: bool,
    ) -> Result<(), Violation> {
        let node = &mut self.nodes[id];
        let plug = &mut node.plugs[segment];
        plug.interface.up = up;
        plug.interface.primary_v4 = has_address.then_some(plug.address);
        plug.interface.link_local = has_address.then_some(link_local(plug.address));
        plug.interface.sources = if has_address {
            sources(plug.address)
        } else {
            Vec::new()
        };
        let interface = plug.interface.clone();
        if node.running == Running::Off {
            return Ok(());
        }
        self.arrive(id, Input::Interface(interface))
    }

    /// Gives a node another configuration, unless it is frozen. One that is the same must change nothing at all.
    pub fn reload(&mut self, id: NodeId, config: Vrrp) -> Result<(), Violation> {
        let node = &mut self.nodes[id];
        if node.running == Running::Paused {
            return Ok(());
        }
        let same = node.config == config;
        let undisturbed = without_peers(&node.config) == without_peers(&config);
        let before: Vec<State> = node.router.instances().map(Instance::state).collect();
        node.config = config.clone();
        if node.running != Running::Yes {
            return Ok(());
        }
        if same {
            let mut actions = Actions::new();
            node.router.handle(
                self.now,
                Event::Reload {
                    vrrp: &config,
                    log_unknown_vrids: false,
                },
                &mut actions,
            );
            return if actions.is_empty() {
                Ok(())
            } else {
                Err(Violation {
                    what: format!("a reload of the same file did {actions:?}"),
                    at: self.now,
                })
            };
        }
        node.watch.excuse();
        self.handle(
            id,
            Event::Reload {
                vrrp: &config,
                log_unknown_vrids: false,
            },
        )?;
        let after = self.nodes[id].router.instances().map(Instance::state);
        if undisturbed && !after.eq(before.iter().copied()) {
            return Err(Violation {
                what: "a reload of other peers changed a state".to_owned(),
                at: self.now,
            });
        }
        Ok(())
    }
}

/// A configuration as if nobody were to be sent to.
fn without_peers(config: &Vrrp) -> Vrrp {
    let mut config = config.clone();
    for instance in &mut config.instances {
        if let Some(unicast) = &mut instance.transport.unicast {
            unicast.peers.clear();
        }
    }
    config
}
