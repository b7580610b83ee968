//! Random lives of clusters, each from one number: see `keepalived::sim`. A failure prints its seed; `KEEPALIVED_SEED=n` runs that
//! one alone, `KEEPALIVED_SEEDS=n` as many.

use keepalived::sim::{Tally, run_scenario};

/// Quick enough for every run.
const SEEDS: u64 = 400;
/// What is to be shown occurs in as many of them, at least.
const LIVES: usize = 10;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn one_master_and_no_stray_address_whatever_happens() {
    let seeds = match number("KEEPALIVED_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("KEEPALIVED_SEEDS").unwrap_or(SEEDS),
    };
    let alone = seeds.end - seeds.start == 1;
    let (mut takeovers, mut unicast, mut rivals) = (0, 0, 0);
    let mut tallies = Vec::new();
    for seed in seeds {
        match run_scenario(seed) {
            Ok(outcome) => {
                takeovers += outcome.takeovers;
                unicast += u64::from(outcome.unicast);
                rivals += u64::from(outcome.owners > 1);
                tallies.push(outcome.tally);
            }
            Err(what) => panic!(
                "{what}\nKEEPALIVED_SEED={seed} cargo test --test simulation  shows this again"
            ),
        }
    }
    assert!(
        alone || takeovers > 100,
        "the scenarios are too tame: {takeovers} takeovers"
    );
    assert!(alone || unicast > 10, "{unicast} lives of unicast");
    assert!(alone || rivals > 1, "{rivals} lives of rival owners");
    type Count = fn(&Tally) -> u64;
    let counted: [(&str, Count); 5] = [
        ("groups that moved together", |tally| tally.groups_moved),
        ("adverts heeded for a preempt delay", |tally| {
            tally.held_back
        }),
        ("owners that took over", |tally| tally.owners_took_over),
        ("adverts between masters of which one is deaf", |tally| {
            tally.one_way_rivals
        }),
        ("packets of unicast", |tally| tally.unicast_sent),
    ];
    for (what, of) in counted {
        // In many lives, not often in one.
        let lives = tallies.iter().filter(|tally| of(tally) > 0).count();
        assert!(alone || lives >= LIVES, "{what}: in {lives} lives");
    }
}

#[test]
fn a_seed_means_one_life() {
    assert_eq!(run_scenario(7), run_scenario(7));
}
