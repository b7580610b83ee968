//! The reconciler of firewall marks: which packets are to be marked, what our nftables table holds, and the batches that make the second
//! like the first. A table is always made as a whole, in one batch, which the kernel carries out as one. But for the elements of sets with
//! ranges: they are found a moment after the rules. So while one table takes the place of another, a third one marks what the new one will
//! (the bridge): no packet goes by unmarked while a reload changes anything, or while a process takes over from a dead one.
//!
//! Our own table is never read: nobody else has a say in it, so what the kernel accepted is what stands there until it reports that a part
//! was removed.

use super::backoff::Backoff;
use super::filter::Family;
use super::mark::{MarkNotice, MarkTable};
use super::nft::{self, Message, Received};
use crate::time::Instant;
use std::mem;
use std::rc::Rc;
use std::time::Duration;

/// A table that was refused is offered again after this long; nobody loads a kernel module within a second.
const REFUSED_DELAY: Duration = Duration::from_secs(10);

/// What a batch does.
#[derive(Debug)]
enum Change {
    /// The table is made (None: removed).
    Table(Option<Rc<MarkTable>>),
    /// One that marks meanwhile is made.
    Bridge(MarkTable),
    /// It goes.
    Unbridge,
    /// What another process may have left goes.
    Leftovers,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Marks {
    wanted: Option<Rc<MarkTable>>,
    /// The same with what was made before: until IPVS has the services that are wanted, nothing loses its mark.
    meanwhile: Option<Rc<MarkTable>>,
    made: Option<Rc<MarkTable>>,
    /// Marks while another table takes the place of ours.
    bridge: Option<MarkTable>,
    /// A table of this name may be there, in families that ours is not in.
    leftovers: Option<String>,
    in_flight: Option<(u32, Change)>,
    /// A part of what was made is gone.
    damaged: bool,
    /// It is not taken; told.
    refused: bool,
    backoff: Backoff,
    sequence: u32,
    notices: Vec<MarkNotice>,
}

impl Marks {
    /// A table of this name may be there already, left by a process before this one.
    pub fn expect_leftovers(&mut self, table: &str) {
        self.leftovers = Some(table.to_owned());
    }

    /// How the table shall look from now on; None = there shall be none.
    pub fn want(&mut self, table: Option<MarkTable>) {
        if self.wanted.as_deref() == table.as_ref() {
            return;
        }
        self.wanted = table.map(Rc::new);
        self.meanwhile = match (&self.wanted, &self.made) {
            (Some(wanted), Some(made)) => match wanted.with(made) {
                // Known by its place it is not compared again and again.
                both if both == **made => Some(made.clone()),
                both => Some(Rc::new(both)),
            },
            (wanted, made) => wanted.as_ref().or(made.as_ref()).cloned(),
        };
        // Another table is another question.
        self.refused = false;
        self.backoff = Backoff::default();
        let contest = self.wanted.as_ref().and_then(|it| it.maps().contest);
        self.notices.extend(contest.map(MarkNotice::Contested));
    }

    /// The table stays as it is for whoever comes next.
    pub fn leave(&mut self) {
        *self = Marks::default();
    }

    /// The batch to send now, with its number. Nothing comes back while the answer to the last one is outstanding.
    /// `services_settled` says that IPVS has the services that are wanted, and no others.
    pub fn batch(&mut self, now: Instant, services_settled: bool) -> Option<(u32, Vec<u8>)> {
        if self.in_flight.is_some() || now < self.backoff.not_before {
            return None;
        }
        let target = self.target(services_settled).clone();
        let is_due = self.damaged || self.made != target;
        let may_stand = self.made.is_some() || self.leftovers.is_some();
        let (commands, change) = if let Some(table) = &target
            && (is_due && may_stand && self.bridge.is_none())
        {
            let bridge = bridge(table);
            (nft::make_mark_tables(&bridge), Change::Bridge(bridge))
        } else if is_due {
            self.backoff.last_attempt = now;
            // What was made under another name, or for a family that there is no wish for any more, goes in the same moment.
            let made = self.made.iter();
            let mut commands: Vec<_> = made
                .flat_map(|made| nft::remove_tables(&made.name, made.families()))
                .collect();
            commands.extend(target.iter().flat_map(|table| nft::make_mark_tables(table)));
            (commands, Change::Table(target))
        } else if let Some(bridge) = &self.bridge {
            let commands = nft::remove_tables(&bridge.name, bridge.families());
            (commands, Change::Unbridge)
        } else {
            let table = self.leftovers.as_ref()?;
            let made = self.made.as_ref().filter(|made| made.name == *table);
            let ours = made.map(|made| made.families()).unwrap_or_default();
            let others = [Family::Ip, Family::Ip6];
            let others = others.into_iter().filter(|family| !ours.contains(family));
            let commands = nft::remove_tables(table, others);
            (commands, Change::Leftovers)
        };
        if commands.is_empty() {
            // There never was one, or both families are ours.
            match change {
                Change::Table(made) => (self.made, self.damaged) = (made, false),
                Change::Bridge(_) | Change::Unbridge => self.bridge = None,
                Change::Leftovers => self.leftovers = None,
            }
            return self.batch(now, services_settled);
        }
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.in_flight = Some((self.sequence, change));
        Some((self.sequence, nft::batch(self.sequence, &commands)))
    }

    /// Takes in one message of the kernel. Removals that our own batches caused are not to be told.
    pub fn handle(&mut self, now: Instant, received: Received) {
        match received.message {
            Message::Answer(errno) => {
                let answered = self
                    .in_flight
                    .take_if(|(sequence, _)| *sequence == received.sequence);
                if let Some((_, change)) = answered {
                    self.answered(now, change, errno);
                }
            }
            Message::Removed { family, table } => {
                let ours = self
                    .made
                    .as_ref()
                    .is_some_and(|made| made.name == table && made.families().contains(&family));
                // One removal is told in many messages.
                if ours && !self.damaged {
                    self.damaged = true;
                    self.backoff.attempt(now);
                    self.notices.push(MarkNotice::PutBack { table });
                }
            }
            Message::Overrun => self.doubt(now),
            Message::Other => {}
        }
    }

    /// When `batch` has to be asked again though nothing arrived; None: not before something is wanted, or told.
    pub fn next_retry(&self, services_settled: bool) -> Option<Instant> {
        let waits = self.in_flight.is_none() && self.has_work(services_settled);
        waits.then_some(self.backoff.not_before)
    }

    /// True when there may be a batch to send now.
    pub fn is_ready(&self, now: Instant, services_settled: bool) -> bool {
        self.next_retry(services_settled)
            .is_some_and(|due| due <= now)
    }

    /// True when there is a table to be looked after.
    pub fn is_needed(&self) -> bool {
        self.wanted.is_some() || self.made.is_some()
    }

    /// True when the kernel has our table, or there shall be none.
    pub fn is_in_place(&self) -> bool {
        self.in_flight.is_none() && !self.has_work(true)
    }

    /// What there is to say since the last call.
    pub fn take_notices(&mut self) -> Vec<MarkNotice> {
        mem::take(&mut self.notices)
    }

    fn has_work(&self, services_settled: bool) -> bool {
        self.damaged
            || self.bridge.is_some()
            || self.leftovers.is_some()
            || self.made != *self.target(services_settled)
    }

    fn target(&self, services_settled: bool) -> &Option<Rc<MarkTable>> {
        match services_settled {
            true => &self.wanted,
            false => &self.meanwhile,
        }
    }

    /// Messages were lost: nothing is known of the table any more.
    fn doubt(&mut self, now: Instant) {
        self.in_flight = None;
        self.damaged = self.made.is_some();
        // The answers to our own batch may be what found no room.
        self.backoff.attempt(now);
        self.backoff.last_attempt = now;
    }

    fn answered(&mut self, now: Instant, change: Change, errno: i32) {
        match (change, errno) {
            (Change::Table(made), 0) => {
                (self.made, self.damaged) = (made, false);
                if mem::take(&mut self.refused)
                    && let Some(made) = &self.made
                {
                    let table = made.name.clone();
                    self.notices.push(MarkNotice::Accepted { table });
                }
            }
            (Change::Table(Some(table)), errno) => {
                self.backoff.wait(now, REFUSED_DELAY);
                if !mem::replace(&mut self.refused, true) {
                    let table = table.name.clone();
                    self.notices.push(MarkNotice::Refused { table, errno });
                }
            }
            // Without nftables there is no table of ours either.
            (Change::Table(None), _) => (self.made, self.damaged) = (None, false),
            // One that is refused is missed for a moment only, if the table itself is not.
            (Change::Bridge(bridge), _) => self.bridge = Some(bridge),
            (Change::Unbridge, _) => self.bridge = None,
            (Change::Leftovers, _) => self.leftovers = None,
        }
        // Services that change later have nothing to do with what was marked before.
        if self.made == self.wanted {
            self.meanwhile.clone_from(&self.wanted);
        }
    }
}

/// The same table under a name of its own.
fn bridge(table: &MarkTable) -> MarkTable {
    MarkTable {
        name: format!("{}_next", table.name),
        ..table.clone()
    }
}

#[cfg(test)]
#[path = "marks_tests.rs"]
mod tests;
