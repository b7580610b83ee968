//! Checks that say what a server weighs. What is compared was seen with 2.2.7.

use super::super::dialogue::Failure;
use super::{Play, server, whole};

fn play() -> Play {
    let script = "MISC_CHECK {\nmisc_path /bin/m\nmisc_dynamic\nretry 0\n}\n";
    let servers =
        server(1, &format!("weight 2\n{script}")) + &server(2, "weight 3\nTCP_CHECK {\n}\n");
    Play::new(&whole("quorum 3", &servers))
}

/// The script ends like this.
fn ends(play: &mut Play, verdict: Result<(), Failure>, weight: Option<u32>) -> Vec<String> {
    let due = play.due.remove(&0).expect("it is due");
    play.now = play.now.max(due);
    play.director.due(super::CheckId(0), due);
    play.says(0, verdict, weight)
}

#[test]
fn weights_follow_the_script() {
    let mut play = play();
    let weight = |play: &mut Play, weight| ends(play, Ok(()), Some(weight));
    assert_eq!(
        weight(&mut play, 5),
        [
            "# Changing weight from 2 to 5 for active service [10.0.0.1]:tcp:80 of VS [10.9.9.9]:tcp:80",
            "10.0.0.1=5",
            "# Misc check for [[10.0.0.1]:tcp:80 VS [10.9.9.9]:tcp:80] by [/bin/m] succeeded.",
        ]
    );
    assert_eq!(
        weight(&mut play, 0),
        [
            "# Changing weight from 5 to 0 for active service [10.0.0.1]:tcp:80 of VS [10.9.9.9]:tcp:80",
            "10.0.0.1=0"
        ]
    );
    let failure = Err(Failure::Unexpected("exited with status 1".into()));
    assert_eq!(
        ends(&mut play, failure.clone(), None),
        [
            "# Changing weight from 0 to 2 for active service [10.0.0.1]:tcp:80 of VS [10.9.9.9]:tcp:80",
            "10.0.0.1=2",
            "# Misc check for [[10.0.0.1]:tcp:80 VS [10.9.9.9]:tcp:80] by [/bin/m] failed (exited with status 1).",
            "# Removing service [10.0.0.1]:tcp:80 from VS [10.9.9.9]:tcp:80",
            "10.0.0.1-",
            "RS [10.0.0.1]:tcp:80 [10.9.9.9]:tcp:80 DOWN",
            "/bin/down 1",
        ]
    );
    assert_eq!(
        weight(&mut play, 253)[..5],
        [
            "# Changing weight from 2 to 253 for inactive service [10.0.0.1]:tcp:80 of VS [10.9.9.9]:tcp:80",
            "# Misc check for [[10.0.0.1]:tcp:80 VS [10.9.9.9]:tcp:80] by [/bin/m] succeeded.",
            "# Adding service [10.0.0.1]:tcp:80 to VS [10.9.9.9]:tcp:80",
            "10.0.0.1=253",
            "RS [10.0.0.1]:tcp:80 [10.9.9.9]:tcp:80 UP",
        ]
    );
    assert_eq!(
        ends(&mut play, Err(Failure::NoAnswer), None)[2],
        "# Misc check for [[10.0.0.1]:tcp:80 VS [10.9.9.9]:tcp:80] by [/bin/m] timed out."
    );
}

#[test]
fn a_weight_may_cost_the_quorum() {
    let mut play = play();
    play.ends(1, false);
    assert!(
        play.done
            .contains(&"# Lost quorum 3-0=3 > 2 for VS [10.9.9.9]:tcp:80".to_owned())
    );
    let log = ends(&mut play, Ok(()), Some(9));
    assert!(
        log.contains(&"# Gained quorum 3+0=3 <= 9 for VS [10.9.9.9]:tcp:80".to_owned()),
        "{log:?}"
    );
}
