//! Lateness: absolute deadlines, and what a process does that slept.

use super::*;

#[test]
fn a_late_advert_does_not_shift_the_next() {
    // (late by, next in)
    for (late, next) in [
        (0, 1000),
        (1, 999),
        (300, 700),
        (999, 1),
        (1000, 1000),
        (1999, 1000),
    ] {
        let mut bench = Bench::master(|_| {});
        bench.wait(SECOND / 2);
        let deadline = bench.now;
        bench.wait(Duration::from_millis(late)).event(Event::Timer {
            key: TimerKey::Advert(0),
            deadline,
        });
        let expected = [
            "advert 100".to_owned(),
            format!("advert in {:?}", Duration::from_millis(next)),
        ];
        assert_eq!(bench.done(), expected, "{late} ms late");
    }
}

#[test]
fn who_slept_listens_before_speaking() {
    let mut bench = Bench::master(|_| {});
    bench.wait(SECOND / 2);
    let deadline = bench.now;
    bench.wait(SECOND * 2).event(Event::Timer {
        key: TimerKey::Advert(0),
        deadline,
    });
    assert_eq!(
        bench.done(),
        ["advert in 1.609375s"],
        "silent for a master down interval: another may be MASTER by now"
    );
    assert_eq!(
        bench.wait(SECOND * 2).timer(TimerKey::Advert(0)).done(),
        ["advert 100", "advert in 1s"],
        "nobody is"
    );

    let mut bench = Bench::new(|_| {});
    let deadline = bench.now;
    bench.wait(SECOND / 5).event(Event::Timer {
        key: TimerKey::MasterDown(0),
        deadline,
    });
    assert_eq!(
        (bench.done(), bench.told().len()),
        (vec!["down in 1.609375s".to_owned()], 1),
        "the advert may be in the socket, or come again: an interval and the skew"
    );
    assert_eq!(
        bench.hear(LOWER, 200).done(),
        ["down in 3.609375s"],
        "it was"
    );

    let mut bench = Bench::new(|_| {});
    let deadline = bench.now;
    bench.wait(SECOND / 20).event(Event::Timer {
        key: TimerKey::MasterDown(0),
        deadline,
    });
    assert_eq!(
        bench.state(),
        State::Master,
        "a little lateness is no sleep"
    );
}

#[test]
fn who_was_suspended_listens_before_speaking() {
    let gap = |bench: &mut Bench, gap: u32| {
        bench.event(Event::StoodStill {
            gap: SECOND * gap / 10,
        });
        bench.done()
    };
    let mut bench = Bench::master(|_| {});
    bench.wait(SECOND / 2);
    assert_eq!(gap(&mut bench, 19), [""; 0], "nobody has taken over");
    assert_eq!(gap(&mut bench, 20), ["advert in 1.609375s"]);
    assert_eq!(bench.told().len(), 1);
    assert_eq!(
        bench.wait(SECOND * 2).timer(TimerKey::Advert(0)).done(),
        ["advert 100", "advert in 1s"],
        "nobody is"
    );

    // Its Master_Down_Timer has hardly begun, or is nearly over: what it did not hear meanwhile may come within an interval.
    for (passed, wait) in [(SECOND / 10, "3.509375s"), (SECOND * 3, "1.609375s")] {
        let mut bench = Bench::new(|_| {});
        bench.hear(LOWER, 200).done();
        bench.wait(passed);
        assert_eq!(
            gap(&mut bench, 1),
            [format!("down in {wait}")],
            "{passed:?}"
        );
    }
    let mut bench = Bench::new(|_| {});
    bench.hear(LOWER, 0).done();
    assert_eq!(gap(&mut bench, 30), ["down in 1.609375s"], "a resignation");
}
