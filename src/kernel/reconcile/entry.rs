//! One thing that somebody claims: who, whether it is held, and how often it had to be put there.

use super::Op;
use crate::kernel::Address;
use crate::kernel::backoff::Backoff;
use crate::time::Instant;

#[derive(Debug)]
struct Held<O> {
    owner: O,
    /// Nothing for routes and rules, whose key says all.
    address: Option<Address>,
    /// Put back when somebody else removes it; of addresses.
    tracked: bool,
    held: bool,
}

#[derive(Debug)]
pub(super) struct Entry<O> {
    claims: Vec<Held<O>>,
    /// The link on which it is (or may be) ours; `HOST` for routes and rules.
    pub ours: Option<u32>,
    /// It was there before us, and nobody has held it since.
    pub leftover: bool,
    /// Of routes and rules: the kernel has it, as far as we heard. Addresses are looked up.
    pub present: bool,
    /// What the kernel was asked for and has not answered.
    pub in_flight: Option<Op>,
    /// The kernel has added it and not told of it yet: of an IPv6 address it tells later than it answers.
    pub unheard: bool,
    /// Somebody else removed it while it was held.
    pub lost: bool,
    /// Somebody else removed it, and it is not to be put back while it is held.
    pub abandoned: bool,
    /// It has passed duplicate address detection; told.
    pub usable: bool,
    /// The kernel has refused to add it since it is held; told.
    pub refused: bool,
    /// Another host has it; told.
    pub duplicate: bool,
    pub dirty: bool,
    pub backoff: Backoff,
}

impl<O: Copy + Eq> Entry<O> {
    /// Claimed by nobody yet.
    pub fn new(ours: Option<u32>) -> Self {
        Entry {
            claims: Vec::new(),
            ours,
            leftover: false,
            present: false,
            in_flight: None,
            unheard: false,
            lost: false,
            abandoned: false,
            usable: false,
            refused: false,
            duplicate: false,
            dirty: false,
            backoff: Backoff::default(),
        }
    }

    /// Takes a claim; false when the owner has one already.
    pub fn claim(
        &mut self,
        owner: O,
        address: Option<(Address, bool)>,
        held: Option<bool>,
    ) -> bool {
        if self.claims.iter().any(|claim| claim.owner == owner) {
            return false;
        }
        let (address, tracked) = address.unzip();
        self.claims.push(Held {
            owner,
            address,
            tracked: tracked.unwrap_or(true),
            held: held.unwrap_or(false),
        });
        true
    }

    /// Takes an owner's claim away; whether it was held.
    pub fn release(&mut self, owner: O) -> bool {
        let held = self.is_held_by(owner);
        self.claims.retain(|claim| claim.owner != owner);
        held
    }

    /// Notes whether an owner holds it; true when that is new. A new intention does not wait for the end of an old fight.
    pub fn hold(&mut self, owner: O, held: bool) -> bool {
        let claim = self
            .claims
            .iter_mut()
            .find(|claim| claim.owner == owner && claim.held != held);
        let Some(claim) = claim else {
            return false;
        };
        claim.held = held;
        self.backoff.not_before = Instant(0);
        self.abandoned = false;
        // Whoever holds it from now on has to be told.
        self.usable = false;
        self.refused = false;
        true
    }

    pub fn is_held_by(&self, owner: O) -> bool {
        self.claims
            .iter()
            .any(|claim| claim.owner == owner && claim.held)
    }

    pub fn is_wanted(&self) -> bool {
        self.claims.iter().any(|claim| claim.held)
    }

    pub fn is_claimed(&self) -> bool {
        !self.claims.is_empty()
    }

    pub fn wanted_address(&self) -> Option<&Address> {
        self.claims
            .iter()
            .find(|claim| claim.held)
            .and_then(|claim| claim.address.as_ref())
    }

    /// Whether one of those who hold it wants it put back.
    pub fn is_tracked(&self) -> bool {
        self.claims.iter().any(|claim| claim.held && claim.tracked)
    }

    pub fn holders(&self) -> impl Iterator<Item = O> {
        self.claims
            .iter()
            .filter(|claim| claim.held)
            .map(|claim| claim.owner)
    }
}
