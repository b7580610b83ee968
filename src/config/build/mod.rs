//! Tree to model: walks the blocks, finds each statement's row in the keyword table and hands it to the builder of its block.
//!
//! Here is what all builders share: the context, and the walk with its rules for unknown words, repeated and misplaced keywords
//! and several statements on one line. The builders are one file a group of blocks.

mod accounts;
mod auth_hmac;
#[cfg(test)]
mod auth_hmac_tests;
mod buffers;
mod files;
mod finish;
mod firewall;
mod global;
mod group;
#[cfg(test)]
mod group_tests;
mod instance;
mod ipvs;
mod lifecycle;
mod lines;
mod lvs;
mod mail;
mod marking;
mod notify;
mod process;
mod root;
mod state;
mod statics;
#[cfg(test)]
mod strict_tests;
mod track_file;
mod track_group;
mod track_process;
mod tracked;
mod unicast;
#[cfg(test)]
mod unicast_tests;
mod vmac;
mod walk;

pub use accounts::Accounts;
pub use root::{Built, build};

use super::diagnostic::{Class, Diagnostics, Span};
use super::keywords::{Block, Keyword};
use super::pattern::Patterns;
use super::read::Item;
use super::world::{Ground, NameDirectories, Names, World};
use std::cell::RefCell;
use std::collections::HashMap;

/// What builders read from and report to.
pub struct Context<'w> {
    /// What the text is judged against.
    pub world: &'w dyn World,
    /// What was found wrong so far.
    pub diagnostics: Diagnostics,
    /// Who runs scripts, and what was seen of them.
    pub accounts: Accounts,
    /// `dynamic_interfaces`: interfaces may come later.
    pub dynamic_interfaces: bool,
    /// `iproute_etc_dir` and `iproute_usr_dir`.
    pub name_directories: NameDirectories,
    /// Numbers by their iproute2 names, as found so far.
    numbers: RefCell<HashMap<(Names, String), Option<u32>>>,
    /// The interfaces that the world tells of are those the daemon will have.
    knows_interfaces: bool,
    /// What is known of interfaces.
    interfaces: HashMap<String, bool>,
    /// Keywords met that nothing acts on yet: how often, and where first.
    pending: Vec<Pending>,
    /// Greater than zero inside a block that nothing acts on: its keywords are not reported one by one.
    inside_pending: u32,
    /// Patterns of web checks.
    patterns: Patterns,
    /// What TLS checks share.
    tls: lvs::SharedTls,
    /// Preferences for rules that have none, by family (IPv4, IPv6).
    preferences: [u32; 2],
}

/// Preferences of rules that name none count down from here.
const FIRST_PREFERENCE: u32 = 16384;

/// A keyword that nothing acts on yet.
struct Pending {
    block: Block,
    keyword: &'static Keyword,
    first: Span,
    places: u32,
}

impl<'w> Context<'w> {
    /// Nothing read yet.
    pub fn new(world: &'w dyn World, diagnostics: Diagnostics) -> Self {
        Context {
            world,
            diagnostics,
            accounts: Accounts::default(),
            dynamic_interfaces: false,
            name_directories: NameDirectories::default(),
            numbers: RefCell::default(),
            knows_interfaces: true,
            interfaces: HashMap::new(),
            pending: Vec::new(),
            inside_pending: 0,
            patterns: Patterns::default(),
            tls: lvs::SharedTls::default(),
            preferences: [FIRST_PREFERENCE; 2],
        }
    }

    /// Something is wrong at a place; what to do about it.
    pub fn fault(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.diagnostics.advise(Class::General, span, message, help);
    }

    /// Whether an interface exists: asked once a name, as thousands of instances share one.
    pub fn interface_exists(&mut self, name: &str) -> bool {
        if !self.knows_interfaces {
            return true;
        }
        if let Some(known) = self.interfaces.get(name) {
            return *known;
        }
        let exists = self.world.interface_exists(name);
        self.interfaces.insert(name.to_owned(), exists);
        exists
    }

    /// Whether an interface can send to groups, as most can.
    pub fn does_multicast(&self, name: &str) -> bool {
        !self.knows_interfaces || self.world.does_multicast(name)
    }

    /// Whether an interface of this name exists that we did not make.
    pub fn is_foreign(&self, name: &str) -> bool {
        self.knows_interfaces && self.world.is_foreign(name)
    }

    /// What is known of an interface that others are to be made upon.
    pub fn ground(&self, name: &str) -> Option<Ground> {
        self.world.ground(name).filter(|_| self.knows_interfaces)
    }

    /// A number by its iproute2 name: looked up once, as thousands of routes share one.
    pub fn number(&self, table: Names, name: &str) -> Option<u32> {
        let key = (table, name.to_owned());
        let mut numbers = self.numbers.borrow_mut();
        *numbers
            .entry(key)
            .or_insert_with(|| self.world.number(&self.name_directories, table, name))
    }

    /// Says when an interface does not exist, which the VRRP process could not start with. Told nothing with `dynamic_interfaces`.
    pub fn must_exist(&mut self, interface: &str, span: Span) -> bool {
        let exists = self.interface_exists(interface);
        if !exists && !self.dynamic_interfaces {
            let message = format!("interface {interface} doesn't exist");
            let help =
                "name an interface that 'ip link' shows, or set dynamic_interfaces in global_defs";
            self.diagnostics
                .advise(Class::BadInterface, span, message, help);
        }
        exists
    }

    /// Notes that nothing acts on a keyword yet; said once a keyword, at the end.
    pub fn pend(&mut self, item: &Item<'_>) {
        if self.inside_pending > 0 {
            return;
        }
        let known = self
            .pending
            .iter_mut()
            .find(|p| p.block == item.block && std::ptr::eq(p.keyword, item.keyword));
        if let Some(known) = known {
            known.places += 1;
            return;
        }
        let first = item.statement.keyword().span();
        self.pending.push(Pending {
            block: item.block,
            keyword: item.keyword,
            first,
            places: 1,
        });
    }

    /// The preference of the next rule that names none; each family has its own.
    pub fn next_preference(&mut self, ipv6: bool) -> u32 {
        let [v4, v6] = &mut self.preferences;
        let next = if ipv6 { v6 } else { v4 };
        let preference = *next;
        *next = preference.saturating_sub(1).max(1);
        preference
    }

    /// Runs `work` with the keywords of a block that nothing acts on unreported, when that is so.
    fn inside<R>(&mut self, pending: bool, work: impl FnOnce(&mut Self) -> R) -> R {
        self.inside_pending += u32::from(pending);
        let result = work(self);
        self.inside_pending -= u32::from(pending);
        result
    }

    /// Says what was noted by `pend`.
    pub fn report_pending(&mut self) {
        for Pending {
            keyword,
            first,
            places,
            ..
        } in std::mem::take(&mut self.pending)
        {
            let message = match (keyword.word, places) {
                (word, 1) => format!("{word} is not implemented yet; it has no effect"),
                (word, _) => {
                    format!("{word} is not implemented yet; it has no effect ({places} places)")
                }
            };
            self.diagnostics.say(Class::Unimplemented, first, message);
        }
    }
}
