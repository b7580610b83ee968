//! `ha_suspend`: the servers of a service are checked only while its address is on the host, however it comes and goes.

use std::net::TcpListener;
use std::time::Duration;

use crate::support::Binary::Ours;
use crate::support::node::CONFIG;
use crate::support::stage::{Case, case};
use crate::support::world::{HostSpec, World};
use crate::support::{secs, stays, wait_until};
use nix::sys::signal::Signal;

const ADDRESS: &str = "10.99.0.1/32";
/// Several checks would have come by then.
const SILENCE: Duration = secs(1);

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![case(
        "ha_suspend::checks_follow_the_address",
        checks_follow_the_address,
    )]
}

fn config(statement: &str) -> String {
    format!(
        "virtual_server 10.99.0.1 80 {{\n protocol TCP\n lb_algo rr\n lb_kind NAT\n delay_loop 0.2\n warmup 0\n {statement}\n \
         real_server 127.0.0.2 8002 {{\n TCP_CHECK {{\n connect_timeout 1\n }}\n }}\n}}\n"
    )
}

fn checks_follow_the_address() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let listener = node.in_network(|| TcpListener::bind("127.0.0.2:8002"));
    let listener = listener.expect("a listener");
    listener.set_nonblocking(true).expect("a socket");
    // All that have come so far.
    let checks = || std::iter::from_fn(|| listener.accept().ok()).count();
    let checked = |when: &str| {
        checks();
        wait_until(&format!("it is checked {when}"), secs(10), || checks() > 0);
    };
    let address = |verb: &str, link: &str| {
        node.run(&["ip", "addr", verb, ADDRESS, "dev", link]);
    };
    // At the start they are said to, too.
    let paused = |times: usize| {
        wait_until("checks pause", secs(10), || {
            node.log().matches("Suspending healthchecker").count() == times
        });
        checks();
        stays("nothing is checked", SILENCE, || checks() == 0);
    };
    node.start(Ours, &config("ha_suspend"));
    node.wait_log("Startup complete", secs(10));
    stays("nothing is checked at first", SILENCE, || checks() == 0);
    address("add", "lo");
    checked("as the address comes");
    address("add", "eth0");
    address("del", "lo");
    checked("with the address on another link");
    address("del", "eth0");
    paused(2);
    address("add", "eth0");
    checked("again");
    node.run(&["ip", "addr", "flush", "dev", "eth0"]);
    paused(3);
    node.write(CONFIG, &config(""));
    node.signal(Signal::SIGHUP);
    checked("as it need not wait any more");
    node.stop();
    assert_eq!(node.log().matches("Removing service").count(), 0);
}
