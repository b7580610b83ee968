//! What is tracked by one instance, added up as it changes: always what adding up anew gives, and a change costs the same however many
//! there are.

use super::*;
use crate::config::model::{Tracked, TrackedInterface};
use crate::track::Level;
use crate::vrrp::tally::WEIGHED;
use proptest::prelude::*;

/// Lines of each kind in the instance of the cost.
const MANY: usize = 5_000;
/// The first index of a link that is only tracked.
const LINKS: u32 = 10;

fn script(name: &str, weight: i32, reverse: bool) -> Tracked {
    Tracked {
        kind: TrackerKind::Script,
        name: name.to_owned(),
        weight,
        reverse,
    }
}

fn tracked_link(name: &str, weight: i32, reverse: bool) -> TrackedInterface {
    TrackedInterface {
        interface: name.to_owned(),
        weight,
        reverse,
        implied: false,
    }
}

fn link(index: u32, name: &str, up: bool) -> Interface {
    Interface {
        index,
        name: name.to_owned(),
        up,
        ..eth0()
    }
}

/// A step: what happens to one of a few names.
#[derive(Clone, Debug)]
enum Step {
    Says(usize, Level),
    Link(u32, usize, bool),
    Gone(u32),
    Reload(Vec<(usize, i32, bool)>, Vec<(usize, i32, bool)>),
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn lines() -> impl Strategy<Value = Vec<(usize, i32, bool)>> {
    let weight = prop_oneof![Just(0), -253..=253i32];
    prop::collection::vec((0..NAMES.len(), weight, any::<bool>()), 0..5)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let level = prop_oneof![
        Just(Level::Unknown),
        Just(Level::Up),
        Just(Level::Down),
        (-300..300i32).prop_map(Level::Value),
    ];
    // Few numbers and few names: links are renamed, replaced by others of the same name, and come back.
    let index = LINKS..LINKS + 3;
    let step = prop_oneof![
        4 => (0..NAMES.len(), level).prop_map(|(name, level)| Step::Says(name, level)),
        4 => (index.clone(), 0..NAMES.len(), any::<bool>())
            .prop_map(|(index, name, up)| Step::Link(index, name, up)),
        2 => index.prop_map(Step::Gone),
        1 => (lines(), lines()).prop_map(|(scripts, links)| Step::Reload(scripts, links)),
    ];
    prop::collection::vec(step, 0..60)
}

fn of_lines(scripts: &[(usize, i32, bool)], links: &[(usize, i32, bool)]) -> VrrpInstance {
    let scripts = scripts.iter();
    let links = links.iter();
    VrrpInstance {
        trackers: scripts
            .map(|(name, weight, reverse)| script(NAMES[*name], *weight, *reverse))
            .collect(),
        tracked_interfaces: links
            .map(|(name, weight, reverse)| tracked_link(NAMES[*name], *weight, *reverse))
            .collect(),
        ..config()
    }
}

proptest! {
    /// Whatever happens in whichever order, nothing is left over: what was kept up equals what is added up anew, and so does the
    /// instance that another router has which learns only how things stand in the end.
    #[test]
    fn what_is_kept_up_is_what_adding_up_anew_gives(scripts in lines(), links in lines(), steps in steps()) {
        let mut bench = Bench::new(|config| *config = of_lines(&scripts, &links));
        for step in steps {
            match step {
                Step::Says(name, level) => drop(bench.event(Event::Tracker {
                    kind: TrackerKind::Script,
                    name: NAMES[name],
                    level,
                })),
                Step::Link(index, name, up) => {
                    bench.event(Event::Interface(&link(index, NAMES[name], up)));
                }
                Step::Gone(index) => drop(bench.event(Event::InterfaceGone { index })),
                Step::Reload(scripts, links) => {
                    let vrrp = Vrrp {
                        instances: vec![of_lines(&scripts, &links)],
                        ..Vrrp::default()
                    };
                    bench.event(Event::Reload { vrrp: &vrrp, log_unknown_vrids: true });
                }
            }
            prop_assert!(bench.router.is_added_up());
        }
        let before = bench.instance();
        let mut anew = Bench::unstarted(|config| *config = before.config().clone());
        anew.event(Event::Interface(&eth0()));
        for index in LINKS..LINKS + 3 {
            if let Some(known) = bench.router.interface(index) {
                let is_named = bench.router.interface_named(&known.name) == Some(known);
                // One that has lost its name to another counts for nobody.
                if is_named {
                    anew.event(Event::Interface(&known.clone()));
                }
            }
        }
        for name in NAMES {
            let (level, _) = bench.router.tracked(&script(name, 0, false));
            anew.event(Event::Tracker { kind: TrackerKind::Script, name, level });
        }
        anew.event(Event::Start);
        let (before, anew) = (bench.instance(), anew.instance());
        prop_assert_eq!(before.effective_priority(), anew.effective_priority());
        let (before, anew) = (before.unfit(), anew.unfit());
        prop_assert_eq!((before.tracked, before.tracker), (anew.tracked, anew.tracker));
    }
}

/// How many shares it takes to do this.
fn cost(act: impl FnOnce()) -> usize {
    let before = WEIGHED.get();
    act();
    WEIGHED.get() - before
}

#[test]
fn one_change_among_ten_thousand_costs_one_look() {
    let names: Vec<String> = (0..MANY).map(|number| format!("n{number}")).collect();
    let weight = |place: usize| if place.is_multiple_of(2) { 0 } else { -1 };
    let mut bench = Bench::unstarted(|config| {
        for (place, name) in names.iter().enumerate() {
            config.trackers.push(script(name, weight(place), false));
            config
                .tracked_interfaces
                .push(tracked_link(name, weight(place), false));
        }
    });
    bench.event(Event::Interface(&eth0()));
    let say = |bench: &mut Bench, name: &str, level| {
        let kind = TrackerKind::Script;
        bench.event(Event::Tracker { kind, name, level });
    };
    let index = |place: usize| LINKS + u32::try_from(place).expect("a number");
    let all = cost(|| {
        for (place, name) in names.iter().enumerate() {
            bench.event(Event::Interface(&link(index(place), name, true)));
            say(&mut bench, name, Level::Up);
        }
    });
    assert_eq!(all, 2 * MANY, "each once");
    let start = cost(|| {
        bench.event(Event::Start);
    });
    assert_eq!(start, 0);
    assert_eq!(bench.state(), State::Backup);
    assert_eq!(bench.instance().effective_priority(), 100);
    for (place, name) in names.iter().enumerate() {
        let there_and_back = cost(|| {
            say(&mut bench, name, Level::Down);
            if weight(place) == 0 {
                let told = bench.told();
                let wanted = format!("(VI_1) entering FAULT state (tracked script {name} failed)");
                assert_eq!(told.first(), Some(&wanted));
            } else {
                assert_eq!(bench.instance().effective_priority(), 99);
            }
            say(&mut bench, name, Level::Up);
            bench.event(Event::Interface(&link(index(place), name, false)));
            let faults = bench.state() == State::Fault;
            assert_eq!(faults, weight(place) == 0, "{name}");
            bench.event(Event::InterfaceGone {
                index: index(place),
            });
            bench.event(Event::Interface(&link(index(place), name, true)));
        });
        assert_eq!(there_and_back, 5, "{name}");
        assert_eq!(bench.state(), State::Backup, "{name}");
        assert_eq!(bench.instance().effective_priority(), 100, "{name}");
    }
}
