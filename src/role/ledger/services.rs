//! The services of IPVS that are this daemon's, in the ledger: three words each, which say all that tells a service from others.

use super::{BEFORE_SERVICES, HEAD, HIGH_SHIFT, Ledger};
use crate::config::model::{Family, Protocol};
use crate::kernel::ipvs::ServiceKey;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Services that have a place; those past it are forgotten with a crash, unless the configuration names them.
const CAPACITY: usize = 1 << 17;
/// Words of one: what it is, and its address.
const RECORD: usize = 3;
/// Words of all.
pub(super) const WORDS: usize = CAPACITY * RECORD;

/// Behind the last.
const END: u64 = 0;
/// What it is: being written, or of one of these kinds, with the port or the mark in the upper half.
const HOLE: u64 = 1;
const INET: u64 = 2;
const INET6: u64 = 3;
const FWMARK: u64 = 4;
const FWMARK6: u64 = 5;
const KIND: u64 = 0xff;
/// Where the protocol is in the first word.
const PROTOCOL_SHIFT: u32 = 8;
const PROTOCOLS: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];

/// One of them.
pub(super) type Words = [u64; RECORD];

pub(super) fn encode(key: ServiceKey) -> Words {
    match key {
        ServiceKey::Fwmark { family, mark } => {
            let kind = match family {
                Family::Inet => FWMARK,
                Family::Inet6 => FWMARK6,
            };
            [kind | u64::from(mark) << HIGH_SHIFT, 0, 0]
        }
        ServiceKey::Address {
            protocol,
            address,
            port,
        } => {
            let (kind, bits) = match address {
                IpAddr::V4(address) => (INET, u128::from(address.to_bits())),
                IpAddr::V6(address) => (INET6, address.to_bits()),
            };
            let protocol = PROTOCOLS.iter().position(|it| *it == protocol);
            let protocol = protocol.unwrap_or_default() as u64;
            let low = bits & u128::from(u64::MAX);
            [
                kind | protocol << PROTOCOL_SHIFT | u64::from(port) << HIGH_SHIFT,
                u64::try_from(bits >> u64::BITS).unwrap_or_default(),
                u64::try_from(low).unwrap_or_default(),
            ]
        }
    }
}

pub(super) fn decode([what, high, low]: Words) -> Option<ServiceKey> {
    let number = u32::try_from(what >> HIGH_SHIFT).ok()?;
    let fwmark = |family| ServiceKey::Fwmark {
        family,
        mark: number,
    };
    let address = match what & KIND {
        FWMARK => return Some(fwmark(Family::Inet)),
        FWMARK6 => return Some(fwmark(Family::Inet6)),
        INET => Ipv4Addr::from_bits(u32::try_from(low).ok()?).into(),
        INET6 => Ipv6Addr::from_bits(u128::from(high) << u64::BITS | u128::from(low)).into(),
        _ => return None,
    };
    let protocol = usize::try_from(what >> PROTOCOL_SHIFT & KIND).ok()?;
    Some(ServiceKey::Address {
        protocol: *PROTOCOLS.get(protocol)?,
        address,
        port: u16::try_from(number).ok()?,
    })
}

impl Ledger {
    /// Writes which services are ours.
    pub fn write_services(&self, keys: impl Iterator<Item = ServiceKey>) {
        let mut records = self.service_records();
        for (key, [what, high, low]) in keys.take(CAPACITY).zip(records.by_ref()) {
            let key = encode(key);
            // A writer that is killed leaves some of both lists, which were all ours, but never a service made of two.
            what.store(HOLE, Release);
            high.store(key[1], Release);
            low.store(key[2], Release);
            what.store(key[0], Release);
        }
        for [what, ..] in records {
            if what.swap(END, Release) == END {
                return;
            }
        }
    }

    /// Which services are ours.
    pub fn services(&self) -> impl Iterator<Item = ServiceKey> {
        let records = self.service_records().map(|[what, high, low]| {
            let what = what.load(Acquire);
            [what, high.load(Relaxed), low.load(Relaxed)]
        });
        records
            .take_while(|[what, ..]| *what != END)
            .filter_map(decode)
    }

    /// Whether there is any service that is ours.
    pub fn has_services(&self) -> bool {
        self.services().next().is_some()
    }

    fn service_records(&self) -> impl Iterator<Item = &[AtomicU64; RECORD]> {
        let words = self.0.words().get(BEFORE_SERVICES..HEAD);
        words.unwrap_or_default().as_chunks().0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Instant;

    #[test]
    fn services_are_those_that_were_written_last() {
        let ledger = Ledger::new().expect("a ledger");
        let at = |protocol, address: &str, port| ServiceKey::Address {
            protocol,
            address: address.parse().expect("an address"),
            port,
        };
        let mark = |family, mark| ServiceKey::Fwmark { family, mark };
        let all = [
            at(Protocol::Tcp, "10.0.0.1", 80),
            at(Protocol::Udp, "0.0.0.0", 0),
            at(Protocol::Sctp, "255.255.255.255", u16::MAX),
            at(Protocol::Tcp, "2001:db8::ffff:0:1", 443),
            at(Protocol::Udp, "::", 53),
            mark(Family::Inet, 1),
            mark(Family::Inet6, u32::MAX),
        ];
        ledger.write_drains(&[(7, Instant(1))]);
        let read = || -> Vec<_> { ledger.services().collect() };
        assert_eq!(read(), []);
        for count in [7, 1, 3, 0, 7, 2] {
            ledger.write_services(all[..count].iter().copied());
            assert_eq!(read(), all[..count]);
        }
        let many = (1..).map(|it| mark(Family::Inet, it));
        ledger.write_services(many.clone().take(CAPACITY + 1));
        assert!(ledger.services().eq(many.take(CAPACITY)));
        assert_eq!(ledger.drains().count(), 1);
        assert!(ledger.read().is_empty());
    }

    #[test]
    fn a_writer_that_is_killed_leaves_no_service_of_its_own_making() {
        let ledger = Ledger::new().expect("a ledger");
        let mark = |mark| ServiceKey::Fwmark {
            family: Family::Inet,
            mark,
        };
        ledger.write_services([1, 2, 3].map(mark).into_iter());
        let half = ledger.service_records().nth(1).expect("a record");
        half[0].store(HOLE, Relaxed);
        assert!(ledger.services().eq([1, 3].map(mark)));
        half[0].store(9, Relaxed);
        assert!(ledger.services().eq([1, 3].map(mark)));
    }
}
