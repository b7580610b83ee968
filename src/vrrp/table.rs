//! The state machine of a virtual router: RFC 3768 section 6.4 as one table, and FAULT, which is keepalived's.
//!
//! Only what follows what lives here; instance.rs knows how each step is done, receive.rs how an advert gets its standing.

use std::fmt;

/// Where an instance is (RFC 3768 section 6.3, and FAULT).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Not started, or stopped.
    Initialize,
    /// Listening to a master.
    Backup,
    /// Holding the addresses.
    Master,
    /// Cannot run: see the reasons.
    Fault,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Initialize => "INIT",
            State::Backup => "BACKUP",
            State::Master => "MASTER",
            State::Fault => "FAULT",
        })
    }
}

/// What made the state machine move. Adverts come ranked against our own priority and address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Startup of an address owner (priority 255).
    StartOwner,
    /// Startup of any other.
    Start,
    /// Startup, and something keeps it from running.
    StartUnfit,
    /// Startup of an instance whose previous process was MASTER a moment ago.
    ResumeMaster,
    /// Startup of an instance that joins a sync group that is MASTER.
    StartInMasterGroup,
    /// Master_Down_Timer fired.
    MasterDown,
    /// Adver_Timer fired.
    AdvertDue,
    /// An advert with priority 0: its sender resigns.
    HeardResign,
    /// An advert of lower priority (as BACKUP, only where we would preempt).
    HeardLower,
    /// An advert of equal priority from a lower address.
    HeardEqualLower,
    /// An advert of equal priority from our own address: a duplicate address, or our own packet come back.
    HeardEqualSelf,
    /// An advert of equal priority from a higher address.
    HeardEqualHigher,
    /// An advert of priority 255 while we own the addresses, too: a misconfiguration that must not end with no master.
    HeardRivalOwner,
    /// An advert of higher priority.
    HeardHigher,
    /// An advert of lower priority while `nopreempt` holds us back.
    HeardLowerNoPreempt,
    /// An advert of lower priority while `preempt_delay` holds us back.
    HeardLowerDelayed,
    /// Another member of the sync group stepped down.
    GroupSteppedDown,
    /// A MASTER that is so late that another may have taken over, and shall give way then (`timer_expired_backup`).
    Overslept,
    /// Something keeps us from running: see the reasons.
    BecameUnfit,
    /// Nothing keeps us from running any more; we are no owner.
    BecameFit,
    /// Nothing keeps us from running any more; we are an owner.
    BecameFitOwner,
    /// The daemon stops or the instance was removed.
    Shutdown,
}

/// One thing to do. In the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Send an advert.
    Advert,
    /// Send an advert with priority 0 if anything can be sent.
    Resign,
    /// Adver_Timer := interval, from now.
    ArmAdvert,
    /// Adver_Timer := interval, from when it was due.
    NextAdvert,
    /// Master_Down_Timer := Master_Down_Interval.
    ArmMasterDown,
    /// Master_Down_Timer := what this instance waits at start.
    ArmStart,
    /// Master_Down_Timer := Skew_Time.
    ArmSkew,
    /// Cancel every timer of the instance.
    DisarmAll,
    /// Addresses on.
    TakeAddresses,
    /// Addresses off.
    DropAddresses,
    /// Gratuitous ARPs of a new master.
    Announce,
    /// Answer a lower-priority master: advert (unless `lower_prio_no_advert`) and gratuitous ARPs.
    Contradict,
    /// With `higher_prio_send_advert`, one more advert before stepping down.
    LastWord,
    /// Say that our own address came back at us.
    WarnSelf,
    /// Say that there are two owners.
    WarnRival,
}

/// What follows from `cause` in `state`: steps in order and the next state; `None` when the pair is not expected, which is named
/// and ignored.
#[rustfmt::skip]
pub(super) fn follows(state: State, cause: Cause) -> Option<(&'static [Step], State)> {
    use Cause::*;
    use State::*;
    use Step::*;
    const BECOME_MASTER: &[Step] = &[Advert, ArmAdvert, TakeAddresses, Announce];
    const STEP_DOWN: &[Step] = &[LastWord, DisarmAll, DropAddresses, ArmMasterDown];
    const STEP_DOWN_SILENTLY: &[Step] = &[DisarmAll, DropAddresses, ArmMasterDown];
    Some(match (state, cause) {
        // 6.4.1 Initialize. "If the Priority = 255 ... transition to {Master} ... else ... to {Backup}".
        (Initialize, StartOwner)      => (BECOME_MASTER, Master),
        (Initialize, Start)           => (&[ArmStart], Backup),
        // Not in the RFC.
        (Initialize, StartUnfit)      => (&[], Fault),
        (Initialize, ResumeMaster
                   | StartInMasterGroup) => (BECOME_MASTER, Master),

        // 6.4.2 Backup. A lower advert is discarded and the timer runs on, "if Preempt_Mode is False or priority >= ours" it restarts.
        (Backup, Shutdown)            => (&[DisarmAll], Initialize),
        (Backup, MasterDown)          => (BECOME_MASTER, Master),
        (Backup, HeardResign)         => (&[ArmSkew], Backup),
        (Backup, HeardLower)          => (&[], Backup),
        (Backup, HeardLowerNoPreempt
               | HeardLowerDelayed
               | HeardEqualLower
               | HeardEqualSelf
               | HeardEqualHigher
               | HeardHigher)         => (&[ArmMasterDown], Backup),
        (Backup, BecameUnfit)         => (&[DisarmAll], Fault),

        // 6.4.3 Master.
        (Master, Shutdown)            => (&[DisarmAll, Resign, DropAddresses], Initialize),
        (Master, AdvertDue)           => (&[Advert, NextAdvert], Master),
        (Master, HeardResign)         => (&[Advert, ArmAdvert], Master),
        (Master, HeardHigher
               | HeardEqualHigher)    => (STEP_DOWN, Backup),
        // The RFC discards these; keepalived also speaks up, which heals a split sooner.
        (Master, HeardLower
               | HeardLowerNoPreempt
               | HeardEqualLower)     => (&[Contradict], Master),
        (Master, GroupSteppedDown
               | Overslept)           => (STEP_DOWN_SILENTLY, Backup),
        (Master, HeardEqualSelf)      => (&[WarnSelf], Master),
        (Master, HeardRivalOwner)     => (&[WarnRival], Master),
        (Master, BecameUnfit)         => (&[DisarmAll, Resign, DropAddresses], Fault),

        // FAULT, outside the RFC: deaf and dumb until the reasons are gone, then as after a start, but never eager.
        (Fault, BecameFit)            => (&[ArmMasterDown], Backup),
        (Fault, BecameFitOwner)       => (BECOME_MASTER, Master),
        (Fault, BecameUnfit)          => (&[], Fault),
        (Fault, Shutdown)             => (&[], Initialize),
        (Fault, HeardResign | HeardLower | HeardLowerNoPreempt | HeardEqualLower | HeardEqualSelf
              | HeardEqualHigher | HeardHigher) => (&[], Fault),

        // Packets that were under way when the instance began or ended.
        (Initialize, HeardResign | HeardLower | HeardLowerNoPreempt | HeardEqualLower | HeardEqualSelf
              | HeardEqualHigher | HeardHigher) => (&[], Initialize),
        (Initialize, Shutdown)        => (&[], Initialize),

        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 4] = [
        State::Initialize,
        State::Backup,
        State::Master,
        State::Fault,
    ];

    /// Every path out of MASTER takes the addresses off, every path in puts them on and speaks first.
    #[test]
    fn addresses_follow_the_state() {
        use Cause::*;
        let causes = [
            StartOwner,
            Start,
            StartUnfit,
            ResumeMaster,
            StartInMasterGroup,
            MasterDown,
            AdvertDue,
            HeardResign,
            HeardLower,
            HeardEqualLower,
            HeardEqualSelf,
            HeardEqualHigher,
            HeardHigher,
            HeardLowerNoPreempt,
            HeardLowerDelayed,
            GroupSteppedDown,
            Overslept,
            BecameUnfit,
            BecameFit,
            BecameFitOwner,
            Shutdown,
        ];
        let mut entries = 0;
        for state in STATES {
            for cause in causes {
                let Some((steps, next)) = follows(state, cause) else {
                    continue;
                };
                let takes = steps.iter().position(|step| *step == Step::TakeAddresses);
                let drops = steps.contains(&Step::DropAddresses);
                assert_eq!(
                    takes.is_some(),
                    state != State::Master && next == State::Master,
                    "{state} {cause:?}"
                );
                assert_eq!(
                    drops,
                    state == State::Master && next != State::Master,
                    "{state} {cause:?}"
                );
                if let Some(at) = takes {
                    entries += 1;
                    assert_eq!(
                        steps.first(),
                        Some(&Step::Advert),
                        "{state} {cause:?}: the advert comes first"
                    );
                    assert!(at > 0);
                }
                if next == State::Backup && state != State::Backup {
                    assert!(
                        steps
                            .iter()
                            .any(|s| matches!(s, Step::ArmMasterDown | Step::ArmStart)),
                        "{state} {cause:?}"
                    );
                }
            }
        }
        assert_eq!(entries, 5);
    }

    /// Only a MASTER resigns: priority 0 from one that was never master would unseat the real one.
    #[test]
    fn only_a_master_resigns() {
        for state in [State::Initialize, State::Backup, State::Fault] {
            for cause in [Cause::Shutdown, Cause::BecameUnfit] {
                if let Some((steps, _)) = follows(state, cause) {
                    assert!(!steps.contains(&Step::Resign), "{state} {cause:?}");
                }
            }
        }
        assert!(
            follows(State::Master, Cause::Shutdown)
                .is_some_and(|(steps, _)| steps.contains(&Step::Resign))
        );
    }
}
