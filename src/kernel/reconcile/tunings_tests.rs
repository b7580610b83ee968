//! Settings of links that are not ours: every clause of what is raised, kept and put back.

use super::*;
use crate::kernel::link::Kind;

const LINK: &str = "eth0";

fn nature(is: u32) -> Nature {
    let mut nature = Nature::new(Kind::Other);
    nature.updated(&LinkUpdate {
        settings: vec![(Setting::ArpIgnore, is)],
        ..LinkUpdate::default()
    });
    nature
}

fn arp_ignore(at_least: u32) -> Tuning {
    Tuning {
        setting: Setting::ArpIgnore,
        at_least,
    }
}

/// What is set, if anything.
fn set(tunings: &mut Tunings, is: u32) -> Option<u32> {
    let update = tunings.look(LINK, &nature(is))?;
    match update.settings[..] {
        [(Setting::ArpIgnore, value)] => Some(value),
        _ => panic!("{update:?}"),
    }
}

fn saved(tunings: &mut Tunings) -> Option<Vec<(u32, u32)>> {
    let saved = tunings.take_saved()?;
    Some(
        saved
            .into_iter()
            .map(|(_, saved)| (saved.before, saved.now))
            .collect(),
    )
}

#[test]
fn settings_are_raised_and_put_back() {
    // What it is, the least that is wanted, what is remembered; what is set, and remembered then (`None`: nothing new).
    type Row = (
        u32,
        &'static [u32],
        Option<(u32, u32)>,
        Option<u32>,
        Option<&'static [(u32, u32)]>,
    );
    let rows: [Row; 9] = [
        (0, &[1], None, Some(1), Some(&[(0, 1)])),
        (0, &[1, 2], None, Some(2), Some(&[(0, 2)])),
        (1, &[1], None, None, None),
        (2, &[1], None, None, None),
        (1, &[1], Some((0, 1)), None, None),
        (0, &[1], Some((7, 1)), Some(1), Some(&[(7, 1)])),
        (1, &[], Some((0, 1)), Some(0), Some(&[])),
        (2, &[], Some((0, 1)), None, Some(&[])),
        (0, &[], None, None, None),
    ];
    for (is, least, remembered, wanted, then) in rows {
        let what = format!("is {is}, at least {least:?}, was {remembered:?}");
        let (mut tunings, mut dirty) = (Tunings::default(), BTreeSet::new());
        let remembered = remembered
            .map(|(before, now)| ((LINK.to_owned(), Setting::ArpIgnore), Saved { before, now }));
        tunings.recall(remembered, &mut dirty);
        let least = least
            .iter()
            .map(|least| (LINK.to_owned(), arp_ignore(*least)));
        tunings.want(least, Vec::new(), &mut dirty);
        assert_eq!(set(&mut tunings, is), wanted, "{what}");
        assert_eq!(saved(&mut tunings), then.map(<[_]>::to_vec), "{what}");
    }
}

#[test]
fn what_every_link_needs_counts_beside_its_own() {
    let (mut tunings, mut dirty) = (Tunings::default(), BTreeSet::new());
    assert!(tunings.want([].into_iter(), vec![arp_ignore(1)], &mut dirty));
    assert!(tunings.concerns("any") && dirty.is_empty());
    assert!(!tunings.want(
        [(LINK.to_owned(), arp_ignore(3))].into_iter(),
        vec![arp_ignore(1)],
        &mut dirty
    ));
    assert_eq!(dirty, BTreeSet::from([LINK.to_owned()]));
    assert_eq!(set(&mut tunings, 0), Some(3));
    assert!(tunings.want([].into_iter(), Vec::new(), &mut dirty));
    assert!(
        tunings.concerns(LINK) && !tunings.concerns("any"),
        "it is to be put back"
    );
    assert_eq!(set(&mut tunings, 3), Some(0));
    assert!(!tunings.concerns(LINK));
}

#[test]
fn a_link_that_went_away_leaves_nothing_to_put_back() {
    let (mut tunings, mut dirty) = (Tunings::default(), BTreeSet::new());
    tunings.want(
        [(LINK.to_owned(), arp_ignore(1))].into_iter(),
        Vec::new(),
        &mut dirty,
    );
    assert_eq!(set(&mut tunings, 0), Some(1));
    assert_eq!(saved(&mut tunings), Some(vec![(0, 1)]));
    tunings.forget("other");
    assert_eq!(saved(&mut tunings), None);
    tunings.forget(LINK);
    assert_eq!(saved(&mut tunings), Some(vec![]));
}

#[test]
fn an_announcement_is_made_once_and_names_the_group_that_is() {
    let mut tunings = Tunings::default();
    let mut nature = nature(0);
    nature.group = 5;
    tunings.announce(LINK.to_owned());
    let update = tunings.look(LINK, &nature).expect("an announcement");
    assert_eq!((update.group, update.settings), (Some(5), vec![]));
    assert_eq!(tunings.look(LINK, &nature), None);
}
