//! Random histories.

use super::*;

/// One step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Hold(u32, bool),
    Claim(u32, Vec<(u8, u8)>),
    Read(usize),
    Send(usize),
    Delete(u32, u8),
    Add(u32, u8),
    Link(u32, u8),
    Unlink(u32),
    Overrun,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u32..3, any::<bool>()).prop_map(|(owner, held)| Step::Hold(owner, held)),
        2 => (0u32..3, prop::collection::vec((0u8..3, 0u8..6), 0..4)).prop_map(|(owner, claims)| Step::Claim(owner, claims)),
        6 => (0usize..6).prop_map(Step::Read),
        6 => (0usize..6).prop_map(Step::Send),
        2 => (1u32..5, 0u8..8).prop_map(|(index, n)| Step::Delete(index, n)),
        1 => (1u32..5, 0u8..8).prop_map(|(index, n)| Step::Add(index, n)),
        2 => (1u32..5, 0u8..3).prop_map(|(index, name)| Step::Link(index, name)),
        1 => (1u32..5).prop_map(Step::Unlink),
        1 => Just(Step::Overrun),
        2 => (0u64..2000).prop_map(Step::Wait),
    ]
}

fn numbered(n: u8) -> Address {
    Address::new(Ipv4Addr::new(10, 0, 0, n).into(), 32)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    /// From any history of holds, claims, meddling, links coming and going and lost messages the kernel ends up with every held
    /// address on its interface, with none that only unheld claims name and that we put there, and with nothing left to do.
    #[test]
    fn converges_and_comes_to_rest(history in prop::collection::vec(steps(), 0..80)) {
        let mut world = World::new(|kernel| kernel.link(1, "if0"));
        let mut foreign: HashSet<(u32, Placement)> = HashSet::default();
        let mut claimed: HashMap<u32, Vec<(String, Placement)>> = HashMap::default();
        let mut held: HashMap<u32, bool> = HashMap::default();
        for step in history {
            match step {
                Step::Hold(owner, to) => {
                    world.reconciler.hold(owner, to);
                    if claimed.get(&owner).is_some_and(|claims| !claims.is_empty()) {
                        held.insert(owner, to);
                    }
                }
                Step::Claim(owner, claims) => {
                    // As the roles do it: what an owner newly claims is held only when it says so again.
                    let claims: Vec<Claim> = claims
                        .into_iter()
                        .map(|(name, n)| Claim { interface: format!("if{name}"), address: numbered(n), tracked: true })
                        .collect();
                    claimed.insert(owner, claims.iter().map(|c| (c.interface.clone(), c.address.placement)).collect());
                    world.reconciler.claim(owner, claims);
                    let to = held.get(&owner).copied().unwrap_or(false) && !claimed[&owner].is_empty();
                    held.insert(owner, to);
                    world.reconciler.hold(owner, to);
                }
                Step::Read(count) => world.read(count),
                Step::Send(count) => { world.send(count); }
                Step::Delete(index, n) => {
                    world.kernel.delete(index, numbered(n).placement);
                    foreign.remove(&(index, numbered(n).placement));
                }
                Step::Add(index, n) => {
                    if !world.kernel.addresses.contains_key(&(index, numbered(n).placement)) {
                        world.kernel.add(index, numbered(n));
                        foreign.insert((index, numbered(n).placement));
                    }
                }
                Step::Link(index, name) => {
                    let name = format!("if{name}");
                    if world.kernel.named(&name).is_none() {
                        world.kernel.link(index, &name);
                    }
                }
                Step::Unlink(index) => {
                    world.kernel.unlink(index);
                    foreign.retain(|(i, _)| *i != index);
                }
                Step::Overrun => {
                    world.kernel.unread.clear();
                    world.reconciler.resync(world.now);
                }
                Step::Wait(milliseconds) => world.now = world.now + Duration::from_millis(milliseconds),
            }
        }
        world.pass(LONGEST_DELAY * 3);
        let names: HashMap<String, u32> = world.kernel.links.iter().map(|(index, there)| (there.name.clone(), *index)).collect();
        let wanted: HashSet<(u32, Placement)> = claimed
            .iter()
            .filter(|(owner, _)| held.get(owner).copied().unwrap_or(false))
            .flat_map(|(_, claims)| claims)
            .filter_map(|(name, placement)| Some((*names.get(name)?, *placement)))
            .collect();
        for place in &wanted {
            prop_assert!(world.kernel.addresses.contains_key(place), "{:?} is missing", place);
        }
        for place in world.kernel.addresses.keys() {
            prop_assert!(wanted.contains(place) || foreign.contains(place), "{:?} was left behind", place);
        }
        for (index, placement) in world.kernel.addresses.keys() {
            prop_assert!(world.reconciler.known().address(*index, placement).is_some());
        }
        prop_assert!(world.reconciler.is_settled());
        let writes = world.kernel.writes;
        world.pass(LONGEST_DELAY * 3);
        prop_assert_eq!(world.kernel.writes, writes, "goes on writing at rest");
    }
}
