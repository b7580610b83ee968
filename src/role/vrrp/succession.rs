//! One VRRP process after another: what is kept on the board, and how a replacement carries on from it.

use super::Shell;
use crate::role::board::{self, identity};
use crate::vrrp::{InstanceId, Mark, Record, State};

impl Shell {
    /// Tells the core what the process before this one was doing.
    pub(super) fn resume(&mut self) {
        let board = &self.context.board;
        let records: std::collections::HashMap<u64, (usize, board::Record)> = board
            .records()
            .map(|(place, record)| (record.identity, (place, record)))
            .collect();
        let known: Vec<(InstanceId, Record, Vec<Mark>)> = self
            .router
            .instances()
            .filter_map(|instance| {
                let (place, record) = records.get(&identity_of(instance.config()))?;
                let state = state_from(record.state)?;
                Some((
                    instance.id(),
                    Record {
                        state,
                        advert_due: record.advert,
                        ip_id: 0,
                        sequence: record.number,
                    },
                    board.marks(*place, record.identity).map(heard).collect(),
                ))
            })
            .collect();
        for (id, record, marks) in known {
            self.router.resume(id, record);
            self.router.remember(id, &marks);
            // Its place may be another one now.
            for mark in marks {
                self.mark(id, mark);
            }
        }
    }

    /// Takes instances that are no longer configured off the board: who is configured anew later is not their successor.
    pub(super) fn sweep_board(&self) {
        self.context.board.sweep(|place, identity| {
            let id = InstanceId::try_from(place).ok();
            let instance = id.and_then(|id| self.router.instance(id));
            instance.is_some_and(|instance| identity_of(instance.config()) == identity)
        });
    }

    pub(super) fn record(&mut self, id: InstanceId, record: Record) {
        let (Some(instance), Ok(place)) = (self.router.instance(id), usize::try_from(id)) else {
            return;
        };
        let identity = identity_of(instance.config());
        self.context.board.write(
            place,
            board::Record {
                identity,
                state: state_number(record.state),
                advert: record.advert_due,
                number: record.sequence,
            },
        );
    }

    pub(super) fn mark(&self, id: InstanceId, mark: Mark) {
        let (Some(instance), Ok(place)) = (self.router.instance(id), usize::try_from(id)) else {
            return;
        };
        self.context.board.mark(
            place,
            board::Mark {
                identity: identity_of(instance.config()),
                sender: mark.sender,
                number: mark.number,
            },
        );
    }
}

fn heard(mark: board::Mark) -> Mark {
    Mark {
        sender: mark.sender,
        number: mark.number,
    }
}

fn identity_of(config: &crate::config::model::VrrpInstance) -> u64 {
    identity(&config.interface, config.virtual_router_id, &config.name)
}

/// A state as keepalived's files number it.
fn state_number(state: State) -> u8 {
    match state {
        State::Initialize => 0,
        State::Backup => 1,
        State::Master => 2,
        State::Fault => 3,
    }
}

fn state_from(number: u8) -> Option<State> {
    [
        State::Initialize,
        State::Backup,
        State::Master,
        State::Fault,
    ]
    .into_iter()
    .find(|state| state_number(*state) == number)
}
