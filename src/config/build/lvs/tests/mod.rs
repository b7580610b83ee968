//! The load balancer's blocks from text: what is said (`faults`, `servers`, `checkers`), what is built (`model`, `probes`), and that nothing makes them
//! panic (`soup`). Here is what those share.

mod checkers;
mod faults;
mod model;
mod probes;
mod servers;
mod soup;
mod tls;
mod web;

use crate::config::Loaded;
use crate::config::diagnostic::Class;
use crate::config::model::{Checker, Model, RealServer, VirtualServer};
use crate::config::tests::read_on;
use crate::config::world::Imagined;

/// Three lines without which a service draws messages.
pub(super) const PLAIN: &str = "protocol TCP\nlb_algo rr\nlb_kind NAT\n";

/// A server that draws none.
pub(super) const SERVER: &str = "real_server 10.0.0.2 80 {\nTCP_CHECK {\n}\n}\n";

/// The files of that host; whether others may read them.
const FILES: [(&str, &str, bool); 9] = [
    (
        "/ca",
        include_str!("../../../../check/tls/pem/authority.crt"),
        true,
    ),
    (
        "/system",
        include_str!("../../../../check/tls/pem/server.crt"),
        true,
    ),
    (
        "/certificate",
        include_str!("../../../../check/tls/pem/client.crt"),
        true,
    ),
    (
        "/key",
        include_str!("../../../../check/tls/pem/client-locked.key"),
        false,
    ),
    (
        "/exposed",
        include_str!("../../../../check/tls/pem/client.key"),
        true,
    ),
    (
        "/open",
        include_str!("../../../../check/tls/pem/client.key"),
        false,
    ),
    ("/text", "text", false),
    (
        "/none",
        "-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n",
        true,
    ),
    (
        "/some",
        concat!(
            "-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n",
            include_str!("../../../../check/tls/pem/authority.crt")
        ),
        true,
    ),
];

/// Reads a text on a host that has everything.
pub(super) fn read(text: &str) -> Loaded {
    let mut world = Imagined::generous();
    world.key_files = FILES
        .map(|(path, text, exposed)| (path.to_owned(), (text.to_owned(), exposed)))
        .into();
    world.authorities = Some("/system".into());
    read_on(&world, text)
}

/// What is said of a text, without what every text with a virtual server draws.
pub(super) fn said(loaded: &Loaded) -> Vec<&str> {
    let ours = loaded
        .diagnostics
        .iter()
        .filter(|d| d.class != Class::Unimplemented);
    ours.map(|diagnostic| diagnostic.message.as_str()).collect()
}

/// The model of a text of which nothing is said.
pub(super) fn clean(text: &str) -> Model {
    let loaded = read(text);
    assert!(said(&loaded).is_empty(), "{text}\n{:?}", said(&loaded));
    assert_eq!(loaded.diagnostics.exit_status(), 0);
    loaded.model
}

/// A virtual server with these statements.
pub(super) fn service(head: &str, statements: &str) -> String {
    format!("virtual_server {head} {{\n{statements}\n}}\n")
}

/// The one virtual server of a model.
pub(super) fn only(model: &Model) -> &VirtualServer {
    assert_eq!(model.lvs.virtual_servers.len(), 1);
    &model.lvs.virtual_servers[0]
}

/// The one real server of a model.
pub(super) fn only_server(model: &Model) -> &RealServer {
    assert_eq!(only(model).real_servers.len(), 1);
    &only(model).real_servers[0]
}

/// The one checker of a model.
pub(super) fn only_checker(model: &Model) -> &Checker {
    assert_eq!(only_server(model).checkers.len(), 1);
    &only_server(model).checkers[0]
}
