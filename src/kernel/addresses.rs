//! Which addresses are on this host, as the kernel tells: all of them once, then what changes. For who wants to know no more than that;
//! who also wants addresses to be there uses the reconciler.

use super::address::Placement;
use super::netlink::{Message, Received, Request};
use crate::time::Instant;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// After a dump that failed or was disturbed, the next is asked for this much later.
const DUMP_RETRY: Duration = Duration::from_millis(100);

/// An address on a link, by the link's index.
type Spot = (Placement, u32);

/// How far the reading of all of them is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// To be asked for, no sooner than then.
    Due(Instant),
    /// By the request of this number.
    Asked(u32),
    Done,
}

/// See the module.
#[derive(Debug)]
pub struct Addresses {
    held: BTreeSet<Spot>,
    /// What the dump under way has told; what is not among it when it ends is gone.
    listed: BTreeSet<Spot>,
    reading: Reading,
    disturbed: bool,
    sequence: u32,
    changes: Vec<(IpAddr, bool)>,
}

impl Default for Addresses {
    fn default() -> Self {
        Addresses {
            held: BTreeSet::new(),
            listed: BTreeSet::new(),
            reading: Reading::Due(Instant::default()),
            disturbed: false,
            sequence: 0,
            changes: Vec::new(),
        }
    }
}

impl Addresses {
    /// Takes in one message of the kernel.
    pub fn handle(&mut self, now: Instant, received: Received) {
        let ours = self.reading == Reading::Asked(received.sequence);
        self.disturbed |= ours && received.interrupted;
        match received.message {
            // One that another host has, or may have, is not here.
            Message::Address { index, address } => match address.is_usable() {
                true => self.comes((address.placement, index)),
                false => self.goes((address.placement, index)),
            },
            Message::AddressGone { index, placement } => self.goes((placement, index)),
            Message::Done(0) if ours && !self.disturbed => self.all_told(),
            Message::Done(_) if ours => self.read_again(now + DUMP_RETRY),
            Message::Ack(errno) if ours && errno != 0 => self.read_again(now + DUMP_RETRY),
            Message::Overrun => self.read_again(now),
            _ => {}
        }
    }

    /// Messages were lost: all addresses are asked for anew, no sooner than then. What is known stays until they are told.
    pub fn read_again(&mut self, not_before: Instant) {
        self.reading = Reading::Due(not_before);
    }

    /// What to ask the kernel now, with the number that its answers are to carry.
    pub fn request(&mut self, now: Instant) -> Option<(u32, Request)> {
        let Reading::Due(_) = self.reading else {
            return None;
        };
        if self.next_due().is_some_and(|due| due > now) {
            return None;
        }
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.reading = Reading::Asked(self.sequence);
        self.disturbed = false;
        self.listed.clear();
        Some((self.sequence, Request::DumpAddresses))
    }

    /// When there is something to ask.
    pub fn next_due(&self) -> Option<Instant> {
        match self.reading {
            Reading::Due(due) => Some(due),
            Reading::Asked(_) | Reading::Done => None,
        }
    }

    /// Every address that is here, once.
    pub fn all(&self) -> impl Iterator<Item = IpAddr> {
        let mut last = None;
        let addresses = self.held.iter().map(|(placement, _)| placement.address);
        addresses.filter(move |address| last.replace(*address) != Some(*address))
    }

    /// Which addresses came (true) or went since the last call, in this order. One that is here twice goes with the last.
    pub fn take_changes(&mut self) -> Vec<(IpAddr, bool)> {
        std::mem::take(&mut self.changes)
    }

    fn has(&self, address: IpAddr) -> bool {
        let first = Placement::new(address, 0);
        let mut from = self.held.range((first, 0)..);
        from.next()
            .is_some_and(|(placement, _)| placement.address == address)
    }

    fn comes(&mut self, spot: Spot) {
        if let Reading::Asked(_) = self.reading {
            self.listed.insert(spot);
        }
        let address = spot.0.address;
        let here = self.has(address);
        self.held.insert(spot);
        if !here {
            self.changes.push((address, true));
        }
    }

    fn goes(&mut self, spot: Spot) {
        self.listed.remove(&spot);
        let address = spot.0.address;
        if self.held.remove(&spot) && !self.has(address) {
            self.changes.push((address, false));
        }
    }

    fn all_told(&mut self) {
        self.reading = Reading::Done;
        let listed = std::mem::take(&mut self.listed);
        let gone: Vec<Spot> = self.held.difference(&listed).copied().collect();
        for spot in gone {
            self.goes(spot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Address;

    const NOW: Instant = Instant(1_000_000_000);

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// An address with a prefix length on a link, flags as the kernel gives them.
    fn address(text: &str, prefix: u8, index: u32, flags: u32) -> Message {
        let address = Address {
            flags,
            ..Address::new(ip(text), prefix)
        };
        Message::Address { index, address }
    }

    fn gone(text: &str, prefix: u8, index: u32) -> Message {
        let placement = Placement::new(ip(text), prefix);
        Message::AddressGone { index, placement }
    }

    struct Host {
        addresses: Addresses,
        dump: u32,
    }

    impl Host {
        fn new() -> Self {
            let mut host = Host {
                addresses: Addresses::default(),
                dump: 0,
            };
            host.begin(NOW);
            host
        }

        fn begin(&mut self, now: Instant) {
            let asked = self.addresses.request(now);
            let Some((sequence, Request::DumpAddresses)) = asked else {
                panic!("{asked:?}");
            };
            self.dump = sequence;
        }

        fn part(&mut self, message: Message, interrupted: bool) {
            let received = Received {
                sequence: self.dump,
                part_of_dump: true,
                interrupted,
                message,
            };
            self.addresses.handle(NOW, received);
        }

        fn event(&mut self, message: Message) {
            let received = Received {
                sequence: 0,
                part_of_dump: false,
                interrupted: false,
                message,
            };
            self.addresses.handle(NOW, received);
        }

        fn changes(&mut self) -> Vec<String> {
            let changes = self.addresses.take_changes().into_iter();
            let word = |here| if here { "+" } else { "-" };
            changes
                .map(|(address, here)| format!("{}{address}", word(here)))
                .collect()
        }

        fn all(&self) -> Vec<String> {
            self.addresses.all().map(|it| it.to_string()).collect()
        }
    }

    #[test]
    fn what_the_dump_tells_and_what_changes() {
        let mut host = Host::new();
        host.part(address("127.0.0.1", 8, 1, 0x80), false);
        host.part(address("10.0.0.1", 24, 2, 0x80), false);
        host.part(Message::Done(0), false);
        assert_eq!(host.changes(), ["+127.0.0.1", "+10.0.0.1"]);
        assert_eq!(host.addresses.request(NOW), None);
        assert_eq!(host.addresses.next_due(), None);
        // The same address on another link, and with another prefix.
        host.event(address("10.0.0.1", 32, 1, 0x80));
        host.event(gone("10.0.0.1", 24, 2));
        assert_eq!(host.changes(), [""; 0]);
        host.event(gone("10.0.0.1", 32, 1));
        assert_eq!(host.changes(), ["-10.0.0.1"]);
        assert_eq!(host.all(), ["127.0.0.1"]);
    }

    /// linux/if_addr.h: 0x40 tentative, 0x08 duplicate.
    #[test]
    fn an_address_that_may_be_of_another_host_is_not_here() {
        let mut host = Host::new();
        host.part(address("fd00::1", 64, 2, 0x40), false);
        host.part(Message::Done(0), false);
        assert_eq!(host.changes(), [""; 0]);
        host.event(address("fd00::1", 64, 2, 0x80));
        assert_eq!(host.changes(), ["+fd00::1"]);
        host.event(address("fd00::1", 64, 2, 0x48));
        assert_eq!(host.changes(), ["-fd00::1"]);
    }

    #[test]
    fn what_was_lost_is_found_by_another_dump() {
        let mut host = Host::new();
        host.part(address("10.0.0.1", 24, 2, 0), false);
        host.part(address("10.0.0.2", 24, 2, 0), false);
        host.part(Message::Done(0), false);
        host.changes();
        host.event(Message::Overrun);
        assert_eq!(host.all(), ["10.0.0.1", "10.0.0.2"], "known until then");
        host.begin(NOW);
        host.part(address("10.0.0.2", 24, 2, 0), false);
        // What happens meanwhile is told in its order.
        host.event(address("10.0.0.3", 24, 2, 0));
        host.event(gone("10.0.0.2", 24, 2));
        host.part(Message::Done(0), false);
        assert_eq!(host.changes(), ["+10.0.0.3", "-10.0.0.2", "-10.0.0.1"]);
        assert_eq!(host.all(), ["10.0.0.3"]);
    }

    #[test]
    fn a_dump_that_is_not_whole_takes_nothing_away() {
        for (what, end, interrupted) in [
            ("disturbed", Message::Done(0), true),
            ("failed", Message::Done(16), false),
            ("refused", Message::Ack(16), false),
        ] {
            let mut host = Host::new();
            host.part(address("10.0.0.1", 24, 2, 0), false);
            host.part(Message::Done(0), false);
            host.event(Message::Overrun);
            host.begin(NOW);
            host.part(end, interrupted);
            assert_eq!(host.all(), ["10.0.0.1"], "{what}");
            assert_eq!(host.addresses.request(NOW), None, "{what}");
            let due = host.addresses.next_due().expect("asked for again");
            host.begin(due);
            // The end of the one before is not that of this one.
            let this = std::mem::take(&mut host.dump);
            host.part(Message::Done(0), false);
            host.dump = this;
            host.part(Message::Done(0), false);
            assert_eq!(host.all(), [""; 0], "{what}");
        }
    }
}
