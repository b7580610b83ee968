//! The public conformance list for VRRP (UNH-IOL, "VRRP Operations Test Suite" 2.5), one case an item, for version 2 as the list has
//! it and for version 3 over IPv4 and IPv6 where the item means something there. A station sends crafted frames at the real daemon
//! and records what comes back. The words and the bounds are from RFC 3768 and RFC 9568.

mod support;

#[path = "conformance/interoperability.rs"]
mod interoperability;
#[path = "conformance/parameters.rs"]
mod parameters;
#[path = "conformance/reception.rs"]
mod reception;
#[path = "conformance/states.rs"]
mod states;

use support::packet::Kind;
use support::stage::{self, Case};

/// An item: its number and name, and what it does for one of the protocols.
type Item = (&'static str, fn(Kind));

fn main() -> std::process::ExitCode {
    let mut cases: Vec<Case> = Vec::new();
    let groups: [&[Item]; 4] = [
        &interoperability::ITEMS,
        &states::ITEMS,
        &parameters::ITEMS,
        &reception::ITEMS,
    ];
    for (name, body) in groups.concat() {
        for kind in [Kind::V2, Kind::V3, Kind::V6] {
            cases.push(stage::case(
                &format!("{name}::{}", kind.name()),
                move || body(kind),
            ));
        }
    }
    for (name, body) in reception::VERSION_2 {
        cases.push(stage::case(&format!("{name}::v2"), body));
    }
    stage::run(cases)
}
