//! How often what makes a life hard did occur in it and made a difference: a rule of watch.rs that nothing ever puts to the test shows
//! nothing. Counted as seen from outside, never checked here.

/// What is counted over a life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Sync groups that changed their state with more than one member. Rule: the members are of the group's state after every event.
    pub groups_moved: u64,
    /// Adverts of a lower MASTER that a better router heeds while its `preempt_delay` runs. Rule: no takeover within the master down
    /// interval after one.
    pub held_back: u64,
    /// Owners that became MASTER where another node was. Rule: in the end one is MASTER, and nobody that may preempt is better.
    pub owners_took_over: u64,
    /// Adverts from one MASTER that another did not hear, which the first does hear. Rule: as for owners, once the way is mended.
    pub one_way_rivals: u64,
    /// Packets of unicast adverts. Rule: an advert has one for each peer but the sender.
    pub unicast_sent: u64,
}
