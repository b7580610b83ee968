//! Our daemon against the distribution's keepalived, each once as the first and once as the second host, through the cases of
//! `support::cases`; two of the distribution's are also run against each other when `KEEPALIVED_PEER_ALONE=1` (to tell a
//! fault of these tests from one of ours).

mod support;

#[path = "peer/announcements.rs"]
mod announcements;
#[path = "peer/bfd.rs"]
mod bfd;
#[path = "peer/frr.rs"]
mod frr;
#[path = "peer/json.rs"]
mod json;

use support::Binary::{Ours, Peer};
use support::stage;

fn main() -> std::process::ExitCode {
    let mut pairs = vec![("ours_first", [Ours, Peer]), ("peer_first", [Peer, Ours])];
    if std::env::var_os("KEEPALIVED_PEER_ALONE").is_some() {
        pairs = vec![("peer_alone", [Peer, Peer])];
    }
    let mut bodies = [support::pair_cases(), support::owners::common()].concat();
    if peer_signs() {
        bodies.extend(support::auth::signed());
    }
    let mut list = Vec::new();
    for (pair_name, pair) in pairs {
        for (name, body) in bodies.clone() {
            let name = format!("{pair_name}::{name}");
            list.push(stage::peer_case(&name, move || body(pair)));
        }
    }
    list.extend(frr::cases());
    list.extend(bfd::cases());
    list.push(stage::peer_case(
        "announcements::by_settings",
        announcements::by_settings,
    ));
    list.push(stage::peer_case(
        "json::what_an_instance_holds",
        json::what_an_instance_holds,
    ));
    list.push(stage::peer_case(
        "json::what_it_tracks_and_tells",
        json::what_it_tracks_and_tells,
    ));
    stage::run(list)
}

/// Whether the other keepalived knows signed adverts as ours does: 2.4.2 and later. Debian's does not; `KEEPALIVED_PEER` may name one.
fn peer_signs() -> bool {
    let output = std::process::Command::new(Peer.path()).arg("-v").output();
    let text = output.map(|output| output.stderr).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let version = text
        .split_whitespace()
        .find_map(|word| word.strip_prefix('v'));
    let numbers: Vec<u32> = version
        .unwrap_or_default()
        .split('.')
        .filter_map(|number| number.parse().ok())
        .collect();
    numbers >= vec![2, 4, 2]
}
