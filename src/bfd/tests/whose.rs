//! Which session a packet is for, and when what a session says counts.

use super::*;

const NEIGHBOR: &str = "10.0.0.2";

#[test]
fn sessions_with_one_neighbour_are_told_apart_by_our_address() {
    let (any, own, other) = (None, "10.0.0.1".parse().ok(), "10.0.0.11".parse().ok());
    // (sources of the sessions, where a first packet goes, which hears it)
    for (sources, to, heard) in [
        (vec![own], own, Some(0)),
        (vec![own], other, Some(0)),
        (vec![any], own, Some(0)),
        (vec![own, other], own, Some(0)),
        (vec![own, other], other, Some(1)),
        (vec![own, other], None, None),
        (vec![any, other], other, Some(1)),
        (vec![any, other], own, Some(0)),
    ] {
        let config = |(n, source): (usize, &Option<IpAddr>)| BfdInstance {
            source: *source,
            ..instance(&format!("b{n}"), NEIGHBOR)
        };
        let configs: Vec<_> = sources.iter().enumerate().map(config).collect();
        let mut node = Node::new(at(0), 1);
        node.configure(at(0), &configs);
        let mut down = reply(node.first(), State::Down);
        down.your_discriminator = None;
        node.hear_at(at(1), NEIGHBOR, to, 255, &down);
        let found = node.sessions.sessions();
        let found: Vec<_> = found
            .filter(|(_, session)| session.state() == State::Init)
            .map(|(id, _)| id)
            .collect();
        assert_eq!(found, Vec::from_iter(heard), "{sources:?} {to:?}");
        node.configure(at(2), &[]);
        assert!(node.sessions.by_neighbor.is_empty());
    }
}

#[test]
fn a_packet_of_our_own_is_no_neighbour_s() {
    let mut node = Node::new(at(0), 1);
    node.configure(at(0), &[instance("b1", NEIGHBOR)]);
    let own = NEIGHBOR.parse().ok();
    let mut down = reply(node.first(), State::Down);
    down.your_discriminator = None;
    for millis in [1, 2] {
        node.hear_at(at(millis), NEIGHBOR, own, 255, &down);
    }
    assert_eq!(node.first().state(), State::Down);
    let source = NEIGHBOR.parse().expect("an address");
    let said = Said::OwnAddress {
        source,
        suppressed: 0,
    };
    assert_eq!(node.said_of_first(), [&said], "once");
    node.hear_at(at(3), NEIGHBOR, None, 255, &down);
    assert_eq!(node.first().state(), State::Init);
}

#[test]
fn a_session_has_the_time_it_takes_to_come_up() {
    let mut node = Node::new(at(0), 1);
    node.configure(at(0), &[instance("b1", NEIGHBOR)]);
    // Five times a second.
    node.run(at(4_999));
    assert!(!node.first().is_settled() && node.known.is_empty());
    node.run(at(5_000));
    assert!(node.first().is_settled() && node.known.contains_key("b1"));
    assert_eq!(node.first().state(), State::Down);

    let mut node = Node::new(at(0), 1);
    node.configure(at(0), &[instance("b1", NEIGHBOR)]);
    let init = reply(node.first(), State::Init);
    node.hear(at(10), NEIGHBOR, 255, &init);
    assert_eq!(node.first().state(), State::Up);
    assert!(node.first().is_settled() && node.known.contains_key("b1"));
}
