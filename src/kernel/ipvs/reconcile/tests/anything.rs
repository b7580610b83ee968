//! Whatever happens, in whatever order, the kernel's table becomes what is wanted.

use super::*;
use proptest::prelude::*;

/// Something that happens.
#[derive(Clone, Debug)]
enum Happening {
    Want(u8, Option<bool>),
    WantServer(u8, u8, Option<u32>),
    /// Somebody else at work.
    Remove(u8),
    Put(u8, Vec<(u8, u32)>),
    Pass(u64),
    LoseAnswers,
    Ask(u8),
    /// A server is taken out, and has to drain for so long: with connections or without.
    Drain(u8, u8, u64, bool),
    /// A service is taken out.
    Retire(u8),
}

fn happening() -> impl Strategy<Value = Happening> {
    let (service, server, weight) = (0..4u8, 0..5u8, 0..4u32);
    prop_oneof![
        3 => (service.clone(), proptest::option::weighted(0.7, any::<bool>()))
            .prop_map(|(key, wanted)| Happening::Want(key, wanted)),
        8 => (service.clone(), server.clone(), proptest::option::weighted(0.7, weight.clone()))
            .prop_map(|(key, server, wanted)| Happening::WantServer(key, server, wanted)),
        1 => service.clone().prop_map(Happening::Remove),
        1 => (service.clone(), proptest::collection::vec((server.clone(), weight), 0..4))
            .prop_map(|(key, servers)| Happening::Put(key, servers)),
        2 => (0..90_000u64).prop_map(Happening::Pass),
        1 => Just(Happening::LoseAnswers),
        1 => service.clone().prop_map(Happening::Ask),
        1 => service.clone().prop_map(Happening::Retire),
        2 => (service, server, 1..90u64, any::<bool>())
            .prop_map(|(key, server, seconds, idle)| Happening::Drain(key, server, seconds, idle)),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_table_becomes_what_is_wanted(
        happenings in proptest::collection::vec(happening(), 1..60),
    ) {
        let mut world = World::new();
        let mut wanted = Table::new();
        world.put(200, "rr", &[(1, 1)]);
        for happening in happenings {
            if matches!(happening, Happening::Remove(_) | Happening::Put(..)) {
                world.run();
            }
            match happening {
                Happening::Want(key, Some(hashed)) => {
                    let asked = service(if hashed { "sh" } else { "rr" });
                    world.reconciler.want_service(service_key(key), Some(asked.clone()));
                    wanted.entry(service_key(key)).or_insert((service(""), BTreeMap::new())).0 = asked;
                }
                Happening::Want(key, None) => {
                    world.reconciler.want_service(service_key(key), None);
                    wanted.remove(&service_key(key));
                }
                Happening::WantServer(key, server, weight) => {
                    world.want_server(key, server, weight);
                    if let Some((_, servers)) = wanted.get_mut(&service_key(key)) {
                        match weight {
                            Some(weight) => servers.insert(server_key(server), destination(weight)),
                            None => servers.remove(&server_key(server)),
                        };
                    }
                }
                // What is not wanted, or not ours yet, may be theirs.
                Happening::Remove(key) | Happening::Put(key, _) if !wanted.contains_key(&service_key(key)) => {}
                Happening::Remove(key) => drop(world.kernel.table.remove(&service_key(key))),
                Happening::Put(key, servers) => world.put(key, "wlc", &servers),
                Happening::Pass(milliseconds) => world.pass(Duration::from_millis(milliseconds)),
                Happening::LoseAnswers => {
                    let requests = world.reconciler.requests(world.now);
                    world.kernel.carry_out(&requests);
                    world.reconciler.lost();
                }
                Happening::Drain(key, server, seconds, idle) => {
                    let limit = Duration::from_secs(seconds);
                    world.kernel.active = u32::from(!idle);
                    world.reconciler.drain(world.now, &service_key(key), server_key(server), limit);
                    if let Some((_, servers)) = wanted.get_mut(&service_key(key)) {
                        servers.remove(&server_key(server));
                    }
                }
                Happening::Retire(key) => {
                    world.reconciler.retire_service(service_key(key));
                    wanted.remove(&service_key(key));
                }
                Happening::Ask(key) => world.reconciler.ask(service_key(key)),
            }
        }
        // Delays that surprises have led to, and a reading of everything.
        world.pass(CYCLE * 4);
        let mut table = world.kernel.table.clone();
        let (_, others) = table.remove(&service_key(200)).expect("not ours");
        prop_assert_eq!(others.len(), 1);
        prop_assert_eq!(table, wanted);
        prop_assert!(world.reconciler.is_settled());
        world.kernel.take_commands();
        world.pass(CYCLE);
        prop_assert_eq!(world.kernel.take_commands(), []);
    }
}
