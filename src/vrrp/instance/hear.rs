//! Packets for an instance: judged by receive.rs, ranked here against our own priority and address, counted and told.

use super::{Context, Instance, Rival};
use crate::config::model::Version;
use crate::notify::What;
use crate::time::Instant;
use crate::vrrp::Action;
use crate::vrrp::auth::{Mark, Proof, alarming_skew};
use crate::vrrp::notice::{Said, Topic};
use crate::vrrp::receive::{Envelope, Heard, compare_addresses, judge, standing};
use crate::vrrp::table::{Cause, State};
use crate::wire::vrrp::PRIORITY_OWNER;
use std::net::IpAddr;
use std::time::Duration;

/// So many adverts of a rival owner are heard out before anything is done.
const RIVAL_PATIENCE_ADVERTS: u32 = 2;

impl Instance {
    /// A packet for this instance (RFC 3768 7.1).
    pub(in crate::vrrp) fn packet(
        &mut self,
        envelope: &Envelope<'_>,
        message: &[u8],
        context: &mut Context<'_>,
    ) {
        let vrid = self.config.virtual_router_id;
        let source = envelope.source;
        let (now, wall) = (context.now, context.wall());
        let judged = judge(&self.config, &self.derived, envelope, message, wall);
        let admitted = judged.and_then(|advert| {
            self.guard
                .admit(&self.config, source, advert.proof, now, wall)?;
            Ok(advert)
        });
        let advert = match admitted {
            Ok(advert) => advert,
            Err(fault) => {
                self.stats.count_fault(&fault);
                self.tell_limited(
                    Topic::Packet(std::mem::discriminant(&fault)),
                    context,
                    |suppressed| Said::BadPacket {
                        source,
                        fault,
                        vrid,
                        suppressed,
                    },
                );
                return;
            }
        };
        if let Some(number) = advert.proof.number() {
            let sender = source;
            context
                .actions
                .push(Action::Mark(self.id, Mark { sender, number }));
        }
        self.stats.advert_rcvd = self.stats.advert_rcvd.saturating_add(1);
        self.weigh(advert.proof, source, context);
        if matches!(self.state, State::Initialize | State::Fault) {
            return;
        }
        if self.config.owner_ignore_adverts && self.config.priority == PRIORITY_OWNER {
            return;
        }
        let same_master = self.master.is_some_and(|(master, _)| master == source);
        if !(self.config.skip_check_adv_addr && same_master)
            && let Some(fault) = compare_addresses(&self.config, &self.derived, advert.addresses)
        {
            self.stats.addr_list_err = self.stats.addr_list_err.saturating_add(1);
            self.tell_limited(Topic::Addresses, context, |suppressed| Said::Addresses {
                source,
                fault,
                vrid,
                suppressed,
            });
        }
        if let Some(theirs) = advert.coverage
            && theirs != self.derived.coverage
            && !same_master
        {
            self.tell_once(Topic::Coverage, context, Said::Coverage { source, theirs });
        }
        self.learn_checksum(source, &advert, context);
        let cause = self.rank(&advert, source, context);
        self.heard(cause, &advert, source, context);
        self.apply(cause, context);
    }

    /// Says what is not as it should be about the proof of a welcome advert.
    fn weigh(&mut self, proof: Proof, source: IpAddr, context: &mut Context<'_>) {
        match proof {
            Proof::Unsigned => {
                self.stats.auth_ext_missing = self.stats.auth_ext_missing.saturating_add(1);
                self.tell_limited(Topic::Unsigned, context, |suppressed| Said::Unsigned {
                    source,
                    suppressed,
                });
            }
            Proof::Hmac(sequence) => {
                if let Some((skew, window)) = alarming_skew(&self.config, sequence, context.wall())
                {
                    let said = Said::Skew {
                        source,
                        skew,
                        window,
                    };
                    self.tell_once(Topic::Skew, context, said);
                }
            }
            Proof::None | Proof::Ah(_) => {}
        }
    }

    /// Where an advert stands against us.
    pub(super) fn rank(
        &mut self,
        advert: &Heard<'_>,
        source: IpAddr,
        context: &mut Context<'_>,
    ) -> Cause {
        let own = self.source(context).or(self.last_source);
        let owners =
            self.effective_priority() == PRIORITY_OWNER && advert.priority == PRIORITY_OWNER;
        if self.state == State::Master && owners && own != Some(source) {
            // Of two owners the one with the lower address stays; the other hears it out and gives way.
            if own.is_none_or(|own| source > own)
                || !self.rival_outlasts(advert.interval, context.now)
            {
                return Cause::HeardRivalOwner;
            }
            self.set_yielded(true, context);
        }
        let cause = standing(
            advert.priority,
            source,
            self.effective_priority(),
            own,
            self.config.nopreempt,
        );
        self.preempt_delay(cause, context)
    }

    /// Leaves a MASTER of lower priority alone for a while, from its first advert on.
    fn preempt_delay(&mut self, cause: Cause, context: &mut Context<'_>) -> Cause {
        let delay = self.config.preempt_delay;
        if self.state != State::Backup || delay.is_zero() {
            return cause;
        }
        if cause != Cause::HeardLower {
            if self.preempt_at.take().is_some() && cause != Cause::HeardResign {
                self.tell(Said::PreemptDelayEnded, context);
            }
            return cause;
        }
        let until = match self.preempt_at {
            Some(until) => until,
            None => {
                self.tell(Said::PreemptDelayed(delay), context);
                *self.preempt_at.insert(context.now + delay)
            }
        };
        if context.now < until {
            Cause::HeardLowerDelayed
        } else {
            cause
        }
    }

    /// Counts another advert of a rival owner; true when it was given two adverts and 1.2 intervals to go away and did not.
    pub(super) fn rival_outlasts(&mut self, theirs: Duration, now: Instant) -> bool {
        let interval = self.config.advert_interval.max(theirs);
        let rival = match self.rival {
            Some(rival)
                if now.since(rival.last)
                    < interval.saturating_mul(self.config.down_timer_adverts) =>
            {
                rival
            }
            _ => Rival {
                adverts: 0,
                last: now,
                yield_at: None,
            },
        };
        let adverts = rival.adverts.saturating_add(1);
        // 1.2 times the longer interval.
        let patience = interval.saturating_add(interval / 5);
        let yield_at = rival
            .yield_at
            .or_else(|| (adverts >= RIVAL_PATIENCE_ADVERTS).then(|| now + patience));
        self.rival = Some(Rival {
            adverts,
            last: now,
            yield_at,
        });
        yield_at.is_some_and(|at| now >= at)
    }

    pub(super) fn set_yielded(&mut self, yielded: bool, context: &mut Context<'_>) {
        let from = self.effective_priority();
        self.yielded = yielded && self.config.priority == PRIORITY_OWNER;
        self.rival = None;
        let to = self.effective_priority();
        if from != to {
            self.tell_priority(from, to, context);
        }
    }

    /// What an accepted advert leaves behind besides a change of state: counters, the master's name, log lines.
    pub(super) fn heard(
        &mut self,
        cause: Cause,
        advert: &Heard<'_>,
        source: IpAddr,
        context: &mut Context<'_>,
    ) {
        let (priority, ours) = (advert.priority, self.effective_priority());
        match (self.state, cause) {
            (_, Cause::HeardResign) => {
                self.stats.pri_zero_rcvd = self.stats.pri_zero_rcvd.saturating_add(1);
                if self.state == State::Backup {
                    self.tell(Said::HeardResign, context);
                }
            }
            (State::Master, Cause::HeardHigher) => self.tell(
                Said::HeardHigher {
                    source,
                    priority,
                    ours,
                },
                context,
            ),
            (State::Master, Cause::HeardEqualHigher) => {
                self.tell(Said::HeardEqualHigher { source, priority }, context)
            }
            (
                State::Master,
                Cause::HeardLower | Cause::HeardLowerNoPreempt | Cause::HeardEqualLower,
            )
            | (State::Backup, Cause::HeardLower) => {
                if self.state == State::Master {
                    self.notify(What::MasterRxLowerPri, context);
                }
                self.tell_limited(Topic::Lower, context, |suppressed| Said::HeardLower {
                    source,
                    priority,
                    ours,
                    suppressed,
                });
            }
            (State::Master, Cause::HeardEqualSelf) => {
                self.tell_limited(Topic::OwnAddress, context, |suppressed| Said::HeardSelf {
                    source,
                    suppressed,
                });
            }
            (State::Master, Cause::HeardRivalOwner) => {
                self.tell_limited(Topic::RivalOwner, context, |suppressed| {
                    Said::HeardRivalOwner { source, suppressed }
                });
            }
            _ => {}
        }
        let follows_it = match self.state {
            State::Backup => cause != Cause::HeardResign && cause != Cause::HeardLower,
            State::Master => matches!(cause, Cause::HeardHigher | Cause::HeardEqualHigher),
            State::Initialize | State::Fault => false,
        };
        if follows_it {
            self.learn_interval(source, advert.interval, context);
            let before = self
                .master
                .replace((source, priority))
                .map(|(before, _)| before);
            if before != Some(source) {
                self.tell(
                    Said::MasterIs {
                        before,
                        now: source,
                    },
                    context,
                );
            }
        }
    }

    /// Version 3 waits by the interval of the master it listens to (RFC 9568 section 6.4.2).
    fn learn_interval(&mut self, source: IpAddr, theirs: Duration, context: &mut Context<'_>) {
        let before = self.master_interval();
        if self.config.version == Version::V3 {
            self.learned_interval = Some(theirs);
        }
        if before != self.master_interval() {
            let ours = self.config.advert_interval;
            self.tell_once(
                Topic::Interval,
                context,
                Said::Interval {
                    source,
                    theirs,
                    ours,
                },
            );
        }
    }
}
